"""A small bank for dialogs/payments: customers, cards, transfers, charges, tickets, all in memory.

    python examples/payments_backend.py [--host 127.0.0.1] [--port 8090] [--fault PATH=MODE]

Faults: see backend_base.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from backend_base import Backend, Route, days_ago, digits, json_body, serve

REASONS = {
    "password": {"en": "It was locked after three wrong passwords", "zh": "因为密码输错三次，账户被锁了"},
    "abroad": {"en": "It was locked after a payment abroad", "zh": "因为一笔境外支付，账户被锁了"},
}


@dataclass
class Card:
    id: str
    last4: str
    locked: str = ""
    """Key of REASONS; empty = not locked."""
    frozen: bool = False


@dataclass
class Customer:
    name: str
    cards: list[Card]
    guesses: list[dict[str, Any]] = field(default_factory=list)
    vip: bool = False
    transfers: list[dict[str, Any]] = field(default_factory=list)
    charges: list[dict[str, Any]] = field(default_factory=list)


def customers() -> dict[str, Customer]:
    """By telephone number. Days count from today, so that `yesterday` is always right."""
    return {
        "13800138000": Customer(
            "Li Na",
            [Card("C1", "4412"), Card("C2", "1234")],
            transfers=[
                {"id": "T1", "amount": 200, "day": days_ago(1), "state": "pending", "arrives": days_ago(-1)},
                {"id": "T2", "amount": 500, "day": days_ago(3), "state": "late", "arrives": days_ago(2)},
                {"id": "T3", "amount": 80, "day": days_ago(2), "state": "returned", "arrives": days_ago(2)},
            ],
            charges=[{"id": "X1", "amount": 15, "day": days_ago(1), "merchant": "Cloud Video"}],
        ),
        "13900139000": Customer(
            "Wang Wei",
            [Card("C3", "4412", locked="password"), Card("C4", "1357", locked="password")],
            guesses=[{"intent": "blocked", "p": 0.82}],
        ),
        "13700137000": Customer(
            "Zhang Min",
            [Card("C5", "8888"), Card("C6", "5678")],
            guesses=[{"intent": "dispute", "p": 0.74}],
            vip=True,
            charges=[{"id": "X2", "amount": 99, "day": days_ago(2), "merchant": "云麦健康"}],
        ),
        "12025550143": Customer(
            "Sam Carter", [Card("C7", "1357", locked="abroad")], guesses=[{"intent": "blocked", "p": 0.9}]
        ),
    }


class Bank(Backend):
    """The data, and one handler a path. Every answer is JSON; commits are remembered by idempotency key."""

    def __init__(self, faults: dict[str, str] | None = None) -> None:
        super().__init__(faults)
        self.customers = customers()

    def routes(self) -> Sequence[Route]:
        return (
            ("GET", "/customers/{phone}", self.profile),
            ("POST", "/cards/find", self.find_card),
            ("POST", "/unlock", self.unlock),
            ("POST", "/freeze", self.freeze),
            ("GET", "/transfers", self.find_transfer),
            ("POST", "/traces", self.numbered),
            ("GET", "/charges", self.find_charge),
            ("POST", "/disputes", self.numbered),
            ("POST", "/phones", self.change_phone),
            ("POST", "/tickets", self.numbered),
            ("POST", "/surveys", self.survey),
        )

    # -- answers

    async def profile(self, request: web.Request) -> dict[str, Any]:
        customer = self._customer(request.match_info["phone"])
        if customer is None:
            return {"known": False, "vip": False, "guesses": []}
        return {"known": True, "vip": customer.vip, "guesses": customer.guesses}

    async def find_card(self, request: web.Request) -> dict[str, Any]:
        body = await json_body(request)
        customer = self._customer(str(body["phone"]))
        for card in customer.cards if customer else []:
            if card.last4 == str(body["last4"]):
                reason = REASONS[card.locked].get(str(body.get("lang", "en")), "") if card.locked else ""
                return {"found": True, "id": card.id, "locked": bool(card.locked), "reason": reason}
        return {"found": False, "id": "", "locked": False, "reason": ""}

    async def unlock(self, request: web.Request) -> dict[str, Any]:
        card = self._card(str((await json_body(request))["card"]))
        if card is None or card.frozen:
            return {"ok": False}
        card.locked = ""
        return {"ok": True}

    async def freeze(self, request: web.Request) -> dict[str, Any]:
        card = self._card(str((await json_body(request))["card"]))
        if card is None:
            raise web.HTTPNotFound(text="no such card")
        card.frozen = True
        return {"number": str(next(self._numbers))}

    async def find_transfer(self, request: web.Request) -> dict[str, Any]:
        found = self._find(request, "transfers")
        missing = {"found": False, "state": "", "arrives": days_ago(0), "id": ""}
        return {"found": True, **{key: found[key] for key in ("state", "arrives", "id")}} if found else missing

    async def find_charge(self, request: web.Request) -> dict[str, Any]:
        found = self._find(request, "charges")
        return {"found": bool(found), "merchant": found.get("merchant", ""), "id": found.get("id", "")}

    async def change_phone(self, request: web.Request) -> dict[str, Any]:
        body = await json_body(request)
        old, new = digits(str(body["phone"])), digits(str(body["new_phone"]))
        if self._customer(new) is not None:
            return {"ok": False}
        customer = self._customer(old)
        if customer is not None:
            self.customers[new] = customer
        return {"ok": True}

    async def survey(self, request: web.Request) -> dict[str, Any]:
        return {"ok": True}

    # -- look-up

    def _customer(self, phone: str) -> Customer | None:
        """By number, with or without country code."""
        wanted = digits(phone)
        return self.customers.get(wanted) or self.customers.get(wanted.removeprefix("86"))

    def _card(self, card_id: str) -> Card | None:
        cards = (card for customer in self.customers.values() for card in customer.cards)
        return next((card for card in cards if card.id == card_id), None)

    def _find(self, request: web.Request, kind: str) -> dict[str, Any]:
        customer = self._customer(request.query.get("phone", ""))
        amount, day = float(request.query["amount"]), request.query["day"]
        entries: list[dict[str, Any]] = getattr(customer, kind) if customer else []
        return next((entry for entry in entries if entry["amount"] == amount and entry["day"] == day), {})


if __name__ == "__main__":
    serve(Bank, "The bank behind dialogs/payments.", 8090)
