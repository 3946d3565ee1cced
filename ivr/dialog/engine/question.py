"""Posing a question: which prompt, how to listen, what to expect (rule 2's input to ears and understanding)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from ivr.dialog.engine.frames import is_open
from ivr.dialog.engine.program import AskStep, PromptCode, RouteStep, SlotCode, StepCode
from ivr.dialog.engine.state import Candidate, Question
from ivr.dialog.engine.turn import Turn
from ivr.dialog.engine.values import flow_title, resolve_range, spoken_value
from ivr.dialog.events import Expectation, JsonValue, Listen, ListenSettings, SlotExpectation

Prompts: TypeAlias = "list[tuple[PromptCode, dict[str, JsonValue]]]"

CONFIRM_KEYS = {"1": "yes", "2": "no"}
_KEY_LENGTHS = {"number": (1, 12), "money": (1, 12), "date": (4, 8), "time": (4, 4), "phone": (3, 15)}
_NOT_TYPED = frozenset({"yes_no", "choice", "text"})
"""By a key of their own, or not by keys at all."""
_MENU_KEYS = "123456789"


def open_question(turn: Turn) -> Question:
    question = turn.frame.question
    assert question is not None, "no question is open"
    return question


def pose(turn: Turn, kind: str = "ask") -> None:
    """Say the open question's prompt (`ask`, `retry`, `help`, `invalid`; empty = nothing) and listen."""
    question = open_question(turn)
    step = turn.flow.steps[question.step]
    settings = settings_of(turn, step, question)
    said = [
        turn.say(prompt, extra, barge_in=settings.barge_in) for prompt, extra in _prompts(turn, step, question, kind)
    ]
    if said:
        turn.state.last_prompts = said
    listen(turn, settings, expectation_of(turn, step, question))


def listen(turn: Turn, settings: ListenSettings, expectation: Expectation) -> None:
    turn.state.phase = "listening"
    turn.commands.append(Listen(settings, expectation))


def say_again(turn: Turn, rate: float) -> None:
    """`repeat`, `slower`: the last prompts once more, then listen."""
    for said in turn.state.last_prompts:
        turn.repeat(said, rate)
    pose(turn, "")


# ------------------------------------------------------------------------------------------------------- what is said


def _prompts(turn: Turn, step: StepCode, question: Question, kind: str) -> Prompts:
    if not kind and not question.menu:
        return []
    if question.mode in ("confirm", "choose", "guess"):
        return _closed_prompts(turn, step, question, kind)
    if question.menu:
        return [*_open_prompts(turn, step, question, kind), *_menu_prompts(turn, step, question)]
    return _open_prompts(turn, step, question, kind)


def _open_prompts(turn: Turn, step: StepCode, question: Question, kind: str) -> Prompts:
    if not kind:
        return []
    extra = _extra(turn, step, question)
    own = _own_prompts(turn, step, question)
    if question.mode == "more" and kind == "ask":
        return [(own.get("more") or turn.program.prompts["more"], extra)]
    ask = own.get("ask") or turn.program.prompts["ask_route"]
    builtin = turn.program.prompts
    if kind == "ask":
        return [(ask, extra)]
    if kind == "help":
        helps = own.get("help") or (builtin["help_route"] if question.mode == "route" else own.get("retry") or ask)
        return [(helps, extra)]
    if kind == "invalid":
        return [(own["invalid"], extra)] if "invalid" in own else [(builtin["invalid"], extra), (ask, extra)]
    return [(own["retry"], extra)] if "retry" in own else [(builtin["retry"], extra), (ask, extra)]


def _own_prompts(turn: Turn, step: StepCode, question: Question) -> Mapping[str, PromptCode]:
    if isinstance(step, RouteStep):
        return step.prompts
    return turn.slot_code(question.asked).prompts if question.asked else {}


def _closed_prompts(turn: Turn, step: StepCode, question: Question, kind: str) -> Prompts:
    """Yes/no and A-or-B questions: asked again they stay the same, with a word of help before or after."""
    extra = _extra(turn, step, question)
    prompt = _closed_prompt(turn, step, question)
    builtin = turn.program.prompts
    if kind == "ask":
        return [(prompt, extra)]
    if kind == "help":
        helps = builtin["choose_help" if question.mode == "choose" else "confirm_help"]
        return [(prompt, extra), (helps, extra)]
    return [(builtin["invalid" if kind == "invalid" else "retry"], extra), (prompt, extra)]


def _closed_prompt(turn: Turn, step: StepCode, question: Question) -> PromptCode:
    builtin = turn.program.prompts
    own = _own_prompts(turn, step, question)
    if question.mode == "guess":
        return own.get("guess") or builtin["guess"]
    if question.mode == "choose":
        return own.get("choose") or builtin["choose"]
    if question.subject == "form":
        assert isinstance(step, AskStep)
        return step.confirm_prompt or builtin["confirm_value"]
    if question.subject in ("which", "leave"):
        return builtin[question.subject]
    fallback = "confirm_intent" if question.subject == "intent" else "confirm_value"
    return own.get("confirm") or builtin[fallback]


def _extra(turn: Turn, step: StepCode, question: Question) -> dict[str, JsonValue]:
    """The names a question's prompts may read beside slots and values."""
    extra: dict[str, JsonValue] = {}
    if isinstance(step, RouteStep):
        extra["titles"] = [flow_title(turn, flow) for flow in route_intents(turn, step)]
    titles = [candidate_title(turn, candidate) for candidate in question.candidates]
    if question.mode == "choose" and len(titles) > 1:
        extra["a"], extra["b"] = titles[0], " / ".join(titles[1:])
    elif question.candidates:
        first = question.candidates[0]
        extra["title"] = extra["value"] = titles[0]
        extra["guess"] = {"title": titles[0], "intent": first.value, "p": first.p}
        if first.slot:
            extra[first.slot] = first.value
            if turn.is_sensitive(first.slot):
                extra["sensitive"] = True
    return extra


def candidate_title(turn: Turn, candidate: Candidate) -> str:
    if candidate.slot:
        return spoken_value(turn, turn.slot_code(candidate.slot), candidate.value)
    return flow_title(turn, str(candidate.value))


def _menu_prompts(turn: Turn, step: StepCode, question: Question) -> Prompts:
    builtin = turn.program.prompts
    prompts: Prompts = []
    for key, meaning in menu_keys(turn, step, question).items():
        title = flow_title(turn, meaning) if isinstance(step, RouteStep) else _option_title(turn, question, meaning)
        situation = "menu_intent" if isinstance(step, RouteStep) else "menu_option"
        prompts.append((builtin[situation], {"title": title, "key": key}))
    agent = next((key for key, name in turn.program.command_keys.items() if name == "agent"), "")
    if agent:
        prompts.append((builtin["menu_agent"], {"key": agent}))
    return prompts


def _option_title(turn: Turn, question: Question, meaning: str) -> str:
    slot = turn.slot_code(question.asked)
    option = next((option for option in slot.options if str(option.value) == meaning), None)
    return spoken_value(turn, slot, option.value) if option else meaning


# ------------------------------------------------------------------------------------------------------ how to listen


def settings_of(turn: Turn, step: StepCode, question: Question | None) -> ListenSettings:
    """Built-in < hotline < flow < slot < step < rung, key by key."""
    merged: dict[str, Any] = {**turn.program.listen, **turn.flow.listen}
    if question and question.asked:
        merged.update(turn.slot_code(question.asked).listen)
    merged.update(step.listen)
    if question:
        merged.update(question.listen)
    tuples = {key: tuple(value) for key, value in merged.items() if isinstance(value, list | tuple)}
    return ListenSettings(**{**merged, **tuples})


# ---------------------------------------------------------------------------------------------------- what to expect


def expectation_of(turn: Turn, step: StepCode, question: Question) -> Expectation:
    asked = turn.slot_code(question.asked) if question.asked else None
    keys, length = _keys(turn, step, question, asked)
    return Expectation(
        step=turn.label(),
        mode=question.mode,
        language=turn.state.language,
        flow=turn.frame.flow,
        asked=question.asked,
        slots=tuple(_slots(turn, step, question)),
        intents=_intents(turn, step, question),
        choices=tuple(str(candidate.value) for candidate in question.candidates) if question.mode == "choose" else (),
        keys={**turn.program.command_keys, **keys},
        key_length=length or ((1, 1) if turn.program.command_keys else None),
        now=turn.now().isoformat(),
        languages=_languages(turn),
        phrases=_phrases(turn, question, asked),
        open=question.mode in ("route", "more") or bool(asked and asked.type == "text"),
    )


def _phrases(turn: Turn, question: Question, asked: SlotCode | None) -> tuple[str, ...]:
    """Ways to say what is offered, in the language of the turn."""
    if question.mode == "choose":
        return tuple(candidate_title(turn, candidate) for candidate in question.candidates)
    if asked is None or asked.type != "choice":
        return ()
    language = turn.state.language
    return tuple(phrase for option in asked.options for phrase in option.ways.get(language, ()))


def _languages(turn: Turn) -> tuple[str, ...]:
    """What the recogniser must tell apart: the hotline's languages until the caller's own is known."""
    rule, languages = turn.program.detect_language, turn.program.languages
    unknown = rule == "always" or (rule == "first_turn" and turn.state.turns == 0)
    return tuple(languages) if unknown and len(languages) > 1 else ()


def command_expectation(turn: Turn) -> Expectation:
    """While the backend or a human is waited for: only commands count."""
    return Expectation(
        step=turn.label(),
        mode="command",
        language=turn.state.language,
        flow=turn.frame.flow if turn.state.frames else "",
        intents=(),
        keys=dict(turn.program.command_keys),
        key_length=(1, 1) if turn.program.command_keys else None,
        now=turn.now().isoformat(),
    )


def form_slots(step: StepCode) -> tuple[str, ...]:
    return step.slots if isinstance(step, AskStep) else ()


def _slots(turn: Turn, step: StepCode, question: Question) -> list[SlotExpectation]:
    """The asked slot, the rest of the form, then what was filled before and may be corrected."""
    names = dict.fromkeys(([question.asked] if question.asked else []) + list(form_slots(step)))
    if not turn.frame.committed:
        names.update(dict.fromkeys(name for name in turn.flow.slots if name in turn.frame.slots))
    return [_slot_expectation(turn, turn.slot_code(name)) for name in names]


def form_of(turn: Turn) -> tuple[SlotExpectation, ...]:
    """All slots of the flow on top, whatever is asked for now."""
    return tuple(_slot_expectation(turn, slot) for slot in turn.flow.slots.values())


def _slot_expectation(turn: Turn, slot: SlotCode) -> SlotExpectation:
    settings: dict[str, JsonValue] = {}
    bounds = resolve_range(slot, turn.now().date())
    if bounds:
        settings["range"] = bounds
    if slot.type == "money":
        settings["currency"] = slot.currency or turn.program.currency
    return SlotExpectation(
        name=slot.name,
        type=slot.type,
        length=slot.length,
        options=tuple(str(option.value) for option in slot.options),
        filled=turn.slot_value(slot.name) is not None,
        settings=settings,
        sensitive=slot.sensitive,
    )


def route_intents(turn: Turn, step: RouteStep) -> list[str]:
    """Flows an open question may lead to, in file order."""
    names = step.intents if step.intents is not None else turn.program.triggers
    off = turn.state.overlay.get("off", [])
    return [name for name in names if not (isinstance(off, list) and name in off)]


def _intents(turn: Turn, step: StepCode, question: Question) -> tuple[str, ...] | None:
    if isinstance(step, RouteStep):
        return step.intents
    return tuple(
        name
        for name in turn.program.triggers
        if (trigger := turn.program.flows[name].trigger) and trigger.anywhere and name != turn.frame.flow
    )


def _keys(
    turn: Turn, step: StepCode, question: Question, asked: SlotCode | None
) -> tuple[dict[str, str], tuple[int, int] | None]:
    if question.mode in ("confirm", "guess", "choose"):
        return _closed_keys(question), (1, _longest_number(turn, step, question))
    if isinstance(step, RouteStep):
        keys = menu_keys(turn, step, question) if question.menu else _trigger_keys(turn, step)
        return keys, ((1, 1) if keys else None)
    assert asked is not None
    if asked.type == "yes_no":
        return dict(zip(asked.keys or tuple(CONFIRM_KEYS), ("yes", "no"), strict=False)), (1, 1)
    if asked.type == "choice":
        keys = menu_keys(turn, step, question)
        return keys, (1, max(len(key) for key in keys)) if keys else None
    if asked.type == "text":
        return {}, None
    return {}, _key_length(asked)


def _closed_keys(question: Question) -> dict[str, str]:
    if question.mode == "choose":
        return {str(number): str(found.value) for number, found in enumerate(question.candidates, 1)}
    return dict(CONFIRM_KEYS)


def keyed_slots(step: StepCode, question: Question) -> tuple[str, ...]:
    """Slots whose values may be typed as numbers: the asked one; at a confirm or "A or B", those it is about."""
    if question.mode == "ask":
        return (question.asked,)
    if question.subject in ("form", "which"):
        return form_slots(step)
    return tuple(dict.fromkeys(found.slot for found in question.candidates if found.slot))


def _longest_number(turn: Turn, step: StepCode, question: Question) -> int:
    """How many keys an answer to a closed question may have: the right value may be typed instead of yes or no."""
    slots = [turn.slot_code(name) for name in keyed_slots(step, question)]
    return max((_key_length(slot)[1] for slot in slots if slot.type not in _NOT_TYPED), default=1)


def _key_length(slot: SlotCode) -> tuple[int, int]:
    return slot.length or _KEY_LENGTHS.get(slot.type, (1, 32))


def _trigger_keys(turn: Turn, step: RouteStep) -> dict[str, str]:
    keys = {}
    for name in route_intents(turn, step):
        trigger = turn.program.flows[name].trigger
        if trigger and trigger.key:
            keys[trigger.key] = name
    return keys


def menu_keys(turn: Turn, step: StepCode, question: Question) -> dict[str, str]:
    """Key -> flow or option: the designer's `dtmf` first, the rest in file order (rule 9)."""
    if isinstance(step, RouteStep):
        keys = _trigger_keys(turn, step)
        rest = [name for name in route_intents(turn, step) if name not in keys.values() and _rolled_out(turn, name)]
    else:
        options = turn.slot_code(question.asked).options
        keys = {option.key: str(option.value) for option in options if option.key}
        rest = [str(option.value) for option in options if not option.key]
    free = [key for key in _MENU_KEYS if key not in keys and key not in turn.program.command_keys]
    keys.update(zip(free, rest, strict=False))
    return dict(sorted(keys.items()))


def _rolled_out(turn: Turn, name: str) -> bool:
    return is_open(turn, turn.program.flows[name])
