"""Text rewriting by a table of patterns, in one pass: at each place the first pattern of the table that fits wins, and
what it gave is not looked at again."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Rewrite: TypeAlias = Callable[[re.Match[str]], "str | None"]
"""Words for a match; None = this is not what it looked like (month 13), try the next rule at this place."""


@dataclass(frozen=True, slots=True)
class Rule:
    pattern: re.Pattern[str]
    rewrite: Rewrite


def rule(pattern: str, rewrite: Rewrite) -> Rule:
    """Spaces in the pattern are layout (re.VERBOSE), so a space is written `[ ]`."""
    return Rule(re.compile(pattern, re.VERBOSE | re.IGNORECASE), rewrite)


def rewrite(text: str, rules: Sequence[Rule], trigger: re.Pattern[str]) -> str:
    """Apply `rules` at every place where `trigger` (one character or a lookahead) says that one may fit."""
    parts: list[str] = []
    done = 0
    while found := trigger.search(text, done):
        start = found.start()
        parts.append(text[done:start])
        replacement, end = _first(text, start, rules)
        parts.append(replacement)
        done = end
    parts.append(text[done:])
    return "".join(parts)


def _first(text: str, start: int, rules: Sequence[Rule]) -> tuple[str, int]:
    for candidate in rules:
        match = candidate.pattern.match(text, start)
        if match and match.end() > start:
            words = candidate.rewrite(match)
            if words is not None:
                return words, match.end()
    return text[start], start + 1
