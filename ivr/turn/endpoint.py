"""Endpointing: when has the caller finished?

Silence after the last voice is compared with a limit that knows the question: a complete value ends soon, one that
cannot be complete yet ends late, an open question waits for the pause its caller usually leaves inside a sentence.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ivr.audio.frame import to_ms, to_samples


class Completeness(enum.Enum):
    """What the words so far mean to the open question."""

    COMPLETE = "complete"
    """Nothing more can come: all digits heard, a plain yes."""
    FILLED = "filled"
    """It holds an answer, and could grow."""
    INCOMPLETE = "incomplete"
    """It cannot be all: 3 of 4 digits, a dangling "and"."""
    OPEN = "open"


class EndpointDecision(enum.Enum):
    SPECULATE = "speculate"
    """A first short silence: work ahead on a copy."""
    END = "end"
    MAX_SPEECH = "max_speech"


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    end_silence_ms: int = 700
    """Silence that ends an open answer; the dialog sets it a step."""
    complete_ms: int = 200
    """Silence that ends an answer that is complete."""
    incomplete_max_ms: int = 2000
    """The longest wait for a value that cannot be complete."""
    speculate_ms: int = 160
    """Silence after which the answer is worked out ahead."""
    max_speech_ms: int = 15000
    adaptive: bool = True
    """Lengthen `end_silence_ms` for a caller who pauses long inside sentences."""


class PauseStatistics:
    """The caller's own pauses inside utterances, over the whole call. Kept as an upward-biased running value."""

    def __init__(self) -> None:
        self.typical_ms = 0.0

    def add(self, pause_ms: float) -> None:
        weight = 0.5 if pause_ms > self.typical_ms else 0.15
        self.typical_ms += weight * (pause_ms - self.typical_ms)


class Endpointer:
    """One for an utterance. `update` each block; times in samples."""

    def __init__(self, settings: EndpointSettings, started_at: int, pauses: PauseStatistics) -> None:
        self.settings = settings
        self._started_at = started_at
        self._pauses = pauses
        self._last_voice_at = started_at
        self._speculated_for = -1

    def needed_ms(self, completeness: Completeness) -> int:
        """Silence that ends the turn now."""
        base = self.settings.end_silence_ms
        if completeness is Completeness.COMPLETE:
            return min(base, self.settings.complete_ms)
        if completeness is Completeness.FILLED:
            return max(self.settings.complete_ms, base // 2)
        if completeness is Completeness.INCOMPLETE:
            return max(base, min(2 * base, self.settings.incomplete_max_ms))
        if self.settings.adaptive:
            return max(base, min(int(1.25 * self._pauses.typical_ms), 2 * base))
        return base

    def update(self, now: int, last_voice_at: int, completeness: Completeness) -> EndpointDecision | None:
        """Take the block that ended at `now`; `last_voice_at` is the end of the last voice so far."""
        if last_voice_at > self._last_voice_at:
            pause = to_ms(last_voice_at - self._last_voice_at)
            if pause >= 200:
                self._pauses.add(pause)
            self._last_voice_at = last_voice_at
        silence = now - self._last_voice_at
        if silence >= to_samples(self.needed_ms(completeness)):
            return EndpointDecision.END
        if now - self._started_at >= to_samples(self.settings.max_speech_ms):
            return EndpointDecision.MAX_SPEECH
        if silence >= to_samples(self.settings.speculate_ms) and self._speculated_for != self._last_voice_at:
            self._speculated_for = self._last_voice_at
            return EndpointDecision.SPECULATE
        return None
