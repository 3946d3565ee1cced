"""Keyed digits as slot values. What the keys mean for each type is fixed here and told to callers by prompts:
dates YYYYMMDD or MMDD, times HHMM, `*` is the decimal point of money and numbers."""

from __future__ import annotations

import datetime as dt
import re

from ivr.dialog.engine.program import SlotCode
from ivr.dialog.events import JsonValue, Reading


def read_keys(slot: SlotCode, digits: str, now: dt.datetime) -> list[Reading]:
    """The slot's value from keys as one `fill` reading with p = 1; with `error` in its detail when it is none."""
    if not digits:
        return []
    try:
        value = _value(slot, digits, now.date())
    except ValueError:
        return [Reading("fill", digits, 1.0, slot.name, digits, detail={"error": "form"})]
    if value is None:
        return []
    wrong = slot.length is not None and not slot.length[0] <= len(digits) <= slot.length[1]
    return [Reading("fill", value, 1.0, slot.name, digits, detail={"error": "length"} if wrong else {})]


def fit(slot: SlotCode, digits: str) -> int:
    """How much keys that are a value of the slot look like one: 2 = by their number, 1 = any number would do."""
    fixed = slot.length is not None and slot.length[0] == slot.length[1]
    return 2 if fixed or slot.type in ("date", "time") or (slot.type == "phone" and len(digits) >= 7) else 1


def _value(slot: SlotCode, digits: str, today: dt.date) -> JsonValue:
    if slot.type in ("yes_no", "choice", "text"):
        return None  # by key, or not by keys at all
    if slot.type in ("number", "money"):
        if not re.fullmatch(r"\d+(\*\d+)?", digits):
            raise ValueError(digits)
        number = float(digits.replace("*", "."))
        return int(number) if number.is_integer() else number
    if not digits.isdigit():
        raise ValueError(digits)
    if slot.type == "date":
        return _date(digits, today).isoformat()
    if slot.type == "time":
        return dt.time(int(digits[:-2] or "0"), int(digits[-2:])).isoformat("minutes")
    return digits


def _date(digits: str, today: dt.date) -> dt.date:
    """MMDD is the nearest such day: of last year where this year's is over half a year ahead."""
    if len(digits) == 8:
        return dt.date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    if len(digits) != 4:
        raise ValueError(digits)
    day = dt.date(today.year, int(digits[:2]), int(digits[2:]))
    return day.replace(year=today.year - 1) if (day - today).days > 183 else day
