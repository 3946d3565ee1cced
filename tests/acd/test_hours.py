"""Opening hours: days, midnight, holidays, clock changes, and what is wrong with a bad text."""

from __future__ import annotations

import contextlib
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.acd.hours import OpeningHours, parse_schedule
from ivr.errors import ConfigError

BERLIN, SHANGHAI = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Shanghai")


def at(text: str, zone: ZoneInfo = SHANGHAI) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-20 08:59", False),  # Friday
        ("2026-11-20 09:00", True),
        ("2026-11-20 17:59", True),
        ("2026-11-20 18:00", False),
        ("2026-11-21 10:00", True),  # Saturday
        ("2026-11-21 14:00", False),
        ("2026-11-22 12:00", False),  # Sunday
    ],
)
def test_days_and_times(moment: str, is_open: bool) -> None:
    assert OpeningHours("Mo-Fr 09:00-18:00; Sa 10:00-14:00", "Asia/Shanghai").is_open(at(moment)) is is_open


def test_the_zone_decides() -> None:
    hours = OpeningHours("Mo-Fr 09:00-18:00", "Asia/Shanghai")
    assert hours.is_open(at("2026-11-20 02:00", ZoneInfo("UTC")))
    assert not hours.is_open(at("2026-11-20 12:00", ZoneInfo("UTC")))


def test_spans_cross_midnight_and_wrap_the_week() -> None:
    hours = OpeningHours("Su 22:00-06:00", "Asia/Shanghai")
    assert hours.is_open(at("2026-11-22 23:00"))
    assert hours.is_open(at("2026-11-23 05:59"))
    assert not hours.is_open(at("2026-11-23 06:00"))
    assert not hours.is_open(at("2026-11-22 05:00"))


def test_lunch_break_and_days_listed() -> None:
    hours = OpeningHours("Mo,We-Th 09:00-12:00,13:00-18:00; Th off", "Asia/Shanghai")
    assert hours.is_open(at("2026-11-16 11:59"))
    assert not hours.is_open(at("2026-11-16 12:30"))
    assert hours.is_open(at("2026-11-18 13:00"))
    assert not hours.is_open(at("2026-11-19 13:00"))


def test_holidays() -> None:
    new_year = [date(2027, 1, 1)]
    noon = at("2027-01-01 11:00")
    assert not OpeningHours("Mo-Su 09:00-18:00", "Asia/Shanghai", new_year).is_open(noon)
    assert OpeningHours("Mo-Su 09:00-18:00; PH 10:00-12:00", "Asia/Shanghai", new_year).is_open(noon)
    assert OpeningHours("24/7", "Asia/Shanghai", new_year).is_open(noon)
    # what the eve began runs on into the holiday
    assert OpeningHours("Mo-Su 22:00-02:00", "Asia/Shanghai", new_year).is_open(at("2027-01-01 01:00"))


def test_next_change() -> None:
    hours = OpeningHours("Mo-Fr 09:00-18:00", "Asia/Shanghai", [date(2026, 11, 23)])
    assert hours.next_change(at("2026-11-20 12:00")) == at("2026-11-20 18:00")
    assert hours.next_change(at("2026-11-20 18:00")) == at("2026-11-24 09:00")  # over a weekend and a holiday
    assert OpeningHours("24/7").next_change(0.0) is None
    assert OpeningHours("Mo-Su off").next_change(0.0) is None
    # adjoining spans are one
    assert OpeningHours("Mo-Su 00:00-24:00").next_change(at("2026-11-20 18:00")) is None


def test_clock_changes_keep_local_time() -> None:
    hours = OpeningHours("Mo-Su 09:00-18:00", "Europe/Berlin")
    for day in ("2026-03-28", "2026-03-29", "2026-10-24", "2026-10-25"):
        assert not hours.is_open(at(f"{day} 08:59", BERLIN))
        assert hours.is_open(at(f"{day} 09:00", BERLIN))
    assert hours.next_change(at("2026-03-28 20:00", BERLIN)) == at("2026-03-29 09:00", BERLIN)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is no opening rule (write Mo-Fr 09:00-18:00, PH off or 24/7)"),
        ("Monday 9-5", "'Monday 9-5' is no opening rule (write Mo-Fr 09:00-18:00, PH off or 24/7)"),
        ("Mo-Xx 09:00-18:00", "'Mo-Xx' is no weekday (Mo Tu We Th Fr Sa Su, or PH for holidays)"),
        ("Mo 9:00-18:00", "'9:00-18:00' is no span of time (write 09:00-18:00)"),
        ("Mo 09:00-18:60", "'09:00-18:60' has no such time of day"),
        ("Mo 24:00-25:00", "'24:00-25:00' has no such time of day"),
    ],
)
def test_bad_text(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        OpeningHours(text)
    assert str(caught.value) == message


def test_bad_zone() -> None:
    with pytest.raises(ConfigError) as caught:
        OpeningHours("24/7", "Asia/Shangai")
    assert str(caught.value) == "no such time zone: 'Asia/Shangai' (a name like Asia/Shanghai is needed)"


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ConfigError):
        parse_schedule(text)


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1439), st.integers(0, 1439)), min_size=1, max_size=4),
    st.integers(1_700_000_000, 1_900_000_000),
)
def test_next_change_is_the_first_change(rules: list[tuple[int, int, int]], now: int) -> None:
    days = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
    parts = [f"{days[d]} {a // 60:02}:{a % 60:02}-{b // 60:02}:{b % 60:02}" for d, a, b in rules]
    hours = OpeningHours("; ".join(parts), "Europe/Berlin")
    change = hours.next_change(now)
    before = hours.is_open(now)
    minute = now // 60 * 60 + 60  # brute force over the next week
    expected = next((t for t in range(minute, minute + 8 * 86_400, 60) if hours.is_open(t) is not before), None)
    assert change == expected
