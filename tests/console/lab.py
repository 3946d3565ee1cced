"""A console on a loopback port: a real store, a real desk with phones in memory, and calls that the test makes up.

async with open_console(tmp_path) as lab:
    ann = await lab.user("ann", "agent")
    answer = await ann.get("/api/desk")
"""

from __future__ import annotations

import asyncio
import functools
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ParamSpec

import numpy as np
from aiohttp import ClientResponse, CookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from ivr.audio.wav import StereoWriter
from ivr.call.events import CallEvent, EngineEvent, EnterQueue
from ivr.call.states import CallState
from ivr.console.app import add_console
from ivr.console.context import Console
from ivr.console.passwords import hash_password
from ivr.desk.config import AgentSettings, DeskConfig
from ivr.desk.desk import HumanDesk
from ivr.dialog.events import Handover, HandoverSlot
from ivr.store.database import sqlite_url
from ivr.store.store import Store
from ivr.store.tickets import Tickets
from ivr.transport.base import CallInfo
from tests.fakes.desk import FakeLegs, FakeSip, Phone

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Queue:
    skills: tuple[str, ...] = ()
    hours: str = "24/7"
    timezone: str = "Asia/Shanghai"


HASH = hash_password(PASSWORD)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOSTILE = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}"
P = ParamSpec("P")


def live(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Run an async test on a loop of its own, at most a minute."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(60):
                await test(*args, **kwargs)

        asyncio.run(bounded())

    return run


@dataclass
class Clock:
    moment: datetime = NOON

    def __call__(self) -> datetime:
        return self.moment

    def seconds(self) -> float:
        return self.moment.timestamp()

    def jump(self, **by: float) -> None:
        self.moment += timedelta(**by)


@dataclass
class FakeSession:
    state: CallState = CallState.LISTENING
    said: list[tuple[str, str]] = field(default_factory=list)

    def transcript(self) -> list[tuple[str, str]]:
        return self.said


@dataclass(eq=False)
class FakeCall:
    """A call in progress, without sound."""

    info: CallInfo
    session: FakeSession = field(default_factory=FakeSession)
    listeners: list[Callable[[list[CallEvent]], None]] = field(default_factory=list)
    duration_ms: int = 61_000
    room: Any = None
    heard: list[EngineEvent] = field(default_factory=list)

    def deliver(self, event: EngineEvent) -> None:
        self.heard.append(event)

    def note(self, kind: str, data: Any) -> None:
        self.tell(kind, **data)

    def tell(self, kind: str, **data: Any) -> None:
        for listener in self.listeners:
            listener([CallEvent(16_000, kind, data)])


class Browser:
    """One signed-in client; forms are sent with their token."""

    def __init__(self, client: TestClient[web.Request, web.Application], csrf: str = "") -> None:
        self.client, self.csrf = client, csrf

    async def get(self, path: str, **more: Any) -> ClientResponse:
        return await self.client.get(path, allow_redirects=False, **more)

    async def text(self, path: str) -> str:
        answer = await self.get(path)
        assert answer.status == 200, (path, answer.status, await answer.text())
        return await answer.text()

    async def json(self, path: str) -> Any:
        answer = await self.get(path)
        assert answer.status == 200, (path, answer.status, await answer.text())
        return await answer.json()

    async def send(self, method: str, path: str, data: Any = None, **more: Any) -> ClientResponse:
        headers = {"X-CSRF-Token": self.csrf, **more.pop("headers", {})}
        return await self.client.request(method, path, json=data, headers=headers, allow_redirects=False, **more)

    async def form(self, path: str, **fields: str) -> ClientResponse:
        return await self.client.post(path, data={"csrf": self.csrf, **fields}, allow_redirects=False)


@dataclass
class Lab:
    console: Console
    store: Store
    desk: HumanDesk
    sip: FakeSip
    phone: Phone
    clock: Clock
    running: dict[str, FakeCall]
    server: TestServer[web.Request]
    clients: list[TestClient[web.Request, web.Application]] = field(default_factory=list)

    def stranger(self, **headers: str) -> Browser:
        jar = CookieJar(unsafe=True)
        client = TestClient(self.server, cookie_jar=jar, headers={"User-Agent": "test browser", **headers})
        self.clients.append(client)
        return Browser(client)

    async def user(self, name: str, role: str) -> Browser:
        """Made if there is none of the name, and signed in."""
        if await self.console.users.get(name) is None:
            await self.console.users.add(name, role, HASH)
        return await self.sign_in(self.stranger(), name)

    async def sign_in(self, browser: Browser, name: str, password: str = PASSWORD) -> Browser:
        answer = await browser.client.post("/api/session", json={"name": name, "password": password})
        assert answer.status == 200, await answer.text()
        browser.csrf = (await answer.json())["csrf"]
        return browser

    def call(self, call_id: str, caller: str = "13800138000") -> FakeCall:
        call = FakeCall(CallInfo(call_id, caller, "4000", "sip"))
        call.session.said += [("bot", "How can I help you?"), ("caller", "my card was stolen")]
        self.running[call_id] = call
        return call

    async def row(self, call_id: str, caller: str = "13800138000", **fields: Any) -> None:
        await self.store.call_started(call_id, caller=caller, called="4000", hotline="payments", **fields)

    def hand_over(self, call: FakeCall, **fields: Any) -> None:
        slot = HandoverSlot("card", "6222 8000", 0.62, False, ("6222 8008",), 4200)
        given: dict[str, Any] = {
            "queue": "cards", "reason": "no_match", "summary": "card stolen, block it", "intent": "lost_card",
            "language": "en", "slots": (slot,), "share": ("card",), "tried": ("lost_card/details nomatch x2",),
        }  # fmt: skip
        self.desk.enter(call, EnterQueue(Handover(**given | fields), tuple(call.session.said)))

    async def answered(self, call: FakeCall) -> None:
        """Ann picks her phone up, and the console has noticed."""
        self.phone.pick_up.set()
        await until(lambda: call.room is not None, "an agent on the line")
        await self.console.hub.flush()


async def until(true: Callable[[], object], what: str, seconds: float = 5.0) -> None:
    for _ in range(int(seconds / 0.01)):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"waited in vain for {what}")


@asynccontextmanager
async def open_console(data: Path) -> AsyncIterator[Lab]:
    clock, running, sip = Clock(), {}, FakeSip()
    store = Store(sqlite_url(data / "ivr.sqlite"), data / "spool", clock=clock)
    await store.open()
    agents = (
        AgentSettings(name="ann", uri="sip:ann@test"),
        AgentSettings(name="ben", uri="sip:b@test", signed_in=False),
    )
    queues = {"cards": Queue(), "default": Queue()}
    desk = HumanDesk(DeskConfig(agents=agents), queues, sip, FakeLegs(), store, clock.seconds)
    phone = sip.phone("sip:ann@test")
    await desk.start()
    app = web.Application()
    console = Console(store, Tickets(store), desk, running, data, clock.seconds)
    add_console(app, console)
    server: TestServer[web.Request] = TestServer(app)
    await server.start_server()
    lab = Lab(console, store, desk, sip, phone, clock, running, server)
    try:
        yield lab
    finally:
        for client in lab.clients:
            await client.close()
        await server.close()
        await desk.close()
        await store.close()


def recorded(folder: Path, seconds: float = 3.0) -> dict[str, str]:
    """A call's files: both sides sound in turns, and a journal with one of everything."""
    folder.mkdir(parents=True, exist_ok=True)
    at = np.arange(int(seconds * 16_000))
    tone = (np.sin(at / 8) * 9000).astype(np.int16)
    half = len(at) // 2
    writer = StereoWriter(folder / "recording.flac")
    writer.write(np.where(at >= half, tone, 0).astype(np.int16), np.where(at < half, tone, 0).astype(np.int16))
    writer.close()
    lines = [{"at": a, "kind": kind, "data": data} for a, kind, data in _JOURNAL]
    journal = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "journal.jsonl").write_text(journal, encoding="utf-8")
    return {"recording": str(folder / "recording.flac"), "journal": str(folder / "journal.jsonl")}


_JOURNAL: tuple[tuple[int, str, dict[str, Any]], ...] = (
    (0, "state", {"state": "speaking"}),
    (0, "dialog.decision", {"rule": "1 run: enter", "step": "", "source": "flows/welcome.yaml:1", "detail": {}}),
    (320, "prompt.start", {"prompt": 1, "text": "Which card?", "language": "en", "source": "flows/welcome.yaml:2"}),
    (16_000, "activity", {"from": 0, "blocks": "5a" * 50}),
    (16_320, "speech.start", {"utterance": 2, "while_prompt": True}),
    (20_800, "in.PartialTranscript", {"utterance": 2, "text": "the blue", "confidence": 0.0}),
    (22_400, "prompt.cut", {"prompt": 1, "heard": "Which", "why": "words"}),
    (22_400, "state", {"state": "hearing"}),
    (32_000, "activity", {"from": 16_000, "blocks": "9a" * 30 + "5a" * 20}),
    (32_000, "turn.commit", {"utterance": 2, "text": "the blue one", "confidence": 0.91, "onset": 16_320,
                             "voice_end": 25_600, "language": "en"}),
    (32_000, "dialog.decision", {"rule": "7 fill: heard", "step": "card/which", "source": "flows/card.yaml:4",
                                 "detail": {"slot": "card", "value": HOSTILE, "p": 0.88}}),
    (32_320, "prompt.start", {"prompt": 3, "text": "It is blocked.", "language": "en", "source": "flows/card.yaml:9"}),
    (40_000, "key", {"digit": "5"}),
    (44_800, "prompt.end", {"prompt": 3, "text": "It is blocked."}),
    (48_000, "call.end", {"outcome": "resolved", "cause": "blocked"}),
)  # fmt: skip


def token_of(html: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', html)
    assert found is not None
    return found[1]
