"""What a floor is made of: queues, agents, and how calls are spread over them. Times are in seconds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from ivr.acd.hours import OpeningHours
from ivr.errors import ConfigError

Strategy: TypeAlias = Literal["longest_idle", "ring_all", "round_robin", "skill_best", "linear"]
STRATEGIES: tuple[str, ...] = get_args(Strategy)
PRIORITIES: Mapping[str, float] = {"low": -1.0, "normal": 0.0, "high": 1.0, "urgent": 3.0}
"""Words for priorities; a number may stand in their place."""
MAX_LEVEL = 10
ANY_SKILL = "*"
"""As an agent's skill: all that are not named."""
_SKILL = re.compile(r"([^\s>=]{1,60})(?:\s*>=\s*(\d{1,2}))?\Z")


def parse_priority(text: str | float) -> float:
    """`high`, `2`, `-0.5` -> number of levels above normal, from -10 to 10. Raises ConfigError."""
    if isinstance(text, str) and text.strip().lower() in PRIORITIES:
        return PRIORITIES[text.strip().lower()]
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not -10 <= value <= 10:
        words = ", ".join(PRIORITIES)
        raise ConfigError(f"not a priority: {str(text)[:40]!r} (one of {words}, or a number from -10 to 10)")
    return value


def parse_skills(texts: tuple[str, ...] | list[str]) -> frozenset[tuple[str, int]]:
    """`dispute`, `lang:zh >= 3` -> {(name, least level)}. Raises ConfigError that quotes the text."""
    needed: dict[str, int] = {}
    for text in texts:
        found = _SKILL.match(text.strip())
        level = int(found[2] or 1) if found else 0
        if not found or not 1 <= level <= MAX_LEVEL:
            raise ConfigError(f"not a skill: {text[:60]!r} (write `cards` or `lang:zh >= 3`, levels are 1 to 10)")
        needed[found[1]] = max(level, needed.get(found[1], 1))
    return frozenset(needed.items())


@dataclass(frozen=True, slots=True)
class Overflow:
    """After `after_s` in the queue more agents may take the call."""

    after_s: float
    queues: tuple[str, ...] = ()
    """Members of these queues too."""
    drop_skills: tuple[str, ...] = ()
    """These skills are no longer asked for; `*` = none at all."""
    relax_levels: int = 0
    """So many levels less of each skill will do."""


@dataclass(frozen=True, slots=True)
class QueueConfig:
    """One queue."""

    name: str
    skills: tuple[str, ...] = ()
    """What an agent who is not its member by name must know."""
    hours: OpeningHours = field(default_factory=lambda: OpeningHours("24/7"))
    strategy: Strategy = "longest_idle"
    max_waiting: int = 1000
    """More are told that the queue is full."""
    ring_s: float = 20.0
    """An agent's phone rings so long."""
    wrap_up_s: float = 10.0
    """For notes, after each call."""
    transfer_hold_s: float | None = None
    """An agent to whom a caller was transferred (REFER) counts as busy so long, as nobody tells us of the end. None:
    as long as calls of this queue take."""
    tier_after_s: float = 0.0
    """Agents of tier n take calls that have waited (n - 1) times this."""
    overflow: tuple[Overflow, ...] = ()
    expected_handle_s: float = 240.0
    """How long a call keeps an agent busy, until enough calls were seen."""
    service_level_s: float = 20.0
    """Threshold of the service level."""
    keep_place_s: float = 300.0
    """A caller whose line dropped keeps the place so long."""
    join_empty: bool = False
    """Callers may wait although no agent is signed in."""
    leave_when_empty: bool = True
    """Those who wait are told that the queue is closed once the last agent signs out."""
    leave_when_closed: bool = False
    """Those who wait are told so at closing time; otherwise they are still served."""


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """One agent."""

    name: str
    queues: Mapping[str, int] = field(default_factory=dict)
    """Queues of which they are a member, with the tier (1 first). Empty: every queue whose skills they have."""
    skills: Mapping[str, int] = field(default_factory=dict)
    """What they know, with the level from 1 to 10."""
    no_answer_delay_s: float = 30.0
    """No calls for so long after one they let ring."""
    reject_delay_s: float = 30.0
    """No calls for so long after one they refused."""
    busy_delay_s: float = 30.0
    """No calls for so long after their phone was busy or could not be reached."""
    max_no_answer: int = 0
    """After so many unanswered calls in a row they are paused until they return; 0 = never."""


@dataclass(frozen=True, slots=True)
class FloorConfig:
    """The whole floor."""

    queues: tuple[QueueConfig, ...]
    agents: tuple[AgentConfig, ...] = ()
    ageing_s: float = 60.0
    """Waiting so long weighs as much as one level of priority."""
    tell_every_s: float = 10.0
    """Waiting callers are told of changes at most so often."""

    def __post_init__(self) -> None:
        names = [queue.name for queue in self.queues]
        for kind, found in (("queue", names), ("agent", [agent.name for agent in self.agents])):
            twice = next((name for name in found if found.count(name) > 1), None)
            if twice is not None:
                raise ConfigError(f"two {kind}s are called {twice!r}")
        for queue in self.queues:
            _check_queue(queue, names)
        for agent in self.agents:
            check_agent(agent, names)
        if not self.ageing_s > 0:
            raise ConfigError(f"ageing_s must be more than 0, not {self.ageing_s:g}")


def _check_queue(queue: QueueConfig, names: list[str]) -> None:
    where = f"queue {queue.name!r}"
    if queue.strategy not in STRATEGIES:
        raise ConfigError(f"{where}: no such strategy {queue.strategy!r} (one of {', '.join(STRATEGIES)})")
    for name in ("max_waiting", "ring_s", "expected_handle_s"):
        if not getattr(queue, name) > 0:
            raise ConfigError(f"{where}: {name} must be more than 0, not {getattr(queue, name):g}")
    for name in ("wrap_up_s", "tier_after_s", "keep_place_s", "service_level_s"):
        if getattr(queue, name) < 0:
            raise ConfigError(f"{where}: {name} must not be negative, is {getattr(queue, name):g}")
    parse_skills(queue.skills)
    for step in queue.overflow:
        unknown = next((name for name in step.queues if name not in names), None)
        if unknown is not None:
            raise ConfigError(f"{where}: overflow to {unknown!r}, which is no queue (queues: {', '.join(names)})")
        if step.after_s < 0 or step.relax_levels < 0:
            raise ConfigError(f"{where}: overflow needs after_s and relax_levels of 0 or more")


def check_agent(agent: AgentConfig, queues: list[str]) -> None:
    """Raises ConfigError for an agent that does not fit the queues."""
    where = f"agent {agent.name!r}"
    for name, tier in agent.queues.items():
        if name not in queues:
            raise ConfigError(f"{where}: {name!r} is no queue (queues: {', '.join(queues)})")
        if tier < 1:
            raise ConfigError(f"{where}: tiers count from 1, not {tier}")
    for skill, level in agent.skills.items():
        if not 1 <= level <= MAX_LEVEL:
            raise ConfigError(f"{where}: level of {skill!r} must be from 1 to 10, not {level}")
