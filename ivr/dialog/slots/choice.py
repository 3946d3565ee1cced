# ruff: noqa: E501 - a rule or phrase table reads better with one entry a line
"""One of several options: by its phrases, by how they sound, by nearness, or by place (`the second one`, 第一个)."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

from ivr.dialog.events import JsonValue
from ivr.dialog.slots.base import BARE, EXPLICIT, GUESS, PART, Parsed, Settings, Utterance
from ivr.dialog.text.fillers import core
from ivr.dialog.text.phonetics import sound
from ivr.dialog.text.templates import expand_all
from ivr.errors import InputError

_NEAR = 82.0
"""Least similarity (0 to 100, normalised edit distance of the sounds) for a guess."""
_LONGEST_AROUND = {1: 1, 2: 6}
"""Characters of a phrase -> of the longest Chinese sentence in which it may be heard by its sound: `shi` is in half of
all sentences, 是的 is in 公司的."""
_BEFORE = 40
"""Characters in which a negation stands before its option."""
_NEGATED = {
    "zh": re.compile(r"(?:不|没|别|不是|不要|非|不太|不怎么|不很|没那么)$"),
    "en": re.compile(r"\b(?:not|no|don't|isn't|never)(?: the| a| want)?\s*$"),
}
_PLACE_EN = re.compile(
    r"\b(?:the )?(?:(?P<place>\d+)(?:st|nd|rd|th)|(?P<last>last|latter)|(?P<former>former))(?: one| option| choice)?\b|\b(?:number|option|choice) (?P<number>\d+|one)\b"
)
_OF_MONTH = re.compile(
    r"(?:st|nd|rd|th) of (?:(?:the|this|next|last) month|[a-z]{3,9}\b)|\b(?:[a-z]*uary|march|april|june|july|august|(?:septem|octo|novem|decem)ber) (?:the )?\d"
)
_PLACE_ZH = re.compile(
    r"第(?P<place>\d+)[个种项条]?|(?P<last>最后[一1]?[个种项条]|后者|[后下]面的?那?[一1]?[个种项条]|后[一1]?[个种项条]|^[后下]面的?吧?$|^后边的?吧?$)"
    r"|(?P<former>前者|[前上]面的?那?[一1]?[个种项条]|[前头][一1]?[个种项条](?!月)|^[前上]面的?吧?$|^前边的?吧?$)|选项?(?P<number>\d+)"
)


@dataclass(frozen=True, slots=True)
class Phrase:
    value: JsonValue
    text: str
    sound: tuple[str, ...]


def phrases_of(options: Sequence[tuple[JsonValue, Sequence[str]]], language: str) -> tuple[Phrase, ...]:
    """The options' templates, expanded. TemplateError for a broken one."""
    return tuple(
        phrase for value, templates in options for phrase in _expanded(_Key(value), tuple(templates), language)
    )


class _Key:
    """Lets 1, 1.0 and True be different cache keys."""

    def __init__(self, value: JsonValue) -> None:
        self.value = value

    def __hash__(self) -> int:
        return hash(repr(self.value))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and repr(self.value) == repr(other.value)


@functools.lru_cache(maxsize=4096)
def _expanded(key: _Key, templates: tuple[str, ...], language: str) -> tuple[Phrase, ...]:
    texts = dict.fromkeys(core(text, language) for text in expand_all(templates))
    return tuple(Phrase(key.value, text, sound(text, language)) for text in texts if text)


def parse_choice(utterance: Utterance, settings: Settings) -> list[Parsed]:
    """Options named. `options`: list of [value, [template, ...]]."""
    options = _options(settings.get("options"))
    found = match_phrases(utterance, phrases_of(options, utterance.language))
    return found or by_place(utterance, [value for value, _ in options])


def _options(value: JsonValue) -> list[tuple[JsonValue, list[str]]]:
    options: list[tuple[JsonValue, list[str]]] = []
    for item in value if isinstance(value, list | tuple) else ():
        if not isinstance(item, list | tuple) or len(item) != 2 or not isinstance(item[1], list | tuple):
            raise InputError(f"slot setting `options` must hold [value, [phrase, ...]] pairs, not {item!r}")
        options.append((item[0], [str(phrase) for phrase in item[1]]))
    return options


def match_phrases(utterance: Utterance, phrases: Sequence[Phrase]) -> list[Parsed]:
    """Options whose phrase is in the utterance, best first; else those whose phrase sounds like it."""
    source = utterance.canonical.source
    inner = core(source, utterance.language)
    exact = [phrase for phrase in phrases if phrase.text == inner]
    if exact:
        telling = len(inner) >= (2 if utterance.chinese else 4)  # `yes`, 是 may answer any question
        whole = Parsed(exact[0].value, EXPLICIT, (0, len(source)), explicit=telling)
        return _unique([whole], len({repr(e.value) for e in exact}))
    contained, refused = _contained(utterance, phrases)
    return contained if contained or refused else _sounding(utterance, phrases, inner)


def _unique(values: list[Parsed], count: int) -> list[Parsed]:
    return values if count == 1 else [Parsed(value.value, GUESS, value.span) for value in values]


def _contained(utterance: Utterance, phrases: Sequence[Phrase]) -> tuple[list[Parsed], bool]:
    """Options whose phrase stands in the text; and whether one stood there but was refused ("not the red one")."""
    source, chinese = utterance.canonical.source, utterance.chinese
    hits: list[tuple[int, int, Phrase]] = []
    for phrase in phrases:
        pattern = re.escape(phrase.text) if chinese and len(phrase.text) > 1 else rf"\b{re.escape(phrase.text)}\b"
        hits += [(match.start(), match.end(), phrase) for match in re.finditer(pattern, source)]
    hits.sort(key=lambda hit: (hit[0] - hit[1], hit[0]))  # the longest claim their place: 不满意 before 满意
    taken: list[Parsed] = []
    refused = False
    negated = _NEGATED["zh" if chinese else "en"]
    for start, end, phrase in hits:
        if any(start < value.span[1] and value.span[0] < end for value in taken):
            continue
        if negated.search(source[max(0, start - _BEFORE) : start]):
            refused = True
            continue
        p = BARE if len(phrase.text) >= (2 if chinese else 4) else PART
        taken.append(Parsed(phrase.value, p, (start, end), explicit=True))
    return taken, refused


def _sounding(utterance: Utterance, phrases: Sequence[Phrase], inner: str) -> list[Parsed]:
    heard = sound(inner, utterance.language)
    if not heard:
        return []
    whole = (0, len(utterance.canonical.source))
    best: dict[str, Parsed] = {}
    for phrase in phrases:
        if utterance.chinese and len(inner) > _LONGEST_AROUND.get(len(phrase.text), len(inner)):
            continue
        p = _likeness(heard, phrase, inner)
        if p and p > best.get(repr(phrase.value), Parsed(None, 0.0, whole)).p:
            best[repr(phrase.value)] = Parsed(phrase.value, p, whole)
    ranked = sorted(best.values(), key=lambda value: -value.p)
    return ranked[:3]


def _likeness(heard: tuple[str, ...], phrase: Phrase, inner: str) -> float:
    size = len(phrase.sound)
    if size and len(inner) >= 2 and any(heard[i : i + size] == phrase.sound for i in range(len(heard) - size + 1)):
        # the same sounds: short words have many neighbours
        return (BARE if len(heard) == size else PART) if len("".join(phrase.sound)) >= 4 else GUESS
    ratio = fuzz.ratio(" ".join(heard), " ".join(phrase.sound))
    spelled = fuzz.ratio(inner, phrase.text)
    best = max(ratio if len(phrase.text) > 3 or size > 1 else 0.0, spelled)
    return GUESS * best / 100 + 0.1 if best >= _NEAR else 0.0


def by_place(utterance: Utterance, values: Sequence[JsonValue]) -> list[Parsed]:
    """The second one, 前面那个: by its place among `values`."""
    canonical = utterance.canonical
    found: list[Parsed] = []
    if not utterance.chinese and _OF_MONTH.search(canonical.text):
        return found  # "the second of june" is a day
    for match in (_PLACE_ZH if utterance.chinese else _PLACE_EN).finditer(canonical.text):
        place = match["place"] or match["number"]
        index = int(place.replace("one", "1")) - 1 if place else 0 if match["former"] else len(values) - 1
        if 0 <= index < len(values):
            found.append(Parsed(values[index], PART, canonical.span(match.start(), match.end()), explicit=True))
    return found
