"""`ivr schema`: JSON Schema of the dialog language for editors, and the reference for people."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ivr.errors import ConfigError


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("schema", help="JSON Schema 2020-12 of the dialog language, for editors")
    parser.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="a hotline: its own names are completed")
    parser.add_argument(
        "--kind", choices=("hotline", "flow", "actions", "prompts", "tests"), help="only this kind of file"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="write one file a kind there, and settings.json"
    )
    parser.add_argument("--markdown", action="store_true", help="print the reference in Markdown instead")
    parser.add_argument("--update", type=Path, metavar="PAGE", help="with --markdown: write it into this page")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from ivr.dialog.jsonschema import schemas, schemas_for
    from ivr.dialog.loader import load_with_problems
    from ivr.errors import DialogError

    if args.markdown:
        return _markdown(args.update)
    found = schemas()
    if args.folder is not None:
        definition, problems = load_with_problems(args.folder)
        if definition is None:
            raise DialogError(problems)
        found = schemas_for(definition)
    if args.kind:
        found = {args.kind: found[args.kind]}
    if args.output is None:
        print(json.dumps(found[args.kind] if args.kind else found, ensure_ascii=False, indent=1))
        return 0
    return _write(found, args.output, args.folder)


def _write(found: dict[str, Any], output: Path, folder: Path | None) -> int:
    """Schemas and the settings that map them, for yaml-language-server (`yaml.schemas` of its editors)."""
    from ivr.dialog.jsonschema import GLOBS

    output.mkdir(parents=True, exist_ok=True)
    mapping = {}
    for kind, schema in found.items():
        target = output / f"{kind}.schema.json"
        target.write_text(json.dumps(schema, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        mapping[target.resolve().as_uri()] = f"{folder.name if folder else '**'}/{GLOBS[kind]}"
        print(target)
    settings = output / "settings.json"
    settings.write_text(json.dumps({"yaml.schemas": mapping}, indent=1) + "\n", encoding="utf-8")
    print(settings)
    return 0


def _markdown(page: Path | None) -> int:
    from ivr.dialog.reference import BEGIN, END, markdown

    return write_reference(page, markdown(), BEGIN, END)


def write_reference(page: Path | None, text: str, begin: str, end: str) -> int:
    """Put `text` (which brings both marks) in place of what stands between the marks of `page`; print it where no page
    is given. ConfigError for a page without the marks."""
    if page is None:
        print(text, end="")
        return 0
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ConfigError(f"{page} has no place for the reference: put `{begin}` and `{end}` into it")
    page.write_text(before + text.rstrip("\n") + after, encoding="utf-8")
    return 0
