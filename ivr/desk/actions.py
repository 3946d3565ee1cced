"""Actions that every hotline has: `python: ivr.tickets.create` in actions.yaml.

ticket.create: {python: ivr.tickets.create, args: [phone, topic], returns: {number: digits}}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, Final, TypeAlias

from ivr.desk.packet import Packet, PacketCaller, as_json
from ivr.dialog.events import JsonValue
from ivr.errors import ActionError, StoreError
from ivr.store.tickets import NewTicket, Tickets

PacketOf: TypeAlias = Callable[[str], Packet | None]
Action: TypeAlias = Callable[
    [Tickets, PacketOf, Mapping[str, JsonValue], Mapping[str, JsonValue]], Awaitable[dict[str, JsonValue]]
]
_KNOWN = frozenset({"phone", "topic", "priority", "language", "due_hours"})


async def create_ticket(
    tickets: Tickets, packet_of: PacketOf, args: Mapping[str, JsonValue], context: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """Make a ticket and return its `number`, which is digits only.

    Arguments, all optional: `phone` to call back (the caller's number), `topic`, `priority`, `language`, `due_hours`
    from now; any other is kept in the ticket's fields. The same arguments in the same call give the same ticket again.
    Raises ActionError: data for a bad argument, http when neither database nor disk would take it.
    """
    call_id, caller = str(context.get("call_id") or ""), str(context.get("caller") or "")
    packet = packet_of(call_id) or _bare_packet(call_id, caller, context)
    digest = hashlib.sha256(json.dumps(args, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:24]
    key = str(context.get("idempotency_key") or (f"{call_id}:{digest}" if call_id else ""))
    due = _due(args.get("due_hours"))
    new = NewTicket(
        call_id=call_id,
        caller=caller,
        phone=str(args.get("phone") or caller),
        topic=str(args.get("topic") or packet.intent),
        language=str(args.get("language") or packet.language),
        priority=str(args.get("priority") or packet.priority),
        reason=packet.reason,
        due_at=tickets.now() + due if due is not None else None,
        fields={name: value for name, value in args.items() if name not in _KNOWN},
        packet=dict(as_json(packet)),
        idempotency_key=key,
    )
    try:
        return {"number": await tickets.create(new)}
    except StoreError as error:
        raise ActionError("http", f"the ticket cannot be kept: {error}") from error


BUILTIN_ACTIONS: Final[Mapping[str, Action]] = {"ivr.tickets.create": create_ticket}


def bind_actions(tickets: Tickets, packet_of: PacketOf) -> dict[str, Callable[..., Awaitable[dict[str, JsonValue]]]]:
    """The built-in actions as `ivr.backend.client.BackendClient` calls them: arguments by name, and `context`."""
    return {name: partial(_call, action, tickets, packet_of) for name, action in BUILTIN_ACTIONS.items()}


async def _call(
    action: Action, tickets: Tickets, packet_of: PacketOf, /, *, context: Mapping[str, JsonValue], **args: Any
) -> dict[str, JsonValue]:
    return await action(tickets, packet_of, args, context)


def _due(hours: JsonValue) -> timedelta | None:
    if hours is None or hours == "":
        return None
    if isinstance(hours, bool) or not isinstance(hours, int | float) or not 0 <= hours <= 24 * 366:
        raise ActionError("data", f"due_hours must be a number of hours from 0 to 8784, not {str(hours)[:40]!r}")
    return timedelta(hours=hours)


def _bare_packet(call_id: str, caller: str, context: Mapping[str, JsonValue]) -> Packet:
    """For a call that never asked for a human."""
    return Packet(
        call_id=call_id, called=str(context.get("called") or ""), caller=PacketCaller(number=caller), queue="",
        reason="", priority="normal", skills=[], language=str(context.get("language") or ""), intent="", summary="",
        anger=0.0, tried=[], slots=[], transcript=[],
    )  # fmt: skip
