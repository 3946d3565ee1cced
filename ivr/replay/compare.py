"""Two bundles on the same recorded calls: where would callers have been led elsewhere?

Each stored call is turned back into what its caller did (words as the recogniser gave them, keys, silence) and what
backend and queue answered; both bundles then hold that call in text, reading the words with their own understanding.
A caller who is asked something else goes on as he did. What was masked in the journal keeps its stored reading.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, cast

from ivr.audio.frame import SAMPLE_RATE
from ivr.call.events import CallEvent
from ivr.dialog import events as ev
from ivr.dialog.bundle import Bundle
from ivr.dialog.codec import decode
from ivr.dialog.events import JsonValue
from ivr.dialog.testing.backend import Reply
from ivr.dialog.testing.simulator import Simulator
from ivr.errors import InputError
from ivr.replay.runner import StoredCall, open_stored
from ivr.service.recorder import CALL

_MASKED = "•"
Refusal = Literal["closed", "full", "timeout", "failed"]


@dataclass(frozen=True, slots=True)
class Course:
    """How a call went, as far as a comparison looks at it."""

    route: tuple[str, ...]
    """Flows, in the order they were entered."""
    outcome: str
    handover: str
    """`queue (reason)`; empty = none."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One call that went another way."""

    call: str
    folder: str
    what: tuple[str, ...]
    """`route`, `outcome`, `handover`."""
    before: Course
    after: Course

    def to_json(self) -> dict[str, JsonValue]:
        def course(one: Course) -> dict[str, JsonValue]:
            return {"route": list(one.route), "outcome": one.outcome, "handover": one.handover}

        return {
            "call": self.call, "folder": self.folder, "what": list(self.what), "before": course(self.before),
            "after": course(self.after),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Comparison:
    calls: int
    differences: tuple[Difference, ...]
    unreadable: tuple[str, ...] = ()
    """Folders whose journal cannot be read, and why."""

    def to_json(self) -> dict[str, JsonValue]:
        differences: list[JsonValue] = [difference.to_json() for difference in self.differences]
        return {"calls": self.calls, "differences": differences, "unreadable": list(self.unreadable)}


def stored_calls(folder: Path, last: int) -> list[Path]:
    """The newest `last` calls under a folder, oldest first. Raises InputError where there is no such folder."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    found = [path.parent for path in folder.rglob(CALL)]
    return sorted(found, key=lambda path: ((path / CALL).stat().st_mtime, path.name))[-last:] if last else []


def compare(before: Bundle, after: Bundle, folders: Sequence[Path]) -> Comparison:
    """Both bundles on each call."""
    differences: list[Difference] = []
    unreadable: list[str] = []
    for folder in folders:
        try:
            script = script_of(open_stored(folder))
        except (InputError, TypeError, KeyError, ValueError) as error:
            unreadable.append(f"{folder}: {error}")
            continue
        was, now = course_of(script, before), course_of(script, after)
        if was != now:
            names = tuple(item.name for item in fields(Course) if getattr(was, item.name) != getattr(now, item.name))
            differences.append(Difference(script.context.id, str(folder), names, was, now))
    return Comparison(len(folders) - len(unreadable), tuple(differences), tuple(unreadable))


# ----------------------------------------------------------------------------------------------------- what was done


@dataclass
class Script:
    """A stored call without its bot."""

    context: ev.CallContext
    queues: dict[str, ev.QueueStatus]
    overlay: dict[str, JsonValue]
    acts: list[ev.DialogEvent] = field(default_factory=list)
    """Heard, Keys, NoInput, QueueEvent and CallerHungUp, in order."""
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    """By action, in order."""


def script_of(stored: StoredCall) -> Script:
    """What caller, backend and queue did, read off the journal."""
    head: Mapping[str, Any] = stored.head
    queues = {name: ev.QueueStatus(**status) for name, status in head.get("queues", {}).items()}
    script = Script(ev.CallContext(**head["context"]), queues, dict(head.get("overlay") or {}))
    reader = _JournalReader(script)
    for event in stored.journal:
        reader.take(event)
    return script


class _JournalReader:
    def __init__(self, script: Script) -> None:
        self._script = script
        self._heard: dict[Any, tuple[ev.Spoken, ...]] = {}
        self._understood: dict[Any, ev.Understood] = {}
        self._keys = ""
        self._reply: Reply | None = None
        self._handlers: dict[str, Callable[[int, Mapping[str, Any]], None]] = {
            "in.FinalTranscript": self._final, "in.UtteranceUnderstood": self._read, "turn.commit": self._commit,
            "turn.reopened": self._reopened, "key": self._key, "dialog.decision": self._decision,
            "timer": self._timer, "in.BackendReplied": self._replied, "in.BackendFailed": self._failed,
            "in.QueueChanged": self._queue, "hangup": self._hung_up,
        }  # fmt: skip

    def take(self, event: CallEvent) -> None:
        handler = self._handlers.get(event.kind)
        if handler is not None:
            handler(event.at * 1000 // SAMPLE_RATE, event.data)

    def _final(self, at: int, data: Mapping[str, Any]) -> None:
        spoken = tuple(ev.Spoken(str(one["text"]), float(one["confidence"])) for one in data["hypotheses"])
        self._heard[data["utterance"]] = spoken

    def _read(self, at: int, data: Mapping[str, Any]) -> None:
        self._understood[data["utterance"]] = decode(ev.Understood, data["understood"])

    def _commit(self, at: int, data: Mapping[str, Any]) -> None:
        number = data["utterance"]
        heard = self._heard.get(number) or (ev.Spoken(str(data["text"]), float(data["confidence"])),)
        self._script.acts.append(ev.Heard(at, heard, self._understood.get(number, ev.Understood(()))))

    def _reopened(self, at: int, data: Mapping[str, Any]) -> None:
        """The turn went on: it is committed once more, whole."""
        if self._script.acts and isinstance(self._script.acts[-1], ev.Heard):
            self._script.acts.pop()

    def _key(self, at: int, data: Mapping[str, Any]) -> None:
        """Keys are one answer until the dialog decides on them; those of a secret are not in the journal."""
        self._keys += str(data["digit"]).replace(_MASKED, "0")

    def _decision(self, at: int, data: Mapping[str, Any]) -> None:
        if self._keys:
            self._script.acts.append(ev.Keys(at, self._keys))
            self._keys = ""
        detail = data.get("detail") or {}
        if self._reply is not None and str(data["rule"]).startswith("13 call: ") and "action" in detail:
            self._script.replies.setdefault(str(detail["action"]), []).append(self._reply)
            self._reply = None

    def _timer(self, at: int, data: Mapping[str, Any]) -> None:
        if data["name"] == "noinput":
            self._script.acts.append(ev.NoInput(at))

    def _replied(self, at: int, data: Mapping[str, Any]) -> None:
        self._reply = Reply(dict(data["result"]))

    def _failed(self, at: int, data: Mapping[str, Any]) -> None:
        self._reply = Reply(None, data["kind"], str(data.get("detail", "")))

    def _queue(self, at: int, data: Mapping[str, Any]) -> None:
        if data["kind"] != "position":
            self._script.acts.append(ev.QueueEvent(at, data["kind"]))

    def _hung_up(self, at: int, data: Mapping[str, Any]) -> None:
        self._script.acts.append(ev.CallerHungUp(at))


# ------------------------------------------------------------------------------------------------- what would be done


@dataclass
class _Backend:
    """Answers as it did; the last answer of an action stays."""

    replies: Mapping[str, Sequence[Reply]]
    asked: dict[str, int] = field(default_factory=dict)

    def reply(self, action: ev.CallAction) -> Reply:
        known = self.replies.get(action.name)
        if not known:
            return Reply(None, "http", "not called in the recorded call")
        count = self.asked[action.name] = self.asked.get(action.name, 0) + 1
        return known[min(count, len(known)) - 1]


class _Reader:
    """The bundle's own understanding; where the journal holds dots instead of words, what was understood then."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self.stored: ev.Understood | None = None

    def read(self, hypotheses: tuple[ev.Spoken, ...], expectation: ev.Expectation) -> ev.Understood:
        if self.stored is not None and any(_MASKED in one.text for one in hypotheses):
            return self.stored
        return self._bundle.understanding.read(hypotheses, expectation)


def course_of(script: Script, bundle: Bundle) -> Course:
    """The recorded caller on this bundle."""
    reader = _Reader(bundle)
    refused: dict[str, Refusal] = {}
    simulator = Simulator(
        bundle, script.context, _Backend(script.replies), script.queues, refused, script.overlay, reader
    )
    decisions = list(simulator.start().decisions)
    for act in script.acts:
        if simulator.ended:
            break
        decisions += _act(simulator, reader, act)
    if not simulator.ended:
        decisions += simulator.hang_up().decisions
    route: list[str] = []
    for decision in decisions:
        flow = decision.step.partition("/")[0]
        if decision.rule == "1 run: step" and (not route or route[-1] != flow):
            route.append(flow)
    handed = simulator.handovers[-1] if simulator.handovers else None
    return Course(tuple(route), simulator.outcome, f"{handed.queue} ({handed.reason})" if handed else "")


def _act(simulator: Simulator, reader: _Reader, act: ev.DialogEvent) -> list[ev.Decision]:
    if isinstance(act, ev.Heard):
        reader.stored = act.understood
        return simulator.speak(*act.hypotheses).decisions
    if isinstance(act, ev.Keys):
        return simulator.press(act.digits).decisions
    if isinstance(act, ev.NoInput | ev.MaxSpeech):
        wait = simulator.listen.settings.start_timeout_ms if simulator.listen else 5000
        return simulator.wait(wait).decisions
    if isinstance(act, ev.QueueEvent):
        queued = simulator.state is not None and simulator.state.phase in ("queued", "bridged")
        return simulator.queue(cast("Any", act.kind)).decisions if queued else []
    if isinstance(act, ev.CallerHungUp):
        return simulator.hang_up().decisions
    return []
