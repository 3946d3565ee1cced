"""An agent asked to a colleague's call is one node's, as one who is rung."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from ivr.store import cluster, records
from ivr.store.database import sqlite_url
from ivr.store.searches import CallQuery, find_calls
from ivr.store.store import Store

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def test_an_agent_on_a_colleagues_call_is_had_by_one_node(tmp_path: Path) -> None:
    async def run() -> None:
        store = Store(sqlite_url(tmp_path / "ivr.db"), tmp_path / "spool")
        await store.open()
        ann = [{"name": "ann", "uri": "sip:ann@pbx", "state": "available"}]
        for node in ("a", "b"):
            await store.read(lambda s, n=node: cluster.join(s, n, NOW, ann))
        await store.put_queue_entry("c1", queue="cards", entered_at=NOW, state="talking", agent="ben", node="a")
        assert await store.read(lambda s: cluster.engage(s, "a", "ann", "c1"))
        assert not await store.read(lambda s: cluster.engage(s, "b", "ann", "c2"))
        assert not await store.read(lambda s: cluster.claim(s, "b", "ann", "c2"))
        (entry,) = await store.queue_entries()
        assert (entry.state, entry.agent) == ("talking", "ben"), "the talk is as it was"
        await store.read(lambda s: cluster.release(s, "a", "ann", 0.0))
        assert await store.read(lambda s: cluster.engage(s, "b", "ann", "c2"))
        await store.close()

    asyncio.run(run())


def test_all_who_had_the_caller_find_the_call(tmp_path: Path) -> None:
    async def run() -> None:
        store = Store(sqlite_url(tmp_path / "ivr.db"), tmp_path / "spool")
        await store.open()
        await store.call_started("c1", caller="100")
        for agent in ("ann", "ben", "ann"):
            await store.write(records.call_handled("c1", agent, "cards" if agent == "ann" else ""))
        row = await store.call("c1")
        assert row is not None
        assert (row.agent, row.queue, row.handled_by) == ("ann", "cards", "\nann\nben\n")
        assert [row.had_by(name) for name in ("ann", "ben", "an", "")] == [True, True, False, False]
        for name, found in (("ben", 1), ("ann", 1), ("be", 0), ("b%n", 0)):
            assert len(await find_calls(store, CallQuery(agent=name))) == found, name
        await store.close()

    asyncio.run(run())
