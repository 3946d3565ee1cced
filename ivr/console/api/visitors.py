"""Calls and chats of those who are not signed in."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

from aiohttp import WSMsgType, web

from ivr.console.api.outbox import Outbox, read_object
from ivr.console.api.parse import answer, body, validated
from ivr.console.context import console_of
from ivr.console.models import BrowserAnswer, BrowserOffer, ChatBegin
from ivr.console.routing import Route
from ivr.console.visitors import Visitors
from ivr.errors import IvrError, SdpError
from ivr.service.browser_intake import Busy
from ivr.service.chat_intake import Chat, ChatIntake

_WAITING_MAX = 600
_MESSAGE_MAX = 16 * 1024
_BEGIN_S = 20.0
"""A page that opens a socket and says nothing is let go after this."""


def _allowed(request: web.Request) -> Visitors:
    """Raises HTTPNotFound, HTTPUnauthorized."""
    visitors = console_of(request).visitors
    if visitors is None:
        raise web.HTTPNotFound(text="calls from the browser are switched off here")
    if not visitors.may_come(request):
        raise web.HTTPUnauthorized(text="sign in first")
    return visitors


async def call(request: web.Request) -> web.Response:
    """Raises HTTPServiceUnavailable with Retry-After when no call can be taken, HTTPBadRequest for an offer that
    cannot be answered."""
    visitors, offer = _allowed(request), await body(request, BrowserOffer)
    try:
        call_id, sdp = await visitors.calls.call(
            offer.sdp, address=request.remote or "", caller=offer.caller, language=offer.language
        )
    except Busy as error:
        return _busy(error)
    except SdpError as error:
        raise web.HTTPBadRequest(text=f"sdp: {error}") from None
    return answer(BrowserAnswer(id=call_id, sdp=sdp), status=201)


def _busy(error: Busy) -> web.Response:
    headers = {"Retry-After": str(math.ceil(error.retry_after_s))}
    return web.json_response({"error": str(error)}, status=503, headers=headers)


async def chat(request: web.Request) -> web.StreamResponse:
    """First message of the page: `{"type": "begin", "language", "caller"}` or `{"type": "resume", "id", "token"}`;
    then `{"type": "say", "text"}` and `{"type": "hang_up"}`. It gets `{"type": "begun", "id", "token"}`, or `unknown`
    for a conversation that is no more, then the messages of `ivr.service.captions` and `ended`."""
    visitors = _allowed(request)
    if visitors.chats is None:
        raise web.HTTPNotFound(text="chats are switched off here")
    socket = web.WebSocketResponse(heartbeat=20.0, max_msg_size=_MESSAGE_MAX)
    await socket.prepare(request)
    found = await _find(visitors.chats, socket, request.remote or "")
    if found is None:
        await socket.close()
        return socket
    outbox = Outbox(socket, _WAITING_MAX)
    tell = outbox.tell
    tell({"type": "begun", "id": found.id, "token": found.token})
    visitors.chats.join(found, tell)
    sending = asyncio.create_task(outbox.run())
    try:
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                break
            _take(visitors.chats, found, read_object(message.data), tell)
    finally:
        visitors.chats.part(found, tell)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    return socket


async def _find(chats: ChatIntake, socket: web.WebSocketResponse, address: str) -> Chat | None:
    """The conversation that the page's first message asks for; what is wrong with it is told."""
    try:
        first = read_object(await socket.receive_str(timeout=_BEGIN_S))
    except (TimeoutError, TypeError):
        return None
    if first.get("type") == "resume":
        found = chats.resume(str(first.get("id", "")), str(first.get("token", "")))
        if found is None:
            await socket.send_json({"type": "unknown"})
        return found
    try:
        wish = validated(ChatBegin, {key: first[key] for key in ("language", "caller") if key in first})
        return chats.begin(address=address, caller=wish.caller, language=wish.language)
    except Busy as error:
        await socket.send_json({"type": "busy", "reason": str(error), "retry_after_s": error.retry_after_s})
    except IvrError as error:
        await socket.send_json({"type": "refused", "reason": str(error)})
    return None


def _take(chats: ChatIntake, chat: Chat, message: dict[str, Any], tell: Callable[[dict[str, Any]], None]) -> None:
    if message.get("type") == "hang_up":
        chats.hang_up(chat)
    elif message.get("type") == "say":
        try:
            chats.say(chat, str(message.get("text", "")))
        except IvrError as error:
            tell({"type": "refused", "reason": str(error)})


ROUTES = (
    Route("POST", "/api/browser/calls", call, None, "Call the hotline: a WebRTC offer in, the answer out", "api",
          BrowserOffer, BrowserAnswer),
    Route("GET", "/api/chat", chat, None, "Chat with the hotline (WebSocket; JSON messages)", "socket"),
)  # fmt: skip
