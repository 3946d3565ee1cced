"""Sessions, users, audit log."""

from __future__ import annotations

from aiohttp import web

from ivr.console import actions
from ivr.console.api.parse import MAX_LIMIT, answer, body, number, text
from ivr.console.context import console_of, signed_of
from ivr.console.cookies import set_session
from ivr.console.guard import SESSION_COOKIE
from ivr.console.models import AuditEntry, AuditLog, Done, Invitation, Login, Me, NewUser, User, UserList
from ivr.console.routing import ADMIN, EVERYBODY, Query, Route


async def login(request: web.Request) -> web.Response:
    given = await body(request, Login)
    try:
        token, csrf, role = await actions.sign_in(request, given.name, given.password)
    except actions.TooManyTries as error:
        return web.json_response({"error": str(error)}, status=429)
    response = answer(Me(name=given.name, role=role, csrf=csrf))  # type: ignore[arg-type]
    set_session(request, response, token)
    return response


async def me(request: web.Request) -> web.Response:
    signed = signed_of(request)
    return answer(Me(name=signed.user, role=signed.role, csrf=signed.csrf))  # type: ignore[arg-type]


async def logout(request: web.Request) -> web.Response:
    await actions.sign_out(request)
    response = answer(Done())
    response.del_cookie(SESSION_COOKIE, path="/")
    return response


async def users(request: web.Request) -> web.Response:
    rows = await console_of(request).users.list()
    found = [
        User(
            name=row.name, role=row.role, created_at=row.created_at,  # type: ignore[arg-type]
            last_login_at=row.last_login_at, has_password=bool(row.password_hash),
        )
        for row in rows
    ]  # fmt: skip
    return answer(UserList(users=found))


async def add_user(request: web.Request) -> web.Response:
    given = await body(request, NewUser)
    path = await actions.invite(request, given.name, given.role)
    return answer(Invitation(name=given.name, path=path), status=201)


async def remove_user(request: web.Request) -> web.Response:
    await actions.remove_user(request, request.match_info["name"])
    return answer(Done())


async def audit(request: web.Request) -> web.Response:
    equal = {name: value for name in ("actor", "kind", "subject") if (value := text(request, name))}
    rows = await console_of(request).store.audit_log(limit=number(request, "limit", 100, MAX_LIMIT), **equal)
    return answer(AuditLog(entries=[AuditEntry.model_validate(row) for row in rows]))


_LIMIT = Query("limit", "At most so many.", "integer")
ROUTES = (
    Route("POST", "/api/session", login, None, "Sign in", "api", Login, Me),
    Route("GET", "/api/session", me, EVERYBODY, "Who is signed in", "api", reply=Me),
    Route("DELETE", "/api/session", logout, EVERYBODY, "Sign out", "api", reply=Done),
    Route("GET", "/api/users", users, ADMIN, "All users", "api", reply=UserList),
    Route("POST", "/api/users", add_user, ADMIN, "Add a user, or invite one again", "api", NewUser, Invitation),
    Route("DELETE", "/api/users/{name}", remove_user, ADMIN, "Remove a user", "api", reply=Done),
    Route(
        "GET", "/api/audit", audit, ADMIN, "Who did what, the latest first", "api", reply=AuditLog,
        query=(Query("actor", "Who."), Query("kind", "Kind of what was changed."), Query("subject", "What."), _LIMIT),
    ),
)  # fmt: skip
