"""Anger: words from a lexicon, failures so far and loudness, in one score.

What was said counts most; being misunderstood again and shouting make the same words weigh more.
"""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass

from ivr.dialog.text.clean import clean, words_only
from ivr.dialog.understanding.background import data_file

NORMAL_LOUDNESS_DBFS = -24.0
"""Speech louder than this counts as raised."""
_BIAS, _PER_WORDS, _PER_FAILURE, _PER_DB = -3.4, 5.3, 0.45, 0.06
_MAX_FAILURES = 6
_BEFORE = 40
"""Characters in which a negation stands before its term."""
_CALM = {"en": re.compile(r"\b(?:not|isn't|no|never)(?: \w+)? $"), "zh": re.compile(r"(?:不|没|没有|不是)$")}


@dataclass(frozen=True, slots=True)
class Anger:
    """What the words alone say."""

    lexical: float
    """0 to 1."""
    terms: tuple[str, ...]


def lexical_anger(text: str, language: str) -> Anger:
    """Lexicon terms in `text`: each adds its weight to what the others have left (1 - product of (1 - w))."""
    key = "zh" if language.startswith("zh") else "en"
    bare = words_only(text)
    calm = 1.0
    found: list[str] = []
    for match in _pattern(key).finditer(bare):
        if _CALM[key].search(bare[max(0, match.start() - _BEFORE) : match.start()]):
            continue
        calm *= 1 - _weights(key)[match.group()]
        found.append(match.group())
    if found and re.search(r"[!！]", clean(text)):
        calm *= 0.9
    return Anger(round(1 - calm, 4), tuple(found))


def anger_score(lexical: float, failures: int = 0, loudness_dbfs: float = NORMAL_LOUDNESS_DBFS) -> float:
    """The score that `anger.on` is compared with: 0 to 1.

    `failures`: noinput, nomatch and invalid so far in the call. `loudness_dbfs`: speech level of the utterance. Without
    any angry word the score stays under 0.5: failing often is the bot's fault, not the caller's mood.
    """
    raised = min(max(loudness_dbfs - NORMAL_LOUDNESS_DBFS, 0.0), 20.0)
    value = _BIAS + _PER_WORDS * lexical + _PER_FAILURE * min(failures, _MAX_FAILURES) + _PER_DB * raised
    score = 1 / (1 + math.exp(-value))
    return round(score if lexical else min(score, 0.49), 4)


@functools.cache
def _weights(key: str) -> dict[str, float]:
    by_weight = data_file("anger.yaml")[key]
    return {words_only(str(term)): float(weight) for weight, terms in by_weight.items() for term in terms}


@functools.cache
def _pattern(key: str) -> re.Pattern[str]:
    terms = sorted(_weights(key), key=len, reverse=True)
    joined = "|".join(re.escape(term) for term in terms)
    return re.compile(joined if key == "zh" else rf"\b(?:{joined})\b")
