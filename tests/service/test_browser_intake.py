"""Callers in browsers: who may call, the call itself with its captions, and every way it ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ivr.audio.wav import read_channels
from ivr.dialog.bundle import Bundle
from ivr.errors import InputError
from ivr.service.browser_intake import caller_number
from ivr.service.recorder import RECORDING
from ivr.service.visitors import VisitorLimit, VisitorSettings
from tests.fakes.web_caller import WebCaller, web_caller
from tests.service.lab import likeness, live, speech, until, voice
from tests.service.web_lab import Web, open_web

WELCOME, ASK, TOLD = "Welcome to the laboratory.", "Say or key in three digits.", "The colour is blue."


async def post(web: Web, browser: WebCaller, status: int = 201, headers: dict[str, str] | None = None,
               **wishes: str) -> dict[str, Any]:  # fmt: skip
    async with aiohttp.ClientSession() as session:
        body = {"sdp": browser.offer, **wishes}
        async with session.post(f"{web.url}/api/browser/calls", json=body, headers=headers) as answer:
            found: dict[str, Any] = await answer.json()
            assert answer.status == status, found
            return found | {"retry": answer.headers.get("Retry-After")}


async def call(web: Web, browser: WebCaller, **wishes: str) -> str:
    answer = await post(web, browser, **wishes)
    await browser.take(answer["sdp"])
    await until(lambda: web.hotline.running, "the hotline has the call", 15)
    return str(answer["id"])


def lines(caller: WebCaller) -> list[tuple[str, str]]:
    return [(line["speaker"], line["text"]) for line in caller.said("line")]


@live
async def test_a_whole_call(tmp_path: Path, bundle: Bundle) -> None:
    """Asked, spoken, understood, looked up, told; captions in time; the recording holds both."""
    async with open_web(tmp_path, bundle, ["one two three"]) as web, web_caller() as caller:
        call_id = await call(web, caller, caller="+86 138-0013-8000", language="en")
        await until(lambda: ("bot", ASK) in lines(caller), "the question is captioned")
        await until(lambda: {"type": "state", "state": "listening", "agent": ""} in caller.messages, "listening")
        caller.microphone.say(speech())
        await until(lambda: caller.said("ended"), "the end", 15)
        assert lines(caller) == [("bot", WELCOME), ("bot", ASK), ("caller", "one two three"), ("bot", TOLD)]
        assert caller.said("ended") == [{"type": "ended", "reason": "resolved"}]
        for text in (WELCOME, ASK, TOLD):
            assert likeness(caller.sound(), voice(text)) > 0.8, text
        await until(lambda: not web.calls.lines, "all is given back")
        record = web.log.done[0]
        assert (record.id, record.caller, record.transport, record.outcome) == (
            call_id, "+8613800138000", "webrtc", "resolved",
        )  # fmt: skip
        web.recorder.close()
        said, told = read_channels(Path(record.folder) / RECORDING)
        assert likeness(said, speech()) > 0.85
        assert likeness(told, voice(TOLD)) > 0.95


@live
async def test_keys_and_hanging_up(tmp_path: Path, bundle: Bundle) -> None:
    async with open_web(tmp_path, bundle) as web, web_caller() as caller:
        await call(web, caller)
        await until(lambda: ("bot", WELCOME) in lines(caller), "greeted")
        for digit in "12x3":
            caller.send(type="digit", digit=digit)
        await until(lambda: web.backend.asked == ["123"], "keys are the answer", 12)
        caller.send(type="hang_up")
        await until(lambda: web.log.done, "the end")
        assert ("caller", "123") in lines(caller)


@live
async def test_the_page_is_closed(tmp_path: Path, bundle: Bundle) -> None:
    async with open_web(tmp_path, bundle) as web, web_caller() as caller:
        await call(web, caller)
        await caller.close()
        await until(lambda: web.log.done and not web.calls.lines, "the end")
        assert (web.log.done[0].outcome, web.hotline.running) == ("abandoned", {})


@live
async def test_the_network_goes(tmp_path: Path, bundle: Bundle) -> None:
    async with open_web(tmp_path, bundle) as web, web_caller() as caller:
        await call(web, caller)
        await until(lambda: ("bot", WELCOME) in lines(caller), "greeted")
        await caller.vanish()
        await until(lambda: web.log.done and not web.calls.lines, "the silence is noticed", 12)


@live
async def test_who_is_refused(tmp_path: Path, bundle: Bundle) -> None:
    async with open_web(tmp_path, bundle, limit=VisitorSettings(at_once=1)) as web, web_caller() as caller:
        assert "no number" not in (await post(web, caller, 400, caller="call me"))["error"]
        assert "the hotline speaks en" in (await post(web, caller, 400, language="fr"))["error"]
        web.busy.append("drained")
        refused = await post(web, caller, 503)
        assert (refused["error"], refused["retry"]) == ("drained", "10")
        web.busy.clear()
        await call(web, caller)
        async with web_caller() as second:
            assert "too many calls" in (await post(web, second, 503))["error"]
        assert "another site" in (await post(web, caller, 403, {"Origin": "https://evil.example"}))["error"]
        assert (await post(web, caller, 401, {"X-Forwarded-For": "198.51.100.7"}))["error"] == "sign in first"
        assert (await post(web, caller, 401, {"Host": "rebound.example"}))["error"] == "sign in first"
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{web.url}/api/browser/calls", json={"sdp": "v=0"}) as answer:
                assert (answer.status, "sdp: " in (await answer.json())["error"]) == (503, False)
            async with session.post(f"{web.url}/api/browser/calls", data={"sdp": "v=0"}) as answer:
                assert answer.status == 403, "a form of another site cannot send JSON"


@live
async def test_pages_for_visitors(tmp_path: Path, bundle: Bundle) -> None:
    async with open_web(tmp_path, bundle) as web, aiohttp.ClientSession() as session:
        async with session.get(web.url, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/call")
        async with session.get(f"{web.url}/call") as answer:
            assert "microphone=(self)" in answer.headers["Permissions-Policy"]
        async with session.get(f"{web.url}/chat") as answer:
            assert "microphone=()" in answer.headers["Permissions-Policy"]
    async with open_web(tmp_path / "no", bundle, public="no") as web, aiohttp.ClientSession() as session:
        for path in ("/", "/call", "/chat"):
            async with session.get(f"{web.url}{path}", allow_redirects=False) as answer:
                assert (answer.status, answer.headers["Location"].split("?")[0]) == (303, "/login"), path


def test_numbers() -> None:
    assert caller_number(" +86 (138) 0013-8000 ") == "+8613800138000"
    assert caller_number("") == ""
    for wrong in ("12", "0x123", "++123", "1" * 21, "123;drop"):
        with pytest.raises(InputError):
            caller_number(wrong)


def test_the_limit_of_visitors() -> None:
    limit = VisitorLimit(VisitorSettings(at_once=2, per_minute=3, addresses=2))
    for second in (0.0, 1.0):
        assert limit.wait_s("a", second) == 0
        limit.begin("a", second)
    assert limit.wait_s("a", 2.0) == 10, "two at once"
    assert limit.wait_s("b", 2.0) == 0
    limit.end("a")
    limit.end("a")
    limit.begin("a", 3.0)
    limit.end("a")
    assert limit.wait_s("a", 10.0) == pytest.approx(50.0), "three in this minute"
    assert limit.wait_s("a", 60.0) == 0
    limit.begin("b", 61.0)
    limit.begin("c", 62.0)
    assert limit.wait_s("a", 62.0) == 0, "forgotten"
