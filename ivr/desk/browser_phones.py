"""Agents' browsers as their phones: rung by a message to the page, answered by its WebRTC offer, or by text for a chat.

`BrowserPhones` stands where the SIP endpoint and the RTP legs stand for agents with a telephone: the ringer dials
`browser:NAME` on it. The desk's page holds a `BrowserPhone` open (a WebSocket, `ivr.console.api.phone`), over which

    to the page     {"type": "ring", "ring": ID, "call_id", "caller", "queue", "kind": "voice"|"chat"}
                    {"type": "connected", "ring": ID, "sdp": ANSWER}         the talk begins; no sdp for a chat
                    {"type": "stopped", "ring": ID, "reason"}                it rings no more, or the talk is over
                    {"type": "line", "call_id", "speaker", "text"}           a chat's next line
    from the page   {"type": "accept", "ring": ID, "sdp": OFFER}             no sdp for a chat
                    {"type": "reject", "ring": ID}, {"type": "hang_up", "ring": ID}
                    {"type": "say", "ring": ID, "text"}                      in a chat

A page that goes away stops ringing; a talk goes on, as its audio has a connection of its own, and ends by itself when
that one is gone too. A chat has the page only: it waits `page_gone_s` for another one to come.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ivr.audio.frame import SILENCE, AudioFrame
from ivr.desk.background import Background
from ivr.errors import SdpError, SipError, TransportError
from ivr.transport.base import Digit, MediaLeg
from ivr.transport.rtp.leg import RtpSettings
from ivr.transport.sip.auth import Credentials
from ivr.transport.sip.call import CallFailed
from ivr.transport.sip.events import CallEvent, EndCause, Ended
from ivr.transport.sip.sdp import PCMU, AgreedMedia, Direction, LocalMedia
from ivr.transport.webrtc.config import IceSettings
from ivr.transport.webrtc.peer import WebRtcPeer

_log = logging.getLogger(__name__)

BROWSER = "browser"
"""An agent's `uri` that is no SIP address: the desk's page is the phone."""
CHAT = "chat"
"""`CallInfo.transport` of a call by text: any agent takes it at the desk, whatever the phone."""
PAGE_S = 5.0
"""An agent without an open page is waited for so long."""
CONNECT_S = 10.0
"""A browser that has answered must have its audio through by then."""
TEXT_MAX = 2000
"""Characters of one message in a chat."""
Message = dict[str, Any]
Tell = Callable[[Message], None]


class TextLeg:
    """The audio of who has none."""

    def read(self) -> AudioFrame:
        return AudioFrame(SILENCE)

    def write(self, frame: AudioFrame) -> None:
        """Nobody hears it."""

    def take_digits(self) -> list[Digit]:
        return []

    def send_digits(self, digits: str) -> None:
        """Nobody has keys."""


class BrowserMedia:
    """An agent's audio, once the page has answered (`ivr.desk.lines.AgentMedia`)."""

    def __init__(self, token: str, on_lost: Callable[[], None], forget: Callable[[BrowserMedia], None]) -> None:
        self.token, self.on_lost, self._forget = token, on_lost, forget
        self.peer: WebRtcPeer | None = None

    @property
    def local(self) -> LocalMedia:
        """Where no address is needed, this says which media the dialled call is for."""
        return LocalMedia(self.token, 0)

    @property
    def leg(self) -> MediaLeg:
        return self.peer.leg if self.peer is not None else TextLeg()

    def connect(self, media: AgreedMedia) -> None:
        """The answer to the page's offer has settled that."""

    def close(self) -> None:
        self._forget(self)


@dataclass
class BrowserCall:
    """A ring on an agent's pages, and the talk that comes of it (`ivr.desk.lines.AgentCall`)."""

    id: str
    agent: str
    call_id: str
    caller: str
    queue: str
    kind: str
    answered: asyncio.Future[BrowserPhone]
    events: asyncio.Queue[CallEvent] = field(default_factory=asyncio.Queue)
    page: BrowserPhone | None = None
    """The one that has answered."""
    peer: WebRtcPeer | None = None
    over: bool = False
    on_bye: Callable[[BrowserCall, str], None] = field(default=lambda call, reason: None)

    @property
    def media(self) -> AgreedMedia:
        return AgreedMedia(BROWSER, 0, 0, PCMU, (), None, 20, Direction.SENDRECV)

    async def next_event(self) -> CallEvent:
        return await self.events.get()

    async def bye(self, reason: str = "") -> None:
        self.on_bye(self, reason)

    def end(self, cause: EndCause, text: str) -> None:
        """The agent's side is over."""
        if not self.over:
            self.over = True
            self.events.put_nowait(Ended(cause, 0, text))


class BrowserPhone:
    """One page of an agent's desk."""

    def __init__(self, phones: BrowserPhones, agent: str, tell: Tell) -> None:
        self.agent, self.tell = agent, tell
        self._phones = phones

    async def receive(self, message: Mapping[str, Any]) -> None:
        """What the page says; what makes no sense (any more) is answered by `stopped` or ignored."""
        kind, ring = message.get("type"), str(message.get("ring", ""))
        if kind == "accept":
            await self._phones.accept(self, ring, str(message.get("sdp", "")))
        elif kind == "reject":
            self._phones.reject(self, ring)
        elif kind == "hang_up":
            self._phones.hang_up(self, ring, "hung up")
        elif kind == "say":
            text = str(message.get("text", "")).replace("\0", "").strip()[:TEXT_MAX]
            if text:
                self._phones.say(self, ring, text)


class BrowserPhones:
    """All agents' pages of a process: dials them (`Dialer`) and carries their audio (`LegFactory`)."""

    def __init__(
        self, ice: IceSettings | None = None, rtp: RtpSettings | None = None, page_gone_s: float = 20.0
    ) -> None:
        self._ice, self._rtp, self._page_gone_s = ice or IceSettings(), rtp or RtpSettings(), page_gone_s
        self._pages: dict[str, set[BrowserPhone]] = {}
        """By agent."""
        self._coming: dict[str, asyncio.Event] = {}
        """Agents who are rung and have no page open, by name."""
        self._calls: dict[str, BrowserCall] = {}
        """Rings and talks."""
        self._media: dict[str, BrowserMedia] = {}
        self._background = Background("agents' pages")
        self.on_chat: Callable[[str], None] = lambda call_id: None
        """A chat has been answered."""
        self.on_say: Callable[[str, str, str], None] = lambda call_id, agent, text: None
        """In a chat: the call, the agent, and what the agent writes to the caller."""

    # -- the desk's pages

    def attach(self, agent: str, tell: Tell) -> BrowserPhone:
        """A page of this agent is open: it learns what rings, and which chats are on."""
        phone = BrowserPhone(self, agent, tell)
        self._pages.setdefault(agent, set()).add(phone)
        self._coming.pop(agent, asyncio.Event()).set()
        for call in self._calls.values():
            if call.agent == agent and not call.over:
                if call.page is None:
                    tell(_ring(call))
                elif call.kind == CHAT and call.page not in self._pages[agent]:
                    call.page = phone
                    tell(_ring(call) | {"type": "resumed"})
        return phone

    def detach(self, phone: BrowserPhone) -> None:
        pages = self._pages.get(phone.agent, set())
        pages.discard(phone)
        if not pages:
            self._pages.pop(phone.agent, None)
        for call in tuple(self._calls.values()):
            if call.page is phone and call.kind == CHAT:
                asyncio.get_running_loop().call_later(self._page_gone_s, self._still_gone, call, phone)

    def present(self, agent: str) -> bool:
        """A page of the agent's desk is open."""
        return agent in self._pages

    def tell(self, call_id: str, message: Message) -> bool:
        """News for the page that has this call, as a chat's next line. False = no page has it."""
        told = False
        for call in self._calls.values():
            if call.call_id == call_id and call.page is not None and not call.over:
                call.page.tell(message | {"call_id": call_id})
                told = True
        return told

    async def close(self) -> None:
        """Hang up all."""
        for call in tuple(self._calls.values()):
            self._bye(call, "the service stops")
        for media in tuple(self._media.values()):
            media.close()
        await self._background.close()

    # -- what a page says

    async def accept(self, phone: BrowserPhone, ring: str, offer: str) -> None:
        call = self._calls.get(ring)
        if call is None or call.agent != phone.agent or call.page is not None or call.answered.done():
            phone.tell({"type": "stopped", "ring": ring, "reason": "it rings no more"})
            return
        call.page = phone  # from here on no other page can take it
        connected: Message = {"type": "connected", "ring": ring}
        if call.kind != CHAT:
            try:
                connected["sdp"] = await self._answer(call, offer)
            except (SdpError, TransportError) as error:
                _log.warning("agent %s: the browser's offer cannot be answered: %s", phone.agent, error)
                self._fail(call, 488, str(error))
                return
        if call.answered.done():  # it stopped ringing meanwhile
            phone.tell({"type": "stopped", "ring": ring, "reason": "it rings no more"})
            return
        phone.tell(connected)
        for other in self._pages.get(call.agent, set()) - {phone}:
            other.tell({"type": "stopped", "ring": ring, "reason": "answered on another page"})
        if call.peer is None:
            call.answered.set_result(phone)
            self.on_chat(call.call_id)
        else:
            self._background.start(self._when_connected(call, phone, call.peer))

    async def _when_connected(self, call: BrowserCall, phone: BrowserPhone, peer: WebRtcPeer) -> None:
        """The caller is put through to somebody who can be heard, not to an answer on its way."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(peer.connected.wait(), CONNECT_S)
        if call.answered.done():
            return
        if peer.connected.is_set() and not peer.closed:
            call.answered.set_result(phone)
        else:
            self._fail(call, 488, "the browser's audio could not be connected")

    def reject(self, phone: BrowserPhone, ring: str) -> None:
        call = self._own(phone, ring)
        if call is not None and call.page is None:
            self._fail(call, 603, "refused")

    def hang_up(self, phone: BrowserPhone, ring: str, reason: str) -> None:
        call = self._own(phone, ring)
        if call is not None and call.page is not None:
            self._fail(call, 603, reason)
            call.end(EndCause.REMOTE_BYE, reason)

    def say(self, phone: BrowserPhone, ring: str, text: str) -> None:
        call = self._own(phone, ring)
        if call is not None and call.page is phone and call.kind == CHAT and call.answered.done():
            self.on_say(call.call_id, call.agent, text)

    def _own(self, phone: BrowserPhone, ring: str) -> BrowserCall | None:
        call = self._calls.get(ring)
        return call if call is not None and call.agent == phone.agent else None

    async def _answer(self, call: BrowserCall, offer: str) -> str:
        media = self._media.get(call.id)
        if media is None:
            raise SipError("it rings no more")
        peer = WebRtcPeer(
            self._ice, self._rtp, on_lost=lambda: call.end(EndCause.FAILED, "no audio"),
            on_message=lambda message: self._page_says(call, message),
            on_closed=lambda reason: self._closed(call, reason),
        )  # fmt: skip
        media.peer = call.peer = peer
        return await peer.accept(offer)

    def _closed(self, call: BrowserCall, reason: str) -> None:
        self._fail(call, 488, reason)
        call.end(EndCause.FAILED, reason)

    def _page_says(self, call: BrowserCall, message: Message) -> None:
        if message.get("type") == "hang_up":
            call.end(EndCause.REMOTE_BYE, "hung up")

    def _still_gone(self, call: BrowserCall, phone: BrowserPhone) -> None:
        if call.page is phone and self._calls.get(call.id) is call:
            call.end(EndCause.FAILED, "the desk's page is gone")

    # -- LegFactory

    def open(self, on_lost: Callable[[], None]) -> BrowserMedia:
        media = BrowserMedia(secrets.token_hex(8), on_lost, self._forget)
        self._media[media.token] = media
        return media

    def _forget(self, media: BrowserMedia) -> None:
        if self._media.pop(media.token, None) is not None and media.peer is not None:
            self._background.start(media.peer.close())

    # -- Dialer

    async def dial(
        self, target: str, local: LocalMedia, *, from_uri: str = "", headers: Sequence[tuple[str, str]] = (),
        timeout_s: float = 60.0, credentials: Credentials | None = None,
    ) -> BrowserCall:  # fmt: skip
        """Ring `browser:NAME`. Raises CallFailed: 480 nobody is there, 408 no answer, 603 refused, 488 no audio."""
        agent, known = target.removeprefix(f"{BROWSER}:"), dict(headers)
        if agent not in self._pages and not await self._page_comes(agent):
            raise CallFailed(f"no desk of {agent} is open in a browser", 480)
        call = BrowserCall(
            local.address, agent, known.get("X-Call-Id", ""), known.get("X-Caller", ""), known.get("X-Queue", ""),
            CHAT if known.get("X-Transport") == CHAT else "voice", asyncio.get_running_loop().create_future(),
            on_bye=self._bye,
        )  # fmt: skip
        self._calls[call.id] = call
        for page in tuple(self._pages.get(agent, ())):
            page.tell(_ring(call) | {"ring_s": timeout_s})
        try:
            async with asyncio.timeout(timeout_s):
                await call.answered
        except TimeoutError:
            self._stop(call, "nobody answered")
            raise CallFailed(f"{agent} did not answer", 408) from None
        except BaseException as error:
            self._stop(call, "the call was withdrawn" if isinstance(error, asyncio.CancelledError) else str(error))
            raise
        return call

    async def _page_comes(self, agent: str) -> bool:
        """Whoever has just said that he takes calls, or loads his page again, is back in a moment."""
        coming = self._coming.setdefault(agent, asyncio.Event())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(coming.wait(), PAGE_S)
        return agent in self._pages

    def _fail(self, call: BrowserCall, code: int, reason: str) -> None:
        if not call.answered.done():
            call.answered.set_exception(CallFailed(reason, code))

    def _bye(self, call: BrowserCall, reason: str) -> None:
        self._stop(call, reason or "the caller hung up")
        call.end(EndCause.LOCAL_BYE, reason)

    def _stop(self, call: BrowserCall, reason: str) -> None:
        if self._calls.pop(call.id, None) is None:
            return
        call.answered.cancel()
        for page in self._pages.get(call.agent, ()):
            if call.page is None or call.page is page:
                page.tell({"type": "stopped", "ring": call.id, "call_id": call.call_id, "reason": reason})


def _ring(call: BrowserCall) -> Message:
    return {
        "type": "ring", "ring": call.id, "call_id": call.call_id, "caller": call.caller, "queue": call.queue,
        "kind": call.kind,
    }  # fmt: skip
