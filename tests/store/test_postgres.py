"""The store on a real PostgreSQL server: the same tables, and a server that goes away for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from ivr.errors import StoreError
from ivr.store import store as module
from ivr.store.erasure import erase_caller
from ivr.store.models import Base
from ivr.store.store import Store
from ivr.store.tickets import NewTicket, Tickets
from tests.store.pg import Server, programs, server

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    if programs() is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    with server() as running:
        yield running


def test_migrations_make_the_tables_that_the_models_say(postgres: Server, tmp_path: Path) -> None:
    url = postgres.database("tables")

    async def main() -> None:
        stores = [Store(url, tmp_path / f"spool{n}", f"n{n}") for n in range(3)]
        await asyncio.gather(*(store.open() for store in stores))  # nodes that start at the same time
        for store in stores:
            await store.close()

    asyncio.run(main())
    engine = create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_what_the_store_does(postgres: Server, tmp_path: Path) -> None:
    """Times with zones, JSON, search without regard to case, erasure."""

    async def main() -> None:
        store = Store(postgres.database("work"), tmp_path / "spool", "n1", clock=lambda: NOON)
        await store.open()
        tickets = Tickets(store)
        await store.call_started("c1", caller="100", data={"名": ["值"]})
        await store.call_ended("c1", "resolved")
        await store.call_ended("c1", "resolved")
        row = await store.call("c1")
        assert row is not None
        assert (row.started_at, row.data) == (NOON, {"名": ["值"]})
        numbers = await asyncio.gather(*(tickets.create(NewTicket("c1", "100", idempotency_key="k")) for _ in range(8)))
        assert len(set(numbers)) == 1, "one wish, one ticket, however many ask at once"
        await asyncio.gather(*(store.put_agent(f"a{n % 3}", uri="sip:x") for n in range(12)))
        assert [agent.name for agent in await store.agents()] == ["a0", "a1", "a2"]
        assert (await erase_caller(store, tmp_path, "100", "bob")).counts() == {"calls": 1, "callers": 1, "tickets": 1}
        await store.close()

    asyncio.run(main())


def test_the_server_is_away_for_a_while(postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that a call needs fails or waits; all is written once it is back, in order."""
    monkeypatch.setattr(module, "RETRY_S", 0.5)
    url = postgres.database("away")

    async def main() -> None:
        store = Store(url, tmp_path / "spool", "n1", clock=lambda: NOON)
        await store.open()
        await store.call_started("c0", caller="100")
        await asyncio.to_thread(postgres.stop)
        loop = asyncio.get_running_loop()
        worst = 0.0
        for number in range(1, 40):
            before = loop.time()
            await store.call_started(f"c{number}", caller="100")
            await store.call_ended(f"c{number}", "resolved")
            worst = max(worst, loop.time() - before)
        assert worst < 3.0, "a write waited for a server that is not there"
        number = await Tickets(store).create(NewTicket("c1", "100", topic="while away"))
        assert len(number) == 8
        assert store.spooled == 79
        with pytest.raises(StoreError):
            await store.call("c1")
        await asyncio.to_thread(postgres.start)
        await asyncio.sleep(0.6)
        await store.call_started("after", caller="100")
        assert store.spooled == 0
        rows = await store.calls(limit=100)
        assert len(rows) == 41
        assert {row.state for row in rows if row.id not in ("c0", "after")} == {"ended"}
        ticket = await Tickets(store).get(number)
        assert ticket is not None
        assert ticket.topic == "while away"
        await store.close()

    asyncio.run(main())
