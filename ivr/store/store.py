"""The store as the service uses it.

Writes that a call depends on never fail for a database that is away: they go to the spool, and from there to the
database as soon as it is back, in the order in which they were made. Reads raise StoreError.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ivr.errors import InputError, StoreError
from ivr.store import cluster, records
from ivr.store.database import Database
from ivr.store.models import AgentRow, AuditRow, CallerRow, CallRow, QueueEntryRow
from ivr.store.recovery import Interrupted, mend_call
from ivr.store.spool import Record, Spool

_log = logging.getLogger(__name__)
T = TypeVar("T")
RETRY_S = 5.0
"""After a failure the database is left alone for so long; writes go to the spool at once."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a dead process of this node left behind."""

    calls: tuple[Interrupted, ...]
    waiting: tuple[QueueEntryRow, ...]
    """Callers who were in the queue, longest wait first. Without `keep_s` their rows are gone from the table."""


class Store:
    """One for a process; `node` names it, so that processes that share a database recover only their own."""

    def __init__(self, url: str, spool: Path, node: str = "main", clock: Callable[[], datetime] = utc_now) -> None:
        """Raises ConfigError for the URL, StoreError for the spool folder."""
        self.database = Database(url)
        self.node = node
        self.clock = clock
        self._spool = Spool(spool)
        self._lock = asyncio.Lock()
        self._rest_until = float("-inf")

    @property
    def spooled(self) -> int:
        """Records that wait for the database."""
        return self._spool.pending

    async def open(self) -> None:
        """Migrate, and write what the last process had to leave in the spool. Raises StoreError."""
        await self.database.open()
        await self.drain()

    async def close(self) -> None:
        await self.database.close()

    # -- writing

    async def write(self, record: Record) -> bool:
        """True when the database has it, False when the spool has. Raises StoreError when neither would take it, and
        InputError for a record that cannot be written at all."""
        async with self._lock:
            if self._resting():
                return await self._keep(record)
            try:
                if self._spool.pending:
                    await self._drain()
                await self.database.run(lambda session: records.apply(session, record))
            except StoreError as error:
                if isinstance(error.__cause__, IntegrityError):
                    raise
                self.failed(error)
                return await self._keep(record)
            return True

    async def read(self, work: Callable[[Session], T]) -> T:
        """Run `work` in a transaction. Raises StoreError."""
        return await self.database.run(work)

    async def drain(self) -> int:
        """Write what is in the spool; how many are left. Raises StoreError only for the spool itself."""
        async with self._lock:
            try:
                await self._drain()
            except StoreError as error:
                self.failed(error)
            return self._spool.pending

    async def forget_in_spool(self, is_about: Callable[[Record], bool]) -> int:
        """Delete records that have not been written yet; returns how many."""
        async with self._lock:
            return await asyncio.to_thread(self._spool.forget, is_about)

    async def keep(self, record: Record) -> None:
        """To the spool, whatever the state of the database."""
        async with self._lock:
            await self._keep(record)

    @property
    def away(self) -> bool:
        """The database failed a moment ago."""
        return self._resting()

    def _resting(self) -> bool:
        return asyncio.get_running_loop().time() < self._rest_until

    def failed(self, error: StoreError) -> None:
        """The database was seen to be away: leave it alone for a while."""
        _log.error("store: %s; writing to the spool for now", error)
        self._rest_until = asyncio.get_running_loop().time() + RETRY_S

    async def _keep(self, record: Record) -> bool:
        await asyncio.to_thread(self._spool.put, record)
        return False

    async def _drain(self) -> None:
        for path, record in await asyncio.to_thread(lambda: list(self._spool.records())):
            try:
                if record is None:
                    raise InputError("not a record")
                await self.database.run(partial(records.apply, record=record))
            except StoreError as error:
                if not isinstance(error.__cause__, IntegrityError):
                    raise
                self._reject(path, error)
            except InputError as error:
                self._reject(path, error)
            else:
                self._spool.done(path)

    def _reject(self, path: Path, error: Exception) -> None:
        _log.error(
            "store: %s from the spool cannot be written (%s); see %s", path.name, error, self._spool.reject(path)
        )

    # -- calls

    async def call_started(self, call_id: str, **fields: Any) -> None:
        """The row of a call that was answered; fields are columns of `CallRow`."""
        given = {"started_at": self.clock(), "state": "in_progress", "node": self.node, **fields, "id": call_id}
        await self.write(records.put("call", given))

    async def call_ended(self, call_id: str, outcome: str, reason: str = "", **fields: Any) -> None:
        given = {"ended_at": self.clock(), "outcome": outcome, "reason": reason[:200], **fields}
        await self.write(records.put("call", {**given, "state": "ended", "id": call_id}))

    async def call(self, call_id: str) -> CallRow | None:
        return await self.read(lambda session: session.get(CallRow, call_id))

    async def calls(self, *, limit: int = 100, **equal: Any) -> list[CallRow]:
        """The latest first; `equal` filters by columns."""
        query = select(CallRow).filter_by(**equal).order_by(CallRow.started_at.desc()).limit(limit)
        return await self.read(lambda session: list(session.scalars(query)))

    async def caller(self, number: str) -> CallerRow | None:
        """What is known of a caller; None for a withheld or unknown number."""
        return await self.read(lambda session: session.get(CallerRow, number)) if number else None

    async def put_caller(self, number: str, **fields: Any) -> None:
        await self.write(records.put("caller", {**fields, "number": number}))

    # -- the floor

    async def put_queue_entry(self, call_id: str, **fields: Any) -> None:
        await self.write(records.put("queue", {"node": self.node, **fields, "call_id": call_id}))

    async def drop_queue_entry(self, call_id: str) -> None:
        await self.write(records.queue_left(call_id))

    async def queue_entries(self) -> list[QueueEntryRow]:
        """Of all nodes, longest wait first."""
        return await self.read(lambda s: list(s.scalars(select(QueueEntryRow).order_by(QueueEntryRow.entered_at))))

    async def put_agent(self, name: str, **fields: Any) -> None:
        await self.write(records.put("agent", {"since": self.clock(), **fields, "name": name}))

    async def agents(self) -> list[AgentRow]:
        return await self.read(lambda session: list(session.scalars(select(AgentRow).order_by(AgentRow.name))))

    # -- the record

    async def audit(self, actor: str, action: str, kind: str = "", subject: str = "", **data: Any) -> None:
        fields = {"at": self.clock(), "actor": actor, "action": action, "kind": kind, "subject": subject, "data": data}
        await self.write(records.audit(uuid4().hex, fields))

    async def audit_log(self, *, limit: int = 100, **equal: Any) -> list[AuditRow]:
        """The latest first."""
        query = select(AuditRow).filter_by(**equal).order_by(AuditRow.at.desc()).limit(limit)
        return await self.read(lambda session: list(session.scalars(query)))

    # -- after a crash

    async def recover(self, keep_s: Mapping[str, float] | None = None) -> Recovered:
        """Close the calls that a dead process of this node left in progress, by what their journals tell, and take
        its queue off the table. With `keep_s` (seconds by queue) the places of all who waited or talked are kept there,
        for this node and any other, and those that were kept before are found too. Call it before the first call is
        taken. Raises StoreError."""
        if keep_s is None:
            return await self.read(self._recover)
        return await self.read(lambda session: self._recover_places(session, keep_s))

    def _recover_places(self, session: Session, keep_s: Mapping[str, float]) -> Recovered:
        now = self.clock()
        cluster.forget_places(session, now)
        left = session.scalars(select(CallRow).where(CallRow.state == "in_progress", CallRow.node == self.node))
        calls = tuple(mend_call(row) for row in left)
        for row in list(session.scalars(select(QueueEntryRow).where(QueueEntryRow.node == self.node))):
            cluster.keep(session, row, now, keep_s.get(row.queue, 0.0))
        session.flush()
        kept = select(QueueEntryRow).where(QueueEntryRow.state == "kept").order_by(QueueEntryRow.entered_at)
        return Recovered(calls, tuple(session.scalars(kept)))

    def _recover(self, session: Session) -> Recovered:
        left = session.scalars(select(CallRow).where(CallRow.state == "in_progress", CallRow.node == self.node))
        calls = tuple(mend_call(row) for row in left)
        entries = select(QueueEntryRow).where(QueueEntryRow.node == self.node).order_by(QueueEntryRow.entered_at)
        waiting = tuple(session.scalars(entries))
        for row in waiting:
            session.delete(row)
        return Recovered(calls, tuple(row for row in waiting if row.state == "waiting"))

    async def forget_calls(self, older_than: timedelta) -> int:
        """Retention: delete rows of calls that ended before; returns how many. Files are their owner's to delete."""

        def work(session: Session) -> int:
            before = self.clock() - older_than
            rows = list(session.scalars(select(CallRow).where(CallRow.ended_at < before)))
            for row in rows:
                session.delete(row)
            return len(rows)

        return await self.read(work)
