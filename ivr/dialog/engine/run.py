"""Rule 1, silent steps, and rule 15, returns: from `running` to a state in which somebody owns the wait."""

from __future__ import annotations

import dataclasses

from ivr.dialog.engine import carry, handover
from ivr.dialog.engine.form import continue_ask, continue_route
from ivr.dialog.engine.frames import end_flow, go_to, leave, push
from ivr.dialog.engine.ladder import assign, catch, give_up
from ivr.dialog.engine.program import (
    AskStep,
    CallStep,
    EndStep,
    HandoverStep,
    RouteStep,
    RunStep,
    SayStep,
    SetStep,
    StepCode,
)
from ivr.dialog.engine.question import command_expectation, pose, settings_of
from ivr.dialog.engine.state import Frame, PendingAction
from ivr.dialog.engine.turn import Await, Raised, Turn
from ivr.dialog.events import CallAction, JsonValue, Listen

MAX_SILENT_STEPS = 100


def drive(turn: Turn) -> None:
    """Run until the caller, the backend, the queue or nobody owns the wait."""
    for _ in range(MAX_SILENT_STEPS):
        if turn.state.phase != "running":
            return
        advance(turn)
    turn.decide("1 run: 100 silent steps")
    if not catch(turn, "error.loop", onward="end"):
        give_up(turn, "error.loop")
    for _ in range(MAX_SILENT_STEPS):
        if turn.state.phase != "running":
            return
        advance(turn)
    give_up(turn, "error.loop again")


def advance(turn: Turn) -> None:
    """One silent step; what it raises is handled here."""
    try:
        _advance(turn)
    except Await as waiting:
        turn.state.phase, turn.state.acting = "acting", waiting.action_id
        turn.decide("13 call: awaited where its result is read", action=waiting.action_id)
    except Raised as raised:
        fault(turn, raised)


def fault(turn: Turn, raised: Raised) -> None:
    """An error event from inside: its handler, else a human."""
    turn.decide(f"error: {raised.event}", detail=raised.detail)
    silent = not isinstance(turn.step, AskStep | RouteStep) if turn.state.frames else True
    try:
        if silent and turn.state.frames and turn.frame.step and not turn.frame.leaving:
            handled = catch(turn, raised.event, onward="leave", detail=raised.detail)
        else:
            handled = catch(turn, raised.event, onward="none", detail=raised.detail)
    except (Raised, Await) as again:
        turn.decide("error: its handler failed", detail=str(again))
        handled = False
    if not handled or (not silent and turn.state.phase == "running" and turn.frame.question is not None):
        give_up(turn, raised.event)
    elif turn.state.phase == "running" and turn.state.frames and turn.frame.leaving and raised.event == "error.expr":
        _skip_broken_next(turn)


def _skip_broken_next(turn: Turn) -> None:
    """A `next` that cannot be worked out would fail for ever."""
    step = turn.step
    if step is not None and step.next:
        go_to(turn, step.following)


def _advance(turn: Turn) -> None:
    state = turn.state
    if state.handover_over:
        _after_handover(turn)
        return
    if not state.frames:
        finish(turn)
        return
    frame = turn.frame
    if not frame.step:
        _return(turn)
        return
    step = turn.flow.steps[frame.step]
    if frame.leaving:
        _follow(turn, step)
    elif not turn.holds(step.condition):
        turn.decide("1 run: skipped", step.source)
        go_to(turn, step.following)
    else:
        _execute(turn, step)


def _follow(turn: Turn, step: StepCode) -> None:
    for branch in step.next:
        if turn.holds(branch.condition):
            turn.decide("1 run: next", branch.source or step.source, to=branch.to)
            go_to(turn, branch.to)
            return
    go_to(turn, step.following)


def _execute(turn: Turn, step: StepCode) -> None:
    frame = turn.frame
    if not frame.history or frame.history[-1] != step.id:
        frame.history = [*frame.history[-50:], step.id]
        turn.decide("1 run: step", step.source, verb=type(step).__name__.removesuffix("Step").lower())
    if isinstance(step, SayStep):
        turn.say(step.say, barge_in=settings_of(turn, step, None).barge_in)
        leave(turn)
    elif isinstance(step, SetStep):
        values = {name: turn.evaluate(expression) for name, expression in step.set.items()}
        for name, value in values.items():
            assign(turn, name, value)
        leave(turn)
    elif isinstance(step, AskStep | RouteStep) and turn.state.hung_up:
        turn.decide("15 return: a question after the hang-up ends the flow", step.source)
        handover.end_call(turn)
    elif isinstance(step, AskStep):
        continue_ask(turn, step)
    elif isinstance(step, RouteStep):
        continue_route(turn, step)
    elif isinstance(step, CallStep):
        _call(turn, step)
    elif isinstance(step, RunStep):
        args = {name: turn.evaluate(expression) for name, expression in step.args.items()}
        turn.decide("1 run: flow", step.source, flow=step.flow)
        push(turn, step.flow, "run", args)
        carry.enter(turn)
    elif isinstance(step, HandoverStep):
        handover.begin(turn, step.handover, step.id)
    elif isinstance(step, EndStep):
        end_flow(turn, step.end, step.source)
    else:
        leave(turn)


# ------------------------------------------------------------------------------------------------------------ actions


def _call(turn: Turn, step: CallStep) -> None:
    """Rule 13. The designer's `filler`, else a built-in one, covers a slow backend."""
    state, frame, action = turn.state, turn.frame, turn.program.actions[step.action]
    args = {name: turn.evaluate(expression) for name, expression in step.args.items()}
    key = str(turn.evaluate(action.idempotency, args)) if action.idempotency else ""
    filler = turn.render(step.filler or turn.program.prompts["filler"]) if step.wait else None
    state.action_count += 1
    action_id = f"a{state.action_count}"
    state.pending[action_id] = PendingAction(step.action, frame.flow, step.id, step.wait, sorted(step.save))
    read = {name for expression in step.args.values() for name in expression.names}
    frame.reads = {**frame.reads, step.id: sorted(read & set(turn.flow.slots))}
    turn.decide("13 call", step.source, action=step.action, id=action_id, wait=step.wait, commit=step.commit)
    turn.commands.append(
        CallAction(action_id, step.action, args, action.timeout_ms, step.wait, step.commit, key, filler)
    )
    frame.committed = frame.committed or step.commit
    if step.wait:
        # The caller may say a command from here on, over what was said before too; nothing else cuts that.
        settings = dataclasses.replace(settings_of(turn, step, None), barge_in_type="hotword")
        turn.commands.append(Listen(settings, command_expectation(turn)))
        state.phase, state.acting = "acting", action_id
    else:
        leave(turn)


def action_succeeded(turn: Turn, action_id: str, result: dict[str, JsonValue]) -> None:
    """Keep what `save` names. A result nobody waits for any more is kept too: it was asked for."""
    pending = turn.state.pending.pop(action_id)
    step = turn.program.step(pending.flow, pending.step)
    assert isinstance(step, CallStep)
    turn.decide("13 call: result", step.source, action=pending.name, id=action_id)
    failed: Raised | None = None
    for name, expression in step.save.items():
        try:
            turn.state.values[name] = turn.evaluate(expression, {"result": result})
        except Raised as raised:
            turn.state.values[name] = None
            failed = raised
    if turn.state.acting != action_id:
        return
    turn.state.phase, turn.state.acting = "running", ""
    if pending.wait:
        if failed:
            fault(turn, Raised("error.data", failed.detail))
            return
        leave(turn)


def action_failed(turn: Turn, action_id: str, kind: str, detail: str) -> None:
    """A background call that fails leaves missing values; one that is waited for raises `error.*`."""
    state = turn.state
    pending = state.pending.pop(action_id)
    step = turn.program.step(pending.flow, pending.step)
    turn.decide(f"13 call: {kind}", step.source, action=pending.name, id=action_id, detail=detail)
    for name in pending.saves:
        state.values.setdefault(name, None)
    if state.acting != action_id:
        return
    state.phase, state.acting = "running", ""
    if pending.wait:
        state.tried = {**state.tried, f"{pending.name} {kind}": state.tried.get(f"{pending.name} {kind}", 0) + 1}
        fault(turn, Raised(f"error.{kind}", detail))


# ------------------------------------------------------------------------------------------------------------ returns


def _return(turn: Turn) -> None:
    """Rule 15: a frame returns to whoever pushed it."""
    if turn.frame.kind == "lent":
        handover.give_back(turn)
        return
    frame = turn.state.frames.pop()
    turn.decide(f"15 return: {frame.kind}", flow=frame.flow)
    if frame.kind == "digression":
        _resume(turn)
    elif frame.kind == "run":
        _save_result(turn, frame)
        leave(turn)
    elif frame.kind == "handler":
        _back_to_step(turn)
    elif frame.kind == "route":
        step = turn.step
        if step is not None and step.next:
            leave(turn)
        else:
            finish(turn)
    elif frame.kind == "after_handover":
        turn.state.handover_over = True
    else:
        finish(turn)


def _save_result(turn: Turn, frame: Frame) -> None:
    step = turn.step
    if isinstance(step, RunStep) and step.save:
        result: dict[str, JsonValue] = {name: slot.value for name, slot in frame.slots.items()}
        for name, expression in step.save.items():
            turn.state.values[name] = turn.evaluate(expression, {"result": {**frame.args, **result}})


def _resume(turn: Turn) -> None:
    """Back from a digression: the `resume` prompt, then the step asks again, its slots kept (rule 10)."""
    turn.say(turn.flow.resume or turn.program.prompts["resume"])
    if catch(turn, "resume", onward="none") and turn.state.phase != "running":
        return
    _back_to_step(turn)


def _back_to_step(turn: Turn) -> None:
    if turn.frame.question:
        pose(turn)
    elif isinstance(turn.step, AskStep | RouteStep):
        go_to(turn, turn.frame.step)
    else:
        leave(turn)


def _after_handover(turn: Turn) -> None:
    """A hand-over is over: its step's `next`, else `done`, else hang up."""
    state = turn.state
    waiting, state.handover, state.handover_over = state.handover, None, False
    step = turn.step if state.frames else None
    if waiting and step is not None and step.id == waiting.step and step.next:
        leave(turn)
    else:
        finish(turn)


def finish(turn: Turn) -> None:
    """Nothing is left to return to: `done` once a call, then the end."""
    state = turn.state
    if state.lent is not None and not state.hung_up:
        handover.give_back(turn)
        return
    if state.hung_up or "done" in state.raised:
        handover.end_call(turn)
        return
    state.raised.append("done")
    state.phase = "running"
    if not catch(turn, "done", onward="end"):
        handover.end_call(turn)
