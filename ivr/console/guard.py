"""The gate before every handler: session, role, cross-site requests, errors as answers, headers on whatever leaves."""

from __future__ import annotations

import hmac
import logging
from typing import Final
from urllib.parse import quote, urlsplit

from aiohttp import web

from ivr.console.context import console_of
from ivr.console.i18n import language_of
from ivr.console.render import page
from ivr.console.routing import ASKED, Asked, Handler, Route
from ivr.errors import ConfigError, InputError, StoreError
from ivr.store.users import Signed

_log = logging.getLogger(__name__)
SESSION_COOKIE: Final = "ivr_session"
FORM_COOKIE: Final = "ivr_form"
"""Binds the forms that come before a session (login, set-up) to the browser that asked for them."""
CSRF_HEADER: Final = "X-CSRF-Token"
_SAFE: Final = frozenset({"GET", "HEAD"})
_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": _CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


_WITH_MICROPHONE: Final = frozenset({"/call", "/desk", "/live"})


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """On each answer, whoever made it."""
    if request.path in _WITH_MICROPHONE:
        response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(self)")
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    cached = request.path.startswith("/static/")
    response.headers.setdefault("Cache-Control", "public, max-age=3600" if cached else "no-store")


@web.middleware
async def readable_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What no route answers: 404 and 405 as page or JSON, and our own faults as 500 without their text."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        status, reason = error.status, error.reason
    except Exception:
        _log.exception("console: %s %s failed", request.method, request.path)
        status, reason = 500, "something went wrong here; it is in the log"
    request[ASKED] = Asked("api" if request.path.startswith("/api/") else "page", language_of(request))
    return problem(request, status, reason)


def guarded(route: Route) -> Handler:
    """The route's handler behind its gate."""

    async def handler(request: web.Request) -> web.StreamResponse:
        request[ASKED] = Asked(route.kind, language_of(request))
        try:
            refused = await _refusal(request, route)
            return refused if refused is not None else await route.handler(request)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            return problem(request, error.status, error.text or error.reason)
        except (InputError, ConfigError) as error:
            return problem(request, 400, str(error))
        except StoreError as error:
            _log.error("console: %s", error)
            return problem(request, 503, "the database does not answer; try again in a moment")

    return handler


def problem(request: web.Request, status: int, reason: str) -> web.Response:
    """An error as the asker can read it: JSON for the API, a page for people."""
    if request[ASKED].kind != "page":
        return web.json_response({"error": reason}, status=status)
    return page(request, "problem.html", status=status, reason=reason, code=status)


async def _refusal(request: web.Request, route: Route) -> web.StreamResponse | None:
    """Why the request goes no further; None = it may."""
    if (request.method not in _SAFE or route.kind == "socket") and not _same_site(request):
        return problem(request, 403, "this request came from another site")
    try:
        signed = await _signed(request)
    except StoreError:
        if route.roles is not None:
            raise
        signed = None
    request[ASKED].signed = signed
    if route.roles is not None:
        if signed is None:
            return _sign_in(request, route)
        if signed.role not in route.roles:
            return problem(request, 403, f"the role {signed.role} may not do this")
    if request.method not in _SAFE and not await _has_token(request, route, signed):
        return problem(request, 403, "this form is out of date: load the page again")
    return None


def _sign_in(request: web.Request, route: Route) -> web.StreamResponse:
    if route.kind != "page" or request.method not in _SAFE:
        return problem(request, 401, "sign in first")
    response = web.Response(status=303, headers={"Location": f"/login?next={quote(request.path_qs, safe='')}"})
    if SESSION_COOKIE in request.cookies:
        response.del_cookie(SESSION_COOKIE, path="/")
    return response


async def _signed(request: web.Request) -> Signed | None:
    token = request.cookies.get(SESSION_COOKIE, "")
    if not token:
        return None
    console = console_of(request)
    found = await console.users.session(token, request.headers.get("User-Agent", ""))
    if isinstance(found, Signed):
        return found
    if found == "stolen":
        _log.warning("console: a session's cookie came from another browser (%s)", request.remote)
        await console.store.audit("", "session.stolen", "session", "", address=request.remote or "")
    return None


def _same_site(request: web.Request) -> bool:
    """By what the browser says; programs that are no browsers say nothing, and have no cookies to be abused.

    Sec-Fetch-Site, where there is one, no script can forge, and it is exact. Origin is for older browsers only: with
    our Referrer-Policy a form of our own comes with `Origin: null` (Fetch, "append a request `Origin` header")."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host


async def _has_token(request: web.Request, route: Route, signed: Signed | None) -> bool:
    """The session's token; before there is one, that of the form's cookie. The API takes JSON only, which another
    site's form cannot send."""
    if route.kind == "api" and route.roles is None:
        return request.content_type == "application/json"
    given = request.headers.get(CSRF_HEADER, "")
    if not given and route.kind == "page":
        given = str((await request.post()).get("csrf", ""))
    wanted = signed.csrf if signed is not None else request.cookies.get(FORM_COOKIE, "")
    return bool(wanted) and hmac.compare_digest(given.encode(), wanted.encode())
