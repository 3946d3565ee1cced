"""Every route, asked by every role and by nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ivr.console.app import ROUTES
from ivr.console.routing import Route
from ivr.store.tickets import NewTicket
from tests.console.lab import Lab, live, open_console, recorded

WHO = ("admin", "ops", "agent", "designer")
ROLES: dict[str, str] = {
    # who may: a = admin, o = ops, g = agent, d = designer, * = whoever comes
    "GET /api/openapi.json": "aogd", "POST /api/session": "*", "GET /api/session": "aogd",
    "DELETE /api/session": "aogd", "GET /api/users": "a", "POST /api/users": "a", "DELETE /api/users/{name}": "a",
    "GET /api/audit": "a", "GET /api/calls/live": "aod", "GET /api/calls": "aogd", "GET /api/calls/{id}": "aogd",
    "GET /api/calls/{id}/timeline": "aogd", "GET /api/calls/{id}/peaks": "aogd",
    "GET /api/calls/{id}/recording": "aogd", "GET /api/floor": "aog", "POST /api/agents/{name}/state": "aog",
    "GET /api/desk": "aog", "POST /api/desk/notes": "aog", "GET /api/tickets": "aog", "POST /api/tickets": "aog",
    "GET /api/tickets.csv": "aog", "GET /api/tickets.json": "aog", "GET /api/tickets/{number}": "aog",
    "PATCH /api/tickets/{number}": "aog", "GET /api/events": "aogd", "GET /": "aogd", "GET /login": "*",
    "POST /login": "*", "POST /logout": "aogd", "GET /setup/{token}": "*", "POST /setup/{token}": "*",
    "GET /choose": "*", "GET /account": "aogd", "POST /account": "aogd", "GET /live": "aod", "GET /floor": "aog",
    "GET /floor/part": "aog", "POST /agents/{name}/state": "aog", "GET /desk": "aog", "GET /desk/part": "aog",
    "POST /desk/notes": "aog", "GET /tickets": "aog", "GET /tickets/new": "aog", "POST /tickets/new": "aog",
    "GET /tickets/{number}": "aog", "POST /tickets/{number}": "aog", "GET /calls": "aogd", "GET /calls/{id}": "aogd",
    "GET /api/calls/{id}/clip": "aogd", "GET /api/calls/{id}/talk": "aog", "GET /api/calls/{id}/assist": "aog",
    "POST /api/calls/{id}/talk": "aog", "POST /api/calls/{id}/transfer": "aog", "POST /api/calls/{id}/lend": "aog",
    "POST /api/calls/{id}/say": "aog", "POST /api/calls/{id}/supervise": "ao", "POST /api/calls/{id}/move": "ao",
    "PATCH /api/agents/{name}": "ao", "GET /api/calls/{id}/sound": "ao", "POST /api/desk/join": "aog",
    "GET /api/desk/phone": "aog", "POST /api/browser/calls": "*", "GET /api/chat": "*", "GET /call": "*",
    "GET /chat": "*", "POST /desk/join": "aog", "GET /desk/assist": "aog", "POST /desk/calls/{id}/talk": "aog",
    "POST /desk/calls/{id}/transfer": "aog", "POST /desk/calls/{id}/lend": "aog", "POST /desk/calls/{id}/say": "aog",
    "POST /floor/calls/{id}/move": "ao", "POST /floor/agents/{name}": "ao",
    "POST /api/callers/erase": "a", "GET /api/callbacks": "aog", "POST /api/tickets/{number}/callback": "aog",
    "GET /api/messages": "ao",
    "POST /callers/erase": "a", "POST /tickets/{number}/callback": "aog",
    "GET /users": "a", "POST /users": "a", "POST /users/{name}/remove": "a", "GET /audit": "a",
}  # fmt: skip
LETTERS = {"admin": "a", "ops": "o", "agent": "g", "designer": "d"}
NAMES = {"admin": "adam", "ops": "olga", "agent": "ann", "designer": "dora"}
BODIES: dict[str, dict[str, Any]] = {
    "POST /api/session": {"name": "nobody", "password": "wrong"},
    "POST /api/users": {"name": "new", "role": "agent"},
    "POST /api/agents/{name}/state": {"state": "available"},
    "POST /api/desk/notes": {"call_id": "call-1", "notes": "fine"},
    "POST /api/tickets": {"topic": "call back"},
    "PATCH /api/tickets/{number}": {"note": "seen"},
    "POST /agents/{name}/state": {"state": "available"},
    "POST /desk/notes": {"call_id": "call-1", "notes": "fine"},
    "POST /tickets/new": {"topic": "call back", "priority": "normal"},
    "POST /users": {"name": "newer", "role": "agent"},
    "POST /api/calls/{id}/talk": {"action": "hold"},
    "POST /api/calls/{id}/transfer": {"kind": "queue", "to": "cards"},
    "POST /api/calls/{id}/lend": {"flow": "lost_card"},
    "POST /api/calls/{id}/say": {"text": "one moment"},
    "POST /api/calls/{id}/supervise": {"mode": "listen"},
    "POST /api/calls/{id}/move": {"queue": "cards"},
    "PATCH /api/agents/{name}": {"skills": {"cards": 3}},
    "POST /api/callers/erase": {"caller": "no such caller"},
    "POST /api/tickets/{number}/callback": {"queue": "cards"},
}


def key(route: Route) -> str:
    return f"{route.method} {route.path}"


def test_the_table_has_every_route() -> None:
    assert {key(route) for route in ROUTES} == set(ROLES)
    assert len(ROUTES) == len(ROLES), "a route stands twice"


@pytest.mark.parametrize("who", [*WHO, "nobody"])
def test_who_may_do_what(tmp_path: Path, who: str) -> None:
    ask_all(tmp_path, who)


@live
async def ask_all(folder: Path, who: str) -> None:
    async with open_console(folder) as lab:
        await lab.row("call-1", agent="ann", **recorded(folder / "calls" / "1"))
        number = await lab.console.tickets.create(NewTicket(topic="x"))
        wrong = [found for route in ROUTES if (found := await ask(lab, route, who, number))]
        assert wrong == []


async def ask(lab: Lab, route: Route, who: str, number: str) -> str:
    """What is wrong with the answer; empty = nothing."""
    name = key(route)
    browser = lab.stranger() if who == "nobody" else await lab.user(NAMES[who], who)
    path = route.path.format(name="ann" if "agents" in route.path else "ghost", id="call-1", number=number, token="bad")
    if route.kind == "socket":
        path += "?topics=calls" if who == "designer" else "?topics=floor"
    given = BODIES.get(name, {})
    if route.method == "GET":
        answer = await browser.get(path)
    elif route.kind == "api":
        answer = await browser.send(route.method, path, given)
    else:
        answer = await browser.form(path, **given)
    allowed = ROLES[name] == "*" or LETTERS.get(who, "-") in ROLES[name]
    text = await answer.text(errors="replace")
    if allowed:
        fine = answer.status not in (401, 403) or name in ("POST /api/session", "POST /login", "POST /setup/{token}")
        fine = fine and answer.status < 500
    elif who == "nobody":
        fine = answer.status == (303 if route.kind == "page" and route.method == "GET" else 401)
    else:
        fine = answer.status == 403 and f"the role {who} may not do this" in text
    return "" if fine else f"{name} by {who}: {answer.status} {text[:200]}"
