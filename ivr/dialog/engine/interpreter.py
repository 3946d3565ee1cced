"""`step`: one event in, the next state, commands and decisions out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ivr.dialog import events as ev
from ivr.dialog.engine import frames, handover, ladder, run
from ivr.dialog.engine.act import perform, press
from ivr.dialog.engine.carry import keep, spoken_key
from ivr.dialog.engine.commands import command_in_queue, command_while_acting
from ivr.dialog.engine.keypad import read_keys
from ivr.dialog.engine.pick import bands, command_of, leaves_words, pick, weigh
from ivr.dialog.engine.program import CallStep, Program
from ivr.dialog.engine.question import (
    expectation_of,
    keyed_slots,
    open_question,
)
from ivr.dialog.engine.state import DialogState
from ivr.dialog.engine.turn import KEYED, MASK, Await, Raised, Turn
from ivr.dialog.understanding.anger import anger_score

_log = logging.getLogger(__name__)


class HasProgram(Protocol):
    """A bundle, as far as the interpreter needs it."""

    @property
    def program(self) -> Program: ...


@dataclass(frozen=True, slots=True)
class Step:
    state: DialogState
    commands: tuple[ev.DialogCommand, ...]
    decisions: tuple[ev.Decision, ...]


def step(bundle: HasProgram, state: DialogState | None, event: ev.DialogEvent) -> Step:
    """Handle one event. Pure; `state` is left as it was. Never raises: what fails inside goes to a human."""
    turn = _begin(bundle.program, state, event)
    try:
        _handle(turn, state, event)
    except Exception as error:
        _log.exception("the dialog failed on %s", type(event).__name__)
        turn = _begin(bundle.program, state, event)
        ladder.give_up(turn, f"{type(error).__name__}: {error}")
    return Step(turn.state, tuple(turn.commands), tuple(turn.decisions))


def _begin(program: Program, state: DialogState | None, event: ev.DialogEvent) -> Turn:
    if state is not None:
        copy = state.clone()
    elif isinstance(event, ev.CallStarted):
        language = event.call.language if event.call.language in program.languages else program.languages[0]
        copy = DialogState(event.call, language, queues=dict(event.queues), overlay=dict(event.overlay))
    else:
        unknown = ev.CallContext("", "", "", "", "1970-01-01T00:00:00+00:00")
        copy = DialogState(unknown, program.languages[0])
    copy.now_ms = max(copy.now_ms, event.at_ms)
    return Turn(program, copy)


def _handle(turn: Turn, before: DialogState | None, event: ev.DialogEvent) -> None:
    """The event, then silent steps, then keys that were typed ahead."""
    if turn.state.phase == "ended":
        turn.decide("ignored: the dialog is over", event=type(event).__name__)
        return
    try:
        _HANDLERS[type(event)](turn, event)
    except Await as waiting:
        # What was done so far for this event is forgotten: it is handled again when the value is there.
        turn.state, turn.commands = _begin(turn.program, before, event).state, []
        turn.state.phase, turn.state.acting, turn.state.deferred = "acting", waiting.action_id, event
        turn.decide("13 call: awaited where its result is read", action=waiting.action_id)
        return
    except Raised as raised:
        run.fault(turn, raised)
        if turn.state.phase == "listening" and not any(isinstance(c, ev.Listen) for c in turn.commands):
            ladder.give_up(turn, raised.event)
    run.drive(turn)
    _use_type_ahead(turn)


def _use_type_ahead(turn: Turn) -> None:
    state = turn.state
    for _ in range(8):
        if not state.typeahead or state.phase != "listening":
            return
        digits, state.typeahead = state.typeahead, ""
        turn.decide("2 keys typed ahead", digits=MASK)
        _press(turn, digits)
        run.drive(turn)


# ------------------------------------------------------------------------------------------------------- the beginning


def _started(turn: Turn, event: ev.CallStarted) -> None:
    if turn.state.frames:
        turn.decide("ignored: the call has begun")
        return
    program, call = turn.program, event.call
    entry = call.entry or (program.outbound if call.direction == "outbound" else program.inbound)
    if entry not in program.flows:
        ladder.give_up(turn, f"no flow {entry!r} to enter")
        return
    turn.decide("1 run: enter", program.flows[entry].source, flow=entry)
    frames.push(turn, entry, "entry")
    announcement = turn.state.overlay.get("announcement")
    if isinstance(announcement, dict):
        text = announcement.get(turn.state.language)
        if isinstance(text, str) and text:
            turn.state.prompt_count += 1
            turn.commands.append(
                ev.Say(f"p{turn.state.prompt_count}", text, turn.state.language, source="overlay: announcement")
            )


# ---------------------------------------------------------------------------------------------------------- the caller


def _heard(turn: Turn, event: ev.Heard) -> None:
    state = turn.state
    if state.phase in ("acting", "queued"):
        _heard_while_waiting(turn, event)
        return
    if not _count_turn(turn, event):
        return
    if event.hypotheses:
        asked = open_question(turn).asked
        turn.remember("caller", MASK if asked and turn.is_sensitive(asked) else event.hypotheses[0].text)
    _detect_language(turn, event)
    question = open_question(turn)
    if event.hypotheses and not (question.asked and turn.is_sensitive(question.asked)):
        turn.heard = event.hypotheses[0].text
        if not question.asked:
            question.heard = keep(question.heard, turn.heard)
    expectation = expectation_of(turn, turn.flow.steps[question.step], question)
    readings = weigh(turn, event.understood, expectation)
    turn.decide("4 read", readings=_shown(turn, readings), in_scope=event.understood.in_scope)
    command = command_of(readings, bands(turn))
    if command:
        perform(turn, command)
    elif not _anger(turn, event, readings):
        act = pick(turn, readings, event.understood)
        key = spoken_key(turn, expectation) if act.kind in ("nomatch", "invalid") else ""
        if key:
            turn.decide("5 pick: a key, said", key=key)
            press(turn, key, [])
        else:
            turn.beside = turn.heard if leaves_words(turn, act) else ""
            perform(turn, act)


def _heard_while_waiting(turn: Turn, event: ev.Heard) -> None:
    command = command_of(event.understood.readings, bands(turn))
    if command is None:
        turn.decide("ignored: no command")
    elif turn.state.phase == "queued":
        command_in_queue(turn, command.name)
    else:
        command_while_acting(turn, command.name)


def _keys(turn: Turn, event: ev.Keys) -> None:
    if turn.state.phase in ("acting", "queued"):
        name = turn.program.command_keys.get(event.digits)
        if name is None:
            turn.state.typeahead = (turn.state.typeahead + event.digits)[:64] if turn.state.phase == "acting" else ""
            turn.decide("2 keys kept as type-ahead", digits=MASK)
        elif turn.state.phase == "queued":
            command_in_queue(turn, name)
        else:
            command_while_acting(turn, name)
        return
    if _count_turn(turn, event):
        turn.remember("caller", KEYED)
        _press(turn, event.digits)


def _press(turn: Turn, digits: str) -> None:
    question = open_question(turn)
    slots = [turn.slot_code(name) for name in keyed_slots(turn.flow.steps[question.step], question) if name]
    press(turn, digits, [reading for slot in slots for reading in read_keys(slot, digits, turn.now())])


def _no_input(turn: Turn, event: ev.NoInput | ev.MaxSpeech) -> None:
    if turn.state.phase in ("acting", "queued"):
        turn.decide("ignored: silence while waiting")
        return
    if not _count_turn(turn, event):
        return
    if isinstance(event, ev.MaxSpeech):
        name = "maxspeech" if ladder.find(turn, "maxspeech") else "nomatch"
        ladder.fail(turn, name)
    else:
        ladder.fail(turn, "noinput")


def _count_turn(turn: Turn, event: ev.DialogEvent) -> bool:
    """One more turn of the caller. False when the event must not be handled further."""
    state = turn.state
    if state.phase != "listening" or not state.frames or turn.frame.question is None:
        turn.decide("ignored: nobody listens", event=type(event).__name__, phase=state.phase)
        return False
    state.turns += 1
    limit = turn.program.limits.turns
    if state.turns > 2 * limit:
        ladder.give_up(turn, "twice the turns a call may have")
        return False
    if state.turns > limit and "limit.turns" not in state.raised:
        state.raised.append("limit.turns")
        turn.decide("limit.turns", turns=state.turns)
        return not ladder.catch(turn, "limit.turns", onward="ask")
    return True


def _detect_language(turn: Turn, event: ev.Heard) -> None:
    state, rule = turn.state, turn.program.detect_language
    heard = event.understood.language or event.language
    if rule == "never" or (rule == "first_turn" and state.turns > 1) or heard == state.language:
        return
    sure = any(reading.kind != "other" and reading.p >= bands(turn).confirm for reading in event.understood.readings)
    if heard in turn.program.languages and sure:
        state.language = heard
        turn.decide("4 read: the caller's language", language=heard)


def _anger(turn: Turn, event: ev.Heard, readings: Sequence[ev.Reading]) -> bool:
    """Rule 12. True when the `anger` event has taken over the turn."""
    state = turn.state
    words = max((_lexical(reading) for reading in readings if reading.kind == "anger"), default=0.0)
    state.anger = round(max(state.anger * 0.8, anger_score(words, state.failures, event.loudness_dbfs)), 4)
    if state.anger < turn.program.anger_on or "anger" in state.raised:
        return False
    state.raised.append("anger")
    turn.decide("12 anger", score=state.anger, words=words, failures=state.failures, loudness=event.loudness_dbfs)
    return ladder.catch(turn, "anger", onward="ask")


def _lexical(reading: ev.Reading) -> float:
    """How angry the words are, before failures and loudness are weighed in."""
    lexical = reading.detail.get("lexical", reading.p)
    return float(lexical) if isinstance(lexical, int | float) else 0.0


def _shown(turn: Turn, readings: Sequence[ev.Reading]) -> list[ev.JsonValue]:
    """The best readings, for the journal."""
    best = sorted(readings, key=lambda reading: -reading.p)[:6]
    return [
        {
            "kind": reading.kind,
            "value": turn.shown(reading.slot, reading.value) if reading.slot else reading.value,
            "p": round(reading.p, 4),
            **({"slot": reading.slot} if reading.slot else {}),
        }
        for reading in best
    ]


# ---------------------------------------------------------------------------------------------------------- the backend


def _action(turn: Turn, event: ev.ActionSucceeded | ev.ActionFailed) -> None:
    state = turn.state
    if event.action_id not in state.pending:
        turn.decide("ignored: nobody waits for this action", action=event.action_id)
        return
    awaited = state.acting == event.action_id
    deferred, state.deferred = (state.deferred, None) if awaited else (None, state.deferred)
    if isinstance(event, ev.ActionSucceeded):
        run.action_succeeded(turn, event.action_id, dict(event.result))
    else:
        run.action_failed(turn, event.action_id, event.kind, event.detail)
    if deferred is not None:
        state.phase = "listening"
        _HANDLERS[type(deferred)](turn, deferred)


def _filler(turn: Turn, event: ev.FillerDue) -> None:
    """The caller hears that something happens, and may say a command while it does."""
    state = turn.state
    pending = state.pending.get(event.action_id)
    if pending is None or state.acting != event.action_id or pending.filler_said:
        turn.decide("ignored: no filler is due")
        return
    pending.filler_said = True
    code = turn.program.step(pending.flow, pending.step)
    own = code.filler if isinstance(code, CallStep) else None
    turn.say(own or turn.program.prompts["filler"])
    turn.decide("13 call: filler", code.source, action=pending.name)


def _overlay_changed(turn: Turn, event: ev.OverlayChanged) -> None:
    """The call goes on where it is; flows that are off are not entered any more."""
    turn.state.overlay = dict(event.overlay)
    turn.decide("overlay: changed", overlay=dict(event.overlay))


def _engine_lost(turn: Turn, event: ev.EngineLost) -> None:
    state = turn.state
    if state.phase in ("queued", "bridged"):
        turn.decide("ignored: a human has the call", engine=event.engine)
        return
    state.acting, state.deferred = "", None
    run.fault(turn, Raised("error.engine", f"{event.engine}: {event.detail}"))
    if state.phase in ("acting", "listening"):
        ladder.give_up(turn, "error.engine")


# ---------------------------------------------------------------------------------------------------------- the queue


def _queue(turn: Turn, event: ev.QueueEvent) -> None:
    state = turn.state
    expected = ("bridged",) if event.kind in ("left", "lent") else ("queued",)
    if event.kind == "recalled" and state.lent is not None:
        turn.commands.append(ev.StopPrompts())
        handover.give_back(turn)
        return
    if event.kind == "taken" and state.phase not in ("bridged", "ended"):
        handover.taken(turn)
        return
    if state.phase not in expected:
        turn.decide("ignored: not in the queue", kind=event.kind)
        return
    if event.kind == "position":
        handover.announce(turn, event)
    elif event.kind == "answered":
        handover.answered(turn)
    elif event.kind == "lent":
        handover.lend(turn, event.detail)
    elif event.kind == "left":
        turn.decide("14 handover: the human has left")
        state.phase, state.handover_over = "running", True
    else:
        assert state.handover is not None
        state.tried = {**state.tried, f"queue {state.handover.queue} {event.kind}": 1}
        state.queues = {**state.queues, state.handover.queue: ev.QueueStatus(open=False)}
        state.phase = "running"
        if not ladder.catch(turn, f"queue.{event.kind}", onward="handover_over", detail=event.detail):
            ladder.give_up(turn, f"queue.{event.kind}")


# ------------------------------------------------------------------------------------------------------------ the end


def _limit(turn: Turn, event: ev.LimitReached) -> None:
    state = turn.state
    if state.phase in ("queued", "bridged") or "limit.call" in state.raised:
        turn.decide("ignored: limit.call")
        return
    state.raised.append("limit.call")
    state.acting, state.deferred = "", None
    turn.commands.append(ev.StopPrompts())
    if not ladder.catch(turn, "limit.call", onward="end"):
        ladder.give_up(turn, "limit.call")


def _hung_up(turn: Turn, event: ev.CallerHungUp) -> None:
    """A `hangup` handler may still run a flow; the first question in it ends it (rule 15)."""
    state = turn.state
    if state.phase == "bridged":
        state.hung_up = True
        handover.end_call(turn, "handed_over")
        return
    state.hung_up = True
    state.acting, state.deferred, state.handover = "", None, None
    if not state.outcome:
        state.outcome = "abandoned"
    turn.decide("15 hangup", phase=state.phase)
    state.phase = "running"
    if not ladder.catch(turn, "hangup", onward="end"):
        handover.end_call(turn)


def _nothing(turn: Turn, event: ev.PromptsDone) -> None:
    """The prompts are out; the shell's timers start by themselves."""


_HANDLERS: dict[type[Any], Callable[[Turn, Any], None]] = {
    ev.CallStarted: _started,
    ev.Heard: _heard,
    ev.Keys: _keys,
    ev.NoInput: _no_input,
    ev.MaxSpeech: _no_input,
    ev.PromptsDone: _nothing,
    ev.ActionSucceeded: _action,
    ev.ActionFailed: _action,
    ev.FillerDue: _filler,
    ev.QueueEvent: _queue,
    ev.LimitReached: _limit,
    ev.EngineLost: _engine_lost,
    ev.OverlayChanged: _overlay_changed,
    ev.CallerHungUp: _hung_up,
}
