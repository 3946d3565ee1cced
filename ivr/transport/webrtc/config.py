"""How a browser's audio finds its way."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IceSettings:
    """Interactive Connectivity Establishment (RFC 8445)."""

    addresses: tuple[str, ...] = ()
    """Local IP addresses to be reached by; empty = all of this machine, loopback included."""
    stun: str = ""
    """`stun:HOST:PORT`: asked for our address as the Internet sees it; empty = nobody is asked."""
    turn: str = ""
    """`turn:HOST:PORT?transport=udp`: a relay for browsers that reach us in no other way."""
    turn_user: str = ""
    turn_password: str = ""
    setup_s: float = 20.0
    """ICE and DTLS must be through after so long."""
