"""A hotline's own ticket fields, calling back from a ticket, forgetting a caller: the pages' side."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from ivr.console.api.care import CALLS_BACK
from ivr.errors import ActionError
from ivr.store.ticket_fields import TicketField
from ivr.store.tickets import NewTicket
from tests.console.lab import HOSTILE, live, open_console, recorded

FIELDS = {
    "card": TicketField(title="Card <b>", required=True),
    "kind": TicketField(type="choice", choices=("lost", HOSTILE)),
    "sure": TicketField(type="yes_no"),
    "day": TicketField(type="date"),
}


@live
async def test_own_fields(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        lab.console.tickets.own_fields = FIELDS
        ann = await lab.user("ann", "agent")
        form = await ann.text("/tickets/new")
        assert "Card &lt;b&gt;" in form
        assert "<script>alert" not in form
        made = await ann.form(
            "/tickets/new",
            topic="x",
            priority="normal",
            **{"field.card": "1234", "field.kind": "lost", "field.sure": "true"},
        )
        assert made.status == 303, await made.text()
        page = made.headers["Location"]
        number = page.removeprefix("/tickets/")
        ticket = await ann.json(f"/api/tickets/{number}")
        assert ticket["fields"] == {"card": "1234", "kind": "lost", "sure": True}
        changed = await ann.form(page, **{
            "field.card": "1234", "was_field.card": "1234", "field.sure": "false", "was_field.sure": "true",
            "field.day": "2026-11-24", "was_field.day": "",
        })  # fmt: skip
        assert changed.status == 303
        ticket = await ann.json(f"/api/tickets/{number}")
        assert ticket["fields"] == {"card": "1234", "kind": "lost", "sure": False, "day": "2026-11-24"}
        assert "<script>alert" not in await ann.text(page)
        bad = await ann.form(page, **{"field.day": "tomorrow", "was_field.day": ""})
        assert bad.status == 400
        assert "fields.day" in await bad.text()


class Caller:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def from_ticket(self, ticket: Any, queue: str, now: float) -> str:
        if queue == "closed":
            raise ActionError("data", "the queue is closed")
        self.asked.append((ticket.number, queue))
        return "cb-1"


@live
async def test_calling_back(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        ann = await lab.user("ann", "agent")
        number = await lab.console.tickets.create(NewTicket(topic="x", phone="13800138000"))
        assert "Call back" not in await ann.text(f"/tickets/{number}"), "nobody could call"
        caller = Caller()
        lab.server.app._state[CALLS_BACK] = caller
        assert "Call back" in await ann.text(f"/tickets/{number}")
        asked = await ann.form(f"/tickets/{number}/callback", queue="cards")
        assert asked.headers["Location"] == f"/tickets/{number}?called=1"
        assert caller.asked == [(number, "cards")]
        assert (await ann.form(f"/tickets/{number}/callback", queue="closed")).status == 400
        assert (await ann.form("/tickets/000/callback", queue="cards")).status == 404


@live
async def test_a_caller_is_forgotten(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        adam, ann = await lab.user("adam", "admin"), await lab.user("ann", "agent")
        files = recorded(tmp_path / "calls" / "1")
        await lab.row("call-1", "13800138000", **files)
        await lab.store.call_ended("call-1", "resolved", "")
        assert (await ann.form("/callers/erase", caller="13800138000")).status == 403
        assert (await adam.form("/callers/erase", caller="")).status == 400
        done = await adam.form("/callers/erase", caller="13800138000")
        assert done.headers["Location"].startswith("/users?erased=")
        assert "Erased:" in await adam.text(done.headers["Location"])
        assert await lab.store.call("call-1") is None
        assert not await asyncio.to_thread(Path(files["recording"]).exists)
        assert "Erased:" not in await adam.text("/users?erased=%3Cscript%3E")
