"""Moving on the stack of flows."""

from __future__ import annotations

import hashlib

from ivr.dialog.engine.program import EndCode, FlowCode
from ivr.dialog.engine.state import Frame, FrameKind
from ivr.dialog.engine.turn import Raised, Turn
from ivr.dialog.events import JsonValue

MAX_FRAMES = 32
"""Flows inside each other. The lint finds recursion (E10); this is the wall behind it."""


def push(turn: Turn, flow: str, kind: FrameKind, args: dict[str, JsonValue] | None = None) -> None:
    """Enter a flow; the dialog runs on there."""
    if len(turn.state.frames) >= MAX_FRAMES:
        raise Raised("error.loop", f"more than {MAX_FRAMES} flows inside each other")
    code = turn.program.flows[flow]
    turn.state.frames.append(Frame(flow, kind, code.first, args=dict(args or {})))
    turn.state.phase = "running"


def go_to(turn: Turn, step: str) -> None:
    """Go on at a step of the top frame; empty = the flow ends."""
    frame = turn.frame
    frame.step, frame.question, frame.leaving = step, None, False
    turn.state.phase = "running"


def leave(turn: Turn) -> None:
    """The step is done: its `next` comes now."""
    turn.frame.question = None
    turn.frame.leaving = True
    turn.state.phase = "running"


def end_flow(turn: Turn, end: EndCode, source: str) -> None:
    """`end`: the flow is over. The outcome of a digression does not count (rule 15)."""
    state = turn.state
    digressed = any(frame.kind == "digression" for frame in state.frames)
    if end.outcome and not digressed:
        state.outcome, state.cause = end.outcome, end.cause
    turn.decide("15 return: end", source, outcome=end.outcome, cause=end.cause, counts=not digressed)
    go_to(turn, "")


def is_open(turn: Turn, flow: FlowCode) -> bool:
    """Not switched off by the ops overlay, and rolled out to the person on the line (a hash of the number, so it stays
    so)."""
    off = turn.state.overlay.get("off", [])
    if isinstance(off, list) and flow.id in off:
        return False
    if flow.rollout >= 1.0 or turn.state.overlay.get("rollout") == "open":
        return True
    call = turn.state.call
    number = call.called if call.direction == "outbound" else call.caller
    digest = hashlib.sha256(f"{flow.id}/{number}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 < flow.rollout


def depth(turn: Turn) -> int:
    return sum(frame.kind == "digression" for frame in turn.state.frames)


def stands_in(turn: Turn, flow: str) -> bool:
    return any(frame.flow == flow for frame in turn.state.frames)
