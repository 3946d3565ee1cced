"""What a backend may answer: the declared fields of the declared types, nothing else."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping

from ivr.dialog.events import JsonValue
from ivr.errors import ActionError


def _is_date(value: JsonValue) -> bool:
    if not isinstance(value, str):
        return False
    try:
        datetime.date.fromisoformat(value[:10])
    except ValueError:
        return False
    return True


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_text(value: JsonValue) -> bool:
    return isinstance(value, str)


_TYPES: dict[str, Callable[[JsonValue], bool]] = {
    "bool": lambda value: isinstance(value, bool),
    "yes_no": lambda value: isinstance(value, bool),
    "number": _is_number,
    "money": _is_number,
    "digits": lambda value: isinstance(value, str) and value.isascii() and value.isdigit(),
    "text": _is_text,
    "choice": _is_text,
    "phone": _is_text,
    "date": _is_date,
    "time": _is_text,
    "list": lambda value: isinstance(value, list),
    "map": lambda value: isinstance(value, dict),
    "object": lambda value: isinstance(value, dict),
    "any": lambda _: True,
}
"""A plug-in's type is not known here and takes anything."""


def check_reply(name: str, reply: JsonValue, returns: Mapping[str, str]) -> dict[str, JsonValue]:
    """The declared fields; others are dropped. Raises ActionError (`data`) that names the field and what it is."""
    if not isinstance(reply, dict):
        raise ActionError("data", f"action {name}: the answer is {_kind(reply)}, not an object")
    checked: dict[str, JsonValue] = {}
    for field, type_name in returns.items():
        if field not in reply:
            raise ActionError("data", f"action {name}: the answer has no field {field!r}")
        value = reply[field]
        if value is not None and not _TYPES.get(type_name, _TYPES["any"])(value):
            raise ActionError("data", f"action {name}: field {field!r} is {_kind(value)}, not {type_name}")
        checked[field] = value
    return checked


def _kind(value: JsonValue) -> str:
    if value is None:
        return "null"
    return {bool: "a boolean", int: "a number", float: "a number", str: "a text", list: "a list", dict: "an object"}[
        type(value)
    ]
