"""Numbers that nobody should read later, in what people say to each other: cards, security codes, what the hotline
calls sensitive. Pure.

While the bot asks, it knows what is sensitive. Between humans nobody has asked anything, so it is told by shape:

- 13 digits and more, or 12 that pass the Luhn check (ISO/IEC 7812): a card, an account. More than the check alone, as
  one digit misheard fails it and the rest is still the card. Numbers with a plus sign before them are phone numbers.
- 3 to 8 digits after "code", "PIN", "CVV", "password" (验证码, 密码, ...), in the same line or one of the next two: a
  security code, the answer to "and the code on the back?".
- As many digits as a sensitive `digits` slot of the hotline has.
- Digits that go on where the same speaker's last line ended, once 12 are reached: a card said in groups. What was said
  of it before is written already: at most 11 digits.

Digits are figures or words of English (`oh`, `double five`, `forty two`) and Chinese (幺, 两); `hundred`, 十, 百 make a
number of another kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from ivr.dialog.engine.program import Program

CARD_DIGITS: Final = 12
CODE_DIGITS: Final = range(3, 9)
CUE_LINES: Final = 2
"""So many lines after the one with the word may bring the code."""
_UNITS: Final = {
    word: str(value)
    for value, words in enumerate((
        ("zero", "oh", "o", "nought", "零", "〇"), ("one", "一", "幺"), ("two", "二", "两"), ("three", "三"),
        ("four", "四"), ("five", "五"), ("six", "六"), ("seven", "七"), ("eight", "八"), ("nine", "九"),
    ))
    for word in words
}  # fmt: skip
_TEENS: Final = {
    "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15", "sixteen": "16",
    "seventeen": "17", "eighteen": "18", "nineteen": "19",
}  # fmt: skip
_TENS: Final = {
    "twenty": "2", "thirty": "3", "forty": "4", "fifty": "5", "sixty": "6", "seventy": "7", "eighty": "8",
    "ninety": "9",
}  # fmt: skip
_TIMES: Final = {"double": 2, "triple": 3}
_TOKEN: Final = re.compile(r"\d+|[A-Za-z]+|[零〇一幺二两三四五六七八九]")
_GLUE: Final = re.compile(
    r"(?:[\s\-–—、，。]|[.,](?=\s)|\b(?:uh|um|er|and|then|dash|space)\b|嗯|啊|呃|那个|然后)*", re.IGNORECASE
)
"""What may stand between the digits of one number."""
_CUE: Final = re.compile(
    r"(?<!zip )(?<!post )(?<!area )(?<!error )(?<!country )(?<!promo )\bcode\b|\bcvv2?\b|\bcvc2?\b|\bc v [vc]\b|\bpin\b"
    r"|\bpass ?(?:code|word)\b|\bsecurity number\b|验证码|安全码|校验码|动态码|口令|密码",
    re.IGNORECASE,
)
_PLUS: Final = re.compile(r"(?:\+|\bplus|加)\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Run:
    """Digits that belong together: text[start:end] says `digits`."""

    start: int
    end: int
    digits: str


class SpokenNumbers:
    """What to hide in one talk. `lengths` = digits of the hotline's sensitive slots."""

    def __init__(self, lengths: Iterable[int] = ()) -> None:
        self._lengths = frozenset(lengths)
        self._cue = 0
        """Lines in which a code may still come."""
        self._tails: dict[str, int] = {}
        """Speaker -> digits with which the last line ended."""

    def hide(self, speaker: str, text: str, *, final: bool = True) -> str:
        """The line with a dot for each digit that is not to be read. A partial (`final` False) is not remembered."""
        runs = list(digit_runs(text))
        cues = [found.end() for found in _CUE.finditer(text)]
        tail = self._tails.get(speaker, 0)
        shown: list[str] = []
        at = 0
        for run in runs:
            leads = _GLUE.fullmatch(text, 0, run.start) is not None
            said = len(run.digits) + (tail if leads else 0)
            cued = self._cue > 0 or any(cue <= run.start for cue in cues)
            if self._is_secret(text, run, said, cued=cued):
                shown += [text[at : run.start], "•" * len(run.digits)]
                at = run.end
        if final:
            self._remember(speaker, text, runs, tail, cued=bool(cues))
        return "".join([*shown, text[at:]])

    def _is_secret(self, text: str, run: Run, said: int, *, cued: bool) -> bool:
        count = len(run.digits)
        if _PLUS.search(text, 0, run.start) and count <= 15:  # E.164
            return False
        if said > count and said >= CARD_DIGITS:
            return True
        card = count > CARD_DIGITS or (count == CARD_DIGITS and luhn(run.digits))
        return card or count in self._lengths or (cued and count in CODE_DIGITS)

    def _remember(self, speaker: str, text: str, runs: list[Run], tail: int, *, cued: bool) -> None:
        last = runs[-1] if runs else None
        self._tails[speaker] = 0
        if last is not None and _GLUE.fullmatch(text, last.end) is not None:
            leads = _GLUE.fullmatch(text, 0, last.start) is not None
            self._tails[speaker] = len(last.digits) + (tail if leads else 0)
        self._cue = CUE_LINES if cued else max(0, self._cue - 1)


def sensitive_lengths(program: Program) -> frozenset[int]:
    """How many digits the hotline's sensitive `digits` slots have; shorter than three says nothing."""
    slots = (slot for flow in program.flows.values() for slot in flow.slots.values())
    spans = (slot.length for slot in slots if slot.sensitive and slot.type == "digits" and slot.length is not None)
    return frozenset(count for low, high in spans for count in range(max(3, low), high + 1))


def digit_runs(text: str) -> Iterator[Run]:
    """All numbers said digit by digit, in order."""
    start, end, digits = 0, 0, ""
    for found, value in _digits(text):
        if digits and _GLUE.fullmatch(text, end, found[0]) is None:
            yield Run(start, end, digits)
            digits = ""
        if not digits:
            start = found[0]
        end, digits = found[1], digits + value
    if digits:
        yield Run(start, end, digits)


def _digits(text: str) -> Iterator[tuple[tuple[int, int], str]]:
    """Spans with their digits: `4711`, `double five`, `forty two`."""
    tokens = [(found.span(), found.group().lower()) for found in _TOKEN.finditer(text)]
    index = 0
    while index < len(tokens):
        (start, end), word = tokens[index]
        following = tokens[index + 1] if index + 1 < len(tokens) else None
        then = _UNITS.get(following[1], following[1] if following[1].isdigit() else "") if following else ""
        index += 1
        if word.isdigit():
            yield (start, end), word
        elif word in _UNITS:
            yield (start, end), _UNITS[word]
        elif word in _TEENS:
            yield (start, end), _TEENS[word]
        elif word in _TIMES and following and len(then) == 1:
            yield (start, following[0][1]), then * _TIMES[word]
            index += 1
        elif word in _TENS:
            if following and len(then) == 1 and then != "0" and not following[1].isdigit():
                yield (start, following[0][1]), _TENS[word] + then
                index += 1
            else:
                yield (start, end), _TENS[word] + "0"


def luhn(digits: str) -> bool:
    """The check digit of payment cards (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char) * (1 + place % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0
