"""Callers' rights and other systems: erasure, calls back, messages to webhooks."""

from __future__ import annotations

from typing import Any, Final, Protocol

from aiohttp import web
from pydantic import Field
from sqlalchemy import select

from ivr.console import actions
from ivr.console.api.parse import MAX_LIMIT, answer, body, number, text
from ivr.console.context import console_of, signed_of
from ivr.console.models import Callback, CallbackAsked, CallbackList, Erased, Message, MessageList, Model
from ivr.console.routing import ADMIN, FLOOR, Query, Route
from ivr.errors import ActionError, InputError
from ivr.store.callbacks import Callbacks
from ivr.store.erasure import erase_caller
from ivr.store.models import DeliveryRow, TicketRow

OPS: Final = frozenset({"admin", "ops"})


class CallsBack(Protocol):
    """`ivr.service.callbacks.CallbackService`."""

    async def from_ticket(self, ticket: TicketRow, queue: str, now: float) -> str: ...


CALLS_BACK: Final = web.AppKey("calls_back", CallsBack)
"""Where the service can call; without it a ticket's call back is refused."""


class Erasure(Model):
    caller: str = Field(min_length=1, max_length=100, description="Number as in the list of calls, with or without +.")


class CallbackWanted(Model):
    queue: str = Field(min_length=1, max_length=100, description="Whose agents take the call.")


async def erase(request: web.Request) -> web.Response:
    given = await body(request, Erasure)
    console = console_of(request)
    removed = await erase_caller(console.store, console.data, given.caller.replace("\0", ""), signed_of(request).user)
    return answer(Erased(removed=removed.counts()))


async def callbacks(request: web.Request) -> web.Response:
    states = tuple(filter(None, text(request, "state").split(",")))
    rows = await Callbacks(console_of(request).store).find(states, number(request, "limit", 100, MAX_LIMIT))
    return answer(CallbackList(callbacks=[Callback.model_validate(row) for row in rows]))


async def call_ticket(request: web.Request) -> web.Response:
    given = await body(request, CallbackWanted)
    return answer(CallbackAsked(id=await call_back(request, given.queue)), status=202)


async def call_back(request: web.Request, queue: str) -> str:
    """Call the person of the ticket `number`; returns the call back's id. Raises InputError when it cannot be,
    HTTPNotFound."""
    console = console_of(request)
    ticket = await actions.ticket_row(request, request.match_info["number"])
    service = request.app.get(CALLS_BACK)
    if service is None:
        raise InputError("this service cannot call")
    try:
        made = await service.from_ticket(ticket, queue, console.clock())
    except ActionError as error:
        raise InputError(str(error)) from None
    await console.store.audit(signed_of(request).user, "ticket.called", "ticket", ticket.number)
    return made


async def messages(request: web.Request) -> web.Response:
    query = select(DeliveryRow).order_by(DeliveryRow.created_at.desc()).limit(number(request, "limit", 100, MAX_LIMIT))
    state = text(request, "state", 20)
    if state:
        query = query.where(DeliveryRow.state == state)
    rows: list[Any] = await console_of(request).store.read(lambda session: list(session.scalars(query)))
    return answer(MessageList(messages=[Message.model_validate(row) for row in rows]))


_LIMIT = Query("limit", "At most so many.", "integer")
ROUTES = (
    Route("POST", "/api/callers/erase", erase, ADMIN, "Forget all that is known of a caller", "api", Erasure, Erased),
    Route("GET", "/api/callbacks", callbacks, FLOOR, "Calls back, the latest first", "api", reply=CallbackList,
          query=(Query("state", "waiting, dialling, done, failed; several with commas between."), _LIMIT)),
    Route("POST", "/api/tickets/{number}/callback", call_ticket, FLOOR, "Call the person of a ticket", "api",
          CallbackWanted, CallbackAsked),
    Route("GET", "/api/messages", messages, OPS, "Messages to other systems, the latest first", "api",
          reply=MessageList, query=(Query("state", "pending, delivered or failed."), _LIMIT)),
)  # fmt: skip
