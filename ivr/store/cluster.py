"""Nodes that share one floor by rows of the database: who lives, who has which agent, who waits where.

Each function does its work in the session that it is given, so that a whole step is one transaction. An agent is had
by the one node whose name is on the row; the claim is a single statement (with SKIP LOCKED where the database knows
it), so two nodes never get the same agent. Whoever sees a node's `beats` stand still for too long takes its rows over;
that is a comparison and a swap, so only one of the others does it, and a node that beat once more is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import CursorResult, Update, delete, or_, select, text, update
from sqlalchemy.orm import Session

from ivr.store.models import AgentRow, CallbackRow, CallRow, DeliveryRow, NodeRow, QueueEntryRow
from ivr.store.recovery import Interrupted, mend_call

CHANNEL: Final = "ivr_floor"
UP, GONE = "up", "gone"
_RIVALS: Final = 200
"""Callers ahead that are looked at for a claim."""


@dataclass(frozen=True, slots=True)
class Look:
    """The shared floor as it was in one moment."""

    nodes: Mapping[str, int]
    """Living nodes with their beats."""
    agents: tuple[AgentRow, ...]
    waiting: tuple[QueueEntryRow, ...]
    """Of other living nodes: waiting or offered."""
    kept: tuple[QueueEntryRow, ...]
    """Places kept for callers whose line was lost."""
    callbacks: tuple[CallbackRow, ...]
    """Still to be called."""
    lived: bool = True
    """False: this node had been given up by the others, and has just come back."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a dead node left."""

    node: str
    waiting: int
    talking: int
    calls: tuple[Interrupted, ...]


def tell(session: Session, node: str) -> None:
    """Wake the other nodes when this transaction is through (PostgreSQL; others poll)."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_notify(:channel, :node)"), {"channel": CHANNEL, "node": node})


def join(session: Session, node: str, now: datetime, agents: Iterable[Mapping[str, Any]]) -> None:
    """The node lives; agents that the store does not know get their row (`name`, `uri`, `state`)."""
    row = session.get(NodeRow, node)
    if row is None:
        session.add(NodeRow(name=node, state=UP, beats=1, started_at=now))
    else:
        row.state, row.beats, row.started_at = UP, row.beats + 1, now
    known = set(session.scalars(select(AgentRow.name)))
    for agent in agents:
        if agent["name"] not in known:
            session.add(AgentRow(since=now, **agent))
    tell(session, node)


def part(session: Session, node: str) -> None:
    """The node stops in good order: its agents are free at once."""
    _change(session, update(NodeRow).where(NodeRow.name == node).values(state=GONE))
    _free_all(session, node)
    tell(session, node)


def beat(session: Session, node: str, now: datetime) -> Look:
    """A sign of life, and a look around."""
    alive = update(NodeRow).where(NodeRow.name == node, NodeRow.state == UP).values(beats=NodeRow.beats + 1)
    lived = _change(session, alive) == 1
    if not lived:
        join(session, node, now, ())
    return look(session, node, now, lived)


def look(session: Session, node: str, now: datetime, lived: bool = True) -> Look:
    nodes: dict[str, int] = dict(session.execute(_living()).tuples().all())
    elsewhere = select(QueueEntryRow).where(
        QueueEntryRow.node != node, QueueEntryRow.node.in_(nodes), QueueEntryRow.state.in_(("waiting", "offered"))
    )
    kept = select(QueueEntryRow).where(QueueEntryRow.state == "kept")
    open_ = select(CallbackRow).where(CallbackRow.state.in_(("waiting", "dialling")))
    places = tuple(session.scalars(kept.order_by(QueueEntryRow.entered_at)))
    return Look(
        nodes, tuple(session.scalars(select(AgentRow).order_by(AgentRow.name))), tuple(session.scalars(elsewhere)),
        tuple(row for row in places if row.kept_until is not None and row.kept_until > now),
        tuple(session.scalars(open_.order_by(CallbackRow.rank))), lived,
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------------------- agents


def ahead(session: Session, node: str, rank: float) -> list[QueueEntryRow]:
    """Callers of other living nodes who wait and come before this rank, the first of them first."""
    query = (
        select(QueueEntryRow)
        .where(QueueEntryRow.node != node, QueueEntryRow.node.in_(select(_living().subquery().c.name)))
        .where(QueueEntryRow.state == "waiting", QueueEntryRow.rank < rank)
    )
    return list(session.scalars(query.order_by(QueueEntryRow.rank, QueueEntryRow.call_id).limit(_RIVALS)))


def claim(session: Session, node: str, agent: str, call_id: str) -> bool:
    """Have the agent for this call, if nobody else has; the caller then counts as offered."""
    if not engage(session, node, agent, call_id):
        return False
    offered = update(QueueEntryRow).where(QueueEntryRow.call_id == call_id, QueueEntryRow.node == node)
    _change(session, offered.values(state="offered", agent=agent))
    return True


def engage(session: Session, node: str, agent: str, call_id: str) -> bool:
    """Have the agent for a call that somebody has already, if nobody else has them."""
    living = select(_living().subquery().c.name)
    free = select(AgentRow.name).where(
        AgentRow.name == agent, AgentRow.state == "available",
        or_(AgentRow.claimed_by.in_(("", node)), AgentRow.claimed_by.not_in(living)),
    )  # fmt: skip
    take = update(AgentRow).where(AgentRow.name.in_(free.with_for_update(skip_locked=True)))
    if not _change(session, take.values(claimed_by=node, claimed_call=call_id)):
        return False
    tell(session, node)
    return True


def hold(session: Session, node: str, agents: Mapping[str, str]) -> None:
    """Put the name back on agents (with their calls) who talk at this node, unless another has them: after the node was
    given up wrongly, or the database was away."""
    for agent, call_id in agents.items():
        ours = update(AgentRow).where(AgentRow.name == agent, AgentRow.claimed_by.in_(("", node)))
        _change(session, ours.values(claimed_by=node, claimed_call=call_id))
    tell(session, node)


def release(session: Session, node: str, agent: str, idle_since: float) -> None:
    """Others may have the agent; does nothing for one whom another node has."""
    ours = update(AgentRow).where(AgentRow.name == agent, AgentRow.claimed_by == node)
    if _change(session, ours.values(claimed_by="", claimed_call="", idle_since=idle_since)):
        tell(session, node)


def wait_again(session: Session, node: str, call_id: str, rank: float) -> None:
    """The offer came to nothing: the caller stands in line again."""
    row = update(QueueEntryRow).where(QueueEntryRow.call_id == call_id, QueueEntryRow.node == node)
    _change(session, row.values(state="waiting", agent="", rank=rank))
    tell(session, node)


# ------------------------------------------------------------------------------------------------- nodes that are gone


def take_over(
    session: Session, dead: str, seen: int, node: str, now: datetime, keep_s: Mapping[str, float]
) -> Taken | None:
    """Give a node up whose beats stand at `seen`: its agents are free, its callers' places are kept (`keep_s` seconds,
    by queue), its calls are closed by what their journals tell. None when it beat meanwhile, or another was first."""
    given_up = update(NodeRow).where(NodeRow.name == dead, NodeRow.state == UP, NodeRow.beats == seen)
    if not _change(session, given_up.values(state=GONE)):
        return None
    entries = list(session.scalars(select(QueueEntryRow).where(QueueEntryRow.node == dead)))
    lost = [row for row in entries if row.state in ("waiting", "offered", "talking")]
    talking = sum(row.state == "talking" for row in lost)
    for row in lost:
        keep(session, row, now, keep_s.get(row.queue, 0.0))
    _free_all(session, dead)
    for model in (CallbackRow, DeliveryRow):
        _change(session, update(model).where(model.node == dead).values(node=""))
    _change(
        session,
        update(CallbackRow).where(CallbackRow.state == "dialling", CallbackRow.node == "").values(state="waiting"),
    )
    left = session.scalars(select(CallRow).where(CallRow.state == "in_progress", CallRow.node == dead))
    calls = tuple(mend_call(row) for row in left)
    tell(session, node)
    return Taken(dead, len(lost) - talking, talking, calls)


def keep(session: Session, row: QueueEntryRow, now: datetime, keep_s: float) -> None:
    """A place for whoever calls again from the number; without a number, or where no place is kept, none."""
    if not row.caller or keep_s <= 0:
        session.delete(row)
        return
    row.state, row.node, row.agent, row.kept_until = "kept", "", "", now + timedelta(seconds=keep_s)


def take_up_place(session: Session, caller: str, queue: str) -> None:
    """The caller has come back."""
    session.execute(
        delete(QueueEntryRow).where(
            QueueEntryRow.state == "kept", QueueEntryRow.caller == caller, QueueEntryRow.queue == queue
        )
    )


def forget_places(session: Session, now: datetime) -> int:
    """Those for whom nobody came back in time; and nodes that went long ago."""
    session.execute(delete(NodeRow).where(NodeRow.state == GONE, NodeRow.started_at < now - timedelta(days=7)))
    gone = delete(QueueEntryRow).where(QueueEntryRow.state == "kept", QueueEntryRow.kept_until <= now)
    return cast("CursorResult[Any]", session.execute(gone)).rowcount


def _living() -> Any:
    return select(NodeRow.name, NodeRow.beats).where(NodeRow.state == UP)


def _free_all(session: Session, node: str) -> None:
    _change(session, update(AgentRow).where(AgentRow.claimed_by == node).values(claimed_by="", claimed_call=""))


def _change(session: Session, statement: Update) -> int:
    """How many rows it has changed."""
    options = {"synchronize_session": False}
    return cast("CursorResult[Any]", session.execute(statement, execution_options=options)).rowcount
