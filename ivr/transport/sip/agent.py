"""The user agent's core: bytes and the time go in, bytes and events come out; no socket, no clock, no randomness.

agent.receive(data, source, now)      a datagram, or a message cut from a stream
agent.tick(now)                       timers that are due
agent.next_at()                       when the next tick is needed
agent.take_outgoing(), take_events()  after each of the above, and after calls to legs (inside `at(now)`)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from ipaddress import IPv4Network, IPv6Network, ip_address

from ivr.errors import SdpError
from ivr.transport.sip.auth import Credentials, DigestServer, Verdict
from ivr.transport.sip.core import ALLOW, EXTENSIONS, METHODS, SUPPORTED, AgentSettings, Core, Outgoing, merge_key
from ivr.transport.sip.events import Incoming, LegEvent, RegistrationChanged
from ivr.transport.sip.leg import SDP_TYPE, Leg
from ivr.transport.sip.message import MalformedMessage, Peer, Request, Response, new_response, parse_message
from ivr.transport.sip.refer import parse_replaces
from ivr.transport.sip.registration import Registration
from ivr.transport.sip.sdp import LocalMedia
from ivr.transport.sip.transaction import Input, ServerTransaction, client_key, server_key
from ivr.transport.sip.uac import OutgoingLeg
from ivr.transport.sip.uas import IncomingLeg
from ivr.transport.sip.uri import parse_uri, split_quoted

Network = IPv4Network | IPv6Network
_UNCHALLENGED = ("ACK", "CANCEL", "OPTIONS")
"""ACK and CANCEL cannot be sent again with credentials (RFC 3261 section 22.1); OPTIONS tells nothing."""


class UserAgent:
    """Joins transactions, calls and registrations."""

    def __init__(
        self,
        settings: AgentSettings,
        new_token: Callable[[int], str],
        random: Callable[[], float],
        allow: Sequence[Network] = (),
        digest: DigestServer | None = None,
    ) -> None:
        self.core = Core(settings, new_token, random)
        self.draining = False
        """Refuse new calls with 503."""
        self._allow = tuple(allow)
        self._digest = digest
        self._merge_tag = new_token(16)

    def at(self, now: float) -> Core:
        """Set the time for calls to legs that follow."""
        self.core.now = now
        return self.core

    def next_at(self) -> float | None:
        return self.core.timers.next_at()

    def tick(self, now: float) -> None:
        """Let every timer act that is due."""
        self.core.now = now
        while (due := self.core.timers.pop_due(now)) is not None:
            owner, name = due
            owner.on_timer(name)

    def take_outgoing(self) -> list[Outgoing]:
        outgoing, self.core.outbox = self.core.outbox, []
        return outgoing

    def take_events(self) -> list[Incoming | LegEvent | RegistrationChanged]:
        events, self.core.events = self.core.events, []
        return events

    def dial(
        self,
        target: str,
        from_uri: str,
        local: LocalMedia,
        now: float,
        headers: Sequence[tuple[str, str]] = (),
        credentials: Credentials | None = None,
    ) -> OutgoingLeg:
        """Make a call; its leg's events tell how it goes."""
        return OutgoingLeg(self.at(now), target, from_uri, local, headers, credentials)

    def register(self, registrar: str, aor: str, credentials: Credentials, expires: int, now: float) -> Registration:
        """Register and stay so until `Registration.stop`."""
        return Registration(self.at(now), registrar, aor, credentials, expires)

    def receive(self, data: bytes, source: Peer, now: float) -> None:
        """A message from the network. Whatever it holds, nothing is raised: it is answered or dropped."""
        self.core.now = now
        if not data.strip(b"\r\n\0 "):
            return  # a keep-alive
        try:
            message = parse_message(data)
        except MalformedMessage as error:
            if error.reply is not None:
                self.core.send(_reply_peer(error.reply, source), bytes(error.reply))
            return
        if isinstance(message, Response):
            self._receive_response(message)
        else:
            self._receive_request(message, source)

    def _receive_response(self, response: Response) -> None:
        transaction = self.core.client.get(client_key(response))
        if transaction is not None:
            transaction.receive(response)

    def _receive_request(self, request: Request, source: Peer) -> None:
        _stamp_via(request, source)
        transaction = self.core.server.get(server_key(request))
        if request.method == "ACK":
            if transaction is not None:
                transaction.feed(Input.ACK)
            leg = self._leg_of(request)
            if leg is not None:
                leg.receive_ack(request)
        elif request.method == "CANCEL":
            self._cancel(request, transaction, source)
        elif transaction is not None:
            transaction.feed(Input.REQUEST)
        else:
            self._new_request(request, source)

    def _transaction(self, request: Request, source: Peer) -> ServerTransaction:
        transaction = ServerTransaction(self.core, request, _reply_peer(request, source))
        sent_by = _sent_by(request)
        transaction.fallback = sent_by if source.reliable else None
        return transaction

    def _cancel(self, cancel: Request, invite: ServerTransaction | None, source: Peer) -> None:
        """RFC 3261 section 9.2. A repeated CANCEL is answered again: that is what its transaction would do."""
        answer = ServerTransaction(self.core, cancel, _reply_peer(cancel, source))
        if invite is None:
            self.core.send(answer.peer, bytes(new_response(cancel, 481, tag=self._merge_tag)))
            return
        self.core.send(answer.peer, bytes(new_response(cancel, 200, tag=invite.tag or self._merge_tag)))
        if invite.on_cancel is not None:
            invite.on_cancel(cancel)

    def _new_request(self, request: Request, source: Peer) -> None:
        leg = self._leg_of(request)
        stranger = None if leg is not None else self._judge_source(request, source)
        if stranger is not None:
            # Without state, so that a flood of strangers costs no memory (RFC 3261 section 26.3.2.4).
            self.core.send(_reply_peer(request, source), bytes(stranger))
            return
        transaction = self._transaction(request, source)
        transaction.key = server_key(request)
        self.core.server[transaction.key] = transaction
        if request.method == "INVITE":
            transaction.reply(100)
        refusal = self._judge(request, leg)
        if refusal is not None:
            transaction.respond(refusal)
        elif leg is not None:
            leg.receive(request, transaction)
        elif request.method == "OPTIONS":
            headers = (
                ("Allow", ALLOW),
                ("Accept", SDP_TYPE),
                ("Accept-Encoding", "identity"),
                ("Supported", SUPPORTED),
            )
            transaction.reply(200, "", *headers, tag=self._tag())
        else:
            self.core.merges[merge_key(request)] = transaction
            self._new_call(request, transaction, source)

    def _judge(self, request: Request, leg: Leg | None) -> Response | None:
        """The refusal of a request, in the order of RFC 3261 section 8.2; None lets it through."""
        if request.method not in METHODS:
            return self._refuse(request, 405, ("Allow", ALLOW))
        unknown = [tag for tag in request.headers.tokens("Require") if tag.lower() not in EXTENSIONS]
        if unknown:
            return self._refuse(request, 420, ("Unsupported", ", ".join(unknown)))
        if leg is not None:
            assert leg.dialog is not None
            if not leg.dialog.in_order(request):
                return self._refuse(request, 500, ("Retry-After", "1"))
            return None
        if request.to.tag:
            return self._refuse(request, 481)
        if merge_key(request) in self.core.merges:
            return self._refuse(request, 482)
        return self._judge_outside(request)

    def _judge_source(self, request: Request, source: Peer) -> Response | None:
        """Who may ask: a source on the allow-list, or anybody with a password; all if neither is set. The same request
        again gets the same To tag, though nothing of it is kept (RFC 3261 section 8.2.7)."""
        if request.method in _UNCHALLENGED or (not self._allow and self._digest is None):
            return None
        if self._allow and self.on_list(source):
            return None
        tag = blake2b("|".join(server_key(request)).encode(), key=self._merge_tag.encode(), digest_size=8).hexdigest()
        if self._digest is None:
            return new_response(request, 403, tag=tag)
        verdict, _ = self._digest.check(request.headers.all("Authorization"), request.method, self.core.now)
        if verdict is Verdict.GOOD:
            return None
        challenges = self._digest.challenges(self.core.now, stale=verdict is Verdict.STALE)
        return new_response(request, 401, "", *(("WWW-Authenticate", value) for value in challenges), tag=tag)

    def on_list(self, source: Peer) -> bool:
        """Whether the source is on the allow-list."""
        try:
            address = ip_address(source.host.split("%", 1)[0])
        except ValueError:
            return False
        return any(address.version == network.version and address in network for network in self._allow)

    def _judge_outside(self, request: Request) -> Response | None:
        """A request that belongs to no dialog."""
        if request.method == "OPTIONS":
            return None
        if request.method != "INVITE":
            # BYE, UPDATE, INFO, PRACK and NOTIFY live in dialogs; we take no REFER outside of one.
            return self._refuse(request, 603 if request.method == "REFER" else 481)
        if parse_uri(request.uri).scheme not in ("sip", "sips", "tel"):
            return self._refuse(request, 416)
        if request.body.strip() and request.content_type != SDP_TYPE:
            return self._refuse(request, 415, ("Accept", SDP_TYPE))
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            return self._refuse(request, 415, ("Accept-Encoding", "identity"))
        if self.draining or len(self.core.legs) >= self.core.settings.max_calls:
            return self._refuse(request, 503, ("Retry-After", str(self.core.settings.retry_after_s)))
        return None

    def _new_call(self, request: Request, transaction: ServerTransaction, source: Peer) -> None:
        try:
            replaced = self._replaced(request)
        except ValueError as error:
            transaction.reply(400, f"Bad Request - {error!s:.80}", tag=self._tag())
            return
        if "Replaces" in request.headers and replaced is None:
            transaction.reply(481, tag=self._tag())
            return
        try:
            leg = IncomingLeg(self.core, request, transaction, source)
        except SdpError as error:
            transaction.reply(400, f"Bad Request - {error!s:.80}".replace("\r", " "), tag=self._tag())
            return
        too_small = leg.timer.too_small(request)
        if too_small is not None:
            self.core.legs.pop((leg.call_id, leg.local_tag), None)
            transaction.respond(self._tagged(too_small))
            return
        leg.replaces = replaced
        transaction.tag, transaction.on_cancel = leg.local_tag, leg.cancelled
        self.core.events.append(Incoming(leg))

    def _replaced(self, request: Request) -> Leg | None:
        """The call that a Replaces header names (RFC 3891 section 3). Raises ValueError when it cannot be read."""
        value = request.headers.get("Replaces")
        if not value:
            return None
        named = parse_replaces(value)
        leg = self.core.legs.get((named.call_id, named.to_tag))
        if leg is None or leg.dialog is None or leg.dialog.remote_tag != named.from_tag:
            return None
        return leg

    def _leg_of(self, request: Request) -> Leg | None:
        """The call whose dialog this request belongs to."""
        tag = request.to.tag
        leg = self.core.legs.get((request.call_id, tag)) if tag else None
        return leg if leg is not None and leg.dialog is not None and leg.dialog.accepts(request) else None

    def _refuse(self, request: Request, code: int, *headers: tuple[str, str]) -> Response:
        return new_response(request, code, "", *headers, tag=self._tag())

    def _tagged(self, response: Response) -> Response:
        if not response.to.tag:
            response.headers.set("To", f"{response.headers.get('To')};tag={self._tag()}")
        return response

    def _tag(self) -> str:
        return self.core.new_token(16)


def _stamp_via(request: Request, source: Peer) -> None:
    """Note where the request came from (RFC 3261 section 18.2.1, RFC 3581 section 4)."""
    values = [item for value in request.headers.all("Via") for item in split_quoted(value, ",")]
    via = request.via
    if "rport" in via.params and via.params["rport"] is None:
        parts = [part for part in split_quoted(via.text, ";") if part.lower() not in ("rport", "rport=")]
        values[0] = ";".join(part for part in parts if not part.lower().startswith("received="))
        values[0] += f";rport={source.port};received={source.host}"
    elif via.host.strip("[]") != source.host:
        parts = [part for part in split_quoted(via.text, ";") if not part.lower().startswith("received=")]
        values[0] = ";".join(parts) + f";received={source.host}"
    request.headers.set("Via", *values)


def _reply_peer(message: Request | Response, source: Peer) -> Peer:
    """Where responses go (RFC 3261 section 18.2.2): back over the connection, or by rport, or to sent-by's port."""
    if source.reliable or "rport" in message.via.params:
        return source
    return Peer(source.transport, source.host, message.via.port or 5060)


def _sent_by(request: Request) -> Peer:
    """The listener of the sender, should its connection be gone."""
    via = request.via
    default = 5061 if via.transport == "TLS" else 5060
    return Peer(via.transport, via.host, via.port or default)
