"""`ivr config`: the settings as they would hold now, and their reference for the documentation."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ivr.cli.schema import write_reference

if TYPE_CHECKING:
    from pydantic import BaseModel

BEGIN = "<!-- reference: written by `ivr config --markdown`, do not edit below -->"
END = "<!-- end of the reference -->"
_SECRETS = {"users", "password"}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "config",
        help="the service's settings",
        description="Print the settings as file and environment make them, as TOML. Passwords are not shown.",
    )
    parser.add_argument("--config", metavar="FILE", help="settings (TOML)")
    parser.add_argument("--markdown", action="store_true", help="print the reference of all settings instead")
    parser.add_argument("--update", type=Path, metavar="PAGE", help="with --markdown: write it into this page")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from ivr.config import load_config

    if args.markdown:
        return _markdown(args.update)
    config = load_config(Path(args.config) if args.config else None)
    print("\n".join(toml(config)))
    return 0


def toml(config: BaseModel) -> Iterator[str]:
    """The configuration as TOML, a line a setting."""
    for section, value in config:
        yield f"[{section}]"
        for name, item in value.model_dump(mode="json").items():
            if item is None:
                continue
            yield f"{name} = {_hidden(item) if name in _SECRETS else _inline(item)}"
        yield ""


def _inline(value: Any) -> str:
    """A JSON value as TOML; what is null is left out, as TOML has no word for it."""
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(key, ensure_ascii=False)} = {_inline(item)}" for key, item in value.items()
                 if item is not None)  # fmt: skip
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(_inline(item) for item in value)}]"
    return json.dumps(value, ensure_ascii=False)


def _hidden(value: Any) -> str:
    if isinstance(value, Mapping):
        return _inline(dict.fromkeys(value, "***"))
    return _inline("***" if value else "")


# ------------------------------------------------------------------------------------------------------- the reference


def markdown() -> str:
    """Every setting: a table a section."""
    from ivr.config import Config, settings

    lines = [BEGIN, ""]
    for section, field in Config.model_fields.items():
        intro = (getattr(field.annotation, "__doc__", "") or "").strip().split("\n")[0]
        lines += [f"### `[{section}]`", "", intro, "", "| setting | type | default | meaning |", "|---|---|---|---|"]
        for key, kind, default, meaning in settings():
            if key.startswith(f"{section}."):
                name = key.removeprefix(f"{section}.")
                cells = (f"`{name}`", _cell(f"`{_type(kind)}`"), _cell(_default(default)), _cell(meaning))
                lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return "\n".join([*lines, END, ""])


def _type(kind: str) -> str:
    """A Python annotation in words of TOML."""
    if kind.startswith("Literal["):
        return kind.removeprefix("Literal[").removesuffix("]").replace("'", "")
    kinds = [part for part in kind.split(" | ") if part != "None"] if not kind.startswith("dict") else ["dict"]
    words = {"tuple": "list", "dict": "table"}
    return " or ".join(words.get(part.partition("[")[0], part) for part in kinds)


def _default(text: str) -> str:
    words = {"True": "true", "False": "false", "()": "[]", "None": "none", "required": "required"}
    return words[text] if text in {"None", "required"} else f"`{words.get(text, text)}`".replace("'", '"')


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _markdown(page: Path | None) -> int:
    return write_reference(page, markdown(), BEGIN, END)
