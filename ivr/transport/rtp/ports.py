"""UDP ports for media: even for RTP, the next one for RTCP (RFC 3550, section 11)."""

from __future__ import annotations

import errno
import ipaddress
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ivr.errors import RtpError

REST_S = 2.0
"""A port rests so long after use: packets of the last call may still be under way to it."""


@dataclass(frozen=True, slots=True)
class MediaSockets:
    """A bound, non-blocking pair."""

    rtp: socket.socket
    rtcp: socket.socket
    port: int
    """Of RTP; RTCP has the next one."""


class PortRange:
    """The ports of one local address, used in turn so that each rests as long as the range allows.

    Raises RtpError for a range without an even port that has its odd one.
    """

    def __init__(
        self, address: str, low: int, high: int, rest_s: float = REST_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        try:
            self._family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
        except ValueError:
            raise RtpError(f"media address {address!r} is not an IP address") from None
        first = low + low % 2
        if not 1 <= low <= high <= 65_535 or first + 1 > high:
            raise RtpError(f"RTP port range {low}-{high} holds no even port with the odd one behind it")
        self.address = address
        self._name = f"{address}:{low}-{high}"
        self._rest_s, self._clock = rest_s, clock
        self._free: deque[tuple[float, int]] = deque((0.0, port) for port in range(first, high, 2))
        """(when it may be used, port), the longest rested first."""

    @property
    def free(self) -> int:
        """Pairs that could be opened now, as far as we know."""
        now = self._clock()
        return sum(rested <= now for rested, _ in self._free)

    def open(self) -> MediaSockets:
        """Bind the next pair that has rested. Raises RtpError when none is free or the address is not ours."""
        now = self._clock()
        for _ in range(len(self._free)):
            rested, port = self._free[0]
            if rested > now:
                break
            self._free.popleft()
            pair = self._bind(port)
            if pair is not None:
                return pair
            self._free.append((now + self._rest_s, port))  # another process has it
        raise RtpError(f"no RTP port is free in {self._name}: all are in use or rest for {self._rest_s:g} s after use")

    def close(self, pair: MediaSockets) -> None:
        """Close both sockets; the ports rest."""
        pair.rtp.close()
        pair.rtcp.close()
        self._free.append((self._clock() + self._rest_s, pair.port))

    def _bind(self, port: int) -> MediaSockets | None:
        rtp = self._socket(port)
        if rtp is None:
            return None
        rtcp = self._socket(port + 1)
        if rtcp is None:
            rtp.close()
            return None
        return MediaSockets(rtp, rtcp, port)

    def _socket(self, port: int) -> socket.socket | None:
        """None when the port is taken."""
        udp = socket.socket(self._family, socket.SOCK_DGRAM)
        udp.setblocking(False)
        try:
            udp.bind((self.address, port))
        except OSError as error:
            udp.close()
            if error.errno == errno.EADDRINUSE:
                return None
            self._free.append((0.0, port - port % 2))
            raise RtpError(f"cannot bind UDP {self.address}:{port}: {error.strerror}") from error
        return udp
