"""JSON Schema 2020-12 of the dialog language, from the models; and a copy that knows one hotline's names.

Editors (yaml-language-server) complete and check by it while the designer types; the lint looks further.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any

from ivr.dialog.lint.context import BUILT_IN_COMMANDS
from ivr.dialog.loader import Definition
from ivr.dialog.schema import EVENTS, ActionsFile, Flow, Hotline, Node, PromptsFile, TestsFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"
KINDS: dict[str, type[Node]] = {
    "hotline": Hotline,
    "flow": Flow,
    "actions": ActionsFile,
    "prompts": PromptsFile,
    "tests": TestsFile,
}
GLOBS = {
    "hotline": "hotline.yaml",
    "flow": "flows/**/*.yaml",
    "actions": "actions.yaml",
    "prompts": "prompts/**/*.yaml",
    "tests": "tests/**/*.yaml",
}
"""Which files a schema is for, inside the hotline's folder."""

_NAMES = {
    **{("Entry", key): "flows" for key in ("inbound", "outbound")},
    ("RunStep", "run"): "flows",
    ("Handler", "run"): "flows",
    ("Given", "entry"): "flows",
    ("Route", "intents"): "intents",
    ("Turn", "intent"): "intents",
    ("HandoverSpec", "queue"): "queues",
    ("ExpectedHandover", "queue"): "queues",
    ("HandoverSpec", "share"): "slots",
    ("ExpectedHandover", "share"): "slots",
    ("AskStep", "ask"): "slots",
    ("Handler", "next"): "steps",
    ("CallStep", "call"): "actions",
    ("Given", "lang"): "languages",
}
"""(model, key) -> which names of the hotline it takes."""
_KEYS = {("Given", "actions"): "actions", ("Given", "queues"): "queues"}
"""(model, key) -> whose names the keys of its map are."""


def schemas() -> dict[str, dict[str, Any]]:
    """Kind of file (hotline, flow, actions, prompts, tests) -> its JSON Schema."""
    return {kind: _schema(kind, model) for kind, model in KINDS.items()}


def _schema(kind: str, model: type[Node]) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True)
    _tidy(schema)
    if kind == "prompts":  # the file may be the map itself
        schema = {"$defs": schema.pop("$defs", {}), "anyOf": [schema, dict(schema["properties"]["prompts"])]}
    _share_catch(schema)
    return {"$schema": DIALECT, "title": f"ivr {kind} file", **schema}


def _share_catch(schema: dict[str, Any]) -> None:
    """One definition of `catch` with all events for every place that has one."""
    for place in list(_catches(schema)):
        ladder = place["additionalProperties"]
        description = place.get("description", "")
        place.clear()
        place.update({"$ref": "#/$defs/Catch", "description": description})
        events = [*EVENTS, *(f"{head}.{tail}" for head, tails in EVENTS.items() for tail in tails)]
        schema["$defs"]["Catch"] = {
            "description": "Event -> handler, or ladder of handlers.",
            "type": "object",
            "properties": dict.fromkeys(events, ladder),
            "patternProperties": {r"^command\.[A-Za-z_][A-Za-z0-9_]*$": ladder},
            "additionalProperties": False,
        }


def _tidy(schema: Any) -> None:
    """Drop what editors would show for nothing: generated titles, defaults that are maps, `null` alternatives."""
    if isinstance(schema, list):
        for item in schema:
            _tidy(item)
    elif isinstance(schema, dict):
        if isinstance(schema.get("title"), str):
            del schema["title"]
        if isinstance(schema.get("default"), dict | list | None):
            schema.pop("default", None)
        if "patternProperties" in schema:
            schema.setdefault("additionalProperties", False)
        choices = schema.get("anyOf")
        if isinstance(choices, list) and {"type": "null"} in choices and len(choices) > 1:
            choices.remove({"type": "null"})
            if len(choices) == 1:
                schema.update(schema.pop("anyOf")[0])
        for key, value in schema.items():
            if key in {"properties", "$defs", "patternProperties"}:  # maps of schemas: their keys are no keywords
                _tidy(list(value.values()))
            else:
                _tidy(value)


def _catches(schema: Any) -> Iterator[dict[str, Any]]:
    """Every `catch` map inside a schema."""
    if isinstance(schema, dict):
        properties = schema.get("properties")
        if isinstance(properties, dict) and isinstance(properties.get("catch"), dict):
            yield properties["catch"]
        for value in list(schema.values()):
            yield from _catches(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from _catches(item)


def hotline_names(definition: Definition) -> dict[str, list[str]]:
    """What may be named in this hotline: flows, intents, steps, slots, queues, actions, prompts and so on."""
    flows = definition.flows
    slots = {*definition.hotline.slots, *(slot for flow in flows.values() for slot in flow.slots)}
    return {
        "flows": sorted(flows),
        "intents": sorted(name for name, flow in flows.items() if flow.trigger),
        "steps": sorted({step.id for flow in flows.values() for step in flow.steps if step.written("id")}),
        "slots": sorted(slots),
        "queues": sorted(definition.hotline.queues),
        "actions": sorted(definition.actions),
        "prompts": sorted(definition.prompts),
        "languages": list(definition.languages),
        "commands": sorted({*BUILT_IN_COMMANDS, *definition.hotline.commands}),
    }


def schemas_for(definition: Definition) -> dict[str, dict[str, Any]]:
    """As `schemas`, with the hotline's own names where the language takes a name."""
    names = hotline_names(definition)
    found = copy.deepcopy(schemas())
    for schema in found.values():
        models = {**schema.get("$defs", {}), "": schema}
        for (model, key), kind in _NAMES.items():
            _restrict(models.get(model, {}).get("properties", {}).get(key), names[kind])
        for (model, key), kind in _KEYS.items():
            place = models.get(model, {}).get("properties", {}).get(key)
            if place is not None:
                place["propertyNames"] = {"enum": names[kind]}
        for model in models.values():
            properties = model.get("properties", {})
            _branches(properties.get("next"), names["steps"])
        if catch := models.get("Catch"):
            ladder = catch["properties"]["noinput"]
            catch["properties"] |= {f"command.{name}": ladder for name in names["commands"]}
        _prompt_names(models.get("Prompt"), names["prompts"])
    return found


def _restrict(place: Any, names: Iterable[str]) -> None:
    """Let every text inside a key's schema be one of the names."""
    if isinstance(place, dict):
        if place.get("type") == "string":
            place.pop("pattern", None)
            place["enum"] = list(names)
        for key in ("anyOf", "items"):
            _restrict(place.get(key), names)
    elif isinstance(place, list):
        for item in place:
            _restrict(item, names)


def _branches(place: Any, names: list[str]) -> None:
    for alternative in place.get("anyOf", ()) if isinstance(place, dict) else ():
        if alternative.get("type") == "string":
            alternative["enum"] = names
        elif alternative.get("type") == "array":
            alternative["items"]["properties"]["to"]["enum"] = names


def _prompt_names(prompt: Any, names: list[str]) -> None:
    for alternative in prompt.get("anyOf", ()) if isinstance(prompt, dict) else ():
        if alternative.get("type") == "string":
            alternative["enum"] = names
