"""What waiting callers are told: their place and the wait, at first and when the place changes."""

from __future__ import annotations

from collections.abc import Mapping

from ivr.acd.commands import Command, Tell
from ivr.acd.elsewhere import Elsewhere
from ivr.acd.estimate import Estimator, Outlook
from ivr.acd.roster import Group, GroupKey
from ivr.acd.waiting import Call, CallState, Line, Skills


class Teller:
    """Collects which queues moved and tells at most every `every_s`, however fast a line moves."""

    def __init__(
        self,
        every_s: float,
        calls: Mapping[str, Call],
        lines: Mapping[str, Line],
        others: Elsewhere,
        groups: Mapping[GroupKey, Group],
        estimator: Estimator,
        now: float,
    ) -> None:
        self._every_s, self._calls, self._lines, self._groups = every_s, calls, lines, groups
        self._others = others
        self._estimator = estimator
        self._moved: set[str] = set()
        self._told_at = now

    def moved(self, queue: str) -> None:
        self._moved.add(queue)

    def next_at(self) -> float | None:
        return self._told_at + self._every_s if self._moved else None

    def first(self, call: Call) -> list[Command]:
        """On arrival, once it was tried to route the call."""
        outlook = self._estimator.outlook(call.arrival.queue, call.skills, self._groups)
        call.first_wait_s = 0.0 if call.state is CallState.OFFERED else outlook.wait_s(call.rank)
        if call.arrival.call_id not in self._calls:
            return []
        ahead = self._lines[call.arrival.queue].ahead(call.rank) + self._ahead_elsewhere(call)
        return self._tell(call, ahead + 1, outlook)

    def due(self, now: float) -> list[Command]:
        if not self._moved or now - self._told_at < self._every_s:
            return []
        self._told_at = now
        moved, self._moved = self._moved, set()
        outlooks: dict[tuple[str, Skills], Outlook] = {}
        commands: list[Command] = []
        for queue in sorted(moved):
            for here, call_id in enumerate(self._lines[queue].ids(), start=1):
                call = self._calls[call_id]
                position = here + self._ahead_elsewhere(call)
                if call.told[0] == position:
                    continue
                key = (queue, call.skills)
                if key not in outlooks:
                    outlooks[key] = self._estimator.outlook(queue, call.skills, self._groups)
                commands += self._tell(call, position, outlooks[key])
        return commands

    def _ahead_elsewhere(self, call: Call) -> int:
        return self._others.ahead(call.arrival.queue, call.rank)

    def _tell(self, call: Call, position: int, outlook: Outlook) -> list[Command]:
        wait_s = 0 if call.state is not CallState.WAITING else round(outlook.wait_s(call.rank))
        call.told = (position, wait_s)
        return [Tell(call.arrival.call_id, position, wait_s)]
