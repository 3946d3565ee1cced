"""Doing what was picked, for words and for keys."""

from __future__ import annotations

from collections.abc import Sequence

from ivr.dialog.engine import form
from ivr.dialog.engine.commands import run_command
from ivr.dialog.engine.keypad import fit
from ivr.dialog.engine.ladder import fail
from ivr.dialog.engine.pick import Act
from ivr.dialog.engine.program import AskStep, RouteStep
from ivr.dialog.engine.question import expectation_of, open_question, pose
from ivr.dialog.engine.state import Candidate, Question
from ivr.dialog.engine.turn import Raised, Turn
from ivr.dialog.engine.values import error_of
from ivr.dialog.events import Expectation, JsonValue, Reading


def perform(turn: Turn, act: Act) -> None:
    """Carry out an act on the open question."""
    question = open_question(turn)
    step = turn.flow.steps[question.step]
    turn.decide(act.rule, step.source, **_shown(turn, act))
    if act.kind == "command":
        run_command(turn, act.name, act.detail)
    elif act.kind == "nomatch":
        fail(turn, "nomatch")
    elif act.kind == "invalid":
        fail(turn, "invalid")
    elif act.kind == "yes":
        _yes(turn, question)
    elif act.kind == "no":
        _no(turn, question)
    elif act.kind == "named":
        form.ask_again(turn, act.name)
    elif act.kind == "intent":
        form.ask_to_leave(turn, str(act.candidates[0].value), act.candidates[0].p)
    elif act.kind == "correct":
        _correct(turn, question, act.candidates)
    elif act.kind == "fill":
        _fill(turn, question, act.candidates)
    elif act.kind == "chosen":
        _chosen(turn, act.candidates[0])
    else:
        _ask_back(turn, question, act)


def _shown(turn: Turn, act: Act) -> dict[str, JsonValue]:
    detail = dict(act.detail)
    if act.candidates:
        detail["picked"] = [
            {
                "value": turn.shown(found.slot, found.value) if found.slot else found.value,
                "p": found.p,
                "slot": found.slot,
            }
            for found in act.candidates
        ]
    if act.name:
        detail["name"] = act.name
    return detail


def _ask_back(turn: Turn, question: Question, act: Act) -> None:
    """confirm, choose, more."""
    about_slot = bool(act.candidates[0].slot)
    question.candidates = list(act.candidates)
    question.subject = "slot" if about_slot else "intent"
    question.mode = {"confirm": "confirm", "choose": "choose"}.get(act.kind, "more")  # type: ignore[assignment]
    pose(turn)


def _yes(turn: Turn, question: Question) -> None:
    if question.subject == "form":
        form.form_confirmed(turn)
    elif question.subject == "which":
        pose(turn)
    elif question.subject == "leave":
        form.leave_confirmed(turn)
    elif question.subject == "intent":
        chosen = question.candidates[0]
        form.enter(turn, str(chosen.value), chosen.p)
    else:
        _accept_value(turn, question, question.candidates)


def _accept_value(turn: Turn, question: Question, candidates: Sequence[Candidate]) -> None:
    """The caller has said yes to a value. One that replaces another is a correction."""
    if any(turn.slot_value(candidate.slot) for candidate in candidates):
        question.mode, question.candidates = "ask", []
        form.correct(turn, candidates)
    else:
        form.fill(turn, candidates, confirmed=True)


def _no(turn: Turn, question: Question) -> None:
    step = turn.flow.steps[question.step]
    question.rejected.extend(candidate.value for candidate in question.candidates if question.subject != "leave")
    if question.subject == "form":
        form.ask_which(turn)
    elif question.subject == "which":
        fail(turn, "nomatch")
    elif question.subject == "leave":
        form.stay(turn)
    elif question.mode == "guess" and isinstance(step, RouteStep):
        form.offer_guess(turn, step)
    else:
        question.mode = "route" if isinstance(step, RouteStep) else "ask"
        question.candidates = []
        again = question.mode == "ask" and not question.offered
        question.offered = False
        pose(turn, "retry" if again else "ask")


def _chosen(turn: Turn, candidate: Candidate) -> None:
    if candidate.slot:
        form.fill(turn, [candidate], confirmed=True)
    else:
        form.enter(turn, str(candidate.value), candidate.p)


def _fill(turn: Turn, question: Question, candidates: Sequence[Candidate]) -> None:
    """`confirm: always` asks back even what is sure; one value at a time."""
    step = turn.flow.steps[question.step]
    assert isinstance(step, AskStep)
    strict = [
        found
        for found in candidates
        if form.policy(turn, step, turn.slot_code(found.slot)) == "always"
        and turn.slot_code(found.slot).type != "yes_no"
    ]
    rest = [found for found in candidates if found not in strict]
    if not strict:
        form.fill(turn, rest)
        return
    if rest:
        form.fill(turn, rest)
        if turn.state.phase != "running":
            return
    first = strict[0]
    question.asked = first.slot
    question.mode, question.subject, question.candidates = "confirm", "slot", [first]
    turn.frame.question = question
    turn.decide("6 band: confirm always", turn.slot_code(first.slot).source, slot=first.slot)
    pose(turn)


def _correct(turn: Turn, question: Question, candidates: Sequence[Candidate]) -> None:
    """Inside the confirm of one slot the new value takes the place of the one read back."""
    filled = [found for found in candidates if turn.slot_value(found.slot)]
    if filled:
        if question.subject == "slot" and question.mode == "confirm":
            question.mode, question.candidates = "ask", []
        form.correct(turn, filled)
        return
    question.mode, question.candidates = "ask", []
    _fill(turn, question, candidates)


# --------------------------------------------------------------------------------------------------------------- keys


def press(turn: Turn, digits: str, key_readings: Sequence[Reading]) -> None:
    """Keys are sure (p = 1): a meaning of the open question first, then a command, then digits as the slot's value."""
    question = open_question(turn)
    step = turn.flow.steps[question.step]
    expectation = expectation_of(turn, step, question)
    meaning = expectation.keys.get(digits)
    command = turn.program.command_keys.get(digits)
    if meaning is None and (rest := _split_type_ahead(expectation, digits)):
        turn.state.typeahead = rest
        digits = digits[: -len(rest)]
        meaning, command = expectation.keys[digits], turn.program.command_keys.get(digits)
    if meaning is None or (command == meaning and _is_value(key_readings, question)):
        _press_value(turn, question, key_readings)
    elif command == meaning:
        perform(turn, Act("command", "5 pick: command key", name=meaning))
    else:
        _press_meaning(turn, question, meaning)


def _is_value(key_readings: Sequence[Reading], question: Question) -> bool:
    """`0` is a number where a number is asked for."""
    return any(reading.slot == question.asked and not reading.detail.get("error") for reading in key_readings)


def _split_type_ahead(expectation: Expectation, digits: str) -> str:
    """Keys behind an answer that is known by its first key belong to the next question."""
    if not expectation.keys or len(digits) < 2:
        return ""
    longest = max(len(key) for key in expectation.keys)
    for length in range(min(longest, len(digits) - 1), 0, -1):
        meaning = expectation.keys.get(digits[:length])
        if meaning is not None and expectation.key_length is not None and expectation.key_length[1] <= longest:
            return digits[length:]
    return ""


def _press_value(turn: Turn, question: Question, key_readings: Sequence[Reading]) -> None:
    if question.mode != "ask":
        _press_instead(turn, question, key_readings)
        return
    mine = [reading for reading in key_readings if reading.slot == question.asked]
    good = next((reading for reading in mine if not reading.detail.get("error")), None)
    if good:
        slot = turn.slot_code(good.slot)
        turn.decide("5 pick: keys", slot.source, slot=slot.name, value=turn.shown(slot.name, good.value))
        _fill(turn, question, [Candidate(good.value, 1.0, good.slot)])
    else:
        fail(turn, "invalid" if mine else "nomatch")


def _press_instead(turn: Turn, question: Question, key_readings: Sequence[Reading]) -> None:
    """The right value is typed where a yes or no was asked for. Of a form read back it is known by its shape which slot
    is meant; where that fits two, the caller is asked."""
    good = [found for found in key_readings if not found.detail.get("error") and not _wrong(turn, found)]
    best = max((fit(turn.slot_code(found.slot), found.text) for found in good), default=0)
    meant = [found for found in good if fit(turn.slot_code(found.slot), found.text) == best]
    if len(meant) > 1 and question.subject == "form":
        form.ask_which(turn)
    elif len(meant) != 1:
        fail(turn, "invalid" if key_readings and not good else "nomatch")
    elif any((found.slot, found.value) == (meant[0].slot, meant[0].value) for found in question.candidates):
        turn.decide("5 pick: keys", turn.slot_code(meant[0].slot).source, slot=meant[0].slot)
        _accept_value(turn, question, [Candidate(meant[0].value, 1.0, meant[0].slot)])
    else:
        turn.decide("5 pick: keys instead of an answer", turn.slot_code(meant[0].slot).source, slot=meant[0].slot)
        _correct(turn, question, [Candidate(meant[0].value, 1.0, meant[0].slot)])


def _wrong(turn: Turn, reading: Reading) -> bool:
    return bool(error_of(turn, turn.slot_code(reading.slot), reading.value))


def _press_meaning(turn: Turn, question: Question, meaning: str) -> None:
    turn.decide("5 pick: key", turn.flow.steps[question.step].source, meaning=meaning)
    if question.mode in ("confirm", "guess"):
        _yes(turn, question) if meaning == "yes" else _no(turn, question)
    elif question.mode == "choose":
        _chosen(turn, next(found for found in question.candidates if str(found.value) == meaning))
    elif isinstance(turn.flow.steps[question.step], RouteStep):
        form.enter(turn, meaning, 1.0)
    else:
        slot = turn.slot_code(question.asked)
        value: JsonValue = meaning == "yes" if slot.type == "yes_no" else _option_value(turn, slot.name, meaning)
        form.fill(turn, [Candidate(value, 1.0, slot.name)], confirmed=True)


def _option_value(turn: Turn, slot: str, meaning: str) -> JsonValue:
    for option in turn.slot_code(slot).options:
        if str(option.value) == meaning:
            return option.value
    raise Raised("error.data", f"no option {meaning}")
