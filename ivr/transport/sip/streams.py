"""TCP and TLS connections of the endpoint: framing, keep-alive, bounds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import cast

from ivr.transport.sip.framing import PING, PONG, FramingError, StreamFramer
from ivr.transport.sip.message import Peer

log = logging.getLogger(__name__)
FIRST_MESSAGE_S = 32.0
"""A connection that brings no message by then is closed."""
IDLE_S = 3600.0
"""A connection without a message for so long is closed; calls then use the peer's Contact."""
MAX_UNSENT_BYTES = 1024 * 1024
"""A peer that does not read is cut off."""


class StreamConnection(asyncio.Protocol):
    """One connection. `on_message` gets whole messages, `on_open` and `on_close` keep the endpoint's table."""

    def __init__(
        self,
        transport_name: str,
        on_message: Callable[[bytes, Peer], None],
        on_open: Callable[[StreamConnection], None],
        on_close: Callable[[StreamConnection], None],
    ) -> None:
        self.peer = Peer(transport_name, "", 0)
        self._on_message = on_message
        self._on_open = on_open
        self._on_close = on_close
        self._framer = StreamFramer()
        self._transport: asyncio.Transport | None = None
        self._watchdog: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        host, port = transport.get_extra_info("peername")[:2]
        self.peer = Peer(self.peer.transport, host, port)
        self._watch(FIRST_MESSAGE_S)
        self._on_open(self)

    def data_received(self, data: bytes) -> None:
        try:
            messages = self._framer.feed(data)
        except FramingError as error:
            log.warning("sip: closing %s: %s", self.peer, error)
            self.abort()
            return
        if messages:
            self._watch(IDLE_S)
        for message in messages:
            if message == PING:
                self.send(PONG)
            else:
                self._on_message(message, self.peer)

    def _watch(self, seconds: float) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
        self._watchdog = asyncio.get_running_loop().call_later(seconds, self.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
        self._transport = None
        self._on_close(self)

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            log.warning("sip: closing %s: it does not read", self.peer)
            self.abort()
            return
        self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
