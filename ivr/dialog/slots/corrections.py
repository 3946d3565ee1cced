# ruff: noqa: E501 - a rule or phrase table reads better with one entry a line
"""Corrections inside one utterance: which of the values heard still stands.

"four seven, no, four eight"      -> 48
"four seven not four eight"       -> 47
不是十五是五十                      -> 50
四四一二，不对，四四一三             -> 4413
"""

from __future__ import annotations

import re

from ivr.dialog.slots.base import Parsed

_RETRACT_EN = re.compile(
    r"\b(?:no|nope|sorry|i mean|i meant|actually|wait|rather|make (?:that|it)|correction|scratch that|wrong|should be)\b"
)
_NEGATE_EN = re.compile(
    r"\b(?:not|isn't|wasn't|rather than|instead of|it's not|never)\s*(?:the|a|an|at|on|in|from|my|is|was)?\W*$"
)
_RETRACT_ZH = re.compile(r"不对|不是|错了|说错|我是说|应该是|改成|不不|哦不|噢不|更正|等等|等一下|而是|换成|搞错")
_NEGATE_ZH = re.compile(r"(?:不是|不要|并非|没有|别)\W*(?:那个|尾号|在|是)?\W*$")


def surviving(values: list[Parsed], text: str, language: str) -> list[Parsed]:
    """`values` without those the caller took back in the same breath. `text` is cleaned."""
    if len(values) < 2:
        return values
    chinese = language.startswith("zh")
    retract, negate = (_RETRACT_ZH, _NEGATE_ZH) if chinese else (_RETRACT_EN, _NEGATE_EN)
    standing = [value for value in values if not negate.search(text[: value.span[0]])]
    if not standing:
        return values
    cues = [match.end() for match in retract.finditer(text)]
    if not cues:
        return standing
    return [value for value in standing if not _taken_back(value, standing, cues)]


def _taken_back(value: Parsed, others: list[Parsed], cues: list[int]) -> bool:
    return any(value.span[1] <= cue <= other.span[0] + 1 for cue in cues for other in others if other is not value)
