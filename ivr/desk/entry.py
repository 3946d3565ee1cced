"""A caller at the desk."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from ivr.call.driver import Room
from ivr.call.events import EngineEvent
from ivr.desk.ringing import Ring
from ivr.dialog.events import JsonValue
from ivr.transport.base import CallInfo


class Driver(Protocol):
    """A live call (`ivr.call.driver.CallDriver`)."""

    @property
    def info(self) -> CallInfo: ...

    room: Room | None

    def deliver(self, event: EngineEvent) -> None: ...

    def note(self, kind: str, data: dict[str, JsonValue]) -> None: ...


@dataclass
class Entry:
    """A caller at the desk, from `enter` until the talk or the wait is over."""

    id: str
    driver: Driver
    entered_at: float
    queue: str
    rings: dict[str, Ring] = field(default_factory=dict)
    """By agent."""
    agent: str = ""
    """Who talks to the caller."""
    transferred: bool = False
    known: bool = True
    """Whether it is certain that the transfer succeeded."""
    bridged: bool = False
    """Was with a human before: to the dialog the talk goes on, whoever comes next."""
    noted: asyncio.Task[None] | None = None
    """Its row is being written."""
