"""Tickets: list, one, new."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from ivr.console import actions
from ivr.console.api import care
from ivr.console.api.care import CALLS_BACK
from ivr.console.api.parse import validated
from ivr.console.api.tickets import search_rows
from ivr.console.context import console_of
from ivr.console.forms import field, see_other
from ivr.console.models import TicketChange, TicketDraft
from ivr.console.render import page
from ivr.console.routing import FLOOR, Route
from ivr.store.tickets import STATES

PRIORITIES = ("low", "normal", "high", "urgent")


async def tickets(request: web.Request) -> web.Response:
    rows = await search_rows(request)
    return page(
        request, "tickets.html", tickets=rows, states=STATES, query=request.query, now=console_of(request).store.clock()
    )


async def new_form(request: web.Request) -> web.Response:
    """Filled with what is known of the call in hand."""
    packet = console_of(request).hub.packet(request.query.get("call_id", ""))
    known = {"call_id": request.query.get("call_id", "")[:200], "topic": "", "caller": "", "language": ""}
    if packet is not None:
        known |= {"topic": packet.summary or packet.intent, "caller": packet.caller.number, "language": packet.language}
    own = console_of(request).tickets.own_fields
    return page(request, "ticket_new.html", known=known, priorities=PRIORITIES, own=own)


async def create(request: web.Request) -> web.Response:
    form = await request.post()
    values: dict[str, Any] = {
        name: field(form, name, 2000) for name in ("topic", "phone", "caller", "language", "priority", "call_id")
    }
    values["due_at"] = field(form, "due_at", 40) or None
    values["fields"] = own_fields(request, form)
    number = await actions.create_ticket(request, validated(TicketDraft, values))
    return see_other(f"/tickets/{number}")


async def ticket(request: web.Request) -> web.Response:
    row = await actions.ticket_row(request, request.match_info["number"])
    users = [user.name for user in await console_of(request).users.list() if user.role != "designer"]
    due = row.due_at.astimezone().strftime("%Y-%m-%dT%H:%M") if row.due_at else ""
    late = row.due_at is not None and row.state != "done" and row.due_at < datetime.now(UTC)
    console = console_of(request)
    return page(
        request, "ticket.html", ticket=row, states=STATES, priorities=PRIORITIES, users=users, due=due, late=late,
        own=console.tickets.own_fields, queues=list(console.desk.floor.roster.queues),
        called="called" in request.query, can_call=CALLS_BACK in request.app,
    )  # fmt: skip


def own_fields(request: web.Request, form: Mapping[str, Any]) -> dict[str, Any]:
    """The hotline's own fields, those that differ from what the form showed; empty = null."""
    found: dict[str, Any] = {}
    for name in console_of(request).tickets.own_fields:
        key = f"field.{name}"
        if key in form and field(form, key, 2000) != field(form, f"was_{key}", 2000):
            found[name] = field(form, key, 2000) or None
    return found


async def call_back(request: web.Request) -> web.Response:
    form = await request.post()
    await care.call_back(request, field(form, "queue", 100))
    return see_other(f"/tickets/{request.match_info['number']}?called=1")


async def change(request: web.Request) -> web.Response:
    """A form has all fields: only those that differ from what it showed are changes, so that two people who work on
    one ticket do not undo each other."""
    form = await request.post()
    number = request.match_info["number"]
    values: dict[str, Any] = {}
    for name in ("state", "assignee", "priority", "due_at"):
        if name in form and field(form, name, 2000) != field(form, f"was_{name}", 2000):
            values[name] = field(form, name, 2000)
    if "due_at" in values:
        values["due_at"] = values["due_at"] or None
    values["note"] = field(form, "note", 10_000)
    if fields := own_fields(request, form):
        values["fields"] = fields
    await actions.change_ticket(request, number, validated(TicketChange, values))
    return see_other(f"/tickets/{number}")


ROUTES = (
    Route("GET", "/tickets", tickets, FLOOR, "Tickets"),
    Route("GET", "/tickets/new", new_form, FLOOR, "A new ticket"),
    Route("POST", "/tickets/new", create, FLOOR, "A new ticket"),
    Route("GET", "/tickets/{number}", ticket, FLOOR, "One ticket"),
    Route("POST", "/tickets/{number}/callback", call_back, FLOOR, "Call the person of a ticket"),
    Route("POST", "/tickets/{number}", change, FLOOR, "Change a ticket"),
)
