"""The hotline's vocabulary and the first engine's words choose among the second's readings: no models needed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.asr.base import Hypothesis, RecognitionRequest, Word
from ivr.asr.bias import MOST_WORTH, reworded, sound_alikes, worth
from ivr.asr.fusion import fused, letters
from ivr.dialog.hints import Hint


@pytest.mark.parametrize(
    ("heard", "term", "language", "wanted"),
    [
        ("Trunk Cating audio", "truncating", "en", "truncating audio"),
        ("You are alone in the ComFriends.", "conference", "en", "You are alone in the conference."),
        ("Agent LogDoph", "logged off", "en", "Agent logged off"),
        ("我想修诺娃的门锁", "诺瓦", "zh", "我想修诺瓦的门锁"),
    ],
)
def test_what_sounds_like_a_word_of_the_hotline_becomes_a_reading(
    heard: str, term: str, language: str, wanted: str
) -> None:
    assert sound_alikes(heard, [Hint(term)], language) == [wanted]


def test_misheard_forms_of_the_lexicon_are_found_too() -> None:
    hint = Hint("Nova X2", 4.0, alike=("nova ex two", "no va x two"))
    assert sound_alikes("my nova ex two is offline", [hint], "en") == ["my Nova X2 is offline"]


@pytest.mark.parametrize(
    ("heard", "hint"),
    [
        ("I want to cancel my order", Hint("mortgage")),
        ("the conference is full", Hint("conference")),
        ("Trunk Cating audio", Hint("truncating", 0.3)),
        ("oh", Hint("a")),
    ],
    ids=["sounds otherwise", "stands there already", "a word of some phrase only", "too short to tell"],
)
def test_nothing_is_put_in_without_reason(heard: str, hint: Hint) -> None:
    assert sound_alikes(heard, [hint], "en") == []


def test_worth_counts_each_word_once_and_is_bounded() -> None:
    hints = [Hint("refund", 1.0), Hint("Breeze Mini", 100.0)]
    assert worth("A refund, a refund!", hints, "en") == 2.0
    assert worth("refunded", hints, "en") == 0.0
    assert worth("refund my breeze mini", hints, "en") == MOST_WORTH
    assert worth("我要退款", [Hint("退款", 1.5)], "zh") == 3.0


def reading(text: str, log_likelihood: float, *words: Word, confidence: float = 0.8) -> Hypothesis:
    return Hypothesis(text, confidence, words, log_likelihood)


def test_of_equally_likely_readings_the_one_the_first_engine_heard_leads() -> None:
    words = (Word("Press", 0, 300, 0.9), Word("T", 300, 500, 0.4), Word("now", 500, 900, 0.9))
    second = [reading("Press T now", -2.0, *words), reading("Press 2 now", -2.1)]
    found = fused([Hypothesis("press two now", 0.9)], second, RecognitionRequest("en"))
    assert [one.text for one in found] == ["Press 2 now", "Press T now"]
    assert [(word.text, word.start_ms, word.end_ms) for word in found[0].words] == [
        ("Press", 0, 300),
        ("2", 300, 500),
        ("now", 500, 900),
    ]
    assert found[1].confidence < found[0].confidence


def test_the_first_engine_does_not_overrule_a_clear_reading() -> None:
    second = [reading("Call waiting.", -0.5), reading("Oh waiting.", -6.0)]
    assert fused([Hypothesis("oh waiting", 1.0)], second, RecognitionRequest("en"))[0].text == "Call waiting."


def test_a_word_of_the_hotline_tips_the_balance() -> None:
    second = [reading("My brief mini is off", -3.0), reading("My Breeze Mini is off", -4.5)]
    plain = fused((), second, RecognitionRequest("en"))
    biased = fused((), second, RecognitionRequest("en", hints=(Hint("Breeze Mini", 1.0),)))
    assert (plain[0].text, biased[0].text) == ("My brief mini is off", "My Breeze Mini is off")


def test_readings_without_a_likelihood_keep_their_order() -> None:
    second = [Hypothesis("yes", 0.2), Hypothesis("no", 0.9)]
    assert fused([Hypothesis("no", 1.0)], second, RecognitionRequest("en")) == tuple(second)


def test_numbers_and_homophones_are_the_same_to_the_comparison() -> None:
    assert letters("Press 2!", "en") == letters("press two", "en")
    assert letters("他在这里", "zh") == letters("她在这里", "zh")


def test_words_of_another_reading_share_the_time_of_what_they_replace() -> None:
    spoken = (("log", 0, 400), ("in", 400, 600), ("and", 600, 800), ("correct", 800, 1200))
    words = [Word(text, start, end, 0.5) for text, start, end in spoken]
    found = reworded(words, "Log incorrect", "en", 0.5)
    assert [(word.text, word.start_ms, word.end_ms, word.confidence) for word in found] == [
        ("log", 0, 400, 0.5),
        ("incorrect", 400, 1200, 0.5),
    ]


WORDS = st.lists(st.sampled_from(["one", "two", "call", "color", "now"]), max_size=6)


@given(WORDS, WORDS)
def test_reworded_has_the_words_wanted_in_order_of_time(old: list[str], new: list[str]) -> None:
    words = [Word(text, 100 * place, 100 * place + 100, 0.5) for place, text in enumerate(old)]
    found = reworded(words, " ".join(new), "en", 0.5)
    assert [word.text for word in found] == new
    assert all(word.start_ms <= word.end_ms for word in found)
    assert [word.start_ms for word in found] == sorted(word.start_ms for word in found)
