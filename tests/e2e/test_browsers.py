"""Real Chromium on both ends: a caller and an agent in browsers, and an agent who takes a call made by a SIP phone.

Engines are scripted, so that nothing depends on how busy the machine is; sound, pages, signalling and desk are real.
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import ParamSpec

import numpy as np
import pytest
import soundfile

from ivr.audio.frame import SAMPLE_RATE, Samples
from ivr.audio.resample import Resampler
from ivr.audio.wav import read_audio, read_channels
from ivr.dialog.bundle import Bundle, build
from ivr.service.phone import Phone
from ivr.service.recorder import RECORDING
from tests.fakes.chromium import CHROMIUM, Chromium, Page, open_chromium
from tests.service.lab import HOTLINE, likeness, until, voice
from tests.service.web_lab import PASSWORD, Web, open_web

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (Debian: chromium)"),
]
FIXTURES = Path(__file__).resolve().parents[2] / "audio_fixtures"
CALLER, AGENT = FIXTURES / "en_sentences/librivox_0890.wav", FIXTURES / "en_sentences/jfk.wav"
WELCOME, ASK = "Welcome to the laboratory.", "Say or key in three digits."
SIZES = {"desk": (1360, 900), "phone": (390, 844)}
P = ParamSpec("P")

LISTEN = """(() => {
  const listen = (call) => {
    window.heard = [];
    const attach = () => {
      if (!call.speaker.srcObject) { setTimeout(attach, 20); return; }
      const context = new AudioContext({ sampleRate: 16000 }), node = context.createScriptProcessor(4096, 1, 1);
      const keep = (block) => window.heard.push(Array.from(block, (x) => Math.round(x * 32767)));
      node.onaudioprocess = (event) => keep(event.inputBuffer.getChannelData(0));
      context.createMediaStreamSource(call.speaker.srcObject).connect(node).connect(context.destination);
    };
    attach();
    return call;
  };
  for (const name of ["open", "connect"]) {
    const real = Webrtc[name];
    Webrtc[name] = async (...given) => listen(await real(...given));
  }
})()"""
"""Keeps what the page's user hears."""


def browsing(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Run an async test on a loop of its own, at most two minutes."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(120):
                await test(*args, **kwargs)

        asyncio.run(bounded())

    return run


@pytest.fixture(scope="module")
def laboratory() -> Bundle:
    return build(HOTLINE)


def microphone(path: Path, clip: Path, *, lead_s: float) -> Path:
    """A recording of a human voice as a microphone at 48 kHz, over and over with a pause."""
    samples = np.concatenate([np.zeros(int(lead_s * SAMPLE_RATE), np.int16), read_audio(clip)])
    up = Resampler(SAMPLE_RATE, 48_000)
    soundfile.write(path, np.concatenate([up.process(samples), up.flush()]), 48_000, subtype="PCM_16")
    return path


def best(heard: Samples, said: Samples, second: float = 0.8) -> float:
    """How like the best stretch of what was heard is to a stretch of what was said: the browser's jitter buffer shifts
    its clock by some samples now and then, and a busy machine leaves ticks out, so only short stretches can be laid
    over each other."""
    length = int(second * SAMPLE_RATE)
    return max(likeness(heard, said[at : at + length]) for at in range(0, max(1, len(said) - length), length))


async def heard_by(page: Page) -> Samples:
    blocks = await page.run("window.heard")
    return np.array([sample for block in blocks for sample in block], dtype=np.int16)


async def pictures(page: Page, name: str, folder: Path) -> None:
    """The page at a desk and on a phone; nothing may be wider than the screen."""
    shots = Path(os.environ.get("IVR_SCREENSHOTS", folder / "shots"))
    for size, (width, height) in SIZES.items():
        await page.size(width, height)
        await asyncio.sleep(0.2)
        await page.picture(shots / f"browser-{name}-{size}.png")
        assert await page.run("document.documentElement.scrollWidth") <= width, (name, size)
    await page.size(*SIZES["desk"])


async def caller_page(web: Web, browser: Chromium) -> Page:
    page = await browser.page(f"{web.url}/")
    assert await page.run("location.pathname") == "/call", "a visitor is led to the hotline"
    await page.run(LISTEN)
    return page


async def agent_page(web: Web, browser: Chromium, name: str = "ann") -> Page:
    """Signs in by the form, and takes calls in the browser."""
    await web.user(name)
    page = await browser.page(f"{web.url}/login?next=/desk")
    await page.fill("input[name=name]", name)
    await page.fill("input[name=password]", PASSWORD)
    await page.click("main form button")
    await page.click("form[action='/desk/join'] button")
    await page.until("!document.querySelector(\"form[action='/desk/join']\") && !!document.querySelector('#phone')")
    await page.until(
        "document.querySelector('#phone').dataset.state === 'idle' && !document.querySelector('#phone').hidden"
    )
    await until(lambda: web.phones.present(name), "the desk's page is a phone", 15)
    await page.run(LISTEN)
    return page


async def state(page: Page, name: str, seconds: float = 30.0) -> None:
    await page.until(f"document.querySelector('#call').dataset.state === '{name}'", seconds)


async def phone_state(page: Page, name: str, seconds: float = 30.0) -> None:
    await page.until(f"document.querySelector('#phone').dataset.state === '{name}'", seconds)


@browsing
async def test_a_caller_in_the_browser(tmp_path: Path, laboratory: Bundle) -> None:
    """He hears the bot, is heard, sees both written; keys work; the page tells how it ended."""
    speech = microphone(tmp_path / "caller.wav", CALLER, lead_s=4)
    async with (
        open_web(tmp_path, laboratory, ["elephants"]) as web,
        open_chromium(tmp_path, speech=speech) as browser,
    ):
        page = await caller_page(web, browser)
        await pictures(page, "call-idle", tmp_path)
        await page.fill("input[name=caller]", "13800138000")
        await page.click("button.go")
        await page.until(f"document.querySelector('.talk').innerText.includes('{ASK}')", 40)
        await page.until("document.querySelector('.talk li.caller')?.innerText.includes('elephants')", 40)
        levels = await page.run(
            "['own', 'other'].map((side) => document.querySelector(`.meter-${side} i`).style.width)"
        )
        assert all(level for level in levels), "both meters move"
        for key in "123":
            await page.click(f".key[data-key='{key}']")
        await pictures(page, "call-on", tmp_path)
        await state(page, "ended", 40)
        heard = await heard_by(page)
        await until(lambda: web.log.done, "the end")
        assert (web.log.done[0].outcome, web.log.done[0].caller) == ("resolved", "13800138000")
        for text in (WELCOME, ASK):
            assert best(heard, voice(text), 0.3) > 0.6, text
        web.recorder.close()
        said, _ = read_channels(Path(web.log.done[0].folder) / RECORDING)
        assert best(said, read_audio(CALLER), 0.5) > 0.6, "the recording holds the caller's words"
        assert await page.run("document.querySelector('.talk').innerText.includes('123')")
        await pictures(page, "call-ended", tmp_path)
        assert page.errors == []


@browsing
async def test_caller_and_agent_in_browsers(tmp_path: Path, laboratory: Bundle) -> None:
    """Escalated, rung, answered by one click: each hears the other's recorded words."""
    caller, agent = (microphone(tmp_path / f"{name}.wav", clip, lead_s=1.0) for name, clip in
                     (("caller", CALLER), ("agent", AGENT)))  # fmt: skip
    async with (
        open_web(tmp_path, laboratory, ["one two three"] * 9) as web,
        open_chromium(tmp_path, speech=agent, loop=True) as theirs,
        open_chromium(tmp_path, speech=caller, loop=True) as ours,
    ):
        web.backend.mode = 500
        desk = await agent_page(web, theirs)
        page = await caller_page(web, ours)
        await page.click("button.go")
        await state(page, "queued", 60)
        await phone_state(desk, "ring")
        await pictures(desk, "desk-rings", tmp_path)
        await pictures(page, "call-queued", tmp_path)
        await desk.click(".phone-answer")
        await phone_state(desk, "talk")
        await state(page, "bridged")
        await asyncio.sleep(13)
        await pictures(desk, "desk-talks", tmp_path)
        await pictures(page, "call-bridged", tmp_path)
        at_desk, at_caller = await heard_by(desk), await heard_by(page)
        await desk.click(".phone-stop")
        await until(lambda: web.log.done, "the end", 20)
        # Chromium's own noise suppression and gain control are in the way: like enough, and unlike anything else.
        for heard, said, own in ((at_desk, CALLER, AGENT), (at_caller, AGENT, CALLER)):
            alike, unlike = best(heard, read_audio(said)), best(heard, read_audio(own))
            assert alike > 0.5, (said.name, alike)
            assert unlike < 0.75 * alike, "nobody hears himself"
        assert web.log.done[0].outcome == "handed_over"
        await state(page, "ended")
        await phone_state(desk, "idle")
        assert (page.errors, desk.errors) == ([], [])


@browsing
async def test_an_agent_in_the_browser_takes_a_call_by_sip(tmp_path: Path, laboratory: Bundle) -> None:
    agent = microphone(tmp_path / "agent.wav", AGENT, lead_s=1.0)
    phone = Phone(ports=(28000, 28998))
    await phone.start()
    try:
        async with (
            open_web(tmp_path, laboratory, ["one two three"] * 9) as web,
            open_chromium(tmp_path, speech=agent, loop=True) as browser,
        ):
            web.backend.mode = 500
            desk = await agent_page(web, browser)
            line = await phone.call(web.sip_uri, caller="13900139000")
            await line.wait_quiet()
            line.press("123")
            await phone_state(desk, "ring", 40)
            await desk.until("document.querySelector('.phone-state').innerText.includes('13900139000')")
            await desk.click(".phone-answer")
            await phone_state(desk, "talk")
            await until(
                lambda: any(d.session.state.value == "bridged" for d in web.hotline.running.values()), "bridged"
            )
            before = len(line.heard)
            await line.say(read_audio(CALLER))
            await line.pause(6000)
            at_desk = await heard_by(desk)
            await line.hang_up()
            await phone_state(desk, "idle")
            assert best(at_desk, read_audio(CALLER)) > 0.75
            assert best(np.concatenate(line.heard[before:]), read_audio(AGENT)) > 0.7, "G.711: 3.4 kHz of it"
            assert desk.errors == []
    finally:
        await phone.stop()


# A browser that dies while a page is sent leaves the file to the collector (aiohttp's FileResponse).
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@browsing
async def test_the_agents_browser_dies(tmp_path: Path, laboratory: Bundle) -> None:
    """The lid is closed in mid-call: the caller goes back to the queue, and is not left alone on a dead line."""
    agent = microphone(tmp_path / "agent.wav", AGENT, lead_s=1.0)
    phone = Phone(ports=(28000, 28998))
    await phone.start()
    try:
        async with (
            open_web(tmp_path, laboratory, ["one two three"] * 9) as web,
            open_chromium(tmp_path, speech=agent, loop=True) as browser,
        ):
            web.backend.mode = 500
            desk = await agent_page(web, browser)
            line = await phone.call(web.sip_uri, caller="13900139000")
            await line.wait_quiet()
            line.press("123")
            await phone_state(desk, "ring", 40)
            await desk.click(".phone-answer")
            (driver,) = web.hotline.running.values()
            await until(lambda: driver.session.state.value == "bridged", "bridged", 20)
            await line.wait_speech(10)
            browser.process.kill()
            await until(lambda: any(call.waits for call in web.desk.floor.calls.values()), "he waits again", 15)
            await line.hang_up()
    finally:
        await phone.stop()


@browsing
async def test_a_chat_in_the_browser(tmp_path: Path, laboratory: Bundle) -> None:
    """Begun on a page, loaded again, answered by an agent at the desk's page."""
    async with open_web(tmp_path, laboratory, gone_s=20) as web, open_chromium(tmp_path) as browser:
        web.backend.mode = 500
        desk = await agent_page(web, browser)
        page = await browser.page(f"{web.url}/chat")
        await pictures(page, "chat-begin", tmp_path)
        await page.click(".begin button")
        await page.until(f"document.querySelector('.talk').innerText.includes('{ASK}')")
        await page.goto(f"{web.url}/chat")
        await page.until(f"document.querySelector('.talk').innerText.includes('{ASK}')")
        await write(page, "#chat .write", "one two three")
        await phone_state(desk, "ring")
        await desk.click(".phone-answer")
        await phone_state(desk, "talk")
        await write(desk, ".phone-write", "Ann here: 您好！")
        await page.until("document.querySelector('.talk li.agent')?.innerText.includes('您好')")
        await write(page, "#chat .write", "<b>thank you</b>")
        await desk.until("document.querySelector('.phone-chat .talk').innerText.includes('<b>thank you</b>')")
        assert await desk.run("document.querySelector('.phone-stop').textContent") == "End", "no telephone to hang up"
        await pictures(page, "chat-on", tmp_path)
        await pictures(desk, "desk-chats", tmp_path)
        await page.click(".leave")
        await page.until("!document.querySelector('.again').hidden")
        await phone_state(desk, "idle")
        assert (page.errors, desk.errors) == ([], [])


async def write(page: Page, form: str, text: str) -> None:
    await page.until(f"!document.querySelector('{form}').hidden")
    await page.fill(f"{form} textarea", text)
    await page.click(f"{form} button")
