# ruff: noqa: E501 - a rule or phrase table reads better with one entry a line
"""Readings of one hypothesis that need no model: commands, yes and no, slot values and their corrections, choices, anger."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ivr.dialog.events import Expectation, JsonValue, Reading, ReadingKind, SlotExpectation
from ivr.dialog.slots import Parsed, Utterance, parse_utterance
from ivr.dialog.slots.base import EXPLICIT
from ivr.dialog.slots.choice import by_place, match_phrases, phrases_of
from ivr.dialog.slots.yes_no import polarity
from ivr.dialog.text.fillers import clean_apostrophes
from ivr.dialog.understanding.anger import anger_score, lexical_anger
from ivr.dialog.understanding.commands import CommandTable, named_language
from ivr.dialog.understanding.giving_up import gives_up

UNEXPECTED = 0.5
"""Weight of readings that the open question does not ask for."""
_MIN_ANGER = 0.3
_GIVING_UP = 0.95
_ASKED, _EXPLICIT, _BROKEN = 0.3, 0.2, -0.5
"""How places in the text are shared out among slots: on top of p."""
_CUE = re.compile(
    r"不对|不是|错了|说错|改成|应该是|我是说|\b(?:no|not|wrong|sorry|i said|i meant|i mean|change|make it|actually|correct)\b"
)
_JOINS = re.compile(
    r"(?:[\W_]|还是|或者|或|要么|和|跟|是|到|至|吧|都行|都可以|都(?=\W*$)|左右|的|\b(?:or|and|to|on|the|at|in|maybe|perhaps|either|is|it's|fine|both|about)\b)*"
)
"""All that may stand beside values which say nothing but themselves."""
_MOST_VALUES = 80
"""Characters of values and nothing else; more are a story."""
_EITHER = re.compile(
    r"(?:(?:well|oh) )*(?:either(?: (?:one|of (?:them|the two)|is (?:fine|ok|okay|good)|way|will do|works))*|(?:any|whichever)(?: (?:one|of them))?|i (?:don't|do not) (?:mind|care)|it doesn'?t matter|doesn'?t matter)(?: please)?"
    r"|(?:随便|都行|都可以|都好|都成|哪个都(?:行|可以|好|成)|(?:两|2)个都(?:行|可以|好)|无所谓|随你|你定|你看着办)(?:哪个|1个|一个)?(?:都行|都可以)?[吧的啊呀了]*"
)
_NEITHER = re.compile(
    r"(?:(?:no|oh|well) )*(?:neither(?: (?:one|of (?:them|the two|those)))?|none of (?:them|those|the two|these)|not (?:either|any)(?: of (?:them|those|these))?)(?: thanks| thank you| please)?"
    r"|(?:(?:这|那)?(?:两|2|二)个?)?(?:都|全)(?:不是|不对|不要|不用|不行|不想要)[的了啊呀吧]*|(?:哪|那)个都不(?:是|对|要)[的了啊吧]*|没有(?:1个|一个)是?对?的?"
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
        return _giving_up(table, text)
    detail: dict[str, JsonValue] = {"rule": "command", "phrase": found.phrase}
    if found.name == "language":
        detail["language"] = named_language(text, languages)
    return [Reading("command", found.name, found.p, text=text, span=found.span, detail=detail)]


def _giving_up(table: CommandTable, text: str) -> list[Reading]:
    """Leaves the flow, as `back` does; `gives_up` tells it from a caller who only wants to go back."""
    if not gives_up(text, table.language):
        return []
    detail: dict[str, JsonValue] = {"rule": "command", "phrase": text, "gives_up": True}
    return [Reading("command", "back", _GIVING_UP, text=text, span=(0, len(text)), detail=detail)]


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


def only_values(utterance: Utterance) -> bool:
    """Nothing is said but days, times, amounts or numbers, and words that join them: 周三或者周四."""
    source = utterance.canonical.source
    if len(source) > _MOST_VALUES:
        return False
    spans = sorted(
        parsed.span for type in ("date", "time", "money", "number") for parsed in parse_utterance(type, utterance, {})
    )
    at, rest = 0, []
    for start, end in spans:
        rest.append(source[at:start])
        at = max(at, end)
    return bool(spans) and _JOINS.fullmatch(" ".join([*rest, source[at:]])) is not None


def read_choice(
    utterance: Utterance, choices: Sequence[str], phrases: Sequence[tuple[JsonValue, Sequence[str]]]
) -> list[Reading]:
    """Answers to "A or B?": `phrases` gives the ways to name each of `choices`; all of them have a place."""
    found = match_phrases(utterance, phrases_of(phrases, utterance.language)) or by_place(utterance, list(choices))
    if not found and (indifferent := _indifferent(utterance, choices)):
        return [indifferent]
    return [
        Reading(
            "choose", parsed.value, parsed.p, text=utterance.text, span=parsed.span,
            detail={"rule": "choose", "index": list(choices).index(_text(parsed.value))},
        )
        for parsed in found
        if _text(parsed.value) in choices
    ]  # fmt: skip


def _indifferent(utterance: Utterance, choices: Sequence[str]) -> Reading | None:
    """ "Either": the first, which is the likelier. "Neither" is a no."""
    source = clean_apostrophes(utterance.canonical.source)
    neither = _NEITHER.fullmatch(source) is not None
    if not choices or not (neither or _EITHER.fullmatch(source)):
        return None
    kind: ReadingKind = "no" if neither else "choose"
    detail: dict[str, JsonValue] = {"rule": "choose", "index": -1 if neither else 0}
    return Reading(
        kind, None if neither else choices[0], EXPLICIT, text=utterance.text, span=(0, len(source)), detail=detail
    )


def read_anger(text: str, language: str) -> list[Reading]:
    """The words' share of anger; the dialog adds failures and loudness (`anger_score`)."""
    found = lexical_anger(text, language)
    if found.lexical < _MIN_ANGER:
        return []
    score = anger_score(found.lexical)
    detail: dict[str, JsonValue] = {"rule": "anger", "lexical": found.lexical, "terms": list(found.terms)}
    return [Reading("anger", score, score, text=text, detail=detail)]
