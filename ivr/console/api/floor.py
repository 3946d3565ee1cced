"""Queues, agents, the own desk."""

from __future__ import annotations

from aiohttp import web

from ivr.console import actions
from ivr.console.api.parse import answer, body
from ivr.console.context import console_of, signed_of
from ivr.console.models import CallNotes, DeskView, Done, FloorView, StateChange
from ivr.console.routing import AGENT, FLOOR, Route


async def floor(request: web.Request) -> web.Response:
    return answer(console_of(request).hub.floor())


async def state(request: web.Request) -> web.Response:
    await actions.change_state(request, request.match_info["name"], await body(request, StateChange))
    return answer(Done())


async def desk(request: web.Request) -> web.Response:
    return answer(await actions.desk_view(console_of(request), signed_of(request)))


async def notes(request: web.Request) -> web.Response:
    await actions.write_notes(request, await body(request, CallNotes))
    return answer(Done())


ROUTES = (
    Route("GET", "/api/floor", floor, FLOOR, "Queues, who waits, agents", "api", reply=FloorView),
    Route("POST", "/api/agents/{name}/state", state, AGENT, "Sign in or out, pause, be available", "api", StateChange,
          Done),
    Route("GET", "/api/desk", desk, AGENT, "Own state and the call in hand", "api", reply=DeskView),
    Route("POST", "/api/desk/notes", notes, AGENT, "Notes and disposition of a call", "api", CallNotes, Done),
)  # fmt: skip
