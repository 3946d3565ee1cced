"""`scripted`: tones of known length instead of speech, for tests of hotlines and for load tests.

Every character takes the same time: letters sound, spaces and punctuation are silent. So length and marks are known
before: character n begins at n * ms_per_char."""

from __future__ import annotations

import numpy as np

from ivr.audio.frame import SAMPLE_RATE, to_samples
from ivr.errors import ConfigError, SynthesisError
from ivr.tts.base import Mark, SpeechAudio, SpeechRequest, SynthesiserCapabilities
from ivr.tts.clauses import words

_AMPLITUDE = 0.1 * 2**0.5
"""A sine of -20 dBFS RMS, so that levelling leaves it as it is."""


class ScriptedSynthesiser:
    """`ms_per_char` at rate 1; `tone_hz` 0 = silence; text that holds a word of `fail_on` raises SynthesisError."""

    name = "scripted"

    def __init__(self, ms_per_char: int = 60, tone_hz: float = 440.0, fail_on: tuple[str, ...] = ()) -> None:
        if ms_per_char <= 0:
            raise ConfigError(f"synthesiser 'scripted': ms_per_char is {ms_per_char}, must be above 0")
        self.capabilities = SynthesiserCapabilities(("en", "zh"), ("tone",), True, SAMPLE_RATE)
        self._ms_per_char = ms_per_char
        self._tone_hz = tone_hz
        self._fail_on = tuple(fail_on)

    def synthesise(self, request: SpeechRequest) -> SpeechAudio:
        for word in self._fail_on:
            if word in request.text:
                raise SynthesisError(f"scripted to fail on {word!r}")
        step = to_samples(self._ms_per_char / request.rate)
        times = np.arange(step * len(request.text))
        tone = np.sin(2 * np.pi * self._tone_hz / SAMPLE_RATE * times) * _AMPLITUDE * 32_767.0
        sounding = np.repeat([char.isalnum() for char in request.text], step)
        samples = np.rint(tone * sounding).astype(np.int16)
        marks = tuple(Mark(char * step, char) for char, _ in words(request.text))
        return SpeechAudio(samples, marks or (Mark(0, 0),), self.name)

    def close(self) -> None:
        """Nothing is held."""
