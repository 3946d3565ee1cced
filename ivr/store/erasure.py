"""Forgetting: what is too old, and all that is known of one caller.

Rows go in one transaction; the folders of the calls, which hold sound, journal and head, after it. What has to stay for
the books (that there was a ticket, that somebody was erased) stays without a word of the caller's.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import CursorResult, delete, or_, select, update
from sqlalchemy.orm import Session

from ivr.errors import InputError
from ivr.store.config import RetentionConfig
from ivr.store.models import (
    AuditRow,
    CallbackRow,
    CallerRow,
    CallRow,
    DeliveryRow,
    QueueEntryRow,
    TicketEventRow,
    TicketRow,
)
from ivr.store.store import Store

_log = logging.getLogger(__name__)
ERASED: Final = "[erased]"


@dataclass
class Removed:
    """How much went, by kind."""

    calls: int = 0
    recordings: int = 0
    callers: int = 0
    tickets: int = 0
    queue: int = 0
    callbacks: int = 0
    messages: int = 0
    audit: int = 0
    spool: int = 0
    files: int = 0
    paths: list[str] = field(default_factory=list, repr=False)
    """Recordings and journals whose rows are gone."""
    call_ids: frozenset[str] = field(default=frozenset(), repr=False)

    def counts(self) -> dict[str, int]:
        return {name: value for name, value in asdict(self).items() if isinstance(value, int) and value}


# ------------------------------------------------------------------------------------------------------- one caller


def spellings(caller: str) -> tuple[str, ...]:
    """A number with and without its plus sign is the same caller. Raises InputError for nobody's number."""
    text = caller.strip()
    if not text:
        raise InputError("whose data? a number, or whatever stands in the list of calls as the caller, is needed")
    bare = text.removeprefix("+")
    return (bare, f"+{bare}") if bare.isdigit() else (text,)


def pseudonym(caller: str) -> str:
    """Stands for the caller in the audit log: enough to answer whether this very number was erased, and no more."""
    return "caller:" + hashlib.sha256(spellings(caller)[0].encode()).hexdigest()[:16]


async def erase_caller(store: Store, data: Path, caller: str, actor: str) -> Removed:
    """Forget a caller everywhere, and note in the audit log that it was done. Raises InputError when the caller is on
    the line just now, StoreError."""
    names = spellings(caller)
    removed = await store.read(lambda session: _erase_rows(session, names, store.clock()))
    removed.spool = await store.forget_in_spool(lambda record: _mentions(record, names, removed.call_ids))
    await _delete_files(removed, data)
    await store.audit(actor, "caller.erased", "caller", pseudonym(caller), **removed.counts())
    return removed


def _erase_rows(session: Session, names: tuple[str, ...], now: datetime) -> Removed:
    removed = Removed()
    calls = list(session.scalars(select(CallRow).where(CallRow.caller.in_(names) | CallRow.called.in_(names))))
    if any(row.state == "in_progress" for row in calls):
        raise InputError("the caller is on the line: try again when the call is over")
    ids = [row.id for row in calls]
    for row in calls:
        removed.calls += 1
        removed.paths += [row.recording, row.journal]
        session.delete(row)
    removed.call_ids = frozenset(ids)
    mine = or_(TicketRow.caller.in_(names), TicketRow.phone.in_(names), TicketRow.call_id.in_(ids))
    for ticket in session.scalars(select(TicketRow).where(mine)):
        removed.tickets += 1
        _blank_ticket(ticket, now)
    removed.queue = _count(
        session, delete(QueueEntryRow).where(QueueEntryRow.caller.in_(names) | QueueEntryRow.call_id.in_(ids))
    )
    theirs = or_(CallbackRow.caller.in_(names), CallbackRow.phone.in_(names), CallbackRow.call_id.in_(ids))
    removed.callbacks = _count(session, delete(CallbackRow).where(theirs))
    told = or_(DeliveryRow.caller.in_(names), DeliveryRow.call_id.in_(ids))
    pending = update(DeliveryRow).where(told, DeliveryRow.state == "pending")
    _count(session, pending.values(state="failed", error="erased", done_at=now))
    blank = update(DeliveryRow).where(told).values(body="", caller="", call_id="")
    removed.messages = _count(session, blank)
    removed.callers = _count(session, delete(CallerRow).where(CallerRow.number.in_(names)))
    return removed


def _blank_ticket(ticket: TicketRow, now: datetime) -> None:
    ticket.caller = ticket.phone = ticket.call_id = ""
    ticket.idempotency_key = None
    ticket.topic, ticket.fields, ticket.packet, ticket.updated_at = ERASED, {}, {}, now
    for event in ticket.history:
        if event.kind == "note":
            event.data = {"text": ERASED}
        elif event.data:
            event.data = {
                name: [ERASED, ERASED] if name in ("topic", "phone", "fields") else pair
                for name, pair in event.data.items()
            }
    ticket.history.append(TicketEventRow(at=now, actor="system", kind="note", data={"text": ERASED}))


def _mentions(record: dict[str, Any], names: tuple[str, ...], call_ids: frozenset[str]) -> bool:
    """A record of the spool that is about the caller."""
    fields = {**record, **(record.get("fields") or {})}
    about = {fields.get(name) for name in ("caller", "called", "phone", "number")}
    return bool(about & set(names)) or bool({fields.get("id"), fields.get("call_id")} & call_ids)


# ------------------------------------------------------------------------------------------------------------ too old


async def forget_old(store: Store, data: Path, limits: RetentionConfig) -> Removed:
    """What is older than its limit. Raises StoreError."""
    removed = await store.read(lambda session: _forget_rows(session, limits, store.clock()))
    await _delete_files(removed, data)
    return removed


def _forget_rows(session: Session, limits: RetentionConfig, now: datetime) -> Removed:
    removed = Removed()

    def before(days: int) -> datetime:
        return now - timedelta(days=days)

    if limits.recordings_days:
        old = select(CallRow).where(CallRow.ended_at < before(limits.recordings_days), CallRow.recording != "")
        for row in session.scalars(old):
            removed.recordings += 1
            removed.paths.append(row.recording)
            row.recording = ""
    if limits.calls_days:
        for row in session.scalars(select(CallRow).where(CallRow.ended_at < before(limits.calls_days))):
            removed.calls += 1
            removed.paths += [row.recording, row.journal]
            session.delete(row)
    if limits.callers_days:
        stale = delete(CallerRow).where(CallerRow.last_call_at < before(limits.callers_days))
        removed.callers = _count(session, stale)
    if limits.tickets_days:
        done = select(TicketRow).where(TicketRow.state == "done", TicketRow.updated_at < before(limits.tickets_days))
        for ticket in session.scalars(done):
            removed.tickets += 1
            session.delete(ticket)
    if limits.messages_days:
        at = before(limits.messages_days)
        over = delete(DeliveryRow).where(DeliveryRow.state != "pending", DeliveryRow.created_at < at)
        removed.messages = _count(session, over)
        back = delete(CallbackRow).where(CallbackRow.state.in_(("done", "failed")), CallbackRow.updated_at < at)
        removed.callbacks = _count(session, back)
    if limits.audit_days:
        removed.audit = _count(session, delete(AuditRow).where(AuditRow.at < before(limits.audit_days)))
    kept = delete(QueueEntryRow).where(QueueEntryRow.state == "kept", QueueEntryRow.kept_until < now)
    removed.queue = _count(session, kept)
    return removed


# -------------------------------------------------------------------------------------------------------------- files


async def _delete_files(removed: Removed, data: Path) -> None:
    removed.files = await asyncio.to_thread(delete_files, removed.paths, data)


def delete_files(paths: Iterable[str], data: Path) -> int:
    """Delete files of calls, and each call's folder once neither sound nor journal is in it; returns how many files
    went. Nothing outside `data/calls` is touched: the paths are the database's word only."""
    root = (data / "calls").resolve()
    gone = 0
    for text in paths:
        path = Path(text).resolve() if text else root
        if root not in path.parents:
            continue
        try:
            if path.exists():
                path.unlink()
                gone += 1
            folder = path.parent
            if folder != root and folder.exists() and not any(_sound_or_journal(folder)):
                gone += sum(1 for _ in folder.iterdir())
                shutil.rmtree(folder)
                if not any(folder.parent.iterdir()):
                    folder.parent.rmdir()
        except OSError as error:
            _log.error("%s cannot be deleted: %s", path, error.strerror)
    return gone


def _sound_or_journal(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.suffix in (".flac", ".wav", ".jsonl"))


def _count(session: Session, statement: Any) -> int:
    done = session.execute(statement, execution_options={"synchronize_session": False})
    return cast("CursorResult[Any]", done).rowcount
