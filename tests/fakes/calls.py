"""A call in memory: a scripted caller, engines that answer by script, and a small dialog written in Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ivr.audio.frame import FRAME_SAMPLES, AudioFrame, Samples, to_samples
from ivr.call import events as call
from ivr.call.session import CallSession
from ivr.call.settings import CallSettings
from ivr.call.vocabulary import count_words
from ivr.dialog import events as dialog
from ivr.end_of_turn import EndOfTurnModel
from ivr.replay.shell import Latencies, SyncShell
from ivr.turn.endpoint import Completeness

CONTEXT = dialog.CallContext("call-1", "100", "200", "en", "2026-11-22T10:00:00+08:00")


class LevelDetector:
    """Voice is what is loud: tests speak in noise of -20 dBFS."""

    def detect(self, block: Samples) -> float:
        return 1.0 if np.abs(block).max(initial=0) > 500 else 0.0


class Words:
    """The least a Vocabulary can know."""

    def words(self, text: str, language: str) -> int:
        return count_words(text)

    def is_backchannel(self, text: str, language: str) -> bool:
        return text in {"uh huh", "mm"}

    def is_hotword(self, text: str, expectation: dialog.Expectation, hotwords: tuple[str, ...]) -> bool:
        return any(word in text for word in hotwords)

    def completeness(self, text: str, expectation: dialog.Expectation) -> Completeness:
        if text == "yes":
            return Completeness.COMPLETE
        return Completeness.INCOMPLETE if text.endswith("and") else Completeness.OPEN


@dataclass
class Result:
    state: Any
    commands: Sequence[dialog.DialogCommand] = ()
    decisions: Sequence[dialog.Decision] = ()


Rule = Callable[[Any, dialog.DialogEvent], Result]


class PythonDialog:
    """A dialog given as one function of (state, event)."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule

    def step(self, state: Any, event: dialog.DialogEvent) -> Result:
        return self._rule(state, event)


def speech(ms: int, seed: int = 1) -> Samples:
    """Noise at about -20 dBFS: voice to LevelDetector."""
    return (np.random.default_rng(seed).standard_normal(to_samples(ms)) * 3000).astype(np.int16)


def silence(ms: int) -> Samples:
    return np.zeros(to_samples(ms), dtype=np.int16)


@dataclass
class Utter:
    """What the scripted recogniser makes of the n-th utterance: partial after so much audio, then the final."""

    text: str
    confidence: float = 0.9
    partial_after_ms: int = 400
    stalls: bool = False
    fails: bool = False


@dataclass
class _Held:
    number: int
    script: Utter
    heard: int = 0
    told: bool = False

    def feed(self, samples: Samples) -> call.PartialTranscript | None:
        self.heard += len(samples)
        if self.told or not self.script.text or self.heard < to_samples(self.script.partial_after_ms):
            return None
        self.told = True
        return call.PartialTranscript(self.number, self.script.text)

    def finish(self) -> call.FinalTranscript | call.RecognitionFailed:
        if self.script.fails:
            return call.RecognitionFailed(self.number, "scripted failure")
        if self.script.stalls:
            return call.FinalTranscript(-1, ())
        hypotheses = (call.HeardText(self.script.text, self.script.confidence),) if self.script.text else ()
        return call.FinalTranscript(self.number, hypotheses, "en", "scripted")

    def cancel(self) -> None:
        return


@dataclass
class ScriptedEngines:
    """Engines that answer from lists; each call of a method is recorded in `asked`."""

    utterances: list[Utter] = field(default_factory=list)
    prompt_ms_per_char: int = 50
    prompts_fail: bool = False
    backend_replies: dict[str, tuple[int, dict[str, Any] | str]] = field(default_factory=dict)
    queue_events: list[tuple[int, call.QueueChanged]] = field(default_factory=list)
    asked: list[call.Command] = field(default_factory=list)

    def recognise(self, command: call.StartRecognition) -> _Held:
        self.asked.append(command)
        script = self.utterances.pop(0) if self.utterances else Utter("")
        return _Held(command.utterance, script)

    def synthesise(self, command: call.Synthesise) -> Sequence[call.PromptAudio | call.PromptFailed]:
        self.asked.append(command)
        if self.prompts_fail:
            return [call.PromptFailed(command.prompt, "scripted failure")]
        step = to_samples(self.prompt_ms_per_char)
        tone = np.full(step * len(command.text), 1000, dtype=np.int16)
        starts = [i for i in range(len(command.text)) if i == 0 or command.text[i - 1] == " "]
        marks = tuple(call.PromptMark(step * i, i) for i in starts)
        return [call.PromptAudio(command.prompt, tone, marks)]

    def understand(self, command: call.Understand) -> dialog.Understood:
        self.asked.append(command)
        text = command.hypotheses[0].text
        kind = {"yes": "yes", "no": "no"}.get(text, "other")
        return dialog.Understood((dialog.Reading(kind, None, 0.95, text=text),), language="en")  # type: ignore[arg-type]

    def backend(self, command: call.CallBackend) -> tuple[int, call.BackendReplied | call.BackendFailed]:
        self.asked.append(command)
        delay, reply = self.backend_replies.get(command.name, (-1, {}))
        if isinstance(reply, str):
            return delay, call.BackendFailed(command.action, reply)  # type: ignore[arg-type]
        return delay, call.BackendReplied(command.action, reply)

    def queue(self, command: call.EnterQueue) -> Sequence[tuple[int, call.QueueChanged]]:
        self.asked.append(command)
        return self.queue_events


class Simulation:
    """A call: say things, let time pass, look at what came of it."""

    def __init__(
        self, rule: Rule, engines: ScriptedEngines, settings: CallSettings | None = None,
        latencies: Latencies | None = None, frame_samples: int = FRAME_SAMPLES,
        end_of_turn: EndOfTurnModel | None = None,
    ) -> None:  # fmt: skip
        self.session = CallSession(
            PythonDialog(rule), CONTEXT, LevelDetector(), Words(), settings, music=np.full(1600, 300, np.int16)
        )
        self.engines = engines
        self.shell = SyncShell(self.session, engines, latencies, end_of_turn)
        self.heard: list[Samples] = []
        self._frame = frame_samples
        self.session.start()
        self.shell.settle()

    def say(self, samples: Samples) -> None:
        padded = np.concatenate((samples, np.zeros(-len(samples) % self._frame, dtype=np.int16)))
        for start in range(0, len(padded), self._frame):
            self.heard.append(self.shell.frame(AudioFrame(padded[start : start + self._frame])).samples)

    def wait(self, ms: int) -> None:
        self.say(silence(ms))

    def event(self, event: call.EngineEvent) -> None:
        self.session.receive_event(event)
        self.shell.settle()

    def kinds(self) -> list[str]:
        return [event.kind for event in self.shell.journal]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [dict(event.data) for event in self.shell.journal if event.kind == kind]

    def audio(self) -> Samples:
        return np.concatenate(self.heard)
