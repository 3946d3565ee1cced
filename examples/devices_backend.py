"""The maker behind dialogs/devices: owners, codes, warranties, technicians' visits, repairs, all in memory.

    python examples/devices_backend.py [--host 127.0.0.1] [--port 8091] [--fault PATH=MODE]

Faults and the log: see backend_base.py.
"""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

from aiohttp import web
from backend_base import Answer, Backend, Json, body_of, day, digits, serve

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
        "300102": ("repairing", day(3)),
        "300103": ("waiting", day(10)),
        "300104": ("sent", day(-1)),
        "300105": ("arrived", day(7)),
    }


class Maker(Backend):
    def __init__(self, faults: dict[str, str] | None = None) -> None:
        super().__init__(faults)
        self.codes: dict[str, str] = {}
        self.reset: set[str] = set()
        self.registered = set(REGISTERED)
        self.booked: set[str] = set()
        self._numbers = itertools.count(7101)

    def routes(self) -> list[tuple[str, str, Answer]]:
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
            ("POST", "/tickets", self.ticket),
            ("POST", "/surveys", self.survey),
        ]

    async def owner(self, request: web.Request) -> Json:
        guesses = OWNERS.get(digits(request.match_info["phone"]))
        return {"known": guesses is not None, "guesses": guesses or []}

    async def send_code(self, request: web.Request) -> Json:
        phone = digits(str((await body_of(request))["phone"]))
        if phone not in OWNERS:
            return {"sent": False}
        self.codes[phone] = CODE
        return {"sent": True}

    async def check_code(self, request: web.Request) -> Json:
        body = await body_of(request)
        return {"ok": self.codes.get(digits(str(body["phone"]))) == str(body["code"])}

    async def reset_password(self, request: web.Request) -> Json:
        phone = digits(str((await body_of(request))["phone"]))
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
        self.registered.add(str((await body_of(request))["serial"]))
        return self._numbered()

    async def free_visit(self, request: web.Request) -> Json:
        """The first free hour of that part of the day. Nobody comes on Sundays."""
        wanted, part = dt.date.fromisoformat(request.query["day"]), request.query["part"]
        free = [at for at in HOURS[part] if f"{wanted}-{at}" not in self.booked]
        found = bool(free) and wanted.isoweekday() != 7
        at = free[0] if free else "00:00"
        return {"found": found, "day": wanted.isoformat(), "at": at, "id": f"{wanted}-{at}" if found else ""}

    async def book_visit(self, request: web.Request) -> Json:
        slot = str((await body_of(request))["slot"])
        if slot in self.booked:
            raise ValueError(f"{slot} is taken")
        self.booked.add(slot)
        return self._numbered()

    async def repair(self, request: web.Request) -> Json:
        state, ready = repairs().get(request.match_info["number"], ("", day(0)))
        return {"found": bool(state), "state": state, "ready": ready}

    async def ticket(self, request: web.Request) -> Json:
        return self._numbered()

    async def survey(self, request: web.Request) -> Json:
        return {"ok": True}

    def _numbered(self) -> dict[str, Any]:
        return {"number": str(next(self._numbers))}


if __name__ == "__main__":
    serve(Maker, 8091, "The maker behind dialogs/devices.")
