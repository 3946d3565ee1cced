"""The sockets of one call's media: who may send to us, where we send, and RTCP beside it.

Nothing here waits. The 20 ms tick drains the sockets, which is cheaper than an event loop's wake-up for each packet
(half the cost of the way in); Linux's own time stamps say when a packet really came.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ivr.errors import RtpError
from ivr.transport.rtp.packet import is_rtcp
from ivr.transport.rtp.ports import MediaSockets, PortRange

_SO_TIMESTAMPNS = 35
"""Linux: the kernel stamps each datagram (the constant is not in the socket module)."""
_TIMESPEC = struct.Struct("@qq")
_ANCILLARY = socket.CMSG_SPACE(_TIMESPEC.size) if hasattr(socket, "CMSG_SPACE") else 0
_DATAGRAM = 2048
_BURST = 64
"""Datagrams taken in one tick at most; more wait for the next."""
_STALE_NS = 1_000_000_000


@dataclass(slots=True)
class SocketStats:
    """Datagrams that did not go the normal way."""

    foreign: int = 0
    """From an address that is not the peer's: dropped."""
    malformed: int = 0
    stale: int = 0
    """Waited over a second for us to read them: dropped."""
    send_errors: int = 0


class RtpSession:
    """RTP and RTCP sockets of one call.

    The peer is learnt from the first datagram that fits the address of the session description; later only `set_remote`
    changes it, so nobody can take over a running stream ("RTP bleed"). With `symmetric` the first datagram may come
    from anywhere and is answered there: for peers behind NAT whose description names a private address.
    """

    def __init__(self, ports: PortRange, symmetric: bool = False) -> None:
        """Raises RtpError when no port is free."""
        self._ports = ports
        self._pair: MediaSockets = ports.open()
        self.port = self._pair.port
        self._symmetric = symmetric
        self._host, self._sdp_port = "", 0
        self._learnt = False
        self._source: Any = None
        """The address that may send to us, in the form that the socket gives."""
        self._target: tuple[str, int] | None = None
        self._rtcp_target: tuple[str, int] | None = None
        self._mux = False
        self._open = True
        self.stats = SocketStats()
        self._stamped = self._switch_stamps_on()

    def _switch_stamps_on(self) -> bool:
        if not sys.platform.startswith("linux"):
            return False
        try:
            for udp in (self._pair.rtp, self._pair.rtcp):
                udp.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        except OSError:
            return False
        return True

    @property
    def address(self) -> str:
        """The local address of the ports."""
        return self._ports.address

    @property
    def remote(self) -> tuple[str, int] | None:
        """Where RTP goes now."""
        return self._target

    def set_remote(self, address: str, port: int, rtcp_port: int | None = None) -> None:
        """What the peer's session description says. The same again keeps what was learnt.

        An unspecified address (0.0.0.0) or port 0 means that the peer wants nothing. `rtcp_port` is `port` with
        rtcp-mux, else one higher unless given. Raises RtpError for what is no IP address and port.
        """
        try:
            host = ipaddress.ip_address(address)
        except ValueError:
            raise RtpError(f"remote media address {address!r} is not an IP address") from None
        if not 0 <= port <= 65_535:
            raise RtpError(f"remote media port {port} is outside 0..65535")
        if host.is_unspecified or not port:
            self._target = self._rtcp_target = None
            return
        wanted = (str(host), port)
        if self._learnt and wanted == (self._host, self._sdp_port) and self._target is not None:
            return
        self._host, self._sdp_port = wanted
        self._target = wanted
        rtcp_port = port + 1 if rtcp_port is None else rtcp_port
        self._mux = rtcp_port == port
        self._rtcp_target = (self._host, rtcp_port) if rtcp_port <= 65_535 else None
        self._learnt, self._source = False, None

    # -- RTP -----------------------------------------------------------------------------------------------------

    def send(self, datagram: bytes) -> None:
        """To the peer, if we know one. What the network refuses is counted."""
        if self._target is None or not self._open:
            return
        try:
            self._pair.rtp.sendto(datagram, self._target)
        except OSError:
            self.stats.send_errors += 1

    def drain(self, now: int, media: Callable[[bytes, int], None], control: Callable[[bytes, int], None]) -> bool:
        """Hand over all that came: RTP to `media`, RTCP on the same port to `control`, each with its arrival on the
        clock of `now` (ns). Both may raise RtpError, which is counted. Whether any RTP of the peer was good."""
        if not self._open:
            return False
        good = False
        for _ in range(_BURST):
            taken = self._take(self._pair.rtp, now)
            if taken is None:
                break
            data, source, arrival = taken
            if arrival < 0 or (source != self._source and not self._learn(source, data)):
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

    def _take(self, udp: socket.socket, now: int) -> tuple[bytes, Any, int] | None:
        """One datagram with its source and arrival; arrival -1 for one that waited too long. None if there is none."""
        try:
            if not self._stamped:
                data, source = udp.recvfrom(_DATAGRAM)
                return data, source, now
            data, ancillary, _, source = udp.recvmsg(_DATAGRAM, _ANCILLARY)
        except OSError:  # BlockingIOError as a rule: nothing there
            return None
        if not ancillary:
            return data, source, now
        seconds, nanoseconds = _TIMESPEC.unpack_from(ancillary[0][2])
        age = time.time_ns() - seconds * 1_000_000_000 - nanoseconds
        if age > _STALE_NS:
            self.stats.stale += 1
            return data, source, -1
        return data, source, now - age if age > 0 else now

    def _learn(self, source: Any, data: bytes) -> bool:
        """A datagram from an address that is not the one we know: take it, if we know none yet and it fits."""
        fits = source[0] == self._host or (self._symmetric and self._host)
        if self._learnt or not fits or not data or data[0] >> 6 != 2:
            self.stats.foreign += 1
            return False
        self._learnt, self._source = True, source
        if self._symmetric and not is_rtcp(data):
            self._target = (source[0], source[1])
            if self._mux:
                self._rtcp_target = self._target
        return True

    # -- RTCP ----------------------------------------------------------------------------------------------------

    def send_control(self, datagram: bytes) -> None:
        """RTCP to the peer: on the same port when it agreed to that, else from and to the odd one."""
        if self._rtcp_target is None or not self._open:
            return
        udp = self._pair.rtp if self._mux else self._pair.rtcp
        try:
            udp.sendto(datagram, self._rtcp_target)
        except OSError:
            self.stats.send_errors += 1

    def drain_control(self, now: int, control: Callable[[bytes, int], None]) -> None:
        """As `drain`, for the odd port. The peer's address must fit; its port need not."""
        if not self._open:
            return
        for _ in range(_BURST):
            taken = self._take(self._pair.rtcp, now)
            if taken is None:
                return
            data, source, arrival = taken
            if arrival < 0:
                continue
            if source[0] != (self._source[0] if self._source else self._host):
                self.stats.foreign += 1
                continue
            try:
                control(data, arrival)
            except RtpError:
                self.stats.malformed += 1

    def close(self) -> None:
        """Give the ports back; they rest. Twice does no harm."""
        if self._open:
            self._open = False
            self._ports.close(self._pair)
