"""Collecting what is wrong with a hotline: codes, positions, hints."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rapidfuzz import fuzz, process

from ivr.errors import Problem

if TYPE_CHECKING:
    from ivr.dialog.source import Position

DOCUMENTATION = "docs/dialog.md"


class Problems:
    """A list of problems that grows while a hotline is read and checked; each place and code is reported once."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int, int, str, str], Problem] = {}
        self.lost: set[str] = set()
        """Names in parts that could not be read."""
        self.mended_files: set[str] = set()
        """Files of which such parts were left out."""

    def add(self, at: Position, code: str, message: str, hint: str = "") -> None:
        """Note one problem. The first letter of the code (E, W) is its severity."""
        severity = "error" if code.startswith("E") else "warning"
        anchor = f"{DOCUMENTATION}#{code.lower()}"
        key = (at.file, at.line, at.column, code, message)
        self._found.setdefault(
            key,
            Problem(at.file, at.line, at.column, code, severity, message, hint, anchor),  # type: ignore[arg-type]
        )

    def lose(self, file: str, names: Iterable[str]) -> None:
        """A part of a file could not be read; what it may define is not missing elsewhere."""
        self.mended_files.add(file)
        self.lost.update(names)

    def extend(self, found: Iterable[Problem]) -> None:
        """Problems that were found apart."""
        for problem in found:
            key = (problem.file, problem.line, problem.column, problem.code, problem.message)
            self._found.setdefault(key, problem)

    def __len__(self) -> int:
        return len(self._found)

    def sorted(self) -> tuple[Problem, ...]:
        """All of them in file order: hotline.yaml first, then by path, line, column."""
        return tuple(sorted(self._found.values(), key=lambda found: (found.file != "hotline.yaml", found)))

    @property
    def has_errors(self) -> bool:
        return any(problem.severity == "error" for problem in self._found.values())


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """`did you mean X?` for the nearest known word, else the list of what there is when that is short."""
    names = sorted(known)
    near = process.extractOne(word, names, scorer=fuzz.ratio, score_cutoff=60)
    if near:
        return f"did you mean `{near[0]}`?"
    if otherwise or not names:
        return otherwise
    return "known: " + ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
