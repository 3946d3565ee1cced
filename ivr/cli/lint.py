"""`ivr lint`: everything wrong with a hotline's folder, each with its place, its reason and a fix."""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from ivr.errors import ConfigError, Problem


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("lint", help="check a hotline's folder")
    parser.add_argument("folders", nargs="+", metavar="DIR", help="folder with hotline.yaml, or a file in one")
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--json", action="store_true", help="an array of {file, line, column, code, severity, message, hint}"
    )
    form.add_argument("--sarif", action="store_true", help="SARIF 2.1.0, for code hosts")
    parser.add_argument("--strict", action="store_true", help="warnings fail too")
    parser.add_argument("--check-secrets", action="store_true", help="secrets and ${NAME}s must be in the environment")
    parser.add_argument(
        "--vocabulary",
        action="append",
        default=[],
        metavar="LANG=FILE",
        help="words the recogniser knows, one a line (may be given once a language)",
    )
    parser.add_argument(
        "--model",
        action="store_true",
        help="train (or take the cached model), and tell which phrases it misreads (W13)",
    )
    parser.add_argument("--no-acoustic", action="store_true", help="do not compare how phrases sound")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    with _uncollected():
        return _run(args)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector of reference cycles: trees of thousands of nodes that all live to the end make it look
    through them again and again, a sixth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _run(args: argparse.Namespace) -> int:
    from ivr import __version__
    from ivr.dialog.lint import LintOptions, lint_folder, report

    options = LintOptions(
        vocabulary=dict(_vocabulary(given) for given in args.vocabulary),
        secrets=frozenset(os.environ) if args.check_secrets else None,
        acoustic=not args.no_acoustic,
    )
    folders = list(dict.fromkeys(_hotline_of(Path(given)) for given in args.folders))
    found = {str(folder): lint_folder(folder, options) for folder in folders}
    if args.model:
        found = {folder: _with_model(folder, problems) for folder, problems in found.items()}
    if args.json:
        listed = [
            each | ({"file": f"{folder}/{each['file']}"} if len(found) > 1 else {})
            for folder, problems in found.items()
            for each in report.as_json(problems)
        ]
        print(json.dumps(listed, ensure_ascii=False, indent=1))
    elif args.sarif:
        logs = [report.as_sarif(problems, folder, __version__) for folder, problems in found.items()]
        logs[0]["runs"] = [run for log in logs for run in log["runs"]]
        print(json.dumps(logs[0], ensure_ascii=False, indent=1))
    else:
        for folder, problems in found.items():
            print(report.as_text(problems, folder))
    failing = {"error", "warning"} if args.strict else {"error"}
    return int(any(problem.severity in failing for problems in found.values() for problem in problems))


def _with_model(folder: str, problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """Also what the trained model shows. A hotline with errors has no model."""
    from ivr.app.offline import build_bundle
    from ivr.dialog.lint.trained import check_trained
    from ivr.dialog.problems import Problems

    if any(problem.severity == "error" for problem in problems):
        print(f"{folder}: has errors, so no model is trained", file=sys.stderr)
        return problems
    merged = Problems()
    merged.extend((*problems, *check_trained(build_bundle(Path(folder)))))
    return merged.sorted()


def _hotline_of(path: Path) -> Path:
    """The hotline's folder a file belongs to (pre-commit hands over files); a folder is taken as it is."""
    if not path.is_file():
        return path
    return next((parent for parent in path.parents if (parent / "hotline.yaml").is_file()), path.parent)


def _vocabulary(given: str) -> tuple[str, frozenset[str]]:
    language, equals, name = given.partition("=")
    if not equals:
        raise ConfigError(f"--vocabulary {given}: write LANG=FILE")
    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--vocabulary {given}: {name} cannot be read: {error}") from error
    return language, frozenset(line.strip() for line in text.splitlines() if line.strip())
