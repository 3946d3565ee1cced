"""Festivals by name: a rule each that gives its day in a year, or none where that is not known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import TypeAlias

from ivr.dialog.slots import lunar
from ivr.dialog.slots.calendar import coming_first

Festival: TypeAlias = Callable[[int], list[date]]


def around(festival: Festival, today: date) -> tuple[date, ...]:
    """Its days in the years around this one, coming ones first."""
    return coming_first((day for year in range(today.year - 1, today.year + 2) for day in festival(year)), today)


def _fixed(month: int, day: int) -> Festival:
    return lambda year: [date(year, month, day)]


def _lunar(month: int, day: int) -> Festival:
    return lambda year: lunar.solar(year, month, day)


def _nth(month: int, weekday: int, number: int, later: int = 0) -> Festival:
    """The `number`th Monday (0) of a month, or so many days after it."""

    def day(year: int) -> list[date]:
        first = date(year, month, 1)
        return [first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (number - 1) + later)]

    return day


def _qingming(year: int) -> list[date]:
    """The fifth solar term of this century."""
    part = year - 2000
    return [date(year, 4, int(part * 0.2422 + 4.81) - part // 4)] if lunar.FIRST <= year <= lunar.LAST else []


def _easter(later: int) -> Festival:
    """Easter Sunday of the Western churches (Meeus, Astronomical Algorithms, chapter 8), or so many days after it."""

    def day(year: int) -> list[date]:
        golden = year % 19
        century, of_century = divmod(year, 100)
        correction = (8 * century + 13) // 25
        epact = (19 * golden + century - century // 4 - correction + 15) % 30
        full_moon = epact - (golden + 11 * epact) // 319
        sunday = (32 + 2 * (century % 4) + 2 * (of_century // 4) - full_moon - of_century % 4) % 7
        month = (full_moon + sunday + 90) // 25
        return [date(year, month, (full_moon + sunday + month + 19) % 32) + timedelta(days=later)]

    return day


_SPRING, _LANTERNS, _DRAGON_BOAT, _AUTUMN, _NINTH = (
    _lunar(1, 1),
    _lunar(1, 15),
    _lunar(5, 5),
    _lunar(8, 15),
    _lunar(9, 9),
)
_THANKSGIVING = _nth(11, 3, 4)

ZH: Mapping[str, Festival] = {
    "元旦": _fixed(1, 1), "情人节": _fixed(2, 14), "妇女节": _fixed(3, 8), "植树节": _fixed(3, 12),
    "清明": _qingming, "劳动节": _fixed(5, 1), "青年节": _fixed(5, 4), "母亲节": _nth(5, 6, 2), "儿童节": _fixed(6, 1),
    "父亲节": _nth(6, 6, 3), "建军节": _fixed(8, 1), "教师节": _fixed(9, 10), "国庆": _fixed(10, 1),
    "万圣节": _fixed(10, 31), "光棍节": _fixed(11, 11), "双11": _fixed(11, 11), "感恩节": _THANKSGIVING,
    "双12": _fixed(12, 12), "平安夜": _fixed(12, 24), "圣诞": _fixed(12, 25),
    "春节": _SPRING, "元宵": _LANTERNS, "端午": _DRAGON_BOAT, "7夕": _lunar(7, 7),
    "中元节": _lunar(7, 15), "中秋": _AUTUMN, "重阳": _NINTH, "腊8": _lunar(12, 8),
    "除夕": lunar.new_years_eve, "大年夜": lunar.new_years_eve, "年30": lunar.new_years_eve,
}  # fmt: skip
"""Numbers are digits, a 节 that may be left out is."""

EN: Mapping[str, Festival] = {
    "new year's day": _fixed(1, 1), "new years day": _fixed(1, 1), "new year": _fixed(1, 1),
    "valentine's day": _fixed(2, 14), "st patrick's day": _fixed(3, 17), "may day": _fixed(5, 1),
    "good friday": _easter(-2), "easter sunday": _easter(0), "easter monday": _easter(1), "easter": _easter(0),
    "independence day": _fixed(7, 4), "halloween": _fixed(10, 31), "thanksgiving": _THANKSGIVING,
    "thanksgiving day": _THANKSGIVING, "black friday": _nth(11, 3, 4, later=1),
    "christmas eve": _fixed(12, 24), "christmas day": _fixed(12, 25), "christmas": _fixed(12, 25),
    "boxing day": _fixed(12, 26), "new year's eve": _fixed(12, 31), "new years eve": _fixed(12, 31),
    "chinese new year": _SPRING, "lunar new year": _SPRING, "spring festival": _SPRING,
    "chinese new year's eve": lunar.new_years_eve, "lunar new year's eve": lunar.new_years_eve,
    "lantern festival": _LANTERNS, "qingming festival": _qingming, "qingming": _qingming,
    "tomb sweeping day": _qingming, "tomb-sweeping day": _qingming, "dragon boat festival": _DRAGON_BOAT,
    "mid-autumn festival": _AUTUMN, "mid autumn festival": _AUTUMN, "moon festival": _AUTUMN,
    "double 9th festival": _NINTH, "double ninth festival": _NINTH,
}  # fmt: skip
"""Left out: days that fall differently in different countries (labour day, mother's day)."""
