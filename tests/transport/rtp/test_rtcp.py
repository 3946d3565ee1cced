"""RTCP: bytes, errors, and the figures of RFC 3550's appendices."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.errors import RtpError
from ivr.transport.rtp.reports import Reporter
from ivr.transport.rtp.rtcp import (
    Goodbye,
    OtherReport,
    ReceiverReport,
    ReceptionStats,
    Report,
    ReportBlock,
    SenderReport,
    SourceDescription,
    build_compound,
    middle,
    ntp_time,
    parse_compound,
    round_trip_ms,
)

word = st.integers(0, 0xFFFFFFFF)
block = st.builds(ReportBlock, word, st.integers(0, 255), st.integers(-0x800000, 0x7FFFFF), word, word, word, word)
blocks = st.lists(block, max_size=3).map(tuple)
text = st.text(max_size=60).filter(lambda value: len(value.encode()) <= 255)
chunk = st.tuples(word, st.lists(st.tuples(st.integers(1, 8), text), max_size=3).map(tuple))
report: st.SearchStrategy[Report] = st.one_of(
    st.builds(SenderReport, word, st.integers(0, (1 << 64) - 1), word, word, word, blocks),
    st.builds(ReceiverReport, word, blocks),
    st.builds(SourceDescription, st.lists(chunk, max_size=3).map(tuple)),
    st.builds(Goodbye, st.lists(word, max_size=3).map(tuple), text),
    st.builds(OtherReport, st.sampled_from([204, 205, 206, 207]), st.binary(max_size=5).map(lambda data: data * 4)),
)

SR = SenderReport(
    0x01020304,
    0xE1000000_80000000,
    160,
    10,
    1600,
    (ReportBlock(0x0A0B0C0D, 64, -2, 0x00010005, 12, 0x00008000, 65_536),),
)
SR_BYTES = bytes.fromhex(
    "81c8000c 01020304 e1000000 80000000 000000a0 0000000a 00000640"
    "0a0b0c0d 40fffffe 00010005 0000000c 00008000 00010000"
)


def test_sender_report_bytes() -> None:
    assert build_compound([SR]) == SR_BYTES
    assert parse_compound(SR_BYTES) == [SR]


def test_source_description_is_filled_to_words() -> None:
    data = build_compound([SourceDescription(((7, ((1, "a@b"),)),))])
    assert data == bytes.fromhex("81ca0003 00000007 0103") + b"a@b" + bytes(3)
    assert parse_compound(data) == [SourceDescription(((7, ((1, "a@b"),)),))]


@given(st.lists(report, min_size=1, max_size=4))
def test_parse_gives_back_what_was_built(reports: list[Report]) -> None:
    assert parse_compound(build_compound(reports)) == reports


@given(st.binary(max_size=120))
def test_any_bytes_parse_or_raise_rtp_error(data: bytes) -> None:
    try:
        parse_compound(data)
    except RtpError as error:
        assert str(error).startswith("RTCP")


@given(st.binary(max_size=60), st.integers(0, 31), st.sampled_from([200, 201, 202, 203]))
def test_any_body_parses_or_raises_rtp_error(body: bytes, count: int, packet_type: int) -> None:
    body = body[: len(body) // 4 * 4]
    try:
        parse_compound(bytes([0x80 | count, packet_type, 0, len(body) // 4]) + body)
    except RtpError as error:
        assert str(error).startswith("RTCP")


@pytest.mark.parametrize("size", range(1, len(SR_BYTES)))
def test_every_truncation_is_named(size: int) -> None:
    with pytest.raises(RtpError) as error:
        parse_compound(SR_BYTES[:size])
    expected = (
        "RTCP packet at byte 0 is cut inside its header"
        if size < 4
        else f"RTCP packet at byte 0 says 52 bytes, {size} are left"
    )
    assert str(error.value) == expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "RTCP datagram is empty"),
        ("41c90001 00000001", "RTCP version at byte 0 is 1, not 2"),
        ("80c80001 00000001", "RTCP SR of 4 bytes is cut, 24 are needed"),
        ("80c90000", "RTCP RR of 0 bytes is cut, 4 are needed"),
        ("81c90001 00000001", "RTCP RR with 1 report blocks of 0 bytes is cut, 24 are needed"),
        ("81ca0000", "RTCP SDES is cut inside a chunk's SSRC"),
        ("81ca0002 00000001 01ff6162", "RTCP SDES item is cut"),
        ("81ca0002 00000001 01026162", "RTCP SDES chunk has no end"),
        ("82cb0001 00000001", "RTCP BYE with 2 sources of 4 bytes is cut, 8 are needed"),
        ("81cb0002 00000001 09616263", "RTCP BYE reason of 9 bytes is cut after 3"),
        ("a0c90001 00000009", "RTCP padding of 9 bytes at byte 0 does not fit 4 bytes"),
    ],
)
def test_errors_name_what_is_wrong(data: str, message: str) -> None:
    with pytest.raises(RtpError) as error:
        parse_compound(bytes.fromhex(data))
    assert str(error.value) == message


def test_padding_of_the_last_packet_is_cut_off() -> None:
    data = bytes.fromhex("a0c90002 00000001 00000004")
    assert parse_compound(data) == [ReceiverReport(1)]


def test_build_refuses_what_does_not_fit() -> None:
    with pytest.raises(RtpError, match=r"^RTCP packet type 203 with 32 parts, at most 31 fit$"):
        build_compound([Goodbye(tuple(range(32)))])
    with pytest.raises(RtpError, match=r"^RTCP text of 256 bytes, at most 255 fit$"):
        build_compound([Goodbye((1,), "x" * 256)])


# -- figures -----------------------------------------------------------------------------------------------------------


def test_round_trip_of_the_rfc_example() -> None:
    """RFC 3550, figure 2: 6.125 s."""
    block = ReportBlock(1, 0, 0, 0, 0, last_sr=0xB7052000, delay_since_last_sr=0x00054000)
    assert round_trip_ms(0xB7108000 << 16, block) == pytest.approx(6125)


def test_round_trip_is_unknown_without_a_report_and_never_below_zero() -> None:
    assert round_trip_ms(5 << 16, ReportBlock(1, 0, 0, 0, 0)) is None
    assert round_trip_ms(5 << 16, ReportBlock(1, 0, 0, 0, 0, last_sr=9)) == 0.0


def test_ntp_time_counts_from_1900() -> None:
    assert ntp_time(0.5) == (2_208_988_800 << 32) + (1 << 31)
    assert middle(0x1111_2222_3333_4444) == 0x2222_3333


def test_loss_counts_from_report_to_report() -> None:
    stats = ReceptionStats()
    for sequence in (0, 1, 3):  # 2 is lost
        stats.add(sequence, 0)
    first = stats.block(9, 0, 0)
    assert (first.fraction_lost, first.lost, first.highest_sequence) == (64, 1, 3)
    for sequence in (4, 5):
        stats.add(sequence, 0)
    second = stats.block(9, 0, 0)
    assert (second.fraction_lost, second.lost) == (0, 1)


def test_sequence_numbers_wrap_around() -> None:
    stats = ReceptionStats()
    for sequence in (65_534, 65_535, 0, 1):
        stats.add(sequence, 0)
    assert (stats.expected, stats.lost) == (4, 0)
    assert stats.block(9, 0, 0).highest_sequence == 0x10001


def test_duplicates_make_the_loss_negative() -> None:
    stats = ReceptionStats()
    for sequence in (1, 1, 1):
        stats.add(sequence, 0)
    assert stats.lost == -2
    assert stats.block(9, 0, 0).fraction_lost == 0


def test_reordered_packets_are_no_loss() -> None:
    stats = ReceptionStats()
    for sequence in (5, 7, 6, 8):
        stats.add(sequence, 0)
    assert stats.lost == 0


def test_a_source_that_begins_anew_is_counted_anew() -> None:
    stats = ReceptionStats()
    stats.add(10, 0)
    stats.add(30_000, 0)
    stats.add(30_001, 0)
    assert (stats.expected, stats.lost) == (2, 0)


def test_jitter_is_the_smoothed_change_of_transit() -> None:
    stats = ReceptionStats()
    stats.add(0, 0xFFFFFFFF)
    stats.add(1, 31)  # 32 ticks later than the first, across the wrap
    assert stats.jitter == 2
    stats.add(2, 31)
    assert stats.jitter == 1


# -- two ends ----------------------------------------------------------------------------------------------------------


def test_two_reporters_measure_the_round_trip() -> None:
    ours, theirs = Reporter(1, "a@x"), Reporter(2, "b@x")
    begin = ntp_time(1_000_000)
    ms = (1 << 32) // 1000
    got = ReceptionStats()
    got.add(0, 0)
    theirs.receive(ours.report(begin, 0, 5, 800, 2, got), begin + 30 * ms)
    ours.receive(theirs.report(begin + 130 * ms, 0, 5, 800, 1, got), begin + 170 * ms)
    assert ours.peer.rtt_ms == pytest.approx(70, abs=0.1)
    assert ours.peer.reports == 1
    assert not ours.peer.said_goodbye
    ours.receive(theirs.goodbye(), begin + 200 * ms)
    assert ours.peer.said_goodbye


def test_only_a_sender_sends_sender_reports() -> None:
    reporter = Reporter(1, "a@x")
    kinds = [
        type(parse_compound(reporter.report(0, 0, packets, 0, -1, ReceptionStats()))[0]) for packets in (0, 3, 3, 4)
    ]
    assert kinds == [ReceiverReport, SenderReport, ReceiverReport, SenderReport]


def test_blocks_about_others_are_not_ours() -> None:
    reporter = Reporter(1, "a@x")
    reporter.receive(build_compound([ReceiverReport(2, (ReportBlock(77, 128, 9, 0, 800),))]), 0)
    assert reporter.peer.lost == 0
    reporter.receive(build_compound([ReceiverReport(2, (ReportBlock(1, 128, 9, 0, 800),))]), 0)
    assert (reporter.peer.fraction_lost, reporter.peer.lost, reporter.peer.jitter_ms) == (0.5, 9, 100.0)
