"""The floor under any sequence of events: nobody lost or offered twice, no agent with two calls, priorities kept."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from ivr.acd.agents import AgentState
from ivr.acd.commands import Command, Connect, GiveUp, Offer, Tell, Withdraw
from ivr.acd.config import AgentConfig, FloorConfig, Overflow, QueueConfig
from ivr.acd.elsewhere import Other
from ivr.acd.floor import Floor
from ivr.acd.waiting import Arrival, CallState

AGENTS = ("ann", "ben", "cy", "dora")
CONFIG = FloorConfig(
    (
        QueueConfig("cards", strategy="ring_all", tier_after_s=10, wrap_up_s=5, leave_when_empty=False),
        QueueConfig("loans", overflow=(Overflow(15, queues=("cards",)),), wrap_up_s=0, max_waiting=5),
        QueueConfig("any", skills=("zh",), strategy="skill_best", overflow=(Overflow(8, relax_levels=4),)),
    ),
    (
        AgentConfig("ann", {"cards": 1, "loans": 1}, {"zh": 2}),
        AgentConfig("ben", {"cards": 2}, {"gold": 3}, no_answer_delay_s=0),
        AgentConfig("cy", {}, {"zh": 5}, reject_delay_s=0),
        AgentConfig("dora", {"loans": 1, "any": 1}, {"zh": 9, "gold": 1}, max_no_answer=2),
    ),
)


class FloorMachine(RuleBasedStateMachine):
    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0
        self.floor = Floor(CONFIG, self.now)
        self.count = 0
        self.open: dict[str, str] = {}
        """Call -> what the shell believes: waiting or talking."""
        self.ringing: set[tuple[str, str]] = set()
        self.talking: dict[str, str] = {}
        """Agent -> call."""
        self.engaged: set[str] = set()
        """Agents in calls that the floor did not offer."""
        for name in AGENTS:
            self.obey(self.floor.sign_in(name, self.now))

    def obey(self, commands: list[Command]) -> None:
        """A shell that keeps its own books and finds any command that does not fit them."""
        for command in commands:
            if isinstance(command, Offer):
                assert self.open[command.call_id] == "waiting"
                assert not any(agent == command.agent for _, agent in self.ringing), "an agent is offered twice"
                assert command.agent not in self.talking, "an agent who talks is offered a call"
                assert command.agent not in self.engaged, "an agent on a colleague's call is offered one"
                self.nobody_comes_before(command)
                self.ringing.add((command.call_id, command.agent))
            elif isinstance(command, Withdraw):
                self.ringing.discard((command.call_id, command.agent))
                if self.talking.get(command.agent) == command.call_id:
                    del self.talking[command.agent]
            elif isinstance(command, Connect):
                assert (command.call_id, command.agent) in self.ringing, "connected without an offer"
                assert command.agent not in self.talking
                self.ringing.discard((command.call_id, command.agent))
                assert self.open[command.call_id] == "waiting"
                self.open[command.call_id] = "talking"
                self.talking[command.agent] = command.call_id
            elif isinstance(command, GiveUp):
                assert self.open.pop(command.call_id) == "waiting"
            else:
                assert isinstance(command, Tell)
                assert command.position >= 1
                assert command.wait_s >= 0

    def nobody_comes_before(self, offer: Offer) -> None:
        """Whoever waits on could not be served by this agent, or comes later."""
        rank = self.floor.calls[offer.call_id].rank
        for group in self.floor._groups.values():
            if offer.agent in group.eligible and group.line:
                assert group.line.head > (rank, offer.call_id), "a caller who comes first was passed over"

    @rule(
        target=calls,
        queue=st.sampled_from(("cards", "loans", "any")),
        skills=st.sampled_from(((), ("zh",), ("zh>=4",), ("gold",))),
        priority=st.sampled_from((-1.0, 0.0, 0.0, 1.0, 3.0)),
        caller=st.sampled_from(("", "100", "200")),
        max_wait=st.sampled_from((5.0, 60.0, 600.0)),
    )
    def enter(self, queue: str, skills: tuple[str, ...], priority: float, caller: str, max_wait: float) -> str:
        self.count += 1
        call_id = f"c{self.count}"
        self.open[call_id] = "waiting"
        self.obey(self.floor.enter(Arrival(call_id, queue, caller, skills, priority, max_wait), self.now))
        return call_id

    @rule(call=consumes(calls), keep=st.booleans())
    def caller_leaves(self, call: str, keep: bool) -> None:
        known = self.open.pop(call, None)
        self.obey(self.floor.leave(call, self.now, keep_place=keep and known == "waiting"))
        assert not any(ringing == call for ringing, _ in self.ringing), "a phone rings for a caller who is gone"

    @rule(pick=st.integers(0, 10))
    def agent_answers(self, pick: int) -> None:
        if self.ringing:
            call, agent = sorted(self.ringing)[pick % len(self.ringing)]
            self.obey(self.floor.accept(call, agent, self.now))
            assert self.talking[agent] == call

    @rule(pick=st.integers(0, 10), kind=st.sampled_from(("no_answer", "rejected", "busy", "failed")))
    def agent_refuses(self, pick: int, kind: str) -> None:
        if self.ringing:
            call, agent = sorted(self.ringing)[pick % len(self.ringing)]
            self.ringing.discard((call, agent))
            self.obey(self.floor.refuse(call, agent, kind, self.now))  # type: ignore[arg-type]

    @rule(pick=st.integers(0, 10), outcome=st.sampled_from(("accepted", "refused", "open")))
    def transfer(self, pick: int, outcome: str) -> None:
        if not self.ringing:
            return
        call, agent = sorted(self.ringing)[pick % len(self.ringing)]
        assert self.floor.transferring(call, agent, self.now)
        if outcome == "refused":
            assert self.floor.transfer_refused(call, agent, self.now)
        elif outcome == "accepted":
            self.obey(self.floor.transferred(call, agent, self.now))
            del self.open[call], self.talking[agent]

    @rule(pick=st.integers(0, 10))
    def talk_ends(self, pick: int) -> None:
        if self.talking:
            agent, call = sorted(self.talking.items())[pick % len(self.talking)]
            del self.talking[agent], self.open[call]
            self.obey(self.floor.finish(call, self.now))

    @rule(call=st.sampled_from(("c1", "c2", "nobody")), agent=st.sampled_from(AGENTS))
    def stray_answers(self, call: str, agent: str) -> None:
        """Answers that come late or twice change nothing."""
        if (call, agent) not in self.ringing:
            late = [] if self.talking.get(agent) == call else [Withdraw(call, agent, "the call is no longer here")]
            assert self.floor.accept(call, agent, self.now) == late
            assert self.floor.refuse(call, agent, "busy", self.now) == []

    @rule(agent=st.sampled_from(AGENTS), act=st.sampled_from(("in", "out", "pause", "resume")))
    def agent_moves(self, agent: str, act: str) -> None:
        floor = self.floor
        if act == "in":
            self.obey(floor.sign_in(agent, self.now))
        elif act == "out":
            self.obey(floor.sign_out(agent, self.now))
        elif act == "resume":
            self.obey(floor.resume(agent, self.now))
        elif floor.roster.agent(agent).state is not AgentState.OFFLINE:
            self.obey(floor.pause(agent, "lunch", self.now))

    @rule(agent=st.sampled_from(AGENTS))
    def a_colleague_asks(self, agent: str) -> None:
        free = self.floor.roster.agent(agent).state is AgentState.AVAILABLE
        assert self.floor.engage(agent, "theirs", self.now) == free
        if free:
            self.engaged.add(agent)

    @rule(agent=st.sampled_from(AGENTS), queue=st.sampled_from((None, "cards", "loans")))
    def a_colleague_is_done(self, agent: str, queue: str | None) -> None:
        engaged = agent in self.engaged
        self.engaged.discard(agent)
        commands = self.floor.disengage(agent, "theirs", queue, self.now)
        assert engaged or not commands
        self.obey(commands)

    @rule(agent=st.sampled_from(AGENTS), away=st.booleans())
    def another_node_takes_an_agent(self, agent: str, away: bool) -> None:
        if away:
            self.obey(self.floor.take_away(agent, self.now))
            assert self.floor.roster.agent(agent).state is not AgentState.AVAILABLE
        else:
            self.obey(self.floor.give_back(agent, self.now, self.now - 5.0))

    @rule(queue=st.sampled_from(("cards", "loans")), caller=st.sampled_from(("100", "200")), ago=st.floats(0.0, 500.0))
    def a_place_comes_from_a_lost_node(self, queue: str, caller: str, ago: float) -> None:
        self.obey(self.floor.keep_place(caller, queue, self.now - ago, self.now))

    @rule(waits=st.lists(st.tuples(st.sampled_from(("cards", "loans", "any")), st.floats(0, 2000)), max_size=4))
    def others_wait_elsewhere(self, waits: list[tuple[str, float]]) -> None:
        others = [Other(f"o{n}", queue, frozenset(), rank) for n, (queue, rank) in enumerate(waits)]
        self.floor.set_others(others, self.now)
        for call_id, call in self.floor.calls.items():
            ahead = sum(o.queue == call.arrival.queue and o.rank < call.rank[0] for o in others)
            assert not call.waits or self.floor.position(call_id) >= ahead + 1

    @rule(agent=st.sampled_from(AGENTS), skills=st.sampled_from(({}, {"zh": 1}, {"zh": 9, "gold": 9})))
    def agent_learns(self, agent: str, skills: dict[str, int]) -> None:
        config = self.floor.roster.agent(agent).config
        self.obey(self.floor.put_agent(AgentConfig(agent, config.queues, skills), self.now))

    @rule(seconds=st.sampled_from((0.5, 3.0, 10.0, 45.0, 400.0)))
    def time_passes(self, seconds: float) -> None:
        until = self.now + seconds
        while (at := self.floor.next_at()) is not None and at <= until:
            self.now = max(self.now, at)
            self.obey(self.floor.tick(self.now))
        self.now = until
        self.obey(self.floor.tick(self.now))

    @invariant()
    def nobody_is_lost(self) -> None:
        assert set(self.floor.calls) == set(self.open)
        for call_id, call in self.floor.calls.items():
            assert (call.state is CallState.TALKING) == (self.open[call_id] == "talking")
            assert set(call.offered) == {agent for ringing, agent in self.ringing if ringing == call_id}
            assert (call.state in (CallState.OFFERED, CallState.TRANSFERRING)) == bool(call.offered)
            if call.state in (CallState.WAITING, CallState.OFFERED):
                assert self.floor.next_at() is not None, "a wait without a bound"
        lines = sorted(call_id for line in self.floor._lines.values() for call_id in line.ids())
        assert lines == sorted(call_id for call_id, state in self.open.items() if state == "waiting")
        grouped = sorted(call_id for group in self.floor._groups.values() for call_id in group.line.ids())
        assert grouped == sorted(c for c, call in self.floor.calls.items() if call.state is CallState.WAITING)

    @invariant()
    def agents_are_as_the_shell_believes(self) -> None:
        ringing = {agent for _, agent in self.ringing}
        for name, agent in self.floor.roster.agents.items():
            assert (agent.state is AgentState.RINGING) == (name in ringing)
            assert (agent.state is AgentState.BUSY) == (name in self.talking or name in self.engaged)
            assert (agent.state is AgentState.AVAILABLE) == (name in self.floor.roster.available)

    @invariant()
    def nobody_waits_for_a_free_agent(self) -> None:
        for group in self.floor._groups.values():
            assert self.floor.roster.available.isdisjoint(group.eligible)

    @invariant()
    def the_line_is_in_order(self) -> None:
        """Within a group the order is that of rank; the rank is arrival moved by priority."""
        for group in self.floor._groups.values():
            ranks = [self.floor.calls[call_id].rank for call_id in group.line.ids()]
            assert ranks == sorted(ranks)
        for call in self.floor.calls.values():
            assert call.rank[0] == call.entered_at - call.arrival.priority * CONFIG.ageing_s


class PriorityMachine(RuleBasedStateMachine):
    """One skill, one agent: each caller served outranks all who could have been served instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.floor = Floor(FloorConfig((QueueConfig("q", wrap_up_s=0),), (AgentConfig("ann"),)), 0.0)
        self.floor.sign_in("ann", 0.0)
        self.count = 0

    def check(self, commands: list[Command]) -> None:
        for command in commands:
            if isinstance(command, Offer):
                rank = self.floor.calls[command.call_id].rank
                waiting = [c.rank for c in self.floor.calls.values() if c.state is CallState.WAITING]
                assert all(rank < other for other in waiting), "a lower priority was served first"

    @rule(priority=st.sampled_from((-1.0, 0.0, 1.0, 3.0)), pause=st.floats(0.0, 30.0))
    def enter(self, priority: float, pause: float) -> None:
        self.now += pause
        self.count += 1
        self.check(self.floor.enter(Arrival(f"c{self.count}", "q", "", (), priority, 1e9), self.now))

    @rule(pause=st.floats(0.0, 15.0), answers=st.booleans())
    def serve(self, pause: float, answers: bool) -> None:
        self.now += pause
        agent = self.floor.roster.agent("ann")
        call_id = agent.call_id
        if agent.state is AgentState.RINGING and answers:
            self.check(self.floor.accept(call_id, "ann", self.now))
            self.check(self.floor.finish(call_id, self.now))
        elif agent.state is AgentState.RINGING:
            self.check(self.floor.refuse(call_id, "ann", "rejected", self.now))
        elif agent.state is AgentState.PAUSED:
            self.check(self.floor.resume("ann", self.now))


FloorMachine.TestCase.settings = settings(max_examples=120, stateful_step_count=60)
PriorityMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestFloorMachine = FloorMachine.TestCase
TestPriorityMachine = PriorityMachine.TestCase
