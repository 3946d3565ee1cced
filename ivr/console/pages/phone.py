"""Taking calls with the desk's page."""

from __future__ import annotations

from aiohttp import web

from ivr.console.api.phone import take_here
from ivr.console.context import console_of, signed_of
from ivr.console.forms import see_other
from ivr.console.routing import AGENT, Route


async def join(request: web.Request) -> web.Response:
    console, signed = console_of(request), signed_of(request)
    take_here(console, signed.user)
    await console.store.audit(signed.user, "agent.joined", "agent", signed.user)
    return see_other("/desk")


ROUTES = (Route("POST", "/desk/join", join, AGENT, "Take calls in this browser"),)
