"""Further people on a call: rung, joined, followed until one side hangs up. A consulted colleague, a number that the
caller is transferred to, a supervisor.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ivr.desk.browser_phones import BROWSER, BrowserPhones
from ivr.desk.conference import Role
from ivr.desk.config import DeskConfig
from ivr.desk.lines import AgentCall, AgentMedia, Dialer, LegFactory
from ivr.errors import RtpError, TransportError
from ivr.transport.base import CallInfo
from ivr.transport.sip.auth import Credentials
from ivr.transport.sip.call import CallFailed
from ivr.transport.sip.events import Ended, MediaChanged

_log = logging.getLogger(__name__)
RING_S = 30.0
"""A guest who has not answered by then does not come."""
_REASONS = {
    403: "refused", 404: "unknown number", 408: "no answer", 480: "not there", 486: "busy", 487: "no answer",
    488: "no audio", 600: "busy", 603: "refused", 604: "unknown number",
}  # fmt: skip


@dataclass(eq=False)
class Guest:
    """Somebody who was asked to the call. `uri` is a SIP address, or `browser`."""

    name: str
    uri: str
    role: Role
    takes_over: bool = False
    """Gets the caller as soon as the phone is answered (blind transfer)."""
    agent: bool = False
    """An agent of the floor, who is kept for this call."""
    joined: bool = False
    media: AgentMedia | None = field(default=None, repr=False)
    task: asyncio.Task[None] | None = field(default=None, repr=False)


class Host(Protocol):
    """What becomes of a guest; each is carried out before it returns."""

    def answered(self, call_id: str, guest: Guest) -> bool:
        """The guest is on the line. False = too late: hang up."""

    def refused(self, call_id: str, guest: Guest, reason: str) -> None: ...

    def gone(self, call_id: str, guest: Guest) -> None:
        """The guest has hung up, or the line is lost."""


class Reception:
    """Rings guests, in their browsers or by SIP."""

    def __init__(self, config: DeskConfig, sip: Dialer, legs: LegFactory, browsers: BrowserPhones, host: Host) -> None:
        self._config, self._sip, self._legs, self._browsers, self._host = config, sip, legs, browsers, host

    async def invite(self, info: CallInfo, guest: Guest) -> None:
        """Until the guest's part is over. Cancelling it stops the ringing, or hangs the guest up."""
        call_id = info.call_id
        lost = asyncio.Event()
        try:
            media = (self._browsers if guest.uri == BROWSER else self._legs).open(lost.set)
        except RtpError as error:
            _log.error("call %s: no audio for %s: %s", call_id, guest.name, error)
            self._host.refused(call_id, guest, "no audio")
            return
        try:
            call = await self._dial(info, guest, media)
            if call is not None:
                await self._stay(call_id, guest, call, media, lost)
        finally:
            media.close()

    async def _dial(self, info: CallInfo, guest: Guest, media: AgentMedia) -> AgentCall | None:
        config, caller = self._config, info.caller
        headers: Sequence[tuple[str, str]] = (
            ("X-Call-Id", info.call_id), ("X-Join", guest.role.value), ("X-Caller", caller),
        )  # fmt: skip
        dialer: Dialer = self._browsers if guest.uri == BROWSER else self._sip
        target = f"{BROWSER}:{guest.name}" if guest.uri == BROWSER else guest.uri
        try:
            return await dialer.dial(
                target, media.local, headers=headers, timeout_s=RING_S,
                from_uri=config.caller_uri(caller),
                credentials=Credentials(config.user, config.password) if config.user else None,
            )  # fmt: skip
        except CallFailed as error:
            reason = _REASONS.get(error.code, "cannot be reached")
            _log.info("call %s: %s does not join: %s (%s)", info.call_id, guest.name, reason, error)
        except TransportError as error:
            reason = "cannot be reached"
            _log.error("call %s: %s cannot be rung: %s", info.call_id, guest.name, error)
        self._host.refused(info.call_id, guest, reason)
        return None

    async def _stay(self, call_id: str, guest: Guest, call: AgentCall, media: AgentMedia, lost: asyncio.Event) -> None:
        try:
            if call.media is None:
                raise RtpError("answered without media")
            media.connect(call.media)
        except RtpError as error:
            _log.error("call %s: no audio with %s: %s", call_id, guest.name, error)
            self._host.refused(call_id, guest, "no audio")
            await call.bye("no audio")
            return
        guest.media, guest.joined = media, True
        losing = asyncio.create_task(_when(lost, lambda: asyncio.ensure_future(call.bye("no audio"))))
        try:
            if self._host.answered(call_id, guest):
                await self._follow(call_id, guest, call, media)
                self._host.gone(call_id, guest)
        finally:
            losing.cancel()
            await call.bye()

    async def _follow(self, call_id: str, guest: Guest, call: AgentCall, media: AgentMedia) -> None:
        while not isinstance(event := await call.next_event(), Ended):
            if isinstance(event, MediaChanged):
                try:
                    media.connect(event.media)
                except RtpError as error:
                    _log.error("call %s: %s: new media refused: %s", call_id, guest.name, error)


async def _when(event: asyncio.Event, then: Callable[[], object]) -> None:
    await event.wait()
    then()
