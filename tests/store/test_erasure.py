"""Forgetting a caller everywhere, and forgetting what is too old."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.cli import main as ivr
from ivr.errors import InputError
from ivr.store import records
from ivr.store.callbacks import Callbacks, NewCallback
from ivr.store.config import RetentionConfig
from ivr.store.database import sqlite_url
from ivr.store.erasure import delete_files, erase_caller, forget_old, pseudonym, spellings
from ivr.store.models import DeliveryRow
from ivr.store.store import Store
from ivr.store.tickets import NewTicket, Tickets

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CALLER, OTHER = "13800138000", "13911112222"


@asynccontextmanager
async def opened(data: Path) -> AsyncIterator[Store]:
    store = Store(sqlite_url(data / "ivr.sqlite"), data / "spool", clock=lambda: NOON)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def call_folder(data: Path, name: str) -> Path:
    folder = data / "calls" / "2026-11-22" / name
    folder.mkdir(parents=True)
    for file in ("recording.flac", "journal.jsonl", "call.json"):
        (folder / file).write_text(CALLER)
    return folder


async def fill(store: Store, data: Path) -> None:
    for number, caller in enumerate((CALLER, f"+{CALLER}", OTHER)):
        folder = call_folder(data, f"c{number}")
        await store.call_started(
            f"c{number}", caller=caller, recording=str(folder / "recording.flac"), started_at=NOON,
            journal=str(folder / "journal.jsonl"),
        )  # fmt: skip
        await store.call_ended(f"c{number}", "resolved")
        await store.put_queue_entry(
            f"c{number}", queue="cards", caller=caller, state="kept", node="", entered_at=NOON,
            packet={"caller": {"number": caller}},
        )  # fmt: skip
        delivery = {
            "id": f"m{number}", "event": "call.ended", "endpoint": "crm", "caller": caller, "call_id": f"c{number}",
            "body": f'{{"caller": "{caller}"}}', "next_at": NOON, "created_at": NOON,
        }  # fmt: skip
        await store.write(records.put("delivery", delivery))
        await Callbacks(store).add(NewCallback(caller, "cards", NOON, 1.0, caller))
    await store.put_caller(CALLER, name="Li Wei")


def everything(data: Path) -> str:
    """All bytes of the data folder, as text."""
    return "".join(path.read_bytes().decode("latin-1") for path in sorted(data.rglob("*")) if path.is_file())


def test_a_caller_is_forgotten_everywhere(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as store:
            await fill(store, tmp_path)
            tickets = Tickets(store)
            number = await tickets.create(
                NewTicket("c0", CALLER, CALLER, f"call {CALLER}", packet={"caller": CALLER}, fields={"card": "6222"})
            )
            await tickets.change(number, "ann", "Li Wei was angry", phone="+" + CALLER, state="assigned")
            theirs = await tickets.create(NewTicket("c2", OTHER, OTHER, "fees"))
            await store.keep(records.put("call", {"id": "c9", "started_at": NOON, "caller": CALLER}))
            removed = await erase_caller(store, tmp_path, CALLER, "bob")
            assert removed.counts() == {
                "calls": 2, "callers": 2, "tickets": 1, "queue": 2, "callbacks": 2, "messages": 2, "spool": 1,
                "files": 6,
            }  # fmt: skip
            row = await tickets.get(number)
            assert row is not None
            assert (row.state, row.topic, row.phone, row.packet, row.fields) == ("assigned", "[erased]", "", {}, {})
            changed, note = row.history[1].data, row.history[2].data
            assert changed == {"phone": ["[erased]", "[erased]"], "state": ["open", "assigned"]}
            assert note == {"text": "[erased]"}
            other = await tickets.get(theirs)
            assert other is not None
            assert other.phone == OTHER
            assert [call.id for call in await store.calls()] == ["c2"]
            assert (tmp_path / "calls" / "2026-11-22" / "c2" / "recording.flac").exists()
            pending = await store.read(lambda session: {row.id: row.state for row in session.query(DeliveryRow)})
            assert pending == {"m0": "failed", "m1": "failed", "m2": "pending"}
            (entry,) = await store.audit_log()
            assert (entry.actor, entry.action, entry.subject) == ("bob", "caller.erased", pseudonym(CALLER))
            assert pseudonym("+" + CALLER) == entry.subject
            assert CALLER not in json.dumps(entry.data) + entry.subject
            assert (await erase_caller(store, tmp_path, CALLER, "bob")).counts() == {}
            await store.read(lambda session: session.connection().exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)"))
        (tmp_path / "calls" / "2026-11-22" / "c2" / "call.json").unlink()  # holds the number as the other's content
        for file in ("recording.flac", "journal.jsonl"):
            (tmp_path / "calls" / "2026-11-22" / "c2" / file).unlink()
        left = everything(tmp_path)
        assert CALLER not in left
        assert "Li Wei" not in left
        assert OTHER in left

    asyncio.run(main())


def test_not_while_the_caller_is_on_the_line(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as store:
            await store.call_started("c1", caller=CALLER)
            with pytest.raises(InputError, match="the caller is on the line"):
                await erase_caller(store, tmp_path, CALLER, "bob")
            with pytest.raises(InputError, match="whose data"):
                await erase_caller(store, tmp_path, "  ", "bob")
            assert await store.call("c1") is not None

    asyncio.run(main())


def test_spellings() -> None:
    assert spellings("+4930123") == spellings("4930123") == ("4930123", "+4930123")
    assert spellings("anonymous.user") == ("anonymous.user",)


def test_files_outside_are_never_touched(tmp_path: Path) -> None:
    outside = tmp_path / "precious.flac"
    outside.write_text("x")
    data = tmp_path / "data"
    folder = call_folder(data, "c1")
    (folder / "link.flac").symlink_to(outside)
    paths = [
        str(outside),
        str(folder / ".." / ".." / ".." / ".." / "precious.flac"),
        str(folder / "link.flac"),
        "",
        "/",
    ]
    assert delete_files(paths, data) == 0
    assert outside.exists()
    assert delete_files([str(folder / "recording.flac"), str(folder / "journal.jsonl")], data) >= 2


def test_what_is_too_old(tmp_path: Path) -> None:
    limits = RetentionConfig(recordings_days=7, calls_days=30, tickets_days=90, callers_days=30, messages_days=7)

    async def main() -> None:
        async with opened(tmp_path) as store:
            for days in (1, 8, 31):
                folder = call_folder(tmp_path, f"c{days}")
                at = NOON - timedelta(days=days)
                await store.call_started(
                    f"c{days}", caller=f"1{days}", recording=str(folder / "recording.flac"), started_at=at,
                    journal=str(folder / "journal.jsonl"),
                )  # fmt: skip
                await store.call_ended(f"c{days}", "resolved", ended_at=at)
            removed = await forget_old(store, tmp_path, limits)
            assert removed.counts() == {"calls": 1, "recordings": 2, "callers": 1, "files": 4}
            assert sorted(call.id for call in await store.calls()) == ["c1", "c8"]
            folders = tmp_path / "calls" / "2026-11-22"
            assert sorted(path.name for path in folders.iterdir()) == ["c1", "c8"]
            assert sorted(path.name for path in (folders / "c8").iterdir()) == ["call.json", "journal.jsonl"]
            assert (await forget_old(store, tmp_path, limits)).counts() == {}
            assert (await forget_old(store, tmp_path, RetentionConfig())).counts() == {}

    asyncio.run(main())


def test_ivr_erase(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def main() -> None:
        async with opened(tmp_path) as store:
            await fill(store, tmp_path)

    asyncio.run(main())
    assert ivr(["erase", CALLER, "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("erased: 2 calls, ")
    assert ivr(["erase", CALLER, "--data", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {}
    assert ivr(["erase", "", "--data", str(tmp_path)]) == 1


def test_files_are_the_services_own(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as store:
            await fill(store, tmp_path)
            await store.keep(records.put("call", {"id": "c9", "started_at": NOON}))
            for path in (tmp_path / "ivr.sqlite", tmp_path / "ivr.sqlite-wal", *(tmp_path / "spool").iterdir()):
                assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name

    asyncio.run(main())
