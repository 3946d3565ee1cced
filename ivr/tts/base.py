"""What a synthesiser is to the rest of `ivr`. Synchronous, like a recogniser; the live service runs it in workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ivr.audio.frame import Samples


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """Text as it is to be spoken (numbers already in words), with what chooses the sound of it."""

    text: str
    language: str
    voice: str = ""
    """Empty = the engine's default for the language."""
    rate: float = 1.0
    """1.0 = the voice's own speed; 0.85 = a sixth slower."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where in the sound a piece of the text begins, so that a cut prompt is known to the word."""

    sample: int
    """Offset in samples at 16 kHz."""
    char: int
    """Offset in `SpeechRequest.text`, in characters."""


@dataclass(frozen=True, slots=True)
class SpeechAudio:
    """Speech at 16 kHz with its marks, ascending (at least one a clause; one a word where the engine can)."""

    samples: Samples
    marks: tuple[Mark, ...]
    engine: str


@dataclass(frozen=True, slots=True)
class SynthesiserCapabilities:
    languages: tuple[str, ...]
    voices: tuple[str, ...]
    word_marks: bool
    native_rate: int
    """Hz, before resampling to 16 kHz."""


@runtime_checkable
class Synthesiser(Protocol):
    name: str
    capabilities: SynthesiserCapabilities

    def synthesise(self, request: SpeechRequest) -> SpeechAudio:
        """The whole text as speech. Raises SynthesisError when it cannot."""

    def close(self) -> None: ...
