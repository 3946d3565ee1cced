"""Agent assist on real sound: both sides of a talk are cut, read after all others, and advice follows the words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ivr.asr.base import Hypothesis, RecognitionRequest, Transcript
from ivr.audio.frame import FRAME_SAMPLES, SILENCE, AudioFrame, Samples
from ivr.audio.vad import create_detector
from ivr.audio.wav import read_audio
from ivr.call.events import CallEvent
from ivr.desk.conference import Conference, Role
from ivr.desk.talks import Talk
from ivr.dialog import assist as pure
from ivr.dialog.assist import Advice
from ivr.service.assist import LiveAssist
from ivr.transport.base import CallInfo, Digit

SPEECH = Path(__file__).resolve().parents[2] / "audio_fixtures/en_sentences"


@dataclass(eq=False)
class FakeHandle:
    request: RecognitionRequest
    told: Callable[[Transcript | None], None]
    samples: int = 0
    finished: bool = False

    def feed(self, samples: Samples) -> None:
        self.samples += len(samples)

    def finish(self) -> None:
        self.finished = True


@dataclass
class FakeRecognition:
    waiting_ms: float = 0.0
    handles: list[FakeHandle] = field(default_factory=list)

    def stats(self) -> Any:
        return SimpleNamespace(waiting_ms=self.waiting_ms)

    def aside(self, request: RecognitionRequest, told: Callable[[Transcript | None], None]) -> FakeHandle:
        self.handles.append(FakeHandle(request, told))
        return self.handles[-1]

    def drop_aside(self, handle: FakeHandle) -> None:
        """Nobody reads it."""


@dataclass
class FakeState:
    language: str = "zh"

    def clone(self) -> FakeState:
        return self


class FakeDriver:
    def __init__(self) -> None:
        self.info = CallInfo("c1", "100", "200", "sip")
        self.over = False
        self.room: Any = None
        self.listeners: list[Callable[[list[CallEvent]], None]] = []
        self.noted: list[tuple[str, dict[str, Any]]] = []
        self.session = SimpleNamespace(dialog_state=FakeState(), transcript=lambda: [("bot", "hi")])

    def note(self, kind: str, data: dict[str, Any]) -> None:
        self.noted.append((kind, data))


class Leg:
    """An agent who says a recording, then nothing."""

    def __init__(self, sound: Samples) -> None:
        self.sound, self.at = sound, 0

    def read(self) -> AudioFrame:
        block = self.sound[self.at : self.at + FRAME_SAMPLES]
        self.at += FRAME_SAMPLES
        return AudioFrame(block if len(block) == FRAME_SAMPLES else SILENCE)

    def write(self, frame: AudioFrame) -> None: ...

    def take_digits(self) -> list[Digit]:
        return []

    def send_digits(self, digits: str) -> None: ...


@dataclass
class Scene:
    assist: LiveAssist
    recognition: FakeRecognition
    driver: FakeDriver
    talk: Talk
    asked: list[tuple[str, ...]]

    def hear(self, caller: Samples) -> None:
        for at in range(0, len(caller) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
            self.talk.conference.exchange(AudioFrame(caller[at : at + FRAME_SAMPLES]), AudioFrame(SILENCE))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What advice was asked for."""
    found: list[tuple[str, ...]] = []

    def advise(bundle: object, state: object, said: tuple[str, ...]) -> Advice:
        found.append(said)
        return Advice(topic="t", title=f"after {len(said)}")

    monkeypatch.setattr("ivr.service.assist.advise", advise)
    assert pure.advise is not advise
    return found


def scene(asked: list[tuple[str, ...]], agent: Samples, waiting_ms: float = 0.0) -> Scene:
    recognition, driver = FakeRecognition(waiting_ms), FakeDriver()
    bundle = SimpleNamespace(program=SimpleNamespace(languages=("en",), flows={}))
    assist = LiveAssist(
        recognition, lambda: create_detector("webrtc"), lambda call: bundle, lambda call: driver,  # type: ignore[arg-type, return-value]
    )  # fmt: skip
    talk = Talk(driver, Conference(), holder="ann")
    talk.conference.add("ann", Leg(agent), Role.AGENT)
    assist._opened(talk)
    return Scene(assist, recognition, driver, talk, asked)


def transcript(text: str, final: bool = True) -> Transcript:
    return Transcript((Hypothesis(text, 0.9),), "zh", "test", final)


def spoken(name: str, seconds: float) -> Samples:
    quiet = np.random.default_rng(1).normal(0, 8, int(seconds * 16_000)).astype(np.int16)
    return np.concatenate([quiet[:8000], read_audio(SPEECH / name)[: 3 * 16_000], quiet])


def test_both_sides_are_read_in_the_callers_language(asked: list[tuple[str, ...]]) -> None:
    async def main() -> None:
        s = scene(asked, spoken("jfk.wav", 8.0))
        s.hear(spoken("librivox_0890.wav", 8.0))
        assert len(s.recognition.handles) >= 2
        assert all(handle.request.language == "zh" for handle in s.recognition.handles)
        assert all(handle.finished and handle.samples > 4000 for handle in s.recognition.handles)
        first, second = s.recognition.handles[0], s.recognition.handles[1]
        first.told(transcript("my card", final=False))
        first.told(transcript("my card is gone"))
        second.told(None)
        kinds = [(kind, data["text"]) for kind, data in s.driver.noted]
        assert kinds == [("talk.said", "my card is gone")]
        (line,) = s.assist.lines("c1")
        assert line[1:] == ("my card is gone", 1)
        await asyncio.sleep(0.2)
        helped = s.assist.of("c1")
        assert helped is not None
        assert helped.partial == {}
        s.assist.close()

    asyncio.run(main())


def test_advice_follows_what_the_caller_says_or_writes(asked: list[tuple[str, ...]]) -> None:
    async def main() -> None:
        s = scene(asked, SILENCE)
        changed: list[str] = []
        s.assist.on_change.append(changed.append)
        for listener in s.driver.listeners:
            listener([CallEvent(0, "chat.said", {"speaker": "caller", "text": "is it free"})])
            listener([CallEvent(0, "chat.said", {"speaker": "agent", "text": "yes"})])
        for _ in range(100):
            await asyncio.sleep(0.01)
            helped = s.assist.of("c1")
            if helped is not None and helped.advice.title == "after 1":
                break
        assert asked[-1] == ("is it free",)
        assert helped is not None
        assert helped.advice.title == "after 1"
        assert changed
        s.assist.close()

    asyncio.run(main())


def test_a_card_said_to_a_human_is_written_nowhere(asked: list[tuple[str, ...]]) -> None:
    async def main() -> None:
        s = scene(asked, SILENCE)
        s.hear(spoken("librivox_0890.wav", 6.0))
        handle = s.recognition.handles[0]
        card = "it is four one double one one one one one one one one one one one one one"
        handle.told(transcript(card, final=False))
        helped = s.assist.of("c1")
        assert helped is not None
        assert "one" not in helped.partial["caller"]
        handle.told(transcript(card))
        handle.told(transcript("the code is one two three"))
        texts = [data["text"] for _, data in s.driver.noted]
        assert texts == ["it is " + "•" * 16, "the code is •••"]
        assert [line[1] for line in s.assist.lines("c1")] == texts
        await asyncio.sleep(0.1)
        assert all("one" not in text for said in asked for text in said)
        s.assist.close()

    asyncio.run(main())


def test_callers_who_wait_come_first(asked: list[tuple[str, ...]]) -> None:
    async def main() -> None:
        s = scene(asked, SILENCE, waiting_ms=900)
        s.hear(spoken("librivox_0890.wav", 4.0))
        assert s.recognition.handles == []
        s.recognition.waiting_ms = 0
        s.hear(spoken("librivox_0890.wav", 4.0))
        assert s.recognition.handles
        s.assist.close()

    asyncio.run(main())


def test_the_bots_own_calls_are_not_read_twice(asked: list[tuple[str, ...]]) -> None:
    async def main() -> None:
        s = scene(asked, SILENCE)
        s.talk.lent = "card_number"
        s.hear(spoken("librivox_0890.wav", 4.0))
        s.talk.lent, s.talk.holder = "", ""
        s.hear(spoken("librivox_0890.wav", 4.0))
        assert s.recognition.handles == []
        s.assist.close()

    asyncio.run(main())
