"""The called side of a call up to its answer (RFC 3261 sections 13.3 and 9.2, RFC 3262, RFC 3891)."""

from __future__ import annotations

from ivr.errors import SdpError, SipError
from ivr.transport.sip.core import SUPPORTED, Core
from ivr.transport.sip.dialog import Dialog
from ivr.transport.sip.events import EndCause
from ivr.transport.sip.leg import Leg, LegState, sdp_of
from ivr.transport.sip.message import Peer, Request, Response, new_response
from ivr.transport.sip.pending import ReliableProvisionals
from ivr.transport.sip.sdp import LocalMedia, SessionDescription
from ivr.transport.sip.transaction import ServerTransaction
from ivr.transport.sip.uri import parse_name_addrs

SDP_HEADER = ("Content-Type", "application/sdp")
RING_REPEAT_S = 60.0
"""RFC 3261 section 13.3.1.1: a provisional response a minute keeps proxies from giving up."""


class IncomingLeg(Leg):
    """A call that someone makes to us. `offer` is None when the INVITE came without one."""

    def __init__(self, core: Core, request: Request, transaction: ServerTransaction, source: Peer) -> None:
        offer = sdp_of(request)  # before the call is known to anybody: this may raise SdpError
        super().__init__(core, request, core.new_token(16), LegState.RINGING)
        self.source = source
        self.offer: SessionDescription | None = offer
        self.dialog = Dialog.of_server(request, self.local_tag, source)
        self.replaces: Leg | None = None
        """The call that this one takes the place of once answered."""
        self._transaction = transaction
        self._early = b""
        self._last_ring: tuple[int, bytes] = (0, b"")
        self._answer_later: LocalMedia | None = None
        self._reliable: ReliableProvisionals | None = None
        if "100rel" in request.headers.tags("Require"):
            self._reliable = ReliableProvisionals(core, transaction, self._prack_lost)
            self._reliable.on_idle = self._pracked
            self.on_prack = self._reliable.prack
        self.on_ended.append(self._stop)

    def ring(self) -> None:
        """180, repeated every minute until the answer."""
        self._ringing("180 Ringing")
        self._provisional(180, b"")

    def progress(self, local: LocalMedia) -> None:
        """183 with our answer: early media. Raises SdpError when nothing of the offer suits, SipError without one."""
        self._ringing("183 Session Progress")
        if self.offer is None:
            raise SipError("early media need an offer, but the INVITE has none: answer the call instead")
        self.local = local
        self._early, self.media = self.negotiation.answer(self.offer, local)
        self._provisional(183, self._early)

    def answer(self, local: LocalMedia) -> None:
        """200. Raises SdpError after a 488 when the offer has no codec of ours, SipError when the call is over."""
        self._ringing("an answer")
        self.local = local
        if self._reliable is not None and self._reliable.busy:
            self._answer_later = local  # RFC 3262 section 5: first the PRACK
            return
        response = self._dialog_response(200)
        try:
            body = self._answer_body(local)
        except SdpError as error:
            self.reject(488, "", ("Warning", f'304 ivr "{str(error)[:120]}"'))
            raise
        for header in self.timer.answer(self.invite):
            response.headers.add(*header)
        response.headers.add("Supported", SUPPORTED)
        response.headers.add(*SDP_HEADER)
        response.body = body
        self.state = LegState.ANSWERED
        self._stop()
        self.answers.send(self._transaction, response)
        if self.replaces is not None:
            self.replaces.bye(("Reason", 'SIP;cause=200;text="replaced"'))

    def reject(self, code: int, phrase: str = "", *headers: tuple[str, str]) -> None:
        """Refuse the call with 300 to 699. Raises SipError when it was answered or is over."""
        if not 300 <= code <= 699:
            raise SipError(f"a call is refused with 300 to 699, not {code}")
        self._ringing(f"{code}")
        self._transaction.reply(code, phrase, *headers, tag=self.local_tag)
        self.end(EndCause.REJECTED, code, phrase)

    def cancelled(self, cancel: Request) -> None:
        """The caller gave up before our answer."""
        if self.state is not LegState.RINGING:
            return
        self._transaction.reply(487, tag=self.local_tag)
        self.end(EndCause.CANCELLED, 487, cancel.headers.get("Reason"))

    def receive(self, request: Request, transaction: ServerTransaction) -> None:
        if request.method == "BYE" and self.state is LegState.RINGING:
            # A caller may end an early dialog by BYE (section 15.1.2).
            transaction.reply(200)
            self._transaction.reply(487, tag=self.local_tag)
            self.end(EndCause.CANCELLED, 487, request.headers.get("Reason"))
        else:
            super().receive(request, transaction)

    def on_timer(self, name: str) -> None:
        self._provisional(*self._last_ring)

    def _ringing(self, what: str) -> None:
        if self.state is not LegState.RINGING:
            raise SipError(f"call {self.call_id} is {self.state.value}: too late for {what}")

    def _answer_body(self, local: LocalMedia) -> bytes:
        if self.offer is None:
            self.reoffer.expect_answer_in_ack()
            return self.negotiation.offer(local)
        body, self.media = self.negotiation.answer(self.offer, local)
        return body

    def _provisional(self, code: int, body: bytes) -> None:
        response = self._dialog_response(code)
        if body:
            response.headers.add(*SDP_HEADER)
            response.body = body
        self._last_ring = (code, body)
        if self._reliable is not None:
            self._reliable.send(response)
            return
        self._transaction.respond(response)
        self.core.start_timer(self, "ring", RING_REPEAT_S)

    def _dialog_response(self, code: int) -> Response:
        response = new_response(self.invite, code, "", *self.identity(self.source.transport), tag=self.local_tag)
        response.headers.set("Record-Route", *self.invite.headers.all("Record-Route"))
        return response

    def _pracked(self) -> None:
        if self._answer_later is not None and self.state is LegState.RINGING:
            self.answer(self._answer_later)

    def _prack_lost(self) -> None:
        if self.state is LegState.RINGING:
            self.reject(504, "no PRACK")

    def _stop(self) -> None:
        self.core.timers.stop(self, "ring")
        if self._reliable is not None:
            self._reliable.stop()


def diversion_headers(request: Request) -> dict[str, str]:
    """Headers a hotline may route by: identity, diversion, agent and every X- header, each with its first value."""
    wanted = (
        "p-asserted-identity", "p-preferred-identity", "remote-party-id", "privacy", "diversion", "history-info",
        "user-agent", "subject", "accept-language", "alert-info", "call-info", "referred-by", "user-to-user",
    )  # fmt: skip
    found: dict[str, str] = {}
    for name, value in request.headers.items():
        if name.lower() in wanted or name.lower().startswith("x-"):
            found.setdefault(name, value)
    return found


def caller_of(request: Request) -> str:
    """The caller's number or user part: P-Asserted-Identity first (RFC 3325), else From; empty if withheld."""
    if "id" in request.headers.get("Privacy").lower().split(";"):
        return ""
    values = request.headers.all("P-Asserted-Identity") or [request.headers.get("From")]
    try:
        uris = [address.uri for address in parse_name_addrs(values)]
    except ValueError:
        uris = [request.from_.uri]
    number = next((uri.number for uri in uris if uri.user), "")
    return "" if number.lower() == "anonymous" else number
