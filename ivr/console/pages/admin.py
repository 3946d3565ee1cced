"""Users and the audit log."""

from __future__ import annotations

from aiohttp import web

from ivr.console import actions
from ivr.console.api.parse import text
from ivr.console.context import console_of, signed_of
from ivr.console.forms import field, see_other
from ivr.console.render import page
from ivr.console.routing import ADMIN, Route
from ivr.errors import InputError
from ivr.store.erasure import erase_caller
from ivr.store.users import ROLES


async def users(request: web.Request) -> web.Response:
    return await _users(request)


async def _users(request: web.Request, status: int = 200, error: str = "", path: str = "") -> web.Response:
    rows = await console_of(request).users.list()
    link = f"{request.scheme}://{request.host}{path}" if path else ""
    count = request.query.get("erased", "")
    erased = int(count) if count.isascii() and count.isdigit() and len(count) < 9 else None
    return page(request, "users.html", status=status, users=rows, roles=ROLES, error=error, link=link, erased=erased)


async def add(request: web.Request) -> web.Response:
    """The page with the invitation is not repeatable by a reload of a GET: its link is shown once."""
    form = await request.post()
    try:
        path = await actions.invite(request, field(form, "name", 200), field(form, "role", 20))
    except InputError as error:
        return await _users(request, 400, str(error))
    return await _users(request, path=path)


async def remove(request: web.Request) -> web.Response:
    try:
        await actions.remove_user(request, request.match_info["name"])
    except InputError as error:
        return await _users(request, 400, str(error))
    return see_other("/users")


async def erase(request: web.Request) -> web.Response:
    form, console = await request.post(), console_of(request)
    caller = field(form, "caller", 100)
    if not caller:
        raise InputError("caller: a number is needed")
    removed = await erase_caller(console.store, console.data, caller, signed_of(request).user)
    return see_other(f"/users?erased={sum(removed.counts().values())}")


async def audit(request: web.Request) -> web.Response:
    equal = {name: value for name in ("actor", "kind", "subject") if (value := text(request, name))}
    rows = await console_of(request).store.audit_log(limit=200, **equal)
    return page(request, "audit.html", entries=rows, query=request.query)


ROUTES = (
    Route("GET", "/users", users, ADMIN, "Users"),
    Route("POST", "/users", add, ADMIN, "Invite a user"),
    Route("POST", "/users/{name}/remove", remove, ADMIN, "Remove a user"),
    Route("POST", "/callers/erase", erase, ADMIN, "Forget all that is known of a caller"),
    Route("GET", "/audit", audit, ADMIN, "Audit log"),
)
