"""The desk's page as an agent's phone: a WebSocket that rings, and the wish to take calls here.

What goes over the socket stands in `ivr.desk.browser_phones`.
"""

from __future__ import annotations

import asyncio

from aiohttp import WSMsgType, web

from ivr.acd.agents import AgentState
from ivr.console.api.events import check_session
from ivr.console.api.outbox import Outbox, read_object
from ivr.console.api.parse import answer
from ivr.console.context import Console, console_of, signed_of
from ivr.console.models import Done
from ivr.console.routing import AGENT, Route
from ivr.desk.browser_phones import BROWSER
from ivr.desk.config import AgentSettings
from ivr.errors import InputError

_WAITING_MAX = 500
"""Messages a page may be behind."""
_MESSAGE_MAX = 256 * 1024
"""Bytes of a message from the page; an offer has some ten thousand."""


async def join(request: web.Request) -> web.Response:
    """Whoever has the role of an agent may take calls with the browser: on the floor by now if not by configuration."""
    console, signed = console_of(request), signed_of(request)
    take_here(console, signed.user)
    await console.store.audit(signed.user, "agent.joined", "agent", signed.user)
    return answer(Done())


def take_here(console: Console, user: str) -> None:
    """The desk's page becomes the user's phone, and the user available. Raises InputError while a call is on."""
    agent = console.desk.floor.roster.agents.get(user)
    if agent is not None and agent.call_id:
        raise InputError("the phone cannot be changed while a call is on")
    known = console.desk.settings_of(user)
    settings = known.model_copy(update={"uri": BROWSER, "connect": "bridge"}) if known is not None else None
    console.desk.add_agent(settings or AgentSettings(name=user, uri=BROWSER), remember=True)
    state = console.desk.floor.roster.agent(user).state
    if state is AgentState.OFFLINE:
        console.desk.sign_in(user)
    elif state is AgentState.PAUSED:
        console.desk.resume(user)


async def phone(request: web.Request) -> web.StreamResponse:
    console, signed = console_of(request), signed_of(request)
    socket = web.WebSocketResponse(heartbeat=10.0, max_msg_size=_MESSAGE_MAX)
    await socket.prepare(request)
    outbox = Outbox(socket, _WAITING_MAX)
    page = console.desk.browsers.attach(signed.user, outbox.tell)
    tasks = [asyncio.create_task(work) for work in (outbox.run(), check_session(request, socket))]
    try:
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                break
            await page.receive(read_object(message.data))
    finally:
        console.desk.browsers.detach(page)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return socket


ROUTES = (
    Route("POST", "/api/desk/join", join, AGENT, "Take calls in this browser, from now on", "api", reply=Done),
    Route("GET", "/api/desk/phone", phone, AGENT, "The browser as phone (WebSocket; JSON messages)", "socket"),
)
