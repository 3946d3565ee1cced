"""Login, sessions, cross-site requests, headers: what must not work does not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ivr.console.limits import LimitSettings, LoginLimiter
from ivr.console.passwords import Passwords, check_password, hash_password
from ivr.dialog.events import HandoverSlot
from ivr.errors import InputError
from ivr.store import records
from tests.console.lab import HOSTILE, PASSWORD, live, open_console, recorded, token_of


@live
async def test_the_first_admin(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        path = await lab.console.first_run()
        browser = lab.stranger()
        assert "Nobody has been set up yet" in await browser.text("/login")
        browser.csrf = token_of(await browser.text(path))
        short = await browser.form(path, name="root", password="short", again="short")
        assert short.status == 400
        assert "a password has 10 to 200 characters, not 5" in await short.text()
        other = await browser.form(path, name="root", password=PASSWORD, again=PASSWORD + "x")
        assert "the two passwords are not the same" in await other.text()
        done = await browser.form(path, name="root", password=PASSWORD, again=PASSWORD)
        assert (done.status, done.headers["Location"]) == (303, "/login")
        again = await browser.form(path, name="evil", password=PASSWORD, again=PASSWORD)
        assert again.status == 400
        assert "this invitation is used up or too old" in await again.text()
        assert await lab.console.first_run() == ""
        me = await (await lab.sign_in(browser, "root")).json("/api/session")
        assert (me["name"], me["role"]) == ("root", "admin")


@live
async def test_login_by_the_form(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        await lab.user("olga", "ops")
        browser = lab.stranger()
        sent = await browser.get("/tickets?text=x")
        assert (sent.status, sent.headers["Location"]) == (303, "/login?next=%2Ftickets%3Ftext%3Dx")
        assert (await browser.form("/login", name="olga", password=PASSWORD)).status == 403, "no token"
        browser.csrf = token_of(await browser.text("/login"))
        wrong = await browser.form("/login", name="olga", password="wrong password", next="/")
        assert wrong.status == 401
        assert "wrong name or password" in await wrong.text()
        right = await browser.form("/login", name="olga", password=PASSWORD, next="/tickets?text=x")
        assert (right.status, right.headers["Location"]) == (303, "/tickets?text=x")
        cookie = next(v for v in right.headers.getall("Set-Cookie") if v.startswith("ivr_session"))
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        away = await browser.form("/login", name="olga", password=PASSWORD, next="//evil.example/")
        assert away.status == 403, "the form's token is worth nothing in a session"


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:x", "/\nx"])
@live
async def test_nobody_is_sent_to_another_site(tmp_path: Path, path: str) -> None:
    async with open_console(tmp_path) as lab:
        answer = await lab.stranger().get("/choose", params={"language": "zh", "next": path})
        assert (answer.status, answer.headers["Location"]) == (303, "/")


@live
async def test_guessing_is_slow(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        await lab.user("olga", "ops")
        browser = lab.stranger()

        async def attempt(password: str) -> tuple[int, str]:
            answer = await browser.client.post("/api/session", json={"name": "olga", "password": password})
            return answer.status, (await answer.json()).get("error", "")

        answers = await asyncio.gather(*(attempt(f"guess {n}") for n in range(8)))
        assert sorted(answers) == [(400, "wrong name or password")] * 5 + [(429, "too many tries: wait 15 minutes")] * 3
        assert await attempt(PASSWORD) == (429, "too many tries: wait 15 minutes")
        lab.clock.jump(minutes=15)
        assert (await attempt(PASSWORD))[0] == 200
        failures = await lab.store.audit_log(action="login.failed")
        assert len(failures) == 5
        assert "guess" not in str([row.data for row in failures])


@live
async def test_sessions_end(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        olga = await lab.user("olga", "ops")
        lab.clock.jump(minutes=119)
        await olga.json("/api/session")
        lab.clock.jump(minutes=121)
        assert (await olga.get("/api/session")).status == 401, "idle"
        await lab.sign_in(olga, "olga")
        for _ in range(11):
            lab.clock.jump(minutes=60)
            await olga.json("/api/session")
        lab.clock.jump(minutes=60)
        assert (await olga.get("/api/session")).status == 401, "twelve hours"
        await lab.sign_in(olga, "olga")
        assert (await olga.send("DELETE", "/api/session")).status == 200
        assert (await olga.get("/floor")).headers["Location"] == "/login?next=%2Ffloor"


@live
async def test_a_stolen_cookie_ends_the_session(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        olga = await lab.user("olga", "ops")
        cookies = olga.client.session.cookie_jar.filter_cookies(lab.server.make_url("/"))
        thief = lab.stranger(**{"User-Agent": "another browser"})
        thief.client.session.cookie_jar.update_cookies(cookies, lab.server.make_url("/"))
        assert (await thief.get("/api/session")).status == 401
        assert (await olga.get("/api/session")).status == 401
        assert [row.action for row in await lab.store.audit_log(kind="session")] == ["session.stolen"]


@live
async def test_the_cookie_is_not_in_the_database(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        olga = await lab.user("olga", "ops")
        cookie = olga.client.session.cookie_jar.filter_cookies(lab.server.make_url("/"))["ivr_session"].value
        await lab.store.close()
        stored = everything_in(tmp_path)
        assert cookie.encode() not in stored
        assert PASSWORD.encode() not in stored
        assert (await olga.get("/floor")).status == 503
        assert (await (await olga.get("/api/floor")).json())["error"].startswith("the database does not answer")


@live
async def test_a_new_password_ends_other_sessions(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        here, there = await lab.user("olga", "ops"), await lab.user("olga", "ops")
        new = "a quite different one"
        wrong = await here.form("/account", old="not it at all", password=new, again=new)
        assert "the present password is wrong" in await wrong.text()
        assert (await here.form("/account", old=PASSWORD, password=new, again=new)).status == 303
        await here.json("/api/session")
        assert (await there.get("/api/session")).status == 401
        await lab.sign_in(there, "olga", new)


@live
async def test_cross_site_requests(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        olga = await lab.user("olga", "ops")
        token, olga.csrf = olga.csrf, ""
        refused = await olga.send("POST", "/api/agents/ann/state", {"state": "offline"})
        assert (refused.status, (await refused.json())["error"]) == (
            403, "this form is out of date: load the page again",
        )  # fmt: skip
        assert (await olga.form("/agents/ann/state", state="offline")).status == 403
        olga.csrf = token
        for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
            answer = await olga.send("POST", "/api/agents/ann/state", {"state": "offline"}, headers=headers)
            assert (await answer.json())["error"] == "this request came from another site"
            socket = await olga.get("/api/events?topics=floor", headers=headers)
            assert socket.status == 403
        login = await lab.stranger().client.post("/api/session", data={"name": "olga", "password": PASSWORD})
        assert login.status == 403, "a form of another site cannot send JSON"
        assert lab.desk.floor.roster.agents["ann"].state.value == "available"


@live
async def test_headers_on_everything(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        olga = await lab.user("olga", "ops")
        for path in ("/live", "/api/floor", "/nowhere", "/static/console.css", "/login"):
            headers = (await olga.get(path)).headers
            assert "script-src 'self'" in headers["Content-Security-Policy"], path
            assert "unsafe" not in headers["Content-Security-Policy"]
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["X-Frame-Options"] == "DENY"
            assert headers["Cache-Control"] == ("public, max-age=3600" if "static" in path else "no-store")
        page = await olga.text("/live")
        assert "<script>" not in page
        assert " style=" not in page
        assert "onclick" not in page


@live
async def test_hostile_text_is_text(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        ann = await lab.user("ann", "admin")
        call = lab.call("c<1>&\"'", HOSTILE)
        call.session.said.append(("caller", HOSTILE))
        await lab.row(call.info.call_id, HOSTILE, **recorded(tmp_path / "calls" / "1"))
        await lab.store.write(records.put("caller", {"number": HOSTILE, "name": HOSTILE, "data": {HOSTILE: [HOSTILE]}}))
        slot = HandoverSlot(HOSTILE, {HOSTILE: HOSTILE}, 0.5, False, (HOSTILE,), 4200)
        lab.hand_over(
            call, summary=HOSTILE, reason=HOSTILE, intent=HOSTILE, tried=(HOSTILE,), slots=(slot,), language=HOSTILE
        )
        await lab.answered(call)
        await lab.console.users.add(HOSTILE, "agent")
        made = await ann.send(
            "POST", "/api/tickets", {"topic": HOSTILE, "caller": HOSTILE, "call_id": call.info.call_id}
        )
        number = (await made.json())["number"]
        await ann.send("PATCH", f"/api/tickets/{number}", {"note": HOSTILE, "assignee": HOSTILE})
        await ann.send("POST", "/api/desk/notes", {"call_id": call.info.call_id, "notes": HOSTILE})
        pages = ["/live", "/floor", "/desk", "/tickets", f"/tickets/{number}", "/calls", "/users",
                 "/tickets/new?call_id=c%3C1%3E%26%22%27", "/calls/c%3C1%3E%26%22%27",
                 f"/calls?text={HOSTILE}"]  # fmt: skip
        for path in pages:
            text = await ann.text(path)
            assert "<script>alert" not in text, path
            assert "<img" not in text, path
            assert HOSTILE not in text, path
            assert "&lt;script&gt;alert" in text or path == "/live", path


def test_passwords() -> None:
    async def main() -> None:
        passwords = Passwords()
        stored = await passwords.hash("correct horse battery")
        assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert await passwords.matches(stored, "correct horse battery")
        assert not await passwords.matches(stored, "correct horse")
        assert not await passwords.matches("", "nobody has this password"), "no password: nobody signs in"
        assert not await passwords.matches("$argon2id$rubbish", "x")
        assert not await passwords.matches(stored, "x" * 10_000)
        assert not passwords.outdated(stored)
        assert hash_password("x") != hash_password("x")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("password", "message"),
    [("short", "a password has 10 to 200 characters, not 5"),
     ("x" * 201, "a password has 10 to 200 characters, not 201"),
     ("aaaaaaaaaaaaa", "this password is too easy to guess"), ("Anna Smith", "this password is too easy to guess")],
)  # fmt: skip
def test_bad_passwords(password: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_password(password, "anna smith")


def test_the_limiter() -> None:
    limiter = LoginLimiter(LimitSettings(window_s=100, per_name=2, per_address=4, keys=6))
    limiter.failed("ann", "a", 0)
    assert limiter.wait_s("ann", "a", 1) == 0
    limiter.failed("ann", "a", 10)
    assert limiter.wait_s("ann", "a", 10) == 90
    assert limiter.wait_s("ann", "b", 10) == 0, "nobody is locked out from elsewhere"
    assert limiter.wait_s("ann", "a", 100) == 0
    for name in ("x", "y", "z"):
        limiter.failed(name, "a", 101)
    assert limiter.wait_s("new", "a", 102) == 8, "four from one address"
    limiter.failed("q", "b", 103)
    assert len(limiter._failures) <= 6


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("ivr.sqlite*"))
