"""`fmt`: one way to write a dialog file. Layout and comments stay as the designer set them.

What changes: line ends, trailing spaces and the last newline; quotes (none where none are needed, double ones
elsewhere); the order of keys in files, triggers, slots and steps. Each change is made in the text itself and kept only
if the file still means exactly the same, so no formatting can break a hotline.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from ivr.dialog.problems import Problems
from ivr.dialog.schema import ActionsFile, Flow, Hotline, Node, Slot, Trigger
from ivr.dialog.schema.action import Action
from ivr.dialog.schema.step import VERBS, StepBase
from ivr.dialog.source import read_yaml
from ivr.errors import DialogError

_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_PLAIN = re.compile(r"[^\s\-?:,\[\](){}#&*!|<>='\"%@`][^\n:#,\[\](){}|]*\Z")
_MAX_MOVES = 2_000

_STEP_LAST = ("listen", "catch", "next", "tags")


def _step_order() -> tuple[str, ...]:
    """id and `if` first, then the verb with its own keys, then where to go on."""
    own: list[str] = []
    for step in StepBase.__subclasses__():
        shared = StepBase.keys()
        own += [key for key in step.keys() if key not in shared]  # noqa: SIM118 - a method, not a dict
    return ("id", "if", *dict.fromkeys(sorted(own, key=lambda key: key not in VERBS)), *_STEP_LAST)


def _flow_order() -> tuple[str, ...]:
    keys = [key for key in Flow.keys() if key not in {"steps", "owner", "tags", "rollout", "interrupt"}]  # noqa: SIM118 - as above
    return ("flow", "owner", "tags", "rollout", "interrupt", *keys[1:], "steps")


def _order_for(file: str, path: tuple[str, ...]) -> tuple[str, ...]:
    """The order of keys of the map at this path; empty where the designer's own order stays (`#` = any item)."""
    kind = file.split("/")[0].removesuffix(".yaml")
    models: dict[tuple[str, tuple[str, ...]], type[Node]] = {
        ("hotline", ()): Hotline,
        ("actions", ()): ActionsFile,
        ("actions", ("actions", "*")): Action,
        ("flows", ("trigger",)): Trigger,
        ("flows", ("slots", "*")): Slot,
        ("hotline", ("slots", "*")): Slot,
    }
    if kind == "flows" and path == ():
        return _flow_order()
    if kind == "flows" and path == ("steps", "#"):
        return _step_order()
    wanted = tuple(
        "*" if len(path) == 2 and path[0] in {"slots", "actions"} and at == 1 else key for at, key in enumerate(path)
    )
    model = models.get((kind, wanted))
    return tuple(model.keys()) if model else ()


def format_text(raw: bytes, file: str) -> str:
    """The file's text in its one form. Raises DialogError when it is no readable YAML (lint tells what)."""
    problems = Problems()
    meaning = read_yaml(raw, file, problems)
    if problems.has_errors:
        raise DialogError(problems.sorted())
    text = raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    for change in (_whitespace, _quotes):
        text = _kept(text, change(text), file, meaning)
    for _ in range(_MAX_MOVES):
        moved = _reorder(text, file)
        if moved is None or not _same(moved, file, meaning):
            break
        text = moved
    return text


def _kept(before: str, after: str, file: str, meaning: Any) -> str:
    return after if _same(after, file, meaning) else before


def _same(text: str, file: str, meaning: Any) -> bool:
    problems = Problems()
    return bool(read_yaml(text.encode(), file, problems) == meaning and not problems.has_errors)


def _whitespace(text: str) -> str:
    lines = [line.rstrip() for line in text.split("\n")]
    return "\n".join(lines).strip("\n") + "\n"


# ------------------------------------------------------------------------------------------------------- quotes


def _quotes(text: str) -> str:
    """Each quoted text in its normal form."""
    edits = []
    for node, is_key, in_flow in _scalars(yaml.compose(text, Loader=_Loader), False):
        if node.style in {"'", '"'} and "\n" not in node.value:
            wanted = _normal(node.value, is_key, in_flow)
            start, end = node.start_mark.index, node.end_mark.index
            if wanted != text[start:end] and "\n" not in text[start:end]:
                edits.append((start, end, wanted))
    for start, end, wanted in sorted(edits, reverse=True):
        text = text[:start] + wanted + text[end:]
    return text


def _scalars(node: Any, in_flow: bool, is_key: bool = False) -> Iterator[tuple[Any, bool, bool]]:
    if isinstance(node, yaml.ScalarNode):
        yield node, is_key, in_flow
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _scalars(item, in_flow or bool(node.flow_style))
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _scalars(key, in_flow or bool(node.flow_style), True)
            yield from _scalars(value, in_flow or bool(node.flow_style))


def _normal(value: str, is_key: bool, in_flow: bool) -> str:
    """Without quotes where the same text is read back, in double quotes otherwise."""
    plain = bool(_PLAIN.match(value)) and not value.endswith(" ")
    spoken = not is_key and (in_flow or " " in value) and re.search(r"[A-Za-z] ", value)  # sentences keep their quotes
    problems = Problems()
    same = plain and not spoken and read_yaml(f"- {value}".encode(), "", problems) == [value] and not _ambiguous(value)
    return value if same else json.dumps(value, ensure_ascii=False)


def _ambiguous(value: str) -> bool:
    """Words that other YAML tools read as something else."""
    return value.lower() in {"on", "off", "yes", "no", "y", "n"} or bool(re.match(r"[\d+.]", value))


# -------------------------------------------------------------------------------------------------------- order


def _reorder(text: str, file: str) -> str | None:
    """The text with the first map that is out of order put right; None when all are in order."""
    for node, path in _maps(yaml.compose(text, Loader=_Loader), ()):
        order = _order_for(file, path)
        keys = [key.value for key, _ in node.value]
        if not order or any(key not in order for key in keys) or len(set(keys)) != len(keys):
            continue
        wanted = sorted(keys, key=order.index)
        if wanted != keys and (moved := _moved(text, node, keys, wanted)) is not None:
            return moved
    return None


def _maps(node: Any, path: tuple[str, ...]) -> Iterator[tuple[Any, tuple[str, ...]]]:
    if isinstance(node, yaml.MappingNode):
        yield node, path
        for key, value in node.value:
            yield from _maps(value, (*path, str(key.value)))
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _maps(item, (*path, "#"))


def _moved(text: str, node: Any, keys: list[str], wanted: list[str]) -> str | None:
    """The entries of one map in another order; None where comments or layout stand in the way."""
    if node.flow_style:
        spans = [(key.start_mark.index, max(key.end_mark.index, value.end_mark.index)) for key, value in node.value]
        if "#" in text[node.start_mark.index : node.end_mark.index] or "\n" in text[spans[0][0] : spans[-1][1]]:
            return None
    else:
        found = _block_spans(text, node)
        if found is None:
            return None
        spans = found
    pieces = dict(zip(keys, [text[start:end] for start, end in spans], strict=True))
    parts = [text[: spans[0][0]]]
    for index, key in enumerate(wanted):
        parts.append(pieces[key])
        after = spans[index + 1][0] if index + 1 < len(spans) else len(text)
        parts.append(text[spans[index][1] : after])
    return "".join(parts)


def _block_spans(text: str, node: Any) -> list[tuple[int, int]] | None:
    """Where each entry of a block map begins and ends, without its last line's end. None when a comment line or an
    empty line stands between them: it would be torn from what it is about."""
    starts = [key.start_mark.index for key, _ in node.value]
    line_starts = [text.rfind("\n", 0, start) + 1 for start in starts]
    if len(set(line_starts)) != len(starts):
        return None
    spans = []
    for index, start in enumerate(starts):
        end = line_starts[index + 1] - 1 if index + 1 < len(starts) else _end_of(text, node, starts[0])
        body = text[start:end]
        if any(not line.strip() or line.lstrip().startswith("#") for line in body.split("\n")):
            return None
        spans.append((start, end))
    return spans


def _end_of(text: str, node: Any, first: int) -> int:
    """End of the last line that is deeper than the map's own column, or belongs to its last entry."""
    column = first - (text.rfind("\n", 0, first) + 1)
    at = text.find("\n", node.value[-1][0].start_mark.index)
    while 0 <= at < len(text) - 1:
        line = text[at + 1 : (text.find("\n", at + 1) + len(text) + 1) % (len(text) + 1)]
        if line.strip() and len(line) - len(line.lstrip()) <= column and not line.lstrip().startswith("- "):
            break
        if not line.strip() or (len(line) - len(line.lstrip()) < column):
            break
        at = text.find("\n", at + 1)
    return at if at >= 0 else len(text)
