"""What people do with a call they are on: hold, mute, consult, transfer, conference, lend it to the bot, supervise.

Theory of operation
-------------------
A talk is one call with its conference. Whoever answers for the caller is its *holder*; everybody else is a guest.

- `consult` puts the caller on hold and rings a guest. The holder then completes (the guest becomes the holder, the old
  one leaves), makes it a conference, or cancels. With `blind` it is completed by the guest's answer.
- A holder who hangs up while a guest rings or is consulted has thereby transferred the call. A guest who does not come
  costs nothing: the caller is with the holder again, or, when there is none any more, back in the queue at the front.
- `refer` tells the caller's own phone to call the target. Accepted: we hang up. Rejected: the talk goes on. Unknown:
  the caller may be talking to the target, so that leg is never taken back, and the agent is free.
- `lend` gives the call to the bot for one flow; the holder hears it, unheard, and has the caller again at its end.
- Supervisors come and go without the caller's knowing; one of them may take the call over, from the bot too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from ivr.audio.frame import Samples
from ivr.call.driver import Room
from ivr.call.events import AgentSays, EngineEvent, QueueChanged
from ivr.desk.background import Background
from ivr.desk.conference import HEARD_BY_CALLER, SUPERVISING, Conference, Party, Role
from ivr.desk.guests import Guest, Reception
from ivr.desk.lines import CallerLine
from ivr.dialog.events import JsonValue
from ivr.errors import InputError, TransportError
from ivr.transport.base import CallInfo, MediaLeg
from ivr.transport.sip.events import ReferStatus

_log = logging.getLogger(__name__)


class TalkDriver(Protocol):
    """A live call, as talks see it."""

    @property
    def info(self) -> CallInfo: ...

    room: Room | None

    def deliver(self, event: EngineEvent) -> None: ...

    def note(self, kind: str, data: dict[str, JsonValue]) -> None: ...


class Owner(Protocol):
    """The desk: who is on the floor, and what the dialog is told."""

    def keep(self, call_id: str, agent: str) -> None:
        """The agent is busy from now on: nobody else rings them. Raises InputError when they are not free."""

    def engage(self, call_id: str, name: str) -> bool:
        """The same for one who is on the line already; False = no agent, or busy anyway."""

    async def claim(self, call_id: str, agent: str) -> bool:
        """Tell the other nodes of a shared floor. False = one of them was quicker."""

    def free(self, call_id: str, agent: str, *, had_caller: bool) -> None:
        """The agent's part is over; those who talked to the caller wrap up."""

    def handed_on(self, call_id: str, to: str) -> None:
        """The caller has another holder; the old one leaves."""

    def holder_gone(self, call_id: str) -> None:
        """Nobody has the caller any more: the bot does."""

    def requeue(self, call_id: str, queue: str, front: bool) -> None:
        """The caller waits for the next agent. Raises InputError for a queue that is not there."""

    def taken(self, driver: TalkDriver, by: str) -> None:
        """A supervisor has a call that no human had."""


@dataclass(eq=False)
class Talk:
    """One call with humans on it."""

    driver: TalkDriver
    conference: Conference
    holder: str = ""
    guests: dict[str, Guest] = field(default_factory=dict)
    lent: str = ""
    """The flow that the bot runs for the holder."""
    notice: str = ""
    """What last went wrong, for the holder's screen."""
    transferring: str = ""
    """Where the caller's own phone is told to call."""

    @property
    def consulted(self) -> Guest | None:
        return next((guest for guest in self.guests.values() if guest.role is Role.CONSULTED), None)


class Talks:
    """One for a desk. Raises InputError for what cannot be done now, with the reason."""

    def __init__(self, owner: Owner, reception: Callable[[Talks], Reception], music: Samples | None = None) -> None:
        self.music = music
        """For callers on hold."""
        self._owner = owner
        self._reception = reception(self)
        self._talks: dict[str, Talk] = {}
        self.on_open: list[Callable[[Talk], None]] = []
        self.on_close: list[Callable[[Talk], None]] = []
        """Told when a call gets its conference, and when it has none any more."""
        self._background = Background("talks")

    # -- what there is

    def get(self, call_id: str) -> Talk | None:
        return self._talks.get(call_id)

    def talk(self, call_id: str) -> Talk:
        found = self._talks.get(call_id)
        if found is None:
            raise InputError("this call is over, or no human is on it")
        return found

    def holders(self) -> dict[str, str]:
        """Call id -> who has the caller."""
        return {call_id: talk.holder for call_id, talk in self._talks.items() if talk.holder}

    def call_of(self, name: str) -> str:
        """The call on which somebody of this name is; empty = none."""
        return next((c for c, talk in self._talks.items() if name == talk.holder or name in talk.guests), "")

    # -- the holder's line, which the desk rings itself

    def join(self, driver: TalkDriver, name: str, leg: MediaLeg) -> None:
        """An agent has answered for the caller."""
        talk = self._open(driver)
        talk.conference.add(name, leg, Role.AGENT)
        talk.conference.on_hold = False
        talk.holder, talk.notice = name, ""

    def part(self, driver: TalkDriver, name: str, leg: MediaLeg) -> None:
        """That line is gone."""
        talk = self._talks.get(driver.info.call_id)
        party = talk.conference.get(name) if talk is not None else None
        if talk is None or party is None or party.leg is not leg:
            return
        talk.conference.remove(name)
        if talk.holder == name:
            talk.holder = ""
        self._close_if_empty(talk)

    def inherit(self, call_id: str) -> str | None:
        """The holder has hung up. Who has the caller now? Empty = a guest who still rings; None = nobody."""
        talk = self._talks.get(call_id)
        if talk is None:
            return None
        guest = talk.consulted
        if guest is not None and not guest.joined:
            guest.takes_over = True
            talk.conference.on_hold = True
            return ""
        heirs = [n for n in talk.conference.named(Role.AGENT, Role.CONSULTED) if n in talk.guests and n != talk.holder]
        if not heirs:
            return None
        self._promote(talk, talk.guests[heirs[0]])
        return heirs[0]

    def dismiss(self, call_id: str, *, all_of_them: bool) -> None:
        """The humans' part is over; supervisors stay unless it is for all of them."""
        talk = self._talks.get(call_id)
        if talk is None:
            return
        for guest in tuple(talk.guests.values()):
            if all_of_them or guest.role not in SUPERVISING:
                self._drop(talk, guest)
        talk.holder, talk.lent = "", ""
        talk.conference.on_hold = False
        self._close_if_empty(talk)

    # -- what the holder does

    def hold(self, call_id: str, on: bool) -> None:
        talk = self.talk(call_id)
        if talk.lent:
            raise InputError("the bot has the caller: take the call back first")
        if not on and talk.consulted is not None:
            raise InputError("end the consultation first")
        talk.conference.on_hold = on
        talk.driver.note("desk.hold", {"on": on, "by": talk.holder})

    def mute(self, call_id: str, name: str, on: bool) -> None:
        self._party(call_id, name).muted = on

    def consult(self, call_id: str, name: str, uri: str, *, agent: bool, blind: bool = False) -> None:
        """Ring somebody for the caller. `agent`: one of the floor, who must be free."""
        talk = self.talk(call_id)
        if talk.consulted is not None:
            raise InputError(f"{talk.consulted.name} is being consulted already")
        if talk.lent:
            raise InputError("the bot has the caller: take the call back first")
        if name in talk.guests or talk.conference.get(name) is not None:
            raise InputError(f"{name} is on this call already")
        if agent:
            self._owner.keep(call_id, name)
        talk.conference.on_hold, talk.notice = True, ""
        talk.driver.note("desk.consult", {"by": talk.holder, "target": name, "blind": blind})
        self._invite(talk, Guest(name, uri, Role.CONSULTED, takes_over=blind, agent=agent))

    def complete(self, call_id: str) -> None:
        """The consulted one gets the caller; now, or when the phone is answered."""
        talk = self.talk(call_id)
        guest = talk.consulted
        if guest is None:
            raise InputError("nobody is being consulted")
        if not guest.joined:
            guest.takes_over = True
            return
        self._promote(talk, guest)
        self._owner.handed_on(call_id, guest.name)

    def conference(self, call_id: str) -> None:
        """Caller, holder and the consulted one talk together."""
        talk = self.talk(call_id)
        guest = talk.consulted
        if guest is None or not guest.joined:
            raise InputError("nobody has answered to be brought in")
        self._seat(talk, guest, Role.AGENT)
        talk.conference.on_hold = False
        talk.driver.note("desk.conference", {"by": talk.holder, "with": guest.name})

    def cancel(self, call_id: str) -> None:
        """Back to the caller, without the consulted one."""
        talk = self.talk(call_id)
        guest = talk.consulted
        if guest is None:
            raise InputError("nobody is being consulted")
        self._drop(talk, guest)
        talk.conference.on_hold = False

    def to_queue(self, call_id: str, queue: str) -> None:
        """The caller waits for an agent of another queue, with music; the holder leaves."""
        talk = self.talk(call_id)
        if talk.consulted is not None or talk.lent:
            raise InputError("end the consultation first")
        self._owner.requeue(call_id, queue, front=False)
        talk.driver.note("desk.transfer", {"queue": queue})

    def refer(self, call_id: str, line: CallerLine, uri: str, limit_s: float) -> None:
        """The caller's own phone is told to call `uri`."""
        talk = self.talk(call_id)
        if talk.transferring:
            raise InputError(f"the caller is being transferred to {talk.transferring} already")
        talk.transferring, talk.notice = uri, ""
        talk.driver.note("desk.refer", {"by": talk.holder, "target": uri})
        self._background.start(self._refer(talk, line, uri, limit_s))

    def lend(self, call_id: str, flow: str) -> None:
        """The bot does `flow` with the caller, then gives the call back."""
        talk = self.talk(call_id)
        if talk.lent or talk.consulted is not None or talk.transferring:
            raise InputError("the caller is with somebody else just now")
        if not talk.holder:
            raise InputError("nobody has this call")
        talk.conference.on_hold, talk.lent = False, flow
        self._quiet(talk, True)
        talk.driver.note("desk.lent", {"flow": flow, "by": talk.holder})
        talk.driver.deliver(QueueChanged("lent", detail=flow))

    def recall(self, call_id: str) -> None:
        """Take the call back from the bot before it is done."""
        talk = self.talk(call_id)
        if not talk.lent:
            raise InputError("the bot does not have this call")
        talk.driver.deliver(QueueChanged("recalled"))

    def returned(self, call_id: str) -> str:
        """The bot has done; who waits for the caller? Empty = nobody."""
        talk = self._talks.get(call_id)
        if talk is None or not talk.lent:
            return ""
        talk.lent = ""
        self._quiet(talk, False)
        return talk.holder

    def say(self, call_id: str, text: str, language: str) -> None:
        """The bot says it to both."""
        talk = self.talk(call_id)
        if not talk.holder or talk.lent or talk.conference.on_hold:
            raise InputError("the caller is not on the line just now")
        talk.driver.deliver(AgentSays(text, language, talk.holder))

    # -- supervisors

    def supervise(self, driver: TalkDriver, name: str, uri: str, role: Role) -> None:
        """Ring a supervisor to listen to a call, of the bot or of an agent; or change what one who is there may do."""
        talk = self._open(driver)
        guest = talk.guests.get(name)
        if name == talk.holder or (guest is not None and guest.role not in SUPERVISING):
            raise InputError(f"{name} is on this call already")
        driver.note("desk.supervise", {"by": name, "role": role.value})
        if guest is not None:
            self._seat(talk, guest, role)
            return
        self._invite(talk, Guest(name, uri, role))

    def listen_along(self, driver: TalkDriver, name: str, leg: MediaLeg) -> Party:
        """A listener whose sound goes elsewhere; `stop_listening` ends it."""
        driver.note("desk.supervise", {"by": name, "role": Role.LISTEN.value})
        return self._open(driver).conference.add(f"{name}~{id(leg):x}", leg, Role.LISTEN)

    def stop_listening(self, call_id: str, party: Party) -> None:
        talk = self._talks.get(call_id)
        if talk is not None:
            talk.conference.remove(party.name)
            self._close_if_empty(talk)

    def take_over(self, call_id: str, name: str) -> None:
        """A supervisor on the line becomes the one who talks to the caller."""
        talk = self.talk(call_id)
        guest = talk.guests.get(name)
        if guest is None or not guest.joined or guest.role not in SUPERVISING:
            raise InputError("listen to the call first, then take it over")
        other = talk.consulted
        if other is not None:
            self._drop(talk, other)
        had = bool(talk.holder)
        if talk.lent:
            self.recall(call_id)
        talk.driver.note("desk.taken_over", {"by": name})
        guest.agent = guest.agent or self._owner.engage(call_id, name)
        if guest.agent:
            self._background.start(self._owner.claim(call_id, name))
        if not had:
            self._owner.taken(talk.driver, name)
        self._promote(talk, guest)
        if had:
            self._owner.handed_on(call_id, name)

    def leave(self, call_id: str, name: str) -> None:
        """A guest goes; the holder hangs up instead."""
        talk = self.talk(call_id)
        guest = talk.guests.get(name)
        if guest is None:
            raise InputError(f"{name} is no guest of this call")
        self._drop(talk, guest)
        self.gone(call_id, guest)

    # -- guests' answers (ivr.desk.guests.Host)

    def answered(self, call_id: str, guest: Guest) -> bool:
        talk = self._talks.get(call_id)
        if talk is None or talk.guests.get(guest.name) is not guest or guest.media is None:
            return False
        talk.conference.add(guest.name, guest.media.leg, guest.role)
        if guest.takes_over:
            self._promote(talk, guest)
            self._owner.handed_on(call_id, guest.name)
        return True

    def refused(self, call_id: str, guest: Guest, reason: str) -> None:
        talk = self._talks.get(call_id)
        if talk is None or talk.guests.get(guest.name) is not guest:
            return
        talk.notice = f"{guest.name}: {reason}"
        self.gone(call_id, guest)

    def gone(self, call_id: str, guest: Guest) -> None:
        talk = self._talks.get(call_id)
        if talk is None:
            return
        consulted = guest.role is Role.CONSULTED
        self._remove(talk, guest)
        if guest.name == talk.holder:
            talk.holder = ""
            if self.inherit(call_id) is None:
                self._owner.holder_gone(call_id)
        elif consulted and not talk.holder:
            self._owner.requeue(call_id, "", front=True)
        elif consulted:
            talk.conference.on_hold = False
        self._close_if_empty(talk)

    # -- inside

    def _open(self, driver: TalkDriver) -> Talk:
        talk = self._talks.get(driver.info.call_id)
        if talk is None:
            talk = self._talks[driver.info.call_id] = Talk(driver, Conference(self.music))
            driver.room = talk.conference
            for told in self.on_open:
                told(talk)
        return talk

    def waits_on(self, driver: TalkDriver) -> None:
        """The caller hears music until the next agent answers."""
        talk = self._open(driver)
        talk.conference.on_hold, talk.lent = True, ""

    def _close_if_empty(self, talk: Talk) -> None:
        if len(talk.conference) or talk.guests or talk.conference.on_hold:
            return
        if self._talks.get(talk.driver.info.call_id) is talk:
            del self._talks[talk.driver.info.call_id]
            talk.driver.room = None
            for told in self.on_close:
                told(talk)

    def _party(self, call_id: str, name: str) -> Party:
        party = self.talk(call_id).conference.get(name)
        if party is None:
            raise InputError(f"{name} is not on this call")
        return party

    def _seat(self, talk: Talk, guest: Guest, role: Role) -> None:
        guest.role = role
        party = talk.conference.get(guest.name)
        if party is not None:
            party.role = role

    def _promote(self, talk: Talk, guest: Guest) -> None:
        self._seat(talk, guest, Role.AGENT)
        guest.takes_over = False
        before, talk.holder, talk.notice = talk.holder, guest.name, ""
        talk.conference.on_hold = False
        if before != guest.name and before in talk.guests:
            self._drop(talk, talk.guests[before])
        talk.driver.note("desk.handed_on", {"to": guest.name})

    def _quiet(self, talk: Talk, on: bool) -> None:
        """While the bot has the caller nobody else is heard."""
        for party in talk.conference:
            if party.role in HEARD_BY_CALLER:
                party.muted = on

    def _invite(self, talk: Talk, guest: Guest) -> None:
        talk.guests[guest.name] = guest
        guest.task = self._background.start(self._ring(talk, guest))

    async def _ring(self, talk: Talk, guest: Guest) -> None:
        info = talk.driver.info
        if guest.agent and not await self._owner.claim(info.call_id, guest.name):
            self.refused(info.call_id, guest, "busy")
            return
        await self._reception.invite(info, guest)

    def _drop(self, talk: Talk, guest: Guest) -> None:
        self._remove(talk, guest)
        if guest.task is not None and guest.task is not asyncio.current_task():
            guest.task.cancel()

    def _remove(self, talk: Talk, guest: Guest) -> None:
        if talk.guests.get(guest.name) is guest:
            del talk.guests[guest.name]
            talk.conference.remove(guest.name)
            if guest.agent:
                call_id = talk.driver.info.call_id
                self._owner.free(call_id, guest.name, had_caller=guest.joined and guest.role is Role.AGENT)

    async def _refer(self, talk: Talk, line: CallerLine, uri: str, limit_s: float) -> None:
        try:
            async with asyncio.timeout(limit_s):
                status = (await line.refer(uri, hang_up=False)).status
        except TimeoutError:
            status = ReferStatus.UNKNOWN
        except TransportError as error:
            _log.warning("call %s: cannot be transferred: %s", talk.driver.info.call_id, error)
            status = ReferStatus.REJECTED
        talk.transferring = ""
        talk.driver.note("desk.referred", {"target": uri, "status": status.value})
        if status is ReferStatus.REJECTED:
            talk.notice = f"{uri}: refused"
        elif status is ReferStatus.ACCEPTED:
            await line.bye("transferred")
        else:
            # The caller may well be talking to the target: their line is left as it is until they hang up.
            talk.notice = f"{uri}: outcome unknown"
            self._owner.handed_on(talk.driver.info.call_id, "")

    async def close(self) -> None:
        """Hang up all guests."""
        for call_id in tuple(self._talks):
            self.dismiss(call_id, all_of_them=True)
        await self._background.close(cancel=True)
