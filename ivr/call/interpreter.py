"""The call's side of the dialog: feeds it events, carries its commands out, keeps what it waits for."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ivr.call.core import Core
from ivr.call.events import (
    AgentSays,
    BackendFailed,
    BackendReplied,
    CallBackend,
    EnterQueue,
    HangUp,
    OverlayChanged,
    QueueChanged,
    QuitQueue,
)
from ivr.call.hearing import Question
from ivr.call.mixer import Mixer
from ivr.call.settings import CallSettings
from ivr.call.speaker import Speaker
from ivr.dialog import events as dialog
from ivr.dialog.spoken import verbalise

_log = logging.getLogger(__name__)


class StepResult(Protocol):
    """What one step of the interpreter gives."""

    @property
    def state(self) -> Any: ...
    @property
    def commands(self) -> Sequence[dialog.DialogCommand]: ...
    @property
    def decisions(self) -> Sequence[dialog.Decision]: ...


class Dialog(Protocol):
    """A hotline's interpreter, bound to its bundle. Pure: the same state and event give the same result."""

    def step(self, state: Any, event: dialog.DialogEvent) -> StepResult: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """A step worked out ahead; good as long as nothing else was stepped since."""

    version: int
    event: dialog.Heard
    result: StepResult | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The dialog before a turn, to go back to when the caller was not finished after all."""

    state: Any
    question: Question | None
    last_action: int
    commits: int


@dataclass(frozen=True, slots=True)
class _Pending:
    action_id: str
    wait: bool


class DialogRunner:
    """Owns the dialog's state. Everything the dialog waits for is armed here, so it can never hang."""

    def __init__(self, core: Core, speaker: Speaker, mixer: Mixer, settings: CallSettings, interpreter: Dialog) -> None:
        self._core = core
        self._speaker = speaker
        self._mixer = mixer
        self._settings = settings
        self._interpreter = interpreter
        self._state: Any = None
        self._version = 0
        self.question: Question | None = None
        self._answered = False
        """The question in force has had its answer; it counts again only if nothing else is awaited."""
        self._pending: dict[int, _Pending] = {}
        self._commits = 0
        self._saying = False
        self._gone = False
        self._broken = False
        self._engine_lost = False
        self._deciding = False
        self.queued = False
        self._lent = False
        """A human waits while the bot runs a flow for him."""
        self.ending: dialog.End | None = None
        self.ended = False

    # -- what others ask

    @property
    def state(self) -> Any:
        """The interpreter's own state (JSON-serialisable), for the store."""
        return self._state

    @property
    def acting(self) -> bool:
        """The flow stands still until the backend has answered."""
        return bool(self._pending) and (self._answered or any(p.wait for p in self._pending.values()))

    @property
    def bridged(self) -> bool:
        """A human has the caller."""
        return self._mixer.bridged

    @property
    def sensitive(self) -> bool:
        """The slot asked for must not be kept in clear."""
        if self.question is None or not self.question.expectation.asked:
            return False
        asked = self.question.expectation.asked
        return any(slot.sensitive for slot in self.question.expectation.slots if slot.name == asked)

    @property
    def transcript(self) -> tuple[tuple[str, str], ...]:
        return tuple(self._core.transcript)

    @property
    def listening(self) -> bool:
        """The caller's next words or keys are wanted."""
        return not (self.ended or self.ending or self._gone or self._mixer.bridged) and self.question is not None

    # -- stepping

    def step(self, event: dialog.DialogEvent) -> None:
        """Give the dialog an event and do what it says."""
        self._apply(event, self._compute(event))

    def plan(self, event: dialog.Heard) -> Plan:
        """Work a turn out on the present state, and have its prompts made; nothing else happens."""
        result = self._compute(event)
        if result is not None:
            self._speaker.ahead([c for c in result.commands if isinstance(c, dialog.Say)])
        return Plan(self._version, event, result)

    def commit(self, plan: Plan) -> None:
        """The turn is over as planned."""
        fresh = plan.version == self._version
        self._core.log("turn.planned", {"used": fresh})
        if not fresh:
            self._speaker.drop_ahead()
        self._apply(plan.event, plan.result if fresh else self._compute(plan.event))
        self._speaker.drop_ahead()

    def snapshot(self) -> Snapshot:
        return Snapshot(self._state, self.question, max(self._pending, default=0), self._commits)

    def may_undo(self, snapshot: Snapshot) -> bool:
        """Whether nothing of a turn has left for good."""
        gone = self._mixer.bridged or self.ended or self._gone or self._broken
        return not gone and self._commits == snapshot.commits

    def undo(self, snapshot: Snapshot) -> bool:
        """Go back to before a turn. False if something of it has left for good."""
        if not self.may_undo(snapshot):
            return False
        if self.queued:
            self._leave_queue("turn reopened")
        for number in [n for n in self._pending if n > snapshot.last_action]:
            self._forget(number)
        self._speaker.clear()
        self._core.disarm("ending")
        self.ending = None
        self._state, self.question = snapshot.state, snapshot.question
        self._answered = False
        self._version += 1
        return True

    def _compute(self, event: dialog.DialogEvent) -> StepResult | None:
        if self._broken:
            return None
        try:
            return self._interpreter.step(self._state, event)
        except Exception as error:
            _log.exception("the dialog interpreter failed on %s", type(event).__name__)
            self._core.log("error.internal", {"event": type(event).__name__, "error": f"{error!r}"[:500]})
            return None

    def _apply(self, event: dialog.DialogEvent, result: StepResult | None) -> None:
        self._version += 1
        if isinstance(event, (dialog.Heard, dialog.Keys, dialog.NoInput, dialog.MaxSpeech)):
            self._answered = True
            self._core.disarm("noinput")
        if result is None:
            self._emergency(event)
            return
        self._state = result.state
        for decision in result.decisions:
            self._core.log_value("dialog.decision", decision)
        for command in result.commands:
            self._do(command)

    def _emergency(self, event: dialog.DialogEvent) -> None:
        """The interpreter is broken: the caller goes to a human, or is let go."""
        if self._broken:
            if isinstance(event, dialog.QueueEvent) and event.kind not in {"answered", "position"}:
                self._end(dialog.End("handed_over" if event.kind == "left" else "failed", "internal_error"))
            elif isinstance(event, dialog.CallerHungUp):
                self._end(dialog.End("failed", "internal_error"))
            return
        self._broken = True
        if self._gone:
            self._end(dialog.End("failed", "internal_error"))
            return
        self._do(dialog.Handover("default", "internal_error", max_wait_ms=120_000))

    def _do(self, command: dialog.DialogCommand) -> None:
        if isinstance(command, dialog.Say):
            self._say(command)
        elif isinstance(command, dialog.Listen):
            self.question, self._answered = Question(command.settings, command.expectation), False
            self._core.log("listen", _listen_line(command))
        elif isinstance(command, dialog.CallAction):
            self._call(command)
        elif isinstance(command, dialog.Handover):
            self._enter_queue(command)
        elif isinstance(command, dialog.LeaveQueue):
            self._leave_queue(command.reason)
        elif isinstance(command, dialog.StopPrompts):
            self._speaker.clear()
        else:
            self._end(command)

    def _say(self, say: dialog.Say) -> None:
        if not self._gone:
            self._saying = True
            self._speaker.say(say)

    # -- the backend

    def _call(self, command: dialog.CallAction) -> None:
        number = self._core.new_id()
        self._pending[number] = _Pending(command.action_id, command.wait)
        self._commits += command.commit
        self._core.arm(f"action:{number}", command.timeout_ms + self._settings.action_grace_ms)
        if command.wait:
            self.question = None
            if command.filler is not None:
                self._core.arm(f"filler:{number}", self._settings.filler_ms)
        self._core.emit(
            CallBackend(number, command.name, command.args, command.timeout_ms, command.idempotency_key, command.commit)
        )

    def replied(self, event: BackendReplied) -> None:
        pending = self._forget(event.action)
        if pending is not None:
            self.step(dialog.ActionSucceeded(self._core.now_ms, pending.action_id, event.result))

    def backend_failed(self, event: BackendFailed) -> None:
        pending = self._forget(event.action)
        if pending is not None:
            self.step(dialog.ActionFailed(self._core.now_ms, pending.action_id, event.kind, event.detail))

    def _forget(self, number: int) -> _Pending | None:
        self._core.disarm(f"action:{number}")
        self._core.disarm(f"filler:{number}")
        return self._pending.pop(number, None)

    # -- the human queue

    def _enter_queue(self, handover: dialog.Handover) -> None:
        self.question = None
        self.queued = True
        self._core.arm("queue", handover.max_wait_ms + self._settings.queue_grace_ms)
        self._core.emit(EnterQueue(handover, self.transcript))

    def _leave_queue(self, reason: str) -> None:
        if self.queued or self._mixer.bridged:
            self._core.emit(QuitQueue(reason))
        self._out_of_queue()

    def _out_of_queue(self) -> None:
        if self._mixer.bridged:  # the bot has the call back: its time is bounded again
            self._core.arm("call", self._settings.call_limit_ms)
        self.queued = self._mixer.bridged = False
        self._core.disarm("queue")
        self._core.disarm("bridge")

    def queue_changed(self, event: QueueChanged) -> None:
        if event.kind == "taken":
            self._taken(event)
            return
        if event.kind == "recalled":
            wanted = self._lent and not self.queued
        elif event.kind == "lent":
            wanted = self._mixer.bridged
        else:
            wanted = self.queued or self._mixer.bridged
        if not wanted:
            return
        if event.kind == "answered":
            if not self._lent:  # the human has listened to the bot and does not cut its last words
                self._speaker.clear()
            self._lent = False
            self._core.disarm("queue")
            self._core.disarm("call")
            self._core.arm("bridge", self._settings.bridge_limit_ms)
            self._mixer.bridged = True
        elif event.kind != "position":
            self._out_of_queue()
            self._lent = event.kind == "lent"
        kind, wait = event.kind, event.expected_wait_s
        self.step(dialog.QueueEvent(self._core.now_ms, kind, event.position, wait, event.detail))

    def _taken(self, event: QueueChanged) -> None:
        """A human has taken the call from the bot, in the middle of whatever it did."""
        if self._gone or self.ending is not None or self._mixer.bridged:
            return
        self._out_of_queue()
        self._speaker.clear()
        self.question, self._lent, self._mixer.bridged = None, False, True
        self._core.disarm("noinput")
        self._core.disarm("call")
        self._core.arm("bridge", self._settings.bridge_limit_ms)
        self.step(dialog.QueueEvent(self._core.now_ms, "taken", detail=event.detail))

    def agent_says(self, event: AgentSays) -> None:
        """The human lets the bot speak; the talk goes on behind it."""
        if self._mixer.bridged and not self._gone:
            spoken = verbalise(event.text, event.language)
            self._speaker.say(dialog.Say(f"agent-{self._core.new_id()}", spoken, event.language, masked=event.text))

    def overlay_changed(self, event: OverlayChanged) -> None:
        self.step(dialog.OverlayChanged(self._core.now_ms, event.overlay))

    # -- the end

    def _end(self, end: dialog.End) -> None:
        self.question = None
        self.ending = end
        self._core.disarm("noinput")
        self._core.arm("ending", self._settings.ending_limit_ms)

    def hung_up(self, reason: str) -> None:
        """The caller is gone: nothing is said any more; work in progress may end."""
        if self._gone:
            return
        self._gone = True
        self._speaker.clear()
        if self.queued or self._mixer.bridged:
            self._leave_queue("caller hung up")
        self._core.log("hangup", {"by": "caller", "reason": reason})
        self._core.arm("hangup", self._settings.hangup_limit_ms)
        self.step(dialog.CallerHungUp(self._core.now_ms))

    def _finish(self, outcome: str, cause: str) -> None:
        self.ended = True
        for name in self._core.waits:
            self._core.disarm(name)
        self._core.log("call.end", {"outcome": outcome, "cause": cause})
        self._core.emit(HangUp(outcome, cause))

    # -- time

    def timer(self, name: str, number: str) -> None:
        """One of this class's timers ran out."""
        now = self._core.now_ms
        if name == "noinput":
            self.step(dialog.NoInput(now))
        elif name == "call":
            self.step(dialog.LimitReached(now, "call"))
        elif name == "filler" and int(number) in self._pending:
            self.step(dialog.FillerDue(now, self._pending[int(number)].action_id))
        elif name == "action":
            self.backend_failed(BackendFailed(int(number), "timeout", "no answer within its time"))
        elif name == "queue":
            self._core.emit(QuitQueue("no answer from the queue"))
            self.queue_changed(QueueChanged("failed", detail="no answer from the queue"))
        elif name == "bridge":
            self._leave_queue("bridge limit")
            self._finish("handed_over", "bridge limit")
        elif name in {"ending", "hangup", "stuck"}:
            self._over(name)

    def _over(self, name: str) -> None:
        if name == "stuck":
            self._core.log("error.internal", {"error": "the dialog waits for nothing"})
            self._broken = False
            self._emergency(dialog.NoInput(self._core.now_ms))
            return
        end = self.ending or dialog.End("abandoned", "hangup")
        self._finish(end.outcome, end.cause)

    def after_block(self) -> None:
        """What follows when prompts have ended, or when nothing is left to wait for."""
        if self._speaker.failures >= 2 and not self._engine_lost:
            self._engine_lost = True
            self.step(dialog.EngineLost(self._core.now_ms, "synthesiser", "prompts without sound"))
        if self._gone:
            if not self._pending:
                self._over("hangup")
            return
        self._mixer.music(self.queued and not self._mixer.bridged)
        if self._speaker.busy:
            self._saying = True  # also what was cut and goes on after all
            self._core.disarm("noinput")
            return
        if self._saying:
            self._saying = False
            self.step(dialog.PromptsDone(self._core.now_ms, self._speaker.heard, self._speaker.cut))
        if self.ending is not None and not self._mixer.busy:
            self._finish(self.ending.outcome, self.ending.cause)

    def wait_for_caller(self) -> None:
        """Called when no prompt, turn or key is in progress: arm what bounds the silence."""
        if self.ended or self._gone or self.ending or self.queued or self._mixer.bridged or self.acting:
            self._core.disarm("stuck")
            return
        if self.question is None:
            if self._core.deadline("stuck") is None:
                self._core.arm("stuck", 3000)
        elif self._core.deadline("noinput") is None and self._core.deadline("interdigit") is None:
            self._core.disarm("stuck")
            self._core.arm("noinput", self.question.settings.start_timeout_ms)


def _listen_line(listen: dialog.Listen) -> dict[str, dialog.JsonValue]:
    """What the journal keeps of a question: where it is asked, and how its turn is taken."""
    settings, expectation = listen.settings, listen.expectation
    return {
        "step": expectation.step, "mode": expectation.mode, "open": expectation.open,
        "end_silence_ms": settings.end_silence_ms, "barge_in": settings.barge_in, "min_words": settings.min_words,
    }  # fmt: skip
