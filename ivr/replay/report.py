"""What happened in a call, read off its journal: turns, decisions, outcome, latencies."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ivr.audio.frame import to_ms
from ivr.call.events import CallEvent
from ivr.dialog.events import JsonValue

_OUTCOMES = {
    "resolved": "completed", "ticket": "completed", "refused": "completed", "handed_over": "handed_over",
    "abandoned": "abandoned", "failed": "failed",
}  # fmt: skip
"""The dialog's outcome -> how the call ended."""


@dataclass(frozen=True, slots=True)
class Turn:
    speaker: str
    """`caller` or `bot`."""
    text: str
    confidence: float | None
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Latency:
    """Caller's last voice to the first sound of the answer, and his onset to the prompt's stop (ms of the call)."""

    answer_ms: tuple[int, ...] = ()
    barge_in_ms: tuple[int, ...] = ()

    def to_json(self) -> dict[str, JsonValue]:
        return {
            name: {"n": len(values), "median": _quantile(values, 0.5), "p95": _quantile(values, 0.95)}
            for name, values in (("answer_ms", self.answer_ms), ("barge_in_ms", self.barge_in_ms))
        }


@dataclass(frozen=True, slots=True)
class Speculation:
    """What working answers out ahead, at the first short silence, was good for (ms of the call)."""

    won_ms: tuple[int, ...] = ()
    """A turn each: how much sooner its answer was heard."""
    spent_ms: tuple[int, ...] = ()
    """Each time the caller went on: work that was thrown away."""

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "used": len(self.won_ms), "dropped": len(self.spent_ms), "won_ms": _quantile(self.won_ms, 0.5),
            "won_ms_total": sum(self.won_ms), "spent_ms_total": sum(self.spent_ms),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class CallReport:
    outcome: str
    """completed, handed_over, abandoned or failed."""
    dialog_outcome: str
    """The flow's own: resolved, ticket, refused, ..."""
    handover_reason: str
    turns: tuple[Turn, ...]
    decisions: tuple[Mapping[str, JsonValue], ...]
    latency: Latency
    slots: Mapping[str, JsonValue] = field(default_factory=dict)
    speculation: Speculation = field(default_factory=Speculation)


def _quantile(values: tuple[int, ...], share: float) -> int | None:
    if not values:
        return None
    if share == 0.5:
        return round(statistics.median(values))
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def report_of(events: Iterable[CallEvent]) -> CallReport:
    """Read a journal; `slots` are those the decisions name, masked where the hotline says so."""
    reader = _Reader()
    for event in events:
        reader.take(event)
    return reader.report()


class _Reader:
    def __init__(self) -> None:
        self._turns: list[Turn] = []
        self._open: dict[Any, tuple[int, str]] = {}
        self._decisions: list[Mapping[str, JsonValue]] = []
        self._slots: dict[str, JsonValue] = {}
        self._outcome = ""
        self._reason = ""
        self._bridged = False
        self._voice_end: int | None = None
        self._onset: int | None = None
        self._answers: list[int] = []
        self._stops: list[int] = []
        self._won: list[int] = []
        self._spent: list[int] = []

    def take(self, event: CallEvent) -> None:
        handler = getattr(self, "_on_" + event.kind.replace(".", "_"), None)
        if handler is not None:
            handler(event.at, event.data)

    def _on_dialog_decision(self, at: int, data: Mapping[str, Any]) -> None:
        self._decisions.append({"at_ms": to_ms(at), **data})
        detail = data.get("detail") or {}
        if str(data["rule"]).startswith(("7 fill", "8 correct")) and "value" in detail and "slot" in detail:
            self._slots[str(detail["slot"])] = detail["value"]
        if data["rule"] == "14 handover":
            self._reason = str(detail.get("reason", ""))

    def _on_error_internal(self, at: int, data: Mapping[str, Any]) -> None:
        self._decisions.append({"at_ms": to_ms(at), "rule": "internal error", "detail": dict(data)})
        self._reason = self._reason or "internal_error"

    def _on_turn_commit(self, at: int, data: Mapping[str, Any]) -> None:
        self._voice_end = int(data["voice_end"])
        start, end = to_ms(int(data["onset"])), to_ms(self._voice_end)
        self._turns.append(Turn("caller", str(data["text"]), float(data["confidence"]), start, end))

    def _on_turn_reopened(self, at: int, data: Mapping[str, Any]) -> None:
        while self._turns and self._turns.pop().speaker != "caller":
            continue

    def _on_turn_speculation(self, at: int, data: Mapping[str, Any]) -> None:
        if data["used"]:
            self._won.append(int(data["won_ms"]))
        else:
            self._spent.append(int(data["spent_ms"]))

    def _on_key(self, at: int, data: Mapping[str, Any]) -> None:
        self._turns.append(Turn("caller", f"[{data['digit']}]", 1.0, to_ms(at), to_ms(at)))

    def _on_prompt_start(self, at: int, data: Mapping[str, Any]) -> None:
        self._open[data["prompt"]] = (at, str(data["text"]))
        if self._voice_end is not None:
            self._answers.append(to_ms(at - self._voice_end))
            self._voice_end = None

    def _on_prompt_end(self, at: int, data: Mapping[str, Any]) -> None:
        start, text = self._open.pop(data["prompt"], (at, str(data["text"])))
        self._turns.append(Turn("bot", text, None, to_ms(start), to_ms(at)))

    def _on_prompt_cut(self, at: int, data: Mapping[str, Any]) -> None:
        start, text = self._open.pop(data["prompt"], (at, ""))
        self._turns.append(Turn("bot", str(data["heard"]) or text, None, to_ms(start), to_ms(at)))
        if self._onset is not None and data["why"] in {"words", "voice goes on"}:
            self._stops.append(to_ms(at - self._onset))

    def _on_speech_start(self, at: int, data: Mapping[str, Any]) -> None:
        self._onset = at if data["while_prompt"] else None

    def _on_in_QueueChanged(self, at: int, data: Mapping[str, Any]) -> None:
        self._bridged = self._bridged or data["kind"] == "answered"

    def _on_call_end(self, at: int, data: Mapping[str, Any]) -> None:
        self._outcome = str(data["outcome"])

    def report(self) -> CallReport:
        outcome = _OUTCOMES.get(self._outcome, "failed" if self._outcome else "abandoned")
        if self._bridged:
            outcome = "handed_over"
        latency = Latency(tuple(self._answers), tuple(self._stops))
        turns = tuple(sorted(self._turns, key=lambda turn: (turn.start_ms, turn.end_ms)))
        speculation = Speculation(tuple(self._won), tuple(self._spent))
        return CallReport(
            outcome, self._outcome, self._reason, turns, tuple(self._decisions), latency, self._slots, speculation
        )
