"""One browser: ICE, DTLS and SCTP by aiortc; RTP, its jitter buffer and its codecs are our own.

aiortc's peer connection would decode in a thread of its own a call and encode in an executor; so only its transports
are used, and its frames never leave the media tick. Three of its inner methods are needed for that, all in
`_Transport` and `_Gatherer` below.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aioice import Connection
from aioice.ice import get_host_addresses
from aiortc import (
    RTCCertificate,
    RTCDataChannel,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    RTCIceGatherer,
    RTCIceParameters,
    RTCIceServer,
    RTCIceTransport,
    RTCSctpCapabilities,
    RTCSctpTransport,
)
from aiortc.exceptions import InvalidStateError
from aiortc.sdp import candidate_from_sdp, candidate_to_sdp

from ivr.errors import RtpError
from ivr.transport.rtp.leg import RtpLeg, RtpSettings
from ivr.transport.webrtc.config import IceSettings
from ivr.transport.webrtc.link import DtlsLink
from ivr.transport.webrtc.sdp import Offer, our_direction, read_offer, write_answer

_log = logging.getLogger(__name__)

MESSAGE_MAX: Final = 4096
"""Characters of a message from a browser."""
_UNSENT_MAX: Final = 64 * 1024
"""A data channel that is so many bytes behind gets no more news: nobody reads there."""
_EARLY_MAX: Final = 100
"""Messages kept until the data channel is open."""


class WebRtcPeer:
    """A browser's call, from its offer to its end.

    Let `accept` answer, give `leg` to the pacer, `close` in the end. `on_message` hears what the page sends on its
    data channel (a JSON object each), `on_closed` once why the connection is over, unless `close` ended it.
    """

    def __init__(
        self,
        ice: IceSettings,
        rtp: RtpSettings,
        *,
        on_lost: Callable[[], None] | None = None,
        on_message: Callable[[dict[str, Any]], None] | None = None,
        on_closed: Callable[[str], None] | None = None,
    ) -> None:
        self._ice_settings = ice
        self._on_message, self._on_closed = on_message, on_closed
        self._gatherer = _Gatherer(ice)
        self._ice = RTCIceTransport(self._gatherer)
        self._dtls = _Transport(self._ice, self._receive)
        self._sctp = RTCSctpTransport(self._dtls)
        self._sctp.on("datachannel", self._on_channel)
        self._dtls.on("statechange", self._state_changed)
        self._ice.on("statechange", self._state_changed)
        self._link = DtlsLink(self._dtls._send_rtp)
        self.leg = RtpLeg(self._link, rtp, on_lost)
        self._channel: RTCDataChannel | None = None
        self._early: list[str] = []
        self._connecting: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self.connected = asyncio.Event()
        """ICE and DTLS are through: audio flows."""
        self.closed = False

    async def accept(self, offer_text: str) -> str:
        """Answer an offer; the connection is set up behind that. Raises SdpError for an offer that cannot be
        answered, RtpError when no socket can be had."""
        offer = read_offer(offer_text)
        try:
            await self._gatherer.gather()
        except OSError as error:
            raise RtpError(f"no socket for a browser's audio: {error.strerror or error}") from error
        self._dtls._set_role("client" if offer.setup == "active" else "server")
        payload, name = offer.codecs[0]
        direction = our_direction(offer.direction)
        self.leg.set_remote(
            "browser", 0, {payload: name}, direction, send=payload, event_type=offer.events,  # type: ignore[arg-type]
        )  # fmt: skip
        self._connecting = asyncio.get_running_loop().create_task(self._connect(offer), name="webrtc set-up")
        local = self._gatherer.getLocalParameters()
        return write_answer(
            offer, session=secrets.randbits(62), ufrag=local.usernameFragment or "", password=local.password or "",
            candidates=[candidate_to_sdp(candidate) for candidate in self._gatherer.getLocalCandidates()],
            fingerprints=[f"{one.algorithm} {one.value}" for one in self._dtls.getLocalParameters().fingerprints],
            ssrc=self.leg.ssrc, cname=secrets.token_hex(8), sctp_port=self._sctp.port,
            max_message=RTCSctpTransport.getCapabilities().maxMessageSize,
        )  # fmt: skip

    def send(self, message: Mapping[str, Any]) -> None:
        """Tell the page something. What comes before its data channel is open waits; a page that does not read gets
        no more."""
        text = json.dumps(message, ensure_ascii=False)
        channel = self._channel
        if channel is None:
            if len(self._early) < _EARLY_MAX:
                self._early.append(text)
        elif channel.bufferedAmount < _UNSENT_MAX:
            with contextlib.suppress(InvalidStateError):
                channel.send(text)

    async def close(self) -> None:
        """Hang up. Twice does no harm."""
        if self._closing is None:
            self.closed = True
            self._closing = asyncio.get_running_loop().create_task(self._close(), name="webrtc close")
        await asyncio.shield(self._closing)

    # -- set-up

    async def _connect(self, offer: Offer) -> None:
        try:
            async with asyncio.timeout(self._ice_settings.setup_s):
                await self._find_way(offer)
                await self._dtls.start(
                    RTCDtlsParameters([RTCDtlsFingerprint(algorithm, value) for algorithm, value in offer.fingerprints])
                )
        except TimeoutError:
            self._lost("the connection could not be set up in time")
            return
        if self._dtls.state != "connected":
            self._lost("the connection could not be set up")
            return
        self._link.start()
        self.connected.set()
        if offer.data is not None:
            await self._sctp.start(RTCSctpCapabilities(offer.max_message), offer.sctp_port)

    async def _find_way(self, offer: Offer) -> None:
        """Names that only the browser's network knows (mDNS) take their time, so the checks begin meanwhile."""
        ways = asyncio.gather(*(self._add_way(line) for line in offer.candidates))
        checks = self._ice.start(RTCIceParameters(offer.ufrag, offer.password))
        await asyncio.gather(self._end_ways(ways), checks)

    async def _add_way(self, line: str) -> None:
        """One that cannot be read or used is one way less."""
        with contextlib.suppress(ValueError, AssertionError, IndexError, OSError):
            await self._ice.addRemoteCandidate(candidate_from_sdp(line))

    async def _end_ways(self, ways: Awaitable[object]) -> None:
        await ways
        await self._ice.addRemoteCandidate(None)

    # -- while it is up

    def _receive(self, data: bytes) -> None:
        self._link.receive(data, time.monotonic_ns())

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if self._channel is not None:  # one is enough
            channel.close()
            return
        self._channel = channel
        channel.on("message", self._take)
        early, self._early = self._early, []
        for text in early:
            with contextlib.suppress(InvalidStateError):
                channel.send(text)

    def _take(self, text: object) -> None:
        """Whatever a page sends: an object is handed on, the rest is ignored."""
        if not isinstance(text, str) or len(text) > MESSAGE_MAX:
            return
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            return
        if isinstance(message, dict) and self._on_message is not None:
            self._on_message(message)

    def _state_changed(self) -> None:
        if self._dtls.state == "closed":
            self._lost("the browser is gone")
        elif self._ice.state == "failed" and self.connected.is_set():
            self._lost("the connection broke")

    def _lost(self, reason: str) -> None:
        if self.closed:
            return
        self.closed = True
        _log.info("webrtc: %s", reason)
        if self._on_closed is not None:
            self._on_closed(reason)

    async def _close(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        self.leg.close()
        for part in (self._sctp, self._dtls, self._ice):
            try:
                async with asyncio.timeout(5):
                    await part.stop()
            except (TimeoutError, ConnectionError, OSError) as error:
                _log.warning("webrtc: %s does not end: %s", type(part).__name__, error)


class _Transport(RTCDtlsTransport):
    """DTLS-SRTP whose RTP and RTCP come to us as they are, decrypted."""

    def __init__(self, ice: RTCIceTransport, receive: Callable[[bytes], None]) -> None:
        super().__init__(ice, [_certificate()])
        self._receive = receive

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        self._receive(data)

    async def _handle_rtcp_data(self, data: bytes) -> None:
        self._receive(data)


class _Gatherer(RTCIceGatherer):
    """Candidates on the addresses that the settings name."""

    def __init__(self, settings: IceSettings) -> None:
        super().__init__(_servers(settings))
        self._connection = _Connection(settings.addresses, self._connection)


class _Connection(Connection):
    """aioice leaves out the loopback address, by which a browser on this very machine may be all there is."""

    def __init__(self, addresses: tuple[str, ...], like: Connection) -> None:
        super().__init__(
            ice_controlling=False, stun_server=like.stun_server, turn_server=like.turn_server,
            turn_username=like.turn_username, turn_password=like.turn_password, turn_ssl=like.turn_ssl,
            turn_transport=like.turn_transport,
        )  # fmt: skip
        self._addresses = addresses

    async def get_component_candidates(self, component: int, addresses: list[str], timeout: int = 5) -> Any:  # noqa: ASYNC109
        ours = list(self._addresses) or [*get_host_addresses(use_ipv4=True, use_ipv6=True), "127.0.0.1"]
        return await super().get_component_candidates(component, ours, timeout)


def _servers(settings: IceSettings) -> list[RTCIceServer]:
    servers = [RTCIceServer(settings.stun)] if settings.stun else []
    if settings.turn:
        servers.append(RTCIceServer(settings.turn, settings.turn_user, settings.turn_password))
    return servers


_made: list[RTCCertificate] = []


def _certificate() -> RTCCertificate:
    """One for the process: it names nobody, and making it costs more than a tick may take."""
    if not _made:
        _made.append(RTCCertificate.generateCertificate())
    return _made[0]
