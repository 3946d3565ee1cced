"""Strings of digits that the caller mends while saying them: only the part that was wrong is said again.

    "one two three four, no, three five"                    -> 1235     the end is replaced
    "one two, three four, sorry, not one two, one three"    -> 1334     what is named is replaced
    一二三四，不对，三五                                        -> 1235

Whole strings said anew are the business of `ivr.dialog.slots.corrections`. A mended string is a guess, for the dialog
to read back, and is made only where the length that was asked for is met.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ivr.dialog.slots.corrections import negated, retractions


@dataclass(frozen=True, slots=True)
class Run:
    """Digits said on end, and where: characters of the source text."""

    digits: str
    span: tuple[int, int]


def mended(runs: Sequence[Run], text: str, language: str, shortest: int, longest: int) -> str:
    """The string of digits that the runs of an utterance make, parts said again put in their places; "" when nothing
    was mended, when the last run is a whole string by itself, or when no length that was asked for comes out."""
    if len(runs) < 2 or shortest <= len(runs[-1].digits) <= longest:
        return _named(runs, text, language, shortest, longest)
    cues = retractions(text, language)
    said, changed = runs[0].digits, False
    for before, run in pairwise(runs):
        if negated(text, language, run.span[0]):
            return _named(runs, text, language, shortest, longest)
        if any(before.span[1] <= cue <= run.span[0] + 1 for cue in cues):
            said, changed = _replaced(said, run.digits, shortest, longest), True
            if not said:
                return ""
        else:
            said += run.digits
    return said if changed and shortest <= len(said) <= longest else ""


def _replaced(said: str, again: str, shortest: int, longest: int) -> str:
    """The end of `said` with `again` in its place. A string that was whole keeps its length. One that broke off goes on
    behind the part said again: that part begins where the length, if it is known, is met."""
    if shortest <= len(said) <= longest:
        return said[: len(said) - len(again)] + again if len(again) < len(said) else ""
    kept = longest - len(again)
    if shortest == longest and 0 < kept < len(said) < kept + len(again):
        return said[:kept] + again
    return ""


def _named(runs: Sequence[Run], text: str, language: str, shortest: int, longest: int) -> str:
    """A whole string, then `not 12, 13` (often on end: 1213): the part that is named is replaced, where it occurs
    once."""
    if len(runs) > 2 and negated(text, language, runs[-2].span[0]) and not negated(text, language, runs[-1].span[0]):
        before, wrong, right = runs[:-2], runs[-2].digits, runs[-1].digits
    elif len(runs) > 1 and negated(text, language, runs[-1].span[0]):
        half = len(runs[-1].digits) // 2
        before, wrong, right = runs[:-1], runs[-1].digits[:half], runs[-1].digits[half:]
        if half < 2 or _alike("".join(run.digits for run in before), runs[-1].digits):
            return ""  # `47, not 48`
    else:
        return ""
    said = "".join(run.digits for run in before)
    whole = shortest <= len(said) <= longest and 0 < len(wrong) == len(right) < len(said)
    return said.replace(wrong, right) if whole and said.count(wrong) == 1 else ""


def _alike(said: str, other: str) -> bool:
    """Whether one is the other with a few digits changed."""
    return len(said) == len(other) and sum(a != b for a, b in zip(said, other, strict=True)) <= len(said) // 2
