"""What people say to each other, without the numbers that nobody should read later."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.desk.spoken_numbers import SpokenNumbers, digit_runs, luhn

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
HANZI = "零幺二三四五六七八九"
CARD = "4111111111111111"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("it is 4111 1111 1111 1111 thanks", "it is •••••••••••••••• thanks"),
        ("it is 4111-1111-1111-1111, thanks", "it is ••••••••••••••••, thanks"),
        ("forty one eleven uh eleven eleven eleven eleven eleven eleven", "•" * 16),
        ("卡号是四幺幺幺 幺幺幺幺 嗯 幺幺幺幺 幺幺幺幺 对吗", "卡号是" + "•" * 16 + " 对吗"),
        ("６２２２ ０２００ ０００１ ２３４５ ６７８", "•" * 19),
        ("the number is 4111 1111 1111 1112", "the number is " + "•" * 16),  # one digit misheard
        ("ID 11010519491231002X", "ID " + "•" * 17 + "X"),
        ("my cvv is one two three", "my cvv is •••"),
        ("the code on the back, um, one two three", "the code on the back, um, •••"),
        ("验证码是八八六六二二", "验证码是••••••"),
        ("PIN 4711", "PIN ••••"),
        # what must stay
        ("call me at 138 0013 8000", "call me at 138 0013 8000"),
        ("call +86 138 0013 8000 please", "call +86 138 0013 8000 please"),
        ("plus four four two zero seven nine four six zero nine five eight", None),
        ("my zip code is 94105", "my zip code is 94105"),
        ("three thousand five hundred on the 21st of 2026", None),
        ("一共三千五百块", None),
        ("order 123456789012 please", None),  # twelve, and no card
        ("one of two cards", None),
        ("", None),
    ],
)
def test_a_line(text: str, shown: str | None) -> None:
    assert SpokenNumbers().hide("caller", text) == (text if shown is None else shown)


def test_the_question_of_the_one_makes_the_answer_of_the_other_secret() -> None:
    numbers = SpokenNumbers()
    assert numbers.hide("agent", "and the code on the back?") == "and the code on the back?"
    assert numbers.hide("caller", "just a moment") == "just a moment"
    assert numbers.hide("caller", "nine zero one") == "•••"
    assert numbers.hide("caller", "nine zero one") == "nine zero one", "long ago by then"


def test_a_card_in_groups() -> None:
    numbers = SpokenNumbers()
    said = [numbers.hide("caller", text) for text in ("four one one one", "1111", "one one one one", "uh 1111")]
    assert said == ["four one one one", "1111", "••••", "uh ••••"]
    assert numbers.hide("caller", "I have 2 cards") == "I have 2 cards"
    assert numbers.hide("caller", "1111") == "1111"


def test_the_other_sides_words_do_not_break_the_groups() -> None:
    numbers = SpokenNumbers()
    for group in ("4111", "1111"):
        numbers.hide("caller", group)
        numbers.hide("agent", "uh huh")
    assert numbers.hide("caller", "1111") == "••••"


def test_as_many_digits_as_a_sensitive_slot() -> None:
    numbers = SpokenNumbers({6})
    assert numbers.hide("caller", "it says 884422 here, and 4711") == "it says •••••• here, and 4711"


def test_a_partial_changes_nothing() -> None:
    numbers = SpokenNumbers()
    for _ in range(5):
        assert numbers.hide("caller", "4111 1111", final=False) == "4111 1111"
    assert numbers.hide("caller", "1111") == "1111"


def test_luhn() -> None:
    assert luhn(CARD)
    assert not luhn("4111111111111112")


def say(digit: str, how: int) -> str:
    return (digit, WORDS[int(digit)], HANZI[int(digit)])[how]


@given(
    st.text("0123456789", min_size=13, max_size=19), st.integers(0, 2),
    st.lists(st.sampled_from([" ", "  ", "-", " uh ", ", ", " and "]), min_size=19, max_size=19),
    st.sampled_from(["", "my card is ", "我的卡号是 "]),
)  # fmt: skip
def test_no_digit_of_a_long_number_is_left(digits: str, how: int, gaps: list[str], before: str) -> None:
    text = before + "".join(say(digit, how) + gap for digit, gap in zip(digits, gaps, strict=False))
    (run,) = digit_runs(text)
    assert run.digits == digits
    shown = SpokenNumbers().hide("caller", text)
    assert shown.count("•") == len(digits)
    assert not re.search("|".join(["[0-9]", *WORDS, *HANZI]), shown)


@given(st.text(max_size=80))
def test_any_text_is_taken(text: str) -> None:
    shown = SpokenNumbers({4}).hide("caller", text)
    if shown == text:
        return
    assert "•" in shown
