"""A SIP call as its driver holds it: the asyncio face of a leg."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from ivr.errors import SipError
from ivr.transport.base import CallInfo
from ivr.transport.sip.events import CallEvent, Confirmed, EndCause, Ended, ReferOutcome, ReferStatus
from ivr.transport.sip.leg import Leg, LegState
from ivr.transport.sip.sdp import AgreedMedia, Direction, LocalMedia, MediaLine
from ivr.transport.sip.uac import OutgoingLeg
from ivr.transport.sip.uas import IncomingLeg, caller_of, diversion_headers
from ivr.transport.sip.uri import parse_uri, quote_string

T = TypeVar("T")


class CallFailed(SipError):
    """A call or an offer within it that came to nothing; `code` is the SIP status (0 if there was none)."""

    def __init__(self, message: str, code: int, cause: EndCause = EndCause.FAILED) -> None:
        super().__init__(message)
        self.code = code
        self.cause = cause


class Shell(Protocol):
    """The endpoint, as calls use it."""

    def enter(self) -> None:
        """Set the core's time before a leg is asked for something."""

    def pump(self) -> None:
        """Carry out what the core wants after it."""


class SipCall:
    """Use it from the endpoint's loop. Signals of the peer come by `next_event`; `Ended` is the last of them."""

    def __init__(self, leg: Leg, shell: Shell) -> None:
        self._leg = leg
        self._shell = shell
        self._events: asyncio.Queue[CallEvent] = asyncio.Queue()
        self._settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ended = asyncio.Event()
        self.end: Ended | None = None
        """Why the call is over, None while it is not."""
        self.on_event: Callable[[CallEvent], None] | None = None
        """Called with each event besides the queue."""
        request = leg.invite
        incoming = isinstance(leg, IncomingLeg)
        called = parse_uri(request.uri).number if incoming else request.to.uri.number
        self.info = CallInfo(
            call_id=request.call_id,
            caller=caller_of(request) if incoming else request.from_.uri.number,
            called=called,
            transport="sip",
            headers=diversion_headers(request),
        )

    @property
    def state(self) -> LegState:
        return self._leg.state

    @property
    def offer(self) -> MediaLine | None:
        """The caller's audio (address, port, codecs, direction); None for a call without offer or without audio."""
        offer = self._leg.offer if isinstance(self._leg, IncomingLeg) else None
        return offer.audio if offer else None

    @property
    def media(self) -> AgreedMedia | None:
        """What is agreed now; None before an answer."""
        return self._leg.media

    @property
    def replaces(self) -> bool:
        """Whether this call takes the place of another of ours (attended transfer)."""
        return isinstance(self._leg, IncomingLeg) and self._leg.replaces is not None

    async def next_event(self) -> CallEvent:
        """The next signal of the peer, in order; waits for it."""
        return await self._events.get()

    async def wait_ended(self) -> Ended:
        await self._ended.wait()
        assert self.end is not None
        return self.end

    def ring(self) -> None:
        """180 Ringing. Raises SipError when the call is no longer ringing."""
        self._act(lambda: self._incoming().ring())

    def progress(self, local: LocalMedia) -> AgreedMedia:
        """183 with early media. Raises SdpError without a common codec, SipError without offer."""
        self._act(lambda: self._incoming().progress(local))
        assert self._leg.media is not None
        return self._leg.media

    async def answer(self, local: LocalMedia) -> None:
        """200, then wait for the ACK; `media` is set after. Raises SdpError when no codec suits (the caller got 488)
        and CallFailed when the call ended before the ACK."""
        self._act(lambda: self._incoming().answer(local))
        await asyncio.shield(self._settled)

    def reject(self, code: int, reason: str = "", headers: Sequence[tuple[str, str]] = ()) -> None:
        """Refuse with 300 to 699; a redirection gives its Contact in `headers`."""
        for name, value in headers:
            if any(char in name + value for char in "\r\n\0"):
                raise SipError(f"header {name!r} holds a line break")
        self._act(lambda: self._incoming().reject(code, reason, *headers))

    async def bye(self, reason: str = "", refuse_with: int = 603) -> None:
        """Hang up, whatever the state: BYE, CANCEL, or the refusal of a call that rings (a 5xx lets a proxy try another
        node). No error when the call is over already."""
        leg = self._leg
        headers = (("Reason", f"SIP;cause=200;text={quote_string(reason)}"),) if reason else ()
        self._shell.enter()
        if isinstance(leg, OutgoingLeg) and leg.state is LegState.CALLING:
            leg.cancel()
        elif isinstance(leg, IncomingLeg) and leg.state is LegState.RINGING:
            leg.reject(refuse_with)
        else:
            leg.bye(*headers)
        self._shell.pump()

    async def reinvite(self, direction: Direction) -> AgreedMedia:
        """Hold the peer (`SENDONLY` with music, `INACTIVE`) or resume (`SENDRECV`). Raises CallFailed when refused."""
        done: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        self._act(lambda: self._leg.reoffer.change(direction, lambda *result: _resolve(done, result)))
        code, phrase = await done
        if code >= 300 or self._leg.media is None:
            raise CallFailed(f"re-INVITE of call {self.info.call_id} was refused: {code} {phrase}", code)
        return self._leg.media

    async def hold(self) -> AgreedMedia:
        return await self.reinvite(Direction.SENDONLY)

    async def resume(self) -> AgreedMedia:
        return await self.reinvite(Direction.SENDRECV)

    async def refer(self, target: str = "", *, replaces: SipCall | None = None, hang_up: bool = True) -> ReferOutcome:
        """Transfer the peer to `target`, or to the peer of another call of ours (`replaces`). Waits for the outcome:
        at most 30 s after the peer's last word. With `hang_up` an accepted transfer ends this call (and that)."""
        if not target and replaces is None:
            raise SipError("refer needs a target or a call to replace")
        if target:
            _check_uri(target)
        done: asyncio.Future[ReferOutcome] = asyncio.get_running_loop().create_future()
        other = replaces._leg if replaces else None
        self._act(lambda: self._leg.transfer.refer(target, other, lambda outcome: _resolve(done, outcome)))
        outcome = await done
        if hang_up and outcome.status is ReferStatus.ACCEPTED:
            await self.bye("transferred")
            if replaces is not None:
                await replaces.bye("transferred")
        return outcome

    def notify(self, code: int, phrase: str = "") -> None:
        """Tell the peer how the call stands that its REFER asked for (`TransferRequested`)."""
        self._act(lambda: self._leg.transfer.notify(code, phrase))

    def take(self, event: CallEvent) -> None:
        """From the endpoint: an event of the leg."""
        if isinstance(event, Confirmed) and not self._settled.done():
            self._settled.set_result(None)
        if isinstance(event, Ended):
            self.end = event
            self._ended.set()
            if not self._settled.done():
                text = event.text or event.cause.value
                self._settled.set_exception(
                    CallFailed(f"call {self.info.call_id} ended: {text}", event.code, event.cause)
                )
                self._settled.exception()  # whoever does not wait for the answer need not hear of it
        self._events.put_nowait(event)
        if self.on_event is not None:
            self.on_event(event)

    async def settled(self) -> None:
        """Wait until the call is confirmed. Raises CallFailed when it ends before."""
        await asyncio.shield(self._settled)

    def _incoming(self) -> IncomingLeg:
        if not isinstance(self._leg, IncomingLeg):
            raise SipError(f"call {self.info.call_id} is one that we made: it cannot be answered or rejected")
        return self._leg

    def _act(self, act: Callable[[], None]) -> None:
        self._shell.enter()
        try:
            act()
        finally:
            self._shell.pump()


def _resolve(future: asyncio.Future[T], value: T) -> None:
    if not future.done():
        future.set_result(value)


def _check_uri(text: str) -> None:
    try:
        parse_uri(text)
    except ValueError as error:
        raise SipError(str(error)) from None
