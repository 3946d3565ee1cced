"""The lint: everything wrong with a hotline, in one run, each with its place, its reason and a fix.

problems = lint_folder("dialogs/payments")       # all, in file order; never raises for what is in the files
"""

from __future__ import annotations

from pathlib import Path

from ivr.dialog.lint import acoustic, events, names, paths, phrases, prompts, references, unused
from ivr.dialog.lint.codes import CODES
from ivr.dialog.lint.context import Context, LintOptions
from ivr.dialog.loader import Definition, parse, read_folder
from ivr.dialog.mend import follows
from ivr.dialog.problems import Problems
from ivr.errors import Problem

__all__ = ["CODES", "LintOptions", "lint", "lint_files", "lint_folder"]

_CHECKS = (references, paths, names, unused, prompts, events, phrases, acoustic)


def lint(definition: Definition, problems: Problems, options: LintOptions | None = None) -> None:
    """Add everything wrong with a loaded definition to `problems`."""
    found = Problems()
    context = Context(definition, found, options or LintOptions())
    for check in _CHECKS:
        check.check(context)
    problems.extend(problem for problem in found.sorted() if not follows(problem, problems))


def lint_files(files: dict[str, bytes], folder: str = "", options: LintOptions | None = None) -> tuple[Problem, ...]:
    """Problems of a hotline given as its files' bytes, in file order."""
    problems = Problems()
    definition = parse(files, folder, problems)
    if definition is not None:
        lint(definition, problems, options)
    return problems.sorted()


def lint_folder(folder: str | Path, options: LintOptions | None = None) -> tuple[Problem, ...]:
    """Problems of a hotline's folder, in file order."""
    problems = Problems()
    definition = parse(read_folder(Path(folder), problems), str(folder), problems)
    if definition is not None:
        lint(definition, problems, options)
    return problems.sorted()
