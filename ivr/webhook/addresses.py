"""Which addresses a message may go to. The name is looked up once a try, every address that it has is judged, and the
connection is made to one that passed: a name that answers differently the second time gains nothing (DNS rebinding).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from ivr.errors import TransportError

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_6TO4 = ipaddress.ip_network("2002::/16")
_NOT_OUTSIDE = tuple(ipaddress.ip_network(text) for text in ("fec0::/10", "3fff::/20"))
"""Site-local (RFC 3879) and documentation (RFC 9637): the library calls them global."""


class AddressRefused(TransportError):
    """The host has no address that messages may go to."""


def is_public(address: str) -> bool:
    """A unicast address of the internet at large; for IPv6 forms that carry an IPv4 address, that one counts."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped
        if inner is None and found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is None and found in _6TO4:
            inner = ipaddress.IPv4Address((int(found) >> 80) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    if any(found in network for network in _NOT_OUTSIDE):
        return False
    return found.is_global and not (found.is_multicast or found.is_reserved or found.is_unspecified)


def check_literal(host: str, private: bool) -> None:
    """An address written as such is never looked up, so it is judged here. Raises AddressRefused."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return
    if not private and not is_public(host):
        raise AddressRefused(f"{host} is no public address (name it in webhooks.private if it is meant)")


class JudgingResolver(AbstractResolver):
    """aiohttp asks it for each connection, and connects to nothing else."""

    def __init__(self, private: bool) -> None:
        self._private = private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises AddressRefused when not one address will do."""
        found = await self.look_up(host, port, family)
        usable = [item for item in found if self._private or is_public(item[1])]
        if not usable:
            raise AddressRefused(f"{host} has no public address ({', '.join(sorted({a for _, a in found})) or 'none'})")
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST,
            )
            for kind, address in usable
        ]  # fmt: skip

    async def look_up(self, host: str, port: int, family: int) -> list[tuple[int, str]]:
        """(family, address)."""
        loop = asyncio.get_running_loop()
        found: list[Any] = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        return [(item[0], str(item[4][0])) for item in found]

    async def close(self) -> None: ...
