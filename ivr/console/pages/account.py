"""Login, set-up, own account, language and theme."""

from __future__ import annotations

from aiohttp import web

from ivr.console import actions
from ivr.console.context import console_of
from ivr.console.cookies import set_session
from ivr.console.forms import back_to, field, local_path, see_other
from ivr.console.guard import SESSION_COOKIE
from ivr.console.i18n import LANGUAGE_COOKIE, LANGUAGES
from ivr.console.render import HOME, THEME_COOKIE, THEMES, page
from ivr.console.routing import ASKED, EVERYBODY, Route
from ivr.errors import InputError

_YEAR_S = 365 * 86_400


async def start(request: web.Request) -> web.Response:
    """To the first page of one's role; a visitor to the hotline itself, if it takes visitors."""
    signed, visitors = request[ASKED].signed, console_of(request).visitors
    if signed is not None:
        return see_other(HOME[signed.role])
    return see_other("/call" if visitors is not None and visitors.may_come(request) else "/login")


async def login_form(request: web.Request) -> web.Response:
    if request[ASKED].signed is not None:
        return see_other("/")
    no_users = not await console_of(request).users.count()
    return page(
        request, "login.html", error="", name="", next=local_path(request.query.get("next", "")), first=no_users
    )


async def login(request: web.Request) -> web.Response:
    form = await request.post()
    name, after = field(form, "name", 1000).strip(), local_path(field(form, "next", 2000))
    try:
        token, _, _ = await actions.sign_in(request, name, field(form, "password", 1000, strip=False))
    except InputError as error:
        status = 429 if isinstance(error, actions.TooManyTries) else 401
        return page(request, "login.html", status=status, error=str(error), name=name, next=after, first=False)
    response = see_other(after)
    set_session(request, response, token)
    return response


async def logout(request: web.Request) -> web.Response:
    await actions.sign_out(request)
    response = see_other("/login")
    response.del_cookie(SESSION_COOKIE, path="/")
    return response


async def setup_form(request: web.Request) -> web.Response:
    invitation = await console_of(request).users.invitation(request.match_info["token"])
    if invitation is None:
        raise InputError("this invitation is used up or too old")
    return page(request, "setup.html", error="", name=invitation.user, known=bool(invitation.user))


async def setup(request: web.Request) -> web.Response:
    form, console = await request.post(), console_of(request)
    invitation = await console.users.invitation(request.match_info["token"])
    if invitation is None:
        raise InputError("this invitation is used up or too old")
    name, password = field(form, "name", 1000), field(form, "password", 1000, strip=False)
    try:
        if password != field(form, "again", 1000, strip=False):
            raise InputError("the two passwords are not the same")
        await actions.accept_invitation(console, request.match_info["token"], name, password)
    except InputError as error:
        shown = invitation.user or name
        return page(request, "setup.html", status=400, error=str(error), name=shown, known=bool(invitation.user))
    return see_other("/login")


async def account(request: web.Request) -> web.Response:
    return page(request, "account.html", error="", done="done" in request.query)


async def change_password(request: web.Request) -> web.Response:
    form = await request.post()
    old, new, again = (field(form, name, 1000, strip=False) for name in ("old", "password", "again"))
    try:
        if new != again:
            raise InputError("the two passwords are not the same")
        await actions.change_password(request, old, new)
    except InputError as error:
        return page(request, "account.html", status=400, error=str(error), done=False)
    return see_other("/account?done=1")


async def choose(request: web.Request) -> web.Response:
    """Language and theme: harmless, so a link does."""
    response = see_other(back_to(request))
    for cookie, name, known in ((LANGUAGE_COOKIE, "language", tuple(LANGUAGES)), (THEME_COOKIE, "theme", THEMES)):
        value = request.query.get(name, "")
        if value in known:
            response.set_cookie(cookie, value, max_age=_YEAR_S, samesite="Lax", httponly=True, path="/")
    return response


ROUTES = (
    Route("GET", "/", start, None, "To the first page of one's role; visitors to the hotline"),
    Route("GET", "/login", login_form, None, "Sign in"),
    Route("POST", "/login", login, None, "Sign in"),
    Route("POST", "/logout", logout, EVERYBODY, "Sign out"),
    Route("GET", "/setup/{token}", setup_form, None, "Set a first password"),
    Route("POST", "/setup/{token}", setup, None, "Set a first password"),
    Route("GET", "/choose", choose, None, "Language and theme"),
    Route("GET", "/account", account, EVERYBODY, "Own account"),
    Route("POST", "/account", change_password, EVERYBODY, "Change the own password"),
)
