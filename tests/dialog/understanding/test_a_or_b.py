"""Answers to "A or B?" by place, for want of a preference, and for neither."""

from __future__ import annotations

from datetime import datetime

import pytest

from ivr.dialog.events import JsonValue
from ivr.dialog.slots import Utterance, parse
from ivr.dialog.text.clean import clean
from ivr.dialog.understanding.answers import only_values, read_choice

CHOICES = ("2026-11-25", "2026-11-26")
"""Values of a slot: nothing of the hotline names them."""
NOW = datetime(2026, 11, 22, 10)


def chosen(language: str, text: str) -> JsonValue:
    found = read_choice(Utterance.of(clean(text), language, NOW), CHOICES, [])
    assert len(found) == 1, found
    assert found[0].p >= 0.8
    return found[0].value if found[0].kind == "choose" else found[0].kind


@pytest.mark.parametrize(
    ("language", "text", "place"),
    [
        ("zh", "前面那个", 0), ("zh", "前一个", 0), ("zh", "前者", 0), ("zh", "第一个", 0), ("zh", "头一个吧", 0),
        ("zh", "上面那个", 0), ("zh", "前面的", 0), ("zh", "要前面那一个", 0),
        ("zh", "后面那个", 1), ("zh", "后一个", 1), ("zh", "第二个", 1), ("zh", "后者吧", 1), ("zh", "后面的", 1),
        ("zh", "最后一个", 1), ("zh", "下面那个", 1),
        ("en", "the first one", 0), ("en", "the former", 0), ("en", "the first", 0), ("en", "number one", 0),
        ("en", "the second one", 1), ("en", "the latter", 1), ("en", "the last one please", 1), ("en", "option two", 1),
        ("zh", "都行", 0), ("zh", "随便", 0), ("zh", "哪个都可以", 0), ("zh", "随便哪个都行吧", 0),
        ("en", "either", 0), ("en", "either one is fine", 0), ("en", "I don't mind", 0), ("en", "it doesn't matter", 0),
    ],
)  # fmt: skip
def test_by_place(language: str, text: str, place: int) -> None:
    assert chosen(language, text) == CHOICES[place]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh", "都不是"),
        ("zh", "两个都不对"),
        ("zh", "哪个都不要"),
        ("en", "neither"),
        ("en", "neither of them"),
        ("en", "no, none of those"),
    ],
)
def test_neither(language: str, text: str) -> None:
    assert chosen(language, text) == "no"


@pytest.mark.parametrize(
    ("language", "text"), [("zh", "前几天的事"), ("zh", "前个月的账单"), ("en", "either way it is wrong")]
)
def test_what_names_none(language: str, text: str) -> None:
    assert read_choice(Utterance.of(clean(text), language, NOW), CHOICES, []) == []


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh", "周三或者周四"),
        ("zh", "星期三还是星期四吧"),
        ("zh", "周三"),
        ("zh", "三点到五点都行"),
        ("zh", "一百五十块"),
        ("en", "Wednesday or Thursday"),
        ("en", "maybe on the fifteenth"),
    ],
)
def test_values_and_nothing_else(language: str, text: str) -> None:
    assert only_values(Utterance.of(clean(text), language, NOW))


@pytest.mark.parametrize(
    ("language", "text"),
    [("zh", "周三开门吗"), ("zh", "你好"), ("zh", ""), ("en", "are you open on Wednesday"), ("en", "or")],
)
def test_more_than_values(language: str, text: str) -> None:
    assert not only_values(Utterance.of(clean(text), language, NOW))


@pytest.mark.parametrize(
    ("text", "values"), [("周三", []), ("星期四或者礼拜五", []), ("这周三个", [3]), ("周三百", [300])]
)
def test_a_weekday_is_no_number(text: str, values: list[int]) -> None:
    assert [parsed.value for parsed in parse("number", text, "zh")] == values
