"""Rule 11: what callers may say at any time. A designer's `catch: command.X` goes first."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from ivr.dialog.engine import handover
from ivr.dialog.engine.frames import go_to
from ivr.dialog.engine.ladder import catch
from ivr.dialog.engine.program import RouteStep
from ivr.dialog.engine.question import pose, say_again
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
    frames = turn.state.frames
    if len(frames) == 1:
        pose(turn)
        return
    turn.say_builtin("back")
    left = frames.pop()
    turn.decide("11 command: back leaves the flow", flow=left.flow)
    if turn.frame.question:
        pose(turn)
    elif turn.frame.leaving or not turn.frame.step:
        go_to(turn, _last_question(turn))
    else:
        go_to(turn, turn.frame.step)


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


def command_while_acting(turn: Turn, name: str) -> None:
    """The backend is at work: only what ends the wait counts."""
    turn.decide(f"11 command: {name} while acting")
    state = turn.state
    if name not in ("agent", "goodbye"):
        return
    acting, state.acting, state.deferred = state.acting, "", None
    pending = state.pending.get(acting)
    if pending and pending.wait:
        del state.pending[acting]
    turn.commands.append(StopPrompts())
    if name == "agent":
        turn.event_detail = {"name": "command.agent"}
        catch(turn, "command.agent", onward="leave")
    else:
        _goodbye(turn)


def command_in_queue(turn: Turn, name: str) -> None:
    """The caller waits for a human: he may leave the queue."""
    turn.decide(f"11 command: {name} in the queue")
    state = turn.state
    if name == "language":
        languages = turn.program.languages
        state.language = languages[(languages.index(state.language) + 1) % len(languages)]
        turn.say_builtin("language")
    elif name == "goodbye":
        turn.commands.append(LeaveQueue("goodbye"))
        _goodbye(turn)
    elif name in ("back", "start_over") and state.frames:
        turn.commands.append(LeaveQueue(name))
        state.handover = None
        state.phase = "running"
        _start_over(turn) if name == "start_over" else go_to(turn, _last_question(turn))
