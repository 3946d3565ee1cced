"""Problems for people, programs and code hosts: text, JSON, SARIF 2.1.0."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from ivr.dialog.lint.codes import CODES
from ivr.dialog.problems import DOCUMENTATION
from ivr.errors import Problem


def as_text(problems: Sequence[Problem], folder: str) -> str:
    """One problem a line, paths as given on the command line, and a line that counts them."""
    prefix = folder.rstrip("/") + "/"
    lines = [f"{prefix}{problem}" for problem in problems]
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors
    lines.append(f"{folder}: {errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}")
    return "\n".join(lines)


def as_json(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    """[{file, line, column, code, severity, message, hint}], in file order."""
    keys = ("file", "line", "column", "code", "severity", "message", "hint")
    return [{key: getattr(problem, key) for key in keys} for problem in problems]


def as_sarif(problems: Sequence[Problem], folder: str, version: str) -> dict[str, Any]:
    """A SARIF 2.1.0 log (OASIS), which code hosts show beside the lines of a change."""
    rules = [
        {"id": code, "shortDescription": {"text": text}, "help": {"text": f"{DOCUMENTATION}#{code.lower()}"}}
        for code, text in CODES.items()
    ]
    driver = {"name": "ivr lint", "version": version, "rules": rules}
    results = [_result(problem, folder) for problem in problems]
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}],
    }


def _result(problem: Problem, folder: str) -> dict[str, Any]:
    path = PurePosixPath(folder, problem.file)
    uri = path.as_uri() if path.is_absolute() else quote(str(path))
    region = {"startLine": problem.line, "startColumn": problem.column}
    return {
        "ruleId": problem.code,
        "level": problem.severity,
        "message": {"text": problem.message + (f" ({problem.hint})" if problem.hint else "")},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}],
    }
