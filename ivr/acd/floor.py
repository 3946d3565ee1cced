"""The floor: callers come and go, agents come and go, and each caller gets the right one.

Theory of operation
-------------------
Every method takes `now` (POSIX seconds; a clock that runs backwards is held) and returns commands for the shell. The
shell calls `tick` no later than `next_at` says. A call is in one state:

    WAITING --Offer--> OFFERED --accept--> TALKING --finish--> gone
       ^                 |  '--transferring--> TRANSFERRING --accept, transferred
       '-- refuse, ring time over, agent gone --'

- One rule picks: of all waiting callers for whom an eligible agent is free, the one with the lowest rank is served, by
  the agent that the strategy of the caller's queue names. It runs after each change until nothing more fits.
- Callers alike in queue, skills and stage form a group with one sorted line; only the heads of lines are compared.
- Time widens the circle: at each stage of overflow a caller moves to a group that more agents may serve.
- A caller who is offered keeps the rank, so a refused offer costs no place. Who hangs up keeps it for `keep_place_s`.
- Agents never have two calls: only AVAILABLE ones are offered, and an offer makes them RINGING.
- Where several nodes share the agents, each has a floor of its own with its own callers. An agent whom another node has
  is ELSEWHERE (`take_away`, `give_back`); callers of other nodes and those who will be called back count for places and
  estimated waits (`set_others`).
"""

from __future__ import annotations

from collections.abc import Iterable

from ivr.acd.agents import IN_CALL, Agent, AgentState
from ivr.acd.commands import Command, Connect, GiveUp, GiveUpKind, Offer, RefuseKind, Withdraw
from ivr.acd.config import AgentConfig, FloorConfig, QueueConfig, parse_skills
from ivr.acd.elsewhere import Elsewhere, Other
from ivr.acd.estimate import Estimator
from ivr.acd.figures import QueueFigures
from ivr.acd.roster import Group, GroupKey, Roster
from ivr.acd.staff import Staff
from ivr.acd.strategies import choose
from ivr.acd.telling import Teller
from ivr.acd.waiting import Arrival, Call, CallState, Line, QueueState, Skills
from ivr.acd.waits import Wait, Waits
from ivr.errors import ConfigError

RING_GRACE_S = 10.0
"""A phone that rings when the longest wait is over may ring on for so long."""


class Floor:
    """All queues and agents of a service."""

    def __init__(self, config: FloorConfig, now: float) -> None:
        self.config = config
        self.roster = Roster(config)
        self.calls: dict[str, Call] = {}
        self.figures = {queue.name: QueueFigures(queue.service_level_s) for queue in config.queues}
        self._lines: dict[str, Line] = {queue.name: Line() for queue in config.queues}
        self._groups: dict[GroupKey, Group] = {}
        self._estimator = Estimator(self.roster)
        self._places: dict[tuple[str, str], float] = {}
        """(caller, queue) -> when the wait of a dropped line began."""
        self._waits = Waits()
        self._staff = Staff(self.roster, self._waits)
        self._others = Elsewhere()
        self._teller = Teller(
            config.tell_every_s, self.calls, self._lines, self._others, self._groups, self._estimator, now
        )
        self._arrivals = 0
        self._now = now
        for queue in config.queues:
            self._watch_hours(queue)

    # -- callers

    def enter(self, arrival: Arrival, now: float) -> list[Command]:
        """A caller wants a human. Raises ConfigError for a queue that is not there, or for text that is no skill."""
        now = self._at(now)
        queue = self.roster.queue(arrival.queue)
        skills = parse_skills(arrival.skills)
        if arrival.call_id in self.calls:
            raise ConfigError(f"call {arrival.call_id!r} is on the floor already")
        refused = self._refusal(queue, skills, now)
        if refused is not None:
            self.figures[queue.name].give_up(refused)
            return [GiveUp(arrival.call_id, refused, f"queue {queue.name}")]
        self._arrivals += 1
        entered = min(now, self._places.pop((arrival.caller, queue.name), now))
        self._waits.cancel(Wait("place", arrival.caller, queue.name))
        rank = (entered - arrival.priority * self.config.ageing_s, self._arrivals)
        call = Call(arrival, skills, entered, rank, now + arrival.max_wait_s)
        self.calls[arrival.call_id] = call
        self.figures[queue.name].offered += 1
        self._lines[queue.name].add(call.place)
        self._waits.set(Wait("max_wait", arrival.call_id), call.give_up_at)
        self._wait_again(call, now)
        self._teller.moved(queue.name)
        return [*self._route(now), *self._teller.first(call)]

    def leave(self, call_id: str, now: float, *, keep_place: bool = False) -> list[Command]:
        """The caller is gone or was taken back by the bot; unknown ids do no harm. `keep_place` = the line dropped."""
        now = self._at(now)
        call = self.calls.get(call_id)
        if call is None:
            return []
        if call.state is CallState.TALKING:
            return [Withdraw(call_id, call.agent, "the caller has left"), *self.finish(call_id, now)]
        self.figures[call.arrival.queue].abandon(now - call.entered_at)
        withdrawn = self._remove(call, "the caller has left", now)
        if keep_place:
            withdrawn += self.keep_place(call.arrival.caller, call.arrival.queue, call.entered_at, now)
        return [*withdrawn, *self._route(now)]

    def keep_place(
        self, caller: str, queue: str, entered_at: float, now: float, until: float | None = None
    ) -> list[Command]:
        """Whoever calls again from this number takes up the wait begun at `entered_at`; one who waits again already
        (news of the lost line came later than the caller) moves up to it."""
        config, now = self.roster.queue(queue), self._at(now)
        if not caller or not config.keep_place_s:
            return []
        again = next((call for call in self.calls.values() if call.came_back(caller, queue, entered_at)), None)
        if again is not None:
            self._move_up(again, entered_at)
            return self._route(now)
        self._places[caller, queue] = entered_at
        self._waits.set(Wait("place", caller, queue), now + config.keep_place_s if until is None else until)
        return []

    def drop_place(self, caller: str, queue: str) -> None:
        """It was taken up at another node."""
        self._places.pop((caller, queue), None)
        self._waits.cancel(Wait("place", caller, queue))

    def place_of(self, caller: str, queue: str) -> float | None:
        """When the wait began that this caller may take up."""
        return self._places.get((caller, queue))

    def set_others(self, others: Iterable[Other], now: float) -> None:
        """All who wait at other nodes, or for a call back: they count as callers ahead, and are not ours to serve."""
        self._at(now)
        self._others.set(others, self.roster)
        self._estimator.others = self._others.groups
        for queue in self._lines:
            self._teller.moved(queue)

    # -- agents' answers

    def accept(self, call_id: str, agent_name: str, now: float) -> list[Command]:
        """The agent picked up. Too late (withdrawn, answered by another): their leg is withdrawn."""
        now = self._at(now)
        call = self.calls.get(call_id)
        if call is not None and call.agent == agent_name:
            return []  # told twice
        if call is None or agent_name not in call.offered:
            return [Withdraw(call_id, agent_name, "the call is no longer here")]
        agent = self.roster.agent(agent_name)
        self._stop_ring(call, agent_name)
        withdrawn = self._withdraw_all(call, "another agent has answered", now)
        agent.move(AgentState.BUSY, now)
        agent.missed = 0
        self._out_of_line(call)
        self._waits.cancel(Wait("max_wait", call_id))
        call.state, call.agent, call.answered_at = CallState.TALKING, agent_name, now
        waited = now - call.entered_at
        self.figures[call.arrival.queue].answer(waited, call.first_wait_s)
        return [*withdrawn, Connect(call_id, agent_name, waited), *self._route(now)]

    def refuse(self, call_id: str, agent_name: str, kind: RefuseKind, now: float) -> list[Command]:
        """The agent did not answer, refused, was busy or could not be reached: the next one."""
        now = self._at(now)
        call = self.calls.get(call_id)
        if call is None or agent_name not in call.offered:
            return []
        self._stop_ring(call, agent_name)
        self._staff.punish(self.roster.agent(agent_name), kind, now)
        if call.state is CallState.TRANSFERRING:  # the wait is bounded again
            self._waits.set(Wait("max_wait", call_id), max(now, call.give_up_at))
        if not call.offered:
            self._wait_again(call, now)
        return self._overdue(call, now) or self._route(now)

    def transferring(self, call_id: str, agent_name: str, now: float) -> bool:
        """The caller's phone is told to call the agent (REFER): no time of ours withdraws that any more. False when
        the offer is not in force any longer: do not transfer."""
        self._at(now)
        call = self.calls.get(call_id)
        if call is None or agent_name not in call.offered:
            return False
        call.state = CallState.TRANSFERRING
        call.offered[agent_name] = float("inf")
        self._waits.cancel(Wait("ring", call_id, agent_name))
        self._waits.cancel(Wait("max_wait", call_id))
        return True

    def transfer_refused(self, call_id: str, agent_name: str, now: float) -> bool:
        """The caller's phone would not transfer: the agent is to be rung instead. False when nobody waits any more."""
        now = self._at(now)
        call = self.calls.get(call_id)
        if call is None or agent_name not in call.offered:
            return False
        call.state = CallState.OFFERED
        self._ring(call, agent_name, now)
        self._waits.set(Wait("max_wait", call_id), max(now, call.give_up_at))
        return True

    def transferred(self, call_id: str, agent_name: str, now: float) -> list[Command]:
        """The caller talks to the agent without us, or may do so: the call is off the floor, the agent busy for a
        while."""
        now = self._at(now)
        commands = self.accept(call_id, agent_name, now)
        call = self.calls.get(call_id)
        if call is None or call.agent != agent_name:
            return commands
        queue = self.roster.queue(call.arrival.queue)
        hold = queue.transfer_hold_s
        hold = self._estimator.handle(queue).mean_s if hold is None else hold
        return [*commands, *self._finish(call, hold, 0.0, now)]

    def finish(self, call_id: str, now: float) -> list[Command]:
        """Caller and agent have ended their talk; the agent wraps up. Unknown ids do no harm."""
        now = self._at(now)
        call = self.calls.get(call_id)
        if call is None or call.state is not CallState.TALKING:
            return []
        wrap_up_s = self.roster.queue(call.arrival.queue).wrap_up_s
        return self._finish(call, wrap_up_s, now - call.answered_at, now)

    # -- agents in calls that the floor did not offer

    def engage(self, name: str, call_id: str, now: float) -> bool:
        """A colleague asks the agent to a call, or they take one over: busy from the ringing on. False = not free."""
        now = self._at(now)
        agent = self.roster.agent(name)
        if agent.state is not AgentState.AVAILABLE:
            return False
        self._staff.move(agent, AgentState.BUSY, now)
        agent.call_id = call_id
        return True

    def disengage(self, name: str, call_id: str, queue: str | None, now: float) -> list[Command]:
        """Their part of that call is over. `queue`: they had its caller, so its wrap-up follows; None = they were asked
        only, and are where they stood in the order of the idle. Does nothing for one who is not engaged there."""
        now = self._at(now)
        agent = self.roster.agent(name)
        if agent.state is not AgentState.BUSY or agent.call_id != call_id or call_id in self.calls:
            return []
        if queue is None:
            idle_since = agent.idle_since
            agent.move(AgentState.WRAP_UP, now)
            self._staff.ready(agent, now)
            agent.idle_since = idle_since
        else:
            config = self.roster.queues.get(queue)
            self._staff.wrap_up(agent, config.wrap_up_s if config is not None else 0.0, now)
        return [*self._leave_empty(now), *self._route(now)]

    # -- agents come and go

    def put_agent(self, config: AgentConfig, now: float) -> list[Command]:
        """Add an agent (offline) or change queues and skills. Raises ConfigError."""
        now = self._at(now)
        self.roster.put(config)
        return self._regroup(now)

    def put_queue(self, config: QueueConfig, now: float) -> list[Command]:
        """Add a queue, or change how it works: its hours count from now on."""
        now = self._at(now)
        self.roster.put_queue(config)
        self.figures.setdefault(config.name, QueueFigures(config.service_level_s))
        self._lines.setdefault(config.name, Line())
        self._waits.cancel(Wait("hours", config.name))
        commands = self._hours_changed(config, now) if config.leave_when_closed else []
        return [*commands, *self._regroup(now)]

    def _regroup(self, now: float) -> list[Command]:
        """Who may take which caller has changed."""
        waiting = [call for call in self.calls.values() if call.state is CallState.WAITING]
        for call in waiting:  # the stages may be others now
            self._out_of_group(call)
        self._groups.clear()
        for call in waiting:
            self._wait_again(call, now)
        return self._route(now)

    def sign_in(self, name: str, now: float) -> list[Command]:
        """Available from now on; does nothing for one who is signed in."""
        now = self._at(now)
        agent = self.roster.agent(name)
        if agent.state is AgentState.OFFLINE:
            agent.idle_since = now
            self._staff.move(agent, AgentState.AVAILABLE, now)
        elif agent.then == (AgentState.OFFLINE, ""):
            agent.then = None
        return self._route(now)

    def sign_out(self, name: str, now: float) -> list[Command]:
        """Gone; from a call only at its end, and a phone that rings stops."""
        now = self._at(now)
        commands = self._step_back(self.roster.agent(name), AgentState.OFFLINE, "", now)
        return [*commands, *self._leave_empty(now), *self._route(now)]

    def pause(self, name: str, reason: str, now: float) -> list[Command]:
        """No calls until `resume`; from a call only at its end. Raises ConfigError for one who is signed out."""
        now = self._at(now)
        agent = self.roster.agent(name)
        if agent.state is AgentState.OFFLINE:
            raise ConfigError(f"agent {name!r} is not signed in")
        return [*self._step_back(agent, AgentState.PAUSED, reason, now), *self._route(now)]

    def resume(self, name: str, now: float) -> list[Command]:
        """Ends a pause, a pause to come, or the wrap-up."""
        now = self._at(now)
        agent = self.roster.agent(name)
        agent.then = None
        if agent.state in (AgentState.PAUSED, AgentState.WRAP_UP):
            agent.missed = 0
            self._staff.ready(agent, now)
        return self._route(now)

    def take_away(self, name: str, now: float) -> list[Command]:
        """Another node has this agent, or is to have them first. An offer of ours that is under way lapses, and nobody
        is blamed; in a call nothing changes."""
        now = self._at(now)
        agent = self.roster.agent(name)
        if agent.state is AgentState.AVAILABLE:
            self._staff.move(agent, AgentState.ELSEWHERE, now)
        call = self.calls.get(agent.call_id)
        if agent.state is not AgentState.RINGING or call is None or call.state is CallState.TRANSFERRING:
            return []
        self._stop_ring(call, name)
        self._staff.move(agent, AgentState.ELSEWHERE, now)
        if not call.offered:
            self._wait_again(call, now)
        withdrawn: Command = Withdraw(call.arrival.call_id, name, "another node has the agent")
        return [withdrawn, *(self._overdue(call, now) or self._route(now))]

    def give_back(self, name: str, now: float, idle_since: float | None = None) -> list[Command]:
        """The other node has done with the agent. `idle_since`: when the last call ended there."""
        now = self._at(now)
        agent = self.roster.agent(name)
        if agent.state is AgentState.ELSEWHERE:
            agent.idle_since = agent.idle_since if idle_since is None else idle_since
            self._staff.move(agent, AgentState.AVAILABLE, now)
        return self._route(now)

    # -- time

    def next_at(self) -> float | None:
        """When `tick` is needed next; None = not before the next change."""
        return min((at for at in (self._waits.next_at(), self._teller.next_at()) if at is not None), default=None)

    def tick(self, now: float) -> list[Command]:
        """All that is due."""
        now = self._at(now)
        commands: list[Command] = []
        while (wait := self._waits.due(now)) is not None:
            commands += self._due(wait, now)
        commands += [*self._leave_empty(now), *self._route(now)]
        return [*commands, *self._teller.due(now)]

    def status(self, queue_name: str, now: float) -> QueueState:
        """Raises ConfigError for a queue that is not there."""
        now = self._at(now)
        queue = self.roster.queue(queue_name)
        names = self.roster.ever_eligible(queue_name, frozenset())
        return QueueState(
            self._refusal(queue, frozenset(), now) != "closed",
            self._waiting(queue_name),
            self.roster.at_work(names),
            round(self._estimator.outlook(queue_name, frozenset(), self._groups).wait_s((now, self._arrivals + 1))),
        )

    def position(self, call_id: str) -> int:
        """1 = next in the queue; 0 = does not wait."""
        call = self.calls.get(call_id)
        if call is None or not call.waits:
            return 0
        queue = call.arrival.queue
        return self._lines[queue].ahead(call.rank) + self._others.ahead(queue, call.rank) + 1

    def expected_wait_s(self, queue: str, skills: Skills, rank: float) -> float:
        """For someone of this rank who is not in line here."""
        return self._estimator.outlook(queue, skills, self._groups).wait_s((rank, 0))

    def around(self, queue: str, rank: float) -> tuple[int, int]:
        """How many wait before someone of this rank who is not in line here, and how many on the line after them."""
        ahead = self._lines[queue].ahead((rank, 0)) + self._others.ahead(queue, (rank, 0))
        return ahead, max(0, len(self._lines[queue]) + self._others.on_line(queue) - ahead)

    def _waiting(self, queue: str) -> int:
        return len(self._lines[queue]) + self._others.waiting(queue)

    # -- inside: time

    def _at(self, now: float) -> float:
        self._now = max(self._now, now)
        return self._now

    def _due(self, wait: Wait, now: float) -> list[Command]:
        if wait.kind == "agent":
            self._staff.ready(self.roster.agent(wait.subject), now)
        elif wait.kind == "place":
            self._places.pop((wait.subject, wait.other), None)
        elif wait.kind == "hours":
            return self._hours_changed(self.roster.queue(wait.subject), now)
        elif wait.kind == "ring":
            refused = self.refuse(wait.subject, wait.other, "no_answer", now)
            return [Withdraw(wait.subject, wait.other, "no answer"), *refused]
        elif wait.kind == "max_wait":
            return self._overdue(self.calls[wait.subject], now)
        elif wait.kind == "stage":
            call = self.calls[wait.subject]
            self._out_of_group(call)
            self._wait_again(call, now)
        return []

    def _overdue(self, call: Call, now: float) -> list[Command]:
        """Give the caller up once the longest wait is over and no phone rings, or has rung on for its grace."""
        if call.state not in (CallState.WAITING, CallState.OFFERED) or now < call.give_up_at:
            return []
        until = min(max(call.offered.values(), default=now), call.give_up_at + RING_GRACE_S)
        if until > now:
            self._waits.set(Wait("max_wait", call.arrival.call_id), until)
            return []
        return [*self._give_up(call, "timeout", now), *self._route(now)]

    def _watch_hours(self, queue: QueueConfig) -> None:
        change = queue.hours.next_change(self._now) if queue.leave_when_closed else None
        if change is not None:
            self._waits.set(Wait("hours", queue.name), change)

    def _hours_changed(self, queue: QueueConfig, now: float) -> list[Command]:
        self._watch_hours(queue)
        if queue.hours.is_open(now):
            return []
        waiting = [self.calls[call_id] for call_id in self._lines[queue.name].ids()]
        return [c for call in waiting if call.state is CallState.WAITING for c in self._give_up(call, "closed", now)]

    # -- inside: callers

    def _refusal(self, queue: QueueConfig, skills: frozenset[tuple[str, int]], now: float) -> GiveUpKind | None:
        if not queue.hours.is_open(now):
            return "closed"
        if not queue.join_empty and not self.roster.signed_in(self.roster.ever_eligible(queue.name, skills)):
            return "closed"
        return "full" if self._waiting(queue.name) >= queue.max_waiting else None

    def _wait_again(self, call: Call, now: float) -> None:
        """Into the line of its group, at the stage its waiting time has reached."""
        call.state = CallState.WAITING
        steps = self.roster.stages(call.arrival.queue, call.skills)
        waited = now - call.entered_at
        call.stage = max(index for index, step in enumerate(steps) if step.after_s <= waited + 1e-6)
        if call.stage + 1 < len(steps):
            at = call.entered_at + steps[call.stage + 1].after_s
            self._waits.set(Wait("stage", call.arrival.call_id), at)
        self._group(call).line.add(call.place)

    def _group(self, call: Call) -> Group:
        key = (call.arrival.queue, call.skills, call.stage)
        group = self._groups.get(key)
        if group is None:
            queue = self.roster.queue(call.arrival.queue)
            group = self._groups[key] = Group(queue, call.skills, self.roster.eligible(*key))
        return group

    def _out_of_group(self, call: Call) -> None:
        group = self._group(call)
        group.line.remove(call.place)
        if not group.line:
            del self._groups[call.arrival.queue, call.skills, call.stage]
        self._waits.cancel(Wait("stage", call.arrival.call_id))

    def _move_up(self, call: Call, entered_at: float) -> None:
        """To the place of a wait that began earlier."""
        waits, line = call.state is CallState.WAITING, self._lines[call.arrival.queue]
        if waits:
            self._out_of_group(call)
        line.remove(call.place)
        call.entered_at = entered_at
        call.rank = (entered_at - call.arrival.priority * self.config.ageing_s, call.rank[1])
        line.add(call.place)
        if waits:
            self._wait_again(call, self._now)
        self._teller.moved(call.arrival.queue)

    def _out_of_line(self, call: Call) -> None:
        self._lines[call.arrival.queue].remove(call.place)
        self._teller.moved(call.arrival.queue)

    def _remove(self, call: Call, reason: str, now: float) -> list[Command]:
        """A caller who does not talk leaves the floor."""
        if call.state is CallState.WAITING:
            self._out_of_group(call)
        self._out_of_line(call)
        self._waits.cancel(Wait("max_wait", call.arrival.call_id))
        del self.calls[call.arrival.call_id]
        return self._withdraw_all(call, reason, now)

    def _give_up(self, call: Call, kind: GiveUpKind, now: float) -> list[Command]:
        self.figures[call.arrival.queue].give_up(kind)
        detail = f"waited {now - call.entered_at:.0f} s in queue {call.arrival.queue}"
        return [*self._remove(call, f"given up: {kind}", now), GiveUp(call.arrival.call_id, kind, detail)]

    def _leave_empty(self, now: float) -> list[Command]:
        """After a sign-out: give up those whom nobody who is signed in may ever serve."""
        if not self._staff.take_signed_out():
            return []
        stranded = [
            call for call in self.calls.values()
            if call.state is CallState.WAITING and self.roster.queue(call.arrival.queue).leave_when_empty
            and not self.roster.signed_in(self.roster.ever_eligible(call.arrival.queue, call.skills))
        ]  # fmt: skip
        return [command for call in stranded for command in self._give_up(call, "closed", now)]

    def _finish(self, call: Call, wrap_up_s: float, talk_s: float, now: float) -> list[Command]:
        del self.calls[call.arrival.call_id]
        queue = self.roster.queue(call.arrival.queue)
        self.figures[queue.name].handle(talk_s, wrap_up_s)
        self._estimator.handle(queue).seen(talk_s + wrap_up_s)
        self._staff.wrap_up(self.roster.agent(call.agent), wrap_up_s, now)
        return [*self._leave_empty(now), *self._route(now)]

    # -- inside: agents

    def _step_back(self, agent: Agent, state: AgentState, reason: str, now: float) -> list[Command]:
        """To PAUSED or OFFLINE: at once, or after the call."""
        if agent.state in IN_CALL:
            agent.then = (state, reason)
            return []
        commands: list[Command] = []
        call = self.calls.get(agent.call_id)
        if agent.state is AgentState.RINGING and call is not None:
            if call.state is CallState.TRANSFERRING:
                agent.then = (state, reason)
                return []
            self._stop_ring(call, agent.name)
            commands.append(Withdraw(agent.call_id, agent.name, "the agent has stepped back"))
        if agent.state is not AgentState.OFFLINE:
            self._staff.move(agent, state, now, reason)
        if call is not None and call.state is CallState.OFFERED and not call.offered:
            self._wait_again(call, now)
            commands += self._overdue(call, now)
        return commands

    # -- inside: offers

    def _route(self, now: float) -> list[Command]:
        """Offer while a caller and a free agent fit together."""
        commands: list[Command] = []
        available = self.roster.available
        while available:
            best: Group | None = None
            for group in self._groups.values():
                if (best is None or group.line.head < best.line.head) and not available.isdisjoint(group.eligible):
                    best = group
            if best is None:
                break
            commands += self._offer(best, now)
        return commands

    def _offer(self, group: Group, now: float) -> list[Command]:
        call = self.calls[group.line.head[1]]
        free = [self.roster.agents[name] for name in self.roster.available & group.eligible]
        chosen = choose(group.queue.strategy, free, group.queue.name, group.skills)
        self._out_of_group(call)
        call.state = CallState.OFFERED
        for agent in chosen:
            self._staff.move(agent, AgentState.RINGING, now)
            agent.call_id, agent.offered_at = call.arrival.call_id, now
            agent.offers += 1
            self._ring(call, agent.name, now)
        return [Offer(call.arrival.call_id, agent.name, group.queue.name, group.queue.ring_s) for agent in chosen]

    def _ring(self, call: Call, agent: str, now: float) -> None:
        call.offered[agent] = now + self.roster.queue(call.arrival.queue).ring_s
        self._waits.set(Wait("ring", call.arrival.call_id, agent), call.offered[agent])

    def _stop_ring(self, call: Call, agent: str) -> None:
        call.offered.pop(agent, None)
        self._waits.cancel(Wait("ring", call.arrival.call_id, agent))

    def _withdraw_all(self, call: Call, reason: str, now: float) -> list[Command]:
        commands: list[Command] = []
        for name in tuple(call.offered):
            self._stop_ring(call, name)
            self._staff.ready(self.roster.agent(name), now)
            commands.append(Withdraw(call.arrival.call_id, name, reason))
        return commands
