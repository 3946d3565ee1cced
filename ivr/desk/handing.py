"""The desk's side of talks: agents kept for a colleague's call, callers handed on, queued again, taken over."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from ivr.acd.config import parse_priority
from ivr.acd.waiting import Arrival
from ivr.call.events import QueueChanged
from ivr.errors import ConfigError, InputError

if TYPE_CHECKING:
    from ivr.desk.desk import HumanDesk
    from ivr.desk.entry import Entry
    from ivr.desk.talks import TalkDriver
AS_GUEST: Final = "guest"
"""Marks the calls of agents whom the floor did not ring: `CALL#guest` is call `CALL`, and nobody's entry."""


class Handing:
    """`ivr.desk.talks.Owner` for a desk."""

    def __init__(self, desk: HumanDesk) -> None:
        self._desk = desk

    def keep(self, call_id: str, agent: str) -> None:
        desk = self._desk
        if not desk.floor.engage(agent, f"{call_id}#{AS_GUEST}", desk.now()):
            raise InputError(f"{agent} is not free ({desk.floor.roster.agent(agent).state.value})")

    def engage(self, call_id: str, name: str) -> bool:
        desk = self._desk
        return name in desk.floor.roster.agents and desk.floor.engage(name, f"{call_id}#{AS_GUEST}", desk.now())

    async def claim(self, call_id: str, agent: str) -> bool:
        shared = self._desk.shared
        return shared is None or await shared.claim_for_talk(call_id, agent)

    def free(self, call_id: str, agent: str, *, had_caller: bool) -> None:
        desk = self._desk
        if agent not in desk.floor.roster.agents:
            return
        queue = self._queue_of(call_id) if had_caller else None
        desk.obey(desk.floor.disengage(agent, f"{call_id}#{AS_GUEST}", queue, desk.now()))

    def _queue_of(self, call_id: str) -> str:
        """The queue that the caller came by; a call taken from the bot came by none."""
        entry, packet = self._desk.entry(call_id), self._desk.packet(call_id)
        if entry is not None and entry.queue:
            return entry.queue
        return packet.queue if packet is not None else ""

    def handed_on(self, call_id: str, to: str) -> None:
        desk = self._desk
        entry = desk.entry(call_id)
        if entry is None:
            return
        entry.agent, entry.bridged = to, True
        desk.drop_rings(entry)
        desk.obey(desk.floor.finish(entry.id, desk.now()))
        if to:
            desk.note_holder(entry)
        else:
            desk.end(entry.id)

    def holder_gone(self, call_id: str) -> None:
        desk = self._desk
        entry = desk.entry(call_id)
        if entry is not None:
            desk.end(entry.id)
            entry.driver.deliver(QueueChanged("left", detail=entry.agent))

    def requeue(self, call_id: str, queue: str, front: bool) -> None:
        """`front`: nobody meant to leave the caller waiting, who therefore goes before all others."""
        desk = self._desk
        entry = desk.entry(call_id)
        if entry is None:
            return
        queue = queue or entry.queue or next(iter(desk.floor.roster.queues), "")
        if not front and not desk.status(queue).open:
            raise InputError(f"queue {queue!r} is closed")
        desk.talks.waits_on(entry.driver)
        desk.drop_rings(entry)
        desk.obey(desk.floor.finish(entry.id, desk.now()))
        desk.end(entry.id)
        again = desk.add_entry(entry.driver, queue)
        desk.enter_floor(again, self._arrival(again, front))

    def _arrival(self, entry: Entry, front: bool) -> Arrival:
        info = entry.driver.info
        packet = self._desk.packet(info.call_id)
        skills: tuple[str, ...] = ()
        priority = parse_priority("urgent") if front else 0.0
        if packet is not None:
            with contextlib.suppress(ConfigError):  # said once, when the caller came
                priority = max(priority, parse_priority(packet.priority))
            if packet.queue == entry.queue:
                skills = tuple(packet.skills)
        return Arrival(entry.id, entry.queue, info.caller, skills, priority)

    def taken(self, driver: TalkDriver, by: str) -> None:
        desk = self._desk
        desk.leave(driver.info.call_id, "taken over")
        entry = desk.add_entry(driver, "")
        entry.agent = by
        driver.deliver(QueueChanged("taken", detail=by))
