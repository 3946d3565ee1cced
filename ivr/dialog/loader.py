"""A hotline's folder -> Definition. Everything wrong with its files is found in one run, with exact positions.

    hotline.yaml   actions.yaml   flows/*.yaml   prompts/*.yaml   tests/*.yaml

Reading is split from parsing so that an editor or the console can check files that are not saved yet: `read_folder`
does the I/O, `parse` takes a mapping from path to bytes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ivr.dialog.mend import mended, words_of_text
from ivr.dialog.problems import Problems, did_you_mean
from ivr.dialog.schema import (
    Action,
    ActionsFile,
    Flow,
    Hotline,
    Node,
    Prompt,
    PromptsFile,
    TestCase,
    TestsFile,
)
from ivr.dialog.source import MAX_BYTES, Position, YamlMap, locate, read_yaml
from ivr.errors import DialogError, Problem

MAX_FILES = 5_000
_FOLDERS = ("flows", "prompts", "tests")

NodeT = TypeVar("NodeT", bound=Node)


@dataclass(frozen=True, slots=True)
class Definition:
    """A hotline as its designer wrote it. Equal files give an equal definition."""

    folder: str
    hotline: Hotline
    flows: dict[str, Flow]
    actions: dict[str, Action]
    prompts: dict[str, Prompt]
    tests: tuple[TestCase, ...] = ()
    files: dict[str, bytes] = field(default_factory=dict, repr=False)
    """Path -> content, as read: what the bundle's hash covers."""

    @property
    def languages(self) -> tuple[str, ...]:
        return self.hotline.languages

    def prompt(self, prompt: Prompt) -> Prompt:
        """The prompt itself, looked up when it is only a name. Raises KeyError when there is none (E01 of the lint)."""
        return self.prompts[prompt.name] if prompt.name else prompt


def load(folder: str | Path) -> Definition:
    """Read a hotline's folder. Raises DialogError with every problem of its files (the lint looks further)."""
    definition, problems = load_with_problems(folder)
    if definition is None or any(problem.severity == "error" for problem in problems):
        raise DialogError(problems)
    return definition


def load_with_problems(folder: str | Path) -> tuple[Definition | None, tuple[Problem, ...]]:
    """As `load`, but never raises: what could be read, and all problems in file order. None when there is no usable
    hotline.yaml."""
    problems = Problems()
    definition = parse(read_folder(Path(folder), problems), str(folder), problems)
    return definition, problems.sorted()


def read_folder(folder: Path, problems: Problems) -> dict[str, bytes]:
    """Bytes of a hotline's YAML files by path inside the folder, in order."""
    start = Position("hotline.yaml", 1, 1)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        problems.add(start, "E00", f"the folder {folder} {what}", "give the folder that holds hotline.yaml")
        return {}
    if not os.access(folder, os.R_OK | os.X_OK):
        problems.add(start, "E00", f"the folder {folder} cannot be read", "look at its permissions")
        return {}
    paths = [folder / "hotline.yaml", folder / "actions.yaml"]
    for name in _FOLDERS:
        paths += sorted(path for path in (folder / name).rglob("*") if path.suffix in {".yaml", ".yml"})
    if len(paths) > MAX_FILES:
        problems.add(
            start, "E00", f"the folder has {len(paths):,} files; it may have {MAX_FILES:,}", "give one hotline"
        )
        return {}
    files = {}
    for path in paths:
        name = path.relative_to(folder).as_posix().encode("utf-8", "backslashreplace").decode()
        try:
            if path.exists() and not path.is_file():
                problems.add(
                    Position(name, 1, 1), "E00", f"{name} is no file", "a folder, pipe or device cannot be read"
                )
                continue
            with path.open("rb") as opened:
                files[name] = opened.read(MAX_BYTES + 1)
        except FileNotFoundError:
            continue
        except OSError as error:
            problems.add(Position(name, 1, 1), "E00", f"cannot be read: {error.strerror}", "look at its permissions")
    for name, hint in _never_read(folder):
        problems.add(Position(name, 1, 1), "W04", f"{name} is never read", hint)
    if "hotline.yaml" not in files and not (folder / "hotline.yaml").exists():
        hint = _look_alike(folder) or "`ivr new PATH` writes one to begin with"
        problems.add(start, "E00", f"no hotline.yaml in {folder}", hint)
    return files


def _never_read(folder: Path) -> list[tuple[str, str]]:
    """YAML files that look as if they belonged to the hotline and do not, with a hint."""
    known = ("hotline.yaml", "actions.yaml")
    found = []
    for path in sorted(folder.iterdir()):
        if path.suffix in {".yaml", ".yml"} and path.name not in known:
            found.append((path.name, did_you_mean(path.name, known, "move it into flows/, prompts/ or tests/")))
        elif path.is_dir() and path.name not in _FOLDERS and (near := did_you_mean(path.name, _FOLDERS, " ").strip()):
            found += [(inner.relative_to(folder).as_posix(), near) for inner in sorted(path.glob("*.yaml"))]
    return found


def _look_alike(folder: Path) -> str:
    names = [path.name for path in folder.iterdir() if path.suffix in {".yaml", ".yml"}]
    return did_you_mean("hotline.yaml", names, " ").strip().replace("did you mean", "rename") if names else ""


def parse(files: Mapping[str, bytes], folder: str, problems: Problems) -> Definition | None:
    """Definition from the bytes of its files."""
    parser = _Parser(problems)
    for name, raw in files.items():
        parser.read(name, raw)
    if parser.hotline is None:
        return None
    found = parser.flows, parser.actions, parser.prompts, tuple(parser.tests)
    return Definition(folder, parser.hotline, *found, dict(files))


class _Parser:
    """Gathers what the files hold; the folder says which kind of file it is."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.hotline: Hotline | None = None
        self.flows: dict[str, Flow] = {}
        self.actions: dict[str, Action] = {}
        self.prompts: dict[str, Prompt] = {}
        self.tests: list[TestCase] = []

    def read(self, name: str, raw: bytes) -> None:
        before = len(self.problems)
        data = read_yaml(raw, name, self.problems)
        if data is None and len(self.problems) > before:
            self.problems.lose(name, words_of_text(raw[:MAX_BYTES]))
            return
        start = Position(name, 1, 1)
        if name == "hotline.yaml":
            self.hotline = validate(Hotline, data, start, self.problems)
        elif name == "actions.yaml":
            listed = validate(ActionsFile, data, start, self.problems)
            self.actions = listed.actions if listed else {}
        elif name.startswith("flows/"):
            self.flow(data, start)
        elif name.startswith("prompts/"):
            self.shared_prompts(data, start)
        elif tests := validate(TestsFile, data, start, self.problems):
            self.tests += tests.tests

    def flow(self, data: Any, start: Position) -> None:
        if flow := validate(Flow, data, start, self.problems):
            _add_once(self.flows, flow.flow, flow, flow.where("flow"), "flow", self.problems)

    def shared_prompts(self, data: Any, start: Position) -> None:
        if shared := validate(PromptsFile, data, start, self.problems):
            for key, prompt in shared.prompts.items():
                _add_once(self.prompts, key, prompt, prompt.at, "prompt", self.problems)


def _add_once(into: dict[str, Any], key: str, node: Node, at: Position, what: str, problems: Problems) -> None:
    if key in into:
        problems.add(at, "E02", f"{what} `{key}` twice (first at {into[key].at})", "rename one of them")
    else:
        into[key] = node


def validate(model: type[NodeT], data: Any, start: Position, problems: Problems) -> NodeT | None:
    """One file's data as a model, without its faulty parts; what is wrong goes to `problems`. None when nothing usable
    is left."""
    if data is None:
        problems.add(start, "E00", f"{start.file} is empty", f"it needs at least `{next(iter(model.keys()))}`")
        return None
    if not isinstance(data, YamlMap):
        problems.add(start, "E23", f"{start.file} needs keys at its top, not a list or a text", "write key: value")
        return None
    try:
        return model.model_validate(data, context={"problems": problems})
    except ValidationError as error:
        for details in error.errors(include_url=False):
            _report(details, data, start, problems)
        return mended(model, data, error, problems)


def _report(details: ErrorDetails, data: YamlMap, start: Position, problems: Problems) -> None:
    """One of pydantic's errors, in the words of the dialog language."""
    kind, path, context = details["type"], details["loc"], details.get("ctx", {})
    at = locate(data, path, start)
    given = details["input"]
    if kind == "too_short" and given:
        return  # pydantic counts the valid items only; the wrong ones have been reported
    if kind.startswith("E"):
        problems.add(at, kind, details["msg"], context.get("hint", ""))
    elif kind == "missing":
        at = locate(data, path[:-1], start)
        problems.add(at, "E26", f"`{path[-1]}` is missing", f"add {path[-1]}: ...")
    elif kind == "literal_error":
        known = [word.strip("'") for word in context["expected"].replace(" or ", ", ").split(", ")]
        problems.add(at, "E23", f"`{_last(path)}` cannot be {_shown(given)}", did_you_mean(str(given)[:60], known))
    else:
        message, hint = _wording(kind, context, given)
        problems.add(at, "E23", f"`{_last(path)}` {message}, not {_shown(given)}", hint)


def _last(path: tuple[Any, ...]) -> str:
    """The key an error is about: the last word of its path that is no part of a union's name."""
    words = [str(element) for element in path if isinstance(element, str) and element.isidentifier()]
    return words[-1] if words else "value"


def _shown(given: Any) -> str:
    if isinstance(given, dict):
        return "a map"
    if isinstance(given, list):
        return "a list" if given else "an empty list"
    shown = "nothing" if given is None else "true" if given is True else "false" if given is False else str(given)
    return shown if len(shown) <= 40 else shown[:40] + "..."


def _wording(kind: str, context: Mapping[str, Any], given: Any) -> tuple[str, str]:
    """Message ("needs ...") and hint for pydantic's kinds of errors."""
    if kind.startswith("bool"):
        return "needs true or false", "write true or false, without quotes"
    if kind == "string_type":
        number = isinstance(given, bool | int | float)
        return "needs a text", f'put it in quotes: "{_shown(given)}"' if number else "write one text"
    if kind == "string_pattern_mismatch":
        return "needs a name", "letters, digits and _, not beginning with a digit"
    if kind.startswith(("int", "float")):
        return "needs a number", "write it without quotes and units"
    if kind in {"greater_than_equal", "less_than_equal"}:
        word = "at least" if kind == "greater_than_equal" else "at most"
        return f"needs {word} {context.get('ge', context.get('le'))}", ""
    if kind in {"model_type", "dict_type", "model_attributes_type"}:
        return "needs a map", "write {key: value}, or keys on lines of their own"
    if kind in {"tuple_type", "list_type"}:
        return "needs a list", "write [a, b], or lines that begin with -"
    if kind in {"too_short", "too_long"}:
        bound, word = ("min_length", "more") if kind == "too_short" else ("max_length", "fewer")
        return f"needs {context.get(bound)} or {word}", ""
    if kind == "string_too_long":
        return f"is longer than {context.get('max_length')} characters", ""
    return "has a value of the wrong kind", ""
