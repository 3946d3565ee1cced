"""Events and the handlers that catch them (rule 9): step -> flow -> hotline -> built-in, a list is a ladder."""

from __future__ import annotations

from typing import Literal, TypeAlias

from ivr.dialog.engine import handover
from ivr.dialog.engine.frames import end_flow, go_to, leave, push
from ivr.dialog.engine.program import AskStep, Catch, HandlerCode, HandoverCode, RouteStep
from ivr.dialog.engine.question import open_question, pose
from ivr.dialog.engine.state import FrameKind, SlotValue
from ivr.dialog.engine.turn import Raised, Turn
from ivr.dialog.engine.values import error_of
from ivr.dialog.events import End, Handover, JsonValue

MAX_RAISED = 6
"""Events that may come up while one is handled; more means that the handlers fail themselves."""

Onward: TypeAlias = Literal["ask", "leave", "handover_over", "end", "none"]
"""What a handler without a way out does: ask again, leave the step, count the hand-over as over, end the call."""


def find(turn: Turn, event: str) -> tuple[str, tuple[HandlerCode, ...]] | None:
    """The ladder for an event, and the name it is caught by: the nearest scope that has one, and inside it the longest
    name that is a prefix."""
    scopes: list[Catch] = []
    if turn.state.frames:
        step = turn.step
        scopes = [step.catch] if step else []
        scopes.append(turn.flow.catch)
    for catch in (*scopes, turn.program.catch, turn.program.builtin_catch):
        name = event
        while name:
            if name in catch:
                return name, catch[name]
            name = name.rpartition(".")[0]
    return None


def fail(turn: Turn, event: str) -> None:
    """noinput, nomatch, invalid: one count for them all; the event picks only the ladder (rule 9)."""
    state, question = turn.state, open_question(turn)
    question.failures += 1
    state.failures += 1
    what = f"{turn.label()} {event}"
    state.tried = {**state.tried, what: state.tried.get(what, 0) + 1}
    turn.decide(f"9 fail: {event} {question.failures}", failures=question.failures, call_failures=state.failures)
    if state.failures >= turn.program.limits.failures and "limit.failures" not in state.raised:
        state.raised.append("limit.failures")
        if catch(turn, "limit.failures", onward="ask"):
            return
    catch(turn, event, rung=question.failures, onward="ask")


def catch(turn: Turn, event: str, *, rung: int = 1, onward: Onward, detail: str = "") -> bool:
    """Hand an event to its handler. False when nobody catches it (then nothing was done)."""
    turn.raised += 1
    if turn.raised > MAX_RAISED:
        give_up(turn, f"{event} while other events were handled")
        return True
    found = find(turn, event)
    if found is None:
        return False
    name, ladder = found
    turn.event_detail = {"name": event, "detail": detail}
    place = min(rung, len(ladder))
    turn.decide(f"9 catch: {event}", ladder[place - 1].source, caught=name, rung=place, **_ways(ladder[place - 1]))
    apply(turn, ladder[place - 1], event, onward)
    return True


def apply(turn: Turn, handler: HandlerCode, event: str, onward: Onward) -> None:
    if handler.say:
        turn.say(handler.say)
    for name, expression in handler.set.items():
        assign(turn, name, turn.evaluate(expression))
    if handler.next:
        go_to(turn, handler.next)
    elif handler.run:
        _run(turn, handler.run, event)
    elif handler.handover:
        handover.begin(turn, handler.handover, "")
    elif handler.end:
        _end(turn, handler)
    else:
        _go_on(turn, handler, event, onward)


def _ways(handler: HandlerCode) -> dict[str, JsonValue]:
    ways: dict[str, JsonValue] = {
        "reprompt": handler.reprompt, "next": handler.next, "run": handler.run, "set": ", ".join(sorted(handler.set)),
    }  # fmt: skip
    return {name: way for name, way in ways.items() if way}


def _end(turn: Turn, handler: HandlerCode) -> None:
    assert handler.end
    if turn.state.frames:
        end_flow(turn, handler.end, handler.source)
    else:
        handover.end_call(turn, handler.end.outcome)


def _run(turn: Turn, flow: str, event: str) -> None:
    """The frame's kind says what follows on its return."""
    kinds: dict[str, FrameKind] = {"queue": "after_handover", "done": "done", "hangup": "hangup"}
    kind = kinds.get(event.partition(".")[0], "handler")
    push(turn, flow, kind)


def _go_on(turn: Turn, handler: HandlerCode, event: str, onward: Onward) -> None:
    """No way out: the step goes on."""
    if onward == "leave":
        leave(turn)
    elif onward == "handover_over":
        turn.state.phase = "running"
        turn.state.handover_over = True
    elif onward == "end":
        handover.end_call(turn)
    elif onward == "ask":
        _ask_again(turn, handler, event)


def _ask_again(turn: Turn, handler: HandlerCode, event: str) -> None:
    question = turn.frame.question
    if question is None:
        go_to(turn, turn.frame.step)
        return
    if handler.set and question.asked and turn.slot_value(question.asked):
        question.failures = 0
        go_to(turn, question.step)  # the step finds its slot filled and goes on
        return
    question.listen = {**question.listen, **handler.listen}
    step = turn.step
    modes = question.listen.get("modes")
    keys_only = isinstance(modes, list | tuple) and list(modes) == ["dtmf"]
    choice = isinstance(step, AskStep) and question.asked and turn.slot_code(question.asked).type == "choice"
    question.menu = question.menu or bool(keys_only and (isinstance(step, RouteStep) or choice))
    if question.menu and question.mode in ("guess", "more"):
        question.mode, question.candidates = "route", []
    reprompt = "invalid" if event == "invalid" and handler.reprompt == "retry" else handler.reprompt
    pose(turn, reprompt)


def assign(turn: Turn, name: str, value: JsonValue) -> None:
    """`set`: a slot goes through its checks as if the caller had said it; any other name is a saved value."""
    slot = turn.program.slot(turn.frame.flow, name) if turn.state.frames else turn.program.slots.get(name)
    if slot is None:
        turn.state.values[name] = value
        return
    if value is None:
        turn.put_slot(name, None)
        return
    error = error_of(turn, slot, value)
    if error:
        raise Raised("error.data", f"set {name}: {error}")
    turn.put_slot(name, SlotValue(value, 1.0, confirmed=True, heard_at_ms=turn.state.now_ms))


def give_up(turn: Turn, reason: str) -> None:
    """The last wall: a human, or an apology and the end. Runs no designer's code."""
    state = turn.state
    turn.decide("error: give up", reason=reason)
    if state.hung_up or "give_up" in state.raised or not turn.program.queues:
        if not state.hung_up:
            turn.say_builtin("trouble")
        if state.handover:
            state.handover = None
        state.phase, state.acting, state.deferred, state.outcome = "ended", "", None, "failed"
        turn.commands.append(End("failed", "system_error"))
        return
    state.raised.append("give_up")
    queues = turn.program.queues
    handover.begin(turn, HandoverCode("default" if "default" in queues else queues[0], "system_error"), "")


__all__ = ["Handover", "apply", "assign", "catch", "fail", "find", "give_up"]
