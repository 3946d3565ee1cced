"""Tickets: made by the bot or an agent, seen to by humans."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ivr.errors import InputError, StoreError
from ivr.store import records
from ivr.store.models import TicketEventRow, TicketRow
from ivr.store.store import Store
from ivr.store.ticket_fields import Fields, check_fields, missing, read_from_bot

STATES: Final = ("open", "assigned", "waiting", "done")
EDITABLE: Final = frozenset({"state", "assignee", "due_at", "priority", "topic", "phone", "fields"})
MORE_DIGITS_OFFLINE: Final = 2
"""A ticket made while the database is away gets so many digits more: nobody can look whether a number is taken, and
longer ones never collide with those given in the ordinary way."""
_TRIES = 20


@dataclass(frozen=True, slots=True)
class NewTicket:
    """What the maker knows."""

    call_id: str = ""
    caller: str = ""
    phone: str = ""
    topic: str = ""
    language: str = ""
    priority: str = "normal"
    reason: str = ""
    due_at: datetime | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    packet: dict[str, Any] = field(default_factory=dict)
    idempotency_key: str = ""
    """The same key gives the same ticket again."""


class Tickets:
    """`digits` = length of the numbers that callers are told."""

    def __init__(self, store: Store, digits: int = 6, own_fields: Fields | None = None) -> None:
        self._store = store
        self._digits = digits
        self.own_fields: Fields = own_fields or {}
        """The hotline's own, by name."""
        self._kept: dict[str, str] = {}
        """Idempotency key -> number of tickets that went to the spool."""
        self.listeners: list[Callable[[str, Mapping[str, Any]], None]] = []
        """Told of each ticket that was `created` or `changed`, with its columns as they are now."""

    def now(self) -> datetime:
        return self._store.clock()

    async def create(self, new: NewTicket, actor: str = "bot") -> str:
        """Returns the number, digits only. Never fails for a database that is away. Raises StoreError when the spool
        will not take it either."""
        if new.idempotency_key in self._kept:
            return self._kept[new.idempotency_key]
        if not self._store.away:
            try:
                number, made = await self._insert(new, actor)
            except StoreError as error:
                self._store.failed(error)
            else:
                if made:
                    self._tell("created", made)
                return number
        number = _digits(self._digits + MORE_DIGITS_OFFLINE)
        fields = self._fields(new, number)
        await self._store.keep(records.ticket(fields, actor))
        self._tell("created", fields)
        if new.idempotency_key:
            self._kept[new.idempotency_key] = number
        return number

    def _tell(self, what: str, fields: Mapping[str, Any]) -> None:
        for listener in self.listeners:
            listener(what, {"assignee": "", **fields})

    async def _insert(self, new: NewTicket, actor: str) -> tuple[str, dict[str, Any] | None]:
        """The number, and the columns if it is a new one."""
        for attempt in range(_TRIES):
            try:
                return await self._store.read(lambda session: self._create(session, new, actor))
            except StoreError as error:
                if not isinstance(error.__cause__, IntegrityError) or attempt == _TRIES - 1:
                    raise  # else: another process took the number or the key between look and insert
        raise AssertionError("unreachable")

    def _create(self, session: Session, new: NewTicket, actor: str) -> tuple[str, dict[str, Any] | None]:
        if new.idempotency_key:
            same = select(TicketRow.number).where(TicketRow.idempotency_key == new.idempotency_key)
            known = session.scalar(same)
            if known is not None:
                return known, None
        number = _digits(self._digits)
        while session.scalar(select(TicketRow.id).where(TicketRow.number == number)) is not None:
            number = _digits(self._digits)
        fields = self._fields(new, number)
        records.new_ticket(session, records.ticket(fields, actor))
        return number, fields

    def _fields(self, new: NewTicket, number: str) -> dict[str, Any]:
        now = self._store.clock()
        return {
            "id": uuid4().hex, "number": number, "idempotency_key": new.idempotency_key[:200] or None,
            "call_id": new.call_id, "caller": new.caller, "phone": new.phone, "topic": new.topic,
            "language": new.language, "priority": new.priority, "reason": new.reason, "due_at": new.due_at,
            "fields": read_from_bot(self.own_fields, new.fields), "packet": new.packet, "created_at": now,
            "updated_at": now, "state": "open",
        }  # fmt: skip

    async def get(self, number: str) -> TicketRow | None:
        query = select(TicketRow).where(TicketRow.number == number)
        return await self._store.read(lambda session: session.scalar(query))

    async def find(
        self, *, text: str = "", states: tuple[str, ...] = (), assignee: str | None = None, limit: int = 100
    ) -> list[TicketRow]:
        """The latest first; `text` is looked for in number, phone, caller and topic."""
        query = select(TicketRow).order_by(TicketRow.created_at.desc()).limit(limit)
        if states:
            query = query.where(TicketRow.state.in_(states))
        if assignee is not None:
            query = query.where(TicketRow.assignee == assignee)
        if text:
            columns = (TicketRow.number, TicketRow.phone, TicketRow.caller, TicketRow.topic)
            query = query.where(or_(*(column.icontains(text, autoescape=True) for column in columns)))
        return await self._store.read(lambda session: list(session.scalars(query)))

    async def change(self, number: str, actor: str, /, note: str = "", **changes: Any) -> TicketRow:
        """Change fields and say so in the history. Raises InputError for what is no ticket, field or state."""
        wrong = sorted(set(changes) - EDITABLE)
        if wrong:
            raise InputError(f"a ticket's {wrong[0]!r} cannot be changed (only {', '.join(sorted(EDITABLE))})")
        if changes.get("state", "open") not in STATES:
            raise InputError(f"no such state of a ticket: {changes['state']!r} (one of {', '.join(STATES)})")
        before, row = await self._store.read(lambda session: self._change(session, number, actor, note, changes))
        if row.updated_at != before:
            self._tell("changed", {name: getattr(row, name) for name in TicketRow.__table__.columns.keys()})  # noqa: SIM118
        return row

    def _change(
        self, session: Session, number: str, actor: str, note: str, changes: dict[str, Any]
    ) -> tuple[datetime, TicketRow]:
        row = session.scalar(select(TicketRow).where(TicketRow.number == number))
        if row is None:
            raise InputError(f"no ticket has the number {number[:20]!r}")
        if "fields" in changes:
            own = {**row.fields, **check_fields(self.own_fields, changes["fields"] or {})}
            changes = {**changes, "fields": {name: value for name, value in own.items() if value is not None}}
        if changes.get("state") == "done" and (empty := missing(self.own_fields, changes.get("fields", row.fields))):
            raise InputError(f"fields.{empty[0]}: has to be filled in before the ticket is closed")
        now, before = self._store.clock(), row.updated_at
        changed = {name: [_plain(getattr(row, name)), _plain(value)] for name, value in changes.items()}
        changed = {name: pair for name, pair in changed.items() if pair[0] != pair[1]}
        for name in changed:
            setattr(row, name, changes[name])
        if changed:
            row.history.append(TicketEventRow(at=now, actor=actor, kind="changed", data=changed))
        if note:
            row.history.append(TicketEventRow(at=now, actor=actor, kind="note", data={"text": note}))
        if changed or note:
            row.updated_at = max(now, before + timedelta(microseconds=1))
        return before, row


def _digits(length: int) -> str:
    """Without a zero in front, as some people drop it when they write a number down."""
    return str(secrets.randbelow(9) + 1) + "".join(str(secrets.randbelow(10)) for _ in range(length - 1))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
