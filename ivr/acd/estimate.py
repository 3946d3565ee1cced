"""How long a caller will wait.

With n agents at work, all of them busy, one becomes free every AHT / n seconds on average; so a caller with k others
ahead waits (k + 1) AHT / n. That is exact for handling times without memory, and fair for others. Callers of other
queues who stand ahead count by the share of this caller's agents that they may take.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ivr.acd.config import QueueConfig
from ivr.acd.figures import HandleTime
from ivr.acd.roster import Group, GroupKey, Roster
from ivr.acd.waiting import Rank, Skills

NOBODY_S = 3600.0
"""What is said when nobody is at work who could ever take the call."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """How things stand for callers of one queue with the same skills."""

    free: bool
    at_work: int
    handle_s: float
    shares: tuple[tuple[Group, float], ...]
    """Groups that compete for these agents, and for which share of them."""

    def wait_s(self, rank: Rank) -> float:
        """Seconds until a caller of this rank is answered; 0 when an agent is free."""
        if self.free:
            return 0.0
        if not self.at_work:
            return NOBODY_S
        ahead = sum(group.line.ahead(rank) * share for group, share in self.shares)
        return (ahead + 1) * self.handle_s / self.at_work


class Estimator:
    """Learns the handling time of each queue and estimates waits from it."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._handle: dict[str, HandleTime] = {}
        self.others: tuple[Group, ...] = ()
        """Who waits elsewhere and competes for the same agents."""

    def handle(self, queue: QueueConfig) -> HandleTime:
        if queue.name not in self._handle:
            self._handle[queue.name] = HandleTime(queue.expected_handle_s)
        return self._handle[queue.name]

    def outlook(self, queue: str, skills: Skills, groups: Mapping[GroupKey, Group]) -> Outlook:
        names = self._roster.ever_eligible(queue, skills)
        shares = [(group, self._roster.share(names, group.eligible)) for group in (*groups.values(), *self.others)]
        return Outlook(
            not self._roster.available.isdisjoint(names),
            self._roster.at_work(names),
            self.handle(self._roster.queue(queue)).mean_s,
            tuple((group, share) for group, share in shares if share),
        )
