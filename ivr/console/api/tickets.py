"""Tickets, and their export."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence

from aiohttp import web

from ivr.console import actions
from ivr.console.api.parse import MAX_LIMIT, answer, body, number, text
from ivr.console.context import console_of
from ivr.console.models import Ticket, TicketChange, TicketDetail, TicketDraft, TicketList
from ivr.console.routing import FLOOR, Query, Route
from ivr.errors import InputError
from ivr.store.models import TicketRow
from ivr.store.tickets import STATES

EXPORT_LIMIT = 100_000
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_PHONE = re.compile(r"\+[\d ()/-]*")


async def search_rows(request: web.Request, default: int = 100, most: int = MAX_LIMIT) -> list[TicketRow]:
    """Raises InputError."""
    states = tuple(filter(None, text(request, "state").split(",")))
    wrong = sorted(set(states) - set(STATES))
    if wrong:
        raise InputError(f"state: {wrong[0]!r} is none of {', '.join(STATES)}")
    assignee = text(request, "assignee", 100) or None
    limit = number(request, "limit", default, most)
    tickets = console_of(request).tickets
    return await tickets.find(text=text(request, "text"), states=states, assignee=assignee, limit=limit)


async def search(request: web.Request) -> web.Response:
    rows = await search_rows(request)
    return answer(TicketList(tickets=[Ticket.model_validate(row) for row in rows]))


async def create(request: web.Request) -> web.Response:
    number_ = await actions.create_ticket(request, await body(request, TicketDraft))
    row = await console_of(request).tickets.get(number_)
    if row is None:  # the database is away: it is in the spool, and its number is good
        return web.json_response({"number": number_}, status=202)
    return answer(TicketDetail.model_validate(row), status=201)


async def one(request: web.Request) -> web.Response:
    return answer(TicketDetail.model_validate(await actions.ticket_row(request, request.match_info["number"])))


async def change(request: web.Request) -> web.Response:
    given = await body(request, TicketChange)
    return answer(
        TicketDetail.model_validate(await actions.change_ticket(request, request.match_info["number"], given))
    )


async def export_csv(request: web.Request) -> web.Response:
    rows = await search_rows(request, EXPORT_LIMIT, EXPORT_LIMIT)
    return _attached(tickets_csv(rows), "text/csv", "tickets.csv")


async def export_json(request: web.Request) -> web.Response:
    rows = await search_rows(request, EXPORT_LIMIT, EXPORT_LIMIT)
    found = TicketList(tickets=[Ticket.model_validate(row) for row in rows])
    return _attached(found.model_dump_json(indent=1), "application/json", "tickets.json")


def _attached(content: str, kind: str, name: str) -> web.Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(text=content, content_type=kind, charset="utf-8", headers=headers)


def tickets_csv(rows: Sequence[TicketRow]) -> str:
    """RFC 4180, with a byte order mark, without which spreadsheets read Chinese as Latin."""
    out = io.StringIO()
    writer = csv.writer(out)
    columns = [name for name in Ticket.model_fields if name != "fields"]
    own = sorted({name for row in rows for name in row.fields})
    writer.writerow([*columns, *(f"fields.{name}" for name in own)])
    for row in rows:
        values = Ticket.model_validate(row).model_dump(mode="json")
        writer.writerow([cell(value) for value in (*map(values.get, columns), *map(values["fields"].get, own))])
    return "\ufeff" + out.getvalue()


def cell(value: object) -> str:
    """Text that no spreadsheet takes for a formula: a caller must not be able to write one."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    risky = value.lstrip()[:1] in _FORMULA or value[:1] in ("\t", "\r", "\n")
    return f"'{value}" if risky and not _PHONE.fullmatch(value) else value


_SEARCH = (
    Query("text", "In number, phone, caller, topic."), Query("state", "Several with commas between."),
    Query("assignee", "Whose."), Query("limit", "At most so many.", "integer"),
)  # fmt: skip
ROUTES = (
    Route("GET", "/api/tickets", search, FLOOR, "Search tickets, the latest first", "api", reply=TicketList,
          query=_SEARCH),
    Route("POST", "/api/tickets", create, FLOOR, "Make a ticket", "api", TicketDraft, TicketDetail),
    Route("GET", "/api/tickets.csv", export_csv, FLOOR, "Export for spreadsheets", "api", query=_SEARCH,
          media="text/csv"),
    Route("GET", "/api/tickets.json", export_json, FLOOR, "Export", "api", reply=TicketList, query=_SEARCH),
    Route("GET", "/api/tickets/{number}", one, FLOOR, "One ticket with its history", "api", reply=TicketDetail),
    Route("PATCH", "/api/tickets/{number}", change, FLOOR, "Change a ticket", "api", TicketChange, TicketDetail),
)  # fmt: skip
