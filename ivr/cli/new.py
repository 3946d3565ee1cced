"""`ivr new`: a bilingual hotline to begin with, lint-clean and with tests."""

from __future__ import annotations

import argparse
import re
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from ivr.errors import ConfigError


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("new", help="write a small bilingual hotline to begin with")
    parser.add_argument("path", type=Path, metavar="PATH", help="folder to make; its name becomes the hotline's")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    folder: Path = args.path
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} exists and is not an empty folder; give a new one")
    name = hotline_name(folder.resolve().name)
    for path, text in starter_files().items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text.replace("hotline: starter", f"hotline: {name}", 1), encoding="utf-8", newline="\n")
        print(target)
    print(f"\nNext: ivr lint {folder}, ivr test {folder}, ivr chat {folder}")
    return 0


def hotline_name(folder: str) -> str:
    """A name the dialog language takes, made from a folder's: `my-line 2` -> `my_line_2`."""
    name = re.sub(r"\W+", "_", folder, flags=re.ASCII).strip("_").lower()
    return name if name and not name[0].isdigit() else f"hotline_{name}".rstrip("_")


def starter_files() -> dict[str, str]:
    """Path -> text of the starter hotline that is part of the package."""
    root = resources.files("ivr.dialog") / "starter"
    return {path: item.read_text(encoding="utf-8") for path, item in _yaml_files(root, "")}


def _yaml_files(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for item in sorted(folder.iterdir(), key=lambda each: each.name):
        if item.is_dir():
            found += _yaml_files(item, f"{prefix}{item.name}/")
        elif item.name.endswith(".yaml"):
            found.append((prefix + item.name, item))
    return found
