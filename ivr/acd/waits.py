"""Deadlines of the floor: a heap from which cancelled ones are dropped when they come up."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Literal, TypeAlias

WaitKind: TypeAlias = Literal["stage", "max_wait", "ring", "agent", "place", "tell", "hours"]


@dataclass(frozen=True, slots=True)
class Wait:
    kind: WaitKind
    subject: str
    """Call id, agent, caller or queue."""
    other: str = ""
    """ring: the agent; place: the queue."""


class Waits:
    """One deadline for each Wait; setting it again moves it."""

    def __init__(self) -> None:
        self._at: dict[Wait, float] = {}
        self._heap: list[tuple[float, int, Wait]] = []
        self._count = 0

    def set(self, wait: Wait, at: float) -> None:
        self._at[wait] = at
        self._count += 1
        heappush(self._heap, (at, self._count, wait))

    def cancel(self, wait: Wait) -> None:
        self._at.pop(wait, None)

    def next_at(self) -> float | None:
        self._drop_stale()
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> Wait | None:
        """Take the earliest that is due."""
        self._drop_stale()
        if not self._heap or self._heap[0][0] > now:
            return None
        wait = heappop(self._heap)[2]
        del self._at[wait]
        return wait

    def _drop_stale(self) -> None:
        heap = self._heap
        while heap and self._at.get(heap[0][2]) != heap[0][0]:
            heappop(heap)
