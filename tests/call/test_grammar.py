"""What a closed question gives the recogniser to listen for."""

from __future__ import annotations

import pytest

from ivr.call.grammar import MOST_PHRASES, ClosedAnswer, closed_answer
from ivr.dialog.events import Expectation, SlotExpectation


def asking(
    kind: str, language: str = "en", length: tuple[int, int] | None = None, phrases: tuple[str, ...] = ()
) -> Expectation:
    slots = (SlotExpectation("x", kind, length),)
    return Expectation("f/s", "ask", language, "f", asked="x", slots=slots, phrases=phrases, open=kind == "text")


@pytest.mark.parametrize("mode", ["route", "more", "command"])
def test_open_questions_have_no_grammar(mode: str) -> None:
    assert closed_answer(Expectation("f/s", mode, "en", "f", open=mode != "command")) == ClosedAnswer()  # type: ignore[arg-type]
    assert closed_answer(asking("text")) == ClosedAnswer()
    assert closed_answer(asking("choice")) == ClosedAnswer()
    assert closed_answer(asking("digits", "ko")) == ClosedAnswer()


@pytest.mark.parametrize("mode", ["confirm", "guess"])
@pytest.mark.parametrize(("language", "first", "command"), [("en", "yes", "agent"), ("zh-CN", "是", "人工")])
def test_yes_and_no(mode: str, language: str, first: str, command: str) -> None:
    answer = closed_answer(Expectation("f/s", mode, language, "f"))  # type: ignore[arg-type]
    assert answer.kind == "yes_no"
    assert answer.phrases[0] == first
    assert command in answer.phrases
    assert closed_answer(asking("yes_no", language)).phrases == answer.phrases


def test_digits_are_given_in_pairs() -> None:
    answer = closed_answer(asking("digits", length=(4, 6)))
    assert (answer.kind, answer.length) == ("digits", (4, 6))
    assert {"seven", "oh", "seven oh", "double three", "forty two", "nineteen", "agent"} <= set(answer.phrases)
    chinese = closed_answer(asking("digits", "zh", (4, 4)))
    assert {"幺", "两", "零四", "人工"} <= set(chinese.phrases)
    assert closed_answer(asking("phone")).length == (5, 15)
    assert closed_answer(asking("digits")).length == (1, 64)


def test_options_come_first_and_every_option_before_its_variants() -> None:
    answer = closed_answer(asking("choice", phrases=("[the] red [one]", "blue", "dark (green|olive)")))
    assert answer.kind == "choice"
    assert answer.phrases[:3] == ("the red one", "blue", "dark green")
    assert {"red", "dark olive", "agent"} <= set(answer.phrases)
    choose = Expectation("f/s", "choose", "zh", "f", choices=("a", "b"), phrases=("查余额", "交费"))
    assert closed_answer(choose).phrases[:2] == ("查余额", "交费")


def test_options_are_bounded_and_a_broken_template_is_left_out() -> None:
    many = tuple(f"option {number}" for number in range(2 * MOST_PHRASES))
    assert MOST_PHRASES < len(closed_answer(asking("choice", phrases=many)).phrases) < MOST_PHRASES + 30
    answer = closed_answer(asking("choice", phrases=("(broken", "fine")))
    assert answer.phrases[0] == "fine"


@pytest.mark.parametrize(
    ("kind", "phrases"),
    [
        ("date", {"tomorrow", "next friday", "may", "september seventeenth", "twenty first"}),
        ("time", {"three o'clock", "noon"}),
        ("money", {"dollars", "fifteen", "a hundred"}),
        ("number", {"hundred and five", "point"}),
    ],
)
def test_values_in_english(kind: str, phrases: set[str]) -> None:
    answer = closed_answer(asking(kind))
    assert answer.kind == kind
    assert phrases <= set(answer.phrases)
    assert closed_answer(asking(kind, "zh")) == ClosedAnswer()


def test_no_phrase_comes_twice() -> None:
    for kind in ("digits", "date", "time", "money", "number", "yes_no"):
        phrases = closed_answer(asking(kind)).phrases
        assert len(phrases) == len(set(phrases))
