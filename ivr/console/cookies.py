"""The session's cookie."""

from __future__ import annotations

from aiohttp import web

from ivr.console.context import console_of
from ivr.console.guard import FORM_COOKIE, SESSION_COOKIE


def set_session(request: web.Request, response: web.StreamResponse, token: str) -> None:
    """Not for scripts, not for other sites; over TLS only where the console is reached by it."""
    secure = request.secure or console_of(request).secure_cookies
    response.set_cookie(SESSION_COOKIE, token, httponly=True, samesite="Lax", secure=secure, path="/")
    response.del_cookie(FORM_COOKIE, path="/")
