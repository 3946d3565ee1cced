"""Erasure, calls back and messages by the API."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from ivr.store import records
from tests.console.lab import live, open_console

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@live
async def test_an_admin_erases_a_caller(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        admin, ops = await lab.user("bob", "admin"), await lab.user("eve", "ops")
        store = lab.console.store
        await store.call_started("old", caller="13700001111", started_at=NOON)
        await store.call_ended("old", "resolved")
        assert (await ops.send("POST", "/api/callers/erase", {"caller": "13700001111"})).status == 403
        answer = await admin.send("POST", "/api/callers/erase", {"caller": "+13700001111"})
        assert (answer.status, await answer.json()) == (200, {"removed": {"calls": 1, "callers": 1}})
        assert await store.call("old") is None
        (entry, *_) = await store.audit_log(action="caller.erased")
        assert entry.actor == "bob"
        assert "13700001111" not in entry.subject
        assert (await admin.send("POST", "/api/callers/erase", {"caller": ""})).status == 400


@live
async def test_messages_and_calls_back(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        ops, agent = await lab.user("eve", "ops"), await lab.user("ann", "agent")
        delivery = {
            "id": "m1",
            "event": "call.ended",
            "endpoint": "crm",
            "body": "{}",
            "next_at": NOON,
            "created_at": NOON,
        }
        await lab.console.store.write(records.put("delivery", delivery))
        found = await (await ops.get("/api/messages?state=pending")).json()
        assert [(m["id"], m["state"]) for m in found["messages"]] == [("m1", "pending")]
        assert (await agent.get("/api/messages")).status == 403
        assert (await (await agent.get("/api/callbacks?state=waiting")).json()) == {"callbacks": []}
        draft = {"topic": "x", "phone": "100", "fields": {"amount": 3}}
        ticket = await (await agent.send("POST", "/api/tickets", draft)).json()
        assert ticket["fields"] == {"amount": 3}
        answer = await agent.send("POST", f"/api/tickets/{ticket['number']}/callback", {"queue": "default"})
        assert (answer.status, (await answer.json())["error"]) == (400, "this service cannot call")
        assert (await agent.send("POST", "/api/tickets/0/callback", {"queue": "default"})).status == 404
