"""A day on the floor in seconds: the same `Floor` that serves live calls, driven by a list of events in time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Literal, TypeAlias

from ivr.acd.agents import AgentState
from ivr.acd.commands import Command, Connect, GiveUp, Offer, Withdraw
from ivr.acd.config import AgentConfig, FloorConfig, QueueConfig, Strategy
from ivr.acd.floor import Floor
from ivr.acd.waiting import Arrival, CallState

Uniform: TypeAlias = Callable[[], float]
"""Gives numbers from [0, 1)."""
EventKind: TypeAlias = Literal["arrive", "answer", "ignore", "patience", "end"]


@dataclass(frozen=True, slots=True)
class Load:
    """What comes in and how agents behave."""

    calls_per_hour: float
    talk_s: float = 230.0
    wrap_up_s: float = 10.0
    patience_s: float | None = None
    """Mean time until a waiting caller hangs up; None = never."""
    answer_s: float = 0.0
    """An agent picks up after so long."""
    no_answer: float = 0.0
    """Share of offers that an agent lets ring."""
    warm_up: float = 0.1
    """Share of the calls at the start that is not counted, as the floor was empty before."""


@dataclass(frozen=True, slots=True)
class Result:
    """What callers met, all in order of arrival but the first ones."""

    agents: int
    calls: int
    answered: int
    abandoned: int
    given_up: int
    occupancy: float
    wait_probability: float
    asa_s: float
    service_level: float
    """Answered within the threshold, of all that were offered."""
    longest_wait_s: float
    estimate_error_s: float
    """Mean of |wait told at first - wait| of those answered."""
    estimate_bias_s: float


class Simulation:
    """One queue or many: override `arrival` for callers of several kinds."""

    def __init__(self, config: FloorConfig, load: Load, calls: int, uniform: Uniform) -> None:
        self.floor = Floor(config, 0.0)
        self._load, self._calls, self._uniform = load, calls, uniform
        self._events: list[tuple[float, int, EventKind, str, str]] = []
        self._count = 0
        self._arrived = 0
        self.waits: list[float | None] = []
        """Of each caller in order of arrival: seconds until answered, None if not."""
        self.estimates: list[float] = []
        self.given_up: set[int] = set()

    def arrival(self, number: int) -> Arrival:
        return Arrival(f"{number}", self.floor.config.queues[0].name, max_wait_s=math.inf)

    def run(self) -> float:
        """Until the last caller is gone; returns the time it took in seconds of the floor."""
        now = 0.0
        for agent in self.floor.roster.agents:
            self.floor.sign_in(agent, now)
        self._plan(self._exponential(3600 / self._load.calls_per_hour), "arrive")
        while self._events or self.floor.calls:
            at = self.floor.next_at()
            if self._events and (at is None or self._events[0][0] <= at):
                now, _, kind, call_id, agent = heappop(self._events)
                self._obey(self._happen(kind, call_id, agent, now), now)
            elif at is not None:
                now = max(now, at)
                self._obey(self.floor.tick(now), now)
            else:
                break  # nobody is left who could serve those who wait
        return now

    def _happen(self, kind: EventKind, call_id: str, agent: str, now: float) -> list[Command]:
        if kind == "arrive":
            return self._arrive(now)
        if kind == "answer":
            return self.floor.accept(call_id, agent, now)
        if kind == "end":
            return self.floor.finish(call_id, now)
        call = self.floor.calls.get(call_id)
        if kind == "patience" and call is not None and call.state is not CallState.TALKING:
            return self.floor.leave(call_id, now)
        return []

    def _arrive(self, now: float) -> list[Command]:
        self._arrived += 1
        if self._arrived < self._calls:
            self._plan(now + self._exponential(3600 / self._load.calls_per_hour), "arrive")
        arrival = self.arrival(self._arrived - 1)
        self.waits.append(None)
        commands = self.floor.enter(arrival, now)
        call = self.floor.calls.get(arrival.call_id)
        self.estimates.append(call.first_wait_s if call else 0.0)
        if self._load.patience_s is not None and call is not None:
            self._plan(now + self._exponential(self._load.patience_s), "patience", arrival.call_id)
        return commands

    def _obey(self, commands: list[Command], now: float) -> None:
        for command in commands:
            if isinstance(command, Offer):
                if self._uniform() >= self._load.no_answer:
                    self._plan(now + self._load.answer_s, "answer", command.call_id, command.agent)
            elif isinstance(command, Connect):
                self.waits[int(command.call_id)] = command.waited_s
                self._plan(now + self._exponential(self._load.talk_s), "end", command.call_id)
            elif isinstance(command, GiveUp):
                self.given_up.add(int(command.call_id))
            elif isinstance(command, Withdraw):
                continue  # an answer that is already planned comes too late and changes nothing

    def _plan(self, at: float, kind: EventKind, call_id: str = "", agent: str = "") -> None:
        self._count += 1
        heappush(self._events, (at, self._count, kind, call_id, agent))

    def _exponential(self, mean: float) -> float:
        return -mean * math.log(1.0 - self._uniform())


def simulate(
    load: Load, agents: int, calls: int, uniform: Uniform, threshold_s: float = 20.0,
    strategy: Strategy = "longest_idle",
) -> Result:  # fmt: skip
    """One queue, `agents` alike. Wrap-up is of fixed length; Erlang's formula wants talk and wrap-up together to be
    exponential, so compare with `wrap_up_s` = 0 where exactness matters."""
    queue = QueueConfig(
        "simulated", strategy=strategy, wrap_up_s=load.wrap_up_s, max_waiting=max(calls, 1),
        expected_handle_s=load.talk_s + load.wrap_up_s, service_level_s=threshold_s,
    )  # fmt: skip
    staff = tuple(AgentConfig(f"agent{number}") for number in range(agents))
    run = Simulation(FloorConfig((queue,), staff, tell_every_s=3600.0), load, calls, uniform)
    run.run()
    return _summary(run, agents, int(calls * load.warm_up), threshold_s)


def _summary(run: Simulation, agents: int, skip: int, threshold_s: float) -> Result:
    counted = list(zip(run.waits, run.estimates, strict=True))[skip:]
    answered = [(wait, estimate) for wait, estimate in counted if wait is not None]
    given_up = sum(number >= skip for number in run.given_up)
    number = max(len(answered), 1)
    return Result(
        agents=agents,
        calls=len(counted),
        answered=len(answered),
        abandoned=len(counted) - len(answered) - given_up,
        given_up=given_up,
        occupancy=_occupancy(run.floor),
        wait_probability=sum(wait is None or wait > 1e-9 for wait, _ in counted) / max(len(counted), 1),
        asa_s=sum(wait for wait, _ in answered) / number,
        service_level=sum(wait <= threshold_s for wait, _ in answered) / max(len(counted), 1),
        longest_wait_s=max((wait for wait, _ in answered), default=0.0),
        estimate_error_s=sum(abs(estimate - wait) for wait, estimate in answered) / number,
        estimate_bias_s=sum(estimate - wait for wait, estimate in answered) / number,
    )


def _occupancy(floor: Floor) -> float:
    seconds = dict.fromkeys(AgentState, 0.0)
    for agent in floor.roster.agents.values():
        for state, spent in agent.seconds.items():
            seconds[state] += spent
    busy = seconds[AgentState.BUSY] + seconds[AgentState.WRAP_UP]
    ready = busy + seconds[AgentState.AVAILABLE] + seconds[AgentState.RINGING]
    return busy / ready if ready else 0.0
