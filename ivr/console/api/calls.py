"""Calls in progress and calls gone by."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import web

from ivr.call.journal import loads
from ivr.console import actions
from ivr.console.api.parse import MAX_LIMIT, answer, moment, number, text
from ivr.console.context import console_of, signed_of
from ivr.console.models import Call, CallPage, LiveCalls, Peaks, Timeline
from ivr.console.peaks import read_clip
from ivr.console.routing import EVERYBODY, WATCH, Query, Route
from ivr.console.timeline import timeline_of
from ivr.errors import AudioFileError
from ivr.store.models import CallRow
from ivr.store.searches import CallQuery, find_calls

CLIP_MS, CLIP_AFTER_MS = 6_000, 500
_TYPES = {".flac": "audio/flac", ".wav": "audio/wav"}


async def live(request: web.Request) -> web.Response:
    return answer(LiveCalls(calls=console_of(request).hub.live()))


def query_of(request: web.Request) -> CallQuery:
    """What the address asks for; agents get their own calls only. Raises InputError."""
    signed = signed_of(request)
    return CallQuery(
        text=text(request, "text"), outcome=text(request, "outcome", 20), language=text(request, "language", 20),
        agent=signed.user if signed.role == "agent" else text(request, "agent", 100),
        since=moment(request, "since"), until=moment(request, "until"),
        limit=number(request, "limit", 50, MAX_LIMIT), offset=number(request, "offset", 0, 1_000_000),
    )  # fmt: skip


async def search_rows(request: web.Request) -> tuple[list[CallRow], bool]:
    """A page of calls, and whether there are more."""
    query = query_of(request)
    rows = await find_calls(console_of(request).store, query)
    return rows, len(rows) == query.limit and bool(rows)


async def search(request: web.Request) -> web.Response:
    rows, more = await search_rows(request)
    return answer(CallPage(calls=[Call.model_validate(row) for row in rows], more=more))


async def one(request: web.Request) -> web.Response:
    return answer(Call.model_validate(await actions.call_row(request, request.match_info["id"])))


async def read_timeline(request: web.Request, row: CallRow) -> Timeline:
    """Raises HTTPNotFound, InputError for a damaged journal."""
    path = actions.own_file(console_of(request), row.journal, "journal")
    return await asyncio.to_thread(_timeline, path)


def _timeline(path: Path) -> Timeline:
    with path.open(encoding="utf-8") as lines:
        return timeline_of(loads(lines, path.name))


async def timeline(request: web.Request) -> web.Response:
    row = await actions.call_row(request, request.match_info["id"])
    return answer(await read_timeline(request, row))


async def peaks(request: web.Request) -> web.Response:
    console = console_of(request)
    row = await actions.call_row(request, request.match_info["id"])
    path = actions.own_file(console, row.recording, "recording")
    try:
        return answer(await asyncio.to_thread(console.peaks.read, path))
    except AudioFileError as error:
        raise web.HTTPNotFound(text=str(error)) from None


async def recording(request: web.Request) -> web.StreamResponse:
    """With ranges, so that a player can jump."""
    console, signed = console_of(request), signed_of(request)
    row = await actions.call_row(request, request.match_info["id"])
    path = actions.own_file(console, row.recording, "recording")
    if request.headers.get("Range", "bytes=0-").startswith("bytes=0-"):  # a player asks many times: note the first
        await console.store.audit(signed.user, "recording.heard", "call", row.id)
    kind = _TYPES.get(path.suffix.lower(), "application/octet-stream")
    return web.FileResponse(path, headers={"Content-Type": kind, "Content-Disposition": "inline"})


async def clip(request: web.Request) -> web.Response:
    """A few seconds of the recording up to `at`, as WAV: what the caller said when a slot was filled."""
    console, signed = console_of(request), signed_of(request)
    row = await actions.call_row(request, request.match_info["id"])
    path = actions.own_file(console, row.recording, "recording")
    at_ms = number(request, "at", 0, 86_400_000)
    try:
        sound = await asyncio.to_thread(read_clip, path, at_ms - CLIP_MS, at_ms + CLIP_AFTER_MS)
    except AudioFileError as error:
        raise web.HTTPNotFound(text=str(error)) from None
    await console.store.audit(signed.user, "recording.heard", "call", row.id, at_ms=at_ms)
    return web.Response(body=sound, content_type="audio/wav")


_SEARCH = (
    Query("text", "In caller, number called, id, reason, intent, agent, and what was said."),
    Query("outcome", "How it ended."),
    Query("language", "en, zh, ..."), Query("agent", "Who talked to the caller."),
    Query("since", "Began at or after this time (ISO 8601)."), Query("until", "Began before."),
    Query("limit", "At most so many (50).", "integer"), Query("offset", "Skip so many.", "integer"),
)  # fmt: skip
ROUTES = (
    Route("GET", "/api/calls/live", live, WATCH, "Calls in progress", "api", reply=LiveCalls),
    Route("GET", "/api/calls", search, EVERYBODY, "Search calls, the latest first", "api", reply=CallPage,
          query=_SEARCH),
    Route("GET", "/api/calls/{id}", one, EVERYBODY, "One call", "api", reply=Call),
    Route("GET", "/api/calls/{id}/timeline", timeline, EVERYBODY, "Its journal, lane by lane", "api", reply=Timeline),
    Route("GET", "/api/calls/{id}/peaks", peaks, EVERYBODY, "Its waveform", "api", reply=Peaks),
    Route("GET", "/api/calls/{id}/clip", clip, EVERYBODY, "Some seconds of it up to a moment", "api",
          media="audio/wav", query=(Query("at", "The moment, in ms from the answer.", "integer"),)),
    Route("GET", "/api/calls/{id}/recording", recording, EVERYBODY, "Its stereo recording (ranges)", "api",
          media="audio/flac"),
)  # fmt: skip
