"""What a closed question takes, as a grammar: phrases for the recogniser, from what the dialog expects.

A grammar recogniser learns which word follows which from the phrases it is given. So digits are given in pairs, else
strings of them are taken apart; and a grammar stays small, for every phrase more is one more thing that a short word
may be mistaken for: with 270 phrases of commands in it 6 of 36 digit strings were right, with the 15 here 34. What is
not in it is heard by the open second pass.

Phrases come likeliest first: an engine without grammars scores the first few by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from ivr.dialog.events import Expectation, SlotExpectation
from ivr.dialog.text.templates import TemplateError, expand

MOST_PHRASES = 300
"""Phrases of the options, over all of them."""
MOST_A_TEMPLATE = 12

_YES_NO = {
    "en": (
        "yes", "no", "yeah", "nope", "yep", "no thanks", "yes please", "sure", "okay", "correct", "that's right",
        "right", "not really", "that's wrong", "wrong", "no that's wrong", "that's correct", "yes that's right",
        "yes it is", "no it isn't", "yes i do", "no i don't",
    ),
    "zh": (
        "是", "不是", "对", "不对", "是的", "不", "好", "不用", "好的", "不要", "可以", "不行", "对的", "没有",
        "要", "有", "没错", "不用了", "行", "错了", "需要", "不需要", "嗯", "确认",
    ),
}  # fmt: skip
_COMMANDS = {
    "en": (
        "agent", "operator", "representative", "speak to an agent", "speak to a person", "help", "repeat",
        "repeat that", "say that again", "go back", "start over", "wait", "hold on", "i don't know", "what",
    ),
    "zh": (
        "人工", "转人工", "人工客服", "再说一遍", "什么", "帮助", "返回", "等一下", "不知道", "没听清", "重新开始",
    ),
}  # fmt: skip
_ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = (
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth",
    "twentieth", "twenty first", "twenty second", "twenty third", "twenty fourth", "twenty fifth", "twenty sixth",
    "twenty seventh", "twenty eighth", "twenty ninth", "thirtieth", "thirty first",
)  # fmt: skip
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CORRECTING_EN = ("no", "not", "sorry", "i mean")
"""Said between digits; without them `not` is heard as nine. Of 20 strings of digits the grammar alone has
16 right with and without them."""
_HAN_DIGITS = "零一二三四五六七八九幺两"
_SPEAKABLE = frozenset({"digits", "phone", "date", "number", "money", "time"})


@dataclass(frozen=True, slots=True)
class ClosedAnswer:
    """What the caller may answer. `kind` is empty for an open question."""

    kind: str = ""
    phrases: tuple[str, ...] = ()
    length: tuple[int, int] = (1, 64)
    """digits: the shortest and the longest string."""


def closed_answer(expectation: Expectation) -> ClosedAnswer:
    """The answer that a question takes; for open questions, and languages without phrases here, an empty one."""
    language = expectation.language.split("-")[0]
    if expectation.open or language not in _COMMANDS or expectation.mode in {"route", "more", "command"}:
        return ClosedAnswer()
    if expectation.mode in {"confirm", "guess"}:
        return ClosedAnswer("yes_no", _with_commands(_YES_NO[language], language))
    if expectation.mode == "choose":
        return ClosedAnswer("choice", _with_commands(_offered(expectation.phrases), language))
    asked = next((slot for slot in expectation.slots if slot.name == expectation.asked), None)
    return _slot_answer(asked, expectation.phrases, language) if asked is not None else ClosedAnswer()


def _slot_answer(slot: SlotExpectation, templates: tuple[str, ...], language: str) -> ClosedAnswer:
    if slot.type == "yes_no":
        return ClosedAnswer("yes_no", _with_commands(_YES_NO[language], language))
    if slot.type == "choice" and templates:
        return ClosedAnswer("choice", _with_commands(_offered(templates), language))
    if slot.type == "digits":
        return ClosedAnswer("digits", _with_commands(_digits(language), language), slot.length or (1, 64))
    if slot.type == "phone":
        return ClosedAnswer("digits", _with_commands(_digits(language), language), slot.length or (5, 15))
    if slot.type in _SPEAKABLE and language == "en":
        return ClosedAnswer(slot.type, _with_commands((*_values(slot.type), *_numbers_en()), language))
    return ClosedAnswer()


def _with_commands(phrases: Iterable[str], language: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*phrases, *_COMMANDS[language])))


@lru_cache(maxsize=1000)
def _offered(templates: tuple[str, ...]) -> tuple[str, ...]:
    """The templates' phrases: the first of each, then the others."""
    expanded = [_expand(template) for template in templates]
    firsts = [phrases[0] for phrases in expanded if phrases]
    others = [phrase for phrases in expanded for phrase in phrases[1:MOST_A_TEMPLATE]]
    return tuple(dict.fromkeys((*firsts, *others)))[:MOST_PHRASES]


def _expand(template: str) -> list[str]:
    try:
        return expand(template)
    except TemplateError:  # lint has told the designer; a broken phrase cannot be heard
        return []


@lru_cache(maxsize=2)
def _digits(language: str) -> tuple[str, ...]:
    """Digits and what people put them into: pairs, `double four`, `twenty six`."""
    if language == "zh":
        return (*_HAN_DIGITS, *(first + second for first in _HAN_DIGITS for second in _HAN_DIGITS))
    ones = (*_ONES, "oh")
    pairs = tuple(f"{first} {second}" for first in ones for second in ones)
    repeats = tuple(f"{times} {one}" for times in ("double", "triple") for one in ones)
    tens = tuple(f"{ten} {one}" for ten in _TENS for one in _ONES[1:])
    return (*ones, *pairs, *repeats, *tens, *_TEENS, *_TENS, *_CORRECTING_EN)


@lru_cache(maxsize=1)
def _numbers_en() -> tuple[str, ...]:
    """Numbers as they are said, in the pieces that follow one another."""
    tens = tuple(f"{ten} {one}" for ten in _TENS for one in _ONES[1:])
    below = (*_ONES, *_TEENS, *_TENS, *tens)
    scaled = tuple(f"{one} {scale}" for one in ("a", *_ONES[1:], *_TEENS) for scale in ("hundred", "thousand"))
    joined = tuple(f"hundred and {number}" for number in (*_ONES[1:], *_TEENS, *_TENS))
    return (*below, *scaled, *joined)


@lru_cache(maxsize=8)
def _values(kind: str) -> tuple[str, ...]:
    """What values of a type have beside numbers."""
    if kind == "date":
        days = tuple(f"{month} {day}" for month in _MONTHS for day in ("the", *_ORDINALS))
        relative = ("today", "tomorrow", "yesterday", "the day after tomorrow", "next week")
        weekdays = tuple(f"{which}{day}" for day in _WEEKDAYS for which in ("", "next ", "this ", "on "))
        return (*relative, *weekdays, *_MONTHS, *(f"the {day}" for day in _ORDINALS), *_ORDINALS, *days)
    if kind == "time":
        hours = (*_ONES[1:], *_TEENS[:3])
        spoken = tuple(f"{hour} {part}" for hour in hours for part in ("o'clock", "a m", "p m", "thirty", "fifteen"))
        return (*spoken, "noon", "midnight", "half past", "quarter past", "quarter to", "in the morning", "tonight")
    if kind == "money":
        return ("dollars", "dollar", "cents", "dollars and", "bucks", "point")
    return ("point", "minus")
