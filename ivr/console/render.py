"""Pages out of templates. Everything is escaped: what callers say and send is never markup."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import jinja2
from aiohttp import web

from ivr.call.states import CallState
from ivr.console.i18n import LANGUAGES, Translate, translator
from ivr.console.routing import ASKED

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"
THEMES: Final = ("auto", "light", "dark")
THEME_COOKIE: Final = "ivr_theme"

MENU: Final = (
    ("/live", "Live calls", frozenset({"admin", "ops", "designer"})),
    ("/floor", "Floor", frozenset({"admin", "ops", "agent"})),
    ("/desk", "My desk", frozenset({"admin", "ops", "agent"})),
    ("/tickets", "Tickets", frozenset({"admin", "ops", "agent"})),
    ("/calls", "Calls", frozenset({"admin", "ops", "agent", "designer"})),
    ("/users", "Users", frozenset({"admin"})),
    ("/audit", "Audit log", frozenset({"admin"})),
)
HOME: Final = {"admin": "/live", "ops": "/live", "agent": "/desk", "designer": "/calls"}


def page(request: web.Request, template: str, status: int = 200, **values: Any) -> web.Response:
    """A whole page. Forms find their token in `csrf`."""
    signed, language = request[ASKED].signed, request[ASKED].language
    theme = request.cookies.get(THEME_COOKIE, "auto")
    csrf, cookie = (signed.csrf, "") if signed is not None else _form_token(request)
    text = _environment().get_template(template).render(
        t=translator(language), language=language, languages=LANGUAGES, themes=THEMES,
        theme=theme if theme in THEMES else "auto", signed=signed, csrf=csrf, path=request.path, here=request.path_qs,
        menu=[(to, name) for to, name, roles in MENU if signed is not None and signed.role in roles], **values,
    )  # fmt: skip
    response = web.Response(text=text, content_type="text/html", charset="utf-8", status=status)
    if cookie:
        response.set_cookie("ivr_form", cookie, httponly=True, samesite="Strict", path="/", max_age=3600)
    return response


def _form_token(request: web.Request) -> tuple[str, str]:
    """Token for a form before there is a session, and the cookie to set if the browser has none yet."""
    known = request.cookies.get("ivr_form", "")
    if 20 <= len(known) <= 100:
        return known, ""
    made = secrets.token_urlsafe(24)
    return made, made


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["segment"] = lambda text: quote(str(text), safe="")
    environment.filters["seconds"] = seconds
    environment.filters["moment"] = moment
    environment.filters["plain"] = plain
    environment.filters["call_states"] = lambda t: {state.value: t(state.value) for state in CallState}
    environment.globals["asset"] = asset
    return environment


@cache
def asset(name: str) -> str:
    """Address of a static file that changes with its content."""
    return f"/static/{name}?v={hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]}"


def seconds(value: float) -> str:
    """75 -> 1:15."""
    whole = int(value)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"


def plain(value: Any, t: Translate) -> str:
    """A value out of JSON, for people who do not read programs."""
    if isinstance(value, bool):
        return t("yes" if value else "no")
    if isinstance(value, list | tuple):
        return ", ".join(plain(item, t) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {plain(item, t)}" for name, item in value.items())
    return "" if value is None else str(value)


def moment(value: datetime | None) -> str:
    """Local time of the machine, to the second."""
    return value.astimezone().strftime("%Y-%m-%d %H:%M:%S") if value is not None else ""
