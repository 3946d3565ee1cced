"""The store on a real SQLite file: rows in and out, the spool while the database is away, recovery after a crash."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from ivr.errors import ConfigError, InputError, StoreError
from ivr.store import records
from ivr.store.database import Database, sqlite_url
from ivr.store.models import Base, CallerRow, CallRow
from ivr.store.spool import Spool
from ivr.store.store import Store

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@asynccontextmanager
async def opened(folder: Path, clock: Clock | None = None, node: str = "main") -> AsyncIterator[Store]:
    store = Store(sqlite_url(folder / "ivr.db"), folder / "spool", node, clock or Clock())
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(work())


def test_the_migrations_make_the_models(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path):
            pass
        async with opened(tmp_path):  # a second time there is nothing to do
            pass

    run(main)
    engine = sa.create_engine(sqlite_url(tmp_path / "ivr.db"))
    with engine.connect() as connection:
        difference = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    engine.dispose()
    assert difference == []


def test_a_call_from_start_to_end(tmp_path: Path) -> None:
    async def main() -> None:
        clock = Clock()
        async with opened(tmp_path, clock) as store:
            assert await store.call("c1") is None
            await store.call_started("c1", caller="100", called="200", hotline="payments", bundle="ab12", language="zh")
            row = await store.call("c1")
            assert row is not None
            assert (row.state, row.started_at, row.ended_at) == ("in_progress", NOON, None)
            clock.now += timedelta(seconds=90)
            await store.call_ended("c1", "resolved", "billing", recording="a.flac", journal="a.jsonl", intent="fees")
            row = await store.call("c1")
            assert row is not None
            assert (row.state, row.outcome, row.reason, row.hotline) == ("ended", "resolved", "billing", "payments")
            assert row.ended_at == NOON + timedelta(seconds=90)
            await store.call_started("c2", caller="100", language="en")
            caller = await store.caller("100")
            assert isinstance(caller, CallerRow)
            assert (caller.calls, caller.last_call_at, caller.language) == (2, clock.now, "en")
            assert await store.caller("") is None
            await store.put_caller("100", name="Li Lei", data={"vip": True})
            caller = await store.caller("100")
            assert caller is not None
            assert (caller.name, caller.data, caller.calls) == ("Li Lei", {"vip": True}, 2)
            assert [call.id for call in await store.calls()] == ["c2", "c1"]
            assert [call.id for call in await store.calls(outcome="resolved")] == ["c1"]
            assert await store.forget_calls(timedelta(seconds=-1)) == 1
            assert await store.call("c1") is None
            await store.call_ended("c3", "failed")  # its beginning was lost
            row = await store.call("c3")
            assert row is not None
            assert row.started_at == row.ended_at == clock.now

    run(main)


def test_agents_queue_and_audit(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as store:
            await store.put_agent("ann", uri="sip:ann@192.0.2.1", state="paused", reason="lunch")
            await store.put_agent("ann", state="available", reason="")
            assert [(a.name, a.uri, a.state) for a in await store.agents()] == [
                ("ann", "sip:ann@192.0.2.1", "available")
            ]
            for number, call_id in enumerate(("c2", "c1")):
                entered = NOON - timedelta(seconds=number)
                await store.put_queue_entry(call_id, queue="cards", caller="100", entered_at=entered, skills=["zh"])
            assert [entry.call_id for entry in await store.queue_entries()] == ["c1", "c2"]
            await store.drop_queue_entry("c1")
            await store.drop_queue_entry("c1")
            assert [entry.call_id for entry in await store.queue_entries()] == ["c2"]
            await store.audit("admin", "listen", "call", "c2", minutes=3)
            found = await store.audit_log(subject="c2")
            assert [(entry.actor, entry.action, entry.data) for entry in found] == [("admin", "listen", {"minutes": 3})]

    run(main)


def break_database(folder: Path) -> None:
    """The table is gone: every statement fails, as it does with a server that is away."""
    with sqlite3.connect(folder / "ivr.db") as connection:
        connection.execute("ALTER TABLE calls RENAME TO hidden")
    connection.close()


def mend_database(folder: Path) -> None:
    with sqlite3.connect(folder / "ivr.db") as connection:
        connection.execute("ALTER TABLE hidden RENAME TO calls")
    connection.close()


def test_the_spool_takes_what_the_database_does_not(tmp_path: Path) -> None:
    async def main() -> None:
        clock = Clock()
        async with opened(tmp_path, clock) as store:
            break_database(tmp_path)
            await store.call_started("c1", caller="100")
            assert store.away
            assert store.spooled == 1
            await store.call_ended("c1", "ticket")  # goes straight to the spool, and stays behind the first
            assert store.spooled == 2
            with pytest.raises(StoreError, match=r"the database sqlite:///.*ivr\.db failed: no such table: calls"):
                await store.call("c1")
            assert await store.drain() == 2
            mend_database(tmp_path)
            store._rest_until = 0.0
            await store.put_caller("100", name="Li Lei")  # a later write takes the spool along, in order
            assert store.spooled == 0
            row = await store.call("c1")
            assert row is not None
            assert (row.state, row.outcome) == ("ended", "ticket")

    run(main)


def test_the_next_process_writes_the_spool(tmp_path: Path) -> None:
    async def first() -> None:
        async with opened(tmp_path) as store:
            await store.keep(records.put("call", {"id": "c1", "started_at": NOON, "caller": "100"}))

    async def second() -> None:
        async with opened(tmp_path) as store:
            assert store.spooled == 0
            row = await store.call("c1")
            assert row is not None
            assert row.started_at == NOON

    run(first)
    run(second)


def test_what_can_never_be_written_is_put_aside(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as store:
            await store.keep({"op": "teleport"})
            await store.keep(records.put("call", {"id": "c1", "started_at": NOON, "colour": "red"}))
            await store.keep(records.put("call", {"id": "c2", "started_at": NOON}))
            (tmp_path / "spool" / "00-broken.json").write_text("{")
            assert await store.drain() == 0
            assert await store.call("c2") is not None
            assert len(list((tmp_path / "spool" / "rejected").iterdir())) == 3
            with pytest.raises(InputError, match="record 'call' is damaged: no column 'colour'"):
                await store.write(records.put("call", {"id": "c1", "colour": "red"}))

    run(main)


def test_no_spool_no_database(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as store:
            break_database(tmp_path)
            for path in (tmp_path / "spool").iterdir():
                path.unlink()
            (tmp_path / "spool").rmdir()
            with pytest.raises(StoreError) as caught:
                await store.call_started("c1")
            assert str(caught.value) == f"cannot write to the spool folder {tmp_path}/spool: No such file or directory"

    run(main)


def test_a_locked_database_does_not_block_the_loop(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as store:
            other = sqlite3.connect(tmp_path / "ivr.db", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            writing = asyncio.ensure_future(store.call_started("c1"))
            loop = asyncio.get_running_loop()
            worst, last = 0.0, loop.time()
            for _ in range(20):
                await asyncio.sleep(0.005)
                worst, last = max(worst, loop.time() - last), loop.time()
            assert not writing.done()
            other.execute("ROLLBACK")
            other.close()
            await writing
            assert await store.call("c1") is not None
            assert worst < 0.2

    run(main)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("no url", "not a database URL: 'no url' (sqlite:///path or postgresql+psycopg://...)"),
        ("oracel://x", "not a database URL: 'oracel://x' (sqlite:///path or postgresql+psycopg://...)"),
    ],
)
def test_bad_urls(url: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Database(url)
    assert str(caught.value) == message


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "ivr.db").write_text("this is a letter, not a database" * 100)

    async def main() -> None:
        with pytest.raises(StoreError, match=r"ivr\.db failed: file is not a database"):
            async with opened(tmp_path):
                pass

    run(main)


def test_a_database_of_the_future(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path):
            pass
        with sqlite3.connect(tmp_path / "ivr.db") as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.close()
        with pytest.raises(StoreError, match="at revision 9999, which this version does not know"):
            async with opened(tmp_path):
                pass

    run(main)


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError) as caught:
        Spool(tmp_path / "file" / "spool")
    assert str(caught.value) == f"the spool folder {tmp_path}/file/spool cannot be used: Not a directory"


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as store:
            pass
        with pytest.raises(StoreError, match="is closed"):
            await store.call("c1")

    run(main)


# -- after a crash

VICTIM = """
import asyncio, sys
from datetime import datetime, timezone
from pathlib import Path
from ivr.store.database import sqlite_url
from ivr.store.store import Store

async def main(folder):
    store = Store(sqlite_url(folder / "ivr.db"), folder / "spool", "node-a")
    await store.open()
    await store.call_started("c1", caller="100", journal=str(folder / "c1.jsonl"))
    await store.call_started("c2", caller="200", journal=str(folder / "c2.jsonl"))
    await store.call_started("c3", caller="300", journal=str(folder / "gone.jsonl"))
    now = datetime.now(timezone.utc)
    await store.put_queue_entry("c1", queue="cards", caller="100", entered_at=now)
    await store.put_queue_entry("c2", queue="cards", caller="200", entered_at=now, state="talking")
    print("ready", flush=True)
    await store.run_for_ever

asyncio.run(main(Path(sys.argv[1])))
""".replace("await store.run_for_ever", "await asyncio.Event().wait()")


def test_kill_9_in_mid_call(tmp_path: Path) -> None:
    lines = [{"at": 0, "kind": "call.start", "data": {}}, {"at": 32_000, "kind": "state", "data": {}}]
    whole = [json.dumps(line) for line in lines]
    (tmp_path / "c1.jsonl").write_text("\n".join(whole) + '\n{"at": 33000, "ki')  # cut off by the crash
    end = {"at": 64_000, "kind": "call.end", "data": {"outcome": "resolved", "cause": "billing"}}
    (tmp_path / "c2.jsonl").write_text("\n".join([*whole, json.dumps(end)]) + "\n")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    victim = subprocess.Popen(
        [sys.executable, "-c", VICTIM, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert victim.stdout is not None
    assert victim.stdout.readline() == "ready\n"
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    victim.stdout.close()

    async def main() -> None:
        async with opened(tmp_path, node="node-b") as other:
            found = await other.recover()
            assert found.calls == found.waiting == ()  # another node's calls are not ours to close
        async with opened(tmp_path, node="node-a") as store:
            found = await store.recover()
            rows = {row.id: row for row in await store.calls()}
            assert isinstance(rows["c1"], CallRow)
            assert (rows["c1"].state, rows["c1"].outcome, rows["c1"].reason) == ("interrupted", "failed", "interrupted")
            assert rows["c1"].ended_at == rows["c1"].started_at + timedelta(seconds=2)
            assert (rows["c2"].state, rows["c2"].outcome, rows["c2"].reason) == ("ended", "resolved", "billing")
            assert rows["c3"].state == "interrupted"
            calls = {call.call_id: call for call in found.calls}
            assert (calls["c1"].events, calls["c1"].duration_ms, calls["c1"].problem) == (2, 2000, "")
            assert calls["c3"].problem == f"{tmp_path}/gone.jsonl: No such file or directory"
            # the queue comes back, once
            assert [(entry.call_id, entry.caller, entry.queue) for entry in found.waiting] == [("c1", "100", "cards")]
            assert (await store.recover()).waiting == ()

    run(main)


def test_a_journal_with_a_bad_line_inside(tmp_path: Path) -> None:
    (tmp_path / "c1.jsonl").write_text('{"at": 16000, "kind": "state", "data": {}}\nrubbish\n{"at": 1}\n')

    async def main() -> None:
        async with opened(tmp_path) as store:
            await store.call_started("c1", journal=str(tmp_path / "c1.jsonl"))
            found = (await store.recover()).calls[0]
            assert (found.events, found.duration_ms) == (1, 1000)
            assert found.problem == "c1.jsonl:2: not a journal line: 'rubbish\\n'"

    run(main)
