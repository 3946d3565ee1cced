"""RTP packets: bytes, errors, round trips."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.errors import RtpError
from ivr.transport.rtp.packet import RtpPacket, build, is_rtcp, parse, serialise

PLAIN = bytes.fromhex("80 00 15 73 20 0a d3 5c 0f 12 45 67 ff fe 7e")
# version 2, padding, extension, 2 CSRCs; marker, type 96; extension of one word; 2 payload bytes; 2 bytes of padding
FULL = bytes.fromhex("b2 e0 00 01 00 00 00 02 00 00 00 03 00 00 00 0a 00 00 00 0b be de 00 01 10 ff 00 00 c0 de 00 02")

packets = st.builds(
    RtpPacket,
    payload_type=st.integers(0, 127),
    sequence=st.integers(0, 0xFFFF),
    timestamp=st.integers(0, 0xFFFFFFFF),
    ssrc=st.integers(0, 0xFFFFFFFF),
    payload=st.binary(max_size=400),
    marker=st.booleans(),
    csrcs=st.lists(st.integers(0, 0xFFFFFFFF), max_size=15).map(tuple),
    extension=st.none()
    | st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=40).map(lambda data: data[: len(data) // 4 * 4])),
    padding=st.integers(0, 255),
)


def test_plain_packet() -> None:
    assert parse(PLAIN) == RtpPacket(0, 0x1573, 0x200AD35C, 0x0F124567, b"\xff\xfe\x7e")


def test_packet_with_everything() -> None:
    packet = parse(FULL)
    assert packet == RtpPacket(
        96, 1, 2, 3, b"\xc0\xde", True, csrcs=(10, 11), extension=(0xBEDE, b"\x10\xff\0\0"), padding=2
    )
    assert serialise(packet) == FULL


def test_build_is_serialise_without_checks() -> None:
    for marker in (False, True):
        assert build(8, 65_535, 1, 2, b"abc", marker) == serialise(RtpPacket(8, 65_535, 1, 2, b"abc", marker))


@given(packets)
def test_parse_gives_back_what_was_serialised(packet: RtpPacket) -> None:
    assert parse(serialise(packet)) == packet


@given(st.binary(max_size=80))
def test_any_bytes_parse_or_raise_rtp_error(data: bytes) -> None:
    try:
        packet = parse(data)
    except RtpError:
        return
    assert parse(serialise(packet)).payload == packet.payload


TRUNCATIONS = {
    **{size: f"RTP packet of {size} bytes is shorter than its header of 12" for size in range(12)},
    **{size: f"RTP packet of {size} bytes is cut inside its 2 CSRCs" for size in range(12, 20)},
    **{size: f"RTP packet of {size} bytes is cut inside its extension's header" for size in range(20, 24)},
    **{size: f"RTP extension of 4 bytes is cut after {size - 24}" for size in range(24, 28)},
    28: "RTP packet says it is padded but is empty",
    29: "RTP padding of 192 bytes does not fit 1 bytes of payload",
    30: "RTP padding of 222 bytes does not fit 2 bytes of payload",
    31: "RTP padding of 0 bytes does not fit 3 bytes of payload",
}


@pytest.mark.parametrize("size", range(len(FULL)))
def test_every_truncation_is_named(size: int) -> None:
    with pytest.raises(RtpError) as error:
        parse(FULL[:size])
    assert str(error.value) == TRUNCATIONS[size]


@pytest.mark.parametrize("version", [0, 1, 3])
def test_other_versions_are_refused(version: int) -> None:
    with pytest.raises(RtpError, match=f"^RTP version is {version}, not 2$"):
        parse(bytes([version << 6]) + PLAIN[1:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"payload_type": 128}, "RTP payload_type 128 does not fit 7 bits"),
        ({"sequence": 65_536}, "RTP sequence 65536 does not fit 16 bits"),
        ({"timestamp": -1}, "RTP timestamp -1 does not fit 32 bits"),
        ({"ssrc": 1 << 32}, "RTP ssrc 4294967296 does not fit 32 bits"),
        ({"padding": 256}, "RTP padding 256 does not fit 8 bits"),
        ({"csrcs": tuple(range(16))}, "RTP packet has 16 CSRCs, at most 15 fit"),
        ({"extension": (0, b"abc")}, "RTP extension of 3 bytes is not whole 32 bit words"),
    ],
)
def test_serialise_refuses_what_does_not_fit(change: dict[str, object], message: str) -> None:
    packet = RtpPacket(0, 0, 0, 0, b"")._replace(**change)  # type: ignore[arg-type]
    with pytest.raises(RtpError) as error:
        serialise(packet)
    assert str(error.value) == message


def test_rtcp_is_known_by_its_packet_type() -> None:
    assert is_rtcp(bytes([0x80, 200]))
    assert not is_rtcp(PLAIN)
    assert not is_rtcp(b"\x80")
