"""Events, commands, decisions and dialog states <-> JSON.

One generic walk over dataclass annotations; a member of a union of dataclasses carries its class name under `type`.
`decode(encode(x)) == x` for everything in `ivr.dialog.events` and for DialogState (property-tested).
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from ivr.dialog import events
from ivr.dialog.events import DialogCommand, DialogEvent, JsonValue
from ivr.errors import InputError

T = TypeVar("T")

_TAGGED: dict[str, type] = {cls.__name__: cls for cls in (*get_args(DialogEvent), *get_args(DialogCommand))}


def encode(value: object) -> JsonValue:
    """Dataclasses become dicts, tuples lists; events and commands get their `type`."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {name: encode(getattr(value, name)) for name in _field_names(type(value))}
        name = type(value).__name__
        return {"type": name, **fields} if name in _TAGGED else fields
    raise InputError(f"cannot be written as JSON: {type(value).__name__}")


def decode(cls: type[T], data: JsonValue) -> T:
    """Rebuild `cls` from what `encode` gave. Raises InputError that names the field."""
    return typing.cast("T", _decode(cls, data, cls.__name__))


def decode_event(data: JsonValue) -> DialogEvent:
    return typing.cast("DialogEvent", _tagged(data, get_args(DialogEvent)))


def decode_command(data: JsonValue) -> DialogCommand:
    return typing.cast("DialogCommand", _tagged(data, get_args(DialogCommand)))


def dumps(value: object) -> str:
    """Canonical: the same value always gives the same text."""
    return json.dumps(encode(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def loads(cls: type[T], text: str) -> T:
    return decode(cls, json.loads(text))


def _tagged(data: JsonValue, allowed: Sequence[type]) -> object:
    if not isinstance(data, dict) or not isinstance(data.get("type"), str):
        raise InputError("not an event or command: an object with a `type` is needed")
    name = str(data["type"])
    cls = _TAGGED.get(name)
    if cls is None or cls not in allowed:
        raise InputError(f"unknown type {name!r}; one of {', '.join(sorted(item.__name__ for item in allowed))}")
    return _decode(cls, {key: item for key, item in data.items() if key != "type"}, name)


def _decode(hint: Any, data: JsonValue, where: str) -> object:
    if hint is Any or hint is object:
        return data
    origin = get_origin(hint)
    if origin is Literal:
        if data not in get_args(hint):
            raise InputError(f"{where}: {data!r} is none of {', '.join(map(repr, get_args(hint)))}")
        return data
    if origin in (Union, types.UnionType):
        return _decode_union(hint, data, where)
    if origin in (tuple, list):
        return _decode_sequence(hint, data, where)
    if origin in (dict, Mapping) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        if not isinstance(data, dict):
            raise InputError(f"{where}: an object is needed, not {type(data).__name__}")
        item_hint = get_args(hint)[1]
        return {key: _decode(item_hint, item, f"{where}.{key}") for key, item in data.items()}
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _decode_dataclass(hint, data, where)
    return _decode_scalar(hint, data, where)


def _decode_scalar(hint: Any, data: JsonValue, where: str) -> object:
    if hint is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    if not isinstance(hint, type):
        return data  # JsonValue is a recursive alias: a forward reference here, and any JSON is right
    if not isinstance(data, hint) or (hint is int and isinstance(data, bool)):
        raise InputError(f"{where}: {hint.__name__} is needed, not {type(data).__name__}")
    return data


def _decode_union(hint: Any, data: JsonValue, where: str) -> object:
    options = get_args(hint)
    if data is None and type(None) in options:
        return None
    concrete = [option for option in options if option is not type(None)]
    if isinstance(data, dict) and "type" in data and all(option in _TAGGED.values() for option in concrete):
        return _tagged(data, concrete)
    if len(concrete) == 1:
        return _decode(concrete[0], data, where)
    return data  # a union of plain JSON types


def _decode_sequence(hint: Any, data: JsonValue, where: str) -> object:
    if not isinstance(data, list):
        raise InputError(f"{where}: a list is needed, not {type(data).__name__}")
    args = get_args(hint)
    if get_origin(hint) is list:
        return [_decode(args[0], item, f"{where}[{index}]") for index, item in enumerate(data)]
    if len(args) == 2 and args[1] is Ellipsis:
        return tuple(_decode(args[0], item, f"{where}[{index}]") for index, item in enumerate(data))
    if len(args) != len(data):
        raise InputError(f"{where}: {len(args)} items are needed, not {len(data)}")
    return tuple(
        _decode(arg, item, f"{where}[{index}]") for index, (arg, item) in enumerate(zip(args, data, strict=True))
    )


def _decode_dataclass(cls: type, data: JsonValue, where: str) -> object:
    if not isinstance(data, dict):
        raise InputError(f"{where}: an object is needed, not {type(data).__name__}")
    if cls in _TAGGED.values():
        data = {key: item for key, item in data.items() if key != "type"}
    hints = _hints(cls)
    unknown = sorted(set(data) - set(hints))
    if unknown:
        raise InputError(f"{where}: unknown field {unknown[0]!r}")
    try:
        return cls(**{key: _decode(hints[key], item, f"{where}.{key}") for key, item in data.items()})
    except TypeError as error:
        raise InputError(f"{where}: {error}") from error


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls, localns=vars(events))


@cache
def _field_names(cls: type) -> tuple[str, ...]:
    return tuple(item.name for item in dataclasses.fields(cls))
