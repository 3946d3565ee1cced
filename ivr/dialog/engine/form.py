"""`ask` and `route` from the inside: what is asked next, filling (7), correcting (8), entering flows (10)."""

from __future__ import annotations

from collections.abc import Sequence

from ivr.dialog.engine import carry, frames
from ivr.dialog.engine.ladder import catch, fail, find
from ivr.dialog.engine.program import AskStep, CallStep, ConfirmPolicy, RouteStep, SlotCode
from ivr.dialog.engine.question import form_slots, open_question, pose, route_intents
from ivr.dialog.engine.state import Candidate, Question, SlotValue
from ivr.dialog.engine.turn import Raised, Turn
from ivr.dialog.engine.values import error_of, spoken_value

# --------------------------------------------------------------------------------------------------------------- ask


def continue_ask(turn: Turn, step: AskStep) -> None:
    """Ask for the first empty slot; all filled: read the form back, or go on."""
    frame = turn.frame
    old = frame.question
    _take_carried(turn, step)
    for name in step.slots:
        if turn.slot_value(name) is None:
            _ask_slot(turn, step, name, old)
            return
    if step.confirm_prompt and not all(_confirmed(turn, name) for name in step.slots):
        frame.question = Question(step.id, "confirm", subject="form", failures=0)
        turn.decide("6 band: confirm the form", step.source)
        pose(turn)
        return
    frames.leave(turn)


def _take_carried(turn: Turn, step: AskStep) -> None:
    carry.take(turn, [step])
    names = carry.to_repeat(turn, step)
    values = [(turn.slot_code(name), turn.slot_value(name)) for name in names]
    spoken = [spoken_value(turn, slot, value.value) for slot, value in values if value]
    _echo(turn, spoken, hidden=any(slot.sensitive for slot, _ in values))


def _echo(turn: Turn, spoken: Sequence[str], *, hidden: bool) -> None:
    """Implicit confirmation: the values, said back in passing."""
    if spoken:
        turn.say_builtin("implicit", {"value": ", ".join(spoken), **({"sensitive": True} if hidden else {})})


def _confirmed(turn: Turn, name: str) -> bool:
    value = turn.slot_value(name)
    return value is not None and value.confirmed


def _ask_slot(turn: Turn, step: AskStep, name: str, old: Question | None) -> None:
    """A new visit has a new failure count; going on in the same form after a success starts at 0 too."""
    slot = turn.slot_code(name)
    rejected = old.rejected if old and old.asked == name else []
    question = Question(step.id, "ask", asked=name, rejected=rejected)
    if slot.default is not None:
        value = turn.evaluate(slot.default)
        if value not in (None, "") and value not in rejected and not error_of(turn, slot, value):
            if policy(turn, step, slot) == "never":
                turn.put_slot(name, SlotValue(value, 1.0, heard_at_ms=turn.state.now_ms))
                continue_ask(turn, step)
                return
            question.candidates = [Candidate(value, 1.0, name)]
            question.mode, question.subject, question.offered = "confirm", "slot", True
            turn.decide("6 band: confirm the default", slot.source, slot=name)
    turn.frame.question = question
    pose(turn)


def policy(turn: Turn, step: AskStep | RouteStep | None, slot: SlotCode) -> ConfirmPolicy:
    """The step's `confirm` before the slot's."""
    return (step.confirm if isinstance(step, AskStep) else None) or slot.confirm


def fill(turn: Turn, candidates: Sequence[Candidate], *, confirmed: bool = False) -> None:
    """Rule 7: take all values of one turn. The first invalid one of them, if it was asked for, is a failure."""
    question = open_question(turn)
    step = turn.flow.steps[question.step]
    invalid = ""
    spoken: list[str] = []
    hidden = False
    for candidate in candidates:
        slot = turn.slot_code(candidate.slot)
        error = error_of(turn, slot, candidate.value)
        if error:
            turn.decide(
                f"7 fill: invalid {error}", slot.source, slot=slot.name, value=turn.shown(slot.name, candidate.value)
            )
            invalid = invalid or slot.name
            continue
        _take(turn, slot, candidate, confirmed)
        if isinstance(step, AskStep) and policy(turn, step, slot) == "implicit" and not confirmed:
            spoken.append(spoken_value(turn, slot, candidate.value))
            hidden = hidden or slot.sensitive
    if invalid and (invalid == question.asked or len(candidates) == 1):
        question.mode, question.candidates = "ask", []
        fail(turn, "invalid")
        return
    _echo(turn, spoken, hidden=hidden)
    question.failures = 0
    frames.go_to(turn, question.step)


def _take(turn: Turn, slot: SlotCode, candidate: Candidate, confirmed: bool) -> None:
    value = SlotValue(candidate.value, candidate.p, confirmed, candidate.alternatives, turn.state.now_ms)
    turn.put_slot(slot.name, value)
    turn.decide("7 fill", slot.source, slot=slot.name, value=turn.shown(slot.name, candidate.value), p=candidate.p)


# ----------------------------------------------------------------------------------------------------------- correct


def correct(turn: Turn, candidates: Sequence[Candidate]) -> None:
    """Rule 8: new values for filled slots, until a `commit` call has left."""
    frame, question = turn.frame, open_question(turn)
    if frame.committed:
        turn.decide("8 correct: too late")
        turn.say_builtin("too_late")
        pose(turn)
        return
    changed: list[str] = []
    for candidate in candidates:
        slot = turn.slot_code(candidate.slot)
        error = error_of(turn, slot, candidate.value)
        if error:
            turn.decide(f"8 correct: invalid {error}", slot.source, slot=slot.name)
            fail(turn, "invalid")
            return
        before = turn.slot_value(slot.name)
        turn.put_slot(
            slot.name, SlotValue(candidate.value, candidate.p, False, candidate.alternatives, turn.state.now_ms)
        )
        turn.decide(
            "8 correct", slot.source, slot=slot.name, value=turn.shown(slot.name, candidate.value), p=candidate.p,
            before=turn.shown(slot.name, before.value if before else None),
        )  # fmt: skip
        changed.append(slot.name)
    question.failures = 0
    if find(turn, "correction"):
        catch(turn, "correction", onward="none")
        if turn.state.phase == "running":
            return
    _rewind(turn, question, changed)


def _rewind(turn: Turn, question: Question, changed: list[str]) -> None:
    """Back to the first step that what was corrected touches: a form that reads it back, a call made with it. Saved
    results from there on are dropped, to be fetched again."""
    frame, flow = turn.frame, turn.flow
    if question.mode == "confirm" and question.subject in ("form", "which"):
        frames.go_to(turn, question.step)
        return
    for position, name in enumerate(frame.history):
        step = flow.steps.get(name)
        confirms = isinstance(step, AskStep) and step.confirm_prompt and set(step.slots) & set(changed)
        if name == question.step or not (confirms or set(frame.reads.get(name, [])) & set(changed)):
            continue
        for later in frame.history[position:]:
            code = flow.steps.get(later)
            for saved in code.save if isinstance(code, CallStep) else ():
                turn.state.values.pop(saved, None)
        frame.history = frame.history[:position]
        turn.decide("8 correct: go back", flow.steps[name].source, to=name)
        frames.go_to(turn, name)
        return
    first = turn.slot_code(changed[0])
    value = turn.slot_value(first.name)
    turn.say_builtin("corrected", {"value": spoken_value(turn, first, value.value if value else None)})
    frames.go_to(turn, question.step)


def ask_which(turn: Turn) -> None:
    """A bare no to the form: one slot is simply asked again, of several the caller says which."""
    question = open_question(turn)
    step = turn.flow.steps[question.step]
    names = form_slots(step)
    turn.decide("8 correct: which part", step.source)
    if len(names) == 1:
        ask_again(turn, names[0])
        return
    question.mode, question.subject = "confirm", "which"
    pose(turn)


def ask_again(turn: Turn, name: str) -> None:
    """One slot of the form was wrong: it is emptied and asked for."""
    refused = turn.slot_value(name)
    turn.put_slot(name, None)
    turn.frame.question = Question(open_question(turn).step, "ask", asked=name)
    if refused:
        turn.frame.question.rejected.append(refused.value)
    pose(turn, "retry")


def form_confirmed(turn: Turn) -> None:
    question = open_question(turn)
    for name in form_slots(turn.flow.steps[question.step]):
        value = turn.slot_value(name)
        if value:
            turn.put_slot(name, SlotValue(value.value, value.p, True, value.alternatives, value.heard_at_ms))
    turn.decide("5 pick: the form is right")
    frames.go_to(turn, question.step)


# ------------------------------------------------------------------------------------------------------------- route


def continue_route(turn: Turn, step: RouteStep) -> None:
    """The guesses first, then the open question."""
    turn.frame.question = Question(step.id, "route")
    offer_guess(turn, step)


def offer_guess(turn: Turn, step: RouteStep, kind: str = "ask") -> None:
    """The next guess that is likely enough and was not refused; none left: the open question."""
    question = open_question(turn)
    guesses = [] if question.guesses >= step.guess_max else _guesses(turn, step)
    best = next((guess for guess in guesses if guess.value not in question.rejected), None)
    if best is None:
        question.mode, question.candidates = "route", []
        pose(turn, kind)
        return
    question.guesses += 1
    question.mode, question.subject, question.candidates = "guess", "intent", [best]
    turn.decide("6 band: guess", step.source, intent=best.value, p=best.p)
    pose(turn)


def _guesses(turn: Turn, step: RouteStep) -> list[Candidate]:
    """`guess.from` as candidates, best first. A record that is missing or odd gives none."""
    if step.guess is None:
        return []
    try:
        given = turn.evaluate(step.guess)
    except Raised as raised:
        turn.decide("6 band: no guess", step.source, reason=raised.detail)
        return []
    known = [name for name in route_intents(turn, step) if frames.is_open(turn, turn.program.flows[name])]
    found = []
    for item in given if isinstance(given, list) else []:
        if isinstance(item, dict) and item.get("intent") in known:
            p = item.get("p", 0.0)
            if isinstance(p, int | float) and p >= step.guess_min:
                found.append(Candidate(item["intent"], float(p)))
    return sorted(found, key=lambda guess: -guess.p)


def enter(turn: Turn, flow: str, p: float) -> None:
    """Take an intent: from a route its flow is the way on, anywhere else it is a digression (rule 10)."""
    state, question = turn.state, open_question(turn)
    step = turn.flow.steps[question.step]
    code = turn.program.flows[flow]
    if not frames.is_open(turn, code):
        turn.decide("10 digress: closed flow", code.source, flow=flow)
        raise Raised("error.flow", f"{flow} is closed to this caller")
    state.topic = flow
    said = question.heard or carry.keep([], turn.heard)
    if isinstance(step, RouteStep):
        turn.decide("5 pick: intent", code.source, intent=flow, p=p)
        turn.frame.question = None
        frames.push(turn, flow, "route")
        turn.frame.said = said
        carry.enter(turn)
        return
    if _unwind_to(turn, flow):
        return
    if frames.depth(turn) >= turn.program.limits.depth:
        turn.decide("10 digress: too deep", code.source, depth=frames.depth(turn))
        catch(turn, "limit.depth", onward="ask")
        return
    turn.decide("10 digress", code.source, intent=flow, p=p)
    frames.push(turn, flow, "digression")
    turn.frame.said = said
    carry.enter(turn)


def _unwind_to(turn: Turn, flow: str) -> bool:
    """Asking for a flow that waits below ends the digressions above it."""
    state = turn.state
    positions = [index for index, frame in enumerate(state.frames[:-1]) if frame.flow == flow]
    if not positions or state.frames[positions[-1]].question is None:
        return False
    del state.frames[positions[-1] + 1 :]
    turn.decide("10 digress: back to an open flow", turn.flow.source, flow=flow)
    turn.say(turn.flow.resume or turn.program.prompts["resume"])
    pose(turn)
    return True


def ask_to_leave(turn: Turn, flow: str, p: float) -> None:
    """`interrupt`: allow, confirm or deny a digression."""
    rule = turn.flow.interrupt
    question = open_question(turn)
    free = rule == "allow" or (rule == "confirm" and turn.program.flows[flow].answers)
    if free or isinstance(turn.flow.steps[question.step], RouteStep):
        enter(turn, flow, p)
    elif rule == "deny":
        turn.decide("10 digress: denied", turn.flow.source, intent=flow)
        turn.say_builtin("deny_leave")
        pose(turn)
    else:
        turn.decide("10 digress: confirm", turn.flow.source, intent=flow, p=p)
        leaving = [Candidate(flow, p)]
        heard = carry.keep([], turn.heard)
        turn.frame.question = Question(
            question.step, "confirm", subject="leave", candidates=leaving, heard=heard, parent=question
        )
        pose(turn)


def leave_confirmed(turn: Turn) -> None:
    question = open_question(turn)
    chosen = question.candidates[0]
    turn.frame.question = question.parent
    open_question(turn).heard = question.heard
    enter(turn, str(chosen.value), chosen.p)


def stay(turn: Turn) -> None:
    """No to leaving: the question that was open is open again."""
    turn.frame.question = open_question(turn).parent
    turn.decide("10 digress: the caller stays")
    pose(turn)
