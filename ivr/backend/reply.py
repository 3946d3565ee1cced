"""What a backend may answer: the declared fields of the declared types, nothing else."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Mapping

from ivr.dialog.events import JsonValue
from ivr.errors import ActionError

MAX_DEPTH = 40
"""Of lists and objects inside each other."""


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
        if fault := _fault(value):
            raise ActionError("data", f"action {name}: field {field!r} holds {fault}, which is not JSON")
        checked[field] = value
    return checked


def _fault(value: object, depth: int = 0) -> str:
    """What in a value cannot be kept as JSON, journalled in UTF-8 and replayed; empty when all of it can."""
    if depth > MAX_DEPTH:
        return f"more than {MAX_DEPTH} levels"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str):
        return "half a surrogate pair" if any("\ud800" <= char <= "\udfff" for char in value) else ""
    if isinstance(value, list):
        return next((fault for each in value if (fault := _fault(each, depth + 1))), "")
    if isinstance(value, dict):
        return next((fault for pair in value.items() for each in pair if (fault := _fault(each, depth + 1))), "")
    return "" if value is None or isinstance(value, bool | int | float) else _kind(value)


def _kind(value: object) -> str:
    if value is None:
        return "null"
    known = {bool: "a boolean", int: "a number", float: "a number", str: "a text", list: "a list", dict: "an object"}
    return known.get(type(value), f"a {type(value).__name__}")
