"""Keys by RFC 4733, received and sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.errors import RtpError
from ivr.transport.base import Digit
from ivr.transport.rtp.dtmf4733 import DtmfReceiver, DtmfSender, TelephoneEvent, build_event, parse_event

FRAME = 160


def event(code: int, duration: int, end: bool = False) -> bytes:
    return build_event(TelephoneEvent(code, end, 10, duration))


def test_payload_bytes() -> None:
    assert event(11, 800, end=True) == bytes.fromhex("0b8a0320")
    assert parse_event(bytes.fromhex("0b8a0320")) == TelephoneEvent(11, True, 10, 800)


@pytest.mark.parametrize("size", range(4))
def test_truncated_payload_is_named(size: int) -> None:
    with pytest.raises(RtpError, match=f"^telephone-event of {size} bytes is shorter than 4$"):
        parse_event(event(1, 160)[:size])


def test_key_counts_from_its_first_packet_and_tells_its_length_at_the_end() -> None:
    keys = DtmfReceiver()
    seen = [keys.receive(9, 1000, event(5, n * FRAME), n * FRAME) for n in (1, 1, 1, 2, 3, 4)]
    assert seen == [Digit("5", 20, "rfc4733"), None, None, None, None, None]
    assert not keys.ended
    assert [keys.receive(9, 1000, event(5, 800, end=True), 900) for _ in range(3)] == [None] * 3
    assert list(keys.ended) == [Digit("5", 100, "rfc4733")]


@pytest.mark.parametrize("lost", range(8))
def test_any_one_packet_is_enough(lost: int) -> None:
    """Of eight packets all but one are lost, the end ones too."""
    packets = [event(3, min(n, 5) * FRAME, end=n > 4) for n in range(8)]
    keys = DtmfReceiver()
    assert keys.receive(1, 50, packets[lost], 0) is not None


def test_same_key_twice_is_two_presses() -> None:
    keys = DtmfReceiver()
    for timestamp in (0, 2000):
        assert keys.receive(1, timestamp, event(7, 160), timestamp) is not None
        keys.receive(1, timestamp, event(7, 800, end=True), timestamp + 800)
    assert len(keys.ended) == 2


def test_end_of_one_key_after_the_start_of_the_next() -> None:
    keys = DtmfReceiver()
    assert keys.receive(1, 0, event(1, 160), 0) is not None
    assert keys.receive(1, 1600, event(2, 160), 1600) is not None
    assert keys.receive(1, 0, event(1, 800, end=True), 1610) is None
    assert [digit.digit for digit in keys.ended] == ["1"]


def test_captured_press_played_twice_is_two_presses() -> None:
    """A scripted caller sends the same packets, timestamps included, a second later."""
    keys = DtmfReceiver()
    digits = []
    for begin in (0, 8000):
        for n, end in ((1, False), (2, False), (3, True), (3, True)):
            digits.append(keys.receive(1, 42, event(4, n * FRAME, end), begin + n * FRAME))
    assert sum(digit is not None for digit in digits) == 2
    assert len(keys.ended) == 2


def test_long_press_goes_on_under_the_next_timestamp() -> None:
    keys = DtmfReceiver()
    assert keys.receive(1, 100, event(0, 160), 0) is not None
    keys.receive(1, 100, event(0, 65_535), 65_535)
    assert keys.receive(1, (100 + 65_535) & 0xFFFFFFFF, event(0, 160), 65_700) is None
    keys.receive(1, (100 + 65_535) & 0xFFFFFFFF, event(0, 8065, end=True), 73_600)
    assert list(keys.ended) == [Digit("0", 9200, "rfc4733")]


def test_other_events_are_no_keys() -> None:
    assert DtmfReceiver().receive(1, 1, event(16, 160), 0) is None


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3000), st.binary(max_size=6))))
def test_any_payloads_give_keys_or_rtp_error(packets: list[tuple[int, int, bytes]]) -> None:
    keys = DtmfReceiver()
    for arrival, (ssrc, timestamp, payload) in enumerate(packets):
        try:
            digit = keys.receive(ssrc, timestamp, payload, arrival)
        except RtpError:
            assert len(payload) < 4
            continue
        assert digit is None or digit.digit in "0123456789*#ABCD"


def test_sent_key_has_three_starts_updates_and_three_ends() -> None:
    sender = DtmfSender()
    sender.queue("9")
    ticks = []
    timestamp = 5000
    while sender.busy:
        ticks.append(sender.next(timestamp))
        timestamp += FRAME
    packets = [packet for tick in ticks for packet in tick]
    events = [parse_event(packet.payload) for packet in packets]
    assert {packet.timestamp for packet in packets} == {5000}
    assert [packet.marker for packet in packets] == [True] + [False] * 8
    assert [item.duration for item in events] == [160, 160, 160, 320, 480, 640, 800, 800, 800]
    assert [item.end for item in events] == [False] * 6 + [True] * 3
    assert [len(tick) for tick in ticks] == [3, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0]


def test_sender_refuses_what_is_no_key() -> None:
    with pytest.raises(RtpError, match=r"^'x' is no key; keys are 0123456789\*#ABCD$"):
        DtmfSender().queue("12x")


@given(st.text("0123456789*#ABCDabcd", max_size=12), st.sets(st.integers(0, 200)))
def test_what_is_sent_is_received_over_a_lossy_line(digits: str, lost: set[int]) -> None:
    """At most every third packet is lost, so no press is lost whole."""
    sender, receiver = DtmfSender(), DtmfReceiver()
    sender.queue(digits)
    got, timestamp, count = "", 0, 0
    while sender.busy:
        for packet in sender.next(timestamp):
            count += 1
            if count % 3 == 0 and count in lost:
                continue
            digit = receiver.receive(1, packet.timestamp, packet.payload, timestamp)
            got += digit.digit if digit else ""
        timestamp += FRAME
    assert got == digits.upper()
    assert [digit.duration_ms for digit in receiver.ended] == [100] * len(digits)
