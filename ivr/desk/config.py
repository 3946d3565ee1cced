"""Agents and queues as the operator and the hotline describe them, and the floor that comes of both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ivr.acd.config import ANY_SKILL, MAX_LEVEL, AgentConfig, FloorConfig, Overflow, QueueConfig, Strategy
from ivr.acd.hours import OpeningHours
from ivr.errors import ConfigError
from ivr.store.ticket_fields import TicketField
from ivr.transport.sip.uri import escape_user

Seconds = Annotated[float, Field(ge=0)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AgentSettings(_Section):
    """One agent."""

    name: str = Field(min_length=1, max_length=100, description="Name, unique.")
    uri: str = Field(description="SIP address of the phone, sip:ann@192.0.2.7:5060, or `browser`: the desk's page.")
    queues: tuple[str, ...] | dict[str, int] = Field(
        default=(), description="Queues served, or {queue: tier}; empty = those whose skills they have."
    )
    skills: tuple[str, ...] | dict[str, int] = Field(
        default=(), description="Skills, or {skill: level from 1 to 10}; empty = takes every call."
    )
    connect: Literal["bridge", "refer"] = Field(
        default="bridge", description="`bridge`: the bot joins two legs; `refer`: the caller is transferred."
    )
    signed_in: bool = Field(default=True, description="Takes calls from the start of the service on.")
    no_answer_delay_s: Seconds = Field(default=30.0, description="No calls for so long after one that rang in vain.")
    reject_delay_s: Seconds = Field(default=30.0, description="No calls for so long after one they refused.")
    busy_delay_s: Seconds = Field(default=30.0, description="No calls for so long after a busy or dead phone.")
    max_no_answer: int = Field(default=0, ge=0, description="Paused after so many missed in a row; 0 = never.")


class OverflowSettings(_Section):
    """More agents after a while."""

    after_s: Seconds = Field(description="From this wait on.")
    queues: tuple[str, ...] = Field(default=(), description="Agents of these queues too.")
    drop_skills: tuple[str, ...] = Field(default=(), description='Skills no longer needed; ["*"] = none is.')
    relax_levels: int = Field(default=0, ge=0, description="So many levels less will do.")


class QueueSettings(_Section):
    """How a queue works; its skills and hours stand in hotline.yaml."""

    strategy: Strategy = Field(default="longest_idle", description="Who of several free agents gets the call.")
    ring_s: float = Field(default=20.0, gt=0, description="An agent's phone rings so long.")
    wrap_up_s: Seconds = Field(default=10.0, description="An agent's pause after a call.")
    max_waiting: int = Field(default=50, ge=1, description="Longer queues count as full.")
    tier_after_s: Seconds = Field(default=0.0, description="Each further tier of agents after so long.")
    overflow: tuple[OverflowSettings, ...] = Field(default=(), description="Widening in time.")
    expected_handle_s: float = Field(default=240.0, gt=0, description="Length of a call, until enough were seen.")
    service_level_s: Seconds = Field(default=20.0, description="Threshold of the service level.")
    keep_place_s: Seconds = Field(default=300.0, description="A dropped caller keeps the place so long.")
    transfer_hold_s: float | None = Field(default=None, ge=0, description="An agent counts as busy after REFER.")
    join_empty: bool = Field(default=False, description="Callers may wait with no agent signed in.")
    leave_when_empty: bool = Field(default=True, description="Waiting callers go when the last agent signs out.")
    leave_when_closed: bool = Field(default=False, description="Waiting callers go at closing time.")


class DeskConfig(_Section):
    """The human side."""

    agents: tuple[AgentSettings, ...] = Field(default=(), description="Agents.")
    defaults: QueueSettings = Field(default=QueueSettings(), description="For queues that are not named.")
    queues: dict[str, QueueSettings] = Field(default_factory=dict, description="By the name in hotline.yaml.")
    holidays: tuple[date, ...] = Field(default=(), description="Days on which queues are closed (2027-01-01).")
    ageing_s: float = Field(default=60.0, gt=0, description="Waiting so long weighs as much as one level of priority.")
    tell_every_s: float = Field(default=10.0, gt=0, description="Callers are told of changes at most so often.")
    refer_limit_s: float = Field(default=45.0, gt=0, description="A transfer without a word counts as unknown then.")
    ticket_fields: dict[str, TicketField] = Field(
        default_factory=dict, description="The hotline's own fields of tickets; empty = whatever the bot keeps there."
    )
    from_domain: str = Field(default="", description="Show agents the caller's number as sip:NUMBER@from_domain.")
    contacts: dict[str, str] = Field(
        default_factory=dict, description="Whom callers may be transferred to beside agents: {name: SIP address}."
    )
    number_uri: str = Field(
        default="", description="How agents dial numbers: sip:{number}@trunk.example; empty = they cannot."
    )
    snippets: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="Sentences for one click on the desk: {name: {language: text}}."
    )
    user: str = Field(default="", description="Account at the agents' PBX, where it asks for one.")
    password: str = Field(default="", repr=False, description="Its password.")

    def caller_uri(self, caller: str) -> str:
        """As whom agents see a call come: empty = as ours. A caller may be called anything, so it is escaped."""
        return f"sip:{escape_user(caller)}@{self.from_domain}" if self.from_domain and caller else ""


NUMBER_PART = "{number}"


class QueueLike(Protocol):
    """A queue of hotline.yaml."""

    @property
    def skills(self) -> tuple[str, ...]: ...
    @property
    def hours(self) -> str: ...
    @property
    def timezone(self) -> str: ...


def desk_config(data: Mapping[str, Any]) -> DeskConfig:
    """Raises ConfigError that names the field."""
    try:
        return DeskConfig.model_validate(dict(data))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"desk: {where}: {first['msg']}") from None


def floor_config(config: DeskConfig, queues: Mapping[str, QueueLike]) -> FloorConfig:
    """The floor for a hotline's queues. Raises ConfigError for names that do not fit together."""
    unknown = sorted(set(config.queues) - set(queues))
    if unknown:
        raise ConfigError(f"desk: {unknown[0]!r} is no queue of the hotline ({', '.join(queues) or 'it has none'})")
    made = tuple(
        _queue(name, queue, config.queues.get(name, config.defaults), config.holidays) for name, queue in queues.items()
    )
    agents = tuple(agent_config(agent) for agent in config.agents)
    return FloorConfig(made, agents, config.ageing_s, config.tell_every_s)


def agent_config(agent: AgentSettings) -> AgentConfig:
    """Raises ConfigError for a skill that cannot be read."""
    queues = agent.queues if isinstance(agent.queues, dict) else dict.fromkeys(agent.queues, 1)
    skills = agent.skills if isinstance(agent.skills, dict) else dict.fromkeys(agent.skills, 1)
    return AgentConfig(
        agent.name, queues, skills or {ANY_SKILL: MAX_LEVEL}, agent.no_answer_delay_s, agent.reject_delay_s,
        agent.busy_delay_s, agent.max_no_answer,
    )  # fmt: skip


def _queue(name: str, queue: QueueLike, settings: QueueSettings, holidays: Iterable[date]) -> QueueConfig:
    fields = settings.model_dump(exclude={"overflow"})
    return QueueConfig(
        name=name, skills=tuple(queue.skills), hours=OpeningHours(queue.hours, queue.timezone, holidays),
        overflow=tuple(Overflow(**step.model_dump()) for step in settings.overflow), **fields,
    )  # fmt: skip
