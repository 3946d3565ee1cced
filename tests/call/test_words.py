from __future__ import annotations

import pytest

from ivr.call.words import SpokenWords
from ivr.dialog.events import Expectation, SlotExpectation
from ivr.turn.endpoint import Completeness


def asking(kind: str, language: str = "en", length: tuple[int, int] | None = None) -> Expectation:
    return Expectation("f/s", "ask", language, "f", asked="x", slots=(SlotExpectation("x", kind, length),))


@pytest.mark.parametrize(
    ("text", "expectation", "expected"),
    [
        ("four four one two", asking("digits", length=(4, 4)), "complete"),
        ("four four one", asking("digits", length=(4, 4)), "incomplete"),
        ("one two three four five", asking("digits", length=(4, 8)), "filled"),
        ("four four speak two", asking("digits", length=(4, 4)), "misheard"),
        ("a four one two", asking("digits", length=(4, 4)), "misheard"),
        ("back four one two", asking("digits", length=(4, 4)), "misheard"),
        ("it's four one two", asking("digits", length=(4, 4)), "incomplete"),
        ("my number is four four one", asking("digits", length=(4, 4)), "incomplete"),
        ("four four to", asking("digits", length=(4, 4)), "incomplete"),
        ("four four and", asking("digits", length=(2, 8)), "incomplete"),
        ("four four to", asking("digits", length=(2, 8)), "filled"),
        ("four speak four five", asking("digits", length=(4, 8)), "filled"),
        ("四四哪二", asking("digits", "zh", (4, 4)), "misheard"),
        ("四四幺二", asking("digits", "zh", (4, 4)), "complete"),
        ("四四", asking("digits", "zh", (4, 4)), "incomplete"),
        ("yes", asking("yes_no"), "complete"),
        ("no", asking("yes_no"), "filled"),
        ("是的", asking("yes_no", "zh"), "complete"),
        ("不是", asking("yes_no", "zh"), "filled"),
        ("I want to pay my", asking("text"), "incomplete"),
        ("我要", asking("text", "zh"), "incomplete"),
        ("a medium mocha with", asking("text"), "incomplete"),
        ("could you", asking("text"), "open"),
        ("请帮我", asking("text", "zh"), "incomplete"),
        ("fifteen", asking("money"), "filled"),
        ("hello there", asking("text"), "open"),
        ("", asking("digits", length=(4, 4)), "open"),
        ("yes", Expectation("f/s", "confirm", "en", "f"), "complete"),
        ("yes", Expectation("f/s", "route", "en", "f", open=True), "open"),
    ],
)
def test_what_the_words_so_far_mean(text: str, expectation: Expectation, expected: str) -> None:
    assert SpokenWords().completeness(text, expectation) is Completeness(expected)


def test_two_chinese_characters_count_as_a_word() -> None:
    words = SpokenWords()
    assert [words.words(text, "zh") for text in ("我", "我要", "我要转账", "好 ok")] == [1, 1, 2, 2]
    assert words.words("speak to an agent", "en") == 4


def test_back_channels_and_hotwords() -> None:
    words = SpokenWords()
    assert words.is_backchannel("uh huh", "en")
    assert words.is_backchannel("嗯嗯", "zh")
    assert not words.is_backchannel("help me", "en")
    assert words.is_hotword("I use Yu'ebao", asking("text"), ("yu'ebao",))
