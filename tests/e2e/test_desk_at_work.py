"""An agent's working day in real Chromium: a call made over SIP by a phone with recorded speech is answered in the
browser, help is shown as the caller speaks, the bot says a suggestion, hold, notes, a ticket; a supervisor listens,
whispers and takes over.

Engines are scripted, so that nothing depends on how busy the machine is; sound, pages, signalling and desk are real.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ivr.asr.base import Hypothesis, RecognitionRequest, Transcript
from ivr.audio.frame import SAMPLE_RATE, Samples
from ivr.audio.vad import create_detector
from ivr.audio.wav import read_audio
from ivr.dialog.bundle import Bundle, build
from ivr.service.assist import LiveAssist
from ivr.service.phone import Phone
from tests.e2e.test_browsers import AGENT, CALLER, agent_page, best, browsing, microphone, phone_state
from tests.fakes.chromium import CHROMIUM, Page, open_chromium
from tests.service.lab import HOTLINE, until, voice
from tests.service.web_lab import PASSWORD, Web, open_web

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (Debian: chromium)"),
]
FEES = """flow: fees
trigger:
  title: {en: ask about fees}
  examples: {en: [what are the fees, is it free, "how much do you charge", "what does it cost", any fees]}
steps:
  - say: {en: It is free of charge.}
  - end: {outcome: resolved}
"""
TUNE = (6000 * np.sin(np.arange(16_000) * 2 * np.pi * 440 / SAMPLE_RATE)).astype(np.int16)


@pytest.fixture(scope="module")
def with_answers(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The laboratory's hotline with something to suggest."""
    folder = tmp_path_factory.mktemp("hotline") / "lab"
    shutil.copytree(HOTLINE, folder)
    (folder / "flows" / "fees.yaml").write_text(FEES, encoding="utf-8")
    return build(folder)


class Reading:
    """A recogniser that hears the same words in whatever is said."""

    def stats(self) -> Any:
        return SimpleNamespace(waiting_ms=0.0)

    def aside(self, request: RecognitionRequest, told: Callable[[Transcript | None], None]) -> Any:
        def finish() -> None:
            loop = asyncio.get_running_loop()
            loop.call_soon(told, Transcript((Hypothesis("what are the fees", 0.9),), "en", "scripted", True))

        return SimpleNamespace(feed=lambda samples: None, finish=finish)

    def drop_aside(self, handle: object) -> None:
        """Nothing to stop."""


def helped(web: Web, bundle: Bundle) -> LiveAssist:
    assist = LiveAssist(
        Reading(), lambda: create_detector("webrtc"), lambda call: bundle, web.hotline.running.get,  # type: ignore[arg-type]
    )  # fmt: skip
    assist.follow(web.desk.talks)
    web.console.assist = web.console.hub._assist = assist  # type: ignore[assignment]
    assist.on_change.append(web.console.hub.help_changed)
    web.desk.talks.music = TUNE
    return assist


async def text(page: Page, selector: str) -> str:
    return str(await page.run(f"document.querySelector({selector!r})?.innerText || ''"))


async def shows(page: Page, selector: str, words: str, seconds: float = 20.0) -> None:
    await page.until(f"(document.querySelector({selector!r})?.innerText || '').includes({words!r})", seconds)


@browsing
async def test_an_agent_at_work(tmp_path: Path, with_answers: Bundle) -> None:
    agent = microphone(tmp_path / "agent.wav", AGENT, lead_s=1.0)
    phone = Phone(ports=(27000, 27998))
    await phone.start()
    try:
        async with (
            open_web(tmp_path, with_answers, ["one two three"] * 9) as web,
            open_chromium(tmp_path, speech=agent, loop=True) as browser,
        ):
            assist = helped(web, with_answers)
            web.backend.mode = 500
            desk = await agent_page(web, browser)
            line = await phone.call(web.sip_uri, caller="13900139000")
            await line.wait_quiet()
            line.press("123")
            await phone_state(desk, "ring", 40)
            await desk.click(".phone-answer")
            await phone_state(desk, "talk")
            await shows(desk, ".talk-bar", "on the line")
            await shows(desk, ".pop", "13900139000")
            await line.say(read_audio(CALLER))
            await line.pause(1500)
            await shows(desk, ".suggestions", "ask about fees", 30)
            assert "flows/fees.yaml:1" in await text(desk, ".suggestions")
            assert "It is free of charge." in await text(desk, ".suggestions .answer")
            await shows(desk, ".help .live", "what are the fees")
            said = voice("It is free of charge.")
            await desk.click(".phone-mute")
            await shows(desk, ".phone-mute", "Unmute")
            await shows(desk, ".phone-state", "Your microphone is off.")
            before = len(line.heard)
            await line.pause(600)
            assert best(since(line, before), said, 0.3) < 0.5, "nothing is said without the agent"
            await desk.click(".suggestions form button")
            await line.pause(len(said) // 16 + 2000)
            assert best(since(line, before), said, 0.3) > 0.7, "one click, and the bot says it"
            await desk.click(".phone-mute")
            await shows(desk, ".phone-state", "You are on the line.")
            assert await text(desk, ".phone-mute") == "Mute"

            await desk.click("button[value=hold]")
            await shows(desk, ".talk-bar", "on hold")
            before = len(line.heard)
            await line.pause(1500)
            assert best(since(line, before), TUNE, 0.5) > 0.8, "music on hold"
            await desk.click("button[value=resume]")
            await shows(desk, ".talk-bar", "on the line")

            await desk.fill("textarea[name=notes]", "told the fees")
            await desk.click("form[action^='/desk/notes'] button")
            await shows(desk, "#problem", "Saved.")
            assert await desk.run("document.querySelector('#phone').dataset.state") == "talk", "the line is still up"
            call_id = next(iter(web.hotline.running))
            ticket = await browser.page(f"{web.url}/tickets/new?call_id={call_id}")
            await ticket.fill("[name=topic]", "send the list of fees")
            await ticket.click("main form button")
            await shows(ticket, "main", "send the list of fees")
            (row,) = await web.console.tickets.find(text="list of fees")
            assert (row.topic, row.caller) == ("send the list of fees", "13900139000")
            noted = await web.store.call(call_id)
            assert noted is not None
            assert noted.data["notes"] == "told the fees"
            await desk.click(".phone-stop")
            await phone_state(desk, "idle")
            await line.hang_up()
            assert desk.errors == []
            assist.close()
    finally:
        await phone.stop()


def since(line: Any, before: int) -> Samples:
    """What the caller has heard since then."""
    return np.concatenate(line.heard[before:])


@browsing
async def test_a_supervisor_listens_whispers_and_takes_over(tmp_path: Path, with_answers: Bundle) -> None:
    agent = microphone(tmp_path / "agent.wav", AGENT, lead_s=1.0)
    phone = Phone(ports=(27000, 27998))
    await phone.start()
    try:
        async with (
            open_web(tmp_path, with_answers, ["one two three"] * 9) as web,
            open_chromium(tmp_path, speech=agent, loop=True) as theirs,
            open_chromium(tmp_path, speech=agent, loop=True) as ours,
        ):
            web.backend.mode = 500
            desk = await agent_page(web, theirs)
            await web.user("olga", "ops")
            live = await ours.page(f"{web.url}/login?next=/live")
            await live.fill("input[name=name]", "olga")
            await live.fill("input[name=password]", PASSWORD)
            await live.click("main form button")
            line = await phone.call(web.sip_uri, caller="13900139000")
            await live.until("!!document.querySelector('#calls article [data-listen]')", 30)
            await live.click("[data-listen]")
            (driver,) = web.hotline.running.values()
            await until(lambda: driver.room is not None and len(list(driver.room)) == 1, "a listener", 15)  # type: ignore[call-overload]
            await live.click("[data-listen]")
            await until(lambda: driver.room is None, "nobody listens", 15)
            await line.wait_quiet()
            line.press("123")
            await phone_state(desk, "ring", 40)
            await desk.click(".phone-answer")
            await phone_state(desk, "talk")
            await until(lambda: web.phones.present("olga"), "the live page is a phone", 20)
            await live.click("[data-mode=whisper]")
            await phone_state(live, "talk")
            call_id = driver.info.call_id
            await until(lambda: roles(web, call_id) == {"ann": "agent", "olga": "whisper"}, "olga whispers", 10)
            await shows(desk, ".talk-bar", "olga")
            await live.click("[data-mode=take_over]")
            await until(lambda: roles(web, call_id) == {"olga": "agent"}, "olga has the caller", 10)
            await phone_state(desk, "idle")
            assert driver.session.state.value == "bridged"
            await live.click(".phone-stop")
            await until(lambda: driver.session.state.value != "bridged", "the bot has the caller again", 10)
            await line.hang_up()
            assert (desk.errors, live.errors) == ([], [])
    finally:
        await phone.stop()


def roles(web: Web, call_id: str) -> dict[str, str]:
    talk = web.desk.talks.get(call_id)
    return {party.name: party.role.value for party in talk.conference} if talk is not None else {}
