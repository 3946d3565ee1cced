"""Messages in the store: written with what they tell, taken by one node at a time, kept for the record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import uuid4

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from ivr.store import records
from ivr.store.models import DeliveryRow
from ivr.store.store import Store

BACK_OFF_S: Final = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 3 * 3600.0)
"""Between tries; the last for all that follow."""
TAKEN_S: Final = 120.0
"""A node that takes a message sends it within this time, or another may."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A message that was taken to be sent."""

    id: str
    endpoint: str
    body: str
    tries: int
    """Before this one."""
    created_at: datetime


class Outbox:
    def __init__(self, store: Store, keep_trying: timedelta) -> None:
        self._store, self._keep_trying = store, keep_trying

    async def put(self, endpoint: str, event: str, body: str, *, call_id: str, caller: str) -> None:
        """Never fails for a database that is away. Raises StoreError when the spool will not take it either."""
        now = self._store.clock()
        fields = {
            "id": f"msg_{uuid4().hex}", "event": event, "endpoint": endpoint, "call_id": call_id, "caller": caller,
            "body": body, "state": "pending", "next_at": now, "created_at": now,
        }  # fmt: skip
        await self._store.write(records.put("delivery", fields))

    async def take(self, limit: int = 20) -> list[Pending]:
        """What is due, for this node alone. Raises StoreError."""
        return await self._store.read(lambda session: self._take(session, limit))

    def _take(self, session: Session, limit: int) -> list[Pending]:
        now = self._store.clock()
        due = select(DeliveryRow.id).where(DeliveryRow.state == "pending", DeliveryRow.next_at <= now)
        ids = list(session.scalars(due.order_by(DeliveryRow.next_at).limit(limit).with_for_update(skip_locked=True)))
        taken = []
        for message_id in ids:
            mine = update(DeliveryRow).where(
                DeliveryRow.id == message_id, DeliveryRow.state == "pending", DeliveryRow.next_at <= now
            )
            values = {"node": self._store.node, "next_at": now + timedelta(seconds=TAKEN_S)}
            if cast("CursorResult[Any]", session.execute(mine.values(**values))).rowcount:
                row = session.get_one(DeliveryRow, message_id)
                taken.append(Pending(row.id, row.endpoint, row.body, row.tries, row.created_at))
        return taken

    async def delivered(self, message_id: str, status: int) -> None:
        """Told twice it changes nothing. Raises StoreError."""
        await self._close(message_id, "delivered", status, "")

    async def failed(self, message: Pending, status: int, error: str, wait_s: float | None, *, final: bool) -> None:
        """`wait_s` = what the receiver asked for (Retry-After). Raises StoreError."""
        now = self._store.clock()
        if final or now - message.created_at >= self._keep_trying:
            await self._close(message.id, "failed", status, error)
            return
        pause_s = max(BACK_OFF_S[min(message.tries, len(BACK_OFF_S) - 1)], wait_s or 0.0)
        values = {"next_at": now + timedelta(seconds=pause_s), "status": status, "error": error[:300]}
        await self._change(message.id, tries=DeliveryRow.tries + 1, node="", **values)

    async def _close(self, message_id: str, state: str, status: int, error: str) -> None:
        values = {"state": state, "status": status, "error": error[:300], "done_at": self._store.clock(), "node": ""}
        await self._change(message_id, tries=DeliveryRow.tries + 1, **values)

    async def _change(self, message_id: str, **values: Any) -> None:
        statement = update(DeliveryRow).where(DeliveryRow.id == message_id, DeliveryRow.state == "pending")
        await self._store.read(lambda session: session.execute(statement.values(**values)))

    async def next_at(self) -> datetime | None:
        """When the next is due. Raises StoreError."""
        first = select(DeliveryRow.next_at).where(DeliveryRow.state == "pending").order_by(DeliveryRow.next_at).limit(1)
        return await self._store.read(lambda session: session.scalar(first))
