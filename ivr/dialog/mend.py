"""What is left of a file with faults: the faulty parts are cut out, so that the lint can look at the rest in the same
run. What only follows from a fault (a step that is "not there" because it could not be read) is not reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ivr.dialog.problems import Problems
from ivr.dialog.schema import Node
from ivr.dialog.source import YamlList, YamlMap
from ivr.errors import Problem

ROUNDS = 12
"""A cut may leave a hole that makes the part around it faulty, up to the top of the file."""
_PLACEHOLDERS: dict[str, Any] = {"schema": 1, "hotline": "hotline"}
"""Keys of hotline.yaml that the lint can do without."""
_WORD = re.compile(r"[^\W\d]\w*(?:\.\w+)*")
_NAMED = re.compile(r"`([^`]+)`|: ([\w.]+)")
_PATHS = frozenset({"E04", "E07"})
"""Codes about the ways through a flow: nothing can be said where a step or its `next` is missing."""
_WHOLE = frozenset({"W03", "W04", "W13", "W25"})
"""Codes about the hotline as a whole."""
_PRESENT = frozenset({"E02", "E14", "E18", "E20", "W30", "W31", "W32"})
"""Codes about what is there twice, out of order or refused: nothing that is missing can cause them."""

NodeT = TypeVar("NodeT", bound=Node)
_Path = tuple[str | int, ...]


def mended(model: type[NodeT], data: YamlMap, error: ValidationError, problems: Problems) -> NodeT | None:
    """The file as a model, without its faulty parts; None when nothing usable is left."""
    whole, rest = data, _copy(data)
    for _ in range(ROUNDS):
        cuts = {_cut(rest, details) for details in error.errors(include_url=False)}
        for path in sorted(cuts, key=lambda path: [(str(type(part)), part) for part in path], reverse=True):
            if not path:
                if not _fill_in(rest, error):
                    problems.lose(data.at.file, words(data))
                    return None
                continue
            problems.lose(data.at.file, words({str(path[-1]): _remove(whole, rest, path)}))
        try:
            return model.model_validate(rest, context={"problems": problems})
        except ValidationError as again:
            error = again
    problems.lose(data.at.file, words(data))
    return None


def words(data: Any) -> Iterator[str]:
    """Every name in some data: keys, and texts that are one word."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield str(key)
            yield from words(value)
    elif isinstance(data, list):
        for item in data:
            yield from words(item)
    elif isinstance(data, str) and _WORD.fullmatch(data):
        yield str(data)


def words_of_text(raw: bytes) -> Iterator[str]:
    """Every name that an unreadable file may define."""
    return (match.group() for match in _WORD.finditer(raw.decode("utf-8", "replace")))


def follows(problem: Problem, problems: Problems) -> bool:
    """True for a problem that may only be there because of what could not be read."""
    if not problems.lost or problem.code in _PRESENT:
        return False
    if problem.code in _WHOLE or (problem.code in _PATHS and problem.file in problems.mended_files):
        return True
    names = {name for found in _NAMED.findall(problem.message) for name in found if name}
    return any(name in problems.lost for name in names)


def _copy(data: Any) -> Any:
    """Maps and lists are copied, with their places; texts are shared."""
    if isinstance(data, YamlMap):
        entries = YamlMap(data.at)
        entries.update({key: _copy(value) for key, value in data.items()})
        entries.key_at, entries.value_at = dict(data.key_at), dict(data.value_at)
        return entries
    if isinstance(data, YamlList):
        items = YamlList(data.at)
        items.extend(_copy(item) for item in data)
        items.item_at = list(data.item_at)
        return items
    return data


def _cut(data: Any, details: ErrorDetails) -> _Path:
    """Path of the smallest part that holds the fault; a step stays in its list, so that its fellows keep their
    numbers."""
    path: list[str | int] = []
    for element in details["loc"]:
        if isinstance(data, YamlMap) and element in data:
            data = data[str(element)]
        elif isinstance(data, YamlList) and isinstance(element, int) and 0 <= element < len(data):
            data = data[element]
        else:
            continue
        path.append(element)
    return tuple(path)


def _fill_in(data: YamlMap, error: ValidationError) -> bool:
    """Keys missing at the top, where a placeholder does."""
    missing = [str(details["loc"][0]) for details in error.errors() if len(details["loc"]) == 1]
    known = [key for key in missing if key in _PLACEHOLDERS and key not in data]
    data.update({key: _PLACEHOLDERS[key] for key in known})
    return bool(known)


def _remove(whole: YamlMap, data: YamlMap, path: _Path) -> Any:
    """Cut out the part at `path`; gives what it was."""
    holder: Any = data
    for element in path[:-1]:
        try:
            holder = holder[element]
        except (KeyError, IndexError, TypeError):
            return None  # a larger part that holds it is cut out already
    last = path[-1]
    if isinstance(holder, YamlMap):
        return holder.pop(str(last), None)
    if not isinstance(holder, YamlList) or not isinstance(last, int) or last >= len(holder):
        return None
    if path[:-1] == ("steps",):
        return _stand_in(whole["steps"][last], holder, last)
    holder.item_at.pop(last)
    return holder.pop(last)


def _stand_in(step: Any, steps: YamlList, number: int) -> Any:
    """A step of the same name that does nothing, in place of one that cannot be read."""
    stub = YamlMap(steps.item_at[number])
    if isinstance(step, YamlMap) and isinstance(step.get("id"), str):
        stub["id"] = step["id"]
    stub.key_at = stub.value_at = dict.fromkeys(("id", "end"), stub.at)
    stub["end"] = YamlMap(stub.at)
    steps[number] = stub
    return {key: value for key, value in step.items() if key != "id"} if isinstance(step, YamlMap) else step
