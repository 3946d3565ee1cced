"""Who may take which call: stages and eligible agents by queue and skills, worked out once and kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ivr.acd.agents import Agent, AgentState
from ivr.acd.config import AgentConfig, FloorConfig, QueueConfig, check_agent
from ivr.acd.waiting import Line, Skills, Stage, may_take, stages
from ivr.errors import ConfigError

GroupKey = tuple[str, Skills, int]
"""Queue, skills and stage: callers that are alike in these may be taken by the same agents."""


@dataclass(slots=True)
class Group:
    """Callers of one kind who wait, and the names of the agents who may take them."""

    queue: QueueConfig
    skills: Skills
    eligible: frozenset[str]
    line: Line = field(default_factory=Line)


class Roster:
    """Agents and queues by name. Raises ConfigError for names that are not on the floor."""

    def __init__(self, config: FloorConfig) -> None:
        self.queues: dict[str, QueueConfig] = {queue.name: queue for queue in config.queues}
        self.agents: dict[str, Agent] = {}
        self.available: set[str] = set()
        """Agents in that state."""
        self._stages: dict[tuple[str, Skills], tuple[Stage, ...]] = {}
        self._eligible: dict[GroupKey, frozenset[str]] = {}
        self._shares: dict[tuple[frozenset[str], frozenset[str]], float] = {}
        for agent in config.agents:
            self.put(agent)

    def put(self, config: AgentConfig) -> None:
        """Add an agent, or change what one knows; the state stays."""
        check_agent(config, list(self.queues))
        known = self.agents.get(config.name)
        if known is None:
            self.agents[config.name] = Agent(config, len(self.agents))
        else:
            known.config = config
        self._forget()

    def put_queue(self, config: QueueConfig) -> None:
        """Add a queue, or change how it works."""
        self.queues[config.name] = config
        self._forget()

    def _forget(self) -> None:
        """What was worked out from agents and queues."""
        self._stages.clear()
        self._eligible.clear()
        self._shares.clear()

    def agent(self, name: str) -> Agent:
        try:
            return self.agents[name]
        except KeyError:
            raise ConfigError(f"no such agent: {name!r}") from None

    def queue(self, name: str) -> QueueConfig:
        try:
            return self.queues[name]
        except KeyError:
            raise ConfigError(f"no such queue: {name!r} (queues: {', '.join(self.queues)})") from None

    def stages(self, queue: str, skills: Skills) -> tuple[Stage, ...]:
        key = (queue, skills)
        if key not in self._stages:
            tiers = max((agent.config.queues.get(queue, 1) for agent in self.agents.values()), default=1)
            self._stages[key] = stages(self.queues[queue], skills, tiers)
        return self._stages[key]

    def eligible(self, queue: str, skills: Skills, stage: int) -> frozenset[str]:
        key = (queue, skills, stage)
        found = self._eligible.get(key)
        if found is None:
            step = self.stages(queue, skills)[stage]
            config = self.queues[queue]
            found = self._eligible[key] = frozenset(
                name for name, agent in self.agents.items() if may_take(agent, config, step, self.queues)
            )
        return found

    def ever_eligible(self, queue: str, skills: Skills) -> frozenset[str]:
        """Who may take such a call sooner or later."""
        return self.eligible(queue, skills, len(self.stages(queue, skills)) - 1)

    def share(self, names: frozenset[str], others: frozenset[str]) -> float:
        """Which part of `names` is among the others."""
        key = (names, others)
        found = self._shares.get(key)
        if found is None:
            found = self._shares[key] = len(names & others) / len(names) if names else 0.0
        return found

    def signed_in(self, names: Iterable[str]) -> int:
        """How many of them are not offline; those who pause count, as they come back."""
        return sum(self.agents[name].state is not AgentState.OFFLINE for name in names)

    def at_work(self, names: Iterable[str]) -> int:
        """How many of them take calls or have one."""
        absent = (AgentState.OFFLINE, AgentState.PAUSED)
        return sum(self.agents[name].state not in absent for name in names)

    def states(self) -> Mapping[AgentState, int]:
        counts = dict.fromkeys(AgentState, 0)
        for agent in self.agents.values():
            counts[agent.state] += 1
        return counts
