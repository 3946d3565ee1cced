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

from ivr.dialog import events as ev
from ivr.dialog.bundle import Bundle
from ivr.dialog.engine import Step
from ivr.dialog.engine.state import DialogState
from ivr.dialog.events import JsonValue
from ivr.dialog.testing.backend import Reply
from ivr.dialog.testing.simulator import Simulator
from ivr.errors import InputError
from ivr.replay.runner import ReplayOptions, StoredCall, open_stored, replay_events
from ivr.service.recorder import CALL

_MASKED = "•"
_MASKED_READING = frozenset({"fill", "correct"})
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


def compare(
    before: Bundle, after: Bundle, folders: Sequence[Path],
    recorded_on: Callable[[str], Bundle | None] = lambda name: None,
) -> Comparison:  # fmt: skip
    """Both bundles on each call. `recorded_on` gives the bundle of a hash where it is still there: a call is then read
    back exactly as it was."""
    differences: list[Difference] = []
    unreadable: list[str] = []
    for folder in folders:
        try:
            stored = open_stored(folder)
            script = script_of(stored, recorded_on(str(stored.head.get("bundle", ""))) or before)
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
    """Heard, Keys, NoInput, MaxSpeech, QueueEvent, LimitReached and CallerHungUp, in order."""
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    """By action, in order."""


@dataclass(frozen=True)
class _Tapped(Bundle):
    """A bundle that notes each step, so that those that counted can be told from those that were only tried."""

    taken: dict[int, tuple[DialogState | None, ev.DialogEvent, Step]] = field(default_factory=dict, compare=False)

    def step(self, state: DialogState | None, event: ev.DialogEvent) -> Step:
        result = super().step(state, event)
        self.taken[id(result.state)] = (state, event, result)
        return result


def script_of(stored: StoredCall, bundle: Bundle) -> Script:
    """What caller, backend and queue did, from a replay on `bundle`. Raises InputError."""
    tapped = _Tapped(*(getattr(bundle, item.name) for item in fields(Bundle)))
    last: list[DialogState] = []
    replay_events(stored, tapped, ReplayOptions(), on_state=last.append)
    head: Mapping[str, Any] = stored.head
    queues = {name: ev.QueueStatus(**status) for name, status in head.get("queues", {}).items()}
    script = Script(ev.CallContext(**head["context"]), queues, dict(head.get("overlay") or {}))
    steps = _counted(tapped, last[-1] if last else None)
    actions = {c.action_id: c for step in steps for c in step[1].commands if isinstance(c, ev.CallAction)}
    for event, _ in steps:
        if isinstance(event, ev.ActionSucceeded | ev.ActionFailed):
            action = actions.get(event.action_id)
            if action is not None:
                script.replies.setdefault(action.name, []).append(_reply(event))
        elif not isinstance(event, ev.CallStarted | ev.PromptsDone | ev.FillerDue | ev.EngineLost):
            script.acts.append(event)
    return script


def _counted(tapped: _Tapped, state: DialogState | None) -> list[tuple[ev.DialogEvent, Step]]:
    """The steps that led to the last state, first one first: a turn that was undone is not among them."""
    found: list[tuple[ev.DialogEvent, Step]] = []
    while state is not None and id(state) in tapped.taken:
        state, event, result = tapped.taken[id(state)]
        found.append((event, result))
    return found[::-1]


def _reply(event: ev.ActionSucceeded | ev.ActionFailed) -> Reply:
    if isinstance(event, ev.ActionSucceeded):
        return Reply(event.result)
    return Reply(None, event.kind, event.detail)


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
