"""Endpointing: when has the caller finished?

Silence after the last voice is compared with a limit that knows the question: a complete value ends soon, one that
cannot be complete yet ends late, an open question waits for the pause its caller usually leaves inside a sentence.
Where there is an end-of-turn model it is asked at each short silence after an open question; it shortens or lengthens
the limit when its answer comes, and without an answer nothing is different.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ivr.audio.frame import FRAME_SAMPLES, to_ms, to_samples


class Completeness(enum.Enum):
    """What the words so far mean to the open question."""

    COMPLETE = "complete"
    """Nothing more can come: all digits heard, a plain yes."""
    FILLED = "filled"
    """It holds an answer, and could grow."""
    MISHEARD = "misheard"
    """As many words as digits were asked for, and not all of them are digits: all was said, not all was understood."""
    INCOMPLETE = "incomplete"
    """It cannot be all: 3 of 4 digits, a dangling "and"."""
    OPEN = "open"


class EndpointDecision(enum.Enum):
    JUDGE = "judge"
    """A short silence after an open question: ask the end-of-turn model."""
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
    """Silence after which the answer is worked out ahead; half of it where it is complete: there the time is short."""
    max_speech_ms: int = 15000
    adaptive: bool = True
    """Lengthen `end_silence_ms` for a caller who pauses long inside sentences."""
    judge_ms: int = 0
    """Silence at which the end-of-turn model is asked; 0 = there is none."""
    likely: float = 0.5
    """The model's probability from which `likely_ms` of silence is enough."""
    likely_ms: int = 600
    unlikely: float = 0.3
    """The probability up to which `end_silence_ms` is waited for nine quarters; between the two, five quarters."""


_PAUSE_MS = 200
"""Shorter silences belong to the words themselves."""
_SURE = 0.93
"""The model's probability from which two thirds of `likely_ms` are enough."""
_RHYTHM = 1.2
"""An answer that could grow is waited for this much longer than its own second longest pause: digits come in groups,
and it takes two pauses to make a rhythm."""


class PauseStatistics:
    """The caller's own pauses inside utterances, over the whole call. Kept as an upward-biased running value."""

    def __init__(self) -> None:
        self.typical_ms = 0.0

    def add(self, pause_ms: float) -> None:
        weight = 0.5 if pause_ms > self.typical_ms else 0.15
        self.typical_ms += weight * (pause_ms - self.typical_ms)


class Endpointer:
    """One for an utterance. `update` each block; times in samples."""

    def __init__(
        self, settings: EndpointSettings, started_at: int, pauses: PauseStatistics, last_voice_at: int | None = None
    ) -> None:
        self.settings = settings
        self._started_at = started_at
        self._pauses = pauses
        self._last_voice_at = started_at if last_voice_at is None else last_voice_at
        self._speculated_for = -1
        self._asked_for = -1
        self._probability: float | None = None
        self._silence = 0
        """Silence at the last block told of; blocks inside of voice may be left out."""
        self._longest_ms = self._rhythm_ms = 0.0
        """The longest pause inside this utterance, and the second longest."""

    def judged(self, last_voice_at: int, probability: float) -> bool:
        """The end-of-turn model's answer about the silence after `last_voice_at`; False if the caller spoke since."""
        if last_voice_at != self._last_voice_at:
            return False
        self._probability = probability
        return True

    def needed_ms(self, completeness: Completeness) -> int:
        """Silence that ends the turn now."""
        base = self.settings.end_silence_ms
        if completeness is Completeness.COMPLETE:
            return min(base, self.settings.complete_ms)
        if completeness is Completeness.MISHEARD:
            return min(base, 2 * self.settings.complete_ms)
        if completeness is Completeness.FILLED:
            return max(self.settings.complete_ms, base * 2 // 3, min(base, int(_RHYTHM * self._rhythm_ms)))
        if completeness is Completeness.INCOMPLETE:
            return self._unfinished_ms(base)
        return self._open_ms(base)

    def _open_ms(self, base: int) -> int:
        """Open questions: the caller's own pauses, and what the model thinks of this one."""
        settings, usual = self.settings, base
        if settings.adaptive:
            usual = max(base, min(int(1.25 * self._pauses.typical_ms), 2 * base))
        if self._probability is None:
            return usual
        if self._probability >= max(_SURE, settings.likely):
            return min(usual, settings.likely_ms * 2 // 3)
        if self._probability >= settings.likely:
            own = min(int(1.1 * self._pauses.typical_ms), base) if settings.adaptive else 0
            return min(usual, max(settings.likely_ms, own))
        if self._probability <= settings.unlikely:
            return max(usual, self._unfinished_ms(base))
        return max(usual, base * 5 // 4)

    def _unfinished_ms(self, base: int) -> int:
        return max(base, min(base * 9 // 4, self.settings.incomplete_max_ms))

    def update(self, now: int, last_voice_at: int, completeness: Completeness) -> EndpointDecision | None:
        """Take the block that ended at `now`; `last_voice_at` is the end of the last voice so far."""
        if last_voice_at > self._last_voice_at:
            pause = to_ms(min(last_voice_at - self._last_voice_at, self._silence + FRAME_SAMPLES))
            if pause >= _PAUSE_MS:
                self._pauses.add(pause)
                self._rhythm_ms = max(self._rhythm_ms, min(pause, self._longest_ms))
                self._longest_ms = max(self._longest_ms, pause)
            self._last_voice_at = last_voice_at
            self._probability = None
        silence = self._silence = now - self._last_voice_at
        if silence >= to_samples(self.needed_ms(completeness)):
            return EndpointDecision.END
        if now - self._started_at >= to_samples(self.settings.max_speech_ms):
            return EndpointDecision.MAX_SPEECH
        ahead = self.settings.speculate_ms // (2 if completeness is Completeness.COMPLETE else 1)
        if silence >= to_samples(ahead) and self._speculated_for != self._last_voice_at:
            self._speculated_for = self._last_voice_at
            return EndpointDecision.SPECULATE
        judge = self.settings.judge_ms
        if judge and silence >= to_samples(judge) and self._asked_for != self._last_voice_at:
            self._asked_for = self._last_voice_at
            return EndpointDecision.JUDGE
        return None
