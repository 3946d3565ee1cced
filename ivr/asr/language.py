"""Which language is spoken? Whisper's language token, among the few a hotline has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ivr.audio.frame import Samples


class LanguageDetector(Protocol):
    """An engine that can tell languages apart (`WhisperRecogniser`)."""

    def detect_language(self, samples: Samples, languages: Sequence[str] = ()) -> dict[str, float]: ...


@dataclass(frozen=True, slots=True)
class LanguageGuess:
    """The likeliest language and its probability among those asked for (0..1)."""

    language: str
    probability: float


def guess_language(detector: LanguageDetector, samples: Samples, languages: Sequence[str]) -> LanguageGuess:
    """The likeliest of `languages` (at least one); about 0.2 s of CPU. On silence the probabilities mean nothing."""
    shares = detector.detect_language(samples, languages)
    best = max(languages, key=lambda language: shares.get(language, 0.0))
    return LanguageGuess(best, round(shares.get(best, 0.0), 4))
