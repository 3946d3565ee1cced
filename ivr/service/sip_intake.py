"""Calls that come by SIP: answered, given audio by RTP, followed until one side hangs up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ivr.call.driver import CallDriver
from ivr.call.events import CallerGone, DigitPressed, HangUp, MediaLost
from ivr.errors import RtpError, TransportError
from ivr.service.hotline import Hotline
from ivr.transport.base import CallInfo
from ivr.transport.rtp.leg import RtpLeg, RtpSettings
from ivr.transport.rtp.ports import PortRange
from ivr.transport.sip.call import SipCall
from ivr.transport.sip.endpoint import SipEndpoint
from ivr.transport.sip.events import Ended, Key, MediaChanged
from ivr.transport.sip.sdp import AgreedMedia, LocalMedia

_log = logging.getLogger(__name__)


DIAL_S = 40.0
"""A phone that we call rings so long."""


@dataclass(slots=True)
class SipLine:
    """A caller's SIP call with its audio and its driver."""

    call: SipCall
    leg: RtpLeg
    driver: CallDriver | None = None
    transferred: bool = False
    """The caller was given away by REFER: his BYE is no hang-up of ours to answer."""


def apply_media(leg: RtpLeg, media: AgreedMedia) -> None:
    """Tell the RTP leg what the signalling agreed. Raises RtpError."""
    leg.set_remote(
        media.address, media.port, dict(media.receive_types), media.direction.value, send=media.codec.payload_type,
        event_type=media.telephone_event, ptime_ms=media.ptime, rtcp_port=media.rtcp_port,
    )  # fmt: skip


class SipIntake:
    """The endpoint's `on_call`. `refuse` says why a new call cannot be taken now, or nothing."""

    def __init__(
        self,
        hotline: Hotline,
        ports: PortRange,
        rtp: RtpSettings,
        refuse: Callable[[], str],
        languages: Mapping[str, str] | None = None,
        retry_after_s: int = 10,
    ) -> None:
        self._hotline = hotline
        self._ports = ports
        self._rtp = rtp
        self._refuse = refuse
        self._languages = dict(languages or {})
        self._retry_after = str(retry_after_s)
        self.lines: dict[str, SipLine] = {}
        """By call id."""
        self.dialer: SipEndpoint | None = None
        """For calls that the hotline makes."""

    async def on_call(self, call: SipCall) -> None:
        """Runs for the whole of a call."""
        busy = self._refuse()
        if busy:
            _log.warning("call %s refused: %s", call.info.call_id, busy)
            call.reject(503, headers=(("Retry-After", self._retry_after),))
            return
        leg = self._open(call)
        if leg is None:
            return
        line = SipLine(call, leg)
        try:
            call.ring()
            await call.answer(LocalMedia(leg.address, leg.port))
            assert call.media is not None
            apply_media(leg, call.media)
            self.lines[call.info.call_id] = line
            info = call.info
            await self._serve(line, info, language=self._languages.get(info.called, ""))
        except TransportError as error:
            _log.info("call %s: not answered: %s", call.info.call_id, error)
        finally:
            self.lines.pop(call.info.call_id, None)
            leg.close()
            await call.bye()

    async def call_out(
        self, number: str, uri: str, *, language: str, entry: str, on_answer: Callable[[str], None]
    ) -> None:
        """Call a number and lead the call through the hotline from the flow `entry` on; returns when it is over.
        `on_answer` gets its id before the flow begins. Raises TransportError when nobody answers, or the lines are
        busy."""
        busy = self._refuse()
        if busy or self.dialer is None:
            raise TransportError(f"no call can be made now: {busy or 'no telephony'}")
        lines: list[SipLine] = []

        def on_lost() -> None:
            if lines and lines[0].driver is not None and lines[0].driver.room is None:
                lines[0].driver.later(MediaLost(int(self._rtp.silence_s * 1000)))

        leg = RtpLeg(self._ports, self._rtp, on_lost)
        try:
            call = await self.dialer.dial(uri, LocalMedia(leg.address, leg.port), timeout_s=DIAL_S)
        except BaseException:
            leg.close()
            raise
        line = SipLine(call, leg)
        lines.append(line)
        # The person is on both ends of the information: theirs is the place in the queue, and the number to show.
        info = CallInfo(call.info.call_id, number, number, "sip")
        try:
            assert call.media is not None
            apply_media(leg, call.media)
            self.lines[info.call_id] = line
            on_answer(info.call_id)
            await self._serve(line, info, language=language, direction="outbound", entry=entry)
        finally:
            self.lines.pop(info.call_id, None)
            leg.close()
            await call.bye()

    def _open(self, call: SipCall) -> RtpLeg | None:
        def on_lost() -> None:
            line = self.lines.get(call.info.call_id)
            if line is not None and line.driver is not None and line.driver.room is None:
                line.driver.later(MediaLost(int(self._rtp.silence_s * 1000)))

        try:
            leg = RtpLeg(self._ports, self._rtp, on_lost)
        except RtpError as error:
            _log.error("call %s refused: %s", call.info.call_id, error)
            call.reject(503, headers=(("Retry-After", self._retry_after),))
            return None
        return leg

    async def _serve(
        self, line: SipLine, info: CallInfo, *, language: str, direction: str = "inbound", entry: str = ""
    ) -> None:
        over = asyncio.Event()

        def on_end(driver: CallDriver, hang_up: HangUp) -> None:
            over.set()

        line.driver = self._hotline.begin(
            info, line.leg, on_end, language=language, direction=direction, entry=entry
        )  # fmt: skip
        follow = asyncio.create_task(self._follow(line, line.driver))
        try:
            await over.wait()
        finally:
            follow.cancel()
            if not line.driver.over:  # the task was cancelled: the service stops
                line.driver.abort("service stopping")

    async def _follow(self, line: SipLine, driver: CallDriver) -> None:
        """The peer's signals while the call is up."""
        while True:
            event = await line.call.next_event()
            if isinstance(event, MediaChanged):
                try:
                    apply_media(line.leg, event.media)
                except RtpError as error:
                    _log.error("call %s: new media refused: %s", driver.info.call_id, error)
            elif isinstance(event, Key):
                driver.deliver(DigitPressed(event.digit.digit, event.digit.source))
            elif isinstance(event, Ended):
                driver.deliver(CallerGone(f"{event.cause.value} {event.text}".strip()))
                return
