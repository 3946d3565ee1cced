"""Text of recognisers made even."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.asr.text import has_cjk, is_runaway, join_cjk, repeats_itself, simplify, strip_punctuation


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("我 想 查 余额", "我想查余额"),
        ("我 要 买 iPhone 手机", "我要买 iPhone 手机"),
        ("press two", "press two"),
        ("二 〇 二 六", "二〇二六"),
    ],
)
def test_chinese_has_no_spaces(written: str, wanted: str) -> None:
    assert join_cjk(written) == wanted


@pytest.mark.parametrize(
    ("written", "wanted"),
    [("請轉人工", "请转人工"), ("隨著", "随着"), ("著名", "著名"), ("已经简体", "已经简体"), ("hello", "hello")],
)
def test_traditional_becomes_simplified(written: str, wanted: str) -> None:
    assert simplify(written) == wanted


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("你好，我要查余额。", "你好我要查余额"),
        ("Don't, please!", "Don't please"),
        ("$3.50, at 10:30.", "$3.50 at 10:30"),
        ("1-0-0-1.", "1-0-0-1"),
        ("占5%。", "占5%"),
        ("……", ""),
        (".", ""),
    ],
)
def test_punctuation_goes_but_not_inside_numbers(written: str, wanted: str) -> None:
    assert strip_punctuation(written) == wanted


@given(st.text(max_size=80))
def test_stripping_is_stable_and_keeps_letters(text: str) -> None:
    stripped = strip_punctuation(text)
    assert [char for char in stripped if char.isalpha()] == [char for char in text if char.isalpha()]
    assert strip_punctuation(stripped) == stripped


@pytest.mark.parametrize(
    "text",
    [
        "嗯" * 40,
        "thank you. thank you. thank you. thank you. thank you.",
        "请按一请按一请按一请按一请按一",
    ],
)
def test_runaway_decoding_is_known(text: str) -> None:
    assert is_runaway(text)


@pytest.mark.parametrize(
    "text",
    ["", "no no no", "1 1 1 1 1 1 1 1", "0000 0000", "好的好的", "press 1 to accept this recording press 2 to listen"],
)
def test_people_may_repeat_themselves(text: str) -> None:
    assert not is_runaway(text)


def test_a_phrase_twice_on_end_is_worth_a_second_look() -> None:
    assert repeats_itself("Press 1 to switch to playback mode. press 1 to switch to playback mode.")
    assert repeats_itself("欢迎大家来欢迎大家来")
    assert not repeats_itself("press 1 to switch to playback mode, press 8 to truncate the file")
    assert not repeats_itself("138 138 138")


def test_scripts_are_told_apart() -> None:
    assert has_cjk("iPhone手机")
    assert not has_cjk("phone")
