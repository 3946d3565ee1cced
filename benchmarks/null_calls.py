"""Calls without engines, for the benchmarks of what stands around engines: recorded speech as the caller, a dialog that
talks and listens, and services that answer every question of the core at the next tick."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ivr.audio.frame import SAMPLE_RATE, Samples, to_samples
from ivr.audio.wav import read_audio
from ivr.call import events as call
from ivr.call.driver import CallDriver
from ivr.dialog import events as dialog
from ivr.dialog.bundle import Bundle
from ivr.replay.measure import caller_segments
from ivr.service.calls import understand

FIXTURES = Path(__file__).resolve().parent.parent / "audio_fixtures"
CLIPS = ("en_sentences/goforward.wav", "en_sentences/librivox_0880.wav", "en_sentences/librivox_0890.wav")
LINE_S = 20.0
SPEECH_SHARE = 0.35
PROMPT_S = 3.0
FIRST_SPEECH_S = 4.0


def load() -> str:
    """The machine's load over the last minute, and its cores: what a figure was taken under."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def clip(name: str) -> Samples:
    """A recorded sentence from its first to its last sound."""
    samples = read_audio(FIXTURES / name)
    segments = caller_segments(samples)
    return samples[segments[0].start : segments[-1].end]


def caller_line(seconds: float = LINE_S, share: float = SPEECH_SHARE) -> Samples:
    """A caller who speaks for `share` of the time, in sentences with equal pauses between them, on a quiet line.

    It may be repeated without end.
    """
    wanted = to_samples(1000 * seconds * share)
    spoken: list[Samples] = []
    while (missing := wanted - sum(map(len, spoken))) > 0:
        spoken.append(clip(CLIPS[len(spoken) % len(CLIPS)])[:missing])
    line = np.rint(np.random.default_rng(1).normal(0, 8, to_samples(1000 * seconds)))  # about -72 dBFS
    gap = (len(line) - wanted) // len(spoken)
    at = gap // 2
    for samples in spoken:
        line[at : at + len(samples)] += samples
        at += len(samples) + gap
    return np.clip(line, -32768, 32767).astype(np.int16)


def prompt(seconds: float = PROMPT_S) -> Samples:
    """Recorded speech of this length as the bot's voice."""
    voice = clip(CLIPS[2])
    return np.tile(voice, int(seconds * SAMPLE_RATE / len(voice)) + 1)[: to_samples(1000 * seconds)]


@dataclass(frozen=True, slots=True)
class Step:
    """A dialog's result."""

    state: Any
    commands: Sequence[dialog.DialogCommand] = ()
    decisions: Sequence[dialog.Decision] = ()


class TalkingDialog:
    """Says its prompt after everything the caller says, then listens; never ends."""

    _LISTEN = dialog.Listen(
        dialog.ListenSettings(start_timeout_ms=10_000), dialog.Expectation("talk/ask", "ask", "en", "talk")
    )
    _SAY = dialog.Say("p", "This is what the bot says after everything it hears.", "en")

    def step(self, state: Any, event: dialog.DialogEvent) -> Step:
        if isinstance(event, (dialog.CallStarted, dialog.Heard, dialog.NoInput, dialog.MaxSpeech)):
            return Step(state, (self._SAY, self._LISTEN))
        if isinstance(event, dialog.CallerHungUp):
            return Step(state, (dialog.End("abandoned"),))
        return Step(state)


class NullServices:
    """Engines that cost nothing: each utterance is the same sentence, each prompt the same sound."""

    def __init__(self, sound: Samples) -> None:
        self._sound = sound
        self.utterances = 0
        self.prompts = 0

    def adopt(self, driver: CallDriver, *rest: object) -> None:
        """Nothing is kept of a call."""

    def carry_out(self, driver: CallDriver, command: call.Command) -> None:
        if isinstance(command, call.FinishRecognition):
            self.utterances += 1
            heard = call.HeardText("i have lost my card", 0.9)
            driver.later(call.FinalTranscript(command.utterance, (heard,), "en", "null"))
        elif isinstance(command, call.Understand):
            reading = dialog.Reading("other", None, 0.9, text=command.hypotheses[0].text)
            driver.later(call.UtteranceUnderstood(command.utterance, dialog.Understood((reading,), language="en")))
        elif isinstance(command, call.Synthesise):
            self.prompts += 1
            driver.later(call.PromptAudio(command.prompt, self._sound))

    def forget(self, driver: CallDriver) -> None:
        """Nothing runs."""

    def close(self) -> None:
        """Nothing runs."""


class _Utterance:
    """The recogniser's side of an utterance whose words are known."""

    def __init__(self, number: int, text: str) -> None:
        self._number, self._text = number, text
        self._samples = 0
        self._told = False

    def feed(self, samples: Samples) -> call.PartialTranscript | None:
        self._samples += len(samples)
        if self._told or self._samples < SAMPLE_RATE // 2:
            return None
        self._told = True
        return call.PartialTranscript(self._number, self._text)

    def finish(self) -> call.FinalTranscript:
        return call.FinalTranscript(self._number, (call.HeardText(self._text, 0.9),), "en", "null")

    def cancel(self) -> None:
        """Nothing runs."""


class NullEngines:
    """Engines of a replay: the caller says these sentences in turn; the bot's voice is a recording."""

    def __init__(self, bundle: Bundle, sentences: Sequence[str]) -> None:
        self._bundle = bundle
        self._sentences = sentences
        self._said = 0

    def recognise(self, command: call.StartRecognition) -> _Utterance:
        self._said += 1
        return _Utterance(command.utterance, self._sentences[(self._said - 1) % len(self._sentences)])

    def synthesise(self, command: call.Synthesise) -> Sequence[call.PromptAudio]:
        return [call.PromptAudio(command.prompt, prompt(0.06 * len(command.text)))]

    def understand(self, command: call.Understand) -> dialog.Understood:
        return understand(self._bundle, command)

    def backend(self, command: call.CallBackend) -> tuple[int, call.BackendFailed]:
        return -1, call.BackendFailed(command.action, "http", "no backend in this benchmark")

    def queue(self, command: call.EnterQueue) -> Sequence[tuple[int, call.QueueChanged]]:
        return [(1000, call.QueueChanged("position", 2, 30)), (20_000, call.QueueChanged("timeout"))]
