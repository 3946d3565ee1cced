"""RTCP (RFC 3550, section 6): sender and receiver reports, SDES, BYE; and the figures that go into a report
(appendices A.1, A.3 and A.8)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ivr.errors import RtpError

SR, RR, SDES, BYE = 200, 201, 202, 203
CNAME = 1
_VERSION = 2
_HEADER = struct.Struct("!BBH")
_SENDER = struct.Struct("!IQIII")
_BLOCK = struct.Struct("!IIIIII")
_SSRC = struct.Struct("!I")
_NTP_EPOCH = 2_208_988_800
"""Seconds from 1900 to 1970."""
_MAX_COUNT = 31


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What one receiver got of one source."""

    ssrc: int
    fraction_lost: int
    """Lost since the last report, in 1/256."""
    lost: int
    """Lost since the beginning; 24 bits with sign, as duplicates count as received."""
    highest_sequence: int
    """Extended: cycles in the upper 16 bits."""
    jitter: int
    """Interarrival jitter in ticks of the RTP clock."""
    last_sr: int = 0
    """Middle 32 bits of the NTP time in the last sender report; 0 if there was none."""
    delay_since_last_sr: int = 0
    """In 1/65536 s."""


@dataclass(frozen=True, slots=True)
class SenderReport:
    """SR: the sender's clocks and counts, and what it received."""

    ssrc: int
    ntp: int
    """64 bit NTP time."""
    timestamp: int
    packets: int
    octets: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """RR: as SR, of a participant that sent nothing."""

    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """SDES: chunks of (SSRC, items of (type, text))."""

    chunks: tuple[tuple[int, tuple[tuple[int, str], ...]], ...]


@dataclass(frozen=True, slots=True)
class Goodbye:
    """BYE."""

    ssrcs: tuple[int, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OtherReport:
    """APP, feedback, extended reports: kept but not read."""

    packet_type: int
    body: bytes


Report: TypeAlias = SenderReport | ReceiverReport | SourceDescription | Goodbye | OtherReport


# -- reading -----------------------------------------------------------------------------------------------------------


def parse_compound(data: bytes) -> list[Report]:
    """The packets of one datagram. Raises RtpError that names what is wrong (checks of appendix A.2)."""
    reports: list[Report] = []
    at = 0
    while at < len(data):
        if at + _HEADER.size > len(data):
            raise RtpError(f"RTCP packet at byte {at} is cut inside its header")
        first, packet_type, words = _HEADER.unpack_from(data, at)
        if first >> 6 != _VERSION:
            raise RtpError(f"RTCP version at byte {at} is {first >> 6}, not {_VERSION}")
        end = at + 4 * (words + 1)
        if end > len(data):
            raise RtpError(f"RTCP packet at byte {at} says {end - at} bytes, {len(data) - at} are left")
        body = data[at + _HEADER.size : end]
        if first & 0x20:
            body = _unpadded(body, at)
        reports.append(_parse_one(packet_type, first & 0x1F, body))
        at = end
    if not reports:
        raise RtpError("RTCP datagram is empty")
    return reports


def _unpadded(body: bytes, at: int) -> bytes:
    padding = body[-1] if body else 0
    if not 1 <= padding <= len(body):
        raise RtpError(f"RTCP padding of {padding} bytes at byte {at} does not fit {len(body)} bytes")
    return body[:-padding]


def _parse_one(packet_type: int, count: int, body: bytes) -> Report:
    if packet_type == SR:
        _need(body, _SENDER.size, "SR")
        ssrc, ntp, timestamp, packets, octets = _SENDER.unpack_from(body)
        blocks = _parse_blocks(body[_SENDER.size :], count, "SR")
        return SenderReport(ssrc, ntp, timestamp, packets, octets, blocks)
    if packet_type == RR:
        _need(body, _SSRC.size, "RR")
        (ssrc,) = _SSRC.unpack_from(body)
        return ReceiverReport(ssrc, _parse_blocks(body[_SSRC.size :], count, "RR"))
    if packet_type == SDES:
        return _parse_sdes(body, count)
    if packet_type == BYE:
        return _parse_bye(body, count)
    return OtherReport(packet_type, body)


def _need(body: bytes, size: int, name: str) -> None:
    if len(body) < size:
        raise RtpError(f"RTCP {name} of {len(body)} bytes is cut, {size} are needed")


def _parse_blocks(body: bytes, count: int, name: str) -> tuple[ReportBlock, ...]:
    _need(body, count * _BLOCK.size, f"{name} with {count} report blocks")
    blocks = []
    for index in range(count):
        ssrc, loss, highest, jitter, last_sr, delay = _BLOCK.unpack_from(body, index * _BLOCK.size)
        lost = loss & 0xFFFFFF
        lost -= (lost & 0x800000) << 1
        blocks.append(ReportBlock(ssrc, loss >> 24, lost, highest, jitter, last_sr, delay))
    return tuple(blocks)


def _parse_sdes(body: bytes, count: int) -> SourceDescription:
    chunks = []
    at = 0
    for _ in range(count):
        if at + _SSRC.size > len(body):
            raise RtpError("RTCP SDES is cut inside a chunk's SSRC")
        (ssrc,) = _SSRC.unpack_from(body, at)
        items, at = _parse_items(body, at + _SSRC.size)
        chunks.append((ssrc, items))
    return SourceDescription(tuple(chunks))


def _parse_items(body: bytes, at: int) -> tuple[tuple[tuple[int, str], ...], int]:
    """A chunk's items (section 6.5), ended by a zero and filled to 32 bits; and where the next chunk begins."""
    items = []
    while at < len(body) and body[at]:
        if at + 2 > len(body) or at + 2 + body[at + 1] > len(body):
            raise RtpError("RTCP SDES item is cut")
        text = body[at + 2 : at + 2 + body[at + 1]]
        items.append((body[at], text.decode("utf-8", "replace")))
        at += 2 + len(text)
    if at >= len(body):
        raise RtpError("RTCP SDES chunk has no end")
    return tuple(items), (at // 4 + 1) * 4


def _parse_bye(body: bytes, count: int) -> Goodbye:
    _need(body, 4 * count, f"BYE with {count} sources")
    ssrcs = struct.unpack_from(f"!{count}I", body)
    rest = body[4 * count :]
    if not rest:
        return Goodbye(ssrcs)
    if 1 + rest[0] > len(rest):
        raise RtpError(f"RTCP BYE reason of {rest[0]} bytes is cut after {len(rest) - 1}")
    return Goodbye(ssrcs, rest[1 : 1 + rest[0]].decode("utf-8", "replace"))


# -- writing -----------------------------------------------------------------------------------------------------------


def build_compound(reports: Sequence[Report]) -> bytes:
    """The datagram. Raises RtpError for what does not fit."""
    return b"".join(_build_one(report) for report in reports)


def _build_one(report: Report) -> bytes:
    match report:
        case SenderReport():
            body = _SENDER.pack(report.ssrc, report.ntp, report.timestamp, report.packets, report.octets)
            return _packet(SR, len(report.blocks), body + _build_blocks(report.blocks))
        case ReceiverReport():
            return _packet(RR, len(report.blocks), _SSRC.pack(report.ssrc) + _build_blocks(report.blocks))
        case SourceDescription():
            return _packet(SDES, len(report.chunks), b"".join(_build_chunk(*chunk) for chunk in report.chunks))
        case Goodbye():
            reason = _text(report.reason)
            body = struct.pack(f"!{len(report.ssrcs)}I", *report.ssrcs)
            return _packet(BYE, len(report.ssrcs), body + (_filled(reason) if report.reason else b""))
        case OtherReport():
            return _packet(report.packet_type, 0, report.body)


def _packet(packet_type: int, count: int, body: bytes) -> bytes:
    if count > _MAX_COUNT:
        raise RtpError(f"RTCP packet type {packet_type} with {count} parts, at most {_MAX_COUNT} fit")
    return _HEADER.pack(_VERSION << 6 | count, packet_type, len(body) // 4) + body


def _build_blocks(blocks: Sequence[ReportBlock]) -> bytes:
    return b"".join(
        _BLOCK.pack(
            block.ssrc,
            block.fraction_lost << 24 | (block.lost & 0xFFFFFF),
            block.highest_sequence,
            block.jitter,
            block.last_sr,
            block.delay_since_last_sr,
        )
        for block in blocks
    )


def _build_chunk(ssrc: int, items: Sequence[tuple[int, str]]) -> bytes:
    listed = b"".join(bytes([kind]) + _text(text) for kind, text in items)
    return _SSRC.pack(ssrc) + _filled(listed + b"\0")


def _text(text: str) -> bytes:
    encoded = text.encode()
    if len(encoded) > 255:
        raise RtpError(f"RTCP text of {len(encoded)} bytes, at most 255 fit")
    return bytes([len(encoded)]) + encoded


def _filled(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


# -- figures -----------------------------------------------------------------------------------------------------------


def ntp_time(unix_seconds: float) -> int:
    """Unix time as 64 bit NTP time."""
    return int((unix_seconds + _NTP_EPOCH) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF


def middle(ntp: int) -> int:
    """The middle 32 bits, as LSR wants them: 1/65536 s."""
    return (ntp >> 16) & 0xFFFFFFFF


def round_trip_ms(now: int, block: ReportBlock) -> float | None:
    """Round trip time from a block about ourselves that came at NTP time `now`; None when the peer knows no SR of ours
    (section 6.4.1). Clocks that jumped give 0."""
    if not block.last_sr:
        return None
    elapsed = (middle(now) - block.last_sr - block.delay_since_last_sr) & 0xFFFFFFFF
    return 0.0 if elapsed >= 0x80000000 else elapsed * 1000 / 65536


class ReceptionStats:
    """Counts of one received source, for the report blocks."""

    __slots__ = (
        "_base",
        "_cycles",
        "_expected_before",
        "_highest",
        "_jitter",
        "_received_before",
        "_transit",
        "received",
    )

    _MAX_DROPOUT = 3000
    _MAX_MISORDER = 100

    def __init__(self) -> None:
        self.received = 0
        """Packets, duplicates too."""
        self._base = -1
        self._cycles = self._highest = 0
        self._transit = 0
        self._jitter = 0.0
        self._expected_before = self._received_before = 0

    def add(self, sequence: int, transit: int) -> None:
        """A packet came; `transit` is arrival minus timestamp in ticks, modulo 2**32."""
        if self.received:
            change = (transit - self._transit) & 0xFFFFFFFF
            if change >= 0x80000000:
                change = 0x100000000 - change
            self._jitter += (change - self._jitter) / 16.0
        self._transit = transit
        self.count(sequence)

    def count(self, sequence: int) -> None:
        """A packet came whose timestamp says nothing of when it was sent (a key press keeps its first one)."""
        if self._base < 0:
            self._begin(sequence)
        else:
            self._advance(sequence)
        self.received += 1

    def _begin(self, sequence: int) -> None:
        self._base = self._highest = sequence
        self._cycles = 0

    def _advance(self, sequence: int) -> None:
        step = (sequence - self._highest) & 0xFFFF
        if step < self._MAX_DROPOUT:
            if sequence < self._highest:
                self._cycles += 0x10000
            self._highest = sequence
        elif step <= 0x10000 - self._MAX_MISORDER:  # the source began anew under the same SSRC
            self._begin(sequence)
            self.received = self._expected_before = self._received_before = 0

    @property
    def expected(self) -> int:
        """Packets that were sent, as far as the sequence numbers tell."""
        return self._cycles + self._highest - self._base + 1 if self._base >= 0 else 0

    @property
    def jitter(self) -> int:
        """Interarrival jitter in ticks."""
        return int(self._jitter)

    @property
    def lost(self) -> int:
        """Packets lost; below zero when more duplicates came than packets were lost."""
        return self.expected - self.received

    def block(self, ssrc: int, last_sr: int, delay_since_last_sr: int) -> ReportBlock:
        """The block for the next report; the fraction counts from the last one."""
        expected = self.expected - self._expected_before
        lost = expected - (self.received - self._received_before)
        self._expected_before, self._received_before = self.expected, self.received
        fraction = min((lost << 8) // expected, 255) if expected > 0 and lost > 0 else 0
        total = min(max(self.lost, -0x800000), 0x7FFFFF)
        highest = (self._cycles + self._highest) & 0xFFFFFFFF
        return ReportBlock(ssrc, fraction, total, highest, self.jitter, last_sr, delay_since_last_sr)
