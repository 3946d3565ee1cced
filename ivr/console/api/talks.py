"""Calls in hand: hold, transfer, lending them to the bot, help; supervisors; listening along."""

from __future__ import annotations

import asyncio
from collections import deque

import numpy as np
from aiohttp import WSMsgType, web

from ivr.audio.frame import SILENCE, AudioFrame, Samples
from ivr.console import talk_actions
from ivr.console.api.events import check_session
from ivr.console.api.parse import answer, body
from ivr.console.context import console_of, signed_of
from ivr.console.models import (
    AgentChange,
    AssistView,
    Done,
    Lend,
    Move,
    Say,
    Supervise,
    TalkChange,
    TalkView,
    Transfer,
)
from ivr.console.routing import AGENT, FLOOR, STEER, WATCH, Route
from ivr.console.talk_views import assist_view, for_agent, talk_view
from ivr.transport.base import Digit

PIECE_FRAMES = 5
"""Frames (20 ms) that go to a listening page at once."""
KEPT_FRAMES = 50
"""A page that is further behind than this hears a gap: what it hears is never old."""


async def talk(request: web.Request) -> web.Response:
    return answer(for_agent(talk_view(talk_actions.own_talk(request))))


async def help_(request: web.Request) -> web.Response:
    talk = talk_actions.own_talk(request)
    view = assist_view(talk.driver.info.call_id, console_of(request).assist)
    if view is None:
        raise web.HTTPNotFound(text="nothing is known that would help with this call")
    return answer(view)


async def change(request: web.Request) -> web.Response:
    await talk_actions.change(request, await body(request, TalkChange))
    return answer(Done())


async def transfer(request: web.Request) -> web.Response:
    await talk_actions.transfer(request, await body(request, Transfer))
    return answer(Done())


async def lend(request: web.Request) -> web.Response:
    await talk_actions.lend(request, await body(request, Lend))
    return answer(Done())


async def say(request: web.Request) -> web.Response:
    await talk_actions.say(request, await body(request, Say))
    return answer(Done())


async def supervise(request: web.Request) -> web.Response:
    await talk_actions.supervise(request, await body(request, Supervise))
    return answer(Done())


async def change_agent(request: web.Request) -> web.Response:
    await talk_actions.change_agent(request, request.match_info["name"], await body(request, AgentChange))
    return answer(Done())


async def move(request: web.Request) -> web.Response:
    await talk_actions.move(request, await body(request, Move))
    return answer(Done())


# --------------------------------------------------------------------------------------------------- listening along


class PageEar:
    """A listener's leg: what is heard goes to a page."""

    def __init__(self) -> None:
        self._frames: deque[Samples] = deque(maxlen=KEPT_FRAMES)
        self.ready = asyncio.Event()

    def read(self) -> AudioFrame:
        return AudioFrame(SILENCE)

    def write(self, frame: AudioFrame) -> None:
        self._frames.append(frame.samples)
        if len(self._frames) >= PIECE_FRAMES:
            self.ready.set()

    def take(self) -> bytes:
        """16 bit PCM, little endian, 16 kHz."""
        frames = list(self._frames)
        self._frames.clear()
        self.ready.clear()
        return np.concatenate(frames).astype("<i2").tobytes() if frames else b""

    def take_digits(self) -> list[Digit]:
        return []

    def send_digits(self, digits: str) -> None:
        """Nobody there has keys."""


async def sound(request: web.Request) -> web.StreamResponse:
    """What the call sounds like now, for as long as it lasts."""
    console, signed = console_of(request), signed_of(request)
    call = talk_actions.running_call(request)
    call_id = call.info.call_id
    socket = web.WebSocketResponse(heartbeat=20.0, max_msg_size=1024)
    await socket.prepare(request)
    ear = PageEar()
    party = console.desk.talks.listen_along(call, signed.user, ear)
    await console.store.audit(signed.user, "call.listened", "call", call_id)
    tasks = [asyncio.create_task(work) for work in (_send(socket, ear), check_session(request, socket))]
    try:
        async for message in socket:
            if message.type is WSMsgType.ERROR:
                break
    finally:
        console.desk.talks.stop_listening(call_id, party)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return socket


async def _send(socket: web.WebSocketResponse, ear: PageEar) -> None:
    while not socket.closed:
        try:
            async with asyncio.timeout(2.0):
                await ear.ready.wait()
        except TimeoutError:  # no frame for so long: the call is over
            await socket.close(message=b"the call is over")
            return
        await socket.send_bytes(ear.take())


ROUTES = (
    Route("GET", "/api/calls/{id}/talk", talk, AGENT, "How humans have a call", "api", reply=TalkView),
    Route("GET", "/api/calls/{id}/assist", help_, AGENT, "What may help with a call", "api", reply=AssistView),
    Route("POST", "/api/calls/{id}/talk", change, AGENT, "Hold, mute, end a consultation", "api", TalkChange, Done),
    Route("POST", "/api/calls/{id}/transfer", transfer, AGENT, "Consult or transfer", "api", Transfer, Done),
    Route("POST", "/api/calls/{id}/lend", lend, AGENT, "Let the bot run a flow with the caller", "api", Lend, Done),
    Route("POST", "/api/calls/{id}/say", say, AGENT, "Let the bot say something", "api", Say, Done),
    Route("POST", "/api/calls/{id}/supervise", supervise, STEER, "Listen, whisper, barge in, take over", "api",
          Supervise, Done),
    Route("POST", "/api/calls/{id}/move", move, STEER, "Move a caller who waits", "api", Move, Done),
    Route("PATCH", "/api/agents/{name}", change_agent, STEER, "Change an agent's skills and queues", "api",
          AgentChange, Done),
    Route("GET", "/api/calls/{id}/sound", sound, WATCH & FLOOR, "Listen along (WebSocket; 16 bit PCM, 16 kHz)",
          "socket"),
)  # fmt: skip
