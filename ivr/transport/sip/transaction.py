"""Client and server transactions (RFC 3261 section 17, RFC 6026) as tables.

Theory of operation: a transaction is a state and a table `(state, input) -> (next state, actions)`. Inputs are the
classes of messages, and timers by their letter in the RFC. Whatever the table does not name is absorbed. Actions send,
start and stop timers, or tell the transaction user. No transaction reads a clock: `Wire.now` is the time of the input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from ivr.transport.sip.message import Peer, Request, Response, new_request, new_response
from ivr.transport.sip.timers import Timers


@dataclass(frozen=True, slots=True)
class Timings:
    """RFC 3261 section 17.1.1.1, in seconds."""

    t1: float = 0.5
    """Round-trip estimate: the first retransmission."""
    t2: float = 4.0
    """The longest gap between retransmissions of a non-INVITE request or an INVITE response."""
    t4: float = 5.0
    """How long a message may stay in the network."""
    d: float = 32.0
    """How long a client absorbs repeats of a final response."""


class Wire(Protocol):
    """What transactions need from the core."""

    now: float
    timers: Timers
    timings: Timings

    def send(self, peer: Peer, data: bytes, owner: Transaction | None = None, fallback: Peer | None = None) -> None:
        """Queue bytes for the network."""

    def forget(self, transaction: Transaction) -> None:
        """The transaction is over."""


class State(Enum):
    CALLING = auto()
    TRYING = auto()
    PROCEEDING = auto()
    COMPLETED = auto()
    CONFIRMED = auto()
    ACCEPTED = auto()
    TERMINATED = auto()


class Input(Enum):
    REQUEST = auto()
    ACK = auto()
    R1XX = auto()
    R2XX = auto()
    ERROR = auto()
    """A final response of 300 to 699."""
    BROKEN = auto()
    """The transport could not send."""
    A = auto()
    B = auto()
    D = auto()
    E = auto()
    F = auto()
    G = auto()
    H = auto()
    I = auto()  # noqa: E741  # the RFC's letter
    J = auto()
    K = auto()
    L = auto()
    M = auto()


class Do(Enum):
    SEND = auto()
    """Send the message in hand and keep it for repeats."""
    RESEND = auto()
    REPORT = auto()
    """Give the message in hand to the user."""
    TIMEOUT = auto()
    """Tell the user that the peer did not answer (or acknowledge)."""
    BREAK = auto()
    """Tell the user that the transport failed."""
    ACK = auto()
    """Acknowledge a final response other than 2xx."""
    A = auto()
    B = auto()
    D = auto()
    E = auto()
    E_SLOW = auto()
    F = auto()
    G = auto()
    H = auto()
    I = auto()  # noqa: E741
    J = auto()
    K = auto()
    L = auto()
    M = auto()
    STOP = auto()
    """Stop the timers that run."""


Table = Mapping[tuple[State, Input], tuple[State, tuple[Do, ...]]]

SERVER_INVITE: Table = {
    (State.PROCEEDING, Input.REQUEST): (State.PROCEEDING, (Do.RESEND,)),
    (State.PROCEEDING, Input.R1XX): (State.PROCEEDING, (Do.SEND,)),
    (State.PROCEEDING, Input.R2XX): (State.ACCEPTED, (Do.SEND, Do.L)),
    (State.PROCEEDING, Input.ERROR): (State.COMPLETED, (Do.SEND, Do.G, Do.H)),
    (State.PROCEEDING, Input.BROKEN): (State.PROCEEDING, ()),
    (State.COMPLETED, Input.REQUEST): (State.COMPLETED, (Do.RESEND,)),
    (State.COMPLETED, Input.G): (State.COMPLETED, (Do.RESEND, Do.G)),
    (State.COMPLETED, Input.H): (State.TERMINATED, ()),
    (State.COMPLETED, Input.ACK): (State.CONFIRMED, (Do.STOP, Do.I)),
    (State.COMPLETED, Input.BROKEN): (State.TERMINATED, (Do.STOP,)),
    (State.CONFIRMED, Input.I): (State.TERMINATED, ()),
    (State.ACCEPTED, Input.R2XX): (State.ACCEPTED, (Do.SEND,)),
    (State.ACCEPTED, Input.L): (State.TERMINATED, ()),
}
SERVER_OTHER: Table = {
    (State.TRYING, Input.R1XX): (State.PROCEEDING, (Do.SEND,)),
    (State.TRYING, Input.R2XX): (State.COMPLETED, (Do.SEND, Do.J)),
    (State.TRYING, Input.ERROR): (State.COMPLETED, (Do.SEND, Do.J)),
    (State.PROCEEDING, Input.REQUEST): (State.PROCEEDING, (Do.RESEND,)),
    (State.PROCEEDING, Input.R1XX): (State.PROCEEDING, (Do.SEND,)),
    (State.PROCEEDING, Input.R2XX): (State.COMPLETED, (Do.SEND, Do.J)),
    (State.PROCEEDING, Input.ERROR): (State.COMPLETED, (Do.SEND, Do.J)),
    (State.COMPLETED, Input.REQUEST): (State.COMPLETED, (Do.RESEND,)),
    (State.COMPLETED, Input.J): (State.TERMINATED, ()),
}
CLIENT_INVITE: Table = {
    (State.CALLING, Input.A): (State.CALLING, (Do.RESEND, Do.A)),
    (State.CALLING, Input.B): (State.TERMINATED, (Do.STOP, Do.TIMEOUT)),
    (State.CALLING, Input.BROKEN): (State.TERMINATED, (Do.STOP, Do.BREAK)),
    (State.CALLING, Input.R1XX): (State.PROCEEDING, (Do.STOP, Do.REPORT)),
    (State.CALLING, Input.R2XX): (State.ACCEPTED, (Do.STOP, Do.M, Do.REPORT)),
    (State.CALLING, Input.ERROR): (State.COMPLETED, (Do.STOP, Do.ACK, Do.D, Do.REPORT)),
    (State.PROCEEDING, Input.R1XX): (State.PROCEEDING, (Do.REPORT,)),
    (State.PROCEEDING, Input.R2XX): (State.ACCEPTED, (Do.M, Do.REPORT)),
    (State.PROCEEDING, Input.ERROR): (State.COMPLETED, (Do.ACK, Do.D, Do.REPORT)),
    (State.COMPLETED, Input.ERROR): (State.COMPLETED, (Do.ACK,)),
    (State.COMPLETED, Input.D): (State.TERMINATED, ()),
    (State.ACCEPTED, Input.R2XX): (State.ACCEPTED, (Do.REPORT,)),
    (State.ACCEPTED, Input.M): (State.TERMINATED, ()),
}
CLIENT_OTHER: Table = {
    (State.TRYING, Input.E): (State.TRYING, (Do.RESEND, Do.E)),
    (State.TRYING, Input.F): (State.TERMINATED, (Do.STOP, Do.TIMEOUT)),
    (State.TRYING, Input.BROKEN): (State.TERMINATED, (Do.STOP, Do.BREAK)),
    (State.TRYING, Input.R1XX): (State.PROCEEDING, (Do.E_SLOW, Do.REPORT)),
    (State.TRYING, Input.R2XX): (State.COMPLETED, (Do.STOP, Do.K, Do.REPORT)),
    (State.TRYING, Input.ERROR): (State.COMPLETED, (Do.STOP, Do.K, Do.REPORT)),
    (State.PROCEEDING, Input.E): (State.PROCEEDING, (Do.RESEND, Do.E_SLOW)),
    (State.PROCEEDING, Input.F): (State.TERMINATED, (Do.STOP, Do.TIMEOUT)),
    (State.PROCEEDING, Input.BROKEN): (State.TERMINATED, (Do.STOP, Do.BREAK)),
    (State.PROCEEDING, Input.R1XX): (State.PROCEEDING, (Do.REPORT,)),
    (State.PROCEEDING, Input.R2XX): (State.COMPLETED, (Do.STOP, Do.K, Do.REPORT)),
    (State.PROCEEDING, Input.ERROR): (State.COMPLETED, (Do.STOP, Do.K, Do.REPORT)),
    (State.COMPLETED, Input.K): (State.TERMINATED, ()),
}
TIMER_NAMES = ("A", "B", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M")
_ONLY_UNRELIABLE = (Do.A, Do.E, Do.E_SLOW, Do.G)
_ZERO_IF_RELIABLE = (Do.D, Do.I, Do.J, Do.K)


class Transaction:
    """What the four kinds share: the table, the timers and the last message sent."""

    def __init__(self, wire: Wire, table: Table, state: State, peer: Peer) -> None:
        self.wire = wire
        self.table = table
        self.state = state
        self.peer = peer
        self.fallback: Peer | None = None
        self.key: tuple[str, ...] = ()
        self._last = b""
        self._gap = wire.timings.t1
        self._message: Request | Response | None = None

    def on_timer(self, name: str) -> None:
        self.feed(Input[name])

    def transport_failed(self) -> None:
        """The bytes of this transaction could not be sent."""
        self.feed(Input.BROKEN)

    def feed(self, what: Input, message: Request | Response | None = None) -> None:
        """Advance by one input; what the table does not name is absorbed."""
        rule = self.table.get((self.state, what))
        if rule is None:
            return
        self._message = message
        self.state, actions = rule
        if self.state is State.TERMINATED:
            self.wire.timers.stop(self, *TIMER_NAMES)
            self.wire.forget(self)
        for action in actions:
            self._do(action)

    def _do(self, action: Do) -> None:
        if action is Do.SEND:
            self._last = bytes(self._message) if self._message is not None else self._last
            self._transmit()
        elif action is Do.RESEND:
            self._transmit()
        elif action is Do.STOP:
            self.wire.timers.stop(self, *TIMER_NAMES)
        elif action in (Do.REPORT, Do.TIMEOUT, Do.BREAK, Do.ACK):
            self._tell(action)
        else:
            self._start(action)

    def _transmit(self) -> None:
        self.wire.send(self.peer, self._last, self, self.fallback)

    def _start(self, action: Do) -> None:
        if self.peer.reliable and action in _ONLY_UNRELIABLE:
            return
        delay = 0.0 if self.peer.reliable and action in _ZERO_IF_RELIABLE else self._delay(action)
        self.wire.timers.start(self, action.name[0], self.wire.now + delay)

    def _delay(self, action: Do) -> float:
        timings = self.wire.timings
        if action in (Do.A, Do.E, Do.G):
            gap = self._gap
            self._gap = gap * 2 if action is Do.A else min(gap * 2, timings.t2)
            return gap
        fixed = {Do.E_SLOW: timings.t2, Do.I: timings.t4, Do.K: timings.t4, Do.D: timings.d}
        return fixed.get(action, 64 * timings.t1)

    def _tell(self, action: Do) -> None:
        raise NotImplementedError


class ServerTransaction(Transaction):
    """Answers one request. That a final answer was never acknowledged (timer H) concerns nobody: the call is over."""

    def __init__(self, wire: Wire, request: Request, peer: Peer) -> None:
        invite = request.method == "INVITE"
        table, state = (SERVER_INVITE, State.PROCEEDING) if invite else (SERVER_OTHER, State.TRYING)
        super().__init__(wire, table, state, peer)
        self.request = request
        self.final: Response | None = None
        self.tag = ""
        """Our To tag, once the request made a call."""
        self.on_cancel: Callable[[Request], None] | None = None

    def respond(self, response: Response) -> None:
        """Send a response; a second final one is ignored, a 2xx to INVITE may be repeated (RFC 6026, 7.1)."""
        if response.code >= 200:
            self.final = self.final or response
        self.feed(_response_input(response.code), response)

    def reply(self, code: int, phrase: str = "", *headers: tuple[str, str], tag: str = "") -> None:
        self.respond(new_response(self.request, code, phrase, *headers, tag=tag))

    def _tell(self, action: Do) -> None:
        """A server transaction has nothing to report: requests come to the user by the agent, once."""


class ClientTransaction(Transaction):
    """Sends one request. `on_response` gets each response that matters; no answer is a local 408, a broken
    transport a local 503 (RFC 3261 section 8.1.3.1)."""

    def __init__(
        self, wire: Wire, request: Request, peer: Peer, on_response: Callable[[Response], None], fallback: Peer | None
    ) -> None:
        invite = request.method == "INVITE"
        table, state = (CLIENT_INVITE, State.CALLING) if invite else (CLIENT_OTHER, State.TRYING)
        super().__init__(wire, table, state, peer)
        self.request = request
        self.fallback = fallback
        self._on_response = on_response

    @property
    def waits(self) -> bool:
        """Whether the final response is still to come."""
        return self.state in (State.CALLING, State.TRYING, State.PROCEEDING)

    def start(self) -> None:
        """Send the request."""
        self._last = bytes(self.request)
        first, last = (Do.A, Do.B) if self.state is State.CALLING else (Do.E, Do.F)
        self._start(first)
        self._start(last)
        self._transmit()

    def receive(self, response: Response) -> None:
        self.feed(_response_input(response.code), response)

    def _tell(self, action: Do) -> None:
        if action is Do.ACK:
            assert isinstance(self._message, Response)
            self.wire.send(self.peer, bytes(self._ack(self._message)), None, self.fallback)
        elif action is Do.REPORT:
            assert isinstance(self._message, Response)
            self._on_response(self._message)
        else:
            code, phrase = (408, "Request Timeout") if action is Do.TIMEOUT else (503, "Transport Failure")
            self._on_response(local_response(self.request, code, phrase))

    def _ack(self, response: Response) -> Request:
        """RFC 3261 section 17.1.1.3: same branch, same route."""
        request = self.request
        ack = new_request("ACK", request.uri, ("Via", request.headers.get("Via")))
        ack.headers.set("Route", *request.headers.all("Route"))
        ack.headers.set("From", request.headers.get("From"))
        ack.headers.set("To", response.headers.get("To"))
        ack.headers.set("Call-ID", request.call_id)
        ack.headers.set("CSeq", f"{request.headers.get('CSeq').split()[0]} ACK")
        ack.headers.set("Max-Forwards", "70")
        return ack


def local_response(request: Request, code: int, phrase: str) -> Response:
    """A response that never was on the wire; it bears `X-Local: yes`."""
    response = new_response(request, code, phrase)
    response.headers.add("X-Local", "yes")
    return response


def is_local(response: Response) -> bool:
    return response.headers.get("X-Local") == "yes"


def server_key(request: Request) -> tuple[str, ...]:
    """RFC 3261 section 17.2.3; a peer of RFC 2543 (no magic cookie) is known by more fields."""
    via = request.via
    method = "INVITE" if request.method in ("ACK", "CANCEL") else request.method
    sent_by = f"{via.host}:{via.port or ''}"
    if via.branch.startswith("z9hG4bK"):
        return via.branch, sent_by, method
    return via.branch, sent_by, method, request.call_id, request.from_.tag, str(request.cseq.number), request.uri


def client_key(message: Request | Response) -> tuple[str, ...]:
    """RFC 3261 section 17.1.3."""
    return message.via.branch, message.cseq.method


def _response_input(code: int) -> Input:
    if code < 200:
        return Input.R1XX
    return Input.R2XX if code < 300 else Input.ERROR
