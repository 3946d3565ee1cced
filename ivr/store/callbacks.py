"""Callers who are to be called back: rows that any node may take, one at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import uuid4

from sqlalchemy import CursorResult, or_, select, update
from sqlalchemy.orm import Session

from ivr.store import records
from ivr.store.models import CallbackRow
from ivr.store.store import Store


@dataclass(frozen=True, slots=True)
class NewCallback:
    """Who, and with which place."""

    phone: str
    queue: str
    entered_at: datetime
    """When the wait began."""
    rank: float
    caller: str = ""
    skills: list[str] = field(default_factory=list)
    language: str = ""
    flow: str = ""
    call_id: str = ""
    ticket: str = ""
    packet: dict[str, Any] = field(default_factory=dict)


class Callbacks:
    """The list in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, new: NewCallback) -> str:
        """Its id. The same phone in the same queue is called back once: the older place counts. Never fails for a
        database that is away. Raises StoreError when the spool will not take it either."""
        now = self._store.clock()
        known = await self._open(new.phone, new.queue) if not self._store.away else None
        if known is not None:
            return known
        fields = {
            "id": uuid4().hex, "phone": new.phone, "queue": new.queue, "state": "waiting", "caller": new.caller,
            "entered_at": new.entered_at, "rank": new.rank, "skills": new.skills, "language": new.language,
            "flow": new.flow, "call_id": new.call_id, "ticket": new.ticket, "packet": new.packet, "due_at": now,
            "created_at": now, "updated_at": now,
        }  # fmt: skip
        await self._store.write(records.put("callback", fields))
        return str(fields["id"])

    async def _open(self, phone: str, queue: str) -> str | None:
        query = select(CallbackRow.id).where(
            CallbackRow.phone == phone, CallbackRow.queue == queue, CallbackRow.state == "waiting"
        )
        return await self._store.read(lambda session: session.scalar(query))

    async def waiting(self) -> list[CallbackRow]:
        """Those who wait, the first to be called first. Raises StoreError."""
        query = select(CallbackRow).where(CallbackRow.state == "waiting").order_by(CallbackRow.rank, CallbackRow.id)
        return await self._store.read(lambda session: list(session.scalars(query)))

    async def find(self, states: tuple[str, ...] = (), limit: int = 100) -> list[CallbackRow]:
        """The latest first. Raises StoreError."""
        query = select(CallbackRow).order_by(CallbackRow.created_at.desc()).limit(limit)
        if states:
            query = query.where(CallbackRow.state.in_(states))
        return await self._store.read(lambda session: list(session.scalars(query)))

    async def take(self, callback_id: str) -> bool:
        """Whether this node dials it. Raises StoreError."""
        values = {"state": "dialling", "node": self._store.node, "updated_at": self._store.clock()}
        return await self._change(callback_id, "waiting", **values)

    async def done(self, callback_id: str) -> None:
        """The phone was answered. Raises StoreError."""
        await self._change(callback_id, "dialling", state="done", node="", updated_at=self._store.clock())

    async def failed(self, row: CallbackRow, reason: str, retry: timedelta, tries: int) -> bool:
        """Nobody answered: again after `retry`, or, after so many tries, never. True when it is given up. Raises
        StoreError."""
        now, over = self._store.clock(), row.tries + 1 >= tries
        await self._change(
            row.id, "dialling", state="failed" if over else "waiting", node="", tries=row.tries + 1,
            due_at=now + retry, updated_at=now, reason=reason[:200],
        )  # fmt: skip
        return over

    async def put_back(self) -> None:
        """What this node was dialling when it died. Raises StoreError."""
        mine = or_(CallbackRow.node == self._store.node, CallbackRow.node == "")
        again = update(CallbackRow).where(CallbackRow.state == "dialling", mine)
        await self._store.read(lambda session: session.execute(again.values(state="waiting", node="")))

    async def _change(self, callback_id: str, before: str, **values: Any) -> bool:
        statement = update(CallbackRow).where(CallbackRow.id == callback_id, CallbackRow.state == before)

        def work(session: Session) -> bool:
            done = session.execute(statement.values(**values), execution_options={"synchronize_session": False})
            return cast("CursorResult[Any]", done).rowcount == 1

        return await self._store.read(work)
