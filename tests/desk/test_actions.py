"""`ivr.tickets.create`, called as the backend client calls it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ivr.backend.client import BackendClient
from ivr.backend.request import Environment
from ivr.call.events import EnterQueue
from ivr.desk.actions import BUILTIN_ACTIONS, bind_actions
from ivr.desk.packet import build_packet
from ivr.dialog.events import Handover
from ivr.dialog.schema.action import Action
from ivr.errors import ActionError
from ivr.store.database import sqlite_url
from ivr.store.store import Store
from ivr.store.tickets import Tickets
from ivr.transport.base import CallInfo

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CONTEXT = {"call_id": "c1", "caller": "13800138000", "called": "95188", "started_at": "", "hotline": "payments"}
ACTION = Action.model_validate(
    {"python": "ivr.tickets.create", "args": ["phone", "topic", "amount"], "returns": {"number": "digits"}}
)


def with_client(folder: Path, work: Any) -> None:
    async def main() -> None:
        store = Store(sqlite_url(folder / "ivr.db"), folder / "spool", clock=lambda: NOON)
        await store.open()
        tickets = Tickets(store)
        packet = build_packet(
            CallInfo("c1", "13800138000", "95188", "sip"),
            EnterQueue(Handover("cards", "no_match", intent="dispute", language="zh", priority="high"), ()),
        )
        functions = bind_actions(tickets, lambda call_id: packet if call_id == "c1" else None)
        client = BackendClient(Environment({}), functions)
        try:
            await work(store, tickets, client)
        finally:
            await client.close()
            await store.close()

    asyncio.run(main())


def test_a_ticket_with_the_packet(tmp_path: Path) -> None:
    assert set(BUILTIN_ACTIONS) == {"ivr.tickets.create"}

    async def work(store: Store, tickets: Tickets, client: BackendClient) -> None:
        args = {"phone": "200", "topic": "fees", "amount": 15, "due_hours": 4}
        reply = await client.call("ticket.create", ACTION, args, timeout_ms=3000, context=CONTEXT)
        row = await tickets.get(str(reply["number"]))
        assert row is not None
        assert (row.phone, row.topic, row.fields, row.call_id) == ("200", "fees", {"amount": 15}, "c1")
        assert (row.reason, row.language, row.priority) == ("no_match", "zh", "high")
        assert row.due_at == NOON + timedelta(hours=4)
        assert row.packet["queue"] == "cards"
        again = await client.call("ticket.create", ACTION, args, timeout_ms=3000, context=CONTEXT)
        assert again == reply
        assert len(await tickets.find()) == 1

    with_client(tmp_path, work)


def test_without_a_hand_over_and_without_arguments(tmp_path: Path) -> None:
    async def work(store: Store, tickets: Tickets, client: BackendClient) -> None:
        context = {**CONTEXT, "call_id": "c2"}
        reply = await client.call("ticket.create", ACTION, {}, timeout_ms=3000, context=context)
        row = await tickets.get(str(reply["number"]))
        assert row is not None
        assert (row.phone, row.packet["call_id"], row.packet["called"]) == ("13800138000", "c2", "95188")

    with_client(tmp_path, work)


def test_a_bad_due_time(tmp_path: Path) -> None:
    async def work(store: Store, tickets: Tickets, client: BackendClient) -> None:
        with pytest.raises(ActionError) as caught:
            await client.call("t", ACTION, {"due_hours": "soon"}, timeout_ms=3000, context=CONTEXT)
        assert caught.value.kind == "data"
        assert str(caught.value) == "due_hours must be a number of hours from 0 to 8784, not 'soon'"

    with_client(tmp_path, work)


def test_a_ticket_although_the_store_is_gone(tmp_path: Path) -> None:
    async def work(store: Store, tickets: Tickets, client: BackendClient) -> None:
        await store.close()
        reply = await client.call("ticket.create", ACTION, {"topic": "fees"}, timeout_ms=3000, context=CONTEXT)
        assert len(str(reply["number"])) == 8
        assert store.spooled == 1
        for path in (tmp_path / "spool").iterdir():
            path.unlink()
        (tmp_path / "spool").rmdir()
        with pytest.raises(ActionError, match="the ticket cannot be kept: cannot write to the spool folder"):
            await client.call("ticket.create", ACTION, {"topic": "loan"}, timeout_ms=3000, context=CONTEXT)

    with_client(tmp_path, work)
