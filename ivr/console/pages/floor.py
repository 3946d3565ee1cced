"""Live calls, the floor, the own desk. `/floor/part` and `/desk/part` are the pieces that a page fetches anew when
something has changed."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ivr.console import actions
from ivr.console.api.parse import validated
from ivr.console.context import console_of, signed_of
from ivr.console.forms import back_to, field, see_other
from ivr.console.models import CallNotes, StateChange
from ivr.console.pages.tickets import PRIORITIES
from ivr.console.render import page
from ivr.console.routing import AGENT, FLOOR, STEER, WATCH, Route
from ivr.desk.browser_phones import BROWSER

DISPOSITIONS = ("resolved", "callback", "ticket", "forwarded", "wrong number", "no answer", "other")
PAUSES = ("break", "lunch", "training", "meeting", "back office")


async def live(request: web.Request) -> web.Response:
    steer = signed_of(request).role in STEER
    return page(request, "live.html", calls=console_of(request).hub.live(), steer=steer)


async def floor(request: web.Request) -> web.Response:
    return page(request, "floor.html", **_floor(request))


async def floor_part(request: web.Request) -> web.Response:
    return page(request, "floor_part.html", **_floor(request))


def _floor(request: web.Request) -> dict[str, Any]:
    steer = signed_of(request).role in ("admin", "ops")
    return {
        "floor": console_of(request).hub.floor(), "steer": steer, "pauses": PAUSES, "priorities": PRIORITIES,
    }  # fmt: skip


async def desk(request: web.Request) -> web.Response:
    return page(request, "desk.html", **await _desk(request))


async def desk_part(request: web.Request) -> web.Response:
    return page(request, "desk_part.html", **await _desk(request))


async def desk_assist(request: web.Request) -> web.Response:
    return page(request, "assist_part.html", **await _desk(request))


async def _desk(request: web.Request) -> dict[str, Any]:
    console, signed = console_of(request), signed_of(request)
    view = await actions.desk_view(console, signed)
    floor, settings = console.hub.floor(), console.desk.settings_of(signed.user)
    return {
        "phone_here": settings is None or settings.uri == BROWSER,  # then its own bar mutes
        "desk": view, "dispositions": DISPOSITIONS, "pauses": PAUSES, "saved": "saved" in request.query,
        "waiting": sum(queue.waiting for queue in floor.queues),
    }  # fmt: skip


async def change_state(request: web.Request) -> web.Response:
    form = await request.post()
    values = {"state": field(form, "state", 20), "reason": field(form, "reason", 200)}
    await actions.change_state(request, request.match_info["name"], validated(StateChange, values))
    return see_other(back_to(request))


async def notes(request: web.Request) -> web.Response:
    form = await request.post()
    values = {
        "call_id": field(form, "call_id", 200), "notes": field(form, "notes", 10_000),
        "disposition": field(form, "disposition", 100),
    }  # fmt: skip
    await actions.write_notes(request, validated(CallNotes, values))
    after = back_to(request)
    return see_other(f"{after}?saved=1" if after == "/desk" else after)


ROUTES = (
    Route("GET", "/live", live, WATCH, "Calls in progress"),
    Route("GET", "/floor", floor, FLOOR, "Queues, who waits, agents"),
    Route("GET", "/floor/part", floor_part, FLOOR, "The floor's moving part"),
    Route("POST", "/agents/{name}/state", change_state, AGENT, "Change an agent's state"),
    Route("GET", "/desk", desk, AGENT, "The own desk"),
    Route("GET", "/desk/part", desk_part, AGENT, "The desk's moving part"),
    Route("GET", "/desk/assist", desk_assist, AGENT, "What may help with the call in hand"),
    Route("POST", "/desk/notes", notes, AGENT, "Notes and disposition"),
)
