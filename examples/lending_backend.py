"""A small lender for dialogs/lending: borrowers, loans, bills, all in memory.

    python examples/lending_backend.py [--host 127.0.0.1] [--port 8092] [--fault PATH=MODE]

Faults: see backend_base.py; `--fault /bills/L1=500` shows the plan for a billing system that is down.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from backend_base import Backend, Route, days_ago, json_body, national, serve

RATE_A_DAY = 0.0004
"""Interest; what is paid early is not charged."""
LATE_FEE = 30
MAX_BREAK_MONTHS = 3


@dataclass
class Loan:
    id: str
    id4: str
    """Last four digits of the borrower's ID; letters do not count."""
    balance: float
    instalment: float
    due: str
    tier: str = "junior"
    """Whom the borrower is to talk to."""
    late: bool = False
    moved: bool = False
    paused: bool = False


def loans() -> dict[str, Loan]:
    """By telephone number."""
    return {
        "13800138000": Loan("L1", "1234", 18000, 1250, days_ago(-5)),
        "13900139000": Loan("L2", "2580", 9000, 800, days_ago(4), late=True),
        "13700137000": Loan("L3", "8888", 260000, 9800, days_ago(-12), tier="senior"),
        "12025550143": Loan("L4", "1357", 0, 0, days_ago(-20), moved=True),
    }


class Lender(Backend):
    def __init__(self, faults: dict[str, str] | None = None) -> None:
        super().__init__(faults)
        self.loans = loans()

    def routes(self) -> Sequence[Route]:
        return (
            ("POST", "/identity", self.identity),
            ("GET", "/loans/{loan}", self.find_loan),
            ("POST", "/dates", self.move_date),
            ("GET", "/bills/{loan}", self.find_bill),
            ("GET", "/payoffs/{loan}", self.quote),
            ("POST", "/payoffs", self.numbered),
            ("POST", "/hardships", self.hardship),
            ("POST", "/links", self.link),
            ("POST", "/tickets", self.numbered),
        )

    async def identity(self, request: web.Request) -> dict[str, Any]:
        loan = self.loans.get(national(str((await json_body(request))["phone"])))
        if loan is None or loan.id4 != str((await json_body(request))["id4"]):
            return {"ok": False, "loan": "", "tier": "junior"}
        return {"ok": True, "loan": loan.id, "tier": loan.tier}

    async def find_loan(self, request: web.Request) -> dict[str, Any]:
        loan = self._loan(request.match_info["loan"])
        return {"due": loan.due, "instalment": loan.instalment, "balance": loan.balance}

    async def move_date(self, request: web.Request) -> dict[str, Any]:
        """Once a year."""
        loan, day = self._loan(str((await json_body(request))["loan"])), int((await json_body(request))["day"])
        if loan.moved:
            return {"ok": False, "due": loan.due}
        month = (dt.date.fromisoformat(loan.due).replace(day=1) + dt.timedelta(days=32)).replace(day=day)
        loan.due, loan.moved = month.isoformat(), True
        return {"ok": True, "due": loan.due}

    async def find_bill(self, request: web.Request) -> dict[str, Any]:
        loan = self._loan(request.match_info["loan"])
        fee = LATE_FEE if loan.late else 0
        return {"open": 0 if loan.paused else loan.instalment + fee, "due": loan.due, "late_fee": fee}

    async def quote(self, request: web.Request) -> dict[str, Any]:
        loan, day = self._loan(request.match_info["loan"]), dt.date.fromisoformat(request.query["day"])
        days_left = max(0, 365 - (day - dt.date.today()).days)
        return {"total": loan.balance, "saved": round(loan.balance * RATE_A_DAY * days_left)}

    async def hardship(self, request: web.Request) -> dict[str, Any]:
        """Short breaks are granted at once, the first time."""
        loan, months = self._loan(str((await json_body(request))["loan"])), int((await json_body(request))["months"])
        if loan.paused or months > MAX_BREAK_MONTHS:
            return {"ok": False, "number": None}
        loan.paused = True
        return {"ok": True, "number": str(next(self._numbers))}

    async def link(self, request: web.Request) -> dict[str, Any]:
        """A text message goes to mobile numbers only."""
        number = national(str((await json_body(request))["phone"]))
        return {"ok": number.startswith("1") and len(number) == 11}

    def _loan(self, loan_id: str) -> Loan:
        """Raises KeyError for a loan that is not there."""
        return {loan.id: loan for loan in self.loans.values()}[loan_id]


if __name__ == "__main__":
    serve(Lender, "The lender behind dialogs/lending.", 8092)
