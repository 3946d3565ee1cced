"""The desk's side of talks: agents kept for a colleague's call, callers handed on, queued again, taken over."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from ivr.acd.agents import AgentState
from ivr.acd.config import parse_priority
from ivr.acd.waiting import Arrival
from ivr.call.events import QueueChanged
from ivr.errors import ConfigError, InputError

if TYPE_CHECKING:
    from ivr.desk.desk import HumanDesk
    from ivr.desk.entry import Entry
    from ivr.desk.talks import TalkDriver

KEPT = "in a call"
"""Reason of the pause of an agent whom a colleague has asked to a call."""


class Handing:
    """`ivr.desk.talks.Owner` for a desk."""

    def __init__(self, desk: HumanDesk) -> None:
        self._desk = desk

    def keep(self, agent: str) -> None:
        desk = self._desk
        state = desk.floor.roster.agent(agent).state
        if state is not AgentState.AVAILABLE:
            raise InputError(f"{agent} is not free ({state.value})")
        desk.obey(desk.floor.pause(agent, KEPT, desk.now()))

    def free(self, agent: str) -> None:
        desk = self._desk
        known = desk.floor.roster.agents.get(agent)
        if known is not None and known.state is AgentState.PAUSED and known.reason == KEPT:
            desk.obey(desk.floor.resume(agent, desk.now()))

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
