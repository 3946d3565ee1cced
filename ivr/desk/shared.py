"""A floor of several nodes: each serves its own callers, and all share the agents by rows of the store.

Theory of operation
-------------------
- A node has an agent from before the phone rings until they are free again (wrap-up and rests are part of that), by its
  name on the agent's row. `claim` puts it there or fails; the floor then treats the agent as ELSEWHERE.
- Before a claim the store is asked who waits at other nodes and comes first. If the agent may take one of those, the
  claim is left to that node: no order of service is broken by the node that happens to be quicker. That node is told;
  when it lets the agent stand for `PASS_LIMIT_S`, ours goes first, so a node that hangs holds nobody up.
- A node whose beats stand still for `lease_s` is given up by the first who notices: its agents are free, the places of
  its callers are kept, and whoever calls again (or is sent again by the SIP proxy) takes the place up at any node.
- The database is away: calls go on, and so does the floor. Each node then offers only those agents who fall to it
  by rendezvous hashing over the nodes it saw last, and who were not another's. A phone that is rung by two nodes for
  all that (a node cut off alone) is busy to the second, whose caller goes to the next agent.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Coroutine, Iterable, Mapping
from functools import partial
from typing import Any, Protocol

from ivr.acd.agents import Agent, AgentState
from ivr.acd.commands import Command
from ivr.acd.config import parse_skills
from ivr.acd.elsewhere import Other
from ivr.acd.floor import Floor
from ivr.acd.waiting import Call, CallState, Skills
from ivr.errors import ConfigError, IvrError, StoreError
from ivr.store import cluster
from ivr.store.cluster import Look
from ivr.store.models import AgentRow, QueueEntryRow
from ivr.store.news import listen
from ivr.store.store import Store

_log = logging.getLogger(__name__)
PASS_LIMIT_S = 3.0
"""For so long an agent is left to a caller of another node who comes first."""
PASS_S = 0.25
"""After that time the agent is tried again."""
POLL_S = 0.5
"""Where the database does not tell of changes it is looked at so often."""
SETTLE_S = 0.02
"""News that come together are looked at once."""


class Desk(Protocol):
    """What the desk does for its share of the floor (`ivr.desk.desk.HumanDesk`)."""

    @property
    def floor(self) -> Floor: ...

    def now(self) -> float: ...

    def obey(self, commands: Iterable[Command]) -> None:
        """Carry out what the floor asks for, soon."""

    def note_all(self) -> Coroutine[Any, Any, None]:
        """Write the rows of all callers at the desk anew."""


class SharedFloor:
    """One for a process, at most. `lease_s` = a node that has not been seen alive for so long is given up."""

    def __init__(self, store: Store, lease_s: float = 3.0) -> None:
        self._store, self._lease_s = store, lease_s
        self._node = store.node
        self._lock = asyncio.Lock()
        """Claims and releases of this node, one at a time: their order is what they mean."""
        self._held: dict[str, str] = {}
        """Agent -> call, of those who have our name on their row, or shall have it."""
        self._pending: set[str] = set()
        """Agents whose claim is under way."""
        self._offered: set[str] = set()
        """Ids on the floor of callers whose row says `offered`."""
        self._passed: dict[tuple[str, str], float] = {}
        """(caller, agent) -> since when the agent is left to others."""
        self._rows: dict[str, tuple[str, str]] = {}
        """Agent -> state and reason as the row had them last."""
        self._changes: dict[str, int] = {}
        """Agent -> number of the last change made here; a look that began before it does not count."""
        self._clock = 0
        self._others_agents: set[str] = set()
        self._places: dict[tuple[str, str], int] = {}
        """(caller, queue) of kept places that have a row, and our clock of changes when it was written here."""
        self._seen: dict[str, tuple[int, float]] = {}
        """Other node -> its beats, and when they changed last by our monotonic clock."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._news = asyncio.Event()
        self._away = False
        self._closed = False
        self.looked: Look | None = None
        """The last one."""

    # -- life

    def attach(self, desk: Desk) -> None:
        self._desk = desk

    async def start(self, agents: Iterable[Mapping[str, Any]]) -> None:
        """Join; `agents` = rows for those whom the store does not know. Raises StoreError."""
        now = self._store.clock()
        await self._store.read(lambda s: cluster.join(s, self._node, now, list(agents)))
        await self._beat()
        self._background(self._live())
        self._background(self._follow())
        if not self._store.database.is_sqlite:
            self._background(listen(self._store.database.url, self._node, self._news.set))

    async def close(self) -> None:
        self._closed = True
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self._store.read(lambda s: cluster.part(s, self._node))
        except StoreError as error:
            _log.error("floor: the node cannot say that it goes: %s", error)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Living ones, this one included."""
        return tuple(sorted({self._node, *(self.looked.nodes if self.looked else ())}))

    # -- agents

    async def claim(self, entry_id: str, agent: str) -> bool:
        """Whether the phone may be rung for this caller. If not, the floor has been told and the offer has lapsed."""
        self._pending.add(agent)
        # Whatever becomes of the offer meanwhile, what the database did must be known here.
        try:
            return await asyncio.shield(self._background(self._claim(entry_id, agent)))
        except StoreError:
            return False

    async def claim_for_talk(self, call_id: str, agent: str) -> bool:
        """Have an agent whom a colleague has asked to a call (busy on our floor already). False = another node has
        them."""
        self._pending.add(agent)
        return await asyncio.shield(self._background(self._claim_for_talk(call_id, agent)))

    async def _claim_for_talk(self, call_id: str, agent: str) -> bool:
        try:
            async with self._lock:
                try:
                    won = await self._store.read(lambda s: cluster.engage(s, self._node, agent, call_id))
                except StoreError as error:
                    self._lost_sight(error)
                    won = agent not in self._others_agents
                if won:
                    self._held[agent] = call_id
        finally:
            self._pending.discard(agent)
        if not won:
            self._held.pop(agent, None)
            asyncio.get_running_loop().call_later(PASS_S, self._news.set)
        self.settle()
        return won

    async def _claim(self, entry_id: str, agent: str) -> bool:
        won = False
        try:
            async with self._lock:
                if self._in_force(entry_id, agent) is not None:
                    won = await self._try(entry_id, agent)
                if won:
                    self._held[agent] = row_id(entry_id)
                    self._offered.add(entry_id)
        finally:
            self._pending.discard(agent)
        if not won and self._in_force(entry_id, agent) is not None:
            self._held.pop(agent, None)
            self._desk.obey(self._desk.floor.take_away(agent, self._desk.now()))
            asyncio.get_running_loop().call_later(PASS_S, self._news.set)
        self.settle()
        return won

    def _in_force(self, entry_id: str, agent: str) -> Call | None:
        """The call, if the offer still stands."""
        call = self._desk.floor.calls.get(entry_id)
        return call if call is not None and agent in call.offered else None

    async def _try(self, entry_id: str, agent: str) -> bool:
        call = self._desk.floor.calls[entry_id]
        key, now = (entry_id, agent), self._desk.now()
        try:
            if await self._is_outranked(call, agent) and now - self._passed.setdefault(key, now) < PASS_LIMIT_S:
                await self._store.read(partial(self._let_go, agent=agent, since=self._desk.now()))
                return False
            won = await self._store.read(
                lambda s: cluster.claim(s, self._node, agent, row_id(entry_id)),
            )
        except StoreError as error:
            self._lost_sight(error)
            return agent not in self._others_agents and self._falls_to_us(agent)
        self._passed = {known: at for known, at in self._passed.items() if known[0] in self._desk.floor.calls}
        self._passed.pop(key, None)
        return won

    def _let_go(self, session: Any, agent: str, since: float) -> None:
        cluster.release(session, self._node, agent, since)
        cluster.tell(session, self._node)

    async def _is_outranked(self, call: Call, agent: str) -> bool:
        """A caller of another node, whom this agent may serve, comes first."""
        if len(self.nodes) < 2:
            return False
        rows = await self._store.read(lambda s: cluster.ahead(s, self._node, call.rank[0]))
        return any(self._may_take(agent, row) for row in rows)

    def _may_take(self, agent: str, row: QueueEntryRow) -> bool:
        roster = self._desk.floor.roster
        if row.queue not in roster.queues:
            return False
        skills = _skills(row.skills)
        waited = self._desk.now() - row.entered_at.timestamp()
        steps = roster.stages(row.queue, skills)
        stage = max((index for index, step in enumerate(steps) if step.after_s <= waited), default=0)
        return agent in roster.eligible(row.queue, skills, stage)

    def _falls_to_us(self, agent: str) -> bool:
        """Rendezvous hashing: all nodes that see the same others agree, without a word."""
        return max(self.nodes, key=lambda node: hashlib.sha256(f"{node}\0{agent}".encode()).digest()) == self._node

    def settle(self) -> None:
        """After each change of the floor: agents whom we no longer need are free for all, callers whose offer came to
        nothing wait again."""
        floor = self._desk.floor
        for name in [name for name in self._held if name not in self._pending]:
            agent = floor.roster.agents[name]
            if not _engaged(agent):
                del self._held[name]
                self._background(self._release(agent))
        for entry_id in tuple(self._offered):
            call = floor.calls.get(entry_id)
            if call is None or call.state is CallState.TALKING:
                self._offered.discard(entry_id)
            elif call.state is CallState.WAITING and not call.offered:
                self._offered.discard(entry_id)
                self._background(self._wait_again(entry_id, call.rank[0]))

    async def _release(self, agent: Agent) -> None:
        async with self._lock:
            if agent.name in self._held or agent.name in self._pending:
                return  # wanted again already; the claim is still ours
            if agent.state is AgentState.PAUSED and self._rows.get(agent.name, ("", ""))[0] == "available":
                # Paused by the floor itself (too many unanswered calls): for all nodes.
                await self._quietly(self._store.put_agent(agent.name, state="paused", reason=agent.reason))
            await self._quietly(
                self._store.read(lambda s: cluster.release(s, self._node, agent.name, agent.idle_since))
            )

    async def _wait_again(self, entry_id: str, rank: float) -> None:
        await self._quietly(self._store.read(lambda s: cluster.wait_again(s, self._node, row_id(entry_id), rank)))

    def agent_changed(self, name: str, state: str, reason: str = "") -> None:
        """Somebody signed in or out, paused or came back, here."""
        self._clock += 1
        self._changes[name] = self._clock
        self._rows[name] = (state, reason)

    def place_kept(self, caller: str, queue: str) -> None:
        """The row of a place kept here was written."""
        self._clock += 1
        self._places[caller, queue] = self._clock

    async def tell(self) -> None:
        """Rows of callers or agents were written: the other nodes should look."""
        self._clock += 1
        await self._quietly(self._store.read(lambda s: cluster.tell(s, self._node)))

    # -- what others do

    async def _live(self) -> None:
        """Signs of life, and the others'."""
        while True:
            await asyncio.sleep(self._lease_s / 4)
            await self._beat()
            for node in self._silent():
                await self._take_over(node)

    async def _follow(self) -> None:
        """Look when there are news; where nobody tells of them, every now and then."""
        polls = self._store.database.is_sqlite
        while True:
            try:
                async with asyncio.timeout(POLL_S if polls else None):
                    await self._news.wait()
            except TimeoutError:
                pass
            await asyncio.sleep(SETTLE_S)
            self._news.clear()
            await self._look()

    async def _beat(self) -> None:
        began, now = self._clock, self._store.clock()
        try:
            found = await self._store.read(lambda s: cluster.beat(s, self._node, now))
        except StoreError as error:
            self._lost_sight(error)
            return
        back = self._away or not found.lived
        self._away = False
        self._apply(found, began)
        if back:
            await self._come_back()

    async def _look(self) -> None:
        began, now = self._clock, self._store.clock()
        try:
            found = await self._store.read(lambda s: cluster.look(s, self._node, now))
        except StoreError as error:
            self._lost_sight(error)
        else:
            self._apply(found, began)

    def _lost_sight(self, error: StoreError) -> None:
        if not self._away and not self._closed:
            _log.error("floor: %s; going on with this node's share of the agents", error)
        self._away = True
        # Others' beats cannot be seen now: none of them is dead for that.
        self._seen.clear()

    async def _come_back(self) -> None:
        """The database is back, or we were given up and live: our callers and agents are ours."""
        _log.warning("floor: node %s is back on the shared floor", self._node)
        engaged = {name: call for name, call in self._held.items() if _engaged(self._desk.floor.roster.agents[name])}
        await self._quietly(self._store.read(lambda s: cluster.hold(s, self._node, engaged)))
        await self._quietly(self._desk.note_all())

    def _silent(self) -> list[tuple[str, int]]:
        """Nodes whose beats have not changed for the length of the lease, with these beats."""
        if self.looked is None or self._away:
            return []
        now = asyncio.get_running_loop().time()
        seen: dict[str, tuple[int, float]] = {}
        for node, beats in self.looked.nodes.items():
            known = self._seen.get(node)
            seen[node] = known if known is not None and known[0] == beats else (beats, now)
        self._seen = seen
        return [(node, beats) for node, (beats, at) in seen.items() if node != self._node and now - at >= self._lease_s]

    async def _take_over(self, silent: tuple[str, int]) -> None:
        node, beats = silent
        keep = {name: queue.keep_place_s for name, queue in self._desk.floor.roster.queues.items()}
        now = self._store.clock()
        try:
            taken = await self._store.read(lambda s: cluster.take_over(s, node, beats, self._node, now, keep))
        except StoreError as error:  # it hangs with a row in its hand: again at the next beat
            _log.warning("floor: node %s cannot be given up yet: %s", node, error)
            return
        if taken is not None:
            _log.error(
                "floor: node %s is gone; %d who waited and %d who talked keep their places, %d calls are closed",
                node, taken.waiting, taken.talking, len(taken.calls),
            )  # fmt: skip
        await self._look()

    # -- the picture of the others

    def _apply(self, found: Look, began: int) -> None:
        """Bring the floor in line with the rows; `began` = our clock of changes when the look began."""
        self.looked = found
        floor, now = self._desk.floor, self._desk.now()
        commands: list[Command] = []
        self._others_agents = {
            row.name for row in found.agents if row.claimed_by not in ("", self._node) and row.claimed_by in found.nodes
        }
        for row in found.agents:
            if row.name in floor.roster.agents:
                commands += self._follow_agent(row, began)
        commands += self._follow_places(found, began)
        ours = {row_id(entry_id) for entry_id in floor.calls}
        waiting = [
            Other(row.call_id, row.queue, _skills(row.skills), row.rank)
            for row in found.waiting
            if row.call_id not in ours
        ]
        called_back = [
            Other(row.id, row.queue, _skills(row.skills), row.rank, absent=True)
            for row in found.callbacks
            if row.state == "waiting"
        ]
        floor.set_others([*waiting, *called_back], now)
        self._desk.obey(commands)

    def _follow_agent(self, row: AgentRow, began: int) -> list[Command]:
        floor, now, name = self._desk.floor, self._desk.now(), row.name
        commands: list[Command] = []
        before = self._rows.get(name)
        if before != (row.state, row.reason) and self._changes.get(name, 0) <= began:
            self._rows[name] = (row.state, row.reason)
            commands += _set_state(floor, name, row, now) if before is not None else []
        if name in self._pending or name in self._held:
            return commands
        if name in self._others_agents:
            commands += floor.take_away(name, now)
        elif floor.roster.agents[name].state is AgentState.ELSEWHERE:
            commands += floor.give_back(name, now, row.idle_since)
        return commands

    def _follow_places(self, found: Look, began: int) -> list[Command]:
        """Places kept anywhere are kept here too, until they are taken up or too old."""
        floor, now = self._desk.floor, self._desk.now()
        commands: list[Command] = []
        kept = {(row.caller, row.queue): row for row in found.kept if row.queue in floor.roster.queues}
        gone = [key for key, at in self._places.items() if key not in kept and at <= began]
        for caller, queue in gone:
            del self._places[caller, queue]
            floor.drop_place(caller, queue)
        for key in set(kept) - set(self._places):
            self._places[key] = 0
            row = kept[key]
            left_s = (row.kept_until - self._store.clock()).total_seconds() if row.kept_until else 0.0
            commands += floor.keep_place(row.caller, row.queue, row.entered_at.timestamp(), now, now + left_s)
        return commands

    # -- inside

    def _background(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("floor: a task failed", exc_info=error)

    async def _quietly(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        except StoreError as error:
            self._lost_sight(error)
        except IvrError as error:
            _log.error("floor: %s", error)


def row_id(entry_id: str) -> str:
    """The floor numbers those who queue twice: `CALL#2` is call `CALL`."""
    return entry_id.rpartition("#")[0] or entry_id


def _skills(texts: list[Any]) -> Skills:
    try:
        return parse_skills([str(text) for text in texts])
    except ConfigError:  # another node of another version wrote them
        return frozenset()


def _engaged(agent: Agent) -> bool:
    """With a call, its notes, or a rest after it."""
    if agent.state is AgentState.PAUSED:
        return agent.until is not None
    return agent.state in (AgentState.RINGING, AgentState.BUSY, AgentState.WRAP_UP)


def _set_state(floor: Floor, name: str, row: AgentRow, now: float) -> list[Command]:
    """What was done at another node's console."""
    if row.state == "offline":
        return floor.sign_out(name, now)
    commands = floor.sign_in(name, now)
    if row.state == "paused":
        return [*commands, *floor.pause(name, row.reason, now)]
    agent = floor.roster.agents[name]
    wanted = agent.then is not None or (agent.state is AgentState.PAUSED and agent.until is None)
    return [*commands, *(floor.resume(name, now) if wanted else [])]
