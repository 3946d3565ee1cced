"""What the floor asks of its shell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

GiveUpKind: TypeAlias = Literal["closed", "full", "timeout", "failed"]
RefuseKind: TypeAlias = Literal["no_answer", "rejected", "busy", "failed"]


@dataclass(frozen=True, slots=True)
class Offer:
    """Ring this agent for this call; answer by `Floor.accept` or `Floor.refuse`."""

    call_id: str
    agent: str
    queue: str
    ring_s: float


@dataclass(frozen=True, slots=True)
class Withdraw:
    """The agent is no longer wanted for this call: stop ringing, or hang their leg up."""

    call_id: str
    agent: str
    reason: str


@dataclass(frozen=True, slots=True)
class Connect:
    """Caller and agent talk from now on."""

    call_id: str
    agent: str
    waited_s: float


@dataclass(frozen=True, slots=True)
class Tell:
    """The caller's place (1 = next) and how long it will take."""

    call_id: str
    position: int
    wait_s: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The wait is over without an agent."""

    call_id: str
    kind: GiveUpKind
    detail: str


Command: TypeAlias = Offer | Withdraw | Connect | Tell | GiveUp
