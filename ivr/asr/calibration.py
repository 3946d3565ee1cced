"""From an engine's scores to probabilities: a confidence of 0.8 is right 8 times of 10 on clips nobody fitted.

Engines' scores are none: Whisper gives a short word on a telephone line a quarter and is right, Vosk gives 1.0 to
words that were never said. What tells most is whether both engines heard the same. So each score goes through a curve
of its own kind:

    agreed   the other engine heard the same word (closed questions: the same answer)
    alone    the other engine heard something else
    only     no other engine heard anything, or none was asked

The curves are fitted by `benchmarks/confidence.py --fit` (isotonic regression, few knots), kept in `confidence.json`
with what they were fitted on, and their reliability on other clips is in docs/models.md.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from typing import Literal

import numpy as np

from ivr.asr.base import Hypothesis, RecognitionRequest, Transcript, Word
from ivr.asr.closed import same_answer
from ivr.dialog.text.canonical import canonical
from ivr.dialog.text.clean import words_only

Kind = Literal["agreed", "alone", "only"]
FILE = "confidence.json"


@dataclass(frozen=True, slots=True)
class Curve:
    """A rising line through (score, share that was right)."""

    scores: tuple[float, ...]
    shares: tuple[float, ...]

    def __call__(self, score: float) -> float:
        return round(float(np.interp(score, self.scores, self.shares)), 4)


@lru_cache(maxsize=1)
def curves() -> Mapping[str, Curve]:
    """Key (`open.en.agreed`) -> curve; what has none keeps its score."""
    text = resources.files("ivr.asr").joinpath(FILE).read_text(encoding="utf-8")
    return {key: Curve(tuple(c["scores"]), tuple(c["shares"])) for key, c in json.loads(text)["curves"].items()}


def calibrated(
    final: Transcript, first: Transcript | None, second: Transcript | None, request: RecognitionRequest
) -> Transcript:
    """The joined transcript with probabilities. An open reading's is that of its average word; the answer to a closed
    question (`request` has a grammar) is right or wrong as a whole."""
    if not final.hypotheses:
        return final
    table = curves()
    closed = bool(request.grammar) and final.language == request.language
    if closed:
        hypotheses = tuple(_answer(one, first, second, request, table) for one in final.hypotheses)
    else:
        best = final.hypotheses[0]
        other = other_reading(best, first, second)
        judged = with_words(best, other, final.language, table)
        scale = judged.confidence / best.confidence if best.confidence else 1.0
        rest = (
            replace(one, confidence=round(min(judged.confidence, one.confidence * scale), 4))
            for one in final.hypotheses[1:]
        )
        hypotheses = (judged, *rest)
    return replace(final, hypotheses=hypotheses)


def with_words(best: Hypothesis, other: Hypothesis | None, language: str, table: Mapping[str, Curve]) -> Hypothesis:
    """A reading with the probability of each word, and of the average one."""
    kinds = word_kinds(best.words, other, language)
    words = tuple(
        replace(word, confidence=_look_up(table, f"open.{language}.{kind}", word.confidence))
        for word, kind in zip(best.words, kinds, strict=True)
    )
    if not words:
        kind: Kind = "only" if other is None else "agreed" if _same(best.text, other.text, language) else "alone"
        return replace(best, confidence=_look_up(table, f"open.{language}.{kind}", best.confidence))
    return replace(best, words=words, confidence=round(sum(word.confidence for word in words) / len(words), 4))


def word_kinds(words: Sequence[Word], other: Hypothesis | None, language: str) -> list[Kind]:
    """For each word, whether the other engine's reading has it, too, at its place."""
    if other is None:
        return ["only"] * len(words)
    heard = [(index, part) for index, word in enumerate(words) for part in _parts(word.text, language)]
    matcher = difflib.SequenceMatcher(None, [part for _, part in heard], _parts(other.text, language), autojunk=False)
    kinds: list[Kind] = ["agreed"] * len(words)
    common = {block.a + n for block in matcher.get_matching_blocks() for n in range(block.size)}
    for place, (index, _) in enumerate(heard):
        if place not in common:
            kinds[index] = "alone"
    return kinds


def answer_kind(
    answer: Hypothesis, first: Transcript | None, second: Transcript | None, request: RecognitionRequest
) -> Kind:
    """Whether both passes heard this answer."""
    if not (first and first.hypotheses and second and second.hypotheses):
        return "only"
    both = all(
        any(same_answer(answer.text, one.text, request) for one in heard.hypotheses[:3]) for heard in (first, second)
    )
    return "agreed" if both else "alone"


def _answer(
    answer: Hypothesis, first: Transcript | None, second: Transcript | None, request: RecognitionRequest,
    table: Mapping[str, Curve],
) -> Hypothesis:  # fmt: skip
    kind = answer_kind(answer, first, second, request)
    return replace(answer, confidence=_look_up(table, f"closed.{request.language}.{kind}", answer.confidence))


def other_reading(best: Hypothesis, first: Transcript | None, second: Transcript | None) -> Hypothesis | None:
    """The other pass's best reading of the same sound, if both heard something."""
    if first is None or second is None or not first.hypotheses or not second.hypotheses:
        return None
    if first.language != second.language:
        return None
    mine = any(one.text == best.text for one in second.hypotheses)
    return first.hypotheses[0] if mine else second.hypotheses[0]


def _look_up(table: Mapping[str, Curve], key: str, score: float) -> float:
    curve = table.get(key)
    return curve(score) if curve is not None else score


def _same(left: str, right: str, language: str) -> bool:
    return _parts(left, language) == _parts(right, language)


def _parts(text: str, language: str) -> list[str]:
    """Words, numbers as digits; characters in Chinese."""
    plain = words_only(canonical(text, language).text.lower())
    return list(plain.replace(" ", "")) if language.startswith("zh") else plain.split()
