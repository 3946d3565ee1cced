"""What people do, for pages and API alike: each is checked, done, and noted in the audit log."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from ivr.console.context import INVITED_FOR, Console, console_of, signed_of
from ivr.console.models import CallNotes, DeskView, StateChange, TicketChange, TicketDraft
from ivr.console.passwords import check_password
from ivr.console.talk_views import assist_view, for_agent, talk_view, targets
from ivr.console.views import agent_view
from ivr.errors import InputError
from ivr.store import records
from ivr.store.models import CallRow, TicketRow
from ivr.store.ticket_fields import check_fields
from ivr.store.tickets import NewTicket
from ivr.store.users import Signed, check_user


class Refused(web.HTTPForbidden):
    """Allowed for the role, yet not for this user."""


class TooManyTries(InputError):
    """Wait before the next login."""


# ------------------------------------------------------------------------------------------------------------ people


async def sign_in(request: web.Request, name: str, password: str) -> tuple[str, str, str]:
    """Cookie, CSRF token and role of a new session. Raises InputError for a wrong name or password, TooManyTries."""
    console, address = console_of(request), request.remote or ""
    now = console.clock()
    wait = console.limiter.wait_s(name, address, now)
    if wait > 0:
        raise TooManyTries(f"too many tries: wait {math.ceil(wait / 60)} minutes")
    # Counted before the answer is known: tries sent at once are no way around the limit.
    console.limiter.failed(name, address, now)
    user = await console.users.get(name) if len(name) <= 100 else None
    if not await console.passwords.matches(user.password_hash if user else "", password) or user is None:
        await console.store.audit(name[:100], "login.failed", "user", name[:100], address=address)
        raise InputError("wrong name or password")
    console.limiter.succeeded(name, address)
    if console.passwords.outdated(user.password_hash):
        await console.users.renew_hash(name, await console.passwords.hash(password))
    token, csrf = await console.users.open_session(name, request.headers.get("User-Agent", ""))
    await console.store.audit(name, "login", "user", name, address=address)
    return token, csrf, user.role


async def sign_out(request: web.Request) -> None:
    console, signed = console_of(request), signed_of(request)
    await console.users.close_session(signed.session)
    await console.store.audit(signed.user, "logout", "user", signed.user)


async def accept_invitation(console: Console, token: str, name: str, password: str) -> None:
    """Raises InputError."""
    invitation = await console.users.invitation(token)
    if invitation is None:
        raise InputError("this invitation is used up or too old")
    user = invitation.user or name
    check_user(user, invitation.role)
    check_password(password, user)
    row = await console.users.accept(token, name, await console.passwords.hash(password))
    await console.store.audit(row.name, "password.set", "user", row.name, first=not invitation.user)


async def change_password(request: web.Request, old: str, new: str) -> None:
    """Raises InputError."""
    console, signed = console_of(request), signed_of(request)
    now, address = console.clock(), request.remote or ""
    if console.limiter.wait_s(signed.user, address, now) > 0:
        raise TooManyTries("too many tries: wait some minutes")
    user = await console.users.get(signed.user)
    if user is None or not await console.passwords.matches(user.password_hash, old):
        console.limiter.failed(signed.user, address, now)
        raise InputError("the present password is wrong")
    check_password(new, signed.user)
    await console.users.set_password(signed.user, await console.passwords.hash(new), keep_session=signed.session)
    await console.store.audit(signed.user, "password.changed", "user", signed.user)


async def invite(request: web.Request, name: str, role: str) -> str:
    """A new user, or a new invitation for a known one; returns the path. Raises InputError."""
    console, signed = console_of(request), signed_of(request)
    known = await console.users.get(name)
    if known is None:
        await console.users.add(name, role)
    elif known.role != role:
        raise InputError(f"{name!r} has the role {known.role}: remove the user first to change it")
    token = await console.users.invite(name, role, INVITED_FOR)
    await console.store.audit(signed.user, "user.invited", "user", name, role=role)
    return f"/setup/{token}"


async def remove_user(request: web.Request, name: str) -> None:
    """Raises InputError."""
    console, signed = console_of(request), signed_of(request)
    if name == signed.user:
        raise InputError("you cannot remove yourself")
    await console.users.remove(name)
    console.desk.forget_agent(name)
    await console.store.audit(signed.user, "user.removed", "user", name)


# ------------------------------------------------------------------------------------------------------------- calls


async def call_row(request: web.Request, call_id: str) -> CallRow:
    """A call that the user may see. Raises HTTPNotFound, Refused."""
    console, signed = console_of(request), signed_of(request)
    row = await console.store.call(call_id)
    if row is None:
        raise web.HTTPNotFound(text="no such call")
    if signed.role == "agent" and not row.had_by(signed.user):
        raise Refused(text="agents see the calls that they had themselves")
    return row


def own_file(console: Console, path: str, what: str) -> Path:
    """A file of a call, inside the data folder and nowhere else. Raises HTTPNotFound."""
    found = Path(path).resolve() if path else None
    if found is None or not found.is_relative_to(console.data.resolve()) or not found.is_file():
        raise web.HTTPNotFound(text=f"this call has no {what}")
    return found


# ------------------------------------------------------------------------------------------------------------- floor


async def change_state(request: web.Request, agent: str, change: StateChange) -> None:
    """Agents change their own state only. Raises ConfigError for nobody's name, InputError, Refused."""
    console, signed = console_of(request), signed_of(request)
    if signed.role == "agent" and agent != signed.user:
        raise Refused(text="agents change their own state only")
    known = console.desk.floor.roster.agent(agent)
    if change.state == "offline":
        console.desk.sign_out(agent)
    elif change.state == "paused":
        if not change.reason.strip():
            raise InputError("a pause needs a reason")
        console.desk.pause(agent, change.reason.strip())
    elif known.state.value == "offline":
        console.desk.sign_in(agent)
    else:
        console.desk.resume(agent)
    await console.store.audit(signed.user, f"agent.{change.state}", "agent", agent, reason=change.reason)


async def desk_view(console: Console, signed: Signed) -> DeskView:
    """State and screen-pop of the user's own desk."""
    agent = console.desk.floor.roster.agents.get(signed.user)
    view = agent_view(agent, console.clock()) if agent is not None else None
    call_id = console.desk.talks.call_of(signed.user) or (view.call_id if view is not None else "")
    if not call_id:
        return DeskView(agent=view, packet=None)
    row = await console.store.call(call_id)
    data = row.data if row is not None else {}
    talk = console.desk.talks.get(call_id)
    language = console.hub.language(call_id)
    on_it = talk is not None and (talk.holder == signed.user or signed.user in talk.guests)
    return DeskView(
        agent=view, call_id=call_id, packet=console.hub.packet(call_id), notes=str(data.get("notes", "")),
        disposition=str(data.get("disposition", "")),
        talk=for_agent(talk_view(talk)) if talk is not None and on_it else None,
        assist=assist_view(call_id, console.assist),
        targets=targets(console.desk, signed.user, console.assist.of(call_id), language) if on_it else None,
        heard=bool(row is not None and row.recording),
    )  # fmt: skip


async def write_notes(request: web.Request, notes: CallNotes) -> None:
    """Notes and disposition of a call. Raises HTTPNotFound, Refused."""
    console, signed = console_of(request), signed_of(request)
    own = console.desk.floor.roster.agents.get(signed.user)
    row = await console.store.call(notes.call_id)
    if row is None:
        raise web.HTTPNotFound(text="no such call")
    has_it = own is not None and own.call_id.rpartition("#")[0] == notes.call_id
    has_it = has_it or console.desk.talks.call_of(signed.user) == notes.call_id
    if signed.role == "agent" and not row.had_by(signed.user) and not has_it:
        raise Refused(text="agents write to the calls that they had themselves")
    data = {**row.data, "notes": notes.notes, "disposition": notes.disposition, "notes_by": signed.user}
    await console.store.write(records.put("call", {"id": row.id, "data": data}))
    await console.store.audit(signed.user, "call.noted", "call", row.id, disposition=notes.disposition)


# ----------------------------------------------------------------------------------------------------------- tickets


async def create_ticket(request: web.Request, draft: TicketDraft) -> str:
    """Returns the number."""
    console, signed = console_of(request), signed_of(request)
    packet = console.hub.packet(draft.call_id) if draft.call_id else None
    new = NewTicket(
        call_id=draft.call_id, caller=draft.caller, phone=draft.phone or draft.caller, topic=draft.topic,
        language=draft.language, priority=draft.priority, due_at=zoned(draft.due_at),
        fields=check_fields(console.tickets.own_fields, draft.fields),
        reason=packet.reason if packet else "", packet=packet.model_dump(mode="json") if packet else {},
    )  # fmt: skip
    number = await console.tickets.create(new, signed.user)
    await console.store.audit(signed.user, "ticket.created", "ticket", number)
    return number


async def ticket_row(request: web.Request, number: str) -> TicketRow:
    """Raises HTTPNotFound."""
    row = await console_of(request).tickets.get(number)
    if row is None:
        raise web.HTTPNotFound(text="no such ticket")
    return row


async def change_ticket(request: web.Request, number: str, change: TicketChange) -> TicketRow:
    """Raises HTTPNotFound, InputError."""
    console, signed = console_of(request), signed_of(request)
    await ticket_row(request, number)
    given: dict[str, Any] = change.model_dump(exclude_unset=True, exclude={"note"})
    empty = [name for name, value in given.items() if value is None and name != "due_at"]
    if empty:
        raise InputError(f"{empty[0]}: cannot be null")
    if "due_at" in given:
        given["due_at"] = zoned(given["due_at"])
    row = await console.tickets.change(number, signed.user, note=change.note, **given)
    await console.store.audit(signed.user, "ticket.changed", "ticket", number, fields=sorted(given))
    return row


def zoned(moment: datetime | None) -> datetime | None:
    """A time without a zone is the machine's local time."""
    if moment is None:
        return None
    try:
        return moment.astimezone() if moment.tzinfo is None else moment
    except (OverflowError, ValueError, OSError):
        raise InputError(f"no such time: {moment}") from None
