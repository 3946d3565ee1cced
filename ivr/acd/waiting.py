"""Callers who wait, in the order in which they are served.

Priority and waiting time weigh against each other: `ageing_s` of waiting is worth one level of priority. As all age at
the same pace the order of two callers never changes, so a caller's rank is one number for good: the moment they came,
moved back by their priority. Lines are lists kept sorted by it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from enum import Enum

from ivr.acd.agents import Agent
from ivr.acd.config import ANY_SKILL, Overflow, QueueConfig, parse_skills

Rank = tuple[float, int]
"""Lower is served first; the second number is the order of arrival, so that no two are equal."""
Place = tuple[Rank, str]
Skills = frozenset[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A caller who wants a human."""

    call_id: str
    queue: str
    caller: str = ""
    """Number, by which a place is kept after a dropped line; empty if withheld."""
    skills: tuple[str, ...] = ()
    """Needed beside the queue's own."""
    priority: float = 0.0
    """Levels above normal; see `parse_priority`."""
    max_wait_s: float = 180.0


class CallState(Enum):
    WAITING = "waiting"
    OFFERED = "offered"
    """One agent's phone rings, or several with `ring_all`."""
    TRANSFERRING = "transferring"
    """The caller's phone was told to call the agent: out of our hands."""
    TALKING = "talking"


@dataclass(slots=True)
class Call:
    """A caller on the floor."""

    arrival: Arrival
    skills: Skills
    entered_at: float
    """When the wait began: earlier than they came if a place was kept."""
    rank: Rank
    give_up_at: float
    state: CallState = CallState.WAITING
    stage: int = 0
    """How far the overflow has gone."""
    offered: dict[str, float] = field(default_factory=dict)
    """Agents whose phone rings for it, and until when."""
    agent: str = ""
    answered_at: float = 0.0
    told: tuple[int, int] = (0, 0)
    """Position and wait that the caller heard last."""
    first_wait_s: float = 0.0
    """The wait that was told at first, to measure the estimate by."""

    @property
    def place(self) -> Place:
        return self.rank, self.arrival.call_id

    @property
    def waits(self) -> bool:
        return self.state is not CallState.TALKING

    def came_back(self, caller: str, queue: str, entered_at: float) -> bool:
        """It is this caller, who waits again with a later place than the one that was kept."""
        waits = self.state in (CallState.WAITING, CallState.OFFERED)
        same = self.arrival.caller == caller and self.arrival.queue == queue
        return waits and same and self.entered_at > entered_at


@dataclass(frozen=True, slots=True)
class QueueState:
    """What a newcomer would meet."""

    open: bool
    waiting: int
    agents: int
    """Signed in and not paused."""
    expected_wait_s: int


class Line:
    """Places in order of rank."""

    __slots__ = ("_places",)

    def __init__(self) -> None:
        self._places: list[Place] = []

    def __len__(self) -> int:
        return len(self._places)

    def add(self, place: Place) -> None:
        insort(self._places, place)

    def remove(self, place: Place) -> None:
        index = bisect_left(self._places, place)
        assert self._places[index] == place
        del self._places[index]

    def ahead(self, rank: Rank) -> int:
        """How many stand before this rank."""
        return bisect_left(self._places, (rank, ""))

    @property
    def head(self) -> Place:
        return self._places[0]

    def ids(self) -> list[str]:
        return [call_id for _, call_id in self._places]


@dataclass(frozen=True, slots=True)
class Stage:
    """Who may take a call once it has waited `after_s`."""

    after_s: float
    tier: int
    """Highest tier of the own queue."""
    queues: tuple[str, ...]
    """Whose members may take it besides."""
    skills: Skills


def stages(queue: QueueConfig, skills: Skills, tiers: int) -> tuple[Stage, ...]:
    """The steps by which the circle of agents widens, the first at 0 s. `tiers` = highest tier among the agents."""
    times = {0.0, *(step.after_s for step in queue.overflow)}
    if queue.tier_after_s:
        times |= {queue.tier_after_s * level for level in range(1, tiers)}
    return tuple(_stage(queue, skills, tiers, at) for at in sorted(times))


def _stage(queue: QueueConfig, skills: Skills, tiers: int, at: float) -> Stage:
    due = [step for step in queue.overflow if step.after_s <= at]
    tier = min(tiers, 1 + int(at // queue.tier_after_s)) if queue.tier_after_s else tiers
    others = dict.fromkeys(name for step in due for name in step.queues if name != queue.name)
    return Stage(at, tier, tuple(others), _relaxed(skills, due))


def _relaxed(skills: Skills, steps: list[Overflow]) -> Skills:
    dropped = {name for step in steps for name in step.drop_skills}
    less = sum(step.relax_levels for step in steps)
    if "*" in dropped:
        return frozenset()
    return frozenset((name, max(1, level - less)) for name, level in skills if name not in dropped)


def may_take(agent: Agent, queue: QueueConfig, stage: Stage, queues: dict[str, QueueConfig]) -> bool:
    """Whether this agent may take a call of `queue` at this stage."""
    if not _knows(agent, stage.skills):
        return False
    if _belongs(agent, queue, stage.tier):
        return True
    return any(_belongs(agent, queues[name], None) for name in stage.queues)


def _belongs(agent: Agent, queue: QueueConfig, tier: int | None) -> bool:
    """A member by name needs no skill of the queue's; an agent without queues is a member where the skills say so."""
    if agent.config.queues:
        found = agent.config.queues.get(queue.name)
        return found is not None and (tier is None or found <= tier)
    return _knows(agent, parse_skills(queue.skills))


def _knows(agent: Agent, skills: Skills) -> bool:
    known = agent.config.skills
    return all(known.get(name, known.get(ANY_SKILL, 0)) >= level for name, level in skills)
