"""Calls back: the caller hangs up, keeps the place, and is called when it is nearly their turn.

The person is called first, not the agent: the flow greets them and hands over to the queue, where the place that was
kept puts them in front; so no agent sits before a phone that nobody answers. The dial begins when the wait that is left
is about as long as it takes to reach somebody (`LEAD_S`), or when they are next and someone waits behind them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from ivr.acd.config import parse_priority, parse_skills
from ivr.acd.elsewhere import Other
from ivr.acd.floor import Floor
from ivr.acd.waiting import Skills
from ivr.desk.packet import Packet
from ivr.dialog.events import JsonValue
from ivr.errors import ActionError, ConfigError, StoreError, TransportError
from ivr.store.callbacks import Callbacks, NewCallback
from ivr.store.models import CallbackRow, TicketRow
from ivr.store.store import Store
from ivr.store.tickets import NewTicket, Tickets

_log = logging.getLogger(__name__)
LOOK_S = 2.0
LEAD_S = 20.0
TRIES = 3
RETRY = timedelta(minutes=5)


class Desk(Protocol):
    """`ivr.desk.desk.HumanDesk`, as far as it matters here."""

    @property
    def floor(self) -> Floor: ...

    def now(self) -> float: ...

    def packet(self, call_id: str) -> Packet | None: ...

    @property
    def shared(self) -> object | None:
        """Where several nodes share the floor, it counts those who wait for a call back."""


class CallsOut(Protocol):
    """Someone who can call a number and lead the call through the hotline (`ivr.service.sip_intake.SipIntake`)."""

    async def call_out(
        self, number: str, uri: str, *, language: str, entry: str, on_answer: Callable[[str], None]
    ) -> None:
        """Returns when the call is over; `on_answer` gets the id of the call. Raises TransportError when nobody
        answers."""


class CallbackService:
    """One for a process. `uri` has `{number}` for the number; empty = the hotline cannot call."""

    def __init__(self, store: Store, desk: Desk, tickets: Tickets, uri: str, flow: Callable[[], str]) -> None:
        self._store, self._desk, self._tickets, self._uri, self._flow = store, desk, tickets, uri, flow
        self.list = Callbacks(store)
        self.out: CallsOut | None = None
        """Set once telephony is up."""
        self._task: asyncio.Task[None] | None = None
        self._dialling: dict[str, tuple[str, asyncio.Task[None]]] = {}
        """Id -> queue and the task, until the phone is answered."""
        self._calls: set[asyncio.Task[None]] = set()
        self.answered = self.unanswered = 0
        """Since the start."""

    async def start(self) -> None:
        if self._uri:
            await self.list.put_back()
            self._task = asyncio.get_running_loop().create_task(self._run(), name="callbacks")

    async def close(self) -> None:
        tasks = [task for task in (self._task, *self._calls) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- asking for one

    async def request(self, context: Mapping[str, JsonValue], args: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """`python: ivr.callback.request`: arguments `phone` (the caller's number), `queue` (the one they waited in),
        `flow` (where the dialog begins; the hotline's entry for calls it makes), `language`. Returns `position` in the
        queue and `wait_minutes`. Raises ActionError `data` for what cannot be."""
        call_id, caller = str(context.get("call_id") or ""), str(context.get("caller") or "")
        packet = self._desk.packet(call_id)
        phone = str(args.get("phone") or caller)
        queue = str(args.get("queue") or (packet.queue if packet else ""))
        flow = str(args.get("flow") or self._flow())
        self._check(phone, queue, flow)
        now = self._desk.now()
        entered = now - (packet.wait_s if packet is not None and packet.queue == queue else 0.0)
        skills = list(packet.skills) if packet else []
        rank = entered - _priority(packet) * self._desk.floor.config.ageing_s
        new = NewCallback(
            phone, queue, _moment(entered), rank, caller or phone, skills,
            str(args.get("language") or context.get("language") or (packet.language if packet else "")), flow, call_id,
            packet=packet.model_dump(mode="json") if packet else {},
        )  # fmt: skip
        try:
            await self.list.add(new)
        except StoreError as error:
            raise ActionError("http", f"the call back cannot be kept: {error}") from error
        wait_s = self._desk.floor.expected_wait_s(queue, parse_skills(skills), rank)
        ahead = sum(other.rank[0] < rank for other in self._desk.floor.calls.values() if other.waits)
        return {"position": ahead + 1, "wait_minutes": max(1, round(wait_s / 60))}

    async def from_ticket(self, ticket: TicketRow, queue: str, now: float) -> str:
        """Call the person of a ticket, as soon as an agent may take it. Raises ActionError."""
        phone = ticket.phone or ticket.caller
        self._check(phone, queue, self._flow())
        rank = now - parse_priority(ticket.priority) * self._desk.floor.config.ageing_s
        new = NewCallback(
            phone, queue, _moment(now), rank, ticket.caller or phone, [], ticket.language, self._flow(),
            ticket.call_id, ticket.number, ticket.packet,
        )  # fmt: skip
        return await self.list.add(new)

    def _check(self, phone: str, queue: str, flow: str) -> None:
        if not self._uri:
            raise ActionError("data", "this hotline cannot call: desk.number_uri is not set")
        if not flow:
            raise ActionError("data", "the hotline has no flow for calls it makes (entry: outbound)")
        if queue not in self._desk.floor.roster.queues:
            raise ActionError("data", f"no such queue: {queue[:40]!r}")
        if not phone or not phone.removeprefix("+").isdigit() or len(phone) > 20:
            raise ActionError("data", f"not a number to call: {phone[:40]!r}")

    # -- calling

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except StoreError as error:
                _log.warning("calls back: %s", error)
            except Exception:
                _log.exception("calls back: a look failed")

    async def look(self) -> None:
        """Dial those whose turn it nearly is. Raises StoreError."""
        now, wall = self._desk.now(), self._store.clock()
        waiting = await self.list.waiting()
        self._count(waiting)
        for row in tuple(waiting):
            queue = self._desk.floor.roster.queues.get(row.queue)
            if self.out is None or queue is None or not queue.hours.is_open(now) or row.due_at > wall:
                continue
            if self._may_dial(row) and await self.list.take(row.id):
                waiting.remove(row)
                self._count(waiting)
                self._keep(row.id, row.queue, self._dial(row))

    def _count(self, waiting: list[CallbackRow]) -> None:
        """Others' places and waits count them; where the floor is shared it sees the rows itself."""
        if self._desk.shared is None:
            others = [Other(row.id, row.queue, _skills(row.skills), row.rank, absent=True) for row in waiting]
            self._desk.floor.set_others(others, self._desk.now())

    def _may_dial(self, row: CallbackRow) -> bool:
        floor = self._desk.floor
        skills = _skills(row.skills)
        eligible = floor.roster.ever_eligible(row.queue, skills)
        if not floor.roster.at_work(eligible):
            return False
        free = len(floor.roster.available & eligible)
        under_way = sum(queue == row.queue for queue, _ in self._dialling.values())
        if under_way >= max(1, free):
            return False
        ahead, behind = floor.around(row.queue, row.rank)
        if not ahead and behind:  # the next agent would go to someone who came later
            return True
        return floor.expected_wait_s(row.queue, skills, row.rank) <= LEAD_S

    def _keep(self, callback_id: str, queue: str, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._dialling[callback_id] = (queue, task)
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _dial(self, row: CallbackRow) -> None:
        answered = False

        def on_answer(call_id: str) -> None:
            nonlocal answered
            answered = True
            self.answered += 1
            self._dialling.pop(row.id, None)
            self._desk.floor.keep_place(row.phone, row.queue, row.entered_at.timestamp(), self._desk.now())
            _log.info("call back %s: answered, call %s", row.id, call_id)

        assert self.out is not None
        try:
            await self.out.call_out(
                row.phone, self._uri.replace("{number}", row.phone), language=row.language, entry=row.flow,
                on_answer=on_answer,
            )  # fmt: skip
        except TransportError as error:
            if not answered:
                await self._not_reached(row, str(error))
                return
        finally:
            self._dialling.pop(row.id, None)
        await self.list.done(row.id)

    async def _not_reached(self, row: CallbackRow, reason: str) -> None:
        self.unanswered += 1
        _log.info("call back %s: %s", row.id, reason)
        if await self.list.failed(row, reason, RETRY, TRIES) and not row.ticket:
            await self._tickets.create(
                NewTicket(
                    row.call_id, row.caller, row.phone, f"not reached in {TRIES} tries", row.language,
                    reason="callback", packet=row.packet, idempotency_key=f"callback:{row.id}",
                )
            )  # fmt: skip


def _priority(packet: Packet | None) -> float:
    try:
        return parse_priority(packet.priority) if packet else 0.0
    except ConfigError:
        return 0.0


def _skills(texts: list[Any]) -> Skills:
    try:
        return parse_skills([str(text) for text in texts])
    except ConfigError:
        return frozenset()


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
