"""The human desk: callers who wait, agents who are rung, and what the dialog is told of it.

`enter`, `leave` and `status` are called from a call's tick: they only note what is wanted, and the commands of the
floor are carried out a moment later on the loop, so that no answer ever comes while the call still asks.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ivr.acd.agents import Agent, AgentState
from ivr.acd.commands import Command, Connect, GiveUp, Offer, RefuseKind, Tell, Withdraw
from ivr.acd.config import parse_priority
from ivr.acd.floor import RING_GRACE_S, Floor
from ivr.acd.waiting import Arrival, CallState
from ivr.acd.waiting import Call as FloorCall
from ivr.call.events import EnterQueue, QueueChanged
from ivr.desk.background import Background
from ivr.desk.browser_phones import BrowserPhones
from ivr.desk.clock import SteadyClock
from ivr.desk.config import AgentSettings, DeskConfig, QueueLike, agent_config, floor_config
from ivr.desk.entry import Driver, Entry
from ivr.desk.guests import Reception
from ivr.desk.handing import Handing
from ivr.desk.lines import CallerLine, Dialer, LegFactory
from ivr.desk.packet import Packet, as_json, build_packet, caller_known
from ivr.desk.ringing import Ring, Ringer
from ivr.desk.shared import SharedFloor
from ivr.desk.talks import Talks
from ivr.dialog.events import QueueStatus
from ivr.errors import ConfigError, InputError, StoreError
from ivr.store import records
from ivr.store.models import QueueEntryRow
from ivr.store.store import Store

_log = logging.getLogger(__name__)
PACKETS_KEPT = 2000
"""Packets of calls whose end nobody told us of."""
JOINED = "joined"
"""In the data of an agent's row: the settings of one who is not in the configuration."""
HUNG_UP = frozenset({"caller hung up", "call over"})
"""Reasons of `leave` after which a caller who comes back finds the place kept."""


class HumanDesk:
    """One for a process. Without a store nothing outlives it. Raises ConfigError for settings that do not fit."""

    def __init__(
        self, config: DeskConfig, queues: Mapping[str, QueueLike], sip: Dialer, legs: LegFactory,
        store: Store | None = None, clock: Callable[[], float] | None = None,
        line_of: Callable[[str], CallerLine | None] = lambda call_id: None, browsers: BrowserPhones | None = None,
    ) -> None:  # fmt: skip
        self.config = config
        self._clock = clock or SteadyClock()
        self.floor = Floor(floor_config(config, queues), self._clock())
        self._queues = dict(queues)
        self._agents = {agent.name: agent for agent in config.agents}
        self._store = store
        self.browsers = browsers or BrowserPhones()
        """Agents' pages that ring."""
        self.line_of = line_of
        """A caller's own SIP call, for transfers."""
        self._ringer = Ringer(config, sip, legs, line_of, self, self.browsers)
        self.talks = Talks(Handing(self), lambda host: Reception(config, sip, legs, self.browsers, host))
        """Calls that humans are on."""
        self._entries: dict[str, Entry] = {}
        """By the id on the floor: the call's own, with a number for those who queue again."""
        self._current: dict[str, str] = {}
        """Call id -> id on the floor."""
        self._packets: OrderedDict[str, Packet] = OrderedDict()
        self._count = 0
        self._commands: deque[Command] = deque()
        self._obeying = False
        self._background = Background("desk")
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self.shared: SharedFloor | None = None
        """Where several nodes share the agents."""

    # -- life

    def share(self, shared: SharedFloor) -> None:
        """Share the agents with other nodes; before `start`."""
        self.shared = shared
        shared.attach(self)

    def now(self) -> float:
        """The floor's clock."""
        return self._clock()

    async def start(self, waiting: Iterable[QueueEntryRow] = ()) -> None:
        """Sign the agents in, as they were left the last time. `waiting` = who was in the queue when the process died:
        those who call again find their place."""
        known = {row.name: row for row in await self._stored_agents()}
        now = self._clock()
        for row in known.values():
            if JOINED in row.data and row.name not in self._agents:
                self._join_again(row.data[JOINED], now)
        for name, agent in self._agents.items():
            row = known.get(name)
            if row.state == "offline" if row else not agent.signed_in:
                continue
            self._commands += self.floor.sign_in(name, now)
            if row and row.state == "paused":
                self._commands += self.floor.pause(name, row.reason, now)
        for entry in waiting:
            if entry.queue in self.floor.roster.queues:
                self.floor.keep_place(entry.caller, entry.queue, entry.entered_at.timestamp(), now)
        if self.shared is not None:
            await self.shared.start(
                {"name": name, "uri": agent.uri, "state": "available" if agent.signed_in else "offline"}
                for name, agent in self._agents.items()
            )
        self._obey()

    def _join_again(self, stored: Any, now: float) -> None:
        """Somebody who joined by the button before the service was started anew."""
        try:
            agent = AgentSettings.model_validate(stored)
            self._commands += self.floor.put_agent(agent_config(agent), now)
        except (ValueError, ConfigError) as error:  # another version wrote it, or a queue is gone
            _log.warning("desk: an agent who had joined cannot be taken up: %s", error)
        else:
            self._agents[agent.name] = agent

    async def close(self) -> None:
        """Hang up all agents' phones."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        rings = [ring.task for entry in self._entries.values() for ring in entry.rings.values() if ring.task]
        for task in rings:
            task.cancel()
        await asyncio.gather(*rings, self._background.close(), return_exceptions=True)
        if self.shared is not None:
            await self.shared.close()
        await self.talks.close()
        await self.browsers.close()

    # -- the call's side

    def set_queues(self, queues: Mapping[str, QueueLike]) -> None:
        """New or changed queues of the hotline; those that went keep serving calls of older bundles. Raises
        ConfigError for hours or names that do not fit."""
        for config in floor_config(self.config, {**self._queues, **queues}).queues:
            if config != self.floor.roster.queues.get(config.name):
                self._soon(self.floor.put_queue(config, self._clock()))
        self._queues.update(queues)

    def status(self, queue: str) -> QueueStatus:
        """Raises ConfigError for a queue that is not there."""
        found = self.floor.status(queue, self._clock())
        return QueueStatus(found.open, found.waiting, found.agents, found.expected_wait_s)

    def statuses(self) -> dict[str, QueueStatus]:
        return {name: self.status(name) for name in self.floor.roster.queues}

    def enter(self, driver: Driver, command: EnterQueue) -> None:
        """The caller wants a human. News comes by `driver.deliver(QueueChanged)`, never before this returns."""
        call_id, handover = driver.info.call_id, command.handover
        known = self._packets.get(call_id)
        holder = self.talks.returned(call_id)
        if holder:  # the bot has done what the agent asked it for
            self._keep_packet(build_packet(driver.info, command, known.caller if known else None))
            event = QueueChanged("answered", detail=holder)
            asyncio.get_running_loop().call_soon(driver.deliver, event)
            return
        self.leave(call_id, "entered again")
        self._count += 1
        entry = Entry(f"{call_id}#{self._count}", driver, self._clock(), handover.queue)
        self._entries[entry.id] = entry
        self._current[call_id] = entry.id
        self._keep_packet(build_packet(driver.info, command))
        arrival = Arrival(
            entry.id, handover.queue, driver.info.caller, handover.skills, _priority(handover.priority, call_id),
            handover.max_wait_ms / 1000,
        )  # fmt: skip
        try:
            commands = self.floor.enter(arrival, entry.entered_at)
        except ConfigError as error:
            _log.error("call %s cannot be queued: %s", call_id, error)
            commands = [GiveUp(entry.id, "failed", str(error))]
        if entry.id in self.floor.calls:
            entry.entered_at = self.floor.calls[entry.id].entered_at
            entry.noted = self._background.start(self._note_entry(entry, arrival))
        self._soon(commands)

    def leave(self, call_id: str, reason: str) -> None:
        """The caller is gone, or the bot has the call back. Unknown calls do no harm."""
        self.talks.dismiss(call_id, all_of_them=False)
        entry = self._entries.pop(self._current.pop(call_id, ""), None)
        if entry is None:
            return
        self.drop_rings(entry)
        call, now = self.floor.calls.get(entry.id), self._clock()
        kept = reason in HUNG_UP and call is not None and call.state is not CallState.TALKING
        self._background.start(self._forget_entry(call_id, entry, call if kept else None))
        if call is not None and call.state is CallState.TRANSFERRING:
            # The phone was told to call the agent and hung up on us: it may well have got through.
            self._soon(self.floor.transferred(entry.id, next(iter(call.offered)), now))
        else:
            self._soon(self.floor.leave(entry.id, now, keep_place=reason in HUNG_UP))

    def forget(self, call_id: str) -> None:
        """The call is over: nothing will be asked about it any more."""
        self.leave(call_id, "call over")
        self.talks.dismiss(call_id, all_of_them=True)
        self._packets.pop(call_id, None)

    def packet(self, call_id: str) -> Packet | None:
        """The last hand-over of a call in progress, its wait up to now."""
        packet = self._packets.get(call_id)
        entry = self._entries.get(self._current.get(call_id, ""))
        if packet is None or entry is None or entry.agent:
            return packet
        return packet.model_copy(update={"wait_s": round(max(0.0, self._clock() - entry.entered_at), 1)})

    # -- the agents' side

    def settings_of(self, agent: str) -> AgentSettings | None:
        return self._agents.get(agent)

    def add_agent(self, agent: AgentSettings, *, remember: bool = False) -> None:
        """Somebody who is not in the configuration takes calls too, or with another phone; `remember`: after a restart
        as well. Raises ConfigError."""
        self._soon(self.floor.put_agent(agent_config(agent), self._clock()))
        self._agents[agent.name] = agent
        if remember and self._store is not None:
            data = {JOINED: agent.model_dump(mode="json")}
            self._background.start(self._store.put_agent(agent.name, uri=agent.uri, data=data))

    def forget_agent(self, name: str) -> None:
        """They take no more calls, and are not there after a restart unless the configuration has them."""
        if name in self._agents:
            self.sign_out(name)
            if self._store is not None:
                self._background.start(self._store.put_agent(name, data={}))

    def sign_in(self, agent: str) -> None:
        """Raises ConfigError for nobody's name, as the next three do."""
        self._soon(self.floor.sign_in(agent, self._clock()))
        self._note_agent(agent, "available")

    def sign_out(self, agent: str) -> None:
        self._soon(self.floor.sign_out(agent, self._clock()))
        self._note_agent(agent, "offline")

    def pause(self, agent: str, reason: str) -> None:
        self._soon(self.floor.pause(agent, reason, self._clock()))
        self._note_agent(agent, "paused", reason)

    def resume(self, agent: str) -> None:
        self._soon(self.floor.resume(agent, self._clock()))
        self._note_agent(agent, "available")

    def agents(self) -> list[Agent]:
        return list(self.floor.roster.agents.values())

    # -- what offers report (ivr.desk.ringing.Floor)

    def accepted(self, ring: Ring) -> bool:
        self._obey(self.floor.accept(ring.entry_id, ring.agent.name, self._clock()))
        entry = self._entries.get(ring.entry_id)
        return entry is not None and entry.agent == ring.agent.name

    def refused(self, ring: Ring, kind: RefuseKind) -> None:
        self._forget_ring(ring)
        self._obey(self.floor.refuse(ring.entry_id, ring.agent.name, kind, self._clock()))

    def left(self, ring: Ring, *, lost: bool = False) -> None:
        entry = self._entries.get(ring.entry_id)
        if entry is None or entry.agent != ring.agent.name:
            return
        heir = self.talks.inherit(entry.driver.info.call_id)
        self._drop(entry, ring)
        if heir is None and lost:
            entry.driver.note("desk.lost", {"agent": ring.agent.name})
            Handing(self).requeue(entry.driver.info.call_id, "", front=True)
            return
        self._soon(self.floor.finish(ring.entry_id, self._clock()))
        if heir is not None:
            entry.agent, entry.bridged = heir, True
            self._background.start(self._note_talk(entry))
            return
        self._end(ring.entry_id)
        entry.driver.deliver(QueueChanged("left", detail=ring.agent.name))

    def transferring(self, ring: Ring) -> float:
        now = self._clock()
        if not self.floor.transferring(ring.entry_id, ring.agent.name, now):
            return 0.0
        # The call's own bound on the wait must not run out while the caller's phone is under way to the agent.
        left_s = self.floor.calls[ring.entry_id].give_up_at + RING_GRACE_S - now
        return min(self.config.refer_limit_s, max(1.0, left_s))

    def transfer_refused(self, ring: Ring) -> bool:
        rings_on = self.floor.transfer_refused(ring.entry_id, ring.agent.name, self._clock())
        self._schedule()
        return rings_on

    def transferred(self, ring: Ring, known: bool) -> None:
        entry = self._entries.get(ring.entry_id)
        if entry is not None:
            entry.transferred, entry.known = True, known
        self._obey(self.floor.transferred(ring.entry_id, ring.agent.name, self._clock()))
        self._end(ring.entry_id)

    # -- for those who hand callers on (ivr.desk.handing)

    def entry(self, call_id: str) -> Entry | None:
        return self._entries.get(self._current.get(call_id, ""))

    def add_entry(self, driver: Driver, queue: str) -> Entry:
        """One more part of a call at the desk, that was with a human before."""
        self._count += 1
        entry = Entry(f"{driver.info.call_id}#{self._count}", driver, self._clock(), queue, bridged=True)
        self._entries[entry.id] = entry
        self._current[driver.info.call_id] = entry.id
        return entry

    def enter_floor(self, entry: Entry, arrival: Arrival) -> None:
        """Raises ConfigError for a queue that is not there."""
        commands = self.floor.enter(arrival, entry.entered_at)
        self._background.start(self._note_entry(entry, arrival))
        self._soon(commands)

    def move(self, call_id: str, queue: str, priority: str) -> None:
        """A caller who waits goes to another queue, or before others; the wait so far counts. Raises InputError,
        ConfigError."""
        entry = self.entry(call_id)
        waiting = self.floor.calls.get(entry.id) if entry is not None else None
        if entry is None or waiting is None or waiting.state not in (CallState.WAITING, CallState.OFFERED):
            raise InputError("this caller does not wait")
        if not self.status(queue).open:
            raise InputError(f"queue {queue!r} is closed")
        now, arrival = self._clock(), waiting.arrival
        left_s = max(10.0, waiting.give_up_at - now)
        self.drop_rings(entry)
        self._soon(self.floor.leave(entry.id, now))
        self._end(entry.id)
        again = self.add_entry(entry.driver, queue)
        again.bridged = entry.bridged
        self.floor.keep_place(arrival.caller, queue, entry.entered_at, now)
        skills = arrival.skills if queue == arrival.queue else ()
        moved = Arrival(again.id, queue, arrival.caller, skills, parse_priority(priority), left_s)
        self.enter_floor(again, moved)

    def drop_rings(self, entry: Entry) -> None:
        for ring in tuple(entry.rings.values()):
            self._drop(entry, ring)

    def note_holder(self, entry: Entry) -> None:
        self._background.start(self._note_talk(entry))

    def end(self, entry_id: str) -> None:
        """The caller is off the desk."""
        self._end(entry_id)

    # -- the floor's commands

    def wake(self) -> None:
        """Do what is due on the floor; called by the desk's own timer."""
        self._obey(self.floor.tick(self._clock()))

    def obey(self, commands: Iterable[Command]) -> None:
        """Carry out what the floor asks for, a moment later."""
        self._soon(commands)

    def _soon(self, commands: Iterable[Command]) -> None:
        self._commands += commands
        if not self._closed:
            asyncio.get_running_loop().call_soon(self._obey)

    def _obey(self, commands: Iterable[Command] = ()) -> None:
        self._commands += commands
        if self._obeying or self._closed:
            return
        self._obeying = True
        try:
            while self._commands:
                self._carry_out(self._commands.popleft())
        finally:
            self._obeying = False
        self._schedule()

    def _schedule(self) -> None:
        if self.shared is not None and not self._closed:
            self.shared.settle()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        at = self.floor.next_at()
        if at is not None and not self._closed:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, at - self._clock()), self.wake)

    def _carry_out(self, command: Command) -> None:
        entry = self._entries.get(command.call_id)
        if entry is None:
            return  # the caller left meanwhile, and the floor knows
        if isinstance(command, Offer):
            self._offer(entry, command)
        elif isinstance(command, Withdraw):
            ring = entry.rings.get(command.agent)
            if ring is not None:
                self._drop(entry, ring)
        elif isinstance(command, Connect):
            self._connect(entry, command)
        elif isinstance(command, Tell):
            if not entry.bridged:
                entry.driver.deliver(QueueChanged("position", command.position, command.wait_s))
        else:
            self._set_wait(entry)
            self._end(command.call_id)
            if entry.bridged:
                self.talks.dismiss(entry.driver.info.call_id, all_of_them=False)
            kind = "left" if entry.bridged else command.kind
            entry.driver.deliver(QueueChanged(kind, detail=command.detail))

    def _offer(self, entry: Entry, offer: Offer) -> None:
        ring = Ring(entry.id, entry.driver.info, self._agents[offer.agent], offer.queue, offer.ring_s)
        entry.rings[offer.agent] = ring
        ring.task = self._background.start(self._run(ring))

    async def _run(self, ring: Ring) -> None:
        """A ring that fails by an error of ours must not keep its agent for ever."""
        try:
            if self.shared is not None:
                entry = self._entries.get(ring.entry_id)
                if entry is not None and entry.noted is not None:
                    await asyncio.wait([entry.noted])
                if not await self.shared.claim(ring.entry_id, ring.agent.name):
                    return
            await self._ringer.run(ring)
        except Exception:
            _log.exception("call %s: ringing agent %s failed", ring.info.call_id, ring.agent.name)
            self.refused(ring, "failed")
            self.left(ring)

    def _connect(self, entry: Entry, command: Connect) -> None:
        self._set_wait(entry)
        entry.agent = command.agent
        ring = entry.rings.get(command.agent)
        if ring is not None and ring.media is not None:
            self.talks.join(entry.driver, command.agent, ring.media.leg)
        if not entry.transferred:
            self._background.start(self._note_talk(entry))
        detail = command.agent
        if entry.transferred:
            detail = f"transferred to {command.agent}" + ("" if entry.known else ", outcome unknown")
        _log.info("call %s: %s, waited %.0f s", entry.driver.info.call_id, detail, command.waited_s)
        if entry.bridged:
            entry.driver.note("desk.found", {"agent": command.agent})
            return
        entry.bridged = True
        entry.driver.deliver(QueueChanged("answered", detail=detail))

    def _end(self, entry_id: str) -> Entry | None:
        """The caller is off the desk, unless that was known already."""
        entry = self._entries.pop(entry_id, None)
        if entry is not None:
            call_id = entry.driver.info.call_id
            if self._current.get(call_id) == entry_id:
                del self._current[call_id]
            self._background.start(self._forget_entry(call_id, entry))
        return entry

    def _drop(self, entry: Entry, ring: Ring) -> None:
        """Stop ringing, or take the agent off the call."""
        if ring.media is not None:
            self.talks.part(entry.driver, ring.agent.name, ring.media.leg)
        if entry.rings.get(ring.agent.name) is ring:
            del entry.rings[ring.agent.name]
        if ring.task is not None and ring.task is not asyncio.current_task():
            ring.task.cancel()

    def _forget_ring(self, ring: Ring) -> None:
        entry = self._entries.get(ring.entry_id)
        if entry is not None and entry.rings.get(ring.agent.name) is ring:
            del entry.rings[ring.agent.name]

    # -- what is kept

    def _keep_packet(self, packet: Packet) -> None:
        self._packets[packet.call_id] = packet
        self._packets.move_to_end(packet.call_id)
        while len(self._packets) > PACKETS_KEPT:
            self._packets.popitem(last=False)

    def _set_wait(self, entry: Entry) -> None:
        found = self.packet(entry.driver.info.call_id)
        if found is not None:
            self._packets[found.call_id] = found

    async def _note_entry(self, entry: Entry, arrival: Arrival) -> None:
        """Once the caller's record is known: packet and entry to the store."""
        if self._store is None:
            return
        info = entry.driver.info
        try:
            row = await self._store.caller(info.caller)
        except StoreError as error:
            _log.warning("call %s: the caller's record cannot be read: %s", info.call_id, error)
            row = None
        packet = self._packets.get(info.call_id)
        if row is not None and packet is not None:
            packet = packet.model_copy(update={"caller": caller_known(row)})
            self._packets[info.call_id] = packet
        if self._current.get(info.call_id) == entry.id:  # else gone already, and the row is gone or was never made
            call = self.floor.calls.get(entry.id)
            if info.caller:
                await self._store.write(records.place_taken(info.caller, arrival.queue))
            await self._store.put_queue_entry(
                info.call_id, queue=arrival.queue, caller=info.caller, priority=arrival.priority,
                skills=list(arrival.skills), entered_at=_moment(entry.entered_at), agent=entry.agent,
                state="talking" if entry.agent else "waiting", packet=dict(as_json(packet)) if packet else {},
                rank=call.rank[0] if call else entry.entered_at,
            )  # fmt: skip
            await self._tell()

    async def note_all(self) -> None:
        """Write the rows of all callers at the desk anew: another node thought that this one was gone."""
        for entry in tuple(self._entries.values()):
            call = self.floor.calls.get(entry.id)
            if call is not None:
                await self._note_entry(entry, call.arrival)

    async def _tell(self) -> None:
        if self.shared is not None:
            await self.shared.tell()

    async def _note_talk(self, entry: Entry) -> None:
        call_id = entry.driver.info.call_id
        packet = self._packets.get(call_id)
        if self._store is not None and self._current.get(call_id) == entry.id:
            await self._store.put_queue_entry(
                call_id, queue=entry.queue, entered_at=_moment(entry.entered_at), state="talking", agent=entry.agent,
                packet=dict(as_json(packet)) if packet else {},
            )  # fmt: skip

    async def _forget_entry(self, call_id: str, entry: Entry, kept: FloorCall | None = None) -> None:
        """`kept` = the place is kept, for this node and the others."""
        if entry.noted is not None:
            await asyncio.wait([entry.noted])
        if self._store is None or call_id in self._current:
            return
        keep_s = self.floor.roster.queue(entry.queue).keep_place_s
        if kept is not None and kept.arrival.caller and keep_s:
            await self._store.put_queue_entry(
                call_id, queue=entry.queue, caller=kept.arrival.caller, priority=kept.arrival.priority,
                skills=list(kept.arrival.skills), entered_at=_moment(kept.entered_at), agent="", state="kept",
                rank=kept.rank[0], node="", kept_until=self._store.clock() + timedelta(seconds=keep_s),
            )  # fmt: skip
            if self.shared is not None:
                self.shared.place_kept(kept.arrival.caller, entry.queue)
        else:
            await self._store.drop_queue_entry(call_id)
        await self._tell()

    def _note_agent(self, name: str, state: str, reason: str = "") -> None:
        if self._store is not None:
            self._background.start(self._write_agent(name, state, reason))

    async def _write_agent(self, name: str, state: str, reason: str) -> None:
        assert self._store is not None
        if self.shared is not None:
            self.shared.agent_changed(name, state, reason)
        await self._store.put_agent(name, uri=self._agents[name].uri, state=state, reason=reason)
        if self.shared is not None:
            self.shared.agent_changed(name, state, reason)
            await self.shared.tell()

    async def _stored_agents(self) -> list[Any]:
        try:
            return list(await self._store.agents()) if self._store is not None else []
        except StoreError as error:
            _log.error("desk: the agents' states cannot be read: %s", error)
            return []

    def busy(self) -> int:
        """Agents who talk."""
        return self.floor.roster.states()[AgentState.BUSY]


def _priority(text: str, call_id: str) -> float:
    try:
        return parse_priority(text)
    except ConfigError as error:
        _log.error("call %s: %s; taken as normal", call_id, error)
        return 0.0


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
