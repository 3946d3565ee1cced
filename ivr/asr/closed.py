"""Closed questions: when a grammar's result settles one, and which of two passes is believed when it does not.

A grammar engine is far better at digits and single words than open recognition, cheap and at once there, but it hears
nothing else: out-of-grammar speech comes back as the phrase that is nearest, now and then with full confidence. So its
result is believed alone only when it is sure, holds no `[unk]`, and is an answer: exactly as many digits as were asked
for, or one of the phrases and nothing else. The final pass hears the rest, and its reading stays in the n-best list, so
that a correction, a question or the wish for an agent is heard too. Figures: docs/models.md, "Closed questions".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ivr.asr.base import Hypothesis, RecognitionRequest, Transcript
from ivr.dialog.slots import parse
from ivr.dialog.slots.corrections import retractions
from ivr.dialog.text.canonical import canonical
from ivr.dialog.text.clean import clean, words_only
from ivr.dialog.text.phonetics import sound

UNKNOWN = "[unk]"
"""What a grammar engine writes for words that are not in its grammar."""
SURE = 0.9
"""Least confidence of a grammar result that settles the question."""
FREE_SURE = 0.6
"""From this confidence on the final pass overrules a sure grammar result that sounds otherwise."""
FEWEST_DIGITS = 3
"""Shorter strings of digits come out of any short word: they do not settle the question."""
_NOT = re.compile(r"\bnot\W+(?=\w)|不是")
_DIGITS = frozenset("0123456789")
_DIGIT_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SETTLING = frozenset({"digits", "yes_no"})
"""Kinds of answers that were measured to need no second opinion when the grammar is sure. Choices do: a word that is
like an option (nine, nineteen) is taken for it with full confidence."""


def settled(first: Transcript, request: RecognitionRequest) -> bool:
    """Whether the grammar pass's result needs no second opinion."""
    if request.expects not in _SETTLING or not first.hypotheses or first.confidence < SURE:
        return False
    if request.expects == "digits" and request.length[0] != request.length[1]:
        return False  # a digit lost or doubled would go unnoticed
    return answers(first.text, request, FEWEST_DIGITS)


def answers(text: str, request: RecognitionRequest, fewest: int = 1) -> bool:
    """Whether `text` is an answer to the closed question: digits of the right number (and at least `fewest`), or one of
    the phrases and nothing else."""
    if UNKNOWN in text or not text:
        return False
    if request.expects != "digits":
        said = _plain(text, request.language)
        return any(said == _plain(phrase, request.language) for phrase in request.grammar)
    count = len(digits_in(text, request.language))
    return max(request.length[0], fewest) <= count <= request.length[1]


def digits_in(text: str, language: str, length: tuple[int, int] = (1, 64)) -> str:
    """The string of digits in a text, corrections in it resolved; "" when there is none."""
    found = parse("digits", text, language, {"length": list(length)})
    return str(found[0].value) if found and not found[0].error else ""


def closed_order(
    first: Sequence[Hypothesis], second: Sequence[Hypothesis], request: RecognitionRequest
) -> tuple[Hypothesis, ...]:
    """Both passes' readings, best first; the same reading once. `second` is not empty."""
    heard = [reading for reading in first if UNKNOWN not in reading.text]
    if not heard:
        return tuple(second)
    ordered = [*heard, *second] if _grammar_leads(heard[0], second[0], request) else [*second, *heard]
    kept: dict[str, Hypothesis] = {}
    for reading in ordered:
        key = _key(reading.text, request)
        if key not in kept:
            kept[key] = reading
        elif reading.confidence > kept[key].confidence:  # heard by both: as sure as the surer of them
            kept[key] = replace(kept[key], confidence=reading.confidence)
    return tuple(kept.values())


def same_answer(left: str, right: str, request: RecognitionRequest) -> bool:
    """Whether two readings give a closed question the same answer, however they are written."""
    return _key(left, request) == _key(right, request)


def _grammar_leads(grammar: Hypothesis, free: Hypothesis, request: RecognitionRequest) -> bool:
    if not answers(grammar.text, request):
        return False
    if request.expects == "digits":
        if answers(free.text, request):
            if _corrects(free.text, request.language):
                return False
            if _corrects(grammar.text, request.language):  # to the other one `no` was a nought
                return grammar.confidence >= SURE
            # where both hear a whole number the final pass has it more often, but digits are lost more than made up
            longer = len(digits_in(grammar.text, request.language)) > len(digits_in(free.text, request.language))
            return longer and grammar.confidence >= SURE
        return not _is_speech(free)
    if _key(grammar.text, request) == _key(free.text, request) or grammar.confidence < SURE:
        return grammar.confidence >= free.confidence
    return free.confidence < FREE_SURE or _sounds(grammar.text, request) == _sounds(free.text, request)


def _corrects(text: str, language: str) -> bool:
    """Does the caller take digits back in it?"""
    plain = clean(text)
    return bool(retractions(plain, language)) or _NOT.search(plain) is not None


def _is_speech(free: Hypothesis) -> bool:
    """Words, and enough of them to be no misheard digits."""
    return free.confidence >= FREE_SURE and sum(char.isdigit() for char in free.text) == 0 and len(free.text) > 8


def _key(text: str, request: RecognitionRequest) -> str:
    if request.expects == "digits" and (digits := digits_in(text, request.language)):
        return digits
    return _plain(text, request.language)


def _plain(text: str, language: str) -> str:
    """Numbers as digits, no punctuation, no spaces: `Twelve.` and `12` are the same."""
    return words_only(canonical(text, language).text).replace(" ", "")


def _sounds(text: str, request: RecognitionRequest) -> tuple[str, ...]:
    if request.language == "en":
        words = words_only(text).split()
        text = " ".join(_DIGIT_NAMES[int(word)] if word in _DIGITS else word for word in words)
    return sound(text, request.language)
