"""`defaults.confidence` of a hotline.yaml, changed in place: nothing else of the file moves, comments stay."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ivr.errors import InputError

_NUMBER = re.compile(r"[-+.0-9eE]+")


def set_confidence(text: str, values: Mapping[str, float], name: str = "hotline.yaml") -> str:
    """`text` with `defaults.confidence` holding `values` (`accept`, `confirm`). InputError where the file is written in
    a way that cannot be changed without touching the rest of it."""
    for key, value in values.items():
        text = _set(text, key, value, name)
        if _read(text, name).get("defaults", {}).get("confidence", {}).get(key) != value:
            raise InputError(f"{name}: `defaults.confidence.{key}` cannot be changed by a program here: write {value}")
    return text


def _read(text: str, name: str) -> Any:
    try:
        data = YAML().load(io.StringIO(text))
    except YAMLError as error:
        raise InputError(f"{name}: no YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(data, dict):
        raise InputError(f"{name}: no hotline: a map was expected")
    return data


def _set(text: str, key: str, value: float, name: str) -> str:
    data, lines = _read(text, name), text.splitlines(keepends=True)
    defaults: Any = data.get("defaults")
    confidence: Any = defaults.get("confidence") if isinstance(defaults, dict) else None
    if confidence and key in confidence:
        row, column = confidence.lc.value(key)
        line = lines[row]
        lines[row] = line[:column] + _NUMBER.sub(f"{value:g}", line[column:], count=1)
    elif confidence:
        _insert(lines, confidence, f"{key}: {value:g}")
    elif defaults:
        _insert(lines, defaults, f"confidence: {{{key}: {value:g}}}")
    elif "defaults" not in data:
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        lines.append(f"defaults:\n  confidence: {{{key}: {value:g}}}\n")
    return "".join(lines)


def _insert(lines: list[str], parent: Any, entry: str) -> None:
    """A first entry of a map that has some."""
    row, column = parent.lc.key(next(iter(parent)))
    line = lines[row]
    if parent.fa.flow_style():
        lines[row] = f"{line[:column]}{entry}, {line[column:]}"
    else:
        lines.insert(row, f"{' ' * column}{entry}\n")
