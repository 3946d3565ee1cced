"""Small values of the dialog language: durations, shares, names, languages, opening hours."""

from __future__ import annotations

import re
import zoneinfo
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, Strict, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from ivr.dialog.problems import did_you_mean

_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)\Z")
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,3})?)%\Z")
_HOURS_RULE = re.compile(r"(?:([A-Z][a-z](?:[-,][A-Z][a-z])*) )?(\d\d):(\d\d)-(\d\d):(\d\d)\Z")
_DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")

SLOT_TYPES = ("yes_no", "digits", "number", "money", "date", "time", "phone", "choice", "text")
VALUE_TYPES = ("text", "digits", "number", "money", "date", "time", "phone", "bool", "yes_no", "list", "object", "any")
OUTCOMES = ("resolved", "ticket", "abandoned", "refused")


def problem(message: str, hint: str = "", code: str = "E23") -> PydanticCustomError:
    """An error of a validator that becomes a Problem with this code and hint."""
    return PydanticCustomError(code, message, {"hint": hint})


def parse_duration(value: Any) -> int:
    """`700ms`, `1.5s`, `3m`, `10h`, `90d` -> ms. 0 may stand without a unit."""
    if value == 0 and not isinstance(value, bool):
        return 0
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise problem(f"a duration needs a unit: {value}", f"write {value}ms or {value}s")
    found = _DURATION.match(value) if isinstance(value, str) else None
    if not found:
        raise problem(f"not a duration: {str(value)[:40]}", "write 700ms, 1.5s, 3m, 2h or 90d")
    return round(float(found[1]) * _UNITS[found[2]])


def parse_share(value: Any) -> float:
    """`50%` -> 0.5; a number from 0 to 1 is taken as it is."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    found = _PERCENT.match(value) if isinstance(value, str) else None
    if not found or float(found[1]) > 100:
        raise problem(f"not a share: {str(value)[:40]}", "write 50% (0% to 100%)")
    return float(found[1]) / 100


def parse_hours(text: str) -> tuple[tuple[frozenset[int], int, int], ...]:
    """Opening hours, `Mo-Fr 09:00-18:00; Sa 10:00-14:00` or `24/7` (a part of OpenStreetMap's opening_hours).

    Returns rules (weekdays with Monday = 0, opening minute, closing minute of the day); a closing minute at or before
    the opening one is on the next day. Raises ValueError with what is wrong.
    """
    if text == "24/7":
        return ((frozenset(range(7)), 0, 1440),)
    return tuple(_hours_rule(rule.strip()) for rule in text.split(";"))


def _hours_rule(rule: str) -> tuple[frozenset[int], int, int]:
    found = _HOURS_RULE.match(rule)
    if not found:
        raise ValueError(f"`{rule[:40]}` is no opening rule")
    opening, closing = int(found[2]) * 60 + int(found[3]), int(found[4]) * 60 + int(found[5])
    if max(opening, closing) > 1440 or max(int(found[3]), int(found[5])) > 59:
        raise ValueError(f"`{rule[:40]}` has no such time")
    return _weekdays(found[1] or "Mo-Su"), opening, closing


def _weekdays(text: str) -> frozenset[int]:
    days: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        last = last or first
        if first not in _DAYS or last not in _DAYS:
            raise ValueError(f"`{part[:40]}` is no weekday (Mo Tu We Th Fr Sa Su)")
        start, count = _DAYS.index(first), (_DAYS.index(last) - _DAYS.index(first)) % 7 + 1
        days.update((start + offset) % 7 for offset in range(count))
    return frozenset(days)


def _check_hours(text: str) -> str:
    try:
        parse_hours(text)
    except ValueError as error:
        raise problem(str(error), 'write "Mo-Fr 09:00-18:00; Sa 10:00-14:00" or "24/7"') from None
    return text


def _check_zone(name: str) -> str:
    if name not in _zones():
        raise problem(f"no such time zone: {name[:60]}", did_you_mean(name, _zones(), "a name like Asia/Shanghai"))
    return name


def _zones() -> set[str]:
    global _ZONES
    if not _ZONES:
        _ZONES = zoneinfo.available_timezones()
    return _ZONES


_ZONES: set[str] = set()


def _check_slot_type(name: str) -> str:
    if name not in SLOT_TYPES and "." not in name:
        raise problem(f"no such slot type: {name[:60]}", did_you_mean(name, SLOT_TYPES))
    return name


def _check_value_type(name: str) -> str:
    if name not in VALUE_TYPES:
        raise problem(f"no such type: {name[:60]}", did_you_mean(name, VALUE_TYPES))
    return name


def _as_tuple(value: Any) -> Any:
    """One text counts as a list of one."""
    return [value] if isinstance(value, str) else value


def _as_expression(value: Any) -> Any:
    """`if: true` and `check: 1` are expressions too."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _check_keys(value: str) -> str:
    if not re.fullmatch(r"[0-9*#]{1,8}", value):
        raise problem(f"not a key: {value[:20]}", 'keys are "0" to "9", "*" and "#"')
    return value


_PATTERN = {"type": "string", "pattern": r"^\d+(\.\d+)?(ms|s|m|h|d)$"}

Flag = Annotated[bool, Strict()]
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Probability = Annotated[float, Strict(), Field(ge=0, le=1)]
Duration = Annotated[int, BeforeValidator(parse_duration), WithJsonSchema(_PATTERN)]
"""Milliseconds."""
Share = Annotated[
    float,
    BeforeValidator(parse_share),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": r"^\d+(\.\d+)?%$"}, {"type": "number"}]}),
]
"""0 to 1."""
Text = Annotated[str, StringConstraints(max_length=20_000)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
DottedName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}(\.[A-Za-z_][A-Za-z0-9_]{0,63})*$")]
LANGUAGE_PATTERN = r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$"
Language = Annotated[str, StringConstraints(pattern=LANGUAGE_PATTERN)]
Expression = Annotated[str, BeforeValidator(_as_expression), WithJsonSchema({"type": ["string", "boolean", "number"]})]
"""Text of a bare expression; compiled and checked by the lint."""
Texts = Annotated[
    tuple[Text, ...],
    BeforeValidator(_as_tuple),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
Key = Annotated[str, AfterValidator(_check_keys), WithJsonSchema({"type": "string", "pattern": "^[0-9*#]{1,8}$"})]
Keys = Annotated[
    tuple[Key, ...],
    BeforeValidator(_as_tuple),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
Hours = Annotated[str, AfterValidator(_check_hours)]
Zone = Annotated[str, AfterValidator(_check_zone)]
SlotType = Annotated[
    str,
    AfterValidator(_check_slot_type),
    WithJsonSchema({"anyOf": [{"enum": list(SLOT_TYPES)}, {"type": "string", "pattern": r"\."}]}),
]
ValueType = Annotated[str, AfterValidator(_check_value_type), WithJsonSchema({"enum": list(VALUE_TYPES)})]
