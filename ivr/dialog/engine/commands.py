"""Rule 11: what callers may say at any time. A designer's `catch: command.X` goes first."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from ivr.dialog.engine import handover
from ivr.dialog.engine.frames import go_to
from ivr.dialog.engine.ladder import catch, find
from ivr.dialog.engine.program import AskStep, RouteStep, RunStep
from ivr.dialog.engine.question import form_slots, pose, say_again
from ivr.dialog.engine.turn import Turn
from ivr.dialog.events import JsonValue, LeaveQueue, Listen, StopPrompts

SLOWER = 0.85
SLOWEST = 0.6
WAIT_MS = 60_000


def run_command(turn: Turn, name: str, detail: dict[str, JsonValue]) -> None:
    """While a question is open."""
    turn.decide(f"11 command: {name}", detail=dict(detail))
    if name != "repeat":
        turn.state.repeats = 0
    turn.event_detail = {"name": f"command.{name}", **detail}
    if name == "language":
        _language(turn, detail)
        return
    if catch(turn, f"command.{name}", onward="ask"):
        return
    action = _BUILTIN.get(name)
    if action is None:
        pose(turn)  # a command of the hotline's own that nobody catches: the lint refuses it
    else:
        action(turn)


def _repeat(turn: Turn) -> None:
    turn.state.repeats += 1
    slower = SLOWER if turn.state.repeats > 1 else 1.0
    say_again(turn, turn.state.rate * slower)


def _slower(turn: Turn) -> None:
    turn.state.rate = max(SLOWEST, round(turn.state.rate * SLOWER, 4))
    say_again(turn, turn.state.rate)


def _help(turn: Turn) -> None:
    pose(turn, "help")


def _wait(turn: Turn) -> None:
    turn.say_builtin("wait")
    pose(turn, "")
    last = turn.commands[-1]
    assert isinstance(last, Listen)
    turn.commands[-1] = dataclasses.replace(last, settings=dataclasses.replace(last.settings, start_timeout_ms=WAIT_MS))


def _back(turn: Turn) -> None:
    """Leave the flow. What was committed stays done; from the first flow there is no way back: it asks again."""
    if len(turn.state.frames) == 1:
        pose(turn)
        return
    turn.say_builtin("back")
    _leave_flow(turn)


def _leave_flow(turn: Turn) -> None:
    """To the question below. A flow that only ran the one that is left would run it again: it goes back to what it
    asked before, or is left too when it has asked nothing."""
    frames = turn.state.frames
    left = frames.pop()
    turn.decide("11 command: back leaves the flow", flow=left.flow)
    if turn.frame.question:
        pose(turn)
    elif turn.frame.leaving or not turn.frame.step:
        go_to(turn, _last_question(turn))
    elif isinstance(turn.step, RunStep) and not turn.frame.committed and _ask_before(turn):
        return
    elif isinstance(turn.step, RunStep) and not turn.frame.committed and len(frames) > 1:
        _leave_flow(turn)
    else:
        go_to(turn, turn.frame.step)


def _ask_before(turn: Turn) -> bool:
    """Ask the flow's last question again; False when it has asked none."""
    frame = turn.frame
    for position in range(len(frame.history) - 1, -1, -1):
        step = turn.flow.steps.get(frame.history[position])
        if isinstance(step, AskStep | RouteStep):
            for name in form_slots(step):
                turn.put_slot(name, None)
            frame.history = frame.history[:position]
            go_to(turn, step.id)
            return True
    return False


def _last_question(turn: Turn) -> str:
    asked = [name for name in turn.frame.history if isinstance(turn.flow.steps.get(name), RouteStep)]
    return asked[-1] if asked else turn.flow.first


def _start_over(turn: Turn) -> None:
    """Back to the call's open question (its first step where it has none), everything not committed forgotten."""
    turn.say_builtin("start_over")
    state = turn.state
    del state.frames[1:]
    first = turn.frame
    first.slots, first.mentioned, first.question = {}, [], None
    state.topic = ""
    go_to(turn, _last_question(turn))


def _goodbye(turn: Turn) -> None:
    turn.say_builtin("goodbye")
    handover.end_call(turn, turn.state.outcome or "abandoned")


def _language(turn: Turn, detail: dict[str, JsonValue]) -> None:
    """The language asked for; without one, the hotline's next."""
    state, languages = turn.state, turn.program.languages
    wanted = detail.get("language")
    if wanted not in languages:
        wanted = languages[(languages.index(state.language) + 1) % len(languages)]
    state.language = str(wanted)
    turn.event_detail["language"] = state.language
    if catch(turn, "command.language", onward="ask"):
        return
    turn.say_builtin("language")
    pose(turn)


_BUILTIN: dict[str, Callable[[Turn], None]] = {
    "repeat": _repeat,
    "slower": _slower,
    "help": _help,
    "wait": _wait,
    "back": _back,
    "start_over": _start_over,
    "goodbye": _goodbye,
}
_BUILT_IN_NAMES = frozenset({*_BUILTIN, "agent", "language"})


def _is_own(turn: Turn, name: str) -> bool:
    """A command of the hotline's own that somebody catches here: words of risk must not wait."""
    return name not in _BUILT_IN_NAMES and find(turn, f"command.{name}") is not None


def _leads_away(turn: Turn, name: str) -> bool:
    """Its handler hands over, runs a flow, goes to a step or ends; else it only says something."""
    found = find(turn, f"command.{name}")
    handler = found[1][0] if found else None
    return bool(handler and (handler.handover or handler.run or handler.next or handler.end))


def command_while_acting(turn: Turn, name: str) -> None:
    """The backend is at work: only what ends the wait counts, and the hotline's own commands. An answer that comes
    later is kept: the action is not undone."""
    turn.decide(f"11 command: {name} while acting")
    state, own = turn.state, _is_own(turn, name)
    if own and not _leads_away(turn, name):
        catch(turn, f"command.{name}", onward="none")
        return
    if name not in ("agent", "goodbye") and not own:
        return
    state.acting, state.deferred = "", None
    turn.commands.append(StopPrompts())
    if name == "goodbye":
        _goodbye(turn)
        return
    if state.frames:
        turn.frame.question = None
    state.phase = "running"
    turn.event_detail = {"name": f"command.{name}"}
    catch(turn, f"command.{name}", onward="leave")


def command_in_queue(turn: Turn, name: str) -> None:
    """The caller waits for a human: he may leave the queue."""
    turn.decide(f"11 command: {name} in the queue")
    state = turn.state
    if _is_own(turn, name):
        _own_in_queue(turn, name)
    elif name == "language":
        languages = turn.program.languages
        state.language = languages[(languages.index(state.language) + 1) % len(languages)]
        turn.say_builtin("language")
    elif name == "goodbye":
        turn.commands.append(LeaveQueue("goodbye"))
        _goodbye(turn)
    elif name == "start_over" and state.frames:
        _leave_queue(turn, name)
        _start_over(turn)
    elif name == "back" and state.frames:
        _back_in_queue(turn)


def _leave_queue(turn: Turn, why: str) -> None:
    turn.commands.append(LeaveQueue(why))
    turn.state.handover, turn.state.phase = None, "running"


def _back_in_queue(turn: Turn) -> None:
    """To the question from which the caller came here. A flow that asked none would only hand over again: he keeps his
    place, and is told it."""
    frame = turn.frame
    asked = [name for name in frame.history if isinstance(turn.flow.steps.get(name), RouteStep)]
    if isinstance(turn.step, AskStep | RouteStep):
        asked.append(turn.step.id)
    if asked:
        _leave_queue(turn, "back")
        go_to(turn, asked[-1])
    else:
        handover.tell_place(turn)


def _own_in_queue(turn: Turn, name: str) -> None:
    """Another queue, a flow, or only a word: then the caller keeps his place."""
    found, waiting = find(turn, f"command.{name}"), turn.state.handover
    target = found[1][0].handover if found else None
    if target and waiting and (target.queue, target.reason) == (waiting.queue, waiting.reason):
        turn.decide("11 command: he waits for that already", queue=target.queue)
        return
    if _leads_away(turn, name):
        _leave_queue(turn, name)
    catch(turn, f"command.{name}", onward="none")
