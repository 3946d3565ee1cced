"""Erlang C: how many wait, and how long, with calls by chance (Poisson), talks of exponential length, one queue served
in order, agents all alike, and callers who never give up (M/M/n).

A. K. Erlang, "Solution of some problems in the theory of probabilities of significance in automatic telephone
exchanges" (1917); the recursion for Erlang B is the usual one and is stable for any number of agents.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Staffing:
    """What so many agents mean for callers."""

    agents: int
    occupancy: float
    """Share of the time an agent is busy; 1 or more = the queue grows for ever."""
    wait_probability: float
    asa_s: float
    """Average speed of answer; infinite when the queue grows for ever."""
    service_level: float
    """Share answered within the threshold."""


def erlang_b(load: float, agents: int) -> float:
    """Probability that all are busy when nobody waits; `load` in erlang = arrivals a second times handling time."""
    blocked = 1.0
    for number in range(1, agents + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked


def erlang_c(load: float, agents: int) -> float:
    """Probability that a caller has to wait."""
    if load >= agents:
        return 1.0
    blocked = erlang_b(load, agents)
    return agents * blocked / (agents - load * (1 - blocked))


def staffing(calls_per_hour: float, handle_s: float, agents: int, threshold_s: float = 20.0) -> Staffing:
    """`handle_s` = talk and wrap-up."""
    load = calls_per_hour / 3600 * handle_s
    waits = erlang_c(load, agents)
    if load >= agents:
        return Staffing(agents, load / agents, 1.0, math.inf, 0.0)
    spare = agents - load
    level = 1 - waits * math.exp(-spare * threshold_s / handle_s)
    return Staffing(agents, load / agents, waits, waits * handle_s / spare, level)


def agents_needed(calls_per_hour: float, handle_s: float, level: float = 0.8, threshold_s: float = 20.0) -> int:
    """The fewest agents that reach the service level; `level` below 1."""
    agents = max(1, math.ceil(calls_per_hour / 3600 * handle_s))
    while staffing(calls_per_hour, handle_s, agents, threshold_s).service_level < level:
        agents += 1
    return agents
