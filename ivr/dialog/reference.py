"""The reference of the dialog language in Markdown, written from the models and the catalogue of codes."""

from __future__ import annotations

from typing import Any

from ivr.dialog.jsonschema import schemas
from ivr.dialog.lint.codes import CODES
from ivr.dialog.schema import EVENTS

BEGIN = "<!-- reference: written by `ivr schema --markdown`, do not edit below -->"
END = "<!-- end of the reference -->"

_SECTIONS = (
    ("hotline.yaml", "hotline", " Entry Defaults Confidence Limits Command Queue Term Anger Retention"),
    ("flows/*.yaml", "flow", " Trigger"),
    ("Steps", "flow", "SayStep AskStep RouteStep CallStep SetStep RunStep HandoverStep EndStep BranchStep"),
    ("Parts of slots and questions", "flow", "Slot SlotPrompts Option Confirm Route RoutePrompts Guess Listen"),
    ("Parts of handlers and prompts", "flow", "Handler Ladder HandoverSpec EndSpec Prompt Variant"),
    ("actions.yaml", "actions", " Action"),
    ("prompts/*.yaml", "prompts", ""),
    ("tests/*.yaml", "tests", " TestCase Given Turn SpokenAudio ExpectedHandover Expect"),
)
"""Heading, kind of file, models; an empty name is the file itself."""
_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))
_COMMON = ("id", "if", "next", "catch", "listen", "tags")
_TITLES = {
    "EndSpec": "end",
    "HandoverSpec": "handover",
    "SlotPrompts": "prompts of a slot",
    "RoutePrompts": "prompts of a route",
    "TestCase": "test",
    "ExpectedHandover": "handover in a test",
    "BranchStep": "branch step",
}


def markdown() -> str:
    """The whole reference: every key of every map, the events, the codes of the lint."""
    found = schemas()
    lines = [
        BEGIN,
        "",
        "`*` = must be there. Durations are written `700ms`, `1.5s`, `3m`, `2h`, `90d`; shares `50%`.",
        "",
    ]
    for title, kind, models in _SECTIONS:
        lines += [f"### {title}", ""]
        if title == "Steps":
            lines += _common(found[kind]["$defs"]["SayStep"])
        for model in models.split(" "):
            lines += _model(found[kind], model, title)
    lines += ["### Events", "", "| event | finer |", "| --- | --- |"]
    lines += [f"| `{head}` | {', '.join(f'`{head}.{tail}`' for tail in tails)} |" for head, tails in EVENTS.items()]
    lines += ["", "A handler for `queue` takes every `queue.*`. A command of your own is `command.<name>`.", ""]
    lines += ["### Codes of the lint", ""]
    for code, text in CODES.items():
        lines.append(f'- <a id="{code.lower()}"></a>**{code}** {text}')
    return "\n".join([*lines, "", END, ""])


def _common(step: dict[str, Any]) -> list[str]:
    keys = {key: step["properties"][key] for key in _COMMON}
    return ["Every step may have these:", "", *_table(keys, (), {}), ""]


def _model(schema: dict[str, Any], model: str, title: str) -> list[str]:
    part = schema["$defs"][model] if model else schema
    if "properties" not in part and not model:
        part = next(each for each in part["anyOf"] if "properties" in each)
    lines: list[str] = []
    if model:
        lines += [f"**{_title(model)}.** {_line(part.get('description', ''))}", ""]
    keys = part.get("properties", {})
    if title == "Steps":
        keys = {key: value for key, value in keys.items() if key not in _COMMON}
    if keys:
        lines += [*_table(keys, part.get("required", ()), schema["$defs"]), ""]
    return lines


def _title(model: str) -> str:
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in model).strip()
    return _TITLES.get(model, words)


def _table(keys: dict[str, Any], required: Any, models: dict[str, Any]) -> list[str]:
    rows = ["| key | takes | default | meaning |", "| --- | --- | --- | --- |"]
    for key, value in keys.items():
        kind = _type(value)
        default = f"`{_default(value['default'], kind)}`" if value.get("default") not in (None, "") else ""
        star = "*" if key in required else ""
        model = models.get(value.get("$ref", "").rsplit("/", 1)[-1], {})
        meaning = value.get("description") or model.get("description", "")
        rows.append(f"| `{key}`{star} | {kind} | {default} | {_line(meaning)} |")
    return rows


def _default(value: Any, kind: str) -> str:
    if kind == "duration":
        return next(f"{value // size}{unit}" for unit, size in _UNITS if value % size == 0)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _type(value: dict[str, Any]) -> str:
    """What a key takes, in a few words."""
    if "$ref" in value:
        return _title(value["$ref"].rsplit("/", 1)[-1])
    if "enum" in value:
        return ", ".join(f"`{choice}`" for choice in value["enum"])
    if "const" in value:
        return f"`{value['const']}`"
    if "anyOf" in value:
        return " or ".join(dict.fromkeys(_type(choice) for choice in value["anyOf"]))
    kind = value.get("type")
    if kind == "array":
        return f"list of {_type(value['items'])}" if value.get("items") else "list"
    if kind == "object":
        inner = value.get("additionalProperties") or next(iter(value.get("patternProperties", {}).values()), None)
        return f"map of {_type(inner)}" if isinstance(inner, dict) and inner else "map"
    return _word(kind, value)


def _word(kind: Any, value: dict[str, Any]) -> str:
    if isinstance(kind, list):
        return " or ".join(_word(each, {}) for each in kind)
    if kind == "string" and "ms|s|m|h|d" in value.get("pattern", ""):
        return "duration"
    names = {
        "string": "text",
        "integer": "whole number",
        "number": "number",
        "boolean": "true or false",
        "null": "nothing",
    }
    return names.get(str(kind), "any value")
