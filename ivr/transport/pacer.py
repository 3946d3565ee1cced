"""The media clock of a process: one tick every 20 ms for all its calls.

Deadlines are absolute (start + n * 20 ms on the loop's monotonic clock), so a late tick leaves the next one in time.
After a stall the missed ticks run one after another, with the loop's other work between them; what lies further back
than `max_catch_up` ticks is left out and counted, as a burst of old audio helps nobody. When even that much cannot be
made up (the process is overloaded for good), all that was missed is left out: better gaps than a lasting delay.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

from ivr.audio.frame import FRAME_MS

_log = logging.getLogger(__name__)

_BUCKETS_PER_MS = 10
_BUCKETS = 250 * _BUCKETS_PER_MS


@dataclass(frozen=True, slots=True)
class PacerStats:
    """Lateness of the ticks: from a tick's deadline to its beginning, and the work in it."""

    ticks: int
    skipped: int
    """Ticks left out after stalls longer than the catch-up."""
    p50_ms: float
    p99_ms: float
    max_ms: float
    busiest_ms: float
    """Longest time that one tick's callbacks took."""


class LatenessHistogram:
    """Counts in steps of 0.1 ms up to 250 ms, and the exact maximum."""

    __slots__ = ("_counts", "count", "max_ms")

    def __init__(self) -> None:
        self._counts = [0] * (_BUCKETS + 1)
        self.count = 0
        self.max_ms = 0.0

    def add(self, ms: float) -> None:
        """One tick was this late."""
        self.count += 1
        if ms > self.max_ms:
            self.max_ms = ms
        index = int(ms * _BUCKETS_PER_MS)
        self._counts[index if index < _BUCKETS else _BUCKETS] += 1

    def quantile(self, share: float) -> float:
        """Lateness (ms) that `share` of the ticks stay within, rounded up to 0.1 ms; 0 before the first."""
        wanted = share * self.count
        seen = 0
        for index, count in enumerate(self._counts):
            seen += count
            if count and seen >= wanted:
                return min((index + 1) / _BUCKETS_PER_MS, self.max_ms)
        return 0.0


class Pacer:
    """Calls every callback once a tick, in the order they were added.

    A callback that raises is logged and removed: one call's fault must not silence the others. `on_error` then hears
    of it, so that its owner can end that call.
    """

    def __init__(
        self,
        frame_s: float = FRAME_MS / 1000,
        max_catch_up: int = 15,
        on_error: Callable[[Callable[[], None], Exception], None] | None = None,
    ) -> None:
        self._frame_s = frame_s
        self._max_catch_up = max_catch_up
        self._on_error = on_error
        self._callbacks: dict[Callable[[], None], None] = {}
        self._snapshot: tuple[Callable[[], None], ...] = ()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handle: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self._lateness = LatenessHistogram()
        self._skipped = 0
        self._catching_up = False
        """Ticks were left out, and none has been in time since."""
        self._busiest = 0.0

    def add(self, callback: Callable[[], None]) -> None:
        """Call this from the next tick on. Adding twice is once."""
        self._callbacks[callback] = None
        self._snapshot = tuple(self._callbacks)

    def remove(self, callback: Callable[[], None]) -> None:
        """Call this no more, not even later in the tick that is running. Unknown ones are ignored."""
        self._callbacks.pop(callback, None)
        self._snapshot = tuple(self._callbacks)

    def start(self) -> None:
        """Begin to tick on the running loop; the first tick is one frame from now. Started already: nothing happens."""
        if self._handle is not None:
            return
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + self._frame_s
        self._handle = self._loop.call_at(self._deadline, self._tick)

    def stop(self) -> None:
        """End the ticks; the callbacks stay for another `start`."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def stats(self) -> PacerStats:
        """The figures since the pacer was made."""
        late = self._lateness
        return PacerStats(
            late.count, self._skipped, late.quantile(0.5), late.quantile(0.99), late.max_ms, self._busiest * 1000
        )

    def _tick(self) -> None:
        loop = self._loop
        assert loop is not None
        began = loop.time()
        late = began - self._deadline
        self._lateness.add(max(late, 0.0) * 1000)
        callbacks = self._callbacks
        for callback in self._snapshot:
            if callback in callbacks:
                self._call(callback)
        ended = loop.time()
        self._busiest = max(self._busiest, ended - began)
        if self._handle is None:  # stopped by a callback
            return
        self._deadline += self._frame_s
        behind = ended - self._deadline
        if behind < 0:
            self._catching_up = False
        elif behind > self._max_catch_up * self._frame_s:
            self._leave_out(behind)
        self._handle = loop.call_at(self._deadline, self._tick)

    def _leave_out(self, behind: float) -> None:
        """The next tick is late by more than may be caught up."""
        left_out = math.ceil(behind / self._frame_s)
        if not self._catching_up:
            left_out -= self._max_catch_up
            _log.warning("media stalled for %.0f ms, %d ticks are left out", behind * 1000, left_out)
        self._catching_up = True
        self._skipped += left_out
        self._deadline += left_out * self._frame_s

    def _call(self, callback: Callable[[], None]) -> None:
        try:
            callback()
        except Exception as error:
            _log.exception("a call's tick failed; it gets no more ticks")
            self.remove(callback)
            if self._on_error is not None:
                self._on_error(callback, error)
