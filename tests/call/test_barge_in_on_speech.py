"""Barge-in on recorded speech over a telephone line: how fast prompts yield, and that their own echo does not cut them.

Measured on what leaves the mixer, which is 20 ms after the decision at most.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ivr.audio.frame import FRAME_SAMPLES, AudioFrame, Samples, to_ms, to_samples
from ivr.audio.g711 import decode_ulaw, encode_ulaw
from ivr.audio.resample import resample
from ivr.audio.vad import HybridDetector, VoiceDetector, WebRtcDetector
from ivr.audio.wav import read_audio
from ivr.call import events as call
from ivr.call.session import CallSession
from ivr.dialog import events as dialog
from ivr.replay.shell import SyncShell
from tests.fakes.calls import CONTEXT, PythonDialog, Result, ScriptedEngines, Utter, Words

ROOT = Path(__file__).parents[2]
CLIPS = ROOT / "audio_fixtures"
SILERO = ROOT / "models" / "silero-vad" / "silero_vad.onnx"
PROMPT_DBFS = -20.0
CALLER_DBFS = -24.0


def level(samples: Samples) -> float:
    """Of its louder half, in dBFS."""
    blocks = samples[: len(samples) // 320 * 320].reshape(-1, 320).astype(np.float64)
    power = np.sort((blocks**2).mean(axis=1))[len(blocks) // 2 :]
    return float(10 * np.log10(power.mean() / 32768.0**2 + 1e-12))


def at_level(samples: Samples, dbfs: float) -> Samples:
    return np.clip(samples * 10 ** ((dbfs - level(samples)) / 20), -32768, 32767).astype(np.int16)


def phone_line(samples: Samples) -> Samples:
    """8 kHz and mu-law, there and back."""
    return resample(decode_ulaw(encode_ulaw(resample(samples, 16000, 8000))), 8000, 16000)


@functools.cache
def prompt() -> Samples:
    files = sorted((CLIPS / "en_prompts_allison").glob("*.wav"))[20:32]
    return at_level(np.concatenate([read_audio(path) for path in files])[: to_samples(12_000)], PROMPT_DBFS)


class SpokenEngines(ScriptedEngines):
    """Prompts are recorded speech; the recogniser hears words only in what is said from `words_from` on."""

    now = 0
    words_from = 0

    def recognise(self, command: call.StartRecognition) -> Any:
        held = super().recognise(command)
        if self.now < self.words_from:
            held.script = Utter("")
        return held

    def synthesise(self, command: call.Synthesise) -> Sequence[call.PromptAudio]:
        return [call.PromptAudio(command.prompt, prompt())]


def one_prompt(state: Any, event: dialog.DialogEvent) -> Result:
    if isinstance(event, dialog.CallStarted):
        listen = dialog.Listen(dialog.ListenSettings(), dialog.Expectation("f/s", "ask", "en", "f", asked="a"))
        return Result(1, [dialog.Say("p", "Words that nobody says", "en"), listen])
    return Result(1)


class Line:
    """A call with a recorded prompt, over a line with noise, and with echo if told."""

    def __init__(
        self, detector: VoiceDetector, words: str = "", echo_db: float | None = None, delay_ms: int = 60
    ) -> None:
        script = [Utter(words, partial_after_ms=700) for _ in range(40)]
        session = CallSession(PythonDialog(one_prompt), CONTEXT, detector, Words())
        self.engines = SpokenEngines(script)
        self.shell = SyncShell(session, self.engines)
        session.start()
        self.shell.settle()
        self.out: list[Samples] = []
        self._gain = 0.0 if echo_db is None else 10 ** (echo_db / 20)
        self._delay = delay_ms // 20
        self._noise = np.random.default_rng(5)

    def run(self, caller: Samples) -> None:
        for start in range(0, len(caller) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
            heard = caller[start : start + FRAME_SAMPLES].astype(np.float64)
            heard += self._noise.standard_normal(FRAME_SAMPLES) * 32768 * 10 ** (-65 / 20)
            if len(self.out) >= self._delay:
                heard += self.out[len(self.out) - self._delay] * self._gain
            frame = AudioFrame(np.clip(heard, -32768, 32767).astype(np.int16))
            self.engines.now = len(self.out) * FRAME_SAMPLES
            self.out.append(self.shell.frame(frame).samples)

    def times(self, kind: str) -> list[int]:
        return [event.at for event in self.shell.journal if event.kind == kind]


def speakers() -> list[Path]:
    return [
        *sorted((CLIPS / "zh_aishell3").glob("*.wav")),
        *sorted((CLIPS / "en_sentences").glob("*.wav")),
        *sorted((CLIPS / "en_digits_sc09").glob("*.wav")),
        *sorted((CLIPS / "en_intents_coffee").glob("*.wav")),
    ]


def onset_of(speech: Samples) -> int:
    """Sample at which it stays within 35 dB of its peak for 60 ms."""
    hops = speech[: len(speech) // 80 * 80].reshape(-1, 80).astype(np.float64)
    levels = 10 * np.log10((hops**2).mean(axis=1) / 32768.0**2 + 1e-12)
    loud = levels >= max(-50.0, levels.max() - 35)
    return next(i * 80 for i in range(len(loud)) if loud[i] and loud[i : i + 12].mean() >= 0.8)


def reaction_ms(detector: VoiceDetector, path: Path) -> int | None:
    """From the caller's onset to the end of the block that is 12 dB lower."""
    speech = phone_line(at_level(read_audio(path), CALLER_DBFS))
    onset = onset_of(speech)
    line = Line(detector)
    lead = to_samples(1000)
    line.run(np.concatenate((np.zeros(lead, dtype=np.int16), speech[max(0, onset - 1600) :][: to_samples(900)])))
    ducks = line.times("barge_in.duck")
    return to_ms(ducks[0] + FRAME_SAMPLES - lead - min(onset, 1600)) if ducks else None


def detectors() -> list[Any]:
    skip = pytest.mark.skipif(
        not SILERO.is_file(), reason="no Silero model; fetch it with: ivr models fetch silero-vad"
    )
    return [
        pytest.param(WebRtcDetector, id="webrtc"),
        pytest.param(lambda: HybridDetector(SILERO), id="hybrid", marks=[pytest.mark.models, skip]),
    ]


@pytest.mark.parametrize("make", detectors())
def test_prompts_are_lowered_within_a_syllable_of_the_callers_onset(make: Any) -> None:
    times = [reaction_ms(make(), path) for path in speakers()]
    seen = sorted(time for time in times if time is not None)
    assert len(seen) == len(times)
    assert seen[len(seen) // 2] <= 100
    assert seen[int(0.9 * len(seen))] <= 160
    assert seen[0] >= 0


@pytest.mark.parametrize("make", detectors())
@pytest.mark.parametrize("delay_ms", [20, 300])
def test_line_echo_of_20_db_does_not_cut_the_prompt(make: Any, delay_ms: int) -> None:
    line = Line(make(), echo_db=-20, delay_ms=delay_ms)
    line.run(np.zeros(to_samples(8_000), dtype=np.int16))
    assert line.times("barge_in.stop") == []
    assert len(line.times("barge_in.duck")) <= 1  # the first second, in which the guard learns the line


@pytest.mark.parametrize("make", detectors())
def test_a_caller_is_heard_over_the_echo(make: Any) -> None:
    heard = 0
    paths = speakers()[:15:3]
    for path in paths:
        speech = phone_line(at_level(read_audio(path), CALLER_DBFS))[: to_samples(2500)]
        line = Line(make(), words="help me", echo_db=-20, delay_ms=120)
        line.engines.words_from = to_samples(3000)
        line.run(np.concatenate((np.zeros(to_samples(3000), dtype=np.int16), speech)))
        heard += any(at >= to_samples(3000) for at in line.times("barge_in.stop"))
    assert heard == len(paths)
