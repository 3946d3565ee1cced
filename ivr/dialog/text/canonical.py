"""Inverse text normalisation with a map back: numbers in words become digits, each character still knows where it
was in the source.

    "a hundred and fifty dollars"  -> "150 dollars"
    "一百五十块二毛"                 -> "150块2毛"
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ivr.dialog.text.clean import clean
from ivr.dialog.text.numbers_en import find_numbers as find_en
from ivr.dialog.text.numbers_zh import find_numbers as find_zh

_LARGE = frozenset("百千万亿")
"""A number that ends so is none of a group of digits: 五百六百 are two amounts."""


@dataclass(frozen=True, slots=True)
class Canonical:
    text: str
    source: str
    spans: tuple[tuple[int, int], ...]
    """For each character of `text` the (start, end) it stands for in `source`."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Source span of `text[start:end]`."""
        if start >= end:
            return (0, 0)
        return self.spans[start][0], self.spans[end - 1][1]


def canonical(text: str, language: str) -> Canonical:
    """`text` cleaned and with numbers as digits. Languages other than zh are read as English."""
    source = clean(text)
    found = find_zh(source) if language.startswith("zh") else find_en(source)
    return _replace(source, found)


def _replace(source: str, numbers: Iterable[tuple[int, int, str]]) -> Canonical:
    out: list[str] = []
    spans: list[tuple[int, int]] = []
    at = before = 0
    for start, end, digits in numbers:
        out.append(source[at:start])
        spans.extend((i, i + 1) for i in range(at, start))
        if start and start == at and (_apart(source, before, end) or _LARGE & {source[start - 1], source[end - 1]}):
            out.append(" ")
            spans.append((start, start))
        out.append(digits)
        spans.extend([(start, end)] * len(digits))
        at, before = end, start
    out.append(source[at:])
    spans.extend((i, i + 1) for i in range(at, len(source)))
    return Canonical("".join(out), source, tuple(spans))


def _apart(source: str, before: int, end: int) -> bool:
    """Does a number that ends at `end` stay apart from the one before it, begun at `before`? So in 周三两百三 and
    五百三天前; digits said in groups (四十四十二) do not."""
    return source[before - 1 : before] in ("周", "期", "拜") or source[end : end + 1] in ("天", "号", "月", "年")
