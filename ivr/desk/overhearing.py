"""Utterances in what people say to each other, when no dialog waits for them. Pure: counts samples, reads no clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from ivr.audio.frame import FRAME_MS, FRAME_SAMPLES, Samples, to_ms
from ivr.call.ears import VoiceDetector, level_dbfs
from ivr.turn.gate import SpeechGate

END_SILENCE_MS: Final = 600
"""This much silence ends an utterance: people who talk to each other pause shortly, and nobody waits for the text."""
MAX_MS: Final = 20_000
"""Longer ones are read in parts."""
PREROLL_MS: Final = 300
FEED_MS: Final = 500
"""Audio goes to the recogniser in pieces of this length."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a block of audio means for the recogniser."""

    begins: bool = False
    audio: Samples | None = None
    """To be read, shape (n,)."""
    ends: bool = False
    onset_ms: int = 0
    """When the utterance began, from the first block on."""
    length_ms: int = 0
    """ends: from the first voice to the last."""


NOTHING: Final = Heard()


class Overhearing:
    """One side of a talk. Give it every block of 320 samples."""

    def __init__(self, detector: VoiceDetector) -> None:
        self._detector = detector
        self._gate = SpeechGate()
        self._recent: deque[Samples] = deque(maxlen=PREROLL_MS // FRAME_MS)
        self._pending: list[Samples] = []
        self._now = 0
        self._open = False
        self._began = 0

    def hear(self, block: Samples) -> Heard:
        """The next 20 ms."""
        self._now += FRAME_SAMPLES
        gate = self._gate
        voiced = gate.is_voice(self._detector.detect(block), level_dbfs(block))
        begins = gate.update(self._now, voiced)
        if not self._open:
            self._recent.append(block)
            if not begins:
                return NOTHING
            self._open, self._began = True, gate.onset_at or self._now
            self._pending = list(self._recent)
            return Heard(begins=True, onset_ms=to_ms(self._began))
        self._pending.append(block)
        silent_ms = to_ms(self._now - gate.last_voice_at)
        if silent_ms >= END_SILENCE_MS or to_ms(self._now - self._began) >= MAX_MS:
            return self._end()
        if len(self._pending) * FRAME_MS >= FEED_MS:
            return Heard(audio=self._take())
        return NOTHING

    def _end(self) -> Heard:
        self._open = False
        length = max(0, self._gate.last_voice_at - self._began)
        self._gate.close()
        self._recent.clear()
        return Heard(audio=self._take(), ends=True, onset_ms=to_ms(self._began), length_ms=to_ms(length))

    def _take(self) -> Samples:
        pending, self._pending = self._pending, []
        return np.concatenate(pending) if pending else np.zeros(0, dtype=np.int16)
