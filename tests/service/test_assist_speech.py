"""Agent assist with the real recogniser: two people talk, recorded, and the page suggests what the caller is after."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ivr.asr.config import LanguagePasses, RecogniserSpec, RecognitionConfig
from ivr.audio.frame import FRAME_SAMPLES, SILENCE, AudioFrame
from ivr.audio.vad import create_detector
from ivr.audio.wav import read_audio
from ivr.desk.conference import Conference, Role
from ivr.desk.talks import Talk
from ivr.dialog import events as ev
from ivr.dialog.bundle import build
from ivr.dialog.engine import step
from ivr.models.verify import available
from ivr.service.assist import LiveAssist
from ivr.service.recognition import LiveRecognition
from tests.service.test_assist import FakeDriver, Leg

pytestmark = [pytest.mark.models, pytest.mark.skipif(not available("vosk-en"), reason="models not fetched")]
FIXTURES = Path(__file__).resolve().parents[2] / "audio_fixtures"
FILES = {
    "hotline.yaml": """
hotline: coffee
schema: 1
languages: [en]
entry: {inbound: main}
queues:
  bar: {skills: [], hours: "24/7", timezone: Asia/Shanghai}
catch:
  queue: {end: {}}
""",
    "flows/main.yaml": "flow: main\nsteps:\n  - {handover: {queue: bar, reason: asked}}\n",
    "flows/americano.yaml": """
flow: americano
trigger: {title: {en: order an americano}, examples: {en: ["[can i have] an americano", "get me an americano"]}}
steps:
  - say: {en: "Americano is three dollars."}
  - end: {outcome: resolved}
""",
    "flows/hours.yaml": """
flow: hours
trigger: {title: {en: ask for the opening hours}, examples: {en: ["when do you open", "opening hours"]}}
steps:
  - say: {en: "We open at eight."}
  - end: {outcome: resolved}
""",
}


def test_a_suggestion_comes_from_what_the_caller_says(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    bundle = build(tmp_path)
    assert [str(problem) for problem in bundle.problems if problem.severity == "error"] == []
    quiet = np.random.default_rng(1).normal(0, 8, 32_000).astype(np.int16)
    caller = np.concatenate([quiet, read_audio(FIXTURES / "en_intents_coffee/b109009d.wav"), quiet])
    agent = np.concatenate([quiet, np.zeros(len(caller), np.int16)])

    async def main() -> None:
        config = RecognitionConfig(
            {"vosk-en": RecogniserSpec("vosk", {"model": "vosk-en"}, ("en",))},
            {"en": LanguagePasses("vosk-en", "vosk-en")}, {"vosk-en": 1},
        )  # fmt: skip
        recognition, driver = LiveRecognition(config), FakeDriver()
        started = step(
            bundle, None, ev.CallStarted(0, ev.CallContext("c1", "100", "200", "en", "2026-11-22T10:00:00+08:00"))
        )
        driver.session = SimpleNamespace(dialog_state=started.state, transcript=list)
        await recognition.start()
        assist = LiveAssist(
            recognition, lambda: create_detector("webrtc"), lambda call: bundle, lambda call: driver,  # type: ignore[arg-type, return-value]
        )  # fmt: skip
        changed = asyncio.Event()
        assist.on_change.append(lambda call_id: changed.set())
        talk = Talk(driver, Conference(), holder="ann")
        talk.conference.add("ann", Leg(agent), Role.AGENT)
        assist._opened(talk)
        helped: Any = assist.of("c1")
        try:
            for at in range(0, len(caller) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
                block = AudioFrame(caller[at : at + FRAME_SAMPLES])
                talk.conference.exchange(block, AudioFrame(SILENCE))
                if at % 16_000 == 0:
                    await asyncio.sleep(0)
            async with asyncio.timeout(60):
                while not (helped.said and helped.advice.suggestions):
                    changed.clear()
                    await changed.wait()
        finally:
            assist.close()
            await recognition.close()
        assert [kind for kind, _ in driver.noted] == ["talk.said"] * len(driver.noted)
        assert "americano" in " ".join(helped.said)
        assert helped.advice.suggestions[0].title == "order an americano"

    asyncio.run(main())
