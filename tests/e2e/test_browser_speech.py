"""A caller in a real browser, with a human voice in the microphone, against the real service and its engines."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ivr.audio.resample import Resampler
from ivr.audio.wav import read_channels
from tests.e2e.conftest import Served, yes
from tests.e2e.test_browsers import LISTEN, best, browsing, heard_by
from tests.fakes.chromium import CHROMIUM, open_chromium
from tests.service.lab import likeness

pytestmark = [
    pytest.mark.models,
    pytest.mark.chromium,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (Debian: chromium)"),
]
CALLER = "13700137000"
QUESTION = "Shall we go on?"


@browsing
async def test_a_caller_in_the_browser_is_understood(tmp_path: Path, served: Served) -> None:
    """He hears the question, says yes, sees what was understood, and is asked the next question."""
    up = Resampler(16_000, 48_000)
    samples = np.concatenate([np.zeros(16_000 * 9, np.int16), yes(), np.zeros(16_000 * 60, np.int16)])
    speech = tmp_path / "caller.wav"
    soundfile.write(speech, np.concatenate([up.process(samples), up.flush()]), 48_000, subtype="PCM_16")
    async with open_chromium(tmp_path, speech=speech) as browser:
        page = await browser.page(f"{served.http}/")
        assert await page.run("location.pathname") == "/call"
        await page.run(LISTEN)
        await page.fill("input[name=caller]", CALLER)
        await page.click("button.go")
        await page.until(f"document.querySelector('.talk').innerText.includes('{QUESTION}')", 40)
        await page.until("document.querySelector('.talk li.caller')?.innerText.toLowerCase().includes('yes')", 40)
        await page.until("document.querySelector('.talk li:last-child').className === 'bot'", 30)
        await asyncio.sleep(2)
        heard = await heard_by(page)
        await page.click("button.stop")
        await page.until("document.querySelector('#call').dataset.state === 'ended'")
        assert page.errors == []
    stored, report = await asyncio.to_thread(served.stored, CALLER)
    assert next(turn.text.lower().strip(".") for turn in report.turns if turn.speaker == "caller") == "yes"
    said, told = read_channels(stored.folder / "recording.flac")
    assert likeness(said, yes()[3200:-14400]) > 0.5, "his voice is in the recording"
    assert best(heard, told[16_000 : 16_000 * 6], 0.5) > 0.6, "he heard what was said to him"
