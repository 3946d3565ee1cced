# ruff: noqa: E501 - a rule or phrase table reads better with one entry a line
"""What callers say, and the value it must give."""

from __future__ import annotations

from datetime import datetime

import pytest

from ivr.dialog.events import JsonValue
from ivr.dialog.slots import parse, parser_of, type_names
from ivr.dialog.text.clean import script_language
from ivr.errors import ConfigError, InputError

NOW = datetime(2026, 11, 22, 10)  # a Sunday


def read(type: str, text: str, **settings: JsonValue) -> list[tuple[JsonValue, str]]:
    language = script_language(text, ("en", "zh"), "en")
    return [(value.value, value.error) for value in parse(type, text, language, settings, NOW)]


def value(type: str, text: str, **settings: JsonValue) -> JsonValue:
    found = read(type, text, **settings)
    return found[0][0] if found else None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("四四一二", "4412"),
        ("尾号四四一二 昨天的", "4412"),
        ("幺两零〇", "1200"),
        ("四四一二，不对，四四一三", "4413"),
        ("four four one two", "4412"),
        ("double four twelve", "4412"),
        ("triple seven nine", "7779"),
        ("one two oh seven", "1207"),
        ("no, 4 7, not 4 8", "47"),
        ("four seven no four eight", "48"),
        ("4412", "4412"),
        ("4 4 1 2", "4412"),
        ("it is 44-12", "4412"),
    ],
)
def test_digits(text: str, expected: str) -> None:
    assert value("digits", text) == expected


def test_digits_are_not_taken_from_amounts_and_dates() -> None:
    assert value("digits", "一百五十块") is None
    assert value("digits", "fifteen dollars") is None
    assert value("digits", "十五号") is None


def test_digits_of_the_wrong_length() -> None:
    assert read("digits", "one two three", length=4) == [("123", "length")]
    assert read("digits", "one two three", length=[2, 3]) == [("123", "")]


def test_a_joined_ten_is_split_when_only_that_fits_the_length() -> None:
    assert read("digits", "twenty six one", length=4) == [("2061", "")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("三块五", 3.5),
        ("一百五十块二毛", 150.2),
        ("十五块五毛五", 15.55),
        ("一万二", 12000),
        ("三百五", 350),
        ("五毛", 0.5),
        ("三块零五分", 3.05),
        ("两千块钱", 2000),
        ("3万5", 35000),
        ("不对，是十五块", 15),
        ("不是十五是五十", 50),
        ("fifteen fifty", 15.5),
        ("fifteen fifty dollars", 1550),
        ("a hundred and fifty dollars", 150),
        ("twenty bucks", 20),
        ("three dollars and fifty cents", 3.5),
        ("ninety nine cents", 0.99),
        ("$12.50", 12.5),
        ("no, fifteen", 15),
        ("fifteen, no sorry, fifty", 50),
        ("two thousand five hundred", 2500),
    ],
)
def test_money(text: str, expected: float) -> None:
    assert value("money", text) == expected


def test_the_range_chooses_how_to_take_an_amount() -> None:
    assert value("money", "fifteen fifty", range=[100, 50000]) == 1550
    assert read("money", "一百万", range=[0.01, 50000]) == [(1_000_000, "range")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("今天", "2026-11-22"),
        ("大后天", "2026-11-25"),
        ("下周三", "2026-11-25"),
        ("上周五", "2026-11-13"),
        ("这周一", "2026-11-16"),
        ("上个月五号", "2026-10-05"),
        ("十五号", "2026-12-15"),
        ("三天前", "2026-11-19"),
        ("两周以后", "2026-12-06"),
        ("二零二六年三月五号", "2026-03-05"),
        ("去年十月一号", "2025-10-01"),
        ("月底", "2026-11-30"),
        ("下个月初", "2026-12-01"),
        ("yesterday", "2026-11-21"),
        ("the day before yesterday", "2026-11-20"),
        ("the fifteenth of next month", "2026-12-15"),
        ("5th of last month", "2026-10-05"),
        ("last friday", "2026-11-20"),
        ("next friday", "2026-11-27"),
        ("three days ago", "2026-11-19"),
        ("in two weeks", "2026-12-06"),
        ("march fifteenth twenty twenty six", "2026-03-15"),
        ("may the fourth", "2027-05-04"),
        ("on the second", "2026-12-02"),
        ("friday no saturday", "2026-11-28"),
        ("2026-03-05", "2026-03-05"),
    ],
)
def test_date(text: str, expected: str) -> None:
    assert value("date", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("十五号", "2026-11-15"), ("十一月二十", "2026-11-20"), ("周三", "2026-11-18"), ("the 25th", "2026-10-25"),
     ("december fifth", "2026-12-05"), ("friday", "2026-11-20")],
)  # fmt: skip
def test_a_range_in_the_past_turns_open_dates_back(text: str, expected: str) -> None:
    found, error = read("date", text, range=["-180d", "today"])[0]
    assert found == expected
    assert error == ("range" if expected > "2026-11-22" else "")


def test_impossible_dates_are_none() -> None:
    assert value("date", "二月三十号") is None
    assert value("date", "february thirtieth") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("下午三点半", "15:30"),
        ("十点一刻", "10:15"),
        ("差五分八点", "07:55"),
        ("晚上八点二十", "20:20"),
        ("中午十二点", "12:00"),
        ("半夜十二点", "00:00"),
        ("half past three", "03:30"),
        ("quarter to five pm", "16:45"),
        ("three thirty in the afternoon", "15:30"),
        ("ten oh five a.m.", "10:05"),
        ("seven pm", "19:00"),
        ("noon", "12:00"),
        ("twelve am", "00:00"),
    ],
)
def test_time(text: str, expected: str) -> None:
    assert value("time", text) == expected


def test_opening_hours_settle_which_three_it_is() -> None:
    assert value("time", "three o'clock", range=["09:00", "18:00"]) == "15:00"
    assert read("time", "晚上九点", range=["09:00", "18:00"]) == [("21:00", "range")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("minus three point five", -3.5),
        ("负五", -5),
        ("百分之二十", 20),
        ("三个半", 3.5),
        ("two and a half", 2.5),
        ("两千零五十", 2050),
    ],
)
def test_number(text: str, expected: float) -> None:
    assert value("number", text) == expected


def test_number_out_of_range() -> None:
    assert read("number", "fifty", range=[1, 10]) == [(50, "range")]


@pytest.mark.parametrize(
    ("text", "expected", "error"),
    [
        ("幺三八零零一三八零零零", "13800138000", ""),
        ("我的电话是一三八 零零一三 八零零零", "13800138000", ""),
        ("four one five five five five two six seven one", "4155552671", ""),
        ("加八六一三八零零一三八零零零", "+8613800138000", ""),
        ("一二三四五", "12345", "range"),
    ],
)
def test_phone(text: str, expected: str, error: str) -> None:
    assert read("phone", text) == [(expected, error)]


OPTIONS: JsonValue = [[5, ["满意"]], [1, ["不满意"]]]
CARDS: JsonValue = [["red", ["red [card]"]], ["blue", ["blue [card]"]]]


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("满意", OPTIONS, 5),
        ("不满意", OPTIONS, 1),
        ("我很满意", OPTIONS, 5),
        ("不太满意", OPTIONS, None),
        ("满一", OPTIONS, 5),
        ("第二个", OPTIONS, 1),
        ("the red one", CARDS, "red"),
        ("blew card", CARDS, "blue"),
        ("the second one", CARDS, "blue"),
        ("not red, blue", CARDS, "blue"),
        ("not the red one", CARDS, None),
        ("green", CARDS, None),
    ],
)
def test_choice(text: str, options: JsonValue, expected: JsonValue) -> None:
    assert value("choice", text, options=options) == expected


def test_text_keeps_what_was_said_and_bounds_its_length() -> None:
    assert read("text", "  my  street ") == [("my street", "")]
    assert read("text", "ab", length=[3, 10]) == [("ab", "length")]
    assert read("text", "   ") == []


YES = "yes|yeah that's right|no problem|uh huh|oh yes please|sure|go ahead|没错|好的|嗯|对|可以啊|是的没问题|要|不错|对对对|当然"
NO = "no|no, fifteen|not really|i don't think so|no thanks|that's wrong|nope|不对，是十五块|不用了谢谢|不是|没有|好像不太对|算了|不需要"
NEITHER = "对不起|right now i want to|no idea|是十五块|银行|hello|我要转账给我妈妈吗|手续费怎么收"


def test_yes_and_no() -> None:
    assert {text: value("yes_no", text) for text in YES.split("|")} == dict.fromkeys(YES.split("|"), True)
    assert {text: value("yes_no", text) for text in NO.split("|")} == dict.fromkeys(NO.split("|"), False)


def test_neither_yes_nor_no() -> None:
    sure = {text: parse("yes_no", text, script_language(text, ("en", "zh"), "en")) for text in NEITHER.split("|")}
    assert {text for text, found in sure.items() if found and found[0].p > 0.8} == set()


def test_several_values_with_their_places() -> None:
    found = parse("money", "ten dollars and twenty dollars", "en")
    assert [(one.value, one.span) for one in found] == [(10, (0, 11)), (20, (16, 30))]


def test_unknown_types_and_wrong_settings_are_named() -> None:
    with pytest.raises(ConfigError, match=r"^no slot type `colour`; there are yes_no, digits"):
        parser_of("colour")
    with pytest.raises(InputError, match=r"^slot setting `range` must be \[min, max\], not 5$"):
        parse("money", "ten", "en", {"range": 5})
    with pytest.raises(InputError, match=r"^slot setting `range` must hold numbers, not 'x'$"):
        parse("money", "ten", "en", {"range": ["x", 3]})
    with pytest.raises(InputError, match=r"`range`: 'soon' is no date, `today` or offset like -180d$"):
        parse("date", "today", "en", {"range": ["soon", None]}, NOW)


def test_type_names_begin_with_the_built_in_ones() -> None:
    assert type_names()[:9] == ("yes_no", "digits", "number", "money", "date", "time", "phone", "choice", "text")
