"""What to tell an agent who talks to a caller: likely answers with their source, slots as the caller says them, and the
next best step. Pure: the hotline's own understanding reads what the caller says, and its own prompts are the texts.

    advise(bundle, state, ["my card is gone", "since yesterday"]) -> Advice

Nothing of it reaches the caller by itself. Texts are in the caller's language, sensitive slots are masked, and a prompt
that reads a value nobody knows yet is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol, TypeAlias

from ivr.dialog.engine.program import AskStep, FlowCode, Program, PromptCode, RunStep, SayStep
from ivr.dialog.engine.question import form_of
from ivr.dialog.engine.state import DialogState, Frame
from ivr.dialog.engine.turn import MASK, Signal, Turn
from ivr.dialog.engine.values import flow_title
from ivr.dialog.events import Expectation, JsonValue, Reading, Spoken, Understood

Kind: TypeAlias = Literal["answer", "scene"]
LOOK_BACK: Final = 4
"""So many of the caller's last utterances count."""
FADING: Final = 0.8
"""What was said one utterance earlier counts so much."""
LEAST: Final = 0.12
"""Below this nothing is suggested: a wrong hint costs more than none."""
BESIDE: Final = 0.2
"""Nor below this share of the best one."""
TOPIC: Final = 0.35
"""From this p on a scene is what the call is about now."""
MOST: Final = 4
"""Suggestions at once."""
SURE: Final = 0.5
"""From this p on a reading counts as a value the caller has said."""
_DEPTH: Final = 3
"""Flows inside flows that are looked into for questions."""


class Reader(Protocol):
    """`ivr.dialog.understanding.Understanding`."""

    def read(self, hypotheses: Sequence[Spoken], expectation: Expectation) -> Understood: ...


class Hotline(Protocol):
    """`ivr.dialog.bundle.Bundle`, as far as it is needed."""

    @property
    def program(self) -> Program: ...
    @property
    def understanding(self) -> Reader: ...


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Something the agent may say, or may let the bot do."""

    kind: Kind
    """answer: `text` answers the caller; scene: a flow that can be run with the caller."""
    flow: str
    title: str
    text: str
    p: float
    """Probability that this is what the caller wants, 0 to 1."""
    source: str
    """`file:line` of the flow."""
    because: str = ""
    """What the caller said; empty = known from before the talk."""


@dataclass(frozen=True, slots=True)
class FilledSlot:
    """A value the caller has said, to the bot or to the agent."""

    name: str
    value: JsonValue
    p: float
    confirmed: bool = False
    heard: str = ""
    """The words it was read from; empty = the bot asked for it."""


@dataclass(frozen=True, slots=True)
class NextStep:
    """What to ask for next, in the hotline's words."""

    flow: str
    slot: str
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Advice:
    topic: str = ""
    """Flow that the call is about, as far as it is known."""
    title: str = ""
    suggestions: tuple[Suggestion, ...] = ()
    slots: tuple[FilledSlot, ...] = ()
    next: NextStep | None = None


def advise(hotline: Hotline, state: DialogState, said: Sequence[str]) -> Advice:
    """`said` = what the caller said to the human, oldest first."""
    program = hotline.program
    recent = [text for text in said if text.strip()][-LOOK_BACK:]
    wanted = _wanted(hotline, state, recent)
    best = max((p for p, _ in wanted.values()), default=0.0)
    ranked = sorted(wanted.items(), key=lambda item: -item[1][0])
    suggestions = [
        _suggestion(program, state, flow, p, because) for flow, (p, because) in ranked if p >= max(LEAST, best * BESIDE)
    ][:MOST]
    topic = next((one.flow for one in suggestions if one.kind == "scene" and one.p >= TOPIC), "")
    if not topic and state.topic in program.flows:
        topic = state.topic
    slots = _known(program, state) | _said(hotline, state, topic, recent)
    shown = tuple(slots.values())
    if not topic:
        return Advice(suggestions=tuple(suggestions), slots=shown)
    title = flow_title(Turn(program, state), topic)
    return Advice(topic, title, tuple(suggestions), shown, _next_step(program, state, topic, set(slots)))


# --------------------------------------------------------------------------------------------------- what is wanted


def _wanted(hotline: Hotline, state: DialogState, recent: Sequence[str]) -> dict[str, tuple[float, str]]:
    """Flow -> how probable, and by which words."""
    found: dict[str, tuple[float, str]] = {}
    expectation = Expectation(
        step="assist", mode="route", language=state.language, flow="", now=_now(hotline.program, state), open=True
    )
    for age, text in enumerate(reversed(recent)):
        understood = hotline.understanding.read([Spoken(text, 1.0)], expectation)
        for reading in understood.readings:
            flow = str(reading.value)
            p = reading.p * understood.in_scope * FADING**age
            if reading.kind == "intent" and flow in hotline.program.flows and p > found.get(flow, (0.0, ""))[0]:
                found[flow] = (p, text)
    if state.topic in hotline.program.flows and state.topic not in found:
        found[state.topic] = (LEAST, "")
    return found


def _suggestion(program: Program, state: DialogState, flow: str, p: float, because: str) -> Suggestion:
    code = program.flows[flow]
    turn = Turn(program, _at(state, flow, code))
    parts = [_written(turn, step.say) for step in code.steps.values() if isinstance(step, SayStep)]
    kind: Kind = "answer" if code.answers else "scene"
    joined = ("" if state.language.startswith("zh") else " ").join(part for part in parts if part)
    text = joined if kind == "answer" else ""
    return Suggestion(kind, flow, flow_title(turn, flow), text, round(p, 3), code.source, because)


# ------------------------------------------------------------------------------------------------------------- slots


def _known(program: Program, state: DialogState) -> dict[str, FilledSlot]:
    """What the bot has filled."""
    found: dict[str, FilledSlot] = {}
    scopes = [(frame.flow, frame.slots) for frame in state.frames]
    for flow, slots in [*scopes, ("", state.slots)]:
        for name, slot in slots.items():
            code = program.slot(flow, name) if flow else program.slots.get(name)
            value: JsonValue = MASK if code is not None and code.sensitive else slot.value
            found[name] = FilledSlot(name, value, round(slot.p, 3), slot.confirmed)
    return found


def _said(hotline: Hotline, state: DialogState, topic: str, recent: Sequence[str]) -> dict[str, FilledSlot]:
    """Values for the topic's questions in what the caller said to the human, the latest last."""
    found: dict[str, FilledSlot] = {}
    program = hotline.program
    for flow, code in _parts(program, topic):
        turn = Turn(program, _at(state, flow, code))
        form = tuple(replace(slot, filled=False) for slot in form_of(turn))
        sensitive = {slot.name for slot in form if slot.sensitive}
        asked = {step.slots[0] for step in code.steps.values() if isinstance(step, AskStep)}
        for slot in form:
            if slot.type in ("yes_no", "text"):  # every sentence is a text, and a yes to a human answers the human
                continue
            expectation = Expectation(
                step=f"{flow}/assist", mode="ask", language=state.language, flow=flow, asked=slot.name,
                slots=(slot, *(other for other in form if other is not slot)), now=_now(program, state),
            )  # fmt: skip
            for text in recent if slot.name in asked else ():
                best = _best(hotline.understanding.read([Spoken(text, 1.0)], expectation).readings, slot.name)
                if best is not None:
                    value: JsonValue = MASK if slot.name in sensitive else best.value
                    heard = MASK if slot.name in sensitive else best.text
                    found[slot.name] = FilledSlot(slot.name, value, round(best.p, 3), heard=heard)
    return found


def _best(readings: Sequence[Reading], slot: str) -> Reading | None:
    fitting = [r for r in readings if r.kind in ("fill", "correct") and r.slot == slot and "error" not in r.detail]
    best = max(fitting, key=lambda r: r.p, default=None)
    return best if best is not None and best.p >= SURE else None


# --------------------------------------------------------------------------------------------------------- next step


def _next_step(program: Program, state: DialogState, topic: str, filled: set[str]) -> NextStep | None:
    """The first question of the topic that has no answer yet."""
    for flow, code in _parts(program, topic):
        turn = Turn(program, _at(state, flow, code))
        for step in code.steps.values():
            if not isinstance(step, AskStep):
                continue
            missing = next((name for name in step.slots if name not in filled), None)
            slot = program.slot(flow, missing) if missing else None
            if slot is not None:
                ask = slot.prompts.get("ask")
                return NextStep(flow, slot.name, _written(turn, ask) if ask else "", step.source)
    return None


def _parts(program: Program, flow: str, depth: int = 0) -> Iterator[tuple[str, FlowCode]]:
    """A flow after the flows it runs: they mostly ask who is calling, which comes first."""
    code = program.flows.get(flow)
    if code is None:
        return
    for step in code.steps.values():
        if isinstance(step, RunStep) and depth < _DEPTH and step.flow != flow:
            yield from _parts(program, step.flow, depth + 1)
    yield flow, code


def _at(state: DialogState, flow: str, code: FlowCode) -> DialogState:
    """The state as if this flow had just begun; what is known stays known."""
    copy = state.clone()
    slots = {name: slot for frame in state.frames for name, slot in frame.slots.items() if name in code.slots}
    copy.frames = [Frame(flow, "entry", code.first, slots=slots)]
    return copy


def _written(turn: Turn, prompt: PromptCode) -> str:
    try:
        return turn.written(prompt)
    except Signal:
        return ""


def _now(program: Program, state: DialogState) -> str:
    return Turn(program, state).now().isoformat()
