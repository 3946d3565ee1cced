"""What enters a call's core besides audio (EngineEvent), and what it asks of the shell around it (Command).

Each is JSON data but for samples, which the journal replaces by their count (`ivr.call.journal`). Ids are given by the
core, never by engines, and are unique within the call; an answer to an id that the core no longer waits for is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ivr.audio.frame import Samples
from ivr.dialog.events import Expectation, Handover, JsonValue, Understood
from ivr.dialog.hints import Hint

# ------------------------------------------------------------------------------------------------------ engine events


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A recognised word: its span in ms from the utterance's first sample, and the engine's posterior (0..1)."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float


@dataclass(frozen=True, slots=True)
class HeardText:
    """One hypothesis of the n-best list; `confidence` is 0..1."""

    text: str
    confidence: float
    words: tuple[HeardWord, ...] = ()


@dataclass(frozen=True, slots=True)
class PartialTranscript:
    """Words so far of an utterance that goes on."""

    utterance: int
    text: str
    confidence: float = 0.0
    meaning: str = ""
    """Of masked words in a journal: their `Completeness`, so that a replay ends the turn where the call did."""


@dataclass(frozen=True, slots=True)
class FinalTranscript:
    """The recogniser's last word on an utterance; no hypotheses = it heard no words."""

    utterance: int
    hypotheses: tuple[HeardText, ...]
    language: str = ""
    engine: str = ""
    meaning: str = ""
    """As in PartialTranscript."""


@dataclass(frozen=True, slots=True)
class RecognitionFailed:
    utterance: int
    reason: str


@dataclass(frozen=True, slots=True)
class UtteranceUnderstood:
    """Answer to Understand."""

    utterance: int
    understood: Understood


@dataclass(frozen=True, slots=True)
class TurnJudged:
    """Answer to JudgeTurn: how probable (0..1) it is that the caller has finished."""

    utterance: int
    at: int
    probability: float


@dataclass(frozen=True, slots=True)
class PromptMark:
    """From `sample` on, the text from character `char` on is spoken."""

    sample: int
    char: int


@dataclass(frozen=True, slots=True)
class PromptAudio:
    """Sound for a prompt, in order; `last` closes it. Marks count from the first sample of the whole prompt."""

    prompt: int
    samples: Samples
    marks: tuple[PromptMark, ...] = ()
    last: bool = True


@dataclass(frozen=True, slots=True)
class PromptFailed:
    prompt: int
    reason: str


@dataclass(frozen=True, slots=True)
class DigitPressed:
    digit: str
    source: str = "rfc4733"


@dataclass(frozen=True, slots=True)
class BackendReplied:
    action: int
    result: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class BackendFailed:
    action: int
    kind: Literal["timeout", "http", "data"]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class QueueChanged:
    """News of the human queue; the kinds are those of `ivr.dialog.events.QueueEvent`."""

    kind: Literal["closed", "full", "timeout", "failed", "position", "answered", "left", "taken", "lent", "recalled"]
    position: int = 0
    expected_wait_s: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AgentSays:
    """The human lets the bot say something while they talk."""

    text: str
    language: str
    agent: str = ""


@dataclass(frozen=True, slots=True)
class OverlayChanged:
    """Operators changed what is live (`ivr.dialog.events.OverlayChanged`)."""

    overlay: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class MediaLost:
    """No audio has come from the caller for so long that the line must be dead."""

    silent_ms: int


@dataclass(frozen=True, slots=True)
class CallerGone:
    """The caller's side hung up."""

    reason: str = ""


EngineEvent: TypeAlias = (
    PartialTranscript
    | FinalTranscript
    | RecognitionFailed
    | UtteranceUnderstood
    | TurnJudged
    | PromptAudio
    | PromptFailed
    | DigitPressed
    | BackendReplied
    | BackendFailed
    | QueueChanged
    | AgentSays
    | OverlayChanged
    | MediaLost
    | CallerGone
)

# ----------------------------------------------------------------------------------------------------------- commands


@dataclass(frozen=True, slots=True)
class StartRecognition:
    """Open an utterance; its audio follows in FeedRecognition. `open` = worth the second pass."""

    utterance: int
    language: str
    open: bool
    profile: str = "default"
    grammar: tuple[str, ...] = ()
    hints: tuple[Hint, ...] = ()
    candidates: tuple[str, ...] = ()
    """Languages to tell apart; empty = `language` is settled."""
    expects: str = ""
    """What a closed question takes (`digits`, `choice`, `yes_no`, a slot type); empty = open."""
    length: tuple[int, int] = (1, 64)
    """digits: the shortest and the longest string."""


@dataclass(frozen=True, slots=True)
class FeedRecognition:
    utterance: int
    samples: Samples


@dataclass(frozen=True, slots=True)
class FinishRecognition:
    """No more audio: give the final transcript."""

    utterance: int
    speculative: bool = False


@dataclass(frozen=True, slots=True)
class CancelRecognition:
    utterance: int


@dataclass(frozen=True, slots=True)
class JudgeTurn:
    """Has the caller finished? `samples` is what he said, the last 8 s at most, with the silence behind it; `at` the
    sample where that silence began. An answer that never comes changes nothing."""

    utterance: int
    at: int
    samples: Samples


@dataclass(frozen=True, slots=True)
class Understand:
    """Read the hypotheses in the light of what was asked; answered by UtteranceUnderstood."""

    utterance: int
    hypotheses: tuple[HeardText, ...]
    expectation: Expectation


@dataclass(frozen=True, slots=True)
class Synthesise:
    """Speak `text`, or play the recording `audio` of the hotline's folder (text is then its fall-back)."""

    prompt: int
    text: str
    language: str
    voice: str = ""
    rate: float = 1.0
    audio: str = ""
    ssml: str = ""
    speculative: bool = False


@dataclass(frozen=True, slots=True)
class CancelPrompt:
    prompt: int


@dataclass(frozen=True, slots=True)
class CallBackend:
    action: int
    name: str
    args: Mapping[str, JsonValue]
    timeout_ms: int
    idempotency_key: str = ""
    commit: bool = False


@dataclass(frozen=True, slots=True)
class EnterQueue:
    """Hand the caller over; `transcript` is what was said so far, speaker and text (masked)."""

    handover: Handover
    transcript: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class QuitQueue:
    reason: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """The call is over for us; everything that had to be said was played."""

    outcome: str
    cause: str = ""


Command: TypeAlias = (
    StartRecognition
    | FeedRecognition
    | FinishRecognition
    | CancelRecognition
    | JudgeTurn
    | Understand
    | Synthesise
    | CancelPrompt
    | CallBackend
    | EnterQueue
    | QuitQueue
    | HangUp
)

# -------------------------------------------------------------------------------------------------------- call events


@dataclass(frozen=True, slots=True)
class CallEvent:
    """One journal line: at which sample, what, and why. `kind` is dotted; see `ivr.call.journal` for the list."""

    at: int
    kind: str
    data: Mapping[str, JsonValue] = field(default_factory=dict)
