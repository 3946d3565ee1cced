"""Spoken form -> parsed value is the identity, over the range, in both languages."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.dialog.slots import Parsed, parse
from ivr.dialog.spoken import verbaliser

NOW = datetime(2026, 11, 22, 10)
LANGUAGES = ["en", "zh"]


def first(type: str, text: str, language: str, **settings: object) -> Parsed:
    values = parse(type, text, language, settings, NOW)  # type: ignore[arg-type]
    assert values, text
    return values[0]


@pytest.mark.parametrize("language", LANGUAGES)
@given(value=st.integers(0, 999_999_999))
def test_whole_numbers(language: str, value: int) -> None:
    assert first("number", verbaliser(language).number(value), language).value == value


@pytest.mark.parametrize("language", LANGUAGES)
@given(value=st.decimals(-9999, 9999, places=2))
def test_decimals(language: str, value: Decimal) -> None:
    assert first("number", verbaliser(language).number(value), language).value == pytest.approx(float(value))


@pytest.mark.parametrize(("language", "currency"), [("en", "USD"), ("zh", "CNY"), ("en", "CNY"), ("en", "EUR")])
@given(cents=st.integers(1, 5_000_000))
def test_money(language: str, currency: str, cents: int) -> None:
    value = Decimal(cents) / 100
    spoken = verbaliser(language).money(value, currency)
    assert first("money", spoken, language, range=[0.01, 50000]).value == pytest.approx(float(value)), spoken


@given(jiao=st.integers(1, 500_000))
def test_colloquial_money(jiao: int) -> None:
    value = Decimal(jiao) / 10
    spoken = verbaliser("zh").colloquial_money(value)  # type: ignore[attr-defined]
    assert first("money", spoken, "zh").value == pytest.approx(float(value)), spoken


@pytest.mark.parametrize("language", LANGUAGES)
@given(value=st.text("0123456789", min_size=1, max_size=18))
def test_digits(language: str, value: str) -> None:
    assert first("digits", verbaliser(language).digits(value), language).value == value


@given(value=st.text("0123456789", min_size=4, max_size=16))
def test_digits_with_double(value: str) -> None:
    spoken = verbaliser("en").digits(value, double=True)  # type: ignore[call-arg]
    assert first("digits", spoken, "en").value == value


@pytest.mark.parametrize("language", LANGUAGES)
@given(value=st.dates(date(2000, 1, 1), date(2049, 12, 31)))
@settings(max_examples=200)
def test_dates_with_their_year(language: str, value: date) -> None:
    spoken = verbaliser(language).date(value)
    assert first("date", spoken, language).value == value.isoformat(), spoken


@pytest.mark.parametrize("language", LANGUAGES)
@given(days=st.integers(-180, 0))
@settings(max_examples=200)
def test_past_dates_relative_to_today(language: str, days: int) -> None:
    value = date.fromordinal(NOW.date().toordinal() + days)
    spoken = verbaliser(language).date(value, NOW.date())
    assert first("date", spoken, language, range=["-180d", "today"]).value == value.isoformat(), spoken


@pytest.mark.parametrize("language", LANGUAGES)
@given(hour=st.integers(0, 23), minute=st.integers(0, 59))
@settings(max_examples=200)
def test_times(language: str, hour: int, minute: int) -> None:
    spoken = verbaliser(language).time(time(hour, minute))
    assert first("time", spoken, language).value == f"{hour:02d}:{minute:02d}", spoken


@given(tail=st.text("0123456789", min_size=8, max_size=8))
def test_mobile_numbers(tail: str) -> None:
    value = "138" + tail
    for language in LANGUAGES:
        spoken = verbaliser(language).phone(value)
        assert first("phone", spoken, language, region="CN").value == value, spoken


@pytest.mark.parametrize("type", ["yes_no", "digits", "number", "money", "date", "time", "phone", "choice", "text"])
@given(text=st.text(max_size=60), language=st.sampled_from(LANGUAGES))
def test_any_text_is_read_without_error_and_spans_lie_inside(type: str, text: str, language: str) -> None:
    for value in parse(type, text, language, {"options": [["a", ["red [card]"]]]}, NOW):
        start, end = value.span
        assert 0 <= start <= end <= len(text)
        assert 0 < value.p <= 1


WORDS = "one two oh double hundred and a thousand point half past march the fifteenth of next month ago friday dollars"
CHARS = "一二三十百千万点半零两块毛号月日周上下个前天不对是幺年"


@given(st.lists(st.sampled_from(WORDS.split()), max_size=12).map(" ".join))
def test_any_mix_of_number_words_is_read_without_error(text: str) -> None:
    for type in ("digits", "number", "money", "date", "time", "phone"):
        parse(type, text, "en", {}, NOW)


@given(st.text(CHARS, max_size=14))
def test_any_mix_of_chinese_numerals_is_read_without_error(text: str) -> None:
    for type in ("digits", "number", "money", "date", "time", "phone"):
        parse(type, text, "zh", {}, NOW)
