"""What is measured of a call, read off its journal as it is written: the same events give the same figures live and
in a replay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ivr.audio.frame import to_ms
from ivr.call.events import CallEvent

Failure: TypeAlias = Literal["no_match", "no_input", "invalid"]
_FAILURES: Mapping[str, Failure] = {
    "nomatch": "no_match", "noinput": "no_input", "invalid": "invalid", "maxspeech": "no_match",
}  # fmt: skip
_FAILED = "9 fail: "
"""How the decision begins; the event and the count follow."""
STOPPED = frozenset({"words", "voice goes on"})
"""Reasons for which a prompt is cut by the caller's voice."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A turn: the caller's last voice to the first sound of what the bot says to it."""

    onset_ms: int
    voice_end_ms: int
    answer_ms: int
    confidence: float
    language: str


@dataclass(frozen=True, slots=True)
class BargeIn:
    """The caller's onset to the stop of the prompt."""

    onset_ms: int
    stop_ms: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A question that was not answered."""

    at_ms: int
    what: Failure


@dataclass(frozen=True, slots=True)
class HandedOver:
    at_ms: int
    queue: str
    reason: str


@dataclass(frozen=True, slots=True)
class EngineTrouble:
    """Recogniser, synthesiser or backend."""

    at_ms: int
    engine: Literal["recognition", "synthesis", "backend"]
    reason: str


Observation: TypeAlias = Answer | BargeIn | Failed | HandedOver | EngineTrouble
_TROUBLES: Mapping[str, Literal["recognition", "synthesis", "backend"]] = {
    "in.RecognitionFailed": "recognition", "in.PromptFailed": "synthesis", "in.BackendFailed": "backend",
}  # fmt: skip


class CallMeter:
    """One a call."""

    def __init__(self) -> None:
        self._turn: tuple[int, int, float, str] | None = None
        self._onset: int | None = None

    def take(self, events: Iterable[CallEvent]) -> Iterator[Observation]:
        for event in events:
            yield from self._one(to_ms(event.at), event.kind, event.data)

    def _one(self, at: int, kind: str, data: Mapping[str, Any]) -> Iterator[Observation]:
        if kind == "turn.commit":
            onset, end = to_ms(int(data["onset"])), to_ms(int(data["voice_end"]))
            self._turn = (onset, end, float(data["confidence"]), str(data.get("language") or ""))
        elif kind == "turn.reopened":
            self._turn = None
        elif kind == "prompt.start" and self._turn is not None:
            onset, end, confidence, language = self._turn
            self._turn = None
            yield Answer(onset, end, at, confidence, language)
        elif kind == "speech.start":
            self._onset = at if data.get("while_prompt") else None
        elif kind == "prompt.cut" and self._onset is not None and data.get("why") in STOPPED:
            yield BargeIn(self._onset, at)
        elif kind == "dialog.decision":
            yield from self._decision(at, data)
        elif kind in _TROUBLES:
            yield EngineTrouble(at, _TROUBLES[kind], str(data.get("reason") or data.get("detail") or ""))

    def _decision(self, at: int, data: Mapping[str, Any]) -> Iterator[Observation]:
        rule, detail = str(data["rule"]), data.get("detail") or {}
        if rule == "14 handover":
            yield HandedOver(at, str(detail.get("queue", "")), str(detail.get("reason", "")))
        elif rule.startswith(_FAILED):
            failure = _FAILURES.get(rule.removeprefix(_FAILED).partition(" ")[0])
            if failure is not None:
                yield Failed(at, failure)
