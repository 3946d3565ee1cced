"""The pages for those who call: by voice, and by text."""

from __future__ import annotations

from aiohttp import web

from ivr.console.context import console_of
from ivr.console.forms import see_other
from ivr.console.i18n import LANGUAGES
from ivr.console.render import page
from ivr.console.routing import Route
from ivr.console.visitors import Visitors


def _visitors(request: web.Request) -> Visitors | None:
    """None = the visitor has to sign in. Raises HTTPNotFound where the operator has switched it off."""
    visitors = console_of(request).visitors
    if visitors is None:
        raise web.HTTPNotFound(text="calls from the browser are switched off here")
    return visitors if visitors.may_come(request) else None


async def call(request: web.Request) -> web.Response:
    visitors = _visitors(request)
    if visitors is None:
        return see_other("/login?next=/call")
    return page(
        request, "browser_call.html", spoken=visitors.calls.languages, names=LANGUAGES, stun=visitors.stun,
        chat=visitors.chats is not None,
    )  # fmt: skip


async def chat(request: web.Request) -> web.Response:
    visitors = _visitors(request)
    if visitors is None:
        return see_other("/login?next=/chat")
    if visitors.chats is None:
        raise web.HTTPNotFound(text="chats are switched off here")
    return page(request, "chat.html", spoken=visitors.chats.languages, names=LANGUAGES)


ROUTES = (
    Route("GET", "/call", call, None, "Call the hotline from the browser"),
    Route("GET", "/chat", chat, None, "Chat with the hotline"),
)
