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

EXCERPT = 160
"""Characters of a line that are shown where words were found in it."""
OUTCOMES = ("resolved", "ticket", "handed_over", "abandoned", "refused", "failed")


async def calls(request: web.Request) -> web.Response:
    rows, more = await search_rows(request)
    query = query_of(request)
    further = request.rel_url.update_query(offset=query.offset + query.limit) if more else ""
    found = {row.id: excerpt(row.transcript, query.text) for row in rows} if query.text else {}
    return page(
        request, "calls.html", calls=rows, query=request.query, outcomes=OUTCOMES, further=str(further), found=found
    )


def excerpt(transcript: str, wanted: str) -> tuple[str, str, str] | None:
    """The line in which it was said: before, the words, after. None when it was found elsewhere."""
    at = transcript.casefold().find(wanted.casefold()) if wanted else -1
    if at < 0:
        return None
    begin = transcript.rfind("\n", 0, at) + 1
    end = transcript.find("\n", at)
    line = transcript[begin : end if end >= 0 else len(transcript)]
    first = at - begin
    if len(line) > EXCERPT:
        cut = max(0, first - EXCERPT // 2)
        line, first = line[cut : cut + EXCERPT], first - cut
    return line[:first], line[first : first + len(wanted)], line[first + len(wanted) :]


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
