"""A call's journal as lanes on one clock, for the call page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ivr.audio.frame import FRAME_MS, to_ms
from ivr.call.events import CallEvent
from ivr.call.states import CallState
from ivr.console.models import Decision, Slot, Span, Timeline, Turn
from ivr.replay.report import report_of

_VOICE_BIT = 0x80
_JOIN_MS = 60
"""Gaps up to this between voiced blocks are drawn as one stretch."""
_FILLING = ("7 fill", "8 correct")
_NEWS = {
    "key": "digit", "in.BackendReplied": "result", "in.BackendFailed": "detail", "in.QueueChanged": "kind",
    "in.RecognitionFailed": "reason", "in.PromptFailed": "reason", "in.MediaLost": "silent_ms",
    "in.CallerGone": "reason", "error.internal": "error", "timer": "name", "call.end": "outcome",
    "desk.hold": "on", "desk.consult": "target", "desk.conference": "with", "desk.handed_on": "to",
    "desk.transfer": "queue", "desk.refer": "target", "desk.referred": "status", "desk.lent": "flow",
    "desk.taken_over": "by",
}  # fmt: skip
"""Kinds shown as single events -> the field that says most."""


def timeline_of(events: Iterable[CallEvent]) -> Timeline:
    """Read a journal, of a call that may still go on."""
    read = list(events)
    reader = _Reader()
    for event in read:
        reader.take(event)
    report = report_of(read)
    end = reader.end_ms
    return Timeline(
        duration_ms=end,
        voice=_joined(reader.voice),
        partials=reader.partials,
        turns=sorted(
            [
                *(
                    Turn(speaker=t.speaker, text=t.text, confidence=t.confidence, start_ms=t.start_ms, end_ms=t.end_ms)
                    for t in report.turns
                ),
                *reader.talked,
            ],
            key=lambda turn: turn.start_ms,
        ),
        states=reader.finished_states(),
        decisions=reader.decisions,
        slots=reader.slots,
        answers=reader.answers,
        barge_ins=reader.barge_ins,
        events=reader.news,
        latency=report.latency.to_json(),
        outcome=report.outcome,
    )


class _Reader:
    def __init__(self) -> None:
        self.end_ms = 0
        self.voice: list[Span] = []
        self.partials: list[Span] = []
        self.decisions: list[Decision] = []
        self.slots: list[Slot] = []
        self.answers: list[Span] = []
        self.barge_ins: list[Span] = []
        self.news: list[Span] = []
        self.talked: list[Turn] = []
        """Between humans."""
        self._states: list[tuple[int, str]] = []
        self._voice_end: int | None = None
        self._onset: int | None = None
        self._handlers = {
            "activity": self._activity, "in.PartialTranscript": self._partial, "state": self._state,
            "dialog.decision": self._decision, "turn.commit": self._commit, "prompt.start": self._prompt_start,
            "prompt.cut": self._prompt_cut, "speech.start": self._speech_start, "talk.said": self._said,
            "chat.said": self._said,
        }  # fmt: skip

    def take(self, event: CallEvent) -> None:
        at = to_ms(event.at)
        self.end_ms = max(self.end_ms, at)
        data: Mapping[str, Any] = event.data
        handler = self._handlers.get(event.kind)
        if handler is not None:
            handler(at, data)
        elif event.kind in _NEWS:
            text = str(data.get(_NEWS[event.kind], ""))
            self.news.append(Span(start_ms=at, end_ms=at, text=text[:200], kind=event.kind))

    def finished_states(self) -> list[Span]:
        states = self._states
        if self.end_ms and (not states or states[0][0] > 0):  # the journal has changes; a call begins with a prompt
            states = [(0, CallState.SPEAKING.value), *states]
        ends = [*(at for at, _ in states), self.end_ms][1:]
        return [Span(start_ms=at, end_ms=end, kind=name) for (at, name), end in zip(states, ends, strict=True)]

    def _activity(self, at: int, data: Mapping[str, Any]) -> None:
        start = to_ms(int(data["from"]))
        for index, block in enumerate(bytes.fromhex(str(data["blocks"]))):
            if block & _VOICE_BIT:
                begins = start + index * FRAME_MS
                self.voice.append(Span(start_ms=begins, end_ms=begins + FRAME_MS))

    def _partial(self, at: int, data: Mapping[str, Any]) -> None:
        self.partials.append(Span(start_ms=at, end_ms=at, text=str(data["text"])))

    def _state(self, at: int, data: Mapping[str, Any]) -> None:
        self._states.append((at, str(data["state"])))

    def _decision(self, at: int, data: Mapping[str, Any]) -> None:
        detail = dict(data.get("detail") or {})
        rule = str(data["rule"])
        decision = Decision(
            at_ms=at, rule=rule, step=str(data["step"]), source=str(data["source"]), detail=detail,
        )  # fmt: skip
        self.decisions.append(decision)
        if rule.startswith(_FILLING) and "slot" in detail and "value" in detail:
            p = detail.get("p")
            known = float(p) if isinstance(p, int | float) else None
            self.slots.append(Slot(at_ms=at, name=str(detail["slot"]), value=detail["value"], p=known))

    def _commit(self, at: int, data: Mapping[str, Any]) -> None:
        self._voice_end = to_ms(int(data["voice_end"]))

    def _prompt_start(self, at: int, data: Mapping[str, Any]) -> None:
        if self._voice_end is not None:
            self.answers.append(Span(start_ms=self._voice_end, end_ms=at, text=f"{at - self._voice_end} ms"))
            self._voice_end = None

    def _prompt_cut(self, at: int, data: Mapping[str, Any]) -> None:
        if self._onset is not None and data["why"] in {"words", "voice goes on"}:
            self.barge_ins.append(Span(start_ms=self._onset, end_ms=at, text=f"{at - self._onset} ms"))

    def _said(self, at: int, data: Mapping[str, Any]) -> None:
        length = int(data.get("length_ms", 0))
        sure = data.get("confidence")
        turn = Turn(
            speaker=str(data["speaker"]), text=str(data["text"]), confidence=float(sure) if sure is not None else None,
            start_ms=max(0, at - length), end_ms=at,
        )  # fmt: skip
        self.talked.append(turn)

    def _speech_start(self, at: int, data: Mapping[str, Any]) -> None:
        self._onset = at if data["while_prompt"] else None


def _joined(spans: list[Span]) -> list[Span]:
    found: list[Span] = []
    for span in spans:
        if found and span.start_ms - found[-1].end_ms <= _JOIN_MS:
            found[-1].end_ms = span.end_ms
        else:
            found.append(span)
    return found
