"""A hotline's own fields of tickets: what they are called and what may stand in them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ivr.errors import InputError

MAX_TEXT = 2000
_YES, _NO = frozenset({"yes", "true", "1", "是", "对"}), frozenset({"no", "false", "0", "否", "不是"})


class TicketField(BaseModel):
    """One field."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["text", "number", "date", "yes_no", "choice"] = Field(default="text", description="What it takes.")
    title: Annotated[str, Field(max_length=100)] = Field(default="", description="How it is shown; empty = its name.")
    required: bool = Field(default=False, description="An agent cannot close the ticket while it is empty.")
    choices: tuple[str, ...] = Field(default=(), description="For `choice`.")


Fields = Mapping[str, TicketField]


def read_field(name: str, field: TicketField, value: Any) -> Any:
    """The value as it is kept (dates ISO 8601, null = empty). Raises InputError that names the field."""
    if value is None or value == "":
        return None
    if field.type == "text":
        return _text(name, value)
    if field.type == "number":
        return _number(name, value)
    if field.type == "yes_no":
        return _yes_no(name, value)
    if field.type == "choice":
        if value not in field.choices:
            raise InputError(f"fields.{name}: {str(value)[:40]!r} is none of {', '.join(field.choices)}")
        return value
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise InputError(f"fields.{name}: a day like 2026-11-22 is needed, not {str(value)[:40]!r}") from None


def check_fields(fields: Fields, given: Mapping[str, Any]) -> dict[str, Any]:
    """All that an agent wrote. Raises InputError for a name that is none of the hotline's, and for values that do not
    fit. Without fields of its own a hotline takes what comes."""
    if not fields:
        return {name[:100]: _plain(name, value) for name, value in given.items()}
    unknown = sorted(set(given) - set(fields))
    if unknown:
        raise InputError(f"fields.{unknown[0][:40]}: no such field ({', '.join(fields)})")
    return {name: read_field(name, fields[name], value) for name, value in given.items()}


def read_from_bot(fields: Fields, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the bot learned: what does not fit is kept as it was said, as no caller must lose a ticket for that."""
    found = dict(given)
    for name, field in fields.items():
        if name in given:
            try:
                found[name] = read_field(name, field, given[name])
            except InputError:
                found[name] = given[name]
    return found


def missing(fields: Fields, values: Mapping[str, Any]) -> list[str]:
    """Required ones that are empty."""
    return [name for name, field in fields.items() if field.required and values.get(name) in (None, "")]


def _text(name: str, value: Any) -> str:
    if isinstance(value, dict | list):
        raise InputError(f"fields.{name}: text is needed")
    text = str(value).replace("\0", "")
    if len(text) > MAX_TEXT:
        raise InputError(f"fields.{name}: longer than {MAX_TEXT} characters")
    return text


def _number(name: str, value: Any) -> float | int:
    try:
        if isinstance(value, bool):
            raise TypeError
        found = float(value)
    except (TypeError, ValueError):
        raise InputError(f"fields.{name}: a number is needed, not {str(value)[:40]!r}") from None
    if not math.isfinite(found):
        raise InputError(f"fields.{name}: a number is needed, not {str(value)[:40]!r}")
    return int(found) if found.is_integer() and abs(found) < 2**53 else found


def _yes_no(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _YES or word in _NO:
        return word in _YES
    raise InputError(f"fields.{name}: yes or no is needed, not {str(value)[:40]!r}")


def _plain(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    return _number(name, value) if isinstance(value, float) else _text(name, value)
