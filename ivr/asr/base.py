"""What a recogniser is to the rest of `ivr`.

An engine is synchronous and single threaded: `accept` and `finish` return when the work is done. The live service runs
it in worker processes (`ivr.asr.pool`), replay calls it directly, and so both get the same words for the same samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from ivr.audio.frame import Samples
from ivr.dialog.hints import Hint


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word (one character or word in Chinese), its span from the utterance's first sample, and how sure
    the engine is of it (0..1, an uncalibrated posterior)."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One reading of the utterance. `confidence` is 0..1."""

    text: str
    confidence: float
    words: tuple[Word, ...] = ()
    log_likelihood: float = 0.0
    """Natural logarithm, of the whole text given the sound, to compare the engine's own readings by; 0 = not known."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What an engine made of an utterance, best first. `hypotheses` is empty when it heard no words."""

    hypotheses: tuple[Hypothesis, ...]
    language: str
    engine: str
    final: bool
    cpu_ms: float = 0.0
    """CPU the engine spent on the utterance so far; kept out of every decision."""

    @property
    def text(self) -> str:
        return self.hypotheses[0].text if self.hypotheses else ""

    @property
    def confidence(self) -> float:
        return self.hypotheses[0].confidence if self.hypotheses else 0.0


@dataclass(frozen=True, slots=True)
class RecognitionRequest:
    """What the dialog knows before the caller speaks."""

    language: str
    """`en`, `zh`, ...; an engine that lacks it raises RecognitionError at `start`."""
    grammar: tuple[str, ...] = ()
    """Phrases that a closed slot accepts, likeliest first; empty = open. A grammar engine hears nothing else but
    `[unk]`; one that pays by the phrase looks at the first few only."""
    hints: tuple[Hint, ...] = ()
    """Words worth a bias in open speech (names, products), the heaviest first."""
    max_alternatives: int = 1
    candidates: tuple[str, ...] = ()
    """Languages the caller may answer in, while his own is not known; empty = `language` is settled. The final pass
    tells them apart, where an engine of it can."""
    expects: str = ""
    """What the phrases stand for: `digits`, `choice`, `yes_no`, or another slot type; empty = not known."""
    length: tuple[int, int] = (1, 64)
    """digits: the shortest and the longest string."""


@dataclass(frozen=True, slots=True)
class RecogniserCapabilities:
    languages: tuple[str, ...]
    streaming: bool
    """Takes audio as it comes; if not, `accept` only collects and `finish` does the work."""
    partials: bool
    grammar: bool
    hints: bool
    n_best: bool
    word_confidence: bool


@runtime_checkable
class Utterance(Protocol):
    """One stretch of speech on its way through an engine. Used once: after `finish` or `cancel` it is spent."""

    def accept(self, samples: Samples) -> Transcript | None:
        """Feed audio; a Transcript with `final=False` when the partial text has changed, else None."""

    def finish(self) -> Transcript:
        """No more audio: the final transcript."""

    def cancel(self) -> None:
        """Forget it and give back what it holds. Safe to call twice."""


@runtime_checkable
class Recogniser(Protocol):
    """A loaded model. One a worker process, shared by many calls."""

    name: str
    capabilities: RecogniserCapabilities

    def start(self, request: RecognitionRequest) -> Utterance: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class RecogniserSpec:
    """How a worker process builds an engine: its registered name and its settings. Picklable."""

    engine: str
    settings: Mapping[str, object] = field(default_factory=dict)
    languages: Sequence[str] = ()
