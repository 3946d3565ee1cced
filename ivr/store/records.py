"""Writes as data: each may be kept in the spool and done later, and doing it twice changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Session

from ivr.errors import InputError
from ivr.store.models import (
    AgentRow,
    AuditRow,
    CallbackRow,
    CallerRow,
    CallRow,
    DeliveryRow,
    QueueEntryRow,
    TicketEventRow,
    TicketRow,
    UtcDateTime,
)
from ivr.store.spool import Record

_KEYS: dict[str, tuple[type[DeclarativeBase], str]] = {
    "call": (CallRow, "id"),
    "caller": (CallerRow, "number"),
    "queue": (QueueEntryRow, "call_id"),
    "agent": (AgentRow, "name"),
    "delivery": (DeliveryRow, "id"),
    "callback": (CallbackRow, "id"),
}


def put(op: str, fields: Mapping[str, Any]) -> Record:
    """Insert a row or change the fields given; `op` is one of those of `_KEYS`."""
    return {"op": op, "fields": _plain(fields)}


def call_handled(call_id: str, agent: str, queue: str) -> Record:
    """The agent has the caller; `queue` may be empty (a call taken from the bot)."""
    return {"op": "call_handled", "call_id": call_id, "agent": agent, "queue": queue}


def queue_left(call_id: str) -> Record:
    return {"op": "queue_left", "call_id": call_id}


def place_taken(caller: str, queue: str) -> Record:
    """The caller has come back."""
    return {"op": "place_taken", "caller": caller, "queue": queue}


def audit(entry_id: str, fields: Mapping[str, Any]) -> Record:
    return {"op": "audit", "fields": _plain({"id": entry_id, **fields})}


def ticket(fields: Mapping[str, Any], actor: str) -> Record:
    return {"op": "ticket", "fields": _plain(fields), "actor": actor}


def apply(session: Session, record: Record) -> None:
    """Do it. Raises InputError for a record that none of this version wrote."""
    act = _ACTS.get(str(record.get("op")))
    if act is None:
        raise InputError(f"unknown record {str(record.get('op'))[:40]!r}")
    try:
        act(session, record)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"record {record['op']!r} is damaged: {error}") from error


def _put(session: Session, record: Record) -> None:
    model, key = _KEYS[record["op"]]
    fields = _typed(model, record["fields"])
    row = session.get(model, fields[key])
    if row is None:
        try:
            with session.begin_nested():
                session.add(model(**fields))
        except IntegrityError:  # another node was faster, or the row lacks what only its first writer knows
            row = session.get(model, fields[key])
            if row is None:
                raise
    if row is not None:
        for name, value in fields.items():
            setattr(row, name, value)
    session.flush()


def _put_call(session: Session, record: Record) -> None:
    """The caller's row follows the call's. An end whose beginning was lost still makes a row."""
    fields = record["fields"]
    if "started_at" not in fields and "ended_at" in fields and session.get(CallRow, fields["id"]) is None:
        record = {**record, "fields": {**fields, "started_at": fields["ended_at"]}}
    _put(session, record)
    row = session.get_one(CallRow, record["fields"]["id"])
    if not row.caller:
        return
    known = session.get(CallerRow, row.caller)
    if known is None:
        known = CallerRow(number=row.caller)
        session.add(known)
    known.calls = session.scalar(select(func.count()).where(CallRow.caller == row.caller)) or 0
    known.last_call_at = max(known.last_call_at or row.started_at, row.started_at)
    known.language = row.language or known.language or ""


def _call_handled(session: Session, record: Record) -> None:
    agent, queue = record["agent"], record["queue"]
    _put_call(session, put("call", {"id": record["call_id"], "agent": agent, **({"queue": queue} if queue else {})}))
    row = session.get_one(CallRow, record["call_id"])
    if agent not in row.handled_by.split("\n"):
        row.handled_by = f"{row.handled_by or chr(10)}{agent}\n"


def _queue_left(session: Session, record: Record) -> None:
    session.execute(delete(QueueEntryRow).where(QueueEntryRow.call_id == record["call_id"]))


def _place_taken(session: Session, record: Record) -> None:
    kept = delete(QueueEntryRow).where(QueueEntryRow.state == "kept", QueueEntryRow.caller == record["caller"])
    session.execute(kept.where(QueueEntryRow.queue == record["queue"]))


def _audit(session: Session, record: Record) -> None:
    fields = _typed(AuditRow, record["fields"])
    if session.get(AuditRow, fields["id"]) is None:
        session.add(AuditRow(**fields))


def _ticket(session: Session, record: Record) -> None:
    fields = _typed(TicketRow, record["fields"])
    if session.get(TicketRow, fields["id"]) is not None:
        return
    key = fields.get("idempotency_key")
    twin = session.scalar(select(TicketRow).where(TicketRow.idempotency_key == key)) if key else None
    event = TicketEventRow(at=fields["created_at"], actor=record["actor"], kind="created", data={})
    if twin is not None:  # asked for twice while the database was away: the caller may have been told either number
        event.kind, event.data = "note", {"text": f"also told as {fields['number']}"}
        twin.history.append(event)
        return
    session.add(TicketRow(**fields, history=[event]))


def new_ticket(session: Session, record: Record) -> None:
    """A ticket whose number nobody has been told yet: when its number or key was taken meanwhile, the database says so
    and nothing is written."""
    fields = _typed(TicketRow, record["fields"])
    event = TicketEventRow(at=fields["created_at"], actor=record["actor"], kind="created", data={})
    session.add(TicketRow(**fields, history=[event]))


_ACTS: dict[str, Callable[[Session, Record], None]] = {
    "call": _put_call,
    "caller": _put,
    "queue": _put,
    "agent": _put,
    "delivery": _put,
    "callback": _put,
    "call_handled": _call_handled,
    "queue_left": _queue_left,
    "place_taken": _place_taken,
    "audit": _audit,
    "ticket": _ticket,
}


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Times as text, so that a record is JSON."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in fields.items()}


def _typed(model: type[DeclarativeBase], fields: Mapping[str, Any]) -> dict[str, Any]:
    columns = model.__table__.columns
    unknown = sorted(set(fields) - set(columns.keys()))
    if unknown:
        raise ValueError(f"no column {unknown[0]!r}")
    return {
        name: datetime.fromisoformat(value) if isinstance(columns[name].type, UtcDateTime) and value else value
        for name, value in fields.items()
    }
