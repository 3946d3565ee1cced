"""Long texts cost what they are long, and a number of a hundred digits is none."""

from __future__ import annotations

import time
from datetime import datetime

import pytest

from ivr.dialog.slots import BUILT_IN, parse

NOW = datetime(2026, 11, 22, 10)
SETTINGS = {"currency": "CNY", "options": [["a", ["red one", "红的"]]]}
HOSTILE = {
    "zh": ("一", "十万", "三块五", "周三", "一二三四不对", "四四一二，", "不是三", "三点半", "初一", "农历", "1 2"),
    "en": ("one ", "a hundred ", "fifteen fifty ", "1,", "1 ", "one two three no ", "not 5, ", "the first of "),
}  # fmt: skip


@pytest.mark.parametrize(("language", "part"), [(lang, part) for lang, parts in HOSTILE.items() for part in parts])
def test_a_thousand_characters(language: str, part: str) -> None:
    text = (part * 1000)[:1000]
    for type in BUILT_IN:
        began = time.process_time()
        parse(type, text, language, SETTINGS, NOW)  # type: ignore[arg-type]
        assert time.process_time() - began < 0.5, (
            f"{type}: a value's neighbours must not be searched from the beginning"
        )


@pytest.mark.parametrize("type", ["number", "money"])
@pytest.mark.parametrize(("language", "text"), [("zh", "一" * 400), ("en", "9" * 400)])
def test_nobody_says_such_a_number(type: str, language: str, text: str) -> None:
    assert parse(type, text, language, {"currency": "CNY"}, NOW) == []


@pytest.mark.parametrize("text", ["九千九百九十九万天前", "一亿个月以后", "五百万年前"])
def test_days_beyond_the_calendar(text: str) -> None:
    assert parse("date", text, "zh", {}, NOW) == []
