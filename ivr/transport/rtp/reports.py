"""One participant's RTCP: which reports to send, and what the peer's reports tell. Pure; times are NTP."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.transport.rtp import rtcp
from ivr.transport.rtp.rtcp import (
    CNAME,
    Goodbye,
    ReceiverReport,
    ReceptionStats,
    Report,
    ReportBlock,
    SenderReport,
    SourceDescription,
)


@dataclass(slots=True)
class PeerView:
    """What the peer last told of our stream."""

    reports: int = 0
    """RTCP datagrams that came."""
    rtt_ms: float | None = None
    fraction_lost: float = 0.0
    """0..1, since its report before."""
    lost: int = 0
    jitter_ms: float = 0.0
    said_goodbye: bool = False


class Reporter:
    """Reports of one stream each way."""

    __slots__ = ("_cname", "_sent_before", "_sr_arrival", "_sr_middle", "_sr_ssrc", "_ssrc", "peer")

    def __init__(self, ssrc: int, cname: str) -> None:
        self._ssrc, self._cname = ssrc, cname
        self._sr_ssrc = -1
        self._sr_middle = self._sr_arrival = 0
        self._sent_before = 0
        self.peer = PeerView()

    def receive(self, data: bytes, now: int) -> None:
        """One datagram, come at NTP time `now`. Raises RtpError."""
        reports = rtcp.parse_compound(data)
        self.peer.reports += 1
        for report in reports:
            match report:
                case SenderReport():
                    self._sr_ssrc, self._sr_middle, self._sr_arrival = report.ssrc, rtcp.middle(report.ntp), now
                    self._read_blocks(report.blocks, now)
                case ReceiverReport():
                    self._read_blocks(report.blocks, now)
                case Goodbye():
                    self.peer.said_goodbye = True

    def _read_blocks(self, blocks: tuple[ReportBlock, ...], now: int) -> None:
        for block in blocks:
            if block.ssrc == self._ssrc:
                rtt = rtcp.round_trip_ms(now, block)
                self.peer.rtt_ms = self.peer.rtt_ms if rtt is None else rtt
                self.peer.fraction_lost = block.fraction_lost / 256
                self.peer.lost = block.lost
                self.peer.jitter_ms = block.jitter / 8.0

    def report(self, now: int, timestamp: int, packets: int, octets: int, source: int, got: ReceptionStats) -> bytes:
        """The datagram for NTP time `now`: SR if we sent since the last one, else RR; and our name (section 6.1).

        `timestamp` is our RTP time of now, `packets` and `octets` what we sent; `source` is the SSRC we hear, or -1.
        """
        blocks = (self._block(now, source, got),) if source >= 0 else ()
        first: Report
        if packets > self._sent_before:
            first = SenderReport(self._ssrc, now, timestamp, packets, octets & 0xFFFFFFFF, blocks)
        else:
            first = ReceiverReport(self._ssrc, blocks)
        self._sent_before = packets
        return rtcp.build_compound([first, self._name()])

    def goodbye(self) -> bytes:
        """The last datagram."""
        return rtcp.build_compound([ReceiverReport(self._ssrc), self._name(), Goodbye((self._ssrc,))])

    def _name(self) -> SourceDescription:
        return SourceDescription(((self._ssrc, ((CNAME, self._cname),)),))

    def _block(self, now: int, source: int, got: ReceptionStats) -> ReportBlock:
        if source != self._sr_ssrc:
            return got.block(source, 0, 0)
        delay = min(max(now - self._sr_arrival, 0) >> 16, 0xFFFFFFFF)
        return got.block(source, self._sr_middle, delay)
