"""Calendar arithmetic for the date rules of both languages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class Meant:
    """What some words may mean: one day, or several of which the slot's range chooses."""

    days: tuple[date, ...]
    span: tuple[int, int]
    """In the canonical text."""
    any_of: bool = False
    """The words leave it open which of `days` is meant."""
    unsure: bool = False


def valid(year: int, month: int, day: int) -> list[date]:
    """The date as a list of one, or of none when the calendar has no such day."""
    try:
        return [date(year, month, day)]
    except ValueError:
        return []


def shift_month(day: date, months: int) -> tuple[int, int]:
    """(year, month) that lies `months` after the month of `day`."""
    index = day.year * 12 + day.month - 1 + months
    return index // 12, index % 12 + 1


def months_away(day: date, months: int) -> date:
    """The same day `months` on; the month's last day where it is shorter."""
    year, month = shift_month(day, months)
    return min(date(year, month, 1) + timedelta(days=day.day - 1), last_of_month(year, month))


def last_of_month(year: int, month: int) -> date:
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)


def weekday_in_week(today: date, weekday: int, weeks: int) -> date:
    """Monday = 0; `weeks` = 0 is the calendar week (from Monday) of today."""
    return today + timedelta(days=weekday - today.weekday() + 7 * weeks)


def around_months(today: date, day: int) -> tuple[date, ...]:
    """The `day`th of this, the next and the last months, coming ones first."""
    days: list[date] = []
    for months in (0, 1, -1, 2, -2, 3, -3):
        days += valid(*shift_month(today, months), day)
    return coming_first(days, today)


def around_years(today: date, month: int, day: int) -> tuple[date, ...]:
    """That day in the years around this one, coming ones first."""
    years = range(today.year - 4, today.year + 5) if (month, day) == (2, 29) else range(today.year - 1, today.year + 2)
    return coming_first([found for year in years for found in valid(year, month, day)], today)


def around_weeks(today: date, weekday: int) -> tuple[date, ...]:
    return coming_first([weekday_in_week(today, weekday, weeks) for weeks in (0, 1, -1)], today)


def coming_first(days: Iterable[date], today: date) -> tuple[date, ...]:
    return tuple(sorted(days, key=lambda day: (day < today, abs((day - today).days))))


def full_year(text: str) -> int:
    """Two digits are of this century up to 49."""
    year = int(text.replace(" ", ""))
    if year >= 100:
        return year
    return 2000 + year if year < 50 else 1900 + year
