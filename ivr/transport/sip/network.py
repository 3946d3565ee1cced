"""Sockets of the endpoint: one UDP socket, listeners for TCP and TLS, and the connections of both kinds."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Coroutine
from ipaddress import ip_address
from typing import cast

from ivr.errors import SipError
from ivr.transport.sip.config import SipConfig
from ivr.transport.sip.core import Outgoing
from ivr.transport.sip.message import Peer
from ivr.transport.sip.streams import StreamConnection
from ivr.transport.sip.transaction import Transaction

log = logging.getLogger(__name__)
CONNECT_S = 4.0
RESOLVED_S = 60.0
"""How long a looked-up address is used."""
MAX_RESOLVED = 1000


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, on_message: Callable[[bytes, Peer], None]) -> None:
        self._on_message = on_message

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._on_message(data, Peer("UDP", addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        # ICMP errors name no packet; the transaction's timers decide.
        log.debug("sip: UDP error: %s", exc)


class Network:
    """Delivers messages to `on_message`, sends the core's; `on_failure` hears of a transaction that cannot be sent."""

    def __init__(
        self,
        config: SipConfig,
        on_message: Callable[[bytes, Peer], None],
        on_failure: Callable[[Transaction], None],
    ) -> None:
        self._config = config
        self._on_message = on_message
        self._on_failure = on_failure
        self._udp: asyncio.DatagramTransport | None = None
        self._servers: list[asyncio.Server] = []
        self._connections: dict[Peer, StreamConnection] = {}
        self._connecting: dict[Peer, list[Outgoing]] = {}
        self._resolved: dict[str, tuple[str, float]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def connections(self) -> int:
        return len(self._connections)

    async def open(self) -> dict[str, tuple[str, int]]:
        """Bind; our (host, port) by transport. Raises SipError naming the address that cannot be had."""
        loop = asyncio.get_running_loop()
        config, bound = self._config, dict[str, tuple[str, int]]()
        port = config.port
        try:
            if config.udp:
                self._udp, _ = await loop.create_datagram_endpoint(
                    lambda: _Datagrams(self._on_message), local_addr=(config.host, port)
                )
                port = self._udp.get_extra_info("sockname")[1]
                bound["UDP"] = (config.host, port)
            if config.tcp:
                port = await self._listen("TCP", port, None)
                bound["TCP"] = (config.host, port)
            if config.tls is not None:
                bound["TLS"] = (config.host, await self._listen("TLS", config.tls_port, config.tls))
        except OSError as error:
            await self.close()
            raise SipError(f"cannot bind {config.host} port {port}: {error.strerror or error}") from error
        return bound

    async def _listen(self, name: str, port: int, context: ssl.SSLContext | None) -> int:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: self._connection(name), self._config.host, port, ssl=context)
        self._servers.append(server)
        return cast("int", server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in list(self._connections.values()):
            connection.close()
        if self._udp is not None:
            self._udp.close()
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()
        await asyncio.sleep(0)  # let the transports report that they are closed

    def send(self, outgoing: Outgoing) -> None:
        """Send now if the way is known; else find it first."""
        peer = outgoing.peer
        if peer.transport == "UDP":
            if _is_address(peer.host):
                self._send_datagram(outgoing, peer.host.strip("[]"))
            else:
                self._spawn(self._resolve_and_send(outgoing))
            return
        connection = self._connections.get(peer)
        if connection is not None and connection.is_open:
            connection.send(outgoing.data)
        elif outgoing.fallback is not None and outgoing.fallback != peer:
            self.send(outgoing._replace(peer=outgoing.fallback, fallback=None))
        elif peer in self._connecting:
            self._connecting[peer].append(outgoing)
        else:
            self._connecting[peer] = [outgoing]
            self._spawn(self._connect(peer))

    def _send_datagram(self, outgoing: Outgoing, host: str) -> None:
        if self._udp is None:
            self._fail(outgoing)
            return
        try:
            self._udp.sendto(outgoing.data, (host, outgoing.peer.port))
        except OSError as error:
            log.info("sip: cannot send to %s: %s", outgoing.peer, error)
            self._fail(outgoing)

    async def _resolve_and_send(self, outgoing: Outgoing) -> None:
        host = await self._resolve(outgoing.peer)
        if host is None:
            self._fail(outgoing)
        else:
            self._send_datagram(outgoing, host)

    async def _resolve(self, peer: Peer) -> str | None:
        loop = asyncio.get_running_loop()
        known = self._resolved.get(peer.host)
        if known is not None and known[1] > loop.time():
            return known[0]
        try:
            found = await loop.getaddrinfo(peer.host.strip("[]"), peer.port)
        except (OSError, UnicodeError) as error:
            log.info("sip: no address for %s: %s", peer.host, error)
            return None
        host = str(found[0][4][0])
        if len(self._resolved) >= MAX_RESOLVED:
            self._resolved.clear()
        self._resolved[peer.host] = (host, loop.time() + RESOLVED_S)
        return host

    async def _connect(self, peer: Peer) -> None:
        loop = asyncio.get_running_loop()
        context = None
        if peer.transport == "TLS":
            context = self._config.tls_client or ssl.create_default_context()
        host = peer.host.strip("[]")
        try:
            async with asyncio.timeout(CONNECT_S):
                _, connection = await loop.create_connection(
                    lambda: self._connection(peer.transport), host, peer.port, ssl=context,
                    server_hostname=host if context else None,
                )  # fmt: skip
        except (OSError, UnicodeError, TimeoutError) as error:
            log.info("sip: cannot connect to %s: %s", peer, error or "timeout")
            for outgoing in self._connecting.pop(peer):
                self._fail(outgoing)
            return
        self._connections[peer] = connection  # by the name it was asked for; `peername` is the other key
        for outgoing in self._connecting.pop(peer):
            connection.send(outgoing.data)

    def _connection(self, name: str) -> StreamConnection:
        return StreamConnection(name, self._on_message, self._opened, self._closed)

    def _opened(self, connection: StreamConnection) -> None:
        if len(self._connections) >= self._config.max_connections:
            log.warning("sip: refusing %s: %d connections are open", connection.peer, len(self._connections))
            connection.abort()
            return
        self._connections[connection.peer] = connection

    def _closed(self, connection: StreamConnection) -> None:
        for peer in [peer for peer, known in self._connections.items() if known is connection]:
            del self._connections[peer]

    def _fail(self, outgoing: Outgoing) -> None:
        if outgoing.owner is not None:
            self._on_failure(outgoing.owner)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
