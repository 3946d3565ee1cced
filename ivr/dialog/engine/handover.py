"""Giving the call to a human (rule 14): the packet, the wait, and what comes after."""

from __future__ import annotations

import dataclasses
from typing import Any

from ivr.dialog.engine.frames import push
from ivr.dialog.engine.program import Expression, HandoverCode
from ivr.dialog.engine.question import command_expectation, listen, settings_of
from ivr.dialog.engine.state import Frame, HandoverState, SlotValue
from ivr.dialog.engine.turn import KEYED, MASK, Await, Raised, Turn
from ivr.dialog.engine.values import flow_title
from ivr.dialog.events import End, Handover, HandoverSlot, ListenSettings, QueueEvent, Say

ANNOUNCE_EVERY_MS = 30_000
"""A caller's place in the queue is told at first and when it has changed, at most this often."""


def begin(turn: Turn, code: HandoverCode, step: str) -> None:
    """Ask for a human. `step`: the handover step, empty when a handler decided. Never fails: what cannot be worked out
    is left out of the packet."""
    state = turn.state
    if state.hung_up:
        end_call(turn)
        return
    if state.lent is not None:
        give_back(turn)
        return
    status = state.queues.get(code.queue)
    if (status is None or status.open) and not any(isinstance(command, Say) for command in turn.commands):
        turn.say_builtin("transfer")
    if state.frames:
        turn.frame.question = None
    command = Handover(
        queue=code.queue,
        reason=code.reason,
        skills=tuple(_text(turn, skill, "") for skill in code.skills),
        priority=_text(turn, code.priority, "normal") if code.priority else "normal",
        max_wait_ms=code.max_wait_ms,
        music=code.music,
        summary=_summary(turn, code),
        intent=state.topic,
        language=state.language,
        slots=tuple(_slots(turn)),
        share=code.share,
        tried=tuple(f"{what} x{count}" for what, count in sorted(state.tried.items())),
        anger=state.anger,
        source=code.source,
    )
    turn.decide("14 handover", code.source, queue=code.queue, reason=code.reason, priority=command.priority)
    state.phase, state.acting = "queued", ""
    state.handover = HandoverState(code.queue, code.reason, step)
    turn.commands.append(command)
    wait_in_queue(turn, code.max_wait_ms)


def taken(turn: Turn) -> None:
    """A human has taken the call, whatever it was about to do."""
    state = turn.state
    state.acting, state.deferred, state.lent = "", None, None
    state.handover = HandoverState("", "taken_over", "")
    if state.frames:
        turn.frame.question = None
    answered(turn)


def lend(turn: Turn, flow: str) -> None:
    """The human asks the bot to run one flow with the caller ("collect the card number, then return")."""
    state = turn.state
    if flow not in turn.program.flows or state.handover is None:
        turn.decide("ignored: no such flow to lend the call to", flow=flow)
        give_back(turn)
        return
    state.lent, state.handover, state.outcome = state.handover, None, ""
    turn.decide("14 handover: lent to the bot", flow=flow)
    push(turn, flow, "lent")


def give_back(turn: Turn) -> None:
    """The flow is over, or is not wanted any longer: the caller goes back to the human, with all slots."""
    state = turn.state
    waiting = state.lent or state.handover
    assert waiting is not None
    command = Handover(
        queue=waiting.queue, reason=waiting.reason, intent=state.topic, language=state.language,
        slots=tuple(_slots(turn)), tried=tuple(f"{what} x{count}" for what, count in sorted(state.tried.items())),
        anger=state.anger,
    )  # fmt: skip
    lent = next((index for index, frame in enumerate(state.frames) if frame.kind == "lent"), len(state.frames))
    del state.frames[lent:]
    if state.frames:
        turn.frame.question = None
    state.phase, state.acting, state.deferred = "queued", "", None
    state.handover, state.lent = waiting, None
    turn.decide("14 handover: back to the human", queue=waiting.queue)
    turn.commands.append(command)


def wait_in_queue(turn: Turn, bound_ms: int = 180_000) -> None:
    """The caller may say a command while he waits; silence is no failure here."""
    step = turn.step
    base = settings_of(turn, step, None) if step is not None else ListenSettings()
    settings = dataclasses.replace(base, barge_in_type="hotword", barge_in=True, start_timeout_ms=bound_ms)
    listen(turn, settings, command_expectation(turn))
    turn.state.phase = "queued"


def _text(turn: Turn, expression: Expression, otherwise: str) -> str:
    try:
        return str(turn.evaluate(expression))
    except (Raised, Await):
        return otherwise


def _slots(turn: Turn) -> list[HandoverSlot]:
    found = [
        _slot(turn, frame, name, frame.slots[name])
        for frame in turn.state.frames
        for name in turn.program.flows[frame.flow].slots
        if name in frame.slots
    ]
    return found + [_slot(turn, None, name, value) for name, value in sorted(turn.state.slots.items())]


def _slot(turn: Turn, frame: Frame | None, name: str, slot: SlotValue) -> HandoverSlot:
    code = turn.program.slot(frame.flow, name) if frame else turn.program.slots.get(name)
    return HandoverSlot(
        name=name,
        value=slot.value,
        confidence=round(slot.p, 4),
        confirmed=slot.confirmed,
        alternatives=tuple(slot.alternatives),
        heard_at_ms=slot.heard_at_ms,
        sensitive=bool(code and code.sensitive),
    )


def _summary(turn: Turn, code: HandoverCode) -> str:
    """The designer's, else the last intent, the slots and the caller's last words."""
    if code.summary:
        try:
            return turn.written(code.summary)
        except (Raised, Await):
            turn.decide("14 handover: summary failed", code.source)
    state = turn.state
    parts = [flow_title(turn, state.topic)] if state.topic else []
    parts += [f"{slot.name}: {MASK if slot.sensitive else _written(slot.value)}" for slot in _slots(turn)]
    said = [line.removeprefix("caller: ") for line in state.transcript if line.startswith("caller: ")]
    said = [words for words in said if words != KEYED]
    return " · ".join([*parts, *(f"“{words}”" for words in said[-1:])])


def _written(value: Any) -> str:
    """Yes and no in any language."""
    return ("✓" if value else "✗") if isinstance(value, bool) else str(value)


def announce(turn: Turn, event: QueueEvent) -> None:
    """`position`: at first and when it has changed, at most every 30 s."""
    waiting = turn.state.handover
    assert waiting is not None
    first = waiting.announced_at_ms < 0
    if event.position <= 0 or event.position == waiting.position:
        return
    if not first and event.at_ms - waiting.announced_at_ms < ANNOUNCE_EVERY_MS:
        return
    waiting.position, waiting.announced_at_ms = event.position, event.at_ms
    waiting.minutes = max(1, round(event.expected_wait_s / 60))
    tell_place(turn)


def tell_place(turn: Turn) -> None:
    """Where in the queue the caller stood when it was last known; before that, that he waits."""
    waiting = turn.state.handover
    assert waiting is not None
    place, minutes = waiting.position, waiting.minutes
    situation = "queue_next" if place == 1 else "queue_position" if place > 1 else "transfer"
    turn.say_builtin(situation, {"position": place, "ahead": place - 1, "minutes": minutes})
    turn.decide("14 handover: position", position=place, minutes=minutes)
    wait_in_queue(turn)


def answered(turn: Turn) -> None:
    turn.state.phase = "bridged"
    turn.state.outcome = "handed_over"
    turn.decide("14 handover: answered")


def end_call(turn: Turn, outcome: str = "") -> None:
    """The last word: after it only a hang-up may come."""
    state = turn.state
    if outcome:
        state.outcome = outcome
    if not state.outcome:
        state.outcome = "abandoned" if state.hung_up else "resolved"
    state.phase, state.acting, state.deferred, state.handover = "ended", "", None, None
    turn.decide("15 end", outcome=state.outcome, cause=state.cause)
    turn.commands.append(End(state.outcome, state.cause))
