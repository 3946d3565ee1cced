"""A leg's datagrams over an encrypted transport, in place of sockets of its own.

What comes waits here until the media tick drains it; what the tick sends is encrypted and sent a moment later, by a
task of this link, so that a tick never waits for a transport.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from ivr.errors import RtpError
from ivr.transport.rtp.packet import is_rtcp
from ivr.transport.rtp.session import SocketStats

_WAITING = 64
"""Datagrams kept for the next tick, and for the transport; the oldest go first."""
_STALE_NS = 1_000_000_000


class DtlsLink:
    """`ivr.transport.rtp.leg.MediaLink` on DTLS-SRTP. `transmit` encrypts and sends one datagram."""

    def __init__(self, transmit: Callable[[bytes], Awaitable[None]]) -> None:
        self._transmit = transmit
        self._incoming: deque[tuple[bytes, int]] = deque(maxlen=_WAITING)
        self._outgoing: deque[bytes] = deque(maxlen=_WAITING)
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.stats = SocketStats()
        self.address, self.port = "", 0
        self.remote: tuple[str, int] | None = None

    def start(self) -> None:
        """The transport is up."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._send_all(), name="dtls link")

    def set_remote(self, address: str, port: int, rtcp_port: int | None = None) -> None:
        """ICE has found the way; this only notes it."""
        self.remote = (address, port)

    def receive(self, data: bytes, now: int) -> None:
        """A decrypted RTP or RTCP datagram, come at `now` (ns, monotonic)."""
        self._incoming.append((data, now))

    def drain(self, now: int, media: Callable[[bytes, int], None], control: Callable[[bytes, int], None]) -> bool:
        """As `RtpSession.drain`."""
        good = False
        while self._incoming:
            data, arrival = self._incoming.popleft()
            if now - arrival > _STALE_NS:
                self.stats.stale += 1
                continue
            try:
                if is_rtcp(data):
                    control(data, arrival)
                else:
                    media(data, arrival)
                    good = True
            except RtpError:
                self.stats.malformed += 1
        return good

    def drain_control(self, now: int, control: Callable[[bytes, int], None]) -> None:
        """RTCP comes by the same way as RTP."""

    def send(self, datagram: bytes) -> None:
        if self._task is not None:
            self._outgoing.append(datagram)
            self._wake.set()

    def send_control(self, datagram: bytes) -> None:
        self.send(datagram)

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._outgoing.clear()
        self._incoming.clear()

    async def _send_all(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._outgoing:
                try:
                    await self._transmit(self._outgoing.popleft())
                except (ConnectionError, OSError):
                    self.stats.send_errors += 1
