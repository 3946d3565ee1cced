"""Ten thousand callers, three hundred agents, several queues and skills: the rules hold at every step of the day."""

from __future__ import annotations

import math
from random import Random

from ivr.acd.agents import AgentState
from ivr.acd.commands import Command, Connect, GiveUp, Offer, Withdraw
from ivr.acd.config import AgentConfig, FloorConfig, QueueConfig
from ivr.acd.simulation import Load, Simulation
from ivr.acd.waiting import Arrival, CallState

QUEUES = ("cards", "loans", "care")
SKILLS = ("zh", "en", "gold")
CALLERS = 10_000


class Watched(Simulation):
    """Keeps its own books, as a shell that trusts nobody would."""

    def __init__(self, config: FloorConfig, load: Load, calls: int, seed: int) -> None:
        self.random = Random(seed)
        super().__init__(config, load, calls, self.random.random)
        self.ringing: dict[str, str] = {}
        self.talking: dict[str, str] = {}
        self.served: set[str] = set()
        self.commands = 0

    def arrival(self, number: int) -> Arrival:
        skills = tuple(self.random.sample(SKILLS, self.random.randint(0, 2)))
        priority = self.random.choice((0.0, 0.0, 0.0, 1.0, 3.0))
        return Arrival(str(number), self.random.choice(QUEUES), "", skills, priority, math.inf)

    def _obey(self, commands: list[Command], now: float) -> None:
        for command in commands:
            self._book(command)
        super()._obey(commands, now)
        self.commands += len(commands)
        for agent in [a for a, call in self.talking.items() if call not in self.floor.calls]:
            del self.talking[agent]

    def _book(self, command: Command) -> None:
        if isinstance(command, Offer):
            assert command.agent not in self.ringing, "an agent is rung twice"
            busy = self.talking.get(command.agent)
            assert busy is None or busy not in self.floor.calls, "an agent who talks is offered a call"
            assert command.call_id not in self.ringing.values(), "a caller is offered twice"
            self.ringing[command.agent] = command.call_id
            self._nobody_before(command)
        elif isinstance(command, Withdraw):
            if self.ringing.get(command.agent) == command.call_id:  # else an answer that came too late
                del self.ringing[command.agent]
        elif isinstance(command, Connect):
            assert self.ringing.pop(command.agent) == command.call_id
            assert command.call_id not in self.served
            self.served.add(command.call_id)
            self.talking[command.agent] = command.call_id
        else:
            assert not isinstance(command, GiveUp), "nobody is sent away on this floor"

    def _nobody_before(self, offer: Offer) -> None:
        """Priorities are never inverted: whoever waits on could not be served by this agent, or comes later."""
        floor = self.floor
        rank = floor.calls[offer.call_id].rank
        for group in floor._groups.values():
            if offer.agent in group.eligible and group.line:
                assert group.line.head > (rank, offer.call_id), "a caller who comes first was passed over"


def test_the_rules_hold_all_day() -> None:
    random = Random(5)
    queues = tuple(QueueConfig(name, max_waiting=20_000, wrap_up_s=10, ring_s=15) for name in QUEUES)
    agents = tuple(
        AgentConfig(
            f"a{n}", dict.fromkeys(random.sample(QUEUES, 2), 1), dict.fromkeys(random.sample(SKILLS, 2), 5),
            no_answer_delay_s=20,
        )
        for n in range(300)
    )  # fmt: skip
    load = Load(calls_per_hour=300 * 3600 / 240 * 0.98, patience_s=400, answer_s=3.0, no_answer=0.1)
    run = Watched(FloorConfig(queues, agents, tell_every_s=60), load, CALLERS, 11)
    run.run()
    floor = run.floor
    assert floor.calls == {}, "somebody is still on the floor"
    assert run.ringing == {}
    figures = floor.figures.values()
    assert sum(f.offered for f in figures) == CALLERS
    assert sum(f.answered for f in figures) == len(run.served)
    assert sum(f.answered + f.abandoned for f in figures) == CALLERS, "somebody was lost"
    states = floor.roster.states()
    assert states[AgentState.RINGING] == states[AgentState.BUSY] == 0
    assert not any(call.state is CallState.OFFERED for call in floor.calls.values())
