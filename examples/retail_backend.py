"""A small online shop for dialogs/retail: customers, what they looked at, orders, all in memory.

    python examples/retail_backend.py [--host 127.0.0.1] [--port 8091] [--fault PATH=MODE]

Faults: see backend_base.py. What a caller looked at in the shop becomes guesses of what the call is about.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from backend_base import Backend, Route, days_ago, json_body, national, serve

PAGES = {
    "order": ("order_status", 0.9),
    "return": ("refund", 0.9),
    "delivery": ("delivery", 0.85),
    "contact": ("complaint", 0.6),
}
"""Kind of page -> flow it hints at, and how strongly just after it was seen."""
HALF_LIFE_MIN = 60
"""A view counts half as much after so many minutes."""
RETURN_DAYS = 30


@dataclass
class Order:
    number: str
    item: dict[str, str]
    state: str
    """packed, shipped, late, delivered."""
    arrives: str
    paid: float
    refunded: bool = False

    @property
    def returnable(self) -> bool:
        late = dt.date.today() - dt.date.fromisoformat(self.arrives)
        return not self.refunded and late.days <= RETURN_DAYS


@dataclass
class Customer:
    name: dict[str, str]
    orders: list[Order] = field(default_factory=list)
    """Newest first."""
    views: list[tuple[str, int]] = field(default_factory=list)
    """(kind of page, minutes ago), newest first."""
    vip: bool = False


def customers() -> dict[str, Customer]:
    """By telephone number."""
    lamp = Order("20260001", {"en": "desk lamp", "zh": "台灯"}, "shipped", days_ago(-1), 120)
    kettle = Order("20260002", {"en": "kettle", "zh": "水壶"}, "delivered", days_ago(3), 89.5)
    sofa = Order("20260003", {"en": "sofa", "zh": "沙发"}, "delivered", days_ago(5), 3999)
    shoes = Order("20260004", {"en": "running shoes", "zh": "跑鞋"}, "late", days_ago(2), 459)
    coat = Order("20260005", {"en": "coat", "zh": "大衣"}, "delivered", days_ago(60), 650)
    return {
        "13800138000": Customer({"en": "Ms Li", "zh": "李女士"}, [lamp, kettle]),
        "13900139000": Customer({"en": "Mr Wang", "zh": "王先生"}, [shoes], views=[("order", 4), ("home", 5)]),
        "13700137000": Customer({"en": "Ms Zhang", "zh": "张女士"}, [sofa], views=[("return", 10)], vip=True),
        "12025550143": Customer({"en": "Mr Carter", "zh": "卡特先生"}, [coat], views=[("order", 400)]),
    }


def guesses(views: Sequence[tuple[str, int]]) -> list[dict[str, Any]]:
    """Page views -> [{intent, p}], likeliest first: the page says what, its age how sure."""
    best: dict[str, float] = {}
    for page, minutes in views:
        if page in PAGES:
            intent, p = PAGES[page]
            best[intent] = max(best.get(intent, 0.0), round(p * 0.5 ** (minutes / HALF_LIFE_MIN), 3))
    return [{"intent": intent, "p": p} for intent, p in sorted(best.items(), key=lambda item: -item[1])]


class Shop(Backend):
    def __init__(self, faults: dict[str, str] | None = None) -> None:
        super().__init__(faults)
        self.customers = customers()

    def routes(self) -> Sequence[Route]:
        return (
            ("GET", "/customers/{phone}", self.profile),
            ("GET", "/orders/{number}", self.find_order),
            ("POST", "/traces", self.numbered),
            ("POST", "/refunds", self.refund),
            ("POST", "/deliveries", self.move_delivery),
            ("POST", "/complaints", self.numbered),
            ("POST", "/tickets", self.numbered),
        )

    async def profile(self, request: web.Request) -> dict[str, Any]:
        customer = self.customers.get(national(request.match_info["phone"]))
        if customer is None:
            return {"known": False, "vip": False, "name": "", "order": "", "item": "", "guesses": []}
        language = request.query.get("lang", "en")
        last = customer.orders[0]
        return {
            "known": True, "vip": customer.vip, "name": customer.name[language], "order": last.number,
            "item": last.item[language], "guesses": guesses(customer.views),
        }  # fmt: skip

    async def find_order(self, request: web.Request) -> dict[str, Any]:
        """Only the caller's own orders are told."""
        customer = self.customers.get(national(request.query.get("phone", "")))
        order = (
            next((one for one in customer.orders if one.number == request.match_info["number"]), None)
            if customer
            else None
        )
        if order is None:
            return {"found": False, "item": "", "state": "", "arrives": days_ago(0), "paid": 0, "returnable": False}
        return {
            "found": True, "item": order.item[request.query.get("lang", "en")], "state": order.state,
            "arrives": order.arrives, "paid": order.paid, "returnable": order.returnable,
        }  # fmt: skip

    async def refund(self, request: web.Request) -> dict[str, Any]:
        order = self._order(str((await json_body(request))["order"]))
        if order is None or not order.returnable:
            return {"ok": False, "number": None}
        order.refunded = True
        return {"ok": True, "number": str(next(self._numbers))}

    async def move_delivery(self, request: web.Request) -> dict[str, Any]:
        """Nobody drives on Sundays."""
        order, day = (
            self._order(str((await json_body(request))["order"])),
            dt.date.fromisoformat(str((await json_body(request))["day"])),
        )
        if order is None or order.state == "delivered" or day.isoweekday() == 7:
            return {"ok": False}
        order.arrives = day.isoformat()
        return {"ok": True}

    def _order(self, number: str) -> Order | None:
        orders = (order for customer in self.customers.values() for order in customer.orders)
        return next((order for order in orders if order.number == number), None)


if __name__ == "__main__":
    serve(Shop, "The shop behind dialogs/retail.", 8091)
