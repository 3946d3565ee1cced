"""YAML with positions: bytes of one file -> plain data in which every map, list and text knows its line and column.

The scanner is libyaml (by PyYAML, which falls back to pure Python where it was built without). What a plain word means
is decided here by the YAML 1.2 core schema, so `on`, `yes`, `08:00` and `2026-11-21` are texts. Anchors, aliases, tags
and further documents are no part of the dialog language and are refused, which also ends every alias bomb. A file costs
at most MAX_BYTES of scanning and MAX_DEPTH of recursion. Nothing here raises for any input: what is wrong is a Problem.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from ivr.dialog.problems import Problems

MAX_BYTES = 1_000_000
MAX_DEPTH = 40

_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

# Control characters, and the line separators at which YAML 1.1 scanners and editors count lines differently.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_TAB = re.compile(r"^ *\t", re.M)
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]{1,100}\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,3})?\Z")
_TRAP_KEYS = frozenset({"on", "off", "yes", "no", "true", "false", "null", "~"})


class Position(NamedTuple):
    """Where in the hotline's folder; line and column count from 1, columns in characters."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class YamlText(str):
    """A text that knows where it stands. `plain` = written without quotes on one line, so columns inside it add up."""

    __slots__ = ("at", "plain")
    at: Position
    plain: bool


class YamlMap(dict[str, Any]):
    """A map that knows where it, each key and each value stand."""

    __slots__ = ("at", "key_at", "value_at")

    def __init__(self, at: Position) -> None:
        super().__init__()
        self.at = at
        self.key_at: dict[str, Position] = {}
        self.value_at: dict[str, Position] = {}


class YamlList(list[Any]):
    """A list that knows where it and each item stand."""

    __slots__ = ("at", "item_at")

    def __init__(self, at: Position) -> None:
        super().__init__()
        self.at = at
        self.item_at: list[Position] = []


class _TooDeep(Exception):
    def __init__(self, at: Position) -> None:
        self.at = at


_DROPPED: Any = object()
"""What stands for a refused node (alias): its key or item is left out, so that it is reported once only."""


def locate(data: Any, path: tuple[Any, ...], fallback: Position) -> Position:
    """Position of the value that `path` leads to; elements that lead nowhere (names of unions, say) are passed over.
    `[key]`, pydantic's word for the key itself, gives the key's position."""
    at = getattr(data, "at", fallback)
    key_at = at
    for element in path:
        if element == "[key]":
            return key_at
        if isinstance(data, YamlMap) and element in data:
            key_at = data.key_at.get(element, at)
            at, data = data.value_at.get(element, at), data[element]
        elif isinstance(data, YamlList) and isinstance(element, int) and 0 <= element < len(data):
            at, data = data.item_at[element], data[element]
    return at


def decode(raw: bytes, file: str, problems: Problems) -> str | None:
    """UTF-8 text of a file, without a byte order mark; None and a problem for anything else."""
    if len(raw) > MAX_BYTES:
        message = f"the file has more than {MAX_BYTES:,} bytes"
        problems.add(Position(file, 1, 1), "E00", message, "split it; is it a dialog file at all?")
        return None
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or (len(raw) > 3 and raw[:4].count(0) in (2, 3)):
        problems.add(Position(file, 1, 1), "E00", "the file is not UTF-8 but UTF-16 or UTF-32", "save it as UTF-8")
        return None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        good = raw[: error.start].decode("utf-8-sig", "replace")
        message = f"the file is not UTF-8: byte 0x{raw[error.start]:02x} cannot stand here"
        problems.add(_position(file, good, len(good)), "E00", message, _guess_encoding(raw))
        return None
    if found := _UNPRINTABLE.search(text):
        message = f"the file has an invisible character U+{ord(found[0]):04X}"
        problems.add(_position(file, text, found.start()), "E00", message, "delete it; is it a text file at all?")
        return None
    return text


def _guess_encoding(raw: bytes) -> str:
    try:
        raw.decode("gb18030")
    except UnicodeDecodeError:
        return "save it as UTF-8"
    return "it reads as GBK/GB18030: save it as UTF-8"


def _position(file: str, text: str, index: int) -> Position:
    before = text[:index].replace("\r\n", "\n").replace("\r", "\n")
    return Position(file, before.count("\n") + 1, len(before) - before.rfind("\n"))


def read_yaml(raw: bytes, file: str, problems: Problems) -> Any:
    """Data of one YAML file (YamlMap, YamlList, YamlText, int, float, bool, None); None when it cannot be read."""
    text = decode(raw, file, problems)
    if text is None:
        return None
    builder = _Builder(text, file, problems)
    try:
        return builder.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Position(file, mark.line + 1, mark.column + 1) if mark else Position(file, 1, 1)
        found = _explain(error, text, at)
        tabs = [] if "a tab" not in found[1] else list(_TAB.finditer(text))
        for place in [_position(file, text, match.end() - 1) for match in tabs] or [at]:
            problems.add(place, *found)
    except yaml.YAMLError as error:
        problems.add(Position(file, 1, 1), "E00", f"not YAML: {error}", "is it a text file at all?")
    except _TooDeep as error:
        problems.add(error.at, "E24", f"nested deeper than {MAX_DEPTH} levels", "no dialog file needs that")
    return None


def _explain(error: yaml.MarkedYAMLError, text: str, at: Position) -> tuple[str, str, str]:
    """Code, message and hint for what the scanner found."""
    lines = text.splitlines()
    line = lines[at.line - 1] if at.line <= len(lines) else ""
    reason = error.problem or "cannot be read"
    if "\t" in line[: at.column] or "'\\t'" in reason:
        return "E24", "a tab in the indentation", "YAML indents by spaces: set the editor to spaces"
    if "mapping values are not allowed" in reason:
        return "E24", "a second `: ` in an unquoted text", 'put the whole text in quotes: "..."'
    if "',' or '}'" in reason or "',' or ']'" in reason:
        where = f" that opens on line {error.context_mark.line + 1}" if error.context_mark else ""
        return (
            "E24",
            f"expected `,` or the end of the {{}} or []{where}",
            "quote texts that hold , : {} [] or #",
        )
    if "found character" in reason:
        character = line[at.column - 1 : at.column] or "this"
        return "E24", f"an unquoted text cannot begin with {character}", "put the text in quotes"
    return "E24", f"not YAML: {reason}", "look at the indentation and the quotes just before"


class _Builder:
    """Composes data from the scanner's events; every method takes the event already read."""

    def __init__(self, text: str, file: str, problems: Problems) -> None:
        self.text = text
        self.file = file
        self.problems = problems
        self.loader = _Loader(text)
        self.events: Iterator[Any] = iter(self.loader.get_event, None)

    def at(self, mark: Any) -> Position:
        return Position(self.file, mark.line + 1, mark.column + 1)

    def document(self) -> Any:
        data: Any = None
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents == 2:
                    self.problems.add(
                        self.at(event.start_mark), "E24", "a second document in one file", "drop the `---`"
                    )
                    break
            elif not isinstance(event, yaml.StreamStartEvent | yaml.StreamEndEvent | yaml.DocumentEndEvent):
                data = self.node(event, 1, "")
        return None if data is _DROPPED else data

    def node(self, event: Any, depth: int, parent: str) -> Any:
        if depth > MAX_DEPTH:
            raise _TooDeep(self.at(event.start_mark))
        if isinstance(event, yaml.AliasEvent):
            hint = "write it out, or give the prompt a name in prompts/"
            self.problems.add(self.at(event.start_mark), "E24", "an alias (*name)", hint)
            return _DROPPED
        if event.anchor is not None:
            self.problems.add(self.at(event.start_mark), "E24", f"an anchor (&{event.anchor[:40]})", "leave it out")
        if event.tag is not None and event.tag != "!":
            self.problems.add(
                self.at(event.start_mark), "E24", f"a tag ({event.tag[:60]})", "leave it out, or quote the text"
            )
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event)
        if isinstance(event, yaml.MappingStartEvent):
            return self.mapping(event, depth, parent)
        return self.sequence(event, depth)

    def sequence(self, start: Any, depth: int) -> YamlList:
        items = YamlList(self.at(start.start_mark))
        for event in self.events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            value = self.node(event, depth + 1, "")
            if value is not _DROPPED:
                items.append(value)
                items.item_at.append(self.at(event.start_mark))
        return items

    def mapping(self, start: Any, depth: int, parent: str) -> YamlMap:
        entries = YamlMap(self.at(start.start_mark))
        last = ""
        for event in self.events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self.key(event, depth, parent)
            value_event = next(self.events)
            value = self.node(value_event, depth + 1, key or "")
            if key is None or value is _DROPPED:
                continue
            if start.flow_style and value is None and self.stray(event):
                self.comma(entries, last, key, event)
                continue
            if key in entries:
                first = entries.key_at[key].line
                self.problems.add(
                    self.at(event.start_mark), "E24", f"key `{key}` twice (first on line {first})", "keep one"
                )
                continue
            entries[key] = value
            entries.key_at[key] = self.at(event.start_mark)
            entries.value_at[key] = self.at(value_event.start_mark)
            last = key
        return entries

    def key(self, event: Any, depth: int, parent: str) -> str | None:
        if not isinstance(event, yaml.ScalarEvent):
            self.node(event, depth + 1, "")
            self.problems.add(
                self.at(event.start_mark), "E24", "a key that is no word", "quote texts that begin with { or ["
            )
            return None
        key = str(event.value)
        if event.anchor is not None:
            self.node(event, depth, "")
        if not event.style and key.lower() in _TRAP_KEYS and (parent, key) != ("anger", "on"):
            hint = "the key for events is `catch`" if key.lower() == "on" else f'write "{key}" if you mean the word'
            self.problems.add(
                self.at(event.start_mark), "E24", f"the key `{key}` means true, false or null to YAML tools", hint
            )
        if not event.style and key == "<<":
            self.problems.add(self.at(event.start_mark), "E24", "a merge key (<<)", "write the keys out")
            return None
        return key

    def stray(self, key: Any) -> bool:
        """True when a key in {} has no colon after it: the piece of a text behind an unquoted comma."""
        if key.style or key.value == "":
            return False
        rest = self.text[key.end_mark.index : key.end_mark.index + 200].lstrip()
        return rest.startswith((",", "}", "#"))

    def comma(self, entries: YamlMap, last: str, piece: str, event: Any) -> None:
        before = entries.get(last)
        if isinstance(before, str | int | float) and not isinstance(before, bool):
            whole = YamlText(f"{before}, {piece}")
            whole.at, whole.plain = entries.value_at[last], False
            entries[last] = whole
            hint = f'put the text of `{last}` in quotes: "{whole[:60]}"'
        else:
            hint = f"write `{piece}: value`, or quote the text before it"
        self.problems.add(
            self.at(event.start_mark), "E24", f"an unquoted comma in {{}} makes `{piece[:60]}` a key", hint
        )

    def scalar(self, event: Any) -> Any:
        value = event.value
        if not event.style:  # a plain word may be a number, true, false or nothing
            if value in _NULL:
                return None
            if value in _BOOL:
                return _BOOL[value]
            if _INT.match(value):
                return int(value)
            if _FLOAT.match(value) and math.isfinite(float(value)):
                return float(value)
        text = YamlText(value)
        text.at = self.at(event.start_mark)
        text.plain = not event.style and event.start_mark.line == event.end_mark.line
        return text
