"""Deadlines of all transactions and calls in one heap; it reads no clock."""

from __future__ import annotations

import heapq
from typing import Protocol


class TimerOwner(Protocol):
    """Whoever starts a timer is told by its name when it is due."""

    def on_timer(self, name: str) -> None:
        """The timer `name` is due."""


class Timers:
    """A timer is known by its owner and name; starting it again moves it. Times are seconds on the caller's clock."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, TimerOwner, str]] = []
        self._live: dict[tuple[TimerOwner, str], int] = {}
        self._serial = 0

    def __len__(self) -> int:
        return len(self._live)

    def start(self, owner: TimerOwner, name: str, at: float) -> None:
        """Call `owner.on_timer(name)` at the time `at`."""
        self._serial += 1
        self._live[owner, name] = self._serial
        heapq.heappush(self._heap, (at, self._serial, owner, name))
        if len(self._heap) > 256 and len(self._heap) > 4 * len(self._live):
            self._compact()

    def stop(self, owner: TimerOwner, *names: str) -> None:
        """Forget these timers; those that do not run are ignored."""
        for name in names:
            self._live.pop((owner, name), None)

    def next_at(self) -> float | None:
        """When the next timer is due."""
        while self._heap and self._stale(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> tuple[TimerOwner, str] | None:
        """The next timer that is due at `now`, which thereby ends."""
        at = self.next_at()
        if at is None or at > now:
            return None
        _, _, owner, name = heapq.heappop(self._heap)
        del self._live[owner, name]
        return owner, name

    def _stale(self, entry: tuple[float, int, TimerOwner, str]) -> bool:
        return self._live.get((entry[2], entry[3])) != entry[1]

    def _compact(self) -> None:
        self._heap = [entry for entry in self._heap if not self._stale(entry)]
        heapq.heapify(self._heap)
