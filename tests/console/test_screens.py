"""Every page in a real browser, at a desk and on a phone: it is drawn, nothing is wider than the screen, no script
fails, and nothing breaks the content security policy."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from ivr.store.tickets import NewTicket
from tests.console.lab import HOSTILE, PASSWORD, Lab, open_console, recorded

CHROMIUM = shutil.which("chromium")
SIZES = {"desk": (1360, 900), "phone": (390, 844)}
PAGES = (
    "/login", "/live", "/floor", "/desk", "/tickets", "/tickets/new?call_id=call-1", "/tickets/{number}", "/calls",
    "/calls/call-3", "/users", "/audit", "/account", "/nowhere",
)  # fmt: skip
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (Debian: chromium)")


@pytest.mark.chromium
@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_is_drawn(tmp_path: Path, language: str) -> None:
    shots = Path(os.environ.get("IVR_SCREENSHOTS", tmp_path / "shots"))
    shots.mkdir(parents=True, exist_ok=True)
    asyncio.run(draw_all(tmp_path, shots, language))
    drawn = {path.name for path in shots.iterdir() if path.name.startswith(language)}
    assert len(drawn) == len(PAGES) * len(SIZES)


async def draw_all(folder: Path, shots: Path, language: str) -> None:
    async with open_console(folder) as lab, open_entrance(lab) as entrance:
        number = await fill(lab, folder)
        for page in PAGES:
            path = page.format(number=number)
            for size in SIZES:
                name = path.split("?")[0].strip("/").replace("/", "-").replace(number, "one")
                await draw(lab, entrance, path, size, language, shots / f"{language}-{name}-{size}.png", folder)


async def fill(lab: Lab, folder: Path) -> str:
    """A busy morning: calls on, somebody waits, one talks to ann, tickets, hostile callers."""
    await lab.user("ann", "admin")
    await lab.console.users.add("olga", "ops")
    for n, caller in enumerate(("13800138000", "+86 10 5555 0199", HOSTILE, ""), start=1):
        call = lab.call(f"call-{n}", caller)
        await lab.row(call.info.call_id, caller, **recorded(folder / "calls" / str(n), 8.0))
    lab.hand_over(lab.running["call-1"])
    await lab.answered(lab.running["call-1"])
    lab.clock.jump(seconds=75)
    lab.hand_over(lab.running["call-2"], reason="asked", summary="wants to speak to somebody about a charge")
    lab.running["call-3"].session.said.append(("caller", HOSTILE))
    await lab.store.call_ended("call-3", "resolved", "blocked", language="en")
    await lab.console.tickets.create(NewTicket(topic=HOSTILE, caller=HOSTILE, phone="=1+1", priority="high"))
    number = await lab.console.tickets.create(NewTicket(topic="Call back about the card", phone="13800138000"))
    await lab.console.tickets.change(number, "ann", note="nobody at home", state="waiting", assignee="ann")
    return number


@asynccontextmanager
async def open_entrance(lab: Lab) -> AsyncIterator[str]:
    """A page on the console's own host that signs the browser in by a real form and goes where it is told."""

    async def enter(request: web.Request) -> web.Response:
        answer = await lab.stranger(**{"User-Agent": request.headers["User-Agent"]}).client.post(
            "/api/session", json={"name": "ann", "password": PASSWORD}
        )
        response = web.Response(status=303, headers={"Location": request.query["to"]})
        response.set_cookie("ivr_session", answer.cookies["ivr_session"].value, httponly=True, samesite="Lax")
        for name in ("ivr_language", "ivr_theme"):
            response.set_cookie(name, request.query[name])
        return response

    app = web.Application()
    app.router.add_get("/enter", enter)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/enter"
    finally:
        await runner.cleanup()


async def draw(lab: Lab, entrance: str, path: str, size: str, language: str, shot: Path, folder: Path) -> None:
    width, height = SIZES[size]
    theme = "dark" if language == "zh" else "light"
    to = str(lab.server.make_url("/")).rstrip("/") + path.replace("?", "%3F").replace("&", "%26")
    url = f"{entrance}?to={to}&ivr_language={language}&ivr_theme={theme}"
    if path == "/login":
        url = str(lab.server.make_url(path))
    assert CHROMIUM is not None
    profile = folder / f"profile-{shot.stem}"
    process = await asyncio.create_subprocess_exec(
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", f"--user-data-dir={profile}", "--enable-logging=stderr",
        "--hide-scrollbars", f"--window-size={width},{height}", "--virtual-time-budget=2500", f"--screenshot={shot}",
        url,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, errors = await process.communicate()
    said = [line for line in errors.decode(errors="replace").splitlines() if "CONSOLE" in line]
    assert not [line for line in said if "status of 404" not in line], said
    shutil.rmtree(profile, ignore_errors=True)
