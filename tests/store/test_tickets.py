"""Tickets: numbers a caller can write down, one ticket for one wish, history, search, and none is ever lost."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ivr.errors import InputError
from ivr.store import tickets as module
from ivr.store.database import sqlite_url
from ivr.store.store import Store
from ivr.store.ticket_fields import TicketField
from ivr.store.tickets import NewTicket, Tickets

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def with_tickets(folder: Path, work: Any) -> None:
    async def main() -> None:
        store = Store(sqlite_url(folder / "ivr.db"), folder / "spool", clock=lambda: NOON)
        await store.open()
        try:
            coroutine: Coroutine[Any, Any, None] = work(store, Tickets(store))
            await coroutine
        finally:
            await store.close()

    asyncio.run(main())


def test_a_ticket_and_its_packet(tmp_path: Path) -> None:
    async def work(store: Store, tickets: Tickets) -> None:
        packet = {"slots": [{"name": "amount", "value": 15, "confidence": 0.9}], "reason": "no_match"}
        number = await tickets.create(NewTicket("c1", "100", "13800138000", "fees", "zh", packet=packet))
        assert len(number) == 6
        assert number.isdecimal()
        assert number[0] != "0"
        row = await tickets.get(number)
        assert row is not None
        assert (row.state, row.phone, row.topic, row.created_at) == ("open", "13800138000", "fees", NOON)
        assert row.packet == packet
        assert [(event.actor, event.kind) for event in row.history] == [("bot", "created")]
        assert await tickets.get("000000") is None

    with_tickets(tmp_path, work)


def test_one_wish_one_ticket(tmp_path: Path) -> None:
    async def work(store: Store, tickets: Tickets) -> None:
        same = NewTicket("c1", idempotency_key="c1-ticket")
        assert await tickets.create(same) == await tickets.create(same)
        both = await asyncio.gather(*(tickets.create(NewTicket("c2", idempotency_key="c2")) for _ in range(5)))
        assert len(set(both)) == 1
        assert await tickets.create(NewTicket("c1")) != await tickets.create(NewTicket("c1"))
        assert len(await tickets.find()) == 4

    with_tickets(tmp_path, work)


def test_numbers_are_never_given_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = iter(["111111", "111111", "111111", "222222"])
    monkeypatch.setattr(module, "_digits", lambda length: next(given))

    async def work(store: Store, tickets: Tickets) -> None:
        assert [await tickets.create(NewTicket()) for _ in range(2)] == ["111111", "222222"]

    with_tickets(tmp_path, work)


def test_work_on_a_ticket(tmp_path: Path) -> None:
    async def work(store: Store, tickets: Tickets) -> None:
        number = await tickets.create(NewTicket(topic="lost card"))
        due = NOON + timedelta(hours=4)
        row = await tickets.change(number, "ann", "called, no answer", state="assigned", assignee="ann", due_at=due)
        assert (row.state, row.assignee, row.due_at) == ("assigned", "ann", due)
        row = await tickets.change(number, "ann", state="assigned")  # nothing changes: no history
        assert [(event.kind, event.data) for event in row.history] == [
            ("created", {}),
            ("changed", {"state": ["open", "assigned"], "assignee": ["", "ann"], "due_at": [None, due.isoformat()]}),
            ("note", {"text": "called, no answer"}),
        ]
        assert [found.number for found in await tickets.find(assignee="ann", states=("assigned",))] == [number]
        assert [found.number for found in await tickets.find(text="LOST")] == [number]
        assert await tickets.find(text="%") == []
        assert await tickets.find(states=("done",)) == []
        for changes, message in (
            ({"number": "1"}, "a ticket's 'number' cannot be changed (only assignee, due_at,"),
            ({"state": "gone"}, "no such state of a ticket: 'gone' (one of open, assigned, waiting, done)"),
        ):
            with pytest.raises(InputError) as caught:
                await tickets.change(number, "ann", **changes)
            assert str(caught.value).startswith(message)
        with pytest.raises(InputError, match="no ticket has the number '12'"):
            await tickets.change("12", "ann", state="done")

    with_tickets(tmp_path, work)


def test_a_ticket_while_the_database_is_away(tmp_path: Path) -> None:
    async def work(store: Store, tickets: Tickets) -> None:
        first = await tickets.create(NewTicket("c1", idempotency_key="c1"))
        rename(tmp_path, "tickets", "hidden")
        number = await tickets.create(NewTicket("c2", phone="200", idempotency_key="c2"))
        assert len(number) == 8
        assert await tickets.create(NewTicket("c2", idempotency_key="c2")) == number
        told_again = await tickets.create(NewTicket("c1", idempotency_key="c1"))
        rename(tmp_path, "hidden", "tickets")
        assert await store.drain() == 0
        row = await tickets.get(number)
        assert row is not None
        assert row.phone == "200"
        known = await tickets.get(first)
        assert known is not None
        assert known.history[-1].data == {"text": f"also told as {told_again}"}
        assert len(await tickets.find()) == 2

    with_tickets(tmp_path, work)


def rename(folder: Path, old: str, new: str) -> None:
    with sqlite3.connect(folder / "ivr.db") as connection:
        connection.execute(f"ALTER TABLE {old} RENAME TO {new}")
    connection.close()


FIELDS = {
    "amount": TicketField(type="number", required=True),
    "day": TicketField(type="date"),
    "kind": TicketField(type="choice", choices=("card", "loan")),
    "urgent": TicketField(type="yes_no"),
    "note": TicketField(),
}


def test_fields_of_the_hotlines_own(tmp_path: Path) -> None:
    async def work(store: Store, _: Tickets) -> None:
        tickets = Tickets(store, own_fields=FIELDS)
        said = {"amount": "12.5", "kind": "a thing", "urgent": "是", "heard": "x"}
        number = await tickets.create(NewTicket(fields=said))
        row = await tickets.get(number)
        assert row is not None
        assert row.fields == {"amount": 12.5, "kind": "a thing", "urgent": True, "heard": "x"}, "the bot loses nothing"
        row = await tickets.change(number, "ann", fields={"kind": "card", "day": "2026-12-01", "urgent": None})
        assert row.fields == {"amount": 12.5, "kind": "card", "day": "2026-12-01", "heard": "x"}
        assert row.history[-1].data["fields"][0]["kind"] == "a thing"
        for given, message in (
            ({"colour": "red"}, "fields.colour: no such field (amount, day, kind, urgent, note)"),
            ({"amount": "much"}, "fields.amount: a number is needed, not 'much'"),
            ({"amount": float("nan")}, "fields.amount: a number is needed, not 'nan'"),
            ({"day": "tomorrow"}, "fields.day: a day like 2026-11-22 is needed, not 'tomorrow'"),
            ({"kind": "boat"}, "fields.kind: 'boat' is none of card, loan"),
            ({"urgent": "perhaps"}, "fields.urgent: yes or no is needed, not 'perhaps'"),
            ({"note": ["a"]}, "fields.note: text is needed"),
            ({"note": "x" * 2001}, "fields.note: longer than 2000 characters"),
        ):
            with pytest.raises(InputError) as caught:
                await tickets.change(number, "ann", fields=given)
            assert str(caught.value) == message
        await tickets.change(number, "ann", fields={"amount": None})
        with pytest.raises(InputError, match=r"fields\.amount: has to be filled in before the ticket is closed"):
            await tickets.change(number, "ann", state="done")
        row = await tickets.change(number, "ann", state="done", fields={"amount": 3})
        assert (row.state, row.fields["amount"]) == ("done", 3)

    with_tickets(tmp_path, work)
