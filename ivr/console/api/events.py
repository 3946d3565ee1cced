"""What is on, as it happens: a WebSocket."""

from __future__ import annotations

import asyncio

from aiohttp import WSMsgType, web

from ivr.console.context import console_of, signed_of
from ivr.console.guard import SESSION_COOKIE
from ivr.console.hub import Watcher
from ivr.console.routing import AGENT, EVERYBODY, FLOOR, WATCH, Query, Route
from ivr.errors import InputError, StoreError
from ivr.store.users import Signed

CHECK_S = 30.0
"""Whether the session still holds is looked at so often."""
_ALLOWED = {"calls": WATCH, "floor": FLOOR, "desk": AGENT}
SIGNED_OUT, TOO_SLOW = 4401, 4408
"""Codes with which the socket is closed."""


async def events(request: web.Request) -> web.StreamResponse:
    """Raises InputError for a topic that is none, HTTPForbidden for one that the role may not have."""
    topics = frozenset(filter(None, request.query.get("topics", "").split(",")))
    wrong = sorted(topics - set(_ALLOWED))
    if wrong or not topics:
        raise InputError(f"topics: some of {', '.join(_ALLOWED)} are needed")
    signed = signed_of(request)
    if any(signed.role not in _ALLOWED[topic] for topic in topics):
        raise web.HTTPForbidden(text=f"the role {signed.role} may not watch this")
    socket = web.WebSocketResponse(heartbeat=20.0, max_msg_size=1024)
    await socket.prepare(request)
    async with console_of(request).hub.watch(topics, signed.user) as watcher:
        tasks = [asyncio.create_task(work) for work in (_send(socket, watcher), check_session(request, socket))]
        try:
            async for message in socket:  # nothing is asked of us; this notices the end
                if message.type is WSMsgType.ERROR:
                    break
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    return socket


async def _send(socket: web.WebSocketResponse, watcher: Watcher) -> None:
    while (text := await watcher.queue.get()) is not None:
        await socket.send_str(text)
    await socket.close(code=TOO_SLOW, message=b"too slow")


async def check_session(request: web.Request, socket: web.WebSocketResponse) -> None:
    """A session that ends takes its sockets along; watching alone does not keep it alive."""
    console, token = console_of(request), request.cookies.get(SESSION_COOKIE, "")
    while True:
        await asyncio.sleep(CHECK_S)
        try:
            found = await console.users.session(token, request.headers.get("User-Agent", ""), touch=False)
        except StoreError:
            continue  # the database is away: nobody is thrown out for that
        if not isinstance(found, Signed) or found.role != signed_of(request).role:
            await socket.close(code=SIGNED_OUT, message=b"signed out")
            return


ROUTES = (
    Route(
        "GET", "/api/events", events, EVERYBODY, "What is on, as it happens (WebSocket; JSON messages)", "socket",
        query=(Query("topics", "Some of `calls`, `floor` and `desk` (your own call), with commas between."),),
    ),
)  # fmt: skip
