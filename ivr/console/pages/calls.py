"""Call search and the call page."""

from __future__ import annotations

from aiohttp import web

from ivr.console import actions
from ivr.console.api.calls import query_of, read_timeline, search_rows
from ivr.console.context import console_of
from ivr.console.models import Timeline
from ivr.console.render import page
from ivr.console.routing import EVERYBODY, Route
from ivr.errors import InputError

OUTCOMES = ("resolved", "ticket", "handed_over", "abandoned", "refused", "failed")


async def calls(request: web.Request) -> web.Response:
    rows, more = await search_rows(request)
    query = query_of(request)
    further = request.rel_url.update_query(offset=query.offset + query.limit) if more else ""
    return page(request, "calls.html", calls=rows, query=request.query, outcomes=OUTCOMES, further=str(further))


async def call(request: web.Request) -> web.Response:
    console = console_of(request)
    row = await actions.call_row(request, request.match_info["id"])
    timeline, problem = await _timeline(request)
    try:
        actions.own_file(console, row.recording, "recording")
        heard = True
    except web.HTTPNotFound:
        heard = False
    return page(
        request, "call.html", call=row, timeline=timeline, problem=problem, heard=heard,
        running=row.id in console.running,
    )  # fmt: skip


async def _timeline(request: web.Request) -> tuple[Timeline | None, str]:
    """The journal, or why it cannot be shown: the page has more than that."""
    row = await actions.call_row(request, request.match_info["id"])
    try:
        return await read_timeline(request, row), ""
    except web.HTTPNotFound as error:
        return None, error.text or ""
    except InputError as error:
        return None, str(error)


ROUTES = (
    Route("GET", "/calls", calls, EVERYBODY, "Call search"),
    Route("GET", "/calls/{id}", call, EVERYBODY, "One call"),
)
