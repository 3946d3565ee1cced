"""Open questions heard by two engines: the second's n-best list put in order by what the first heard.

Whisper and Kaldi err in different places: of Whisper's five best readings one is right far more often than the best
is, and the one nearest to what Vosk heard is mostly that one. The streaming pass has been paid for by partials and
endpointing already, so this costs nothing but the search (benchmarks/open_questions.py has the figures).

    score = log-likelihood (second engine) + worth of hotline words - LETTER_COST x letters apart (first engine)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from rapidfuzz.distance import Levenshtein

from ivr.asr.base import Hypothesis, RecognitionRequest
from ivr.asr.bias import reworded, worth
from ivr.dialog.text.canonical import canonical
from ivr.dialog.text.clean import words_only
from ivr.dialog.text.phonetics import pinyin_keys

LETTER_COST = 0.15
"""Log-likelihood that a reading loses for each letter (syllable in Mandarin) it is away from the first engine's."""
DOUBTED = 0.5
"""Confidence of words that only the chosen reading has."""


def fused(
    first: Sequence[Hypothesis], second: Sequence[Hypothesis], request: RecognitionRequest
) -> tuple[Hypothesis, ...]:
    """`second` (not empty) in the order of the scores; readings without a likelihood stay behind, as they were. The
    first of them keeps word times, whichever reading it is."""
    scored = [one for one in second if one.log_likelihood < 0]
    if len(scored) < 2:
        return tuple(second)
    heard = first[0].text if first else ""
    wanted = letters(heard, request.language)

    def score(one: Hypothesis) -> float:
        apart = Levenshtein.distance(wanted, letters(one.text, request.language)) if wanted else 0
        return one.log_likelihood + worth(one.text, request.hints, request.language) - LETTER_COST * apart

    scores = [score(one) for one in scored]
    best = max(scores)
    order = sorted(range(len(scored)), key=lambda index: -scores[index])
    shares = [math.exp(value - best) for value in scores]
    chosen = scored[order[0]]
    words = next((one.words for one in second if one.words), ())
    if not chosen.words and words:
        chosen = replace(chosen, words=reworded(words, chosen.text, request.language, DOUBTED))
    rest = [
        replace(scored[index], confidence=round(chosen.confidence * shares[index], 4), words=()) for index in order[1:]
    ]
    return (chosen, *rest, *(one for one in second if one.log_likelihood >= 0))


def letters(text: str, language: str) -> tuple[str, ...]:
    """What is compared: letters and digits in English, numbers as digits; syllables without tones in Mandarin."""
    plain = words_only(canonical(text, language).text.lower()).replace(" ", "")
    return pinyin_keys(plain) if language.startswith("zh") else tuple(plain)
