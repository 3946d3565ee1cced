"""The maker behind dialogs/devices: owners, codes, warranties, technicians' visits, repairs, all in memory.

    python examples/devices_backend.py [--host 127.0.0.1] [--port 8093] [--fault PATH=MODE]

Faults: see backend_base.py.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, TypeAlias

from aiohttp import web
from backend_base import Backend, Route, days_ago, json_body, national, serve

Json: TypeAlias = dict[str, Any]

CODE = "442917"
"""The code every text message carries; a real maker draws one."""
WARRANTY_DAYS = 730
OWNERS: dict[str, list[Json]] = {
    "12025550143": [{"intent": "password", "p": 0.9}],
    "15900159000": [],
    "13900139000": [{"intent": "warranty", "p": 0.8}],
}
"""Numbers with an account, and what their owners are likely to call about."""
REGISTERED = {"87654321"}
HOURS = {"morning": ("09:30", "11:00"), "afternoon": ("14:00", "16:30")}


def repairs() -> dict[str, tuple[str, str]]:
    """Number -> state, day it is ready."""
    return {
        "300102": ("repairing", days_ago(-3)),
        "300103": ("waiting", days_ago(-10)),
        "300104": ("sent", days_ago(1)),
        "300105": ("arrived", days_ago(-7)),
    }


class Maker(Backend):
    def __init__(self, faults: dict[str, str] | None = None) -> None:
        super().__init__(faults)
        self.codes: dict[str, str] = {}
        self.reset: set[str] = set()
        self.registered = set(REGISTERED)
        self.booked: set[str] = set()

    def routes(self) -> Sequence[Route]:
        return [
            ("GET", "/owners/{phone}", self.owner),
            ("POST", "/codes", self.send_code),
            ("POST", "/codes/check", self.check_code),
            ("POST", "/passwords", self.reset_password),
            ("GET", "/warranties/{serial}", self.warranty),
            ("POST", "/registrations", self.register),
            ("GET", "/visits/free", self.free_visit),
            ("POST", "/visits", self.book_visit),
            ("GET", "/repairs/{number}", self.repair),
            ("POST", "/tickets", self.numbered),
            ("POST", "/surveys", self.survey),
        ]

    async def owner(self, request: web.Request) -> Json:
        guesses = OWNERS.get(national(request.match_info["phone"]))
        return {"known": guesses is not None, "guesses": guesses or []}

    async def send_code(self, request: web.Request) -> Json:
        phone = national(str((await json_body(request))["phone"]))
        if phone not in OWNERS:
            return {"sent": False}
        self.codes[phone] = CODE
        return {"sent": True}

    async def check_code(self, request: web.Request) -> Json:
        body = await json_body(request)
        return {"ok": self.codes.get(national(str(body["phone"]))) == str(body["code"])}

    async def reset_password(self, request: web.Request) -> Json:
        phone = national(str((await json_body(request))["phone"]))
        if phone not in self.codes:
            return {"ok": False}
        self.reset.add(phone)
        return {"ok": True}

    async def warranty(self, request: web.Request) -> Json:
        """Serial numbers begin with 1 to 8; the warranty lasts two years."""
        serial, bought = request.match_info["serial"], dt.date.fromisoformat(request.query["bought"])
        until = bought + dt.timedelta(days=WARRANTY_DAYS)
        return {
            "found": len(serial) == 8 and serial[0] in "12345678",
            "covered": until >= dt.date.today(),
            "until": until.isoformat(),
            "registered": serial in self.registered,
        }

    async def register(self, request: web.Request) -> Json:
        self.registered.add(str((await json_body(request))["serial"]))
        return await self.numbered(request)

    async def free_visit(self, request: web.Request) -> Json:
        """The first free hour of that part of the day. Nobody comes on Sundays."""
        wanted, part = dt.date.fromisoformat(request.query["day"]), request.query["part"]
        free = [at for at in HOURS[part] if f"{wanted}-{at}" not in self.booked]
        found = bool(free) and wanted.isoweekday() != 7
        at = free[0] if free else "00:00"
        return {"found": found, "day": wanted.isoformat(), "at": at, "id": f"{wanted}-{at}" if found else ""}

    async def book_visit(self, request: web.Request) -> Json:
        slot = str((await json_body(request))["slot"])
        if slot in self.booked:
            raise ValueError(f"{slot} is taken")
        self.booked.add(slot)
        return await self.numbered(request)

    async def repair(self, request: web.Request) -> Json:
        state, ready = repairs().get(request.match_info["number"], ("", days_ago(0)))
        return {"found": bool(state), "state": state, "ready": ready}

    async def survey(self, request: web.Request) -> Json:
        return {"ok": True}


if __name__ == "__main__":
    serve(Maker, "The maker behind dialogs/devices.", 8093)
