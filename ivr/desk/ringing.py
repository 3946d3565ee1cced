"""One offer: ring the agent's phone or transfer the caller, and stay with the two until one of them leaves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ivr.acd.commands import RefuseKind
from ivr.desk.background import Background
from ivr.desk.browser_phones import BROWSER, CHAT, BrowserPhones
from ivr.desk.config import AgentSettings, DeskConfig
from ivr.desk.lines import AgentCall, AgentMedia, CallerLine, Dialer, LegFactory
from ivr.errors import RtpError, TransportError
from ivr.transport.base import CallInfo
from ivr.transport.sip.auth import Credentials
from ivr.transport.sip.call import CallFailed
from ivr.transport.sip.events import EndCause, Ended, MediaChanged, ReferStatus

_log = logging.getLogger(__name__)
DIAL_GRACE_S = 5.0
"""The floor withdraws an offer when its ring time is over; a dial ends by itself so much later."""
_LOST = frozenset({EndCause.FAILED, EndCause.SESSION_EXPIRED})
_BUSY = frozenset({486, 600})
_NO_ANSWER = frozenset({408, 487})
_REJECTED = frozenset({401, 403, 407, 433, 603, 607, 608})


class Floor(Protocol):
    """What an offer tells the desk; each is carried out before it returns."""

    def accepted(self, ring: Ring) -> bool:
        """The agent is on the line. False = too late: hang up."""

    def refused(self, ring: Ring, kind: RefuseKind) -> None: ...

    def left(self, ring: Ring, *, lost: bool = False) -> None:
        """The agent has hung up; or (`lost`) the line broke, and nobody meant to leave the caller."""

    def transferring(self, ring: Ring) -> float:
        """May the caller be transferred now? For how many seconds at most; 0 = no."""

    def transfer_refused(self, ring: Ring) -> bool:
        """Ring the agent instead? False = nobody waits any more."""

    def transferred(self, ring: Ring, known: bool) -> None:
        """The caller talks to the agent, or (not `known`) may do so."""


@dataclass
class Ring:
    """An offer in progress."""

    entry_id: str
    info: CallInfo
    agent: AgentSettings
    queue: str
    ring_s: float
    media: AgentMedia | None = None
    """The agent's audio, once the phone was answered."""
    task: asyncio.Task[None] | None = field(default=None, repr=False)


class Ringer:
    """Carries offers out. `line_of` finds the caller's SIP call; without one nobody can be transferred."""

    def __init__(
        self,
        config: DeskConfig,
        sip: Dialer,
        legs: LegFactory,
        line_of: Callable[[str], CallerLine | None],
        floor: Floor,
        browsers: BrowserPhones | None = None,
    ) -> None:
        self._config, self._sip, self._legs, self._line_of, self._floor = config, sip, legs, line_of, floor
        self._browsers = browsers or BrowserPhones()
        self._background = Background("ringing")

    async def run(self, ring: Ring) -> None:
        """Until the talk is over or the offer has failed. Cancelling it stops the ringing, or hangs the agent up."""
        if ring.agent.connect == "refer" and not _in_browser(ring):
            line = self._line_of(ring.info.call_id)
            if line is not None and await self._transfer(ring, line):
                return
        await self._bridge(ring)

    # -- REFER

    async def _transfer(self, ring: Ring, line: CallerLine) -> bool:
        """True when there is nothing left to do for this offer."""
        limit_s = self._floor.transferring(ring)
        if not limit_s:
            return True
        status = await self._refer(ring, line, limit_s)
        if status is ReferStatus.REJECTED:
            _log.info("call %s: the transfer to %s was refused; ringing instead", ring.info.call_id, ring.agent.name)
            return not self._floor.transfer_refused(ring)
        known = status is ReferStatus.ACCEPTED
        self._floor.transferred(ring, known)
        if known:
            await line.bye("transferred")
        # Unknown: the caller may well be talking to the agent. That line is left as it is until the caller hangs up.
        return True

    async def _refer(self, ring: Ring, line: CallerLine, limit_s: float) -> ReferStatus:
        try:
            async with asyncio.timeout(limit_s):
                return (await line.refer(ring.agent.uri, hang_up=False)).status
        except TimeoutError:
            return ReferStatus.UNKNOWN
        except TransportError as error:
            _log.warning("call %s: cannot be transferred: %s", ring.info.call_id, error)
            return ReferStatus.REJECTED

    # -- two legs

    async def _bridge(self, ring: Ring) -> None:
        lost: list[Callable[[], None]] = []
        legs: LegFactory = self._browsers if _in_browser(ring) else self._legs
        try:
            media = legs.open(lambda: lost[0]() if lost else None)
        except RtpError as error:
            _log.error("call %s: no audio for agent %s: %s", ring.info.call_id, ring.agent.name, error)
            self._floor.refused(ring, "failed")
            return
        try:
            call = await self._dial(ring, media)
            if call is not None:
                lost.append(lambda: self._hang_up(call, "no audio"))
                await self._talk(ring, call, media)
        finally:
            media.close()

    async def _dial(self, ring: Ring, media: AgentMedia) -> AgentCall | None:
        """None when the agent does not come to the phone, which the floor then knows."""
        config, caller = self._config, ring.info.caller
        from_uri = config.caller_uri(caller)
        credentials = Credentials(config.user, config.password) if config.user else None
        headers: tuple[tuple[str, str], ...] = (("X-Call-Id", ring.info.call_id), ("X-Queue", ring.queue))
        dialer: Dialer = self._sip
        target = ring.agent.uri
        if _in_browser(ring):
            dialer, target = self._browsers, f"{BROWSER}:{ring.agent.name}"
            headers += (("X-Caller", caller), ("X-Transport", ring.info.transport))
        try:
            return await dialer.dial(
                target, media.local, from_uri=from_uri, headers=headers,
                timeout_s=ring.ring_s + DIAL_GRACE_S, credentials=credentials,
            )  # fmt: skip
        except CallFailed as error:
            kind = refusal(error.code)
            _log.info("call %s: agent %s: %s (%s)", ring.info.call_id, ring.agent.name, kind, error)
            self._floor.refused(ring, kind)
        except TransportError as error:
            _log.error("call %s: agent %s cannot be rung: %s", ring.info.call_id, ring.agent.name, error)
            self._floor.refused(ring, "failed")
        return None

    async def _talk(self, ring: Ring, call: AgentCall, media: AgentMedia) -> None:
        try:
            if call.media is None:
                raise RtpError("answered without media")
            media.connect(call.media)
        except RtpError as error:
            _log.error("call %s: no audio with agent %s: %s", ring.info.call_id, ring.agent.name, error)
            self._floor.refused(ring, "failed")
            await call.bye("no audio")
            return
        try:
            ring.media = media
            if self._floor.accepted(ring):
                ended = await self._follow(ring, call, media)
                self._floor.left(ring, lost=ended.cause in _LOST)
        finally:
            await call.bye()

    async def _follow(self, ring: Ring, call: AgentCall, media: AgentMedia) -> Ended:
        """Until the agent's call ends, from either side."""
        while not isinstance(event := await call.next_event(), Ended):
            if isinstance(event, MediaChanged):
                try:
                    media.connect(event.media)
                except RtpError as error:
                    _log.error("call %s: agent %s: new media refused: %s", ring.info.call_id, ring.agent.name, error)
        return event

    def _hang_up(self, call: AgentCall, reason: str) -> None:
        """From the pacer: the agent's audio stays away."""
        self._background.start(call.bye(reason))


def _in_browser(ring: Ring) -> bool:
    """The desk's page is the agent's phone: by the agent's own setting, or because a chat has no other."""
    return ring.agent.uri == BROWSER or ring.info.transport == CHAT


def refusal(code: int) -> Literal["no_answer", "rejected", "busy", "failed"]:
    """What a SIP status of an agent's phone means (RFC 3261 section 21)."""
    if code in _BUSY:
        return "busy"
    if code in _NO_ANSWER:
        return "no_answer"
    return "rejected" if code in _REJECTED else "failed"
