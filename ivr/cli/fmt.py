"""`ivr fmt`: dialog files in their one form."""

from __future__ import annotations

import argparse
import difflib
from pathlib import Path

from ivr.errors import ConfigError


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("fmt", help="put a hotline's files into their one form")
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="folder of a hotline, or one of its files")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if something would change")
    parser.add_argument("--diff", action="store_true", help="show what changes")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from ivr.dialog.fmt import format_text
    from ivr.errors import DialogError

    changed = failed = 0
    for folder, file in _files(args.paths):
        try:
            raw = (folder / file).read_bytes()
            text = format_text(raw, file)
        except DialogError as error:
            print(f"{folder}/{error}")
            failed += 1
            continue
        if text.encode() == raw:
            continue
        changed += 1
        print(f"{'would change' if args.check else 'changed'} {folder / file}")
        if args.diff:
            before = raw.decode("utf-8-sig").splitlines(keepends=True)
            print("".join(difflib.unified_diff(before, text.splitlines(keepends=True), file, file)), end="")
        if not args.check:
            (folder / file).write_text(text, encoding="utf-8", newline="\n")
    return int(failed > 0 or (args.check and changed > 0))


def _files(paths: list[Path]) -> list[tuple[Path, str]]:
    """(hotline's folder, path inside) of every YAML file meant."""
    found: list[tuple[Path, str]] = []
    for path in paths:
        if path.is_dir():
            names = sorted(each.relative_to(path).as_posix() for each in path.rglob("*.yaml"))
            found += [(path, name) for name in names]
        elif path.is_file():
            folder = next((each for each in path.parents if (each / "hotline.yaml").is_file()), path.parent)
            found.append((folder, path.relative_to(folder).as_posix()))
        else:
            raise ConfigError(f"{path} does not exist")
    return found
