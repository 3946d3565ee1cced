"""Calls on the sample clock for the benchmarks of turn-taking: callers who react to what they hear, recorded speech on
a line with noise, and the session itself with whatever engines a benchmark gives it. No network and no wall clock."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ivr.asr.base import RecogniserSpec
from ivr.asr.config import LanguagePasses, RecognitionConfig, default_config
from ivr.asr.local import LocalRecognition
from ivr.audio.frame import FRAME_SAMPLES, SAMPLE_RATE, AudioFrame, Samples, to_samples
from ivr.audio.g711 import decode_ulaw, encode_ulaw
from ivr.audio.resample import resample
from ivr.audio.wav import read_audio
from ivr.call import events as call
from ivr.call.events import CallEvent
from ivr.dialog import events as dialog
from ivr.replay.engines import ReplayEngines
from ivr.replay.measure import caller_segments
from ivr.replay.shell import SyncShell

FIXTURES = Path(__file__).resolve().parent.parent / "audio_fixtures"
SILENCE: Samples = np.zeros(FRAME_SAMPLES, dtype=np.int16)
LINE_NOISE_DBFS = -66.0
"""An idle telephone line."""


def audio_root(given: str | None) -> Path:
    """Where recordings lie: as given, else IVR_BENCH_AUDIO, else the project's own few."""
    return Path(given or os.environ.get("IVR_BENCH_AUDIO") or FIXTURES)


# ---------------------------------------------------------------------------------------------------------- sound


def trimmed(samples: Samples, margin_ms: int = 0) -> Samples:
    """A recording from its first to its last sound of speech."""
    segments = caller_segments(samples)
    if not segments:
        return samples
    margin = to_samples(margin_ms)
    return samples[max(0, segments[0].start - margin) : segments[-1].end + margin]


def speech(path: Path, dbfs: float = -22.0) -> Samples:
    """A recording's speech at a telephone's level, as it arrives through 8 kHz G.711."""
    return levelled(over_the_phone(trimmed(read_audio(path))), dbfs)


def over_the_phone(samples: Samples) -> Samples:
    """What narrow-band coding leaves of a sound."""
    narrow = resample(samples, SAMPLE_RATE, 8000)
    return resample(decode_ulaw(encode_ulaw(narrow)), 8000, SAMPLE_RATE)


def active_dbfs(samples: Samples) -> float:
    """Level of the sound where there is any: blocks within 30 dB of the loudest."""
    whole = samples[: len(samples) - len(samples) % FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES).astype(np.float64)
    power = (whole**2).mean(axis=1) / 32768.0**2
    loud = power[power > power.max(initial=0.0) / 1000.0]
    return float(10 * np.log10(loud.mean())) if len(loud) else -90.0


def levelled(samples: Samples, dbfs: float) -> Samples:
    """The sound at that active level."""
    gain = 10 ** ((dbfs - active_dbfs(samples)) / 20)
    return np.clip(np.rint(samples * gain), -32768, 32767).astype(np.int16)


def noise_floor(length: int, dbfs: float = LINE_NOISE_DBFS, seed: int = 1) -> Samples:
    """White noise of an idle line."""
    return np.rint(np.random.default_rng(seed).normal(0, 32768 * 10 ** (dbfs / 20), length)).astype(np.int16)


def mixed(*parts: Samples) -> Samples:
    """Sounds of one length on top of each other."""
    total = np.sum([part.astype(np.int32) for part in parts], axis=0)
    return np.clip(total, -32768, 32767).astype(np.int16)


def joined(parts: Sequence[Samples], gaps_ms: Sequence[float]) -> tuple[Samples, list[tuple[int, int]]]:
    """Sounds with silences between them, and where each lies."""
    out: list[Samples] = []
    places: list[tuple[int, int]] = []
    at = 0
    for index, part in enumerate(parts):
        places.append((at, at + len(part)))
        gap = np.zeros(to_samples(gaps_ms[index]) if index < len(parts) - 1 else 0, dtype=np.int16)
        out += [part, gap]
        at += len(part) + len(gap)
    return np.concatenate(out), places


# --------------------------------------------------------------------------------------------------------- callers


@dataclass(frozen=True, slots=True)
class Say:
    samples: Samples
    name: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    ms: float


@dataclass(frozen=True, slots=True)
class Quiet:
    """Until the bot has been silent for so long, after it has spoken."""

    ms: float = 600
    timeout_ms: float = 20_000


@dataclass(frozen=True, slots=True)
class Bot:
    """Until the bot has spoken for so long."""

    ms: float = 500
    timeout_ms: float = 20_000


Act = Say | Pause | Quiet | Bot
Caller = Generator[Act, None, None]


@dataclass
class Held:
    """A call that was held: both sides on one clock, what the core wrote, and what the caller said where."""

    caller: Samples
    bot: Samples
    journal: list[CallEvent]
    said: list[tuple[str, int, int]] = field(default_factory=list)
    """Name, first and last sample."""


def hold(
    shell: SyncShell, caller: Iterator[Act], *, background: Samples | None = None, echo: Samples | None = None,
    limit_s: float = 300.0, delay: int = 0,
) -> Held:  # fmt: skip
    """Hold a call to the caller's end, or the bot's. `background` repeats; `echo` is the line's impulse response to
    what the bot says; `delay` moves the caller's frames against the session's blocks (samples)."""
    heard: list[Samples] = []
    spoken: list[Samples] = []
    line = _Line(caller, delay)
    last_bot, tail = SILENCE, np.zeros(len(echo) - 1 if echo is not None else 0)
    for index in range(int(limit_s * SAMPLE_RATE / FRAME_SAMPLES)):
        if line.over or shell.over():
            break
        frame = line.frame(last_bot, index)
        if background is not None:
            places = (np.arange(FRAME_SAMPLES) + index * FRAME_SAMPLES) % len(background)
            frame = mixed(frame, background[places])
        if echo is not None:
            wet = np.convolve(last_bot, echo)
            wet[: len(tail)] += tail
            tail = wet[FRAME_SAMPLES:]
            frame = mixed(frame, np.rint(wet[:FRAME_SAMPLES]).astype(np.int32))
        last_bot = shell.frame(AudioFrame(frame)).samples
        heard.append(frame)
        spoken.append(last_bot)
    return Held(np.concatenate(heard), np.concatenate(spoken), shell.journal, line.said)


class _Line:
    """The caller's side: what he does, frame by frame."""

    def __init__(self, caller: Iterator[Act], delay: int) -> None:
        self._caller = caller
        self._left: Samples = np.zeros(delay, dtype=np.int16)
        self._act: Act | None = Pause(0)
        self._since = 0
        self._quiet = self._loud = 0
        self._spoke = False
        self.said: list[tuple[str, int, int]] = []
        self.over = False

    def frame(self, bot: Samples, index: int) -> Samples:
        loud = int(np.abs(bot.astype(np.int32)).max()) > 100
        self._quiet = 0 if loud else self._quiet + 20
        self._loud = self._loud + 20 if self._quiet < 300 else 0
        self._spoke = self._spoke or loud
        while len(self._left) < FRAME_SAMPLES and not self.over:
            if not self._finished(index):
                self._left = np.concatenate((self._left, np.zeros(FRAME_SAMPLES - len(self._left), dtype=np.int16)))
                break
            self._next(index)
        out, self._left = self._left[:FRAME_SAMPLES], self._left[FRAME_SAMPLES:]
        return np.concatenate((out, np.zeros(FRAME_SAMPLES - len(out), dtype=np.int16)))

    def _finished(self, index: int) -> bool:
        waited = (index - self._since) * 20
        act = self._act
        if isinstance(act, Pause):
            return waited >= act.ms
        if isinstance(act, Quiet):
            return (self._spoke and self._quiet >= act.ms) or waited >= act.timeout_ms
        if isinstance(act, Bot):
            return self._loud >= act.ms or waited >= act.timeout_ms
        return True

    def _next(self, index: int) -> None:
        self._since, self._spoke = index, False
        self._act = next(self._caller, None)
        self.over = self._act is None
        if isinstance(self._act, Say):
            begin = index * FRAME_SAMPLES + len(self._left)
            self.said.append((self._act.name, begin, begin + len(self._act.samples)))
            self._left = np.concatenate((self._left, self._act.samples))


# --------------------------------------------------------------------------------------------------------- engines


class AskingDialog:
    """Asks the same question for ever: says its prompt, listens; what it hears is kept in `heard`."""

    def __init__(
        self, prompt: str = "What is your number please, digit by digit?", slot: dialog.SlotExpectation | None = None,
        settings: dialog.ListenSettings | None = None, language: str = "en", silent: bool = False,
    ) -> None:  # fmt: skip
        slots = (slot,) if slot is not None else ()
        asked = slot.name if slot is not None else ""
        expectation = dialog.Expectation(
            "bench/ask", "ask", language, "bench", slots=slots, asked=asked, open=slot is None
        )
        self._listen = dialog.Listen(settings or dialog.ListenSettings(start_timeout_ms=60_000), expectation)
        self._say = dialog.Say("p", prompt, language)
        self._silent = silent
        self.heard: list[str] = []

    def step(self, state: Any, event: dialog.DialogEvent) -> Step:
        if isinstance(event, dialog.Heard):
            self.heard.append(event.hypotheses[0].text if event.hypotheses else "")
        if isinstance(event, (dialog.CallStarted, dialog.Heard, dialog.NoInput, dialog.MaxSpeech)):
            first = isinstance(event, dialog.CallStarted)
            return Step(state, (self._listen,) if self._silent and first else (self._say, self._listen))
        if isinstance(event, dialog.CallerHungUp):
            return Step(state, (dialog.End("abandoned"),))
        return Step(state)


@dataclass(frozen=True, slots=True)
class Step:
    """A dialog's result."""

    state: Any
    commands: Sequence[dialog.DialogCommand] = ()
    decisions: Sequence[dialog.Decision] = ()


class BenchEngines(ReplayEngines):
    """A real recogniser; the bot's voice is a recording; understanding takes what it is given."""

    def __init__(self, config: RecognitionConfig, voice: Samples) -> None:
        self.last = None
        self.voice = voice
        self._recognition = LocalRecognition(config, self._transcript, self._failure)

    def close(self) -> None:
        self._recognition.close()

    def synthesise(self, command: call.Synthesise) -> Sequence[call.PromptAudio]:
        return [call.PromptAudio(command.prompt, self.voice)]

    def understand(self, command: call.Understand) -> dialog.Understood:
        return plain_reading(command)

    def backend(self, command: call.CallBackend) -> tuple[int, call.BackendFailed]:
        return -1, call.BackendFailed(command.action, "http", "no backend in this benchmark")

    def queue(self, command: call.EnterQueue) -> Sequence[tuple[int, call.QueueChanged]]:
        return ()


def plain_reading(command: call.Understand) -> dialog.Understood:
    """The words themselves, whatever they say."""
    text = command.hypotheses[0].text if command.hypotheses else ""
    return dialog.Understood((dialog.Reading("other", None, 0.9, text=text),))


def streaming_only(language: str = "en", engine: str = "vosk-en") -> RecognitionConfig:
    """Vosk alone: the pass that turn-taking listens to."""
    whole = default_config()
    if engine not in whole.engines:
        raise SystemExit(f"this benchmark needs {engine}: ivr models fetch {engine}")
    spec: RecogniserSpec = whole.engines[engine]
    return RecognitionConfig({engine: spec}, {language: LanguagePasses(engine)})
