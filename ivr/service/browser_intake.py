"""Calls that come from a web page: offer in, answer out, then the call as any other, with captions on the data channel.

What the page sends there: `{"type": "digit", "digit": "5"}`, `{"type": "hang_up"}`. What it gets: the messages of
`ivr.service.captions`, and `{"type": "ended", "reason": ...}` before the line goes down.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ivr.call.driver import CallDriver
from ivr.call.events import CallerGone, DigitPressed, HangUp, MediaLost
from ivr.errors import InputError, TransportError
from ivr.service.captions import Captions
from ivr.service.hotline import Hotline
from ivr.service.visitors import VisitorLimit
from ivr.transport.base import CallInfo
from ivr.transport.rtp.leg import RtpSettings
from ivr.transport.webrtc.config import IceSettings
from ivr.transport.webrtc.peer import WebRtcPeer

_log = logging.getLogger(__name__)

RETRY_AFTER_S = 10
_KEYS = frozenset("0123456789*#ABCD")
_NUMBER = re.compile(r"\+?[0-9]{3,20}")
_LINGER_S = 0.4
"""The page gets `ended` before its connection goes."""


class Busy(TransportError):
    """No new call can be taken now; try again after `retry_after_s`."""

    def __init__(self, reason: str, retry_after_s: float = RETRY_AFTER_S) -> None:
        super().__init__(reason)
        self.retry_after_s = max(1, round(retry_after_s))


@dataclass(slots=True)
class BrowserLine:
    """A caller's browser with its call."""

    info: CallInfo
    address: str
    language: str
    peer: WebRtcPeer
    driver: CallDriver | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)
    reason: str = ""


def caller_number(text: str) -> str:
    """What a visitor gives as his number, without the usual separators; empty = withheld. Raises InputError."""
    number = re.sub(r"[\s().-]", "", text)
    if number and not _NUMBER.fullmatch(number):
        raise InputError("caller: a telephone number has 3 to 20 digits, with + in front at most")
    return number


class BrowserIntake:
    """Takes calls of web pages. `refuse` says why a new call cannot be taken now, or nothing."""

    def __init__(
        self, hotline: Hotline, ice: IceSettings, rtp: RtpSettings, refuse: Callable[[], str], limit: VisitorLimit,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._hotline, self._ice, self._rtp, self._refuse = hotline, ice, rtp, refuse
        self._limit, self._clock = limit, clock
        self.lines: dict[str, BrowserLine] = {}
        """By call id, from the offer on."""
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def languages(self) -> tuple[str, ...]:
        """What callers may choose from."""
        return tuple(self._hotline.bundle.definition.hotline.languages)

    def setting_up(self) -> int:
        """Calls that are answered but have no audio yet."""
        return sum(line.driver is None for line in self.lines.values())

    async def call(self, offer: str, *, address: str, caller: str = "", language: str = "") -> tuple[str, str]:
        """The call's id and the answer. Raises Busy, SdpError for an unusable offer, InputError for a wrong language
        or number."""
        number = caller_number(caller)
        if language and language not in self.languages:
            raise InputError(f"language: the hotline speaks {', '.join(self.languages)}")
        admit(self._refuse, self._limit, address, self._clock())
        self._limit.begin(address, self._clock())
        try:
            line, answer = await self._set_up(offer, address, number, language)
        except BaseException:
            self._limit.end(address)
            raise
        task = asyncio.get_running_loop().create_task(self._serve(line), name=f"browser call {line.info.call_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return line.info.call_id, answer

    async def close(self, drain_s: float = 0.0) -> None:
        """The service stops; calls in progress may go on so long."""
        if self._tasks and drain_s > 0:
            await asyncio.wait(self._tasks, timeout=drain_s)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _set_up(self, offer: str, address: str, caller: str, language: str) -> tuple[BrowserLine, str]:
        call_id = f"web-{secrets.token_hex(8)}"
        info = CallInfo(call_id, caller, "web", "webrtc")
        peer = WebRtcPeer(
            self._ice, self._rtp, on_lost=lambda: self._lost(call_id),
            on_message=lambda message: self._message(call_id, message),
            on_closed=lambda reason: self._gone(call_id, reason),
        )  # fmt: skip
        line = BrowserLine(info, address, language, peer)
        self.lines[call_id] = line
        try:
            return line, await peer.accept(offer)
        except BaseException:
            del self.lines[call_id]
            await peer.close()
            raise

    async def _serve(self, line: BrowserLine) -> None:
        try:
            if await self._connected(line):
                self._begin(line)
                await line.over.wait()
                line.peer.send({"type": "ended", "reason": line.reason})
                await asyncio.sleep(_LINGER_S)
        finally:
            del self.lines[line.info.call_id]
            self._limit.end(line.address)
            if line.driver is not None and not line.driver.over:  # the task was cancelled: the service stops
                line.driver.abort("service stopping")
            await line.peer.close()

    async def _connected(self, line: BrowserLine) -> bool:
        """The bot speaks when there is somebody to hear it."""
        waits = [asyncio.ensure_future(event.wait()) for event in (line.peer.connected, line.over)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED, timeout=self._ice.setup_s + 1)
        finally:
            for wait in waits:
                wait.cancel()
        return line.peer.connected.is_set() and not line.over.is_set()

    def _begin(self, line: BrowserLine) -> None:
        def on_end(driver: CallDriver, hang_up: HangUp) -> None:
            line.reason = hang_up.outcome
            line.over.set()

        line.driver = driver = self._hotline.begin(line.info, line.peer.leg, on_end, language=line.language)
        captions = Captions(line.peer.send)
        driver.listeners.append(captions.on_events)

    # -- the page and its line

    def _message(self, call_id: str, message: Mapping[str, Any]) -> None:
        line = self.lines.get(call_id)
        if line is None:
            return
        kind, digit = message.get("type"), message.get("digit")
        if kind == "hang_up":
            self._gone(call_id, "hung up")
        elif kind == "digit" and isinstance(digit, str) and digit in _KEYS and line.driver is not None:
            line.driver.deliver(DigitPressed(digit, "browser"))

    def _gone(self, call_id: str, reason: str) -> None:
        line = self.lines.get(call_id)
        if line is None:
            return
        if line.driver is None:
            line.over.set()
        elif not line.driver.over:
            line.driver.deliver(CallerGone(reason))

    def _lost(self, call_id: str) -> None:
        """From the pacer: the browser is silent."""
        line = self.lines.get(call_id)
        if line is not None and line.driver is not None:
            line.driver.later(MediaLost(int(self._rtp.silence_s * 1000)))


def admit(refuse: Callable[[], str], limit: VisitorLimit, address: str, now: float) -> None:
    """Raises Busy."""
    busy = refuse()
    if busy:
        _log.warning("a visitor's call is refused: %s", busy)
        raise Busy(busy)
    wait = limit.wait_s(address, now)
    if wait > 0:
        raise Busy("too many calls from this address; try again in a moment", wait)
