"""Templates, number reading, cleaning, sounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.dialog.text.canonical import canonical
from ivr.dialog.text.clean import clean, script_language, words_only
from ivr.dialog.text.fillers import core
from ivr.dialog.text.phonetics import sound
from ivr.dialog.text.templates import TemplateError, expand


@pytest.mark.parametrize(
    ("template", "phrases"),
    [
        ("plain", ["plain"]),
        ("(a|b) c", ["a c", "b c"]),
        ("[please] stop", ["please stop", "stop"]),
        ("[a (b|c)] d", ["a b d", "a c d", "d"]),
        ("[我要](转|找)人工", ["我要转人工", "我要找人工", "转人工", "找人工"]),
        ("one|two", ["one", "two"]),
    ],
)
def test_expansion(template: str, phrases: list[str]) -> None:
    assert expand(template) == phrases


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("(a|b", "template '(a|b': `(` at 1 is not closed by `)`"),
        ("a]", "template 'a]': `]` at 2 closes nothing"),
        ("(a]", "template '(a]': `(` at 1 is not closed by `)`"),
        ("[ ]", "template '[ ]' is empty"),
        ("(a|b|c)" * 9, "stands for more than 2000 phrases"),
        ("[" * 12 + "]" * 12, "is nested deeper than 10"),
        ("x" * 1001, "is longer than 1000 characters"),
    ],
)
def test_broken_templates_are_named(template: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        expand(template)
    assert message in str(caught.value)


@given(st.text("ab[]()| ", max_size=30))
def test_any_template_expands_or_raises_template_error(template: str) -> None:
    try:
        phrases = expand(template)
    except TemplateError:
        return
    assert phrases
    assert all(not set(phrase) & set("[]()|") for phrase in phrases)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("zh", "一亿零三百万", "103000000"),
        ("zh", "三点五万", "35000"),
        ("zh", "一百一", "110"),
        ("zh", "四十四十二", "4412"),
        ("zh", "两三百块", "两三百块"),
        ("zh", "幺三八", "138"),
        ("en", "twenty-five", "25"),
        ("en", "one million two hundred thousand and six", "1200006"),
        ("en", "the twenty first", "the 21st"),
        ("en", "wait a second", "wait a second"),
        ("en", "oh five dollars", "oh 5 dollars"),
        ("en", "1.5 million", "1500000"),
        ("en", "nineteen ninety nine", "19 99"),
    ],
)
def test_numbers_become_digits(language: str, text: str, expected: str) -> None:
    assert canonical(text, language).text == expected


def test_spans_lead_back_to_the_source() -> None:
    found = canonical("pay a hundred and fifty dollars", "en")
    at = found.text.index("150")
    assert found.source[slice(*found.span(at, at + 3))] == "a hundred and fifty"


@given(st.text(max_size=80))
def test_cleaning_keeps_every_place(text: str) -> None:
    assert len(clean(text)) == len(text)


def test_words_only() -> None:
    assert words_only("  Ｈｅｌｌｏ, World! ") == "hello world"
    assert words_only("我 要 查 APP 余额。") == "我要查app余额"


@pytest.mark.parametrize(
    ("text", "language"),
    [("我要用 APP", "zh"), ("hello", "en"), ("123", "zh"), ("", "zh"), ("请说 English please now", "en")],
)
def test_script_tells_the_language(text: str, language: str) -> None:
    assert script_language(text, ("zh", "en"), "zh") == language


def test_wrapping_is_taken_off() -> None:
    assert core("Hi, I'd like to ask about the fees please", "en") == "fees"
    assert core("你好我想问一下手续费", "zh") == "手续费"


def test_homophones_share_their_key() -> None:
    assert sound("花呗", "zh") == sound("花贝", "zh")
    assert sound("张三", "zh") == sound("脏山", "zh")
    assert sound("blue", "en") == sound("blew", "en")


@pytest.mark.parametrize(
    ("text", "read"),
    [("上周三两百三", "上周3 230"), ("五百三天前", "500 3天前"), ("五百三", "530"), ("四十四十二", "4412")],
)
def test_a_day_does_not_run_into_the_amount_beside_it(text: str, read: str) -> None:
    found = canonical(text, "zh")
    assert found.text == read
    assert len(found.spans) == len(found.text)
    assert found.span(0, len(found.text)) == (0, len(text))
