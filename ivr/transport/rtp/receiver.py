"""What comes in: datagrams to frames of 20 ms, keys and figures. Pure; times are ticks of 125 us."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ivr.audio.frame import FRAME_SAMPLES, AudioFrame, Samples
from ivr.audio.levels import rms_dbfs
from ivr.audio.plc import LossConcealer
from ivr.errors import RtpError
from ivr.transport.base import Digit
from ivr.transport.rtp.codecs import (
    AUDIO_CODECS,
    CN,
    CN_PAYLOAD_TYPE,
    FRAME_TICKS,
    SAMPLES_PER_TICK,
    TELEPHONE_EVENT,
    DecoderBank,
    silence,
)
from ivr.transport.rtp.dtmf4733 import DtmfReceiver, parse_event
from ivr.transport.rtp.jitter_buffer import Gap, JitterBuffer, JitterSettings, JitterStats, Packet
from ivr.transport.rtp.packet import RtpPacket, parse
from ivr.transport.rtp.rtcp import ReceptionStats

_QUIET_DBFS = -42.0
"""A frame below this may be played twice or left out to move the delay."""


@dataclass(frozen=True, slots=True)
class ReceiverStats:
    """Figures of the stream from the peer."""

    packets: int
    lost: int
    """By sequence numbers, since this source began."""
    jitter_ms: float
    """Interarrival jitter (RFC 3550, 6.4.1)."""
    sources: int
    """How many SSRCs have spoken."""
    unknown_payload: int
    concealed_ms: int
    buffer: JitterStats


class RtpReceiver:
    """One peer's stream: jitter buffer, decoders, concealment, keys."""

    __slots__ = (
        "_concealed",
        "_concealer",
        "_decoders",
        "_jitter",
        "_keys",
        "_left",
        "_left_lost",
        "_names",
        "_packets",
        "_sources",
        "_unknown",
        "digits",
        "reception",
        "ssrc",
    )

    def __init__(self, settings: JitterSettings | None = None) -> None:
        self._names: dict[int, str] = {}
        self._jitter = JitterBuffer(settings)
        self._decoders = DecoderBank()
        self._concealer = LossConcealer()
        self._keys = DtmfReceiver()
        self._left: list[Samples] = []
        """Decoded but not yet read, for packets that are not 20 ms long."""
        self._left_lost = 0
        self._packets = self._sources = self._unknown = self._concealed = 0
        self.reception = ReceptionStats()
        self.ssrc = -1
        """The source that speaks, -1 before there was one."""
        self.digits: list[Digit] = []
        """Keys, each from the first packet of its press; the owner takes them away."""

    @property
    def ended_digits(self) -> deque[Digit]:
        """The last presses that are over, with their whole duration; the owner takes them away."""
        return self._keys.ended

    def set_payloads(self, payload_types: Mapping[int, str]) -> None:
        """What the peer may send, by payload type. Raises RtpError for a codec we do not have."""
        for payload_type, name in payload_types.items():
            if name not in (*AUDIO_CODECS, CN, TELEPHONE_EVENT):
                raise RtpError(f"payload type {payload_type} is {name!r}, which we cannot receive")
        self._names = {CN_PAYLOAD_TYPE: CN, **payload_types}

    # -- in ------------------------------------------------------------------------------------------------------

    def receive(self, data: bytes, arrival: int) -> None:
        """One datagram. Raises RtpError when it is no RTP; a payload type that was not agreed is only counted."""
        packet = parse(data)
        name = self._names.get(packet.payload_type)
        if name is None:
            self._unknown += 1
            return
        self._packets += 1
        if name == TELEPHONE_EVENT:
            self._receive_key(packet, arrival)
            return
        if packet.ssrc != self.ssrc:
            self._new_source(packet.ssrc)
        timestamp, payload = packet.timestamp, packet.payload
        self.reception.add(packet.sequence, (arrival - timestamp) & 0xFFFFFFFF)
        if name == CN:
            self._jitter.put(packet.sequence, timestamp, FRAME_TICKS, packet.payload_type, payload, arrival, True)
        elif payload:  # an empty packet only keeps a NAT's door open
            self._jitter.put(packet.sequence, timestamp, len(payload), packet.payload_type, payload, arrival)

    def _receive_key(self, packet: RtpPacket, arrival: int) -> None:
        digit = self._keys.receive(packet.ssrc, packet.timestamp, packet.payload, arrival)
        if digit is not None:
            self.digits.append(digit)
        if packet.ssrc == self.ssrc:
            self.reception.count(packet.sequence)
            # The sender says nothing until the press is over, and a little longer for the repeated last packets.
            duration = parse_event(packet.payload).duration
            self._jitter.silent_until((packet.timestamp + duration + 3 * FRAME_TICKS) & 0xFFFFFFFF)

    def _new_source(self, ssrc: int) -> None:
        if self.ssrc >= 0:
            self._jitter.reset()
            self._decoders.reset()
            self._left.clear()
            self._left_lost = 0
        self.ssrc = ssrc
        self._sources += 1
        self.reception = ReceptionStats()

    # -- out -----------------------------------------------------------------------------------------------------

    def read(self, now: int) -> AudioFrame:
        """The next 20 ms. Never raises."""
        if not self._left:
            samples, lost = self._next(now)
            if len(samples) == FRAME_SAMPLES:
                return AudioFrame(samples, lost)
            self._keep(samples, lost)
        have = sum(map(len, self._left))
        while have < FRAME_SAMPLES:
            samples, lost = self._next(now)
            self._keep(samples, lost)
            have += len(samples)
        line = np.concatenate(self._left)
        self._left = [line[FRAME_SAMPLES:]] if have > FRAME_SAMPLES else []
        mostly_lost = 2 * min(self._left_lost, FRAME_SAMPLES) >= FRAME_SAMPLES
        self._left_lost = min(self._left_lost, have - FRAME_SAMPLES)
        return AudioFrame(line[:FRAME_SAMPLES], mostly_lost)

    def _keep(self, samples: Samples, lost: bool) -> None:
        self._left.append(samples)
        if lost:
            self._left_lost += len(samples)

    def _next(self, now: int) -> tuple[Samples, bool]:
        """What the jitter buffer gives next, as samples, and whether they are concealment."""
        item = self._jitter.pull(now)
        if isinstance(item, Gap):
            if item.lost:
                self._concealed += item.ticks
                return self._concealer.lost(item.ticks * SAMPLES_PER_TICK), True
            return silence(item.ticks), False
        if item.comfort_noise:
            return silence(item.ticks), False
        samples = self._concealer.good(self._decode(item))
        return (self._adapt(samples) if self._jitter.wish else samples), False

    def _decode(self, packet: Packet) -> Samples:
        name = self._names.get(packet.payload_type)
        if name is None:  # withdrawn by a re-INVITE while the packet waited
            return silence(packet.ticks)
        return self._decoders[name].decode(packet.payload)

    def _adapt(self, samples: Samples) -> Samples:
        """Play the first 20 ms twice or not at all, as the jitter buffer wishes and the level allows."""
        wish = self._jitter.wish
        if wish > -2 and rms_dbfs(samples[:FRAME_SAMPLES]) > _QUIET_DBFS:
            return samples
        if wish < 0:
            self._jitter.dropped()
            return samples[FRAME_SAMPLES:]
        self._jitter.repeated()
        return np.concatenate([samples, samples[:FRAME_SAMPLES]])

    def stats(self, now: int) -> ReceiverStats:
        """The figures of this moment."""
        return ReceiverStats(
            self._packets,
            self.reception.lost,
            self.reception.jitter / 8.0,
            self._sources,
            self._unknown,
            self._concealed // 8,
            self._jitter.stats(now),
        )
