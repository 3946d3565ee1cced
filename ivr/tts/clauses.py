"""Cutting a prompt into clauses: the unit that is synthesised, cached and resumed after a false barge-in.

Short clauses make the first sound come early; clauses that are too short sound chopped. So a comma closes a clause only
when enough has been said, a full stop always unless next to nothing stands before it, and a text without punctuation is
cut where it becomes too long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

MIN_AT_COMMA = 6.0
MIN_AT_STOP = 2.0
MAX_WEIGHT = 60.0
"""Syllables, roughly: see `weight`. Sixty are some twelve seconds."""

STOP_PAUSE_MS = 300
COMMA_PAUSE_MS = 140

_STOPS = "。！？!?；;…\n"
_COMMAS = "，,：:—"
_BREAK = re.compile(rf"(?:[{_STOPS}]+|\.+(?=\s|[\"”’)\]]|$)|[{_COMMAS}]+)[\"”’』」）)\]]*")
_ABBREVIATION = re.compile(r"(?:\b[A-Za-z]|\b(?:Mr|Mrs|Ms|Dr|St|No|vs|etc))\.$")
_WIDE = re.compile(r"[぀-ヿ㐀-鿿가-힯]")
_WORD = re.compile(r"[぀-ヿ㐀-鿿가-힯]|[^\W_぀-ヿ㐀-鿿가-힯]+(?:['’-][^\W_぀-ヿ㐀-鿿가-힯]+)*")


@dataclass(frozen=True, slots=True)
class Clause:
    text: str
    start: int
    """Offset of its first character in the prompt."""
    pause_ms: int
    """Silence after it when another clause follows."""


def split(text: str) -> tuple[Clause, ...]:
    """The clauses of a prompt in order; () when there is nothing in it to say."""
    clauses: list[Clause] = []
    start = 0
    for end, pause_ms in _boundaries(text):
        piece = text[start:end]
        if pause_ms and weight(piece) < (MIN_AT_STOP if pause_ms == STOP_PAUSE_MS else MIN_AT_COMMA):
            continue
        clauses += _cut_long(piece, start, pause_ms)
        start = end
    return tuple(clauses)


def words(text: str) -> list[tuple[int, str]]:
    """Offset and text of every word; every Chinese, Japanese or Korean character counts as one."""
    return [(found.start(), found[0]) for found in _WORD.finditer(text)]


def weight(text: str) -> float:
    """How long a text takes to say, in syllables: a Chinese character 1, a third of the letters of other words."""
    return sum(1.0 if _WIDE.match(word) else max(1.0, len(word) / 3) for _, word in words(text))


def _boundaries(text: str) -> Iterator[tuple[int, int]]:
    """Ends of clauses with the pause that belongs there, the end of the text last (pause 0)."""
    for found in _BREAK.finditer(text):
        if found.end() == len(text):
            break
        if found[0].startswith("."):
            follows = text[found.end() :].lstrip()
            if _ABBREVIATION.search(text[: found.start() + 1]) and not (
                follows[:1].isupper() and text[found.start() - 1] == "m"
            ):
                continue
        yield found.end(), COMMA_PAUSE_MS if found[0][0] in _COMMAS else STOP_PAUSE_MS
    yield len(text), 0


def _cut_long(piece: str, offset: int, pause_ms: int) -> list[Clause]:
    """One clause, or several when it is longer than MAX_WEIGHT: cut before the word that would be too much."""
    found = words(piece)
    if not found:
        return []
    cuts, load = [0], 0.0
    for at, word in found:
        load += weight(word)
        if load > MAX_WEIGHT:
            cuts.append(at)
            load = weight(word)
    cuts.append(len(piece))
    clauses = []
    for begin, end in pairwise(cuts):
        part = piece[begin:end]
        lead = len(part) - len(part.lstrip())
        clauses.append(Clause(part.strip(), offset + begin + lead, pause_ms if end == len(piece) else 0))
    return clauses
