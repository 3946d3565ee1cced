"""What a caller said before it was asked: "I sent five hundred yuan on Friday" opens a flow that asks for both.

The words that led into a flow are kept with its frame. Values in them that the flow asks for anywhere, said with their
unit or cue ("five hundred yuan", "on Friday", "ending in 4412"), are taken when it is entered; a bare number may be
anything and is asked for. So are values beside a yes or no: "no, it is order number 123".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from ivr.dialog.engine.program import AskStep, ConfirmPolicy, RunStep, SlotCode
from ivr.dialog.engine.state import Candidate, SlotValue
from ivr.dialog.engine.turn import Turn
from ivr.dialog.engine.values import error_of, resolve_range
from ivr.dialog.events import Expectation, JsonValue
from ivr.dialog.slots import Utterance, parse_utterance
from ivr.dialog.slots.base import EXPLICIT
from ivr.dialog.text.canonical import canonical

_TYPES = frozenset({"digits", "money", "date", "time", "phone", "number"})
MAX_TEXTS = 3
_KEY = re.compile(
    r"\W*(?:(?:i )?(?:press(?:ed)?|number|option|key)|我?(?:按|选|选择)|第)?\W*(\d{1,2})\W*(?:键|号键|个|please|吧)?\W*"
)


def keep(texts: Sequence[str], text: str) -> list[str]:
    """`texts` with one more, the last MAX_TEXTS of them."""
    return [*texts, text][-MAX_TEXTS:] if text else list(texts)


def take(turn: Turn, steps: Iterable[AskStep]) -> None:
    """Fill the empty slots of some questions from the words that led here; each is filled so once. What has to be
    confirmed each time is asked for."""
    frame, texts = turn.frame, list(_texts(turn))
    if not texts:
        return
    names = [name for step in steps for name in step.slots if _policy(turn, step, name) != "always"]
    empty = [name for name in dict.fromkeys(names) if turn.slot_value(name) is None and name not in frame.carried]
    for found in _values(turn, [turn.slot_code(name) for name in empty], texts):
        turn.put_slot(found.slot, SlotValue(found.value, found.p, heard_at_ms=turn.state.now_ms))
        frame.carried = [*frame.carried, found.slot]
        source = turn.slot_code(found.slot).source
        shown = turn.shown(found.slot, found.value)
        turn.decide("7 fill: said before it was asked", source, slot=found.slot, value=shown, p=found.p)


def enter(turn: Turn) -> None:
    """A flow is entered."""
    take(turn, [step for step in turn.flow.steps.values() if isinstance(step, AskStep)])


def to_repeat(turn: Turn, step: AskStep) -> list[str]:
    """Slots of a question that were filled so and are read back by nothing else: they are repeated, once."""
    frame = turn.frame
    names = [name for name in frame.carried if name in step.slots and name not in frame.repeated]
    frame.repeated = [*frame.repeated, *names]
    if step.confirm_prompt:
        return []
    return [name for name in names if turn.slot_value(name) and _policy(turn, step, name) != "never"]


def _policy(turn: Turn, step: AskStep, name: str) -> ConfirmPolicy:
    return step.confirm or turn.slot_code(name).confirm


def answers_flow(turn: Turn, flow: str) -> bool:
    """True when what was just said gives values that the flow would ask for: as good as a yes to it."""
    program = turn.program
    flows = [program.flows[flow]]
    flows += [program.flows[step.flow] for step in flows[0].steps.values() if isinstance(step, RunStep)]
    slots = [
        slot
        for code in flows
        for step in code.steps.values()
        if isinstance(step, AskStep)
        for name in step.slots
        if (slot := program.slot(code.id, name))
    ]
    return bool(turn.heard and _values(turn, slots, [turn.heard]))


def spoken_key(turn: Turn, expectation: Expectation) -> str:
    """The key that was said instead of pressed ("one", 按一), where it means an answer; empty = none."""
    found = _KEY.fullmatch(canonical(turn.heard, turn.state.language).text)
    key = found[1] if found else ""
    return key if key in expectation.keys and key not in turn.program.command_keys else ""


def _texts(turn: Turn) -> Iterator[str]:
    """The latest first; a flow that was run sees what led to its caller."""
    if turn.beside:
        yield turn.beside
    for frame in reversed(turn.state.frames):
        yield from reversed(frame.said)
        if frame.kind != "run":
            return


def _values(turn: Turn, slots: Sequence[SlotCode], texts: Sequence[str]) -> list[Candidate]:
    found: list[Candidate] = []
    for text in texts:
        utterance = Utterance.of(text, turn.state.language, turn.now().replace(tzinfo=None))
        taken: list[tuple[int, int]] = []
        for slot in slots:
            if slot.type not in _TYPES or any(candidate.slot == slot.name for candidate in found):
                continue
            for parsed in parse_utterance(slot.type, utterance, _settings(turn, slot)):
                start, end = parsed.span
                sure = parsed.explicit and parsed.p >= EXPLICIT and not parsed.error
                if sure and not any(start < other[1] and other[0] < end for other in taken):
                    if not error_of(turn, slot, parsed.value):
                        found.append(Candidate(parsed.value, parsed.p, slot.name))
                        taken.append(parsed.span)
                    break
    return found


def _settings(turn: Turn, slot: SlotCode) -> dict[str, JsonValue]:
    settings: dict[str, JsonValue] = {}
    if bounds := resolve_range(slot, turn.now().date()):
        settings["range"] = bounds
    if slot.length is not None:
        settings["length"] = list(slot.length)
    return settings
