"""Forms read and answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from ivr.errors import InputError


def field(form: Mapping[str, Any], name: str, longest: int, *, strip: bool = True) -> str:
    """A field's text, empty if it is not there. Raises InputError for a file and for what is too long."""
    value = form.get(name, "")
    if not isinstance(value, str):
        raise InputError(f"{name}: text is needed, not a file")
    value = value.replace("\0", "")
    if len(value) > longest:
        raise InputError(f"{name}: longer than {longest} characters")
    return value.strip() if strip else value


def local_path(text: str) -> str:
    """A path of ours, or `/`: nobody is sent to another site by a link that somebody made."""
    fine = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    parts = urlsplit(text) if fine else None
    return text if parts is not None and not parts.scheme and not parts.netloc else "/"


def back_to(request: web.Request) -> str:
    return local_path(request.query.get("next", ""))


def see_other(path: str) -> web.Response:
    """303: after a form, get the next page."""
    return web.Response(status=303, headers={"Location": path})
