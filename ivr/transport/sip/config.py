"""Settings of the SIP endpoint."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network

from ivr.errors import ConfigError
from ivr.transport.sip.auth import ALGORITHMS, DigestUser
from ivr.transport.sip.session_timer import ABSOLUTE_MIN_SE
from ivr.transport.sip.transaction import Timings


@dataclass(frozen=True)
class SipConfig:
    """Raises ConfigError, naming the field, for values that make no sense."""

    host: str = "127.0.0.1"
    """Address to bind."""
    port: int = 5060
    """UDP and TCP port to bind; 0 lets the system choose one."""
    udp: bool = True
    tcp: bool = True
    tls: ssl.SSLContext | None = None
    """Server context: opens a TLS listener too."""
    tls_port: int = 5061
    tls_client: ssl.SSLContext | None = None
    """Client context for TLS towards others; the default verifies by the system's authorities."""
    advertised_host: str = ""
    """Host that peers reach us by (Via, Contact); the bound address if empty."""
    advertised_port: int = 0
    user_agent: str = "ivr"
    contact_user: str = "ivr"
    allow: tuple[str, ...] = ()
    """Networks (CIDR) whose calls are taken; empty takes all, unless `digest_users` asks for a password."""
    digest_users: Mapping[str, str | DigestUser] = field(default_factory=dict)
    """Passwords (or hashes) of callers; a source on `allow` needs none."""
    digest_realm: str = "ivr"
    digest_algorithms: tuple[str, ...] = ALGORITHMS
    session_expires: int = 1800
    """Session interval we ask for (s, RFC 4028); 0 asks for none."""
    min_se: int = ABSOLUTE_MIN_SE
    """Shortest session interval we take (s)."""
    max_calls: int = 200
    """Calls at once; one more gets 503 with Retry-After."""
    retry_after_s: int = 10
    flood_rate: float = 1000.0
    """Messages a second from one source that is not on `allow`; more are dropped. A call takes about three."""
    flood_burst: float = 2000.0
    max_connections: int = 1024
    """TCP and TLS connections at once."""
    accept_refer: bool = False
    """Take a caller's REFER with 202 and tell the driver; else 603."""
    timings: Timings = field(default_factory=Timings)

    def __post_init__(self) -> None:
        for name in ("port", "tls_port", "advertised_port"):
            if not 0 <= getattr(self, name) <= 65535:
                raise ConfigError(f"sip.{name}: {getattr(self, name)} is no port")
        if not (self.udp or self.tcp or self.tls):
            raise ConfigError("sip: udp, tcp and tls are all off; nobody could call")
        if self.host in ("0.0.0.0", "::") and not self.advertised_host:  # noqa: S104
            raise ConfigError(f"sip.advertised_host: needed when sip.host is {self.host}, peers must know an address")
        if self.min_se < ABSOLUTE_MIN_SE:
            raise ConfigError(f"sip.min_se: {self.min_se} is below {ABSOLUTE_MIN_SE} s (RFC 4028)")
        if self.session_expires and self.session_expires < self.min_se:
            raise ConfigError(f"sip.session_expires: {self.session_expires} is below sip.min_se {self.min_se}")
        for name in ("max_calls", "max_connections", "flood_rate", "flood_burst"):
            if getattr(self, name) < 1:
                raise ConfigError(f"sip.{name}: {getattr(self, name)} must be 1 or more")
        unknown = [name for name in self.digest_algorithms if name not in ALGORITHMS]
        if unknown or not self.digest_algorithms:
            raise ConfigError(f"sip.digest_algorithms: {unknown or 'empty'}; known are {', '.join(ALGORITHMS)}")
        self.networks()

    def networks(self) -> list[IPv4Network | IPv6Network]:
        """`allow`, read."""
        networks = []
        for text in self.allow:
            try:
                networks.append(ip_network(text))
            except ValueError as error:
                raise ConfigError(f"sip.allow: {error}") from None
        return networks

    def users(self) -> dict[str, DigestUser]:
        """`digest_users` as `DigestUser`."""
        return {
            name: user if isinstance(user, DigestUser) else DigestUser(user) for name, user in self.digest_users.items()
        }
