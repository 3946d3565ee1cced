"""Festivals and days of the lunar calendar as dates."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.dialog.slots import lunar, parse
from ivr.dialog.slots.festivals import EN, ZH, around

NOW = datetime(2026, 11, 22, 10)


def dates(text: str, language: str, **more: object) -> list[object]:
    return [found.value for found in parse("date", text, language, more, NOW)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("春节", "2027-02-06"), ("明年春节", "2027-02-06"), ("今年春节", "2026-02-17"), ("去年的春节", "2025-01-29"),
        ("除夕", "2027-02-05"), ("大年三十", "2027-02-05"), ("年三十", "2027-02-05"), ("大年初一", "2027-02-06"),
        ("大年初二", "2027-02-07"), ("正月十五", "2027-02-20"), ("元宵节", "2027-02-20"), ("腊月二十三", "2027-01-30"),
        ("腊八", "2027-01-15"), ("清明", "2027-04-05"), ("明年端午节", "2027-06-09"), ("今年端午", "2026-06-19"),
        ("七夕", "2027-08-08"), ("今年中秋节", "2026-09-25"), ("农历八月十五", "2027-09-15"),
        ("阴历今年八月十五", "2026-09-25"), ("农历八月十五号", "2027-09-15"), ("今年重阳节", "2026-10-18"),
        ("五月初五", "2027-06-09"), ("圣诞节", "2026-12-25"), ("元旦", "2027-01-01"), ("国庆", "2027-10-01"),
        ("今年国庆节", "2026-10-01"), ("劳动节", "2027-05-01"), ("五一劳动节", "2027-05-01"),
        ("五一假期", "2027-05-01"),
        ("五一", "2027-05-01"), ("明年五一", "2027-05-01"), ("今年十一", "2026-10-01"), ("十一长假", "2027-10-01"),
        ("平安夜", "2026-12-24"), ("感恩节", "2026-11-26"), ("母亲节", "2027-05-09"),
    ],
)  # fmt: skip
def test_in_mandarin(text: str, day: str) -> None:
    assert dates(text, "zh")[:1] == [day]


@pytest.mark.parametrize("text", ["初五", "农历", "农历闰六月初一", "阴历十五", "农历十三月初一", "我今年五十一岁"])
def test_no_date_rather_than_a_wrong_one(text: str) -> None:
    assert dates(text, "zh") == []


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("Christmas", "2026-12-25"), ("on Christmas Day", "2026-12-25"), ("last Christmas", "2025-12-25"),
        ("boxing day", "2026-12-26"), ("New Year's Day", "2027-01-01"), ("next new year's eve", "2026-12-31"),
        ("chinese new year", "2027-02-06"), ("last chinese new year", "2026-02-17"), ("spring festival", "2027-02-06"),
        ("the dragon boat festival", "2027-06-09"), ("mid-autumn festival", "2027-09-15"), ("easter", "2027-03-28"),
        ("good friday", "2027-03-26"), ("thanksgiving", "2026-11-26"), ("black friday", "2026-11-27"),
        ("tomb sweeping day", "2027-04-05"), ("the double ninth festival", "2027-10-08"), ("may day", "2027-05-01"),
    ],
)  # fmt: skip
def test_in_english(text: str, day: str) -> None:
    assert dates(text, "en")[:1] == [day]


def test_the_range_chooses_the_year() -> None:
    assert dates("中秋节", "zh", range=["-180d", "today"]) == ["2026-09-25"]
    assert dates("christmas", "en", range=["-400d", "today"]) == ["2025-12-25"]


@settings(max_examples=60)
@given(st.dates(date(2001, 1, 1), date(2049, 12, 31)), st.sampled_from([*EN.values(), *ZH.values()]))
def test_every_festival_comes_within_thirteen_months(today: date, festival: object) -> None:
    days = around(festival, today)  # type: ignore[arg-type]
    assert days
    assert days[0] >= today
    assert (days[0] - today).days < 400


def test_lunar_days_run_on_without_gap_or_overlap() -> None:
    """All months that are no leap months begin one or two moons after the one before, at a year's end too."""
    firsts = [lunar.solar(year, month, 1)[0] for year in range(lunar.FIRST, lunar.LAST + 1) for month in range(1, 13)]
    steps = [(two - one).days for one, two in pairwise(firsts)]
    assert set(steps) <= {29, 30, 58, 59, 60}
    assert sum(step > 30 for step in steps) == 19, "19 leap months from 2000 to 2050"
    for year in range(lunar.FIRST, lunar.LAST):
        assert lunar.new_years_eve(year) == [lunar.solar(year + 1, 1, 1)[0] - timedelta(days=1)]


@pytest.mark.parametrize("when", [(1999, 1, 1), (2051, 1, 1), (2026, 13, 1), (2026, 0, 1), (2026, 1, 31), (2026, 1, 0)])
def test_what_the_table_does_not_know(when: tuple[int, int, int]) -> None:
    assert lunar.solar(*when) == []
