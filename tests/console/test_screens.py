"""Every page in a real browser, at a desk and on a phone, light and dark, in both languages: it is drawn, nothing is
wider than the screen, no script fails, nothing breaks the content security policy, and axe-core finds nothing serious.

Needs Chromium, and the npm package: `npm install --prefix build/node axe-core`, or its folder in AXE_CORE. Pictures go
to the folder in IVR_SCREENSHOTS, for people to look at.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from ivr.store.tickets import NewTicket
from tests.console.lab import HOSTILE, PASSWORD, Lab, open_console, recorded
from tests.console.test_talks_api import Helper
from tests.fakes.chromium import CHROMIUM, Page, open_chromium

ROOT = Path(__file__).resolve().parents[2]
AXE = Path(os.environ.get("AXE_CORE", ROOT / "build/node/node_modules/axe-core")) / "axe.min.js"
SIZES = {"desk": (1360, 900), "phone": (390, 844)}
VIEWS = (("en", "light", "desk"), ("en", "dark", "phone"), ("zh", "dark", "desk"), ("zh", "light", "phone"))
PAGES = (
    "/login", "/live", "/floor", "/desk", "/tickets", "/tickets/new?call_id=call-1", "/tickets/{number}", "/calls",
    "/calls/call-3", "/users", "/audit", "/account", "/nowhere",
)  # fmt: skip
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LATER = {
    "live.js": "document.querySelectorAll('#calls article').length >= 3",
    "timeline.js": "!!document.querySelector('[data-drawn]')",
}
"""Pages that a script fills -> when it has."""
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (Debian: chromium)")
needs_axe = pytest.mark.skipif(not AXE.is_file(), reason="needs axe-core: npm install --prefix build/node axe-core")


@pytest.mark.chromium
@pytest.mark.slow
@needs_chromium
@needs_axe
def test_every_page_is_drawn(tmp_path: Path) -> None:
    shots = Path(os.environ.get("IVR_SCREENSHOTS", tmp_path / "shots"))
    shots.mkdir(parents=True, exist_ok=True)
    found = asyncio.run(draw_all(tmp_path, shots))
    assert not found, "\n".join(found)


async def draw_all(folder: Path, shots: Path) -> list[str]:
    """What is wrong with the pages."""
    wrong: list[str] = []
    axe = AXE.read_text("utf-8")
    async with open_console(folder) as lab, open_chromium(folder) as browser:
        number = await fill(lab, folder)
        home = str(lab.server.make_url("/")).rstrip("/")
        page = await browser.page(f"{home}/login")
        await sign_in(lab, page, home)
        for language, theme, size in VIEWS:
            await page.size(*SIZES[size], dark=theme == "dark")
            for name, value in (("ivr_language", language), ("ivr_theme", theme)):
                await page.send("Network.setCookie", name=name, value=value, url=home)
            for template in PAGES:
                path = template.format(number=number)
                name = path.split("?")[0].strip("/").replace("/", "-").replace(number, "one")
                await page.goto(home + path)
                where = f"{language} {theme} {size} {path}"
                wrong += [f"{where}: {problem}" for problem in await look(page, axe if language == "en" else "")]
                await page.picture(shots / f"{language}-{theme}-{size}-{name}.png")
    return wrong


async def sign_in(lab: Lab, page: Page, home: str) -> None:
    """The session is bound to the browser's name."""
    agent = await page.run("navigator.userAgent")
    answer = await lab.stranger(**{"User-Agent": agent}).client.post(
        "/api/session", json={"name": "ann", "password": PASSWORD}
    )
    assert answer.status == 200
    token = answer.cookies["ivr_session"].value
    await page.send("Network.setCookie", name="ivr_session", value=token, url=home, httpOnly=True)


async def look(page: Page, axe: str) -> list[str]:
    """Overflow, errors of scripts and policy, and what axe-core finds serious or worse."""
    for script, done in LATER.items():
        if await page.run(f"[...document.scripts].some((s) => s.src.includes('{script}'))"):
            await page.until(done)
    problems = [f"error: {text}" for text in page.errors if "status of 404" not in text]
    page.errors.clear()
    wide = await page.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if wide > 0:
        problems.append(f"{wide} px wider than the screen: {await page.run(WIDEST)}")
    if not axe:
        return problems  # the other language is looked at for its widths
    await page.run(axe + "; 0")
    found: Any = await page.run(f"axe.run({{runOnly: {json.dumps(RULES)}}}).then((r) => r.violations)")
    for one in found:
        if one["impact"] in ("serious", "critical"):
            nodes = "; ".join(str(node["html"])[:160] for node in one["nodes"][:3])
            problems.append(f"axe {one['impact']} {one['id']}: {one['help']}: {nodes}")
    return problems


WIDEST = """[...document.querySelectorAll('body *')]
  .filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .slice(0, 3).map((e) => e.outerHTML.slice(0, 120)).join(' | ')"""


async def fill(lab: Lab, folder: Path) -> str:
    """A busy morning: calls on, somebody waits, one talks to ann, tickets, hostile callers."""
    await lab.user("ann", "admin")
    await lab.console.users.add("olga", "ops")
    for n, caller in enumerate(("13800138000", "+86 10 5555 0199", HOSTILE, ""), start=1):
        call = lab.call(f"call-{n}", caller)
        await lab.row(call.info.call_id, caller, **recorded(folder / "calls" / str(n), 8.0))
    lab.hand_over(lab.running["call-1"])
    await lab.answered(lab.running["call-1"])
    lab.console.assist = lab.console.hub._assist = Helper()  # type: ignore[assignment]
    lab.sip.phone("sip:bank@test")
    lab.desk.talks.consult("call-1", "the bank's own hotline", "sip:bank@test", agent=False)
    lab.clock.jump(seconds=75)
    lab.hand_over(lab.running["call-2"], reason="asked", summary="wants to speak to somebody about a charge")
    lab.running["call-3"].session.said.append(("caller", HOSTILE))
    await lab.store.call_ended("call-3", "resolved", "blocked", language="en")
    await lab.console.tickets.create(NewTicket(topic=HOSTILE, caller=HOSTILE, phone="=1+1", priority="high"))
    number = await lab.console.tickets.create(NewTicket(topic="Call back about the card", phone="13800138000"))
    await lab.console.tickets.change(number, "ann", note="nobody at home", state="waiting", assignee="ann")
    return number
