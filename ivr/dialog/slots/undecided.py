"""Several values of which the caller has not chosen one.

"wednesday or thursday", 周三或者周四     -> both, as likely as the toss of a coin: the slot asks `A or B?`
"between three and five hundred", 三到五百 -> a range is no value: too unlikely to be taken or asked back
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from ivr.dialog.events import JsonValue
from ivr.dialog.slots.base import Parsed

EITHER = 0.55
"""p of each of two values that are offered."""
RANGE = 0.3
TYPES = frozenset({"number", "money", "date", "time"})
"""Types whose values are measured. Digits and phone numbers are read in pieces, and choices have `A or B?` anyway."""

_PART = r"(?:morning|afternoon|evening|night|早上|上午|中午|下午|晚上)?"
_OR = re.compile(rf"\W*{_PART}\W*(?:or|还是|或者?是?|要么)(?: (?:maybe|perhaps|on|at|the))*\W*")
_TO = re.compile(r"\W*(?:to|and|through|until|till|到|至|~|-)(?: (?:the|on|at))*\W*")
_BETWEEN = re.compile(r"\b(?:between|anywhere from|somewhere from)\W+(?:the |on |at )*$")
_MOVED = re.compile(r"(?:\bfrom|从|由|改|换)\W*(?:the |on |at )*$")
"""`from friday to monday` corrects or moves something as often as it spans; which one is left to what follows."""


def undecided(type: str, values: Sequence[Parsed], text: str) -> list[Parsed]:
    """`values` with less belief in those the caller left open. `text` is cleaned."""
    if type not in TYPES or len(values) < 2:
        return list(values)
    in_order = sorted(values, key=lambda value: value.span)
    open_: dict[tuple[int, int], float] = {}
    for one, two in pairwise(in_order):
        p = _believed(text[: one.span[0]], text[one.span[1] : two.span[0]])
        if p is not None and _scale_is_shared(one.value, two.value):
            p = RANGE
        if p is not None and one.value != two.value:
            open_ |= {one.span: p, two.span: p}
    return [replace(each, p=open_[each.span], explicit=False) if each.span in open_ else each for each in values]


def _scale_is_shared(one: JsonValue, two: JsonValue) -> bool:
    """`three or four hundred`: nobody means 3."""
    return isinstance(one, int | float) and isinstance(two, int | float) and one < 10 and two >= 100


def _believed(before: str, between: str) -> float | None:
    """How much of a pair of values is believed, by the words before and between them; None = nothing is left open."""
    if _OR.fullmatch(between):
        return EITHER
    joined = _TO.fullmatch(between)
    if joined and "and" in between:  # `monday and tuesday` are two; `between monday and tuesday` is a range
        return RANGE if _BETWEEN.search(before) else None
    return RANGE if joined and between.strip() and not _MOVED.search(before) else None
