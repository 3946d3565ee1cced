"""Routes as data: who may use them, what goes in and what comes out. `guard` holds each to its line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from aiohttp import web
from pydantic import BaseModel

from ivr.store.users import Signed

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
Method: TypeAlias = Literal["GET", "POST", "PATCH", "DELETE"]
Kind: TypeAlias = Literal["page", "api", "socket"]

EVERYBODY: Final = frozenset({"admin", "ops", "agent", "designer"})
ADMIN: Final = frozenset({"admin"})
STEER: Final = frozenset({"admin", "ops"})
"""Supervisors."""
WATCH: Final = frozenset({"admin", "ops", "designer"})
"""Calls in progress."""
FLOOR: Final = frozenset({"admin", "ops", "agent"})
"""Queues, agents, tickets."""
AGENT: Final = frozenset({"agent", "admin", "ops"})
"""Have a desk of their own, if the floor knows an agent of their name."""


@dataclass(slots=True)
class Asked:
    """What the gate has found out about a request."""

    kind: Kind
    language: str
    signed: Signed | None = None


ASKED: Final = web.RequestKey("asked", Asked)


@dataclass(frozen=True, slots=True)
class Query:
    """A parameter after the question mark."""

    name: str
    meaning: str
    kind: Literal["string", "integer", "boolean"] = "string"


@dataclass(frozen=True, slots=True)
class Route:
    """`roles` None = open to whoever comes."""

    method: Method
    path: str
    handler: Handler
    roles: frozenset[str] | None
    summary: str
    kind: Kind = "page"
    body: type[BaseModel] | None = None
    reply: type[BaseModel] | None = None
    query: tuple[Query, ...] = ()
    media: str = ""
    """Type of the reply where it is no JSON."""
