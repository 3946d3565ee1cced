"""Looking for calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, or_, select

from ivr.store.models import CallRow
from ivr.store.store import Store


@dataclass(frozen=True, slots=True)
class CallQuery:
    """What is looked for; empty fields do not matter."""

    text: str = ""
    """In caller, number called, id, reason, intent, agent, and what was said."""
    outcome: str = ""
    language: str = ""
    agent: str = ""
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 50
    offset: int = 0


async def find_calls(store: Store, query: CallQuery) -> list[CallRow]:
    """The latest first. Raises StoreError."""
    statement = _statement(query)
    return await store.read(lambda session: [*session.scalars(statement)])


def _statement(query: CallQuery) -> Select[CallRow]:
    statement = select(CallRow).order_by(CallRow.started_at.desc(), CallRow.id)
    columns = (
        CallRow.caller, CallRow.called, CallRow.id, CallRow.reason, CallRow.intent, CallRow.agent, CallRow.transcript,
    )  # fmt: skip
    if query.text:
        statement = statement.where(or_(*(column.icontains(query.text, autoescape=True) for column in columns)))
    if query.agent:
        had = CallRow.handled_by.contains(f"\n{query.agent}\n", autoescape=True)
        statement = statement.where(or_(CallRow.agent == query.agent, had))
    for name in ("outcome", "language"):
        value = getattr(query, name)
        if value:
            statement = statement.where(getattr(CallRow, name) == value)
    if query.since is not None:
        statement = statement.where(CallRow.started_at >= query.since)
    if query.until is not None:
        statement = statement.where(CallRow.started_at < query.until)
    return statement.limit(query.limit).offset(query.offset)
