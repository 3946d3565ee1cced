"""The OpenAPI document (3.1), made from the routes themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ivr import __version__
from ivr.console.models import Problem
from ivr.console.routing import Route

_REFUSALS = {
    "400": "The request cannot be read, or asks for what is not there.",
    "401": "Nobody is signed in.",
    "403": "The role may not do this, or the CSRF token is missing.",
    "404": "There is no such thing.",
    "503": "The database does not answer.",
}


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """For all routes of the API; sockets are described as the GET that opens them."""
    offered = [route for route in routes if route.kind != "page"]
    models: list[type[BaseModel]] = [Problem]
    models += [model for route in offered for model in (route.body, route.reply) if model is not None]
    schemas, definitions = models_json_schema(
        [(model, "validation") for model in dict.fromkeys(models)], ref_template="#/components/schemas/{model}"
    )
    names: dict[Any, Any] = {model: schema for (model, _), schema in schemas.items()}
    paths: dict[str, dict[str, Any]] = {}
    for route in offered:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, names)
    return {
        "openapi": "3.1.0",
        "info": {"title": "ivr", "version": __version__, "description": "The console's API."},
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": "ivr_session"},
                "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token"},
            },
        },
    }


def _operation(route: Route, names: dict[Any, Any]) -> dict[str, Any]:
    given = [_parameter("path", name, "") for name in re.findall(r"{(\w+)}", route.path)]
    given += [_parameter("query", query.name, query.meaning, query.kind) for query in route.query]
    roles = ", ".join(sorted(route.roles)) if route.roles is not None else "everybody"
    operation: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{route.method.lower()}{route.path}").strip("_"),
        "summary": route.summary,
        "description": f"Roles: {roles}.",
        "parameters": given,
        "responses": _responses(route, names),
        "security": _security(route),
    }
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": names[route.body]}}}
    return operation


def _parameter(place: str, name: str, meaning: str, kind: str = "string") -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "description": meaning, "schema": {"type": kind}}


def _security(route: Route) -> list[dict[str, list[str]]]:
    if route.roles is None:
        return []
    return [{"session": []}] if route.method == "GET" else [{"session": [], "csrf": []}]


def _responses(route: Route, names: dict[Any, Any]) -> dict[str, Any]:
    if route.kind == "socket":
        good: dict[str, Any] = {"101": {"description": "JSON messages follow, each with a `type`."}}
    else:
        schema = names[route.reply] if route.reply is not None else {"type": "object" if not route.media else "string"}
        content = {route.media or "application/json": {"schema": schema}}
        good = {"2XX": {"description": "Done.", "content": content}}
    refusal = {"application/json": {"schema": names[Problem]}}
    return good | {code: {"description": why, "content": refusal} for code, why in _REFUSALS.items()}
