"""Chats: the same dialog by text, pages that come back, humans who answer at the desk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from ivr.call.driver import CallDriver
from ivr.desk.config import AgentSettings
from ivr.dialog.bundle import Bundle
from ivr.replay.runner import ReplayOptions, open_stored, replay_events
from tests.service.lab import live, until
from tests.service.web_lab import PASSWORD, Web, open_web

ASK, RETRY, TOLD = "Say or key in three digits.", "The three digits?", "The colour is blue."


class Socket:
    """A page's WebSocket, and all that came."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.messages: list[dict[str, Any]] = []
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self.socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                self.messages.append(message.json())

    async def send(self, **message: Any) -> None:
        await self.socket.send_json(message)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]

    @property
    def lines(self) -> list[tuple[str, str]]:
        return [(line["speaker"], line["text"]) for line in self.of("line")]

    @property
    def state(self) -> str:
        states = self.of("state")
        return str(states[-1]["state"]) if states else ""

    async def close(self) -> None:
        await self.socket.close()
        await self._task


@asynccontextmanager
async def page(
    web: Web, path: str = "/api/chat", session: aiohttp.ClientSession | None = None
) -> AsyncIterator[Socket]:
    own = session or aiohttp.ClientSession()
    try:
        socket = Socket(await own.ws_connect(f"{web.url}{path}"))
        try:
            yield socket
        finally:
            await socket.close()
    finally:
        if session is None:
            await own.close()


async def said(chat: Socket, speaker: str, text: str, seconds: float = 10.0) -> None:
    await until(lambda: (speaker, text) in chat.lines, f"{speaker}: {text} in {chat.lines}", seconds)


async def begin(chat: Socket, **wishes: str) -> None:
    await chat.send(type="begin", **wishes)
    await said(chat, "bot", ASK)


@live
async def test_a_whole_chat(tmp_path: Path, bundle: Bundle) -> None:
    async with open_web(tmp_path, bundle) as web, page(web) as chat:
        loop = asyncio.get_running_loop()
        await begin(chat, caller="13800138000", language="en")
        began = loop.time()
        await chat.send(type="say", text="One two three.")
        await said(chat, "bot", TOLD)
        assert loop.time() - began < 4, "a chat does not wait for the sound of what it shows"
        await until(lambda: chat.of("ended"), "the end")
        assert chat.of("ended")[0]["reason"] == "resolved"
        assert chat.lines[-2:] == [("caller", "One two three."), ("bot", TOLD)]
        record = web.log.done[0]
        assert (record.caller, record.transport, record.language) == ("13800138000", "chat", "en")
        web.recorder.close()
        stored = open_stored(Path(record.folder))
        replayed = replay_events(stored, bundle, ReplayOptions())
        assert (replayed.divergence, replayed.report.outcome) == ("", "completed"), "a chat's journal is a call's"
        assert not (Path(record.folder) / "recording.flac").exists()


@live
async def test_typing_takes_its_time(tmp_path: Path, bundle: Bundle) -> None:
    """Two seconds of silence make a caller repeat himself; a minute of typing does not."""
    async with open_web(tmp_path, bundle) as web, page(web) as chat:
        await begin(chat)
        await asyncio.sleep(3.0)
        assert ("bot", RETRY) not in chat.lines
        driver = next(iter(web.hotline.running.values()))
        assert driver.session.waits["noinput"] - driver.session.now > 16_000, "of 2 s, less than one has gone"


@live
async def test_keys_nonsense_and_haste(tmp_path: Path, bundle: Bundle) -> None:
    async with open_web(tmp_path, bundle) as web, page(web) as chat:
        await begin(chat)
        await chat.send(type="say", text="  ")
        await chat.send(type="say")
        await chat.send(type="nonsense", text="123")
        await chat.socket.send_str("no JSON")
        await chat.send(type="say", text="x" * 1001)
        await until(lambda: chat.of("refused"), "too long a message is refused")
        await chat.send(type="say", text="blue elephants")
        await chat.send(type="say", text="1 2 3")
        await said(chat, "bot", TOLD)
        assert [text for speaker, text in chat.lines if speaker == "caller"] == ["blue elephants", "1 2 3"]
        for _ in range(45):
            await chat.send(type="say", text="more")
        await until(lambda: len(chat.of("refused")) > 3, "a machine is told to wait")


@live
async def test_a_page_comes_back(tmp_path: Path, bundle: Bundle) -> None:
    async with open_web(tmp_path, bundle, gone_s=30) as web:
        async with page(web) as chat:
            await begin(chat)
            known = chat.of("begun")[0]
            await chat.send(type="say", text="blue elephants")
            await until(lambda: len(chat.lines) >= 4, "answered")
            before = chat.lines
        async with page(web) as wrong:
            await wrong.send(type="resume", id=known["id"], token="guessed")
            await until(lambda: wrong.of("unknown"), "no token, no conversation")
        async with page(web) as again:
            await again.send(type="resume", id=known["id"], token=known["token"])
            await until(lambda: again.lines == before, "all that was said")
            await again.send(type="say", text="one two three")
            await said(again, "bot", TOLD)
            await until(lambda: again.of("ended"), "the end")
        async with page(web) as late:
            await late.send(type="resume", id=known["id"], token=known["token"])
            await until(lambda: late.of("ended"), "what is over can be read for a while")
            assert late.lines[-1] == ("bot", TOLD)


@live
async def test_a_page_that_stays_away(tmp_path: Path, bundle: Bundle) -> None:
    async with open_web(tmp_path, bundle, gone_s=0.3) as web:
        async with page(web) as chat:
            await begin(chat)
        await until(lambda: web.log.done, "the chat is given up")
        assert web.log.done[0].outcome == "abandoned"


@live
async def test_who_may_chat(tmp_path: Path, bundle: Bundle) -> None:
    async with open_web(tmp_path, bundle) as web:
        async with page(web) as chat:
            await chat.send(type="begin", language="fr")
            await until(lambda: chat.of("refused"), "the language is refused")
        async with page(web) as chat:
            await chat.send(type="begin", caller=["13800138000"])
            await until(lambda: chat.of("refused"), "a number that is none is refused")
        web.busy.append("full")
        async with page(web) as chat:
            await chat.send(type="begin")
            await until(lambda: chat.of("busy"), "busy")
            assert chat.of("busy")[0]["reason"] == "full"
        async with aiohttp.ClientSession() as session:
            for headers, status in (({"Origin": "https://evil.example"}, 403), ({"Forwarded": "for=x"}, 401)):
                async with session.get(f"{web.url}/api/chat", headers=headers) as answer:
                    assert answer.status == status


# ------------------------------------------------------------------------------------------------- answered by a human


@asynccontextmanager
async def agent(web: Web, name: str = "ann") -> AsyncIterator[Socket]:
    """Signed in, and at the desk's page."""
    if await web.console.users.get(name) is None:
        await web.user(name)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.post(f"{web.url}/api/session", json={"name": name, "password": PASSWORD}) as answer:
            csrf = (await answer.json())["csrf"]
        async with session.post(f"{web.url}/api/desk/join", json={}, headers={"X-CSRF-Token": csrf}) as answer:
            assert answer.status == 200, await answer.text()
        async with page(web, "/api/desk/phone", session) as phone:
            yield phone


def driver_of(web: Web) -> CallDriver:
    (driver,) = web.hotline.running.values()
    return driver


async def escalated(web: Web, chat: Socket) -> None:
    """The backend is broken: the dialog hands over."""
    web.backend.mode = 500
    await begin(chat)
    await chat.send(type="say", text="one two three")
    await until(lambda: chat.state == "queued", "in the queue")


@live
async def test_an_agent_answers_a_chat(tmp_path: Path, bundle: Bundle) -> None:
    """One queue for all: rung at the desk's page whatever his telephone; what was written in the queue is there."""
    agents = (AgentSettings(name="ann", uri="sip:ann@192.0.2.9"),)
    async with open_web(tmp_path, bundle, agents=agents, gone_s=10) as web, page(web) as chat, agent(web) as phone:
        await escalated(web, chat)
        await until(lambda: phone.of("ring"), "the page rings")
        ring = phone.of("ring")[0]
        assert (ring["kind"], ring["queue"]) == ("chat", "default")
        await chat.send(type="say", text="are you there?")
        await said(chat, "caller", "are you there?")
        await phone.send(type="say", ring=ring["ring"], text="too early")
        await phone.send(type="accept", ring=ring["ring"])
        await until(lambda: chat.state == "bridged", "the agent is there")
        await until(lambda: phone.lines == [("caller", "are you there?")], "what was written in the queue")
        await phone.send(type="say", ring=ring["ring"], text="Yes, Ann here. <b>How</b> can I help?")
        await said(chat, "agent", "Yes, Ann here. <b>How</b> can I help?")
        await chat.send(type="say", text="the colour, please")
        await until(lambda: phone.lines[-1] == ("caller", "the colour, please"), "the caller's answer")
        assert ("agent", "too early") not in chat.lines
        await phone.send(type="hang_up", ring=ring["ring"])
        await until(lambda: chat.of("ended"), "the end")
        assert chat.of("ended")[0]["reason"] == "handed_over"
        web.recorder.close()
        journal = (Path(web.log.done[0].folder) / "journal.jsonl").read_text("utf-8")
        assert "Ann here" in journal


@live
async def test_the_agents_page_is_loaded_again(tmp_path: Path, bundle: Bundle) -> None:
    async with open_web(tmp_path, bundle, gone_s=5) as web, page(web) as chat:
        async with agent(web) as phone:
            await escalated(web, chat)
            await until(lambda: phone.of("ring"), "the page rings")
            ring = phone.of("ring")[0]["ring"]
            await phone.send(type="accept", ring=ring)
            await until(lambda: chat.state == "bridged", "the agent is there")
        async with page_again(web) as phone:
            await until(lambda: phone.of("resumed"), "the chat is there again")
            await phone.send(type="say", ring=ring, text="back again")
            await said(chat, "agent", "back again")


@asynccontextmanager
async def page_again(web: Web) -> AsyncIterator[Socket]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.post(f"{web.url}/api/session", json={"name": "ann", "password": PASSWORD}):
            pass
        async with page(web, "/api/desk/phone", session) as phone:
            yield phone


@live
async def test_the_agents_page_is_closed(tmp_path: Path, bundle: Bundle) -> None:
    """The caller waits at the front; what he writes meanwhile is there when the next agent comes."""
    async with open_web(tmp_path, bundle, gone_s=0.3) as web, page(web) as chat:
        async with agent(web) as phone:
            await escalated(web, chat)
            await until(lambda: phone.of("ring"), "the page rings")
            await phone.send(type="accept", ring=phone.of("ring")[0]["ring"])
            await until(lambda: chat.state == "bridged", "the agent is there")
        await until(lambda: chat.state == "queued", "nobody is left with a page that is gone")
        await chat.send(type="say", text="hello?")
        await said(chat, "caller", "hello?")
        async with agent(web, "ben") as ben:
            await until(lambda: ben.of("ring"), "the next one is rung", 15)
            await ben.send(type="accept", ring=ben.of("ring")[0]["ring"])
            await until(lambda: ben.lines == [("caller", "hello?")], "what was written meanwhile")
            assert chat.state == "bridged"


@live
async def test_a_chat_is_refused_by_the_agent(tmp_path: Path, bundle: Bundle) -> None:
    async with open_web(tmp_path, bundle) as web, page(web) as chat, agent(web) as phone:
        await escalated(web, chat)
        await until(lambda: phone.of("ring"), "the page rings")
        await phone.send(type="reject", ring=phone.of("ring")[0]["ring"])
        await until(lambda: phone.of("stopped"), "it rings no more")
        waits = driver_of(web).session  # his place may just be told to him, which is a state of its own for a moment
        await until(lambda: waits.state.value == chat.state == "queued", "the caller waits on")
        assert not chat.of("ended")
