"""Rules 4 to 6: from readings to the one thing the dialog does next. Changes nothing.

    command > anger > answer to the open confirm or choose > fill of the asked slot > fill of another slot of the form
    > correction of a filled slot > intent (digression) > `more` > nomatch

The order decides among readings that are sure (p >= accept). When none is, the likeliest of those between `confirm` and
`accept` is asked back. An answer to a yes/no question is never asked back itself: it is taken from the middle of the
band on, below that the question is put again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ivr.dialog.engine.carry import answers_flow
from ivr.dialog.engine.naming import named_slot
from ivr.dialog.engine.program import AskStep, RouteStep
from ivr.dialog.engine.question import form_slots, open_question
from ivr.dialog.engine.state import Candidate, Question
from ivr.dialog.engine.turn import Turn
from ivr.dialog.events import Expectation, JsonValue, Reading, Understood
from ivr.dialog.text.unknowing import knows_not

UNEXPECTED = 0.5
"""Weight of readings the open question does not expect (rule 4)."""

SET_SIZE = 0.9
"""Probability that a candidate set has to cover to be offered as A or B."""

OUT_OF_SCOPE = 0.2
"""Below this probability that any intent was meant, none is asked back, however near the nearest is."""

ActKind: TypeAlias = Literal[
    "command",
    "yes",
    "no",
    "chosen",
    "fill",
    "correct",
    "intent",
    "confirm",
    "choose",
    "more",
    "invalid",
    "nomatch",
    "named",
]


@dataclass(frozen=True, slots=True)
class Act:
    kind: ActKind
    rule: str
    candidates: tuple[Candidate, ...] = ()
    name: str = ""
    """command: which; invalid, named: which slot."""
    detail: dict[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bands:
    accept: float
    confirm: float
    choices: int

    @property
    def middle(self) -> float:
        return (self.accept + self.confirm) / 2


def bands(turn: Turn) -> Bands:
    """The hotline's thresholds, shifted by the ops overlay."""
    shift = turn.state.overlay.get("threshold_shift", 0.0)
    shift = shift if isinstance(shift, int | float) else 0.0
    program = turn.program
    accept = min(0.99, max(0.05, program.accept + shift))
    return Bands(accept, min(accept, max(0.01, program.confirm + shift)), program.choices)


def weigh(turn: Turn, understood: Understood, expectation: Expectation) -> list[Reading]:
    """Rule 4: what the open question does not expect counts half; "I don't know" is a wish for nothing; who gives up
    says no to a question that a no answers, and leaves the flow at any other."""
    slots = {slot.name for slot in expectation.slots}
    weighed = []
    for reading in understood.readings:
        if reading.kind == "intent" and knows_not(reading.text, expectation.language):
            continue
        if reading.detail.get("gives_up") and _no_answers(turn):
            continue
        unexpected = (
            reading.kind in ("fill", "correct") and reading.slot not in slots
        ) or (
            reading.kind == "intent" and expectation.intents is not None and reading.value not in expectation.intents
        )  # fmt: skip
        if unexpected and "weighed" not in reading.detail:
            reading = dataclasses.replace(reading, p=reading.p * UNEXPECTED)
        weighed.append(reading)
    return weighed


def _no_answers(turn: Turn) -> bool:
    """The open question asks for a yes or no about a wish, or there is no flow to leave."""
    question = open_question(turn)
    asked = turn.slot_code(question.asked) if question.asked else None
    about_wish = question.mode != "ask" and question.subject in ("intent", "leave")
    wants_one = question.mode == "ask" and asked is not None and asked.type == "yes_no"
    at_route = isinstance(turn.flow.steps[question.step], RouteStep)
    return about_wish or wants_one or at_route or len(turn.state.frames) == 1


def command_of(readings: Sequence[Reading], limits: Bands) -> Act | None:
    """A command that is sure, or the likeliest thing said: asking "did you want an agent?" would only annoy."""
    best = _best(readings, "command")
    if best is None or best.p < limits.middle:
        return None
    if best.p < limits.accept and any(other.p > best.p for other in readings):
        return None
    return Act("command", "5 pick: command", name=str(best.value), detail={"p": best.p, **best.detail})


def leaves_words(turn: Turn, act: Act) -> bool:
    """True when no value was taken from what was said: the next question may find its answer there."""
    if act.kind == "fill":
        return all(turn.slot_code(found.slot).type == "yes_no" for found in act.candidates)
    return act.kind in ("yes", "no", "nomatch")


def pick(turn: Turn, readings: Sequence[Reading], understood: Understood) -> Act:
    """What the open question makes of the readings (already weighed)."""
    question, limits = open_question(turn), bands(turn)
    if question.mode in ("confirm", "guess"):
        act = _answer(turn, question, readings, limits)
        if act is None or act.kind == "no" or (act.kind == "intent" and question.subject == "which"):
            act = _named(turn, question, readings) or act  # 日期 may be near a wish; asked "which part", it is none
    elif question.mode == "choose":
        act = _chosen(turn, question, readings, limits)
    else:
        act = None
    if act is None and isinstance(turn.flow.steps[question.step], AskStep):
        act = _slots(turn, question, readings, limits)
    if act is None:
        act = _intents(turn, question, readings, understood, limits)
    return act or Act("nomatch", "5 pick: nomatch", detail={"in_scope": understood.in_scope})


# ---------------------------------------------------------------------------------------- answers to closed questions


def _answer(turn: Turn, question: Question, readings: Sequence[Reading], limits: Bands) -> Act | None:
    """yes, no, or a "no, ..." that says what is right."""
    yes, no = _p(readings, "yes"), _p(readings, "no")
    changes = _changes(turn, question, readings, limits)
    if changes and max(change.p for change in changes) > yes:
        return Act("correct", "5 pick: correction", tuple(changes), detail={"yes": yes, "no": no})
    other = _sure_intent(turn, question, readings, limits)
    if other and other.p > yes and not _is_offered(question, other):
        return Act("intent", "5 pick: intent", (other,))
    if other and _is_offered(question, other) and other.p > no:
        yes = max(yes, other.p)
    if max(yes, no) < limits.middle or yes == no:
        about = question.candidates[0].value if question.subject == "intent" and question.candidates else None
        if about is not None and max(yes, no) < limits.confirm and answers_flow(turn, str(about)):
            return Act("yes", "5 pick: answer yes, by its details")
        return None
    kind: Literal["yes", "no"] = "yes" if yes > no else "no"
    return Act(kind, f"5 pick: answer {kind}", detail={"yes": yes, "no": no})


def _named(turn: Turn, question: Question, readings: Sequence[Reading]) -> Act | None:
    """ "No, the amount": what is wrong with the form was named, not yet what is right."""
    if question.subject not in ("form", "which"):
        return None
    text = next((reading.text for reading in readings if reading.text), "")
    name = named_slot(turn, form_slots(turn.flow.steps[question.step]), text)
    return Act("named", "8 correct: part named", name=name) if name else None


def _is_offered(question: Question, candidate: Candidate) -> bool:
    return any(offered.value == candidate.value and not offered.slot for offered in question.candidates)


def _changes(turn: Turn, question: Question, readings: Sequence[Reading], limits: Bands) -> list[Candidate]:
    """Values said in answer to a confirm that differ from what it read back."""
    if question.subject not in ("slot", "form", "which"):
        return []
    offered = {candidate.slot: candidate.value for candidate in question.candidates}
    changes = []
    for found in _values(readings, ("fill", "correct"), question.asked):
        if isinstance(found.value, bool) or found.p < limits.confirm:
            continue
        current = turn.slot_value(found.slot)
        before = offered.get(found.slot, current.value if current else None)
        if found.value != before and (question.subject != "slot" or found.slot in offered or current is not None):
            changes.append(found)
    return changes


def _chosen(turn: Turn, question: Question, readings: Sequence[Reading], limits: Bands) -> Act | None:
    """The first, the second, or one of them by name."""
    best: Candidate | None = None
    for reading in readings:
        offered = _offered(question, reading)
        if offered and reading.p >= limits.middle and (best is None or reading.p > best.p):
            best = dataclasses.replace(offered, p=reading.p)
    if best:
        return Act("chosen", "5 pick: choice", (best,))
    if _p(readings, "no") >= limits.middle:
        return Act("no", "5 pick: answer no")
    return None


def _offered(question: Question, reading: Reading) -> Candidate | None:
    for number, candidate in enumerate(question.candidates):
        if reading.kind == "choose" and reading.value in (number, candidate.value, str(candidate.value)):
            return candidate
        if reading.kind == "intent" and not candidate.slot and reading.value == candidate.value:
            return candidate
        same_slot = reading.kind in ("fill", "correct") and reading.slot == candidate.slot
        if same_slot and reading.value == candidate.value:
            return candidate
    return None


# -------------------------------------------------------------------------------------------------------------- slots


def _slots(turn: Turn, question: Question, readings: Sequence[Reading], limits: Bands) -> Act | None:
    asked = turn.slot_code(question.asked) if question.asked else None
    if asked and asked.type == "yes_no":
        answer = _yes_no(asked.name, readings, limits)
        if answer:
            return answer
        readings = [reading for reading in readings if reading.slot != asked.name]  # too unsure even to be asked back
    filled = {reading.slot for reading in readings if reading.slot and turn.slot_value(reading.slot)}
    values = [
        value for value in _values(readings, ("fill", "correct"), question.asked) if not _refused(question, value)
    ]
    fills = [value for value in values if value.slot not in filled]
    changes = [
        value
        for value in _values(readings, ("correct",), question.asked)
        if value.slot in filled and not _answered_before(turn, question, value)
    ]
    if any(value.p >= _enough(turn, question, value, limits) for value in fills):
        return _fill_act(turn, question, fills, limits)
    if any(change.p >= limits.accept for change in changes):
        return Act("correct", "5 pick: correction", tuple(change for change in changes if change.p >= limits.confirm))
    if question.mode == "ask" and (both := _both_said(question, readings, limits)):
        return Act("choose", "6 band: choose, both were said", both)
    intent = _sure_intent(turn, question, readings, limits)
    if intent:
        return Act("intent", "5 pick: intent", (intent,))
    wrong = _invalid(readings, question, limits)
    return _unsure(turn, question, readings, fills, limits) or wrong


def _answered_before(turn: Turn, question: Question, value: Candidate) -> bool:
    """A bare "no" at another question takes no earlier yes back: the way that it opened has been gone."""
    here = form_slots(turn.flow.steps[question.step])
    return isinstance(value.value, bool) and value.slot not in here


def _refused(question: Question, value: Candidate) -> bool:
    return value.slot == question.asked and value.value in question.rejected and value.p < 0.99


def _yes_no(slot: str, readings: Sequence[Reading], limits: Bands) -> Act | None:
    yes = max(_p(readings, "yes"), _fill_p(readings, slot, True))
    no = max(_p(readings, "no"), _fill_p(readings, slot, False))
    if max(yes, no) < limits.middle or yes == no:
        return None
    candidate = Candidate(yes > no, max(yes, no), slot)
    return Act("fill", "5 pick: fill of the asked slot", (candidate,), detail={"yes": yes, "no": no})


def _fill_act(turn: Turn, question: Question, fills: Sequence[Candidate], limits: Bands) -> Act:
    """All values of the turn. A form that is read back at its end takes the less sure ones along."""
    step = turn.flow.steps[question.step]
    covered = isinstance(step, AskStep) and step.confirm_prompt is not None
    taken = tuple(
        value for value in fills if value.p >= (limits.confirm if covered else _enough(turn, question, value, limits))
    )
    asked = any(value.slot == question.asked for value in taken)
    return Act("fill", f"5 pick: fill of {'the asked slot' if asked else 'another slot'}", taken)


def _enough(turn: Turn, question: Question, value: Candidate, limits: Bands) -> float:
    """From which p on a value is taken; `confirm: never` takes whatever else would be asked back."""
    step = turn.flow.steps[question.step]
    rule = (step.confirm if isinstance(step, AskStep) else None) or turn.slot_code(value.slot).confirm
    return limits.confirm if rule == "never" else limits.accept


def _unsure(
    turn: Turn, question: Question, readings: Sequence[Reading], fills: Sequence[Candidate], limits: Bands
) -> Act | None:
    """Nothing is sure: A or B, or a question back."""
    if question.mode != "ask":
        return None
    rivals = [value for value in _rivals(readings, question.asked) if not _refused(question, value)]
    pair = _two_cover(rivals)
    if pair:
        return Act("choose", "6 band: choose", pair)
    likely = [value for value in fills if value.p >= limits.confirm]
    if not likely:
        return None
    step = turn.flow.steps[question.step]
    if isinstance(step, AskStep) and step.confirm_prompt:
        return Act("fill", "6 band: taken, the form is read back", tuple(likely))
    best = max(likely, key=lambda value: value.p)
    return Act("confirm", "6 band: confirm", (best,))


def _both_said(question: Question, readings: Sequence[Reading], limits: Bands) -> tuple[Candidate, ...]:
    """ "Wednesday or Thursday": the caller said both; rivals are most often two ways to hear one value."""
    pair = [value for value in _rivals(readings, question.asked) if not _refused(question, value)][:2]
    if len(pair) < 2 or not limits.confirm <= pair[0].p < limits.middle:
        return ()
    one, two = (next(r for r in readings if r.slot == question.asked and r.value == value.value) for value in pair)
    return tuple(pair) if one.text == two.text and not _overlap(one, two) else ()


def _rivals(readings: Sequence[Reading], slot: str) -> list[Candidate]:
    """Different values heard for one slot, likeliest first."""
    best: dict[str, Candidate] = {}
    for reading in readings:
        if reading.kind in ("fill", "correct") and reading.slot == slot and not reading.detail.get("error"):
            key = repr(reading.value)
            if key not in best or reading.p > best[key].p:
                best[key] = Candidate(reading.value, reading.p, slot)
    return sorted(best.values(), key=lambda value: -value.p)


def _two_cover(rivals: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The two values that together are nearly sure while neither is alone."""
    if len(rivals) < 2 or rivals[0].p >= SET_SIZE or rivals[0].p + rivals[1].p < SET_SIZE or rivals[1].p < 0.2:
        return ()
    return (rivals[0], rivals[1])


def _invalid(readings: Sequence[Reading], question: Question, limits: Bands) -> Act | None:
    for reading in readings:
        wrong = reading.kind == "fill" and reading.detail.get("error") and reading.slot == question.asked
        if wrong and reading.p >= limits.confirm:
            return Act("invalid", f"7 fill: invalid {reading.detail['error']}", name=reading.slot)
    return None


def _values(readings: Sequence[Reading], kinds: Sequence[str], asked: str) -> list[Candidate]:
    """The best value of each slot; of values read from the same words only one counts (the asked slot's first)."""
    good = [
        reading for reading in readings if reading.kind in kinds and reading.slot and not reading.detail.get("error")
    ]
    taken: list[Reading] = []
    for reading in sorted(good, key=lambda found: (found.slot != asked, -found.p)):
        if not any(reading.slot == other.slot or _overlap(reading, other) for other in taken):
            taken.append(reading)
    alternatives: dict[str, list[JsonValue]] = {}
    for reading in sorted(good, key=lambda found: -found.p):
        alternatives.setdefault(reading.slot, []).append(reading.value)
    return [
        Candidate(found.value, found.p, found.slot, [v for v in alternatives[found.slot] if v != found.value][:3])
        for found in taken
    ]


def _overlap(one: Reading, other: Reading) -> bool:
    if one.text != other.text:
        return False
    a, b = (reading.span if reading.span != (0, 0) else (0, len(reading.text)) for reading in (one, other))
    return a[0] < b[1] and b[0] < a[1]


# ------------------------------------------------------------------------------------------------------------ intents


def _sure_intent(turn: Turn, question: Question, readings: Sequence[Reading], limits: Bands) -> Candidate | None:
    best = next(iter(_ranked(turn, question, readings)), None)
    return best if best and best.p >= limits.accept else None


def _ranked(turn: Turn, question: Question, readings: Sequence[Reading]) -> list[Candidate]:
    """Intents heard, likeliest first, without those the caller has refused and the flow he is in."""
    here = "" if isinstance(turn.flow.steps[question.step], RouteStep) else turn.frame.flow
    best: dict[str, float] = {}
    for reading in readings:
        if reading.kind != "intent" or not isinstance(reading.value, str) or reading.value not in turn.program.flows:
            continue
        if reading.value != here and reading.value not in question.rejected:
            best[reading.value] = max(reading.p, best.get(reading.value, 0.0))
    return [Candidate(flow, p) for flow, p in sorted(best.items(), key=lambda item: (-item[1], item[0]))]


def _intents(
    turn: Turn, question: Question, readings: Sequence[Reading], understood: Understood, limits: Bands
) -> Act | None:
    """An open question: take, choose, confirm, ask for more (rule 6). Anywhere else only a sure intent counts."""
    ranked = _ranked(turn, question, readings)
    if ranked and ranked[0].p >= limits.accept:
        return Act("intent", "5 pick: intent", (ranked[0],))
    if not isinstance(turn.flow.steps[question.step], RouteStep) or question.mode in ("confirm", "choose"):
        return None
    by_name = {candidate.value: candidate for candidate in ranked}
    near = [by_name[name] for name in understood.candidates if name in by_name]
    if question.mode == "more" and question.candidates:
        before = {candidate.value for candidate in question.candidates}
        near = [candidate for candidate in near if candidate.value in before] or near
    in_scope = understood.in_scope >= limits.confirm
    detail: dict[str, JsonValue] = {
        "in_scope": understood.in_scope, "candidates": [[c.value, c.p] for c in near],
    }  # fmt: skip
    if len(near) == 2 and in_scope:
        return Act("choose", "6 band: choose", tuple(near), detail=detail)
    if ranked and ranked[0].p >= limits.confirm and understood.in_scope >= OUT_OF_SCOPE:
        return Act("confirm", "6 band: confirm", (ranked[0],), detail=detail)
    if len(near) >= 3 and in_scope:
        if question.mode == "more":
            return Act("choose", "6 band: choose", tuple(near[: limits.choices]), detail=detail)
        return Act("more", "6 band: more", tuple(near), detail=detail)
    return None


# ------------------------------------------------------------------------------------------------------------- lookup


def _best(readings: Iterable[Reading], kind: str) -> Reading | None:
    return max((reading for reading in readings if reading.kind == kind), key=lambda found: found.p, default=None)


def _p(readings: Iterable[Reading], kind: str) -> float:
    found = _best(readings, kind)
    return found.p if found else 0.0


def _fill_p(readings: Iterable[Reading], slot: str, value: JsonValue) -> float:
    return max((r.p for r in readings if r.kind == "fill" and r.slot == slot and r.value is value), default=0.0)
