"""Dates as people say them: 下周三, 上个月五号, 十五号, 十一月二十, 大后天; `the fifteenth of next month`,
`last friday`, `three days ago`. Value: `YYYY-MM-DD`.

What is left open (which year, which month, which week) is settled by the slot's `range`: of the dates the words may
mean, the first inside the range is taken, nearest to today first. Without a range the coming date is preferred.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta

from ivr.dialog.events import JsonValue
from ivr.dialog.slots import date_en, date_zh
from ivr.dialog.slots.base import EXPLICIT, GUESS, PART, Parsed, Settings, Utterance, bounds
from ivr.dialog.slots.calendar import Meant
from ivr.errors import InputError

_OFFSET = re.compile(r"(?P<sign>[+-]?)(?P<count>\d+)(?P<unit>[dwmy])")
_UNIT_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


def parse_date(utterance: Utterance, settings: Settings) -> list[Parsed]:
    """Every date in the utterance; `range` as [date, date], each `YYYY-MM-DD`, `today`, or an offset like `-180d`."""
    canonical = utterance.canonical
    today = utterance.now.date()
    low, high = (_bound(value, today) for value in bounds(settings, "range"))
    rules = date_zh.find if utterance.chinese else date_en.find
    return [_choose(meant, canonical.span(*meant.span), low, high, today) for meant in rules(canonical.text, today)]


def _bound(value: JsonValue, today: date) -> date | None:
    if value is None:
        return None
    if value == "today":
        return today
    text = str(value)
    if offset := _OFFSET.fullmatch(text):
        days = int(offset["count"]) * _UNIT_DAYS[offset["unit"]]
        return today + timedelta(days=-days if offset["sign"] == "-" else days)
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise InputError(f"slot setting `range`: {text!r} is no date, `today` or offset like -180d") from None


def _choose(meant: Meant, span: tuple[int, int], low: date | None, high: date | None, today: date) -> Parsed:
    inside = [day for day in meant.days if _inside(day, low, high)]
    p = GUESS if meant.unsure else EXPLICIT
    if inside:
        chosen = _nearest(inside, today) if meant.any_of and (low or high) else inside[0]
        if meant.any_of and not (low or high) and chosen != _nearest(inside, today):
            p = min(p, PART)  # the 20th, said on the 22nd: most likely, yet not surely, the coming one
        return Parsed(chosen.isoformat(), p, span, explicit=not meant.unsure)
    return Parsed(_nearest(meant.days, today).isoformat(), p, span, "range", explicit=not meant.unsure)


def _inside(day: date, low: date | None, high: date | None) -> bool:
    return (low is None or day >= low) and (high is None or day <= high)


def _nearest(days: Iterable[date], today: date) -> date:
    return min(days, key=lambda day: (abs((day - today).days), day < today))
