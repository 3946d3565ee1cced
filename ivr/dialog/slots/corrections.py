# ruff: noqa: E501 - a rule or phrase table reads better with one entry a line
"""Corrections inside one utterance: which of the values heard still stands.

"four seven, no, four eight"      -> 48
"four seven not four eight"       -> 47
不是十五是五十                      -> 50
四四一二，不对，四四一三             -> 4413
"""

from __future__ import annotations

import bisect
import re

from ivr.dialog.slots.base import Parsed

_DIGIT = "0-9零〇一二三四五六七八九幺两"
_RETRACT_EN = re.compile(
    r"\b(?:change|correct|switch|update) [^.,]*?\bto\b|\b(?:no|nope|sorry|i mean|i meant|actually|wait|rather|make (?:that|it)|correction|scratch that|wrong|should be|oops|whoops)\b"
    r"|(?<!\bi )(?<!\byou )(?<!n't )\bknow\b(?=\W+(?:\d|oh|zero|one|two|three|four|five|six|seven|eight|nine|double)\b)"
)
_NEGATE_EN = re.compile(
    r"\b(?:not|isn't|wasn't|rather than|instead of|it's not|never)\s*(?:the|a|an|at|on|in|from|my|is|was)?\W*$"
)
_RETRACT_ZH = re.compile(
    r"不对|不是|错了|说错|我是说|应该是|改成|改到|改为|换到|不不|哦不|噢不|更正|等等|等一下|而是|换成|搞错|重来|重说|[啊哦噢呃哎]不是|不是[，,。]"
    rf"|(?<=[{_DIGIT}十百千万亿块元毛])[啊哦噢呃哎，, ]*不[，,啊 ]*(?=[{_DIGIT}十])"
)
_NEGATE_ZH = re.compile(r"(?:(?<![啊哦噢呃哎])不是(?![，,。])|不要|并非|没有|别)\W*(?:那个|尾号|在|是)?\W*$")

_BEFORE = 40
"""Characters in which a negation stands before its value."""


def surviving(values: list[Parsed], text: str, language: str) -> list[Parsed]:
    """`values` without those the caller took back in the same breath. `text` is cleaned."""
    if len(values) < 2:
        return values
    standing = [value for value in values if not negated(text, language, value.span[0])]
    if not standing:
        return values
    cues = retractions(text, language)
    if not cues or len(standing) < 2:
        return standing
    starts = sorted(value.span[0] for value in standing)
    return [value for value in standing if not _taken_back(value, starts, cues)]


def retractions(text: str, language: str) -> list[int]:
    """Where words that take back what was said before them end: `no`, `I mean`, 不对."""
    retract = _RETRACT_ZH if language.startswith("zh") else _RETRACT_EN
    return [match.end() for match in retract.finditer(text)]


def negated(text: str, language: str, start: int) -> bool:
    """Whether a value that begins at `start` is one the caller says it is not."""
    negate = _NEGATE_ZH if language.startswith("zh") else _NEGATE_EN
    return negate.search(text[max(0, start - _BEFORE) : start]) is not None


def _taken_back(value: Parsed, starts: list[int], cues: list[int]) -> bool:
    """A cue stands behind the value, and before another one. `starts`: where all values begin, in order."""
    last = starts[-1] if starts[-1] != value.span[0] or starts[-2] == starts[-1] else starts[-2]
    at = bisect.bisect_left(cues, value.span[1])
    return at < len(cues) and cues[at] <= last + 1
