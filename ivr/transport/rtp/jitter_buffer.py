"""The jitter buffer: packets in as they come, the stream out in the order of its timestamps.

Theory of operation. Times are ticks of the 8 kHz RTP clock. A packet's *transit* is its arrival minus its timestamp;
the smallest transit of the last seconds is the *floor*. `DelayEstimator` keeps a fading histogram of how much later
than the floor packets come, and puts the *target* delay where all but 3 % of them are in time, in 40..200 ms. The
*cursor* is the timestamp that plays next; the delay we really have is now - cursor - floor.

- The first packet waits for 40 ms (so 40-60 ms, as pulls come every 20 ms), then the cursor starts at it.
- A pull gives the packet at the cursor and moves the cursor by its length, else a `Gap` of up to 20 ms.
- Delay below the target: a gap is stretched (the cursor stays). Above it: a gap is shortened. Where a stream has no
  gaps, `wish` asks the receiver to repeat (+1) or to drop (-1) a frame in which nobody speaks.
- A packet behind the cursor is late, one that we have is a duplicate: both are dropped and counted. Another SSRC (the
  receiver calls `reset`), a jump of more than 1 s, or ten late packets in a row start anew.
- A gap is silence, not loss, after comfort noise (RFC 3389), under a key press, or when the next packet's sequence
  number follows the last one's (the sender paused, RFC 3551, section 4.1).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from ivr.transport.rtp.codecs import CLOCK_RATE, FRAME_TICKS

_MS = CLOCK_RATE // 1000
_BIN = 10 * _MS
_BINS = 26
_FADE = 1.005
"""An old packet weighs this much less per newer one: half after 140 packets."""
_TAIL = 0.03
_BLOCK = 256
_LATE_RUN = 10
_SHRINK_AFTER, _STRETCH_AFTER = 25, 5
_CAPACITY = 128


@dataclass(frozen=True, slots=True)
class JitterSettings:
    """Bounds of the buffer."""

    start_ms: int = 40
    """The first packet waits for so long."""
    min_ms: int = 40
    """The target delay never goes below this."""
    max_ms: int = 200
    """... nor above this."""
    jump_ms: int = 1000
    """A timestamp this far from the cursor is another stream."""


class Packet(NamedTuple):
    """A packet in the buffer."""

    start: int
    """Timestamp, extended beyond 32 bits."""
    ticks: int
    """Duration on the RTP clock."""
    payload_type: int
    payload: bytes
    sequence: int
    comfort_noise: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """A span for which there is no packet; `lost` when one should have come."""

    ticks: int
    lost: bool


_SILENT_FRAME, _LOST_FRAME = Gap(FRAME_TICKS, lost=False), Gap(FRAME_TICKS, lost=True)


@dataclass(slots=True)
class JitterStats:
    """Counts since the call began, but for the three last."""

    packets: int = 0
    """Put in, whatever became of them."""
    late: int = 0
    duplicates: int = 0
    overflows: int = 0
    """Dropped since the buffer was full."""
    lost_ticks: int = 0
    """Time that had to be concealed, in ticks of 125 us."""
    stretched: int = 0
    """Frames inserted to gain delay."""
    shrunk: int = 0
    """Frames left out to lose delay."""
    resets: int = 0
    delay_ms: int = 0
    """Delay at the last pull."""
    target_ms: int = 0
    depth: int = 0
    """Packets waiting."""


class DelayEstimator:
    """How late packets come, and the delay that this asks for."""

    __slots__ = ("_bins", "_count", "_max", "_min", "_minima", "_total", "_weight", "floor", "target")

    def __init__(self, settings: JitterSettings) -> None:
        self._min, self._max = settings.min_ms * _MS, settings.max_ms * _MS
        self.reset()

    def reset(self) -> None:
        """Another path: forget the packets so far."""
        self._bins = [0.0] * _BINS
        self._total = 0.0
        self._weight = 1.0
        self._count = 0
        self._minima: list[int] = []
        self.floor = 0
        """Smallest transit of the last 256 to 512 packets."""
        self.target = self._min
        """Delay to aim for, in ticks."""

    def add(self, transit: int) -> None:
        """A packet came with this transit (ticks)."""
        minima = self._minima
        if not minima:
            minima += (transit, transit)
            self.floor = transit
        elif transit < minima[1]:
            minima[1] = transit
            if transit < self.floor:
                self.floor = transit
        late = (transit - self.floor) // _BIN
        self._bins[late if late < _BINS else _BINS - 1] += self._weight
        self._total += self._weight
        self._weight *= _FADE
        self._count += 1
        if not self._count % 8:
            self._update()

    def _update(self) -> None:
        """Find the quantile; now and then move the floor's window on and scale the weights down."""
        beyond, tail, bins = self._total * _TAIL, 0.0, self._bins
        index = _BINS - 1
        while index > 0 and tail + bins[index] <= beyond:
            tail += bins[index]
            index -= 1
        self.target = min(max((index + 2) * _BIN, self._min), self._max)
        if not self._count % _BLOCK:
            self._bins = [weight / self._weight for weight in bins]
            self._total /= self._weight
            self._weight = 1.0
            self.floor = self._minima[1]
            self._minima = [self.floor, 1 << 62]


class JitterBuffer:
    """One received stream. Pure: `arrival` and `now` are the caller's clock in ticks of 125 us."""

    __slots__ = (
        "_comfort_noise",
        "_cursor",
        "_dropped",
        "_estimator",
        "_high",
        "_jump",
        "_known",
        "_late_run",
        "_low",
        "_max",
        "_packets",
        "_playing",
        "_recent",
        "_sequence",
        "_silent_until",
        "_start_delay",
        "_started_at",
        "_stats",
        "wish",
    )

    def __init__(self, settings: JitterSettings | None = None) -> None:
        settings = settings or JitterSettings()
        self._start_delay = settings.start_ms * _MS
        self._max = settings.max_ms * _MS
        self._jump = settings.jump_ms * _MS
        self._stats = JitterStats()
        self._estimator = DelayEstimator(settings)
        self._packets: dict[int, Packet] = {}
        self._recent: deque[int] = deque(maxlen=64)
        self._clear()

    def _clear(self) -> None:
        self._packets.clear()
        self._recent.clear()
        self._estimator.reset()
        self._known = False
        """A packet has come, so the cursor means something."""
        self._playing = False
        self._cursor = 0
        self._started_at = 0
        self._sequence = -1
        self._late_run = 0
        self._comfort_noise = False
        self._silent_until = -(1 << 62)
        self._high = self._low = 0
        self.wish = 0
        """+1: repeat a quiet frame, -1: drop one, -2: drop any, 0: all is well."""

    def reset(self) -> None:
        """Another source: what waits is thrown away and the next packet starts anew."""
        if self._known:
            self._stats.resets += 1
        self._clear()

    # -- in ------------------------------------------------------------------------------------------------------

    def put(
        self,
        sequence: int,
        timestamp: int,
        ticks: int,
        payload_type: int,
        payload: bytes,
        arrival: int,
        cn: bool = False,
    ) -> None:
        """A packet of `ticks` duration has come. Never raises."""
        self._stats.packets += 1
        start = self._place(timestamp)
        if start is None:
            self.reset()
            start = timestamp
        if not self._known:
            self._known = True
            self._cursor = start
            self._started_at = arrival
        if start in self._packets:
            self._stats.duplicates += 1
            return
        if start < self._cursor:
            if not self._playing:
                self._cursor = start  # the stream's first packets came in the wrong order
            elif start + ticks <= self._cursor:
                self._too_late(sequence, timestamp, ticks, payload_type, payload, arrival, cn)
                return
        self._late_run = 0
        self._estimator.add(arrival - start)
        if len(self._packets) >= _CAPACITY and not self._purge():
            self._stats.overflows += 1
            return
        self._packets[start] = Packet(start, ticks, payload_type, payload, sequence, cn)

    def _place(self, timestamp: int) -> int | None:
        """The timestamp in the cursor's numbering; None when it is another stream's."""
        if not self._known:
            return timestamp
        ahead = (timestamp - self._cursor) & 0xFFFFFFFF
        if ahead >= 0x80000000:
            ahead -= 0x100000000
        if -self._jump <= ahead <= self._jump:
            return self._cursor + ahead
        return None

    def _too_late(
        self, sequence: int, timestamp: int, ticks: int, payload_type: int, payload: bytes, arrival: int, cn: bool
    ) -> None:
        if sequence in self._recent:
            self._stats.duplicates += 1
            return
        self._late_run += 1
        if self._late_run < _LATE_RUN:
            self._stats.late += 1
            self._recent.append(sequence)
            self._estimator.add(arrival - (self._place(timestamp) or 0))
            return
        # The sender's clock stood still for a while: in its eyes we are ahead and would drop everything it sends.
        self._stats.packets -= 1
        self.reset()
        self.put(sequence, timestamp, ticks, payload_type, payload, arrival, cn)

    def _purge(self) -> bool:
        """Forget packets that the cursor has passed; whether there is room now."""
        passed = [start for start, packet in self._packets.items() if start + packet.ticks <= self._cursor]
        for start in passed:
            del self._packets[start]
        return len(self._packets) < _CAPACITY

    def silent_until(self, timestamp: int) -> None:
        """Up to `timestamp` the sender sends something other than audio (a key): gaps there are no loss."""
        if self._known and (end := self._place(timestamp)) is not None and end > self._silent_until:
            self._silent_until = end

    # -- out -----------------------------------------------------------------------------------------------------

    def pull(self, now: int) -> Packet | Gap:
        """What plays next. Never raises."""
        if not self._playing:
            if not self._known or now - self._started_at < self._start_delay:
                return _SILENT_FRAME
            self._playing = True
        spare = now - self._cursor - self._estimator.floor - self._estimator.target
        if -FRAME_TICKS < spare <= FRAME_TICKS + _BIN:
            self.wish = self._high = self._low = 0
        else:
            self._weigh(spare)
        packet = self._packets.pop(self._cursor, None)
        if packet is None:
            return self._missing(spare)
        self._cursor += packet.ticks
        return self._played(packet)

    def _weigh(self, spare: int) -> None:
        """The delay is off its target: wish for a change when it stays so."""
        if spare > 0:
            self._low, self._high = 0, self._high + 1
            self.wish = (-2 if spare > self._max else -1) if self._high >= _SHRINK_AFTER else 0
        else:
            self._low, self._high = self._low + 1, 0
            self.wish = 1 if self._low >= _STRETCH_AFTER else 0

    def _played(self, packet: Packet) -> Packet:
        self._sequence = packet.sequence
        self._comfort_noise = packet.comfort_noise
        self._recent.append(packet.sequence)
        return packet

    def _missing(self, spare: int) -> Packet | Gap:
        """Nothing begins at the cursor: a packet that reaches over it, or a gap."""
        while self._packets:
            first = min(self._packets)
            if first > self._cursor:
                return self._gap(first - self._cursor, self._follows(self._packets[first]), spare)
            packet = self._packets.pop(first)
            if (end := first + packet.ticks) > self._cursor:
                skipped = self._cursor - first
                self._cursor = end
                return self._played(packet._replace(payload=packet.payload[skipped:], ticks=packet.ticks - skipped))
        return self._gap(FRAME_TICKS, False, spare)

    def _follows(self, packet: Packet) -> bool:
        return self._sequence >= 0 and packet.sequence == (self._sequence + 1) & 0xFFFF

    def _gap(self, ticks: int, paused: bool, spare: int) -> Gap:
        lost = not (paused or self._comfort_noise or self._cursor < self._silent_until)
        if spare <= -FRAME_TICKS:  # too little delay: time stands still while there is nothing to play anyway
            self._stats.stretched += 1
            return self._counted(_LOST_FRAME if lost else _SILENT_FRAME)
        if self._packets and spare > FRAME_TICKS + _BIN and ticks > FRAME_TICKS:
            self._cursor += FRAME_TICKS
            self._stats.shrunk += 1
            ticks -= FRAME_TICKS
        if ticks >= FRAME_TICKS:
            self._cursor += FRAME_TICKS
            return self._counted(_LOST_FRAME if lost else _SILENT_FRAME)
        self._cursor += ticks
        return self._counted(Gap(ticks, lost))

    def _counted(self, gap: Gap) -> Gap:
        if gap.lost:
            self._stats.lost_ticks += gap.ticks
        return gap

    # -- the receiver's help -------------------------------------------------------------------------------------

    def repeated(self) -> None:
        """The receiver has followed `wish` = +1."""
        self._stats.stretched += 1
        self.wish = self._low = 0

    def dropped(self) -> None:
        """The receiver has followed `wish` = -1."""
        self._stats.shrunk += 1
        self.wish = 0

    def stats(self, now: int) -> JitterStats:
        """The counts, with delay, target and depth of this moment."""
        stats = self._stats
        stats.depth = len(self._packets)
        stats.target_ms = self._estimator.target // _MS
        stats.delay_ms = (now - self._cursor - self._estimator.floor) // _MS if self._playing else 0
        return stats
