"""What agents do with the call in hand, and supervisors with the floor: forms of the desk's and the floor's pages."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ivr.console import talk_actions
from ivr.console.api.parse import validated
from ivr.console.forms import back_to, field, see_other
from ivr.console.models import AgentChange, Lend, Move, Say, TalkChange, Transfer
from ivr.console.routing import AGENT, STEER, Route
from ivr.errors import InputError


async def change(request: web.Request) -> web.Response:
    form = await request.post()
    await talk_actions.change(request, validated(TalkChange, {"action": field(form, "action", 20)}))
    return see_other(back_to(request))


async def transfer(request: web.Request) -> web.Response:
    """`target` is `agent:ben`, `queue:cards` or `contact:bank`; a number stands in its own field."""
    form = await request.post()
    kind, _, to = field(form, "target", 200).partition(":")
    if kind == "number" or not kind:
        kind, to = "number", field(form, "number", 100)
    how = field(form, "how", 20) or "consult"
    await talk_actions.transfer(request, validated(Transfer, {"kind": kind, "to": to, "how": how}))
    return see_other(back_to(request))


async def lend(request: web.Request) -> web.Response:
    form = await request.post()
    await talk_actions.lend(request, validated(Lend, {"flow": field(form, "flow", 200)}))
    return see_other(back_to(request))


async def say(request: web.Request) -> web.Response:
    form = await request.post()
    await talk_actions.say(request, validated(Say, {"text": field(form, "text", 1000)}))
    return see_other(back_to(request))


async def move(request: web.Request) -> web.Response:
    form = await request.post()
    values = {"queue": field(form, "queue", 100), "priority": field(form, "priority", 20) or "normal"}
    await talk_actions.move(request, validated(Move, values))
    return see_other(back_to(request))


async def change_agent(request: web.Request) -> web.Response:
    form = await request.post()
    values: dict[str, Any] = {name: _levels(field(form, name, 2000), name) for name in ("skills", "queues")}
    await talk_actions.change_agent(request, request.match_info["name"], validated(AgentChange, values))
    return see_other(back_to(request))


def _levels(text: str, name: str) -> dict[str, int]:
    """`cards 8, lang:zh 10`; without a number it is 1. Raises InputError."""
    found: dict[str, int] = {}
    for part in text.replace("，", ",").split(","):
        words = part.split()
        if not words:
            continue
        level = words[1] if len(words) == 2 else "1"
        if len(words) > 2 or not (level.isascii() and level.isdigit()) or len(level) > 3:
            raise InputError(f"{name}: {part.strip()[:40]!r} is no name with a number behind it")
        found[words[0]] = int(level)
    return found


ROUTES = (
    Route("POST", "/desk/calls/{id}/talk", change, AGENT, "Hold, mute, end a consultation"),
    Route("POST", "/desk/calls/{id}/transfer", transfer, AGENT, "Consult or transfer"),
    Route("POST", "/desk/calls/{id}/lend", lend, AGENT, "Let the bot run a flow"),
    Route("POST", "/desk/calls/{id}/say", say, AGENT, "Let the bot say something"),
    Route("POST", "/floor/calls/{id}/move", move, STEER, "Move a caller who waits"),
    Route("POST", "/floor/agents/{name}", change_agent, STEER, "Change an agent's skills and queues"),
)
