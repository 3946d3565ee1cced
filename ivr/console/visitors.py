"""Who may call or chat without signing in, and the parts of the service that take such calls."""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

from aiohttp import web

from ivr.console.routing import ASKED
from ivr.service.browser_intake import BrowserIntake
from ivr.service.chat_intake import ChatIntake

Public = Literal["loopback", "yes", "no"]
_LOCAL_NAMES: Final = frozenset({"localhost", "ip6-localhost"})
_FORWARDED: Final = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")


@dataclass(frozen=True, slots=True)
class Visitors:
    """What the console needs for `/call` and `/chat`."""

    calls: BrowserIntake
    chats: ChatIntake | None
    public: Public = "loopback"
    stun: str = ""
    """For the visitor's browser."""

    async def close(self, drain_s: float) -> None:
        """Hang up, after the time that calls in progress may have."""
        await asyncio.gather(self.calls.close(drain_s), *([self.chats.close(drain_s)] if self.chats else []))

    def may_come(self, request: web.Request) -> bool:
        """Whoever is signed in; else as the operator has set it."""
        if request[ASKED].signed is not None or self.public == "yes":
            return True
        return self.public == "loopback" and _on_this_machine(request)


def _on_this_machine(request: web.Request) -> bool:
    """The browser runs here and asked for this very machine. A proxy that runs here too says for whom it asks, and
    its visitors know us by another name; so does a page that plays tricks with names (DNS rebinding)."""
    if any(name in request.headers for name in _FORWARDED) or not _is_loopback(request.remote or ""):
        return False
    host = urlsplit(f"//{request.host}").hostname or ""
    return host in _LOCAL_NAMES or _is_loopback(host)


def _is_loopback(text: str) -> bool:
    try:
        return ipaddress.ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        return False
