"""Requests read by their models."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from ivr.errors import InputError

M = TypeVar("M", bound=BaseModel)
MAX_LIMIT = 500


async def body(request: web.Request, model: type[M]) -> M:
    """Raises InputError that names the field."""
    if request.content_type != "application/json":
        raise InputError("the body must be application/json")
    try:
        data = await request.json()
    except (ValueError, RecursionError):
        raise InputError("the body is not JSON") from None
    return validated(model, data)


def validated(model: type[M], data: Any) -> M:
    """Raises InputError that names the field."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise InputError(f"{where}: {first['msg']}") from None


def answer(model: BaseModel, status: int = 200) -> web.Response:
    return web.Response(text=model.model_dump_json(), content_type="application/json", status=status)


def text(request: web.Request, name: str, longest: int = 200) -> str:
    """A parameter's text without NUL, which databases refuse. Raises InputError for one that is too long."""
    value = request.query.get(name, "").replace("\0", "").strip()
    if len(value) > longest:
        raise InputError(f"{name}: longer than {longest} characters")
    return value


def number(request: web.Request, name: str, default: int, most: int) -> int:
    """Raises InputError."""
    value = request.query.get(name, "")
    if not value:
        return default
    if not value.isascii() or not value.isdigit() or int(value[:12]) > most:
        raise InputError(f"{name}: a number from 0 to {most} is needed, not {value[:20]!r}")
    return int(value)


def moment(request: web.Request, name: str) -> datetime | None:
    """ISO 8601, a date or a time; without a zone it is local. Raises InputError."""
    value = request.query.get(name, "").strip()
    if not value:
        return None
    try:
        return datetime.fromisoformat(value).astimezone()
    except (ValueError, OverflowError, OSError):
        raise InputError(f"{name}: a time like 2026-11-22 or 2026-11-22T09:30 is needed, not {value[:30]!r}") from None
