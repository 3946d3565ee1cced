"""Which of several free agents gets a call."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ivr.acd.agents import Agent
from ivr.acd.config import Strategy

Skills = frozenset[tuple[str, int]]
Key = Callable[[Agent, Skills], tuple[Any, ...]]


def _longest_idle(agent: Agent, skills: Skills) -> tuple[Any, ...]:
    return (agent.idle_since, agent.order)


def _round_robin(agent: Agent, skills: Skills) -> tuple[Any, ...]:
    """Whoever was offered a call the longest ago, answered or not."""
    return (agent.offered_at if agent.offers else float("-inf"), agent.order)


def _skill_best(agent: Agent, skills: Skills) -> tuple[Any, ...]:
    return (-sum(agent.config.skills.get(name, 0) for name, _ in skills), agent.idle_since, agent.order)


def _linear(agent: Agent, skills: Skills) -> tuple[Any, ...]:
    return (agent.order,)


_KEYS: dict[Strategy, Key] = {
    "longest_idle": _longest_idle,
    "ring_all": _longest_idle,
    "round_robin": _round_robin,
    "skill_best": _skill_best,
    "linear": _linear,
}


def choose(strategy: Strategy, agents: Iterable[Agent], queue: str, skills: Skills) -> list[Agent]:
    """The agents to ring: one, or all of the lowest tier for `ring_all`. Lower tiers of the queue always come first;
    agents who are here by overflow have no tier and come last."""
    key = _KEYS[strategy]
    tiers = [(agent.config.queues.get(queue, 1 if not agent.config.queues else _NO_TIER), agent) for agent in agents]
    lowest = min((tier for tier, _ in tiers), default=0)
    first = [agent for tier, agent in tiers if tier == lowest]
    if strategy == "ring_all":
        return sorted(first, key=lambda agent: key(agent, skills))
    return [min(first, key=lambda agent: key(agent, skills))] if first else []


_NO_TIER = 1_000
