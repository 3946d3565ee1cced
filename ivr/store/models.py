"""Tables. Times are UTC; JSON columns hold what the core gave, unchanged."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, ForeignKey, Index, MetaData, String, Text, TypeDecorator
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """Aware in Python, UTC in the database, whether the database knows zones or not."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError(f"a time without zone: {value}")
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: JSON, list[Any]: JSON}  # noqa: RUF012


class CallRow(Base):
    """One call, from the moment it is answered."""

    __tablename__ = "calls"

    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    node: Mapped[str] = mapped_column(String(100), default="")
    """Service process that has it."""
    state: Mapped[str] = mapped_column(String(20), default="in_progress", index=True)
    """in_progress, ended or interrupted (the process died in mid-call)."""
    caller: Mapped[str] = mapped_column(String(100), default="", index=True)
    called: Mapped[str] = mapped_column(String(100), default="")
    transport: Mapped[str] = mapped_column(String(20), default="")
    direction: Mapped[str] = mapped_column(String(10), default="inbound")
    hotline: Mapped[str] = mapped_column(String(100), default="", index=True)
    bundle: Mapped[str] = mapped_column(String(100), default="")
    """Hash of the hotline's folder that ran."""
    language: Mapped[str] = mapped_column(String(20), default="")
    started_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(String(20), default="")
    reason: Mapped[str] = mapped_column(String(200), default="")
    """Cause of the outcome, or why it was handed over."""
    intent: Mapped[str] = mapped_column(String(100), default="")
    queue: Mapped[str] = mapped_column(String(100), default="")
    agent: Mapped[str] = mapped_column(String(100), default="")
    """Who had the caller last."""
    handled_by: Mapped[str] = mapped_column(Text, default="")
    """All who had the caller: each name between line ends."""
    recording: Mapped[str] = mapped_column(Text, default="")
    """Path of the stereo recording."""
    journal: Mapped[str] = mapped_column(Text, default="")
    """Path of the journal."""
    transcript: Mapped[str] = mapped_column(Text, default="")
    """What was said, a line each: `speaker: text`; sensitive words are masked."""
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)

    def had_by(self, agent: str) -> bool:
        """Whether this agent talked to the caller."""
        return bool(agent) and (agent == self.agent or agent in self.handled_by.split("\n"))


class CallerRow(Base):
    """What is known of a caller."""

    __tablename__ = "callers"

    number: Mapped[str] = mapped_column(String(100), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), default="")
    language: Mapped[str] = mapped_column(String(20), default="")
    calls: Mapped[int] = mapped_column(default=0)
    last_call_at: Mapped[datetime | None]
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)


class QueueEntryRow(Base):
    """A caller who waits for a human or talks to one, or a place that is kept for somebody whose line was lost."""

    __tablename__ = "queue_entries"

    call_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    node: Mapped[str] = mapped_column(String(100), default="", index=True)
    queue: Mapped[str] = mapped_column(String(100))
    caller: Mapped[str] = mapped_column(String(100), default="")
    state: Mapped[str] = mapped_column(String(20), default="waiting")
    """waiting, offered, talking or kept."""
    agent: Mapped[str] = mapped_column(String(100), default="")
    priority: Mapped[float] = mapped_column(default=0.0)
    skills: Mapped[list[Any]] = mapped_column(default=list)
    entered_at: Mapped[datetime]
    packet: Mapped[dict[str, Any]] = mapped_column(default=dict)
    rank: Mapped[float] = mapped_column(default=0.0)
    """Lower is served first: POSIX seconds of arrival, moved by priority."""
    kept_until: Mapped[datetime | None]


class NodeRow(Base):
    """A service process that shares the floor. It lives as long as `beats` grows: others watch that by their own
    monotonic clocks, so no clock of any machine decides who is dead."""

    __tablename__ = "nodes"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    state: Mapped[str] = mapped_column(String(10), default="up")
    """up or gone."""
    beats: Mapped[int] = mapped_column(BigInteger, default=0)
    started_at: Mapped[datetime]


class AgentRow(Base):
    """An agent's last state, so that a restart neither signs out nor un-pauses anybody."""

    __tablename__ = "agents"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    uri: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[str] = mapped_column(String(20), default="offline")
    reason: Mapped[str] = mapped_column(String(200), default="")
    since: Mapped[datetime]
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    claimed_by: Mapped[str] = mapped_column(String(100), default="", index=True)
    """Node that rings them, has their call, or lets them wrap up."""
    claimed_call: Mapped[str] = mapped_column(String(200), default="")
    idle_since: Mapped[float | None]
    """POSIX seconds when the last call ended."""


class CallbackRow(Base):
    """A caller who is to be called back; the place in the queue is kept meanwhile."""

    __tablename__ = "callbacks"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    phone: Mapped[str] = mapped_column(String(100))
    queue: Mapped[str] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(20), default="waiting", index=True)
    """waiting, dialling, done or failed."""
    node: Mapped[str] = mapped_column(String(100), default="")
    """Which dials."""
    caller: Mapped[str] = mapped_column(String(100), default="", index=True)
    entered_at: Mapped[datetime]
    """When the wait began."""
    rank: Mapped[float] = mapped_column(default=0.0)
    skills: Mapped[list[Any]] = mapped_column(default=list)
    language: Mapped[str] = mapped_column(String(20), default="")
    flow: Mapped[str] = mapped_column(String(100), default="")
    """Where the dialog begins when the phone is answered; empty = the hotline's entry for calls it makes."""
    call_id: Mapped[str] = mapped_column(String(200), default="")
    """The call in which it was asked for."""
    ticket: Mapped[str] = mapped_column(String(20), default="")
    tries: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]
    """Not before."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(String(200), default="")
    """Why the last try failed."""
    packet: Mapped[dict[str, Any]] = mapped_column(default=dict)


class DeliveryRow(Base):
    """A webhook message until it has arrived, and for the record after that."""

    __tablename__ = "deliveries"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    """The message's: the same at every try, so that a receiver can tell duplicates."""
    event: Mapped[str] = mapped_column(String(40))
    endpoint: Mapped[str] = mapped_column(String(100))
    """Its name in the configuration."""
    call_id: Mapped[str] = mapped_column(String(200), default="", index=True)
    caller: Mapped[str] = mapped_column(String(100), default="", index=True)
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20), default="pending")
    """pending, delivered or failed."""
    node: Mapped[str] = mapped_column(String(100), default="")
    """Which sends."""
    tries: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(index=True)
    done_at: Mapped[datetime | None]
    status: Mapped[int] = mapped_column(default=0)
    """HTTP status of the last answer; 0 = none came."""
    error: Mapped[str] = mapped_column(String(300), default="")

    __table_args__ = (Index("ix_deliveries_due", "state", "next_at"),)


class TicketRow(Base):
    """Something that a human has to see to."""

    __tablename__ = "tickets"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    """What the caller is told: digits only."""
    idempotency_key: Mapped[str | None] = mapped_column(String(200), unique=True)
    call_id: Mapped[str] = mapped_column(String(200), default="", index=True)
    caller: Mapped[str] = mapped_column(String(100), default="", index=True)
    phone: Mapped[str] = mapped_column(String(100), default="")
    """Where to call back."""
    topic: Mapped[str] = mapped_column(Text, default="")
    language: Mapped[str] = mapped_column(String(20), default="")
    state: Mapped[str] = mapped_column(String(20), default="open", index=True)
    """open, assigned, waiting, done."""
    assignee: Mapped[str] = mapped_column(String(100), default="", index=True)
    priority: Mapped[str] = mapped_column(String(20), default="normal")
    reason: Mapped[str] = mapped_column(String(100), default="")
    created_at: Mapped[datetime] = mapped_column(index=True)
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    updated_at: Mapped[datetime]
    fields: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Further fields of the hotline's own."""
    packet: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """The hand-over packet; see docs/handover-packet.schema.json."""
    history: Mapped[list[TicketEventRow]] = relationship(
        order_by="TicketEventRow.id", cascade="all, delete-orphan", lazy="selectin"
    )


class TicketEventRow(Base):
    """One change of a ticket: who, when, and each field's value before and after."""

    __tablename__ = "ticket_events"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), index=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(40))
    """created, changed or note."""
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)


class AuditRow(Base):
    """Who did what, for the record; only ever added to."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_subject", "kind", "subject"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(String(100))
    action: Mapped[str] = mapped_column(String(60))
    kind: Mapped[str] = mapped_column(String(40), default="")
    subject: Mapped[str] = mapped_column(String(200), default="")
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)


class UserRow(Base):
    """Someone who may sign in to the console."""

    __tablename__ = "users"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    role: Mapped[str] = mapped_column(String(20))
    """admin, ops, agent or designer."""
    password_hash: Mapped[str] = mapped_column(Text, default="")
    """Empty until the invitation is taken up: nobody can sign in."""
    created_at: Mapped[datetime]
    last_login_at: Mapped[datetime | None]


class SessionRow(Base):
    """A browser that is signed in."""

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the cookie, so that whoever reads the database cannot sign in with it."""
    user: Mapped[str] = mapped_column(ForeignKey("users.name", ondelete="CASCADE"), index=True)
    csrf: Mapped[str] = mapped_column(String(64))
    browser: Mapped[str] = mapped_column(String(64), default="")
    """SHA-256 of the User-Agent that signed in."""
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class InvitationRow(Base):
    """A one-time right to set a password."""

    __tablename__ = "invitations"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the token."""
    user: Mapped[str] = mapped_column(String(100), default="")
    """Empty: whoever comes first names himself (first run)."""
    role: Mapped[str] = mapped_column(String(20))
    expires_at: Mapped[datetime]
