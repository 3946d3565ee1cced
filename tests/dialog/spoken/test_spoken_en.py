"""English words for values and free text."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from text_to_num import text2num

from ivr.dialog.spoken import verbalise, verbaliser
from ivr.dialog.spoken.en import ONES, EnglishVerbaliser
from ivr.errors import InputError

SAY = EnglishVerbaliser()
TODAY = dt.date(2026, 11, 22)


@given(st.integers(0, 999_999_999_999))
def test_a_number_in_words_reads_back_as_the_same_number(value: int) -> None:
    assert text2num(SAY.number(value), "en") == value


@given(st.integers(0, 12_000))
def test_small_numbers_read_back_too(value: int) -> None:
    assert text2num(SAY.number(value), "en") == value


@given(st.text("0123456789", min_size=1, max_size=20))
def test_digits_keep_every_digit(text: str) -> None:
    words = SAY.digits(text).split()
    assert "".join(str(ONES.index(word)) for word in words) == text


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "zero"),
        (12000, "twelve thousand"),
        (101, "one hundred and one"),
        (1_000_001, "one million and one"),
        (-3, "minus three"),
        (3.5, "three point five"),
        ("1,234.50", "one thousand two hundred and thirty-four point five zero"),
        (Decimal("0.05"), "zero point zero five"),
        (10**15, "one zero zero zero zero zero zero zero zero zero zero zero zero zero zero zero"),
    ],
)
def test_number(value: int | float | str | Decimal, words: str) -> None:
    assert SAY.number(value) == words


def test_digits_double_and_letters() -> None:
    assert SAY.digits("4412") == "four four one two"
    assert SAY.digits("4412", double=True) == "double four one two"
    assert SAY.digits("00077", double=True) == "triple zero double seven"
    assert SAY.digits("ab-12") == "A B dash one two"


@pytest.mark.parametrize(
    ("value", "words"),
    [(1, "first"), (2, "second"), (3, "third"), (12, "twelfth"), (20, "twentieth"), (21, "twenty-first"),
     (100, "one hundredth"), (105, "one hundred and fifth")],
)  # fmt: skip
def test_ordinal(value: int, words: str) -> None:
    assert SAY.ordinal(value) == words


@pytest.mark.parametrize(
    ("value", "currency", "words"),
    [
        (15.5, "CNY", "fifteen yuan fifty"),
        (15.05, "CNY", "fifteen yuan and five fen"),
        (0.5, "CNY", "fifty fen"),
        (150.2, "USD", "one hundred and fifty dollars and twenty cents"),
        (1, "usd", "one dollar"),
        (0.01, "USD", "one cent"),
        (2, "EUR", "two euros"),
        (1.01, "GBP", "one pound and one penny"),
        (1000, "JPY", "one thousand yen"),
        (-3, "CNY", "minus three yuan"),
        (15.505, "CNY", "fifteen yuan fifty-one"),
        (12, "BRL", "twelve Brazilian reals"),
    ],
)
def test_money(value: float, currency: str, words: str) -> None:
    assert SAY.money(value, currency) == words


@pytest.mark.parametrize(
    ("date", "words"),
    [
        (TODAY, "today"),
        (dt.date(2026, 11, 21), "yesterday"),
        (dt.date(2026, 11, 23), "tomorrow"),
        (dt.date(2026, 11, 20), "November twentieth"),
        (dt.date(2025, 12, 31), "December thirty-first, twenty twenty-five"),
        (dt.date(1905, 5, 3), "May third, nineteen oh five"),
        (dt.date(2005, 5, 3), "May third, two thousand and five"),
    ],
)
def test_date(date: dt.date, words: str) -> None:
    assert SAY.date(date, TODAY) == words


def test_time_and_datetime() -> None:
    assert SAY.time(dt.time(0, 0)) == "midnight"
    assert SAY.time(dt.time(12, 0)) == "noon"
    assert SAY.time(dt.time(0, 5)) == "twelve oh five a.m."
    assert SAY.time(dt.time(22, 30)) == "ten thirty p.m."
    assert SAY.datetime(dt.datetime(2026, 11, 21, 9, 15), TODAY) == "yesterday at nine fifteen a.m."


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("4155550123", "four one five, five five five, zero one two three"),
        ("(415) 555-0123", "four one five, five five five, zero one two three"),
        ("+14155550123", "four one five, five five five, zero one two three"),
        ("+8613800138000", "plus eight six, one three eight, zero zero one three, eight zero zero zero"),
        ("95188", "nine five one eight eight"),
    ],
)
def test_phone(number: str, words: str) -> None:
    assert SAY.phone(number) == words


def test_mask_says_the_last_four_only() -> None:
    assert SAY.mask("6222 0212 3456 4412") == "ending in four four one two"
    assert SAY.mask("77") == "ending in seven seven"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Open 9:00-18:00.", "Open nine a.m. to six p.m."),
        ("Until 2026-11-22 22:30.", "Until November twenty-second, twenty twenty-six at ten thirty p.m."),
        ("9am-5pm or at 10:30 pm", "nine a.m. to five p.m. or at ten thirty p.m."),
        ("On Nov 22, 2026 or 22 November.", "On November twenty-second, twenty twenty-six or November twenty-second."),
        ("11/22/2026 and 22/11/2026", " and ".join(["November twenty-second, twenty twenty-six"] * 2)),
        ("I may 3 times", "I may three times"),
        ("since 1999, in 2026", "since nineteen ninety-nine, in twenty twenty-six"),
        ("in the 1990s", "in the nineteen nineties"),
        ("2000 people", "two thousand people"),
        ("A fee of 3.5%", "A fee of three point five percent"),
        ("3%-5%, 3-5%", "three to five percent, three to five percent"),
        ("$1,200.50", "one thousand two hundred dollars and fifty cents"),
        ("$1.5 million", "one point five million dollars"),
        ("¥15.5, USD 50, 50 RMB", "fifteen yuan fifty, fifty dollars, fifty yuan"),
        ("20,000 yuan", "twenty thousand yuan"),
        ("15.50 yuan", "fifteen yuan fifty"),
        ("Card ending 4412", "Card ending four four one two"),
        ("case number is 8842", "case number is eight eight four two"),
        ("order #12345", "order one two three four five"),
        ("Your number 12", "Your number twelve"),
        ("call 1-800-555-0123", "call one, eight zero zero, five five five, zero one two three"),
        ("Press 1 or #.", "Press one or hash."),
        ("the * key", "the star key"),
        ("3-5 days, 1/2, 2/3, 24/7", "three to five days, one half, two thirds, twenty-four seven"),
        ("the 21st, 5km, 1 kg, -5°C", "the twenty-first, five kilometers, one kilogram, minus five degrees Celsius"),
        ("5G and 4K", "five G and four K"),
        ("a.b@example.com", "a dot b at example dot com"),
        ("www.example.com/help", "example dot com slash help"),
        ("e.g. No. 5 & more", "for example number five and more"),
        ("The answer is no. That is it.", "The answer is no. That is it."),
        ("No figures here, e g", "No figures here, e g"),
        ("", ""),
    ],
)  # fmt: skip
def test_free_text(text: str, words: str) -> None:
    assert verbalise(text, "en") == words


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_any_text_is_taken_and_loses_its_ascii_figures(text: str) -> None:
    assert not any(char in "0123456789$%&" for char in verbalise(text, "en"))


@given(st.text("abc XYZ,.;!?'-", max_size=40))
def test_words_without_figures_stay_as_they_are(text: str) -> None:
    if ".m.." not in text:
        assert verbalise(text, "en") == text


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SAY.number("many"), "'many' is no number"),
        (lambda: SAY.number(True), "True is no number"),
        (lambda: SAY.number(float("nan")), "nan is no number that can be said"),
        (lambda: SAY.money(1, "bucks"), "currency 'bucks': expected three letters such as CNY, USD, EUR (ISO 4217)"),
        (lambda: SAY.phone("none"), "'none' is no telephone number"),
        (lambda: SAY.mask("--"), "'--' has no digits to say"),
        (lambda: verbaliser("xx-unknown"), "language 'xx-unknown' is not known; expected a tag such as en, zh, ko"),
    ],
)
def test_what_cannot_be_said_is_an_error(call: object, message: str) -> None:
    with pytest.raises(InputError) as caught:
        call()  # type: ignore[operator]
    assert str(caught.value) == message
