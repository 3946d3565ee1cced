# ruff: noqa: E501 - a rule or phrase table reads better with one entry a line
"""Readings of one hypothesis that need no model: commands, yes and no, slot values and their corrections, choices, anger."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ivr.dialog.events import Expectation, JsonValue, Reading, ReadingKind, SlotExpectation
from ivr.dialog.slots import Parsed, Utterance, parse_utterance
from ivr.dialog.slots.choice import match_phrases, parse_choice, phrases_of
from ivr.dialog.slots.yes_no import polarity
from ivr.dialog.understanding.anger import anger_score, lexical_anger
from ivr.dialog.understanding.commands import CommandTable, named_language

UNEXPECTED = 0.5
"""Weight of readings that the open question does not ask for."""
_MIN_ANGER = 0.3
_ASKED, _EXPLICIT, _BROKEN = 0.3, 0.2, -0.5
"""How places in the text are shared out among slots: on top of p."""
_CUE = re.compile(
    r"不对|不是|错了|说错|改成|应该是|我是说|\b(?:no|not|wrong|sorry|i said|i meant|i mean|change|make it|actually|correct)\b"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A slot's claim to a place in the text."""

    slot: SlotExpectation
    parsed: Parsed
    score: float


def read_command(table: CommandTable, text: str, languages: Sequence[str]) -> list[Reading]:
    found = table.find(text)
    if found is None:
        return []
    detail: dict[str, JsonValue] = {"rule": "command", "phrase": found.phrase}
    if found.name == "language":
        detail["language"] = named_language(text, languages)
    return [Reading("command", found.name, found.p, text=text, span=found.span, detail=detail)]


def read_yes_no(utterance: Utterance, expectation: Expectation) -> list[Reading]:
    """Yes or no, if said; weighed down where no yes-no question is open. To "A or B?" a no is an answer: neither."""
    found = polarity(utterance.canonical.source, utterance.language)
    if found is None:
        return []
    asked = next((slot.type for slot in expectation.slots if slot.name == expectation.asked), "")
    neither = expectation.mode == "choose" and not found.yes
    expected = neither or expectation.mode in ("confirm", "guess") or asked == "yes_no"
    detail: dict[str, JsonValue] = {"rule": "yes_no"} if expected else {"rule": "yes_no", "weighed": UNEXPECTED}
    p = found.p if expected else found.p * UNEXPECTED
    return [Reading("yes" if found.yes else "no", None, p, text=utterance.text, span=found.span, detail=detail)]


def read_slots(
    utterance: Utterance, expectation: Expectation, options: Mapping[str, Sequence[tuple[JsonValue, Sequence[str]]]]
) -> list[Reading]:
    """Fills of empty slots and corrections of filled ones. `options`: the options of each choice slot by its name."""
    claims = [
        claim
        for slot in expectation.slots
        if slot.type != "text" or slot.name == expectation.asked
        for claim in _claims(utterance, slot, expectation, options.get(slot.name, ()))
    ]
    cue = bool(_CUE.search(utterance.canonical.source))
    readings: list[Reading] = []
    taken: list[tuple[int, int]] = []
    served: set[str] = set()
    for claim in sorted(claims, key=lambda claim: (-claim.score, claim.parsed.span)):
        start, end = claim.parsed.span
        overlaps = any(start < other_end and other_start < end for other_start, other_end in taken)
        first = claim.slot.name not in served
        if overlaps and (first or not _same_place(claim, readings)):
            continue
        readings.append(_slot_reading(utterance, claim, expectation, cue, first))
        if first:
            taken.append((start, end))
            served.add(claim.slot.name)
    return readings


def _claims(
    utterance: Utterance,
    slot: SlotExpectation,
    expectation: Expectation,
    options: Sequence[tuple[JsonValue, Sequence[str]]],
) -> list[Claim]:
    settings: dict[str, JsonValue] = dict(slot.settings)
    if slot.length is not None:
        settings["length"] = list(slot.length)
    if slot.type == "choice":
        settings["options"] = [
            [value, list(phrases)] for value, phrases in options if not slot.options or _text(value) in slot.options
        ]
    asked = slot.name == expectation.asked
    return [
        Claim(
            slot,
            parsed,
            parsed.p
            + (_ASKED if asked else 0.0)
            + (_EXPLICIT if parsed.explicit else 0.0)
            + (_BROKEN if parsed.error else 0.0)
            + 0.001 * (parsed.span[1] - parsed.span[0]),
        )
        for parsed in parse_utterance(slot.type, utterance, settings)
    ]


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)


def _same_place(claim: Claim, readings: list[Reading]) -> bool:
    """Another way to take the words that already fill this slot (15.50 or 1550)."""
    return any(reading.slot == claim.slot.name and reading.span == claim.parsed.span for reading in readings)


def _slot_reading(utterance: Utterance, claim: Claim, expectation: Expectation, cue: bool, first: bool) -> Reading:
    slot, parsed = claim.slot, claim.parsed
    detail: dict[str, JsonValue] = {"rule": slot.type}
    p = parsed.p
    if parsed.error:
        detail["error"] = parsed.error
    expected = (
        slot.name == expectation.asked or parsed.explicit or (slot.filled and (cue or expectation.mode == "confirm"))
    )
    if not expected:
        detail["weighed"] = UNEXPECTED
        p *= UNEXPECTED
    if not first:
        p *= UNEXPECTED
    kind: ReadingKind = "correct" if slot.filled else "fill"
    if slot.filled:
        detail["cue"] = cue
    return Reading(kind, parsed.value, p, slot.name, utterance.text, parsed.span, detail)


def read_choice(
    utterance: Utterance, choices: Sequence[str], phrases: Sequence[tuple[JsonValue, Sequence[str]]]
) -> list[Reading]:
    """Answers to "A or B?": `phrases` gives the ways to name each of `choices`."""
    found = match_phrases(utterance, phrases_of(phrases, utterance.language))
    if not found:
        settings: dict[str, JsonValue] = {"options": [[value, list(texts)] for value, texts in phrases]}
        found = parse_choice(utterance, settings)
    return [
        Reading(
            "choose", parsed.value, parsed.p, text=utterance.text, span=parsed.span,
            detail={"rule": "choose", "index": list(choices).index(_text(parsed.value))},
        )
        for parsed in found
        if _text(parsed.value) in choices
    ]  # fmt: skip


def read_anger(text: str, language: str) -> list[Reading]:
    """The words' share of anger; the dialog adds failures and loudness (`anger_score`)."""
    found = lexical_anger(text, language)
    if found.lexical < _MIN_ANGER:
        return []
    score = anger_score(found.lexical)
    detail: dict[str, JsonValue] = {"rule": "anger", "lexical": found.lexical, "terms": list(found.terms)}
    return [Reading("anger", score, score, text=text, detail=detail)]
