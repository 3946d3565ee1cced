"""What all parts of the user agent share: the time of the input in hand, timers, outgoing bytes, events, exchanges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ivr.transport.sip.auth import AuthError, Credentials, DigestClient
from ivr.transport.sip.dialog import next_hop
from ivr.transport.sip.events import Incoming, LegEvent, RegistrationChanged
from ivr.transport.sip.message import Peer, Request, Response
from ivr.transport.sip.timers import TimerOwner, Timers
from ivr.transport.sip.transaction import (
    ClientTransaction,
    ServerTransaction,
    Timings,
    Transaction,
    client_key,
    is_local,
)

if TYPE_CHECKING:
    from ivr.transport.sip.leg import Leg

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, PRACK, REFER, NOTIFY"
METHODS = frozenset(ALLOW.split(", "))
SUPPORTED = "timer, replaces"
EXTENSIONS = frozenset(("timer", "replaces", "100rel"))
"""Option tags that a peer may require of us."""
MAX_UDP_REQUEST = 1300
"""RFC 3261 section 18.1.1: a longer request goes over a congestion-controlled transport."""


@dataclass(frozen=True)
class AgentSettings:
    """The protocol's settings; the shell makes them of `SipConfig`."""

    addresses: dict[str, tuple[str, int]]
    """Our advertised (host, port) by transport: `UDP`, `TCP`, `TLS`."""
    user_agent: str = "ivr"
    contact_user: str = "ivr"
    session_expires: int = 1800
    """The session interval we ask for (s); 0 asks for none, but takes a peer's."""
    min_se: int = 90
    max_calls: int = 200
    retry_after_s: int = 10
    accept_refer: bool = False
    timings: Timings = field(default_factory=Timings)


class Outgoing(NamedTuple):
    """Bytes for the network; `fallback` is tried when `peer` cannot be reached by its connection."""

    peer: Peer
    data: bytes
    owner: Transaction | None
    fallback: Peer | None


class Core:
    """Implements `transaction.Wire`. `new_token(n)` gives n random hex digits, `random()` a number in [0, 1)."""

    def __init__(self, settings: AgentSettings, new_token: Callable[[int], str], random: Callable[[], float]) -> None:
        self.settings = settings
        self.new_token = new_token
        self.random = random
        self.now = 0.0
        self.timers = Timers()
        self.timings = settings.timings
        self.outbox: list[Outgoing] = []
        self.events: list[Incoming | LegEvent | RegistrationChanged] = []
        self.legs: dict[tuple[str, str], Leg] = {}
        self.server: dict[tuple[str, ...], ServerTransaction] = {}
        self.client: dict[tuple[str, ...], ClientTransaction] = {}
        self.merges: dict[tuple[str, ...], ServerTransaction] = {}

    def send(self, peer: Peer, data: bytes, owner: Transaction | None = None, fallback: Peer | None = None) -> None:
        self.outbox.append(Outgoing(peer, data, owner, fallback))

    def forget(self, transaction: Transaction) -> None:
        if isinstance(transaction, ServerTransaction):
            self.server.pop(transaction.key, None)
            merge = merge_key(transaction.request)
            if self.merges.get(merge) is transaction:
                del self.merges[merge]
        else:
            self.client.pop(transaction.key, None)

    def start_timer(self, owner: TimerOwner, name: str, delay: float) -> None:
        self.timers.start(owner, name, self.now + delay)

    def address(self, transport: str) -> tuple[str, int]:
        """Our host and port for a transport; those of any other if it is not open."""
        addresses = self.settings.addresses
        host, port = addresses.get(transport) or next(iter(addresses.values()))
        return f"[{host}]" if ":" in host else host, port

    def via(self, transport: str) -> str:
        host, port = self.address(transport)
        return f"SIP/2.0/{transport} {host}:{port};rport;branch=z9hG4bK{self.new_token(20)}"

    def contact(self, transport: str) -> str:
        host, port = self.address(transport)
        suffix = "" if transport == "UDP" else f";transport={transport.lower()}"
        return f"<sip:{self.settings.contact_user}@{host}:{port}{suffix}>"

    def route(self, request: Request, flow: Peer | None = None) -> tuple[Peer, Peer | None]:
        """Where a request goes, and where else if that connection is gone: a dialog's own connection is used again
        when no proxy stands between (RFC 5923)."""
        hop = next_hop(request)
        if flow is not None and flow.reliable and hop.transport == flow.transport and "Route" not in request.headers:
            return flow, hop
        return hop, None

    def send_ack(self, request: Request, flow: Peer | None) -> None:
        """The ACK of a 2xx: a request without transaction (RFC 3261 section 13.2.2.4)."""
        peer, fallback = self.route(request, flow)
        request.headers.set("Via", self.via(peer.transport))
        self.send(peer, bytes(request), None, fallback)


class Exchange:
    """A request of ours to its final response: a client transaction, and another when the peer wants digest."""

    def __init__(
        self,
        core: Core,
        request: Request,
        on_response: Callable[[Response], None],
        *,
        flow: Peer | None = None,
        credentials: Credentials | None = None,
        next_cseq: Callable[[], int] | None = None,
    ) -> None:
        self.core = core
        self.request = request
        self._on_response = on_response
        self._digest = DigestClient(credentials, lambda: core.new_token(16)) if credentials else None
        self._next_cseq = next_cseq
        self._answered: set[str] = set()
        self._small_hop: Peer | None = None
        peer, fallback = core.route(request, flow)
        if peer.transport == "UDP" and len(bytes(request)) + 150 > MAX_UDP_REQUEST and "TCP" in core.settings.addresses:
            self._small_hop, peer = peer, Peer("TCP", peer.host, peer.port)
        self.transaction = self._start(peer, fallback)

    @property
    def peer(self) -> Peer:
        return self.transaction.peer

    def _start(self, peer: Peer, fallback: Peer | None) -> ClientTransaction:
        core, old = self.core, self.request
        request = self.request = Request(old.headers, old.body, old.method, old.uri)  # a copy without cached views
        request.headers.set("User-Agent", core.settings.user_agent)
        request.headers.set("Via", core.via(peer.transport))
        transaction = ClientTransaction(core, request, peer, self._on, fallback)
        transaction.key = client_key(request)
        core.client[transaction.key] = transaction
        transaction.start()
        return transaction

    def _on(self, response: Response) -> None:
        if self._small_hop is not None and response.code == 503 and is_local(response):
            hop, self._small_hop = self._small_hop, None
            self.transaction = self._start(hop, None)  # no TCP there: RFC 3261 section 18.1.1 allows UDP then
        elif response.code not in (401, 407) or not self._answer(response):
            self._on_response(response)

    def _answer(self, response: Response) -> bool:
        """Send the request again with credentials; False when the challenge cannot or need not be answered."""
        if self._digest is None:
            return False
        request = self.request
        try:
            name, value = self._digest.answer(response.headers, response.code, request.method, request.uri)
        except AuthError:
            return False
        if name in self._answered and not _is_stale(response):
            return False  # the same password would be refused again
        self._answered.add(name)
        number = self._next_cseq() if self._next_cseq else request.cseq.number + 1
        request.headers.set("CSeq", f"{number} {request.method}")
        request.headers.set(name, value)
        self.transaction = self._start(self.transaction.peer, self.transaction.fallback)
        return True


def _is_stale(response: Response) -> bool:
    values = response.headers.all("WWW-Authenticate") + response.headers.all("Proxy-Authenticate")
    return any("stale=true" in value.lower() for value in values)


def merge_key(request: Request) -> tuple[str, ...]:
    """What two paths of one forked request share (RFC 3261 section 8.2.2.2)."""
    return request.call_id, request.from_.tag, str(request.cseq.number), request.method
