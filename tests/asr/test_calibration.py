"""Scores of engines as probabilities."""

from __future__ import annotations

import itertools

import pytest

from ivr.asr.base import Hypothesis, RecognitionRequest, Transcript, Word
from ivr.asr.calibration import Curve, answer_kind, curves, other_reading, word_kinds
from ivr.asr.two_pass import join, joined


def transcript(*readings: Hypothesis, language: str = "en", engine: str = "x") -> Transcript:
    return Transcript(readings, language, engine, True)


def words(text: str, confidence: float = 0.5) -> tuple[Word, ...]:
    return tuple(Word(word, 100 * place, 100 * place + 100, confidence) for place, word in enumerate(text.split()))


def test_each_word_is_judged_by_whether_the_other_engine_heard_it_too() -> None:
    best = words("Press 2 to call")
    assert word_kinds(best, Hypothesis("press two do call", 0.9), "en") == ["agreed", "agreed", "alone", "agreed"]
    assert word_kinds(best, None, "en") == ["only"] * 4
    assert word_kinds(words("请 说"), Hypothesis("请坐", 0.9), "zh") == ["agreed", "alone"]


def test_an_answer_agrees_however_it_is_written() -> None:
    request = RecognitionRequest("en", ("one two",), expects="digits", length=(2, 2))
    first, second = transcript(Hypothesis("one two", 0.8)), transcript(Hypothesis("12.", 0.6))
    assert answer_kind(Hypothesis("1 2", 0.6), first, second, request) == "agreed"
    assert answer_kind(Hypothesis("one five", 0.6), first, second, request) == "alone"
    assert answer_kind(Hypothesis("one two", 0.8), first, None, request) == "only"


def test_another_language_says_nothing_of_a_reading() -> None:
    first, second = transcript(Hypothesis("ching show", 0.3)), transcript(Hypothesis("请说", 0.9), language="zh")
    assert other_reading(second.hypotheses[0], first, second) is None


def test_curves_rise_and_stay_probabilities() -> None:
    assert curves(), "the package has its table"
    for key, curve in curves().items():
        assert key.split(".")[0] in {"open", "closed"}
        assert key.split(".")[2] in {"agreed", "alone", "only"}
        assert list(curve.scores) == sorted(curve.scores), key
        assert all(low <= high for low, high in itertools.pairwise(curve.shares)), key
        assert all(0 < share < 1 for share in curve.shares), key
        assert len(curve.scores) == len(curve.shares) >= 1, key


def test_a_curve_is_straight_between_its_knots() -> None:
    curve = Curve((0.2, 0.6), (0.5, 0.9))
    assert [curve(score) for score in (0.0, 0.2, 0.4, 0.6, 1.0)] == [0.5, 0.5, 0.7, 0.9, 0.9]


def test_a_short_word_heard_by_both_is_believed() -> None:
    """`yes` on a telephone line: Whisper gives it a quarter, and both engines have it."""
    first = transcript(Hypothesis("yes", 0.6, words("yes", 0.6)))
    second = transcript(Hypothesis("Yes.", 0.25, words("Yes", 0.25)))
    assert joined(first, second, None).confidence == 0.25
    assert join(first, second).confidence > 0.7
    against = transcript(Hypothesis("this", 0.6, words("this", 0.6)))
    assert join(against, second).confidence < join(first, second).confidence


@pytest.mark.parametrize("text", ["", "hello"])
def test_nothing_and_words_without_times_pass(text: str) -> None:
    heard = transcript(*([Hypothesis(text, 0.5)] if text else []))
    assert join(None, heard).text == text


def test_order_of_readings_is_kept_and_none_is_surer_than_the_best() -> None:
    heard = transcript(Hypothesis("my card", 0.4, words("my card", 0.4)), Hypothesis("my cart", 0.39))
    found = join(None, heard).hypotheses
    assert [one.text for one in found] == ["my card", "my cart"]
    assert found[0].confidence >= found[1].confidence
