"""The console mounted on the service's HTTP application."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from functools import cache

from aiohttp import web

from ivr.console.api import calls as api_calls
from ivr.console.api import care as api_care
from ivr.console.api import events as api_events
from ivr.console.api import floor as api_floor
from ivr.console.api import people as api_people
from ivr.console.api import phone as api_phone
from ivr.console.api import talks as api_talks
from ivr.console.api import tickets as api_tickets
from ivr.console.api import visitors as api_visitors
from ivr.console.api.openapi import document
from ivr.console.context import CONSOLE, Console
from ivr.console.guard import add_headers, guarded, readable_errors
from ivr.console.pages import account, admin, calls, floor, phone, talks, tickets, visitors
from ivr.console.render import STATIC
from ivr.console.routing import EVERYBODY, WATCH, Route
from ivr.dialog.events import JsonValue

Report = Callable[[], Mapping[str, JsonValue]]


async def _openapi(request: web.Request) -> web.Response:
    return web.Response(text=_document(), content_type="application/json")


ROUTES: tuple[Route, ...] = (
    Route("GET", "/api/openapi.json", _openapi, EVERYBODY, "This description", "api"),
    *api_people.ROUTES, *api_calls.ROUTES, *api_floor.ROUTES, *api_talks.ROUTES, *api_tickets.ROUTES, *api_care.ROUTES,
    *api_events.ROUTES, *api_phone.ROUTES, *api_visitors.ROUTES, *visitors.ROUTES, *phone.ROUTES,
    *account.ROUTES, *floor.ROUTES, *talks.ROUTES, *tickets.ROUTES, *calls.ROUTES, *admin.ROUTES,
)  # fmt: skip


@cache
def _document() -> str:
    return json.dumps(document(ROUTES), indent=1)


def report_route(name: str, summary: str, report: Report) -> Route:
    """`/api/NAME`: what a part of the service tells of itself, for those who look after it."""

    async def handler(request: web.Request) -> web.Response:
        return web.json_response(dict(report()))

    return Route("GET", f"/api/{name}", handler, WATCH, summary, "api")


def add_console(app: web.Application, console: Console, further: tuple[Route, ...] = ()) -> None:
    """All routes, each behind its gate, and the hub that feeds the live pages."""
    app[CONSOLE] = console
    app.middlewares.append(readable_errors)
    app.on_response_prepare.append(add_headers)
    app.cleanup_ctx.append(_running_hub)
    app.on_shutdown.append(_dismiss)
    for route in (*ROUTES, *further):
        app.router.add_route(route.method, route.path, guarded(route))
    app.router.add_static("/static", STATIC)


async def _running_hub(app: web.Application) -> AsyncIterator[None]:
    hub = app[CONSOLE].hub
    hub.start()
    yield
    await hub.close()


async def _dismiss(app: web.Application) -> None:
    app[CONSOLE].hub.dismiss()
