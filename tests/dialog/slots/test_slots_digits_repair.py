"""Strings of digits that are mended while they are said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.dialog.slots import parse
from ivr.dialog.slots.base import GUESS

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
HAN = "零一二三四五六七八九"


def digits(text: str, language: str, length: tuple[int, int]) -> str:
    found = parse("digits", text, language, {"length": list(length)})
    return str(found[0].value) if found and not found[0].error else ""


@pytest.mark.parametrize(
    ("text", "length", "expected"),
    [
        ("four eight, no, four seven", (2, 2), "47"),
        ("no, 4 7, not 4 8", (2, 2), "47"),
        ("four eight oops four seven", (2, 2), "47"),
        ("Four eight. Know, four seven.", (2, 2), "47"),
        ("four eight no no four seven", (2, 2), "47"),
        ("four four one two no wait four four one three", (4, 4), "4413"),
        ("one two three four no five", (4, 4), "1235"),
        ("One two, three four. No, three five.", (4, 8), "1235"),
        ("1234 I mean 35", (4, 4), "1235"),
        ("four four one two. Sorry, not one two, one three.", (4, 4), "4413"),
        ("one two three four five six, no wait, seven, eight nine", (8, 8), "12345789"),
        ("uh four um eight", (2, 2), "48"),
        ("one two uh three er four no, um, three five", (4, 4), "1235"),
        ("one two three no four five six", (5, 6), ""),  # which of them was meant nobody knows
        ("i know one two three four", (4, 4), "1234"),
        ("not one two three four", (4, 4), "1234"),
    ],
)
def test_english(text: str, length: tuple[int, int], expected: str) -> None:
    assert digits(text, "en", length) == expected


@pytest.mark.parametrize(
    ("text", "length", "expected"),
    [
        ("四八，不对，是四七", (2, 2), "47"),
        ("不对，是四七", (2, 2), "47"),
        ("不对是四七不是四八", (2, 2), "47"),
        ("不是四八，是四七", (2, 2), "47"),
        ("四八不四七", (2, 2), "47"),
        ("四四一二，不是，四四一三", (4, 4), "4413"),
        ("四四一二啊不是四四一三", (4, 4), "4413"),
        ("四四一二重来四四一三", (4, 4), "4413"),
        ("一二三四不对三五", (4, 4), "1235"),
        ("一二三四，不对，后面是三五", (4, 4), "1235"),
        ("幺二三，嗯，四五六不对四五七", (6, 6), "123457"),
        ("两零零幺不对两零零两", (4, 4), "2002"),
        ("二〇二六", (4, 4), "2026"),
        ("幺三八 两两三", (6, 6), "138223"),
    ],
)
def test_mandarin(text: str, length: tuple[int, int], expected: str) -> None:
    assert digits(text, "zh", length) == expected


def test_a_mended_string_is_a_guess_that_covers_all_that_was_said() -> None:
    found = parse("digits", "one two three four, no, three five", "en", {"length": [4, 4]})
    assert [(one.value, one.p, one.span) for one in found] == [("1235", GUESS, (0, 34))]


@given(st.text("0123456789", min_size=4, max_size=12), st.data())
def test_the_end_of_a_whole_string_said_again_takes_its_place(said: str, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(said) - 1))
    again = data.draw(st.text("0123456789", min_size=count, max_size=count))
    wanted = said[: len(said) - count] + again
    length = (len(said), len(said))
    spoken = [" ".join(NAMES[int(digit)] for digit in part) for part in (said, again)]
    assert digits(f"{spoken[0]}, no, {spoken[1]}", "en", length) == wanted
    han = ["".join(HAN[int(digit)] for digit in part) for part in (said, again)]
    assert digits(f"{han[0]}，不对，{han[1]}", "zh", length) == wanted
