"""Those who wait for the same agents without being calls of this floor: at other nodes, or for a call back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ivr.acd.roster import Group, GroupKey, Roster
from ivr.acd.waiting import Line, Rank, Skills


@dataclass(frozen=True, slots=True)
class Other:
    """Someone who waits at another node, or for a call back."""

    id: str
    queue: str
    skills: Skills
    rank: float
    absent: bool = False
    """Not on the line: will be called back."""


class Elsewhere:
    """All of them, by queue."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}
        self._absent: dict[str, int] = {}
        self.groups: tuple[Group, ...] = ()
        """For the estimate: whom they compete for."""

    def set(self, others: Iterable[Other], roster: Roster) -> None:
        self._lines, self._absent = {}, {}
        groups: dict[GroupKey, Group] = {}
        for other in others:
            if other.queue not in roster.queues:
                continue
            key = (other.queue, other.skills, 0)
            if key not in groups:
                eligible = roster.ever_eligible(other.queue, other.skills)
                groups[key] = Group(roster.queue(other.queue), other.skills, eligible)
            self._absent[other.queue] = self._absent.get(other.queue, 0) + other.absent
            for line in (groups[key].line, self._lines.setdefault(other.queue, Line())):
                line.add(((other.rank, 0), other.id))
        self.groups = tuple(groups.values())

    def ahead(self, queue: str, rank: Rank) -> int:
        line = self._lines.get(queue)
        return line.ahead(rank) if line else 0

    def waiting(self, queue: str) -> int:
        return len(self._lines.get(queue, ()))

    def on_line(self, queue: str) -> int:
        """Without those who will be called back."""
        return self.waiting(queue) - self._absent.get(queue, 0)
