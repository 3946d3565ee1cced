"""A call in text: the smallest shell around the interpreter that keeps its contract.

Time is simulated: prompts take as long as they would take to say (estimated), actions as long as the backend says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ivr.dialog import events as ev
from ivr.dialog.bundle import Bundle
from ivr.dialog.codec import dumps
from ivr.dialog.engine.state import DialogState, SlotValue
from ivr.dialog.engine.turn import Turn
from ivr.dialog.testing.backend import Backend, GivenBackend, Reply
from ivr.errors import InputError

FILLER_AFTER_MS = 1200
START = "2026-11-22T10:00:00+08:00"


@dataclass(frozen=True, slots=True)
class Failed:
    """The backend's answer was none."""

    action: str
    detail: str


@dataclass(slots=True)
class Exchange:
    """What one thing the caller did led to."""

    happened: list[ev.Say | ev.CallAction | Failed | ev.Handover] = field(default_factory=list)
    """What was said and done, in order; `said`, `calls` and `handovers` are its parts."""
    said: list[ev.Say] = field(default_factory=list)
    calls: list[ev.CallAction] = field(default_factory=list)
    handovers: list[ev.Handover] = field(default_factory=list)
    decisions: list[ev.Decision] = field(default_factory=list)
    interrupted: bool = False
    silence_ms: int = 0
    """Longest time in which the caller heard nothing while the bot worked."""

    def add(self, later: Exchange) -> None:
        """What followed."""
        for mine, theirs in (
            (self.said, later.said), (self.calls, later.calls), (self.handovers, later.handovers),
            (self.decisions, later.decisions), (self.happened, later.happened),
        ):  # fmt: skip
            mine.extend(theirs)  # type: ignore[arg-type]
        self.interrupted = later.interrupted
        self.silence_ms = max(self.silence_ms, later.silence_ms)


class Reader(Protocol):
    """Understanding, as far as a simulation needs it."""

    def read(self, hypotheses: tuple[ev.Spoken, ...], expectation: ev.Expectation) -> ev.Understood: ...


class CachedReader:
    """Reads the same words in the same place once: tests say the same things many times."""

    def __init__(self, bundle: Bundle) -> None:
        self._understanding = bundle.understanding
        self._known: dict[tuple[tuple[ev.Spoken, ...], str], ev.Understood] = {}

    def read(self, hypotheses: tuple[ev.Spoken, ...], expectation: ev.Expectation) -> ev.Understood:
        key = (hypotheses, dumps(expectation))
        if key not in self._known:
            self._known[key] = self._understanding.read(hypotheses, expectation)
        return self._known[key]


@dataclass(frozen=True, slots=True)
class _Due:
    at_ms: int
    action: ev.CallAction
    reply: Reply


class Simulator:
    """One simulated call. Create it, then `start`, then whatever the caller does."""

    def __init__(
        self,
        bundle: Bundle,
        context: ev.CallContext,
        backend: Backend | None = None,
        queues: Mapping[str, ev.QueueStatus] | None = None,
        queue_answers: Mapping[str, Literal["closed", "full", "timeout", "failed"]] | None = None,
        overlay: Mapping[str, ev.JsonValue] | None = None,
        reader: Reader | None = None,
    ) -> None:
        self.bundle = bundle
        self.context = context
        self.state: DialogState | None = None
        self.now_ms = 0
        self.listen: ev.Listen | None = None
        self.ended: ev.End | None = None
        self.slots: dict[str, ev.JsonValue] = {}
        """Every slot's last value in the call."""
        self.handovers: list[ev.Handover] = []
        self._backend = backend or GivenBackend({})
        self._queues = dict(queues or {})
        self._queue_answers = dict(queue_answers or {})
        self._overlay = dict(overlay or {})
        self._reader = reader or CachedReader(bundle)
        self._due: list[_Due] = []
        self._prompts_ms = 0
        self._exchange = Exchange()
        self._limited = False

    # -- what the caller does; each gives what it led to

    def start(self) -> Exchange:
        return self._do(ev.CallStarted(0, self.context, self._queues, self._overlay))

    def speak(self, *hypotheses: ev.Spoken, at_ms: int | None = None) -> Exchange:
        """Say something; `at_ms` after the prompt began (None = after its end)."""
        heard, taken = self._prompt_heard(at_ms, words=hypotheses[0].text if hypotheses else "")
        if not taken or self.listen is None:
            return Exchange()
        understood = self._reader.read(hypotheses, self.listen.expectation)
        event = ev.Heard(self.now_ms, hypotheses, understood, understood.language, heard)
        return self._do(event, interrupted=heard < 1.0)

    def press(self, digits: str, at_ms: int | None = None) -> Exchange:
        heard, taken = self._prompt_heard(at_ms, words="")
        end_key = self.listen.settings.end_key if self.listen else "#"
        pressed = digits.removesuffix(end_key) if len(digits) > 1 else digits
        return self._do(ev.Keys(self.now_ms, pressed), interrupted=heard < 1.0) if taken else Exchange()

    def wait(self, ms: int) -> Exchange:
        """Say nothing for so long after the prompt."""
        self._prompt_heard(None, words="")
        total = Exchange()
        left = ms
        while self.listen and not self.ended and left >= self.listen.settings.start_timeout_ms:
            left -= self.listen.settings.start_timeout_ms
            self.now_ms += self.listen.settings.start_timeout_ms
            total.add(self._do(ev.NoInput(self.now_ms)))
            left -= self._prompts_ms
            if self.state is None or self.state.phase != "listening":
                return total
        self.now_ms += max(0, left)
        return total

    def queue(self, kind: Literal["closed", "full", "timeout", "failed", "position", "answered", "left"]) -> Exchange:
        self.now_ms += 1000
        return self._do(ev.QueueEvent(self.now_ms, kind))

    def hang_up(self) -> Exchange:
        return self._do(ev.CallerHungUp(self.now_ms))

    def give_slot(self, name: str, value: ev.JsonValue) -> None:
        """Fill a slot from outside: of the hotline, or of the flow the call stands in. Raises InputError."""
        assert self.state is not None
        self.state = self.state.clone()
        turn = Turn(self.bundle.program, self.state)
        if not self.state.frames or self.bundle.program.slot(turn.frame.flow, name) is None:
            raise InputError(f"given.slots.{name}: no such slot where the call begins")
        turn.put_slot(name, SlotValue(value))
        self._note_slots(self.state)

    # -- what can be seen

    @property
    def last(self) -> Exchange:
        """What the last thing done led to."""
        return self._exchange

    @property
    def step(self) -> str:
        """`flow/step` or `flow/step:mode`; `ended` when the call is over."""
        if self.state is None or self.ended:
            return "ended" if self.ended else ""
        return Turn(self.bundle.program, self.state).label()

    @property
    def outcome(self) -> str:
        return self.state.outcome if self.state else ""

    # -- inside

    def _prompt_heard(self, at_ms: int | None, words: str) -> tuple[float, bool]:
        """Share of the prompts heard when the caller began, and whether he is listened to."""
        length, self._prompts_ms = self._prompts_ms, 0
        if at_ms is None or at_ms >= length:
            self.now_ms += length if at_ms is None else at_ms
            if self.state is not None and length:
                self._step(ev.PromptsDone(self.now_ms))
            return 1.0, True
        self.now_ms += at_ms
        settings = self.listen.settings if self.listen else ev.ListenSettings()
        keys = not words
        cuts = settings.barge_in and (
            keys or (at_ms >= settings.no_barge_in_ms and _words(words) >= settings.min_words)
        )
        if cuts:
            self._step(ev.PromptsDone(self.now_ms, cut=True))
        else:
            self._prompts_ms = length - at_ms
        return at_ms / length, cuts

    def _do(self, event: ev.DialogEvent, *, interrupted: bool = False) -> Exchange:
        self._exchange = Exchange(interrupted=interrupted)
        if self.now_ms >= self.bundle.definition.hotline.defaults.limits.call_ms and not self._limited:
            self._limited = True
            self._step(ev.LimitReached(self.now_ms, "call"))
        self._step(event)
        self._settle()
        return self._exchange

    def _step(self, event: ev.DialogEvent) -> None:
        if self.ended:
            return
        result = self.bundle.step(self.state, event)
        self.state = result.state
        self._exchange.decisions += result.decisions
        self._note_slots(result.state)
        for command in result.commands:
            self._carry_out(command)

    def _note_slots(self, state: DialogState) -> None:
        for frame in state.frames:
            self.slots.update({name: slot.value for name, slot in frame.slots.items()})
        self.slots.update({name: slot.value for name, slot in state.slots.items()})

    def _carry_out(self, command: ev.DialogCommand) -> None:
        if isinstance(command, ev.Say | ev.CallAction | ev.Handover):
            self._exchange.happened.append(command)
        if isinstance(command, ev.Say):
            self._exchange.said.append(command)
            self._prompts_ms += spoken_ms(command)
        elif isinstance(command, ev.Listen):
            self.listen = command
        elif isinstance(command, ev.CallAction):
            self._exchange.calls.append(command)
            reply = self._backend.reply(command)
            self._due.append(_Due(self.now_ms + reply.delay_ms, command, reply))
        elif isinstance(command, ev.Handover):
            self._exchange.handovers.append(command)
            self.handovers.append(command)
        elif isinstance(command, ev.StopPrompts):
            self._prompts_ms = 0
        elif isinstance(command, ev.End):
            self.ended = command

    def _settle(self) -> None:
        """Backend and queue answer, until the caller is wanted."""
        for _ in range(200):
            if self.ended or self.state is None:
                return
            due = self._next_due()
            if due is not None:
                self._answer(due)
            elif self.state.phase == "queued" and self.state.handover and self._refusal():
                self.now_ms += 500
                self._step(ev.QueueEvent(self.now_ms, self._refusal() or "failed"))
            else:
                return

    def _next_due(self) -> _Due | None:
        """The action whose turn it is: the one waited for; else one that needed no time."""
        assert self.state is not None
        acting = self.state.acting
        waited = [due for due in self._due if due.action.action_id == acting]
        ready = [due for due in self._due if due.at_ms <= self.now_ms + self._prompts_ms]
        return next(iter(waited or ready), None)

    def _answer(self, due: _Due) -> None:
        assert self.state is not None
        action, reply = due.action, due.reply
        self._due.remove(due)
        wait_ms = max(0, due.at_ms - self.now_ms)
        covered = self._prompts_ms
        if self.state.acting == action.action_id and wait_ms > FILLER_AFTER_MS and action.wait:
            self.now_ms += FILLER_AFTER_MS
            self._step(ev.FillerDue(self.now_ms, action.action_id))
            wait_ms -= FILLER_AFTER_MS
            self._exchange.silence_ms = max(self._exchange.silence_ms, FILLER_AFTER_MS - covered)
            covered = self._prompts_ms
        self.now_ms += wait_ms
        self._exchange.silence_ms = max(self._exchange.silence_ms, wait_ms - covered)
        if reply.result is not None:
            self._step(ev.ActionSucceeded(self.now_ms, action.action_id, self._returned(action, reply.result)))
        else:
            self._exchange.happened.append(Failed(action.name, reply.detail or str(reply.failure)))
            self._step(ev.ActionFailed(self.now_ms, action.action_id, reply.failure, reply.detail))

    def _returned(self, action: ev.CallAction, result: Mapping[str, ev.JsonValue]) -> Mapping[str, ev.JsonValue]:
        """As the live backend shell: fields that `returns` does not name are dropped."""
        known = self.bundle.definition.actions[action.name].returns
        return {name: value for name, value in result.items() if name in known}

    def _refusal(self) -> Literal["closed", "full", "timeout", "failed"] | None:
        assert self.state is not None and self.state.handover is not None
        name = self.state.handover.queue
        status = self._queues.get(name)
        if status is not None and not status.open:
            return "closed"
        return self._queue_answers.get(name)


def spoken_ms(said: ev.Say) -> int:
    """About how long a prompt takes: 4.3 Chinese characters or 14 letters a second."""
    han = len(re.findall(r"[㐀-鿿]", said.text))
    rest = len(said.text) - han
    return round((han / 4.3 + rest / 14) * 1000 / said.rate)


def _words(text: str) -> int:
    """Words; two Chinese characters count as one."""
    han = len(re.findall(r"[㐀-鿿]", text))
    return -(-han // 2) + len(re.findall(r"[^\W㐀-鿿]+", text))
