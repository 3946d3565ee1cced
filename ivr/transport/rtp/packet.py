"""RTP packets (RFC 3550, section 5.1)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from ivr.errors import RtpError

HEADER_BYTES = 12
VERSION = 2
_HEADER = struct.Struct("!BBHII")
_EXTENSION = struct.Struct("!HH")
_VERSION_BITS = VERSION << 6
_PADDING_BIT, _EXTENSION_BIT = 0x20, 0x10
_MAX_CSRCS = 15


class RtpPacket(NamedTuple):
    """One packet; numbers as on the wire, all wrapping around at their width."""

    payload_type: int
    """0..127."""
    sequence: int
    """16 bits."""
    timestamp: int
    """32 bits, in units of the payload's RTP clock."""
    ssrc: int
    """32 bits."""
    payload: bytes
    marker: bool = False
    csrcs: tuple[int, ...] = ()
    """At most 15 contributing sources."""
    extension: tuple[int, bytes] | None = None
    """Profile's 16 bits and the data, whole 32 bit words."""
    padding: int = 0
    """Bytes of padding behind the payload, the count byte included; 0 for none, at most 255."""


def parse(data: bytes) -> RtpPacket:
    """Read one datagram. Raises RtpError that names what is wrong."""
    if len(data) < HEADER_BYTES:
        raise RtpError(f"RTP packet of {len(data)} bytes is shorter than its header of {HEADER_BYTES}")
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first == _VERSION_BITS:  # nearly every packet: no padding, extension or CSRC
        return RtpPacket(second & 0x7F, sequence, timestamp, ssrc, data[HEADER_BYTES:], second > 0x7F)
    if first >> 6 != VERSION:
        raise RtpError(f"RTP version is {first >> 6}, not {VERSION}")
    start = HEADER_BYTES + 4 * (first & 0x0F)
    if start > len(data):
        raise RtpError(f"RTP packet of {len(data)} bytes is cut inside its {first & 0x0F} CSRCs")
    csrcs = struct.unpack_from(f"!{first & 0x0F}I", data, HEADER_BYTES)
    extension = None
    if first & _EXTENSION_BIT:
        extension, start = _parse_extension(data, start)
    padding = _padding(data, start) if first & _PADDING_BIT else 0
    payload = data[start : len(data) - padding]
    return RtpPacket(second & 0x7F, sequence, timestamp, ssrc, payload, second > 0x7F, csrcs, extension, padding)


def _parse_extension(data: bytes, start: int) -> tuple[tuple[int, bytes], int]:
    """The header extension at `start` (section 5.3.1), and where it ends."""
    if start + _EXTENSION.size > len(data):
        raise RtpError(f"RTP packet of {len(data)} bytes is cut inside its extension's header")
    profile, words = _EXTENSION.unpack_from(data, start)
    start += _EXTENSION.size
    end = start + 4 * words
    if end > len(data):
        raise RtpError(f"RTP extension of {4 * words} bytes is cut after {len(data) - start}")
    return (profile, data[start:end]), end


def _padding(data: bytes, start: int) -> int:
    if start == len(data):
        raise RtpError("RTP packet says it is padded but is empty")
    padding = data[-1]
    if not 1 <= padding <= len(data) - start:
        raise RtpError(f"RTP padding of {padding} bytes does not fit {len(data) - start} bytes of payload")
    return padding


def serialise(packet: RtpPacket) -> bytes:
    """The datagram. Raises RtpError for a field that does not fit its place."""
    _check(packet)
    first = _VERSION_BITS | len(packet.csrcs)
    if packet.padding:
        first |= _PADDING_BIT
    if packet.extension is not None:
        first |= _EXTENSION_BIT
    second = packet.payload_type | (0x80 if packet.marker else 0)
    parts = [_HEADER.pack(first, second, packet.sequence, packet.timestamp, packet.ssrc)]
    parts.append(struct.pack(f"!{len(packet.csrcs)}I", *packet.csrcs))
    if packet.extension is not None:
        profile, words = packet.extension
        parts += [_EXTENSION.pack(profile, len(words) // 4), words]
    parts.append(packet.payload)
    if packet.padding:
        parts.append(bytes(packet.padding - 1) + bytes([packet.padding]))
    return b"".join(parts)


def _check(packet: RtpPacket) -> None:
    limits = {"payload_type": 7, "sequence": 16, "timestamp": 32, "ssrc": 32, "padding": 8}
    for name, bits in limits.items():
        value = getattr(packet, name)
        if not 0 <= value < 1 << bits:
            raise RtpError(f"RTP {name} {value} does not fit {bits} bits")
    if len(packet.csrcs) > _MAX_CSRCS:
        raise RtpError(f"RTP packet has {len(packet.csrcs)} CSRCs, at most {_MAX_CSRCS} fit")
    if packet.extension is not None and len(packet.extension[1]) % 4:
        raise RtpError(f"RTP extension of {len(packet.extension[1])} bytes is not whole 32 bit words")


def build(payload_type: int, sequence: int, timestamp: int, ssrc: int, payload: bytes, marker: bool = False) -> bytes:
    """A plain packet, unchecked: what the send path makes 50 times a second for each call."""
    second = payload_type | 0x80 if marker else payload_type
    return _HEADER.pack(_VERSION_BITS, second, sequence, timestamp, ssrc) + payload


def is_rtcp(data: bytes) -> bool:
    """Whether a datagram on a shared port is RTCP: packet types 192..223 (RFC 5761, section 4)."""
    return len(data) > 1 and 192 <= data[1] <= 223
