"""Keys as named telephone events (RFC 4733, sections 2.3 and 2.5; events 0-15 of section 3.2)."""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass

from ivr.errors import RtpError
from ivr.transport.base import Digit
from ivr.transport.rtp.codecs import CLOCK_RATE, FRAME_TICKS

DIGITS = "0123456789*#ABCD"
"""Event code n is the n-th of these."""
SOURCE = "rfc4733"
_EVENT = struct.Struct("!BBH")
_END_BIT = 0x80
_VOLUME_MASK = 0x3F
_MAX_DURATION = 0xFFFF
_REPEATS = 3
_PRESS_TICKS = 5 * FRAME_TICKS
_PAUSE_TICKS = 4 * FRAME_TICKS
_VOLUME = 10
_REMEMBERED = 4
_REPRESS_TICKS = CLOCK_RATE // 10


@dataclass(frozen=True, slots=True)
class TelephoneEvent:
    """The payload of one packet."""

    event: int
    """0..255; 0-15 are the keys."""
    end: bool
    volume: int
    """0..63, the power in dBm0 with the sign left out."""
    duration: int
    """Ticks since the packet's timestamp, 0..65535."""


def parse_event(payload: bytes) -> TelephoneEvent:
    """Raises RtpError when the payload is cut."""
    if len(payload) < _EVENT.size:
        raise RtpError(f"telephone-event of {len(payload)} bytes is shorter than {_EVENT.size}")
    event, flags, duration = _EVENT.unpack_from(payload)
    return TelephoneEvent(event, bool(flags & _END_BIT), flags & _VOLUME_MASK, duration)


def build_event(event: TelephoneEvent) -> bytes:
    """The four bytes."""
    return _EVENT.pack(event.event, (_END_BIT if event.end else 0) | event.volume, event.duration)


@dataclass(slots=True)
class _Press:
    """A key being held, or one of the last few."""

    ssrc: int
    timestamp: int
    event: int
    seen: int
    """Arrival of its last packet."""
    before: int = 0
    """Duration of its earlier segments: a press of over 8 s goes on under a new timestamp (section 2.5.1.3)."""
    duration: int = 0
    ended: bool = False


class DtmfReceiver:
    """Keys from one peer. A press is known by (SSRC, timestamp) alone: repeats may carry one sequence number or many.

    It counts from its first packet, whichever that is; what follows only tells how long it was held.
    """

    def __init__(self) -> None:
        self._presses: deque[_Press] = deque(maxlen=_REMEMBERED)
        self.ended: deque[Digit] = deque(maxlen=64)
        """The last presses that are over, with their true duration; the owner takes them away."""

    def receive(self, ssrc: int, timestamp: int, payload: bytes, arrival: int) -> Digit | None:
        """One event packet; the key if this is the first of its press. `arrival` is in ticks. Raises RtpError."""
        event = parse_event(payload)
        if event.event >= len(DIGITS):
            return None  # flash, tones of modems: nothing that a caller presses
        press = self._find(ssrc, timestamp, event, arrival)
        first = press is None
        if press is None:
            press = _Press(ssrc, timestamp, event.event, arrival)
            self._presses.append(press)
        press.seen = arrival
        press.duration = max(press.duration, event.duration)
        if event.end and not press.ended:
            press.ended = True
            self.ended.append(self._digit(press))
        return self._digit(press) if first else None

    def _find(self, ssrc: int, timestamp: int, event: TelephoneEvent, arrival: int) -> _Press | None:
        for press in reversed(self._presses):
            if press.ssrc != ssrc or press.event != event.event:
                continue
            if press.timestamp == timestamp:
                if press.ended and not event.end and arrival - press.seen > _REPRESS_TICKS:
                    press.timestamp = -1  # a played capture: the same key again, under the same timestamp
                    return None
                return press
            if not press.ended and (press.timestamp + _MAX_DURATION) & 0xFFFFFFFF == timestamp:
                press.before, press.duration, press.timestamp = press.before + _MAX_DURATION, 0, timestamp
                return press
        return None

    @staticmethod
    def _digit(press: _Press) -> Digit:
        ticks = press.before + press.duration
        return Digit(DIGITS[press.event], ticks * 1000 // CLOCK_RATE, SOURCE)


@dataclass(frozen=True, slots=True)
class EventPacket:
    """What the sender puts on the wire now."""

    payload: bytes
    timestamp: int
    marker: bool


class DtmfSender:
    """Keys towards one peer: three equal first packets, an update every 20 ms, three last ones 20 ms apart."""

    def __init__(self, press_ticks: int = _PRESS_TICKS, pause_ticks: int = _PAUSE_TICKS) -> None:
        self._press, self._pause = press_ticks, pause_ticks
        self._queue: deque[int] = deque()
        self._event = -1
        self._timestamp = 0
        self._elapsed = 0
        self._ends_left = 0
        self._resting = 0

    def queue(self, digits: str) -> None:
        """Press these after those that wait. Raises RtpError for anything else than `0-9*#A-D`."""
        events = [DIGITS.find(digit) for digit in digits.upper()]
        if -1 in events:
            raise RtpError(f"{digits[events.index(-1)]!r} is no key; keys are {DIGITS}")
        self._queue.extend(events)

    @property
    def busy(self) -> bool:
        """Whether `next` has anything to do; audio has the wire otherwise."""
        return bool(self._queue) or self._event >= 0 or self._resting > 0

    def next(self, timestamp: int) -> list[EventPacket]:
        """The packets of the 20 ms that begin at `timestamp`; none in the pause between two keys."""
        if self._resting > 0:
            self._resting -= FRAME_TICKS
            return []
        if self._event < 0:
            return self._begin(timestamp) if self._queue else []
        self._elapsed = min(self._elapsed + FRAME_TICKS, _MAX_DURATION)
        if self._elapsed < self._press:
            return [self._packet(end=False)]
        self._elapsed = self._press
        packet = self._packet(end=True)
        self._ends_left -= 1
        if not self._ends_left:
            self._event, self._resting = -1, self._pause
        return [packet]

    def _begin(self, timestamp: int) -> list[EventPacket]:
        self._event = self._queue.popleft()
        self._timestamp, self._elapsed, self._ends_left = timestamp, FRAME_TICKS, _REPEATS
        return [self._packet(end=False, marker=copy == 0) for copy in range(_REPEATS)]

    def _packet(self, *, end: bool, marker: bool = False) -> EventPacket:
        event = TelephoneEvent(self._event, end, _VOLUME, self._elapsed)
        return EventPacket(build_event(event), self._timestamp, marker)
