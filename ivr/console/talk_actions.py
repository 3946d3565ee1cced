"""What agents and supervisors do with a call, for pages and API alike: allowed, done, and noted in the audit log."""

from __future__ import annotations

import re

from aiohttp import web

from ivr.console.actions import Refused
from ivr.console.context import Console, console_of, signed_of
from ivr.console.models import AgentChange, Lend, Move, Say, Supervise, TalkChange, Transfer
from ivr.console.views import RunningCall
from ivr.desk.browser_phones import BROWSER
from ivr.desk.conference import Role
from ivr.desk.config import NUMBER_PART, AgentSettings
from ivr.desk.talks import Talk
from ivr.errors import InputError

_NUMBER = re.compile(r"\+?[0-9*#]{2,20}")
SUPERVISORS = frozenset({"admin", "ops"})


def own_talk(request: web.Request) -> Talk:
    """The call's talk, for those who are on it and for supervisors. Raises InputError, Refused."""
    console, signed = console_of(request), signed_of(request)
    call_id = request.match_info["id"]
    talk = console.desk.talks.talk(call_id)
    if signed.role not in SUPERVISORS and signed.user != talk.holder and signed.user not in talk.guests:
        raise Refused(text="agents act on the calls that they have themselves")
    return talk


def running_call(request: web.Request) -> RunningCall:
    """Raises HTTPNotFound."""
    call = console_of(request).running.get(request.match_info["id"])
    if call is None:
        raise web.HTTPNotFound(text="this call is over")
    return call


async def change(request: web.Request, change: TalkChange) -> None:
    """Raises InputError for what cannot be done now."""
    console, signed = console_of(request), signed_of(request)
    talk = own_talk(request)
    talks, call_id = console.desk.talks, talk.driver.info.call_id
    action = change.action
    if action in ("hold", "resume"):
        talks.hold(call_id, action == "hold")
    elif action in ("mute", "unmute"):
        talks.mute(call_id, signed.user if talk.conference.get(signed.user) else talk.holder, action == "mute")
    elif action == "complete":
        talks.complete(call_id)
    elif action == "conference":
        talks.conference(call_id)
    elif action == "cancel":
        talks.cancel(call_id)
    elif action == "recall":
        talks.recall(call_id)
    else:
        talks.leave(call_id, signed.user)
    await _note(console, signed.user, action, call_id)


async def transfer(request: web.Request, wanted: Transfer) -> None:
    """Raises InputError, ConfigError."""
    console, signed = console_of(request), signed_of(request)
    talk = own_talk(request)
    desk, call_id = console.desk, talk.driver.info.call_id
    if wanted.kind == "queue":
        desk.talks.to_queue(call_id, wanted.to)
    else:
        name, uri = _target(console, wanted)
        if wanted.how == "refer":
            line = desk.line_of(call_id)
            if line is None or uri == BROWSER:
                raise InputError("this caller's phone cannot be told to call somebody else")
            desk.talks.refer(call_id, line, uri, desk.config.refer_limit_s)
        else:
            desk.talks.consult(call_id, name, uri, agent=wanted.kind == "agent", blind=wanted.how == "blind")
    await _note(console, signed.user, "transfer", call_id, target=f"{wanted.kind}:{wanted.to}", how=wanted.how)


def _target(console: Console, wanted: Transfer) -> tuple[str, str]:
    """Name and address. Raises InputError for nobody."""
    config = console.desk.config
    if wanted.kind == "agent":
        settings = console.desk.settings_of(wanted.to)
        if settings is None:
            raise InputError(f"no such agent: {wanted.to!r}")
        return wanted.to, settings.uri
    if wanted.kind == "contact":
        if wanted.to not in config.contacts:
            raise InputError(f"no such contact: {wanted.to!r}")
        return wanted.to, config.contacts[wanted.to]
    if not config.number_uri:
        raise InputError("numbers cannot be dialled: desk.number_uri is not set")
    number = re.sub(r"[ ()./-]", "", wanted.to)
    if not _NUMBER.fullmatch(number):
        raise InputError(f"{wanted.to!r} is no telephone number")
    return number, config.number_uri.replace(NUMBER_PART, number)


async def lend(request: web.Request, wanted: Lend) -> None:
    """Raises InputError."""
    console, signed = console_of(request), signed_of(request)
    talk = own_talk(request)
    call_id = talk.driver.info.call_id
    helped = console.assist.of(call_id)
    if helped is not None and wanted.flow not in helped.bundle.program.flows:
        raise InputError(f"no such flow: {wanted.flow!r}")
    console.desk.talks.lend(call_id, wanted.flow)
    await _note(console, signed.user, "lend", call_id, flow=wanted.flow)


async def say(request: web.Request, wanted: Say) -> None:
    """Raises InputError."""
    console, signed = console_of(request), signed_of(request)
    talk = own_talk(request)
    call_id = talk.driver.info.call_id
    text = " ".join(wanted.text.split())
    if not text:
        raise InputError("text: there is nothing to say")
    console.desk.talks.say(call_id, text, console.hub.language(call_id))
    await _note(console, signed.user, "say", call_id)


async def supervise(request: web.Request, wanted: Supervise) -> None:
    """Raises InputError, HTTPNotFound."""
    console, signed = console_of(request), signed_of(request)
    call = running_call(request)
    talks, call_id, user = console.desk.talks, call.info.call_id, signed.user
    if wanted.mode == "take_over":
        talk = talks.get(call_id)
        party = talk.conference.get(user) if talk is not None else None
        if party is None:  # not on the line yet: rung first, and taken over by the answer
            raise InputError("listen by phone to the call first, then take it over")
        talks.take_over(call_id, user)
    elif wanted.mode == "leave":
        talks.leave(call_id, user)
    else:
        settings = console.desk.settings_of(user)
        talks.supervise(call, user, settings.uri if settings is not None else BROWSER, Role(wanted.mode))
    await _note(console, user, f"supervise.{wanted.mode}", call_id)


async def change_agent(request: web.Request, name: str, change: AgentChange) -> None:
    """Raises ConfigError, InputError."""
    console, signed = console_of(request), signed_of(request)
    known = console.desk.settings_of(name)
    if known is None:
        raise InputError(f"no such agent: {name!r}")
    settings: AgentSettings = known.model_copy(update={"skills": dict(change.skills), "queues": dict(change.queues)})
    console.desk.add_agent(settings)
    await console.store.audit(
        signed.user, "agent.changed", "agent", name, skills=dict(change.skills), queues=dict(change.queues)
    )


async def move(request: web.Request, wanted: Move) -> None:
    """Raises ConfigError, InputError."""
    console, signed = console_of(request), signed_of(request)
    call_id = request.match_info["id"]
    console.desk.move(call_id, wanted.queue, wanted.priority)
    await _note(console, signed.user, "move", call_id, queue=wanted.queue, priority=wanted.priority)


async def _note(console: Console, user: str, action: str, call_id: str, **data: str) -> None:
    console.hub.talk_changed(call_id)
    await console.store.audit(user, f"call.{action}", "call", call_id, **data)
