"""The calling side of a call up to its answer (RFC 3261 sections 13.2 and 9.1)."""

from __future__ import annotations

from collections.abc import Sequence

from ivr.errors import SdpError
from ivr.transport.sip.auth import Credentials
from ivr.transport.sip.core import ALLOW, Core, Exchange
from ivr.transport.sip.dialog import Dialog, next_hop
from ivr.transport.sip.events import EndCause, Progress
from ivr.transport.sip.leg import Leg, LegState, sdp_of
from ivr.transport.sip.message import Request, Response, new_request
from ivr.transport.sip.sdp import LocalMedia, parse_sdp
from ivr.transport.sip.transaction import ClientTransaction, client_key, is_local


class OutgoingLeg(Leg):
    """A call that we make. Of several answers (forking) the first is the call; the others get ACK and BYE."""

    def __init__(
        self,
        core: Core,
        target: str,
        from_uri: str,
        local: LocalMedia,
        headers: Sequence[tuple[str, str]] = (),
        credentials: Credentials | None = None,
    ) -> None:
        tag = core.new_token(16)
        invite = new_request(
            "INVITE", target, ("From", f"<{from_uri}>;tag={tag}"), ("To", f"<{target}>"),
            ("Call-ID", core.new_token(32)), ("CSeq", "1 INVITE"), ("Max-Forwards", "70"), ("Allow", ALLOW), *headers,
        )  # fmt: skip
        super().__init__(core, invite, tag, LegState.CALLING)
        self._peer_allows = frozenset()
        self.local = local
        self.credentials = credentials
        self._cancelling: tuple[EndCause, int, str] | None = None
        self._provisional = False
        self._acks: dict[str, Request] = {}
        invite.headers.add("Contact", core.contact(next_hop(invite).transport))
        invite.headers.add("Content-Type", "application/sdp")
        invite.body = self.negotiation.offer(local)
        self.on_ended.append(lambda: core.timers.stop(self, "dial", "cancel"))
        self._exchange = self._send()

    def _send(self) -> Exchange:
        for name, value in self.timer.offer():
            self.invite.headers.set(name, value)
        return Exchange(self.core, self.invite, self._on_response, credentials=self.credentials)

    def give_up_after(self, seconds: float) -> None:
        """Cancel when nobody has answered by then."""
        self.core.start_timer(self, "dial", seconds)

    def cancel(self, cause: EndCause = EndCause.CANCELLED, code: int = 487, text: str = "cancelled") -> None:
        """Give up before the answer; the CANCEL waits for a provisional response (section 9.1)."""
        if self.state is not LegState.CALLING or self._cancelling is not None:
            return
        self._cancelling = (cause, code, text)
        if self._provisional:
            self._send_cancel()
        self.core.start_timer(self, "cancel", 64 * self.core.timings.t1)

    def on_timer(self, name: str) -> None:
        if name == "dial":
            self.cancel(EndCause.FAILED, 408, "nobody answered in time")
        elif self._cancelling is not None:
            self.end(*self._cancelling)  # no final response came (section 9.1)

    def _send_cancel(self) -> None:
        invite = self._exchange.request
        cancel = new_request("CANCEL", invite.uri, ("Via", invite.headers.get("Via")))
        cancel.headers.set("Route", *invite.headers.all("Route"))
        for name in ("From", "To", "Call-ID"):
            cancel.headers.set(name, invite.headers.get(name))
        cancel.headers.set("CSeq", f"{invite.cseq.number} CANCEL")
        cancel.headers.set("Max-Forwards", "70")
        invite_transaction = self._exchange.transaction
        transaction = ClientTransaction(
            self.core, cancel, invite_transaction.peer, lambda response: None, invite_transaction.fallback
        )
        transaction.key = client_key(cancel)
        self.core.client[transaction.key] = transaction
        transaction.start()

    def _on_response(self, response: Response) -> None:
        if response.code < 200:
            self._on_provisional(response)
        elif response.code < 300:
            self._on_success(response)
        elif self.state is LegState.CALLING:
            self._on_refusal(response)

    def _on_provisional(self, response: Response) -> None:
        if self.state is not LegState.CALLING:
            return
        first, self._provisional = not self._provisional, True
        if self._cancelling is not None:
            if first:
                self._send_cancel()
            return
        if response.code == 100:
            return
        if response.to.tag and self.dialog is None:
            # An early dialog (section 12.1.2): the peer may send UPDATE in it.
            self.dialog = Dialog.of_client(self._exchange.request, response, self._exchange.peer)
        try:
            description = sdp_of(response)
            if description is not None and self.local is not None:
                self.media = self.negotiation.accept(description, self.local)
        except SdpError:
            description = None  # early media that we cannot play are no reason to end the call
        self.emit(Progress(response.code, self.media if description is not None else None))

    def _on_success(self, response: Response) -> None:
        tag = response.to.tag
        if tag in self._acks:
            self._acknowledge(self._acks[tag])  # a repeated 2xx: our ACK was lost
            return
        dialog = Dialog.of_client(self._exchange.request, response, self._exchange.peer)
        self._acks[tag] = dialog.request("ACK", cseq=response.cseq.number)
        self._acknowledge(self._acks[tag])
        if self.state is LegState.CALLING and self._cancelling is None:
            self._establish(dialog, response)
            return
        # Another branch of a fork, or an answer that crossed our CANCEL: hang up on it (section 13.2.2.4).
        Exchange(self.core, dialog.request("BYE"), lambda _: None, flow=dialog.flow, credentials=self.credentials)
        if self._cancelling is not None:
            self.end(*self._cancelling)

    def _acknowledge(self, ack: Request) -> None:
        self.core.send_ack(ack, self._exchange.peer)

    def _establish(self, dialog: Dialog, response: Response) -> None:
        assert self.local is not None
        if self.dialog is not None and self.dialog.remote_tag == dialog.remote_tag:
            dialog.remote_cseq = self.dialog.remote_cseq
        self.dialog = dialog
        self.core.timers.stop(self, "dial")
        self.learn_allow(response)
        try:
            if response.body.strip() or self.media is None:
                self.media = self.negotiation.accept(parse_sdp(response.body), self.local)
        except SdpError as error:
            self.state = LegState.CONFIRMED
            self.bye(("Reason", "SIP;cause=488"), cause=EndCause.FAILED, code=488, text=f"answer of the peer: {error}")
            return
        self.timer.agreed(response)
        self.confirm()

    def _on_refusal(self, response: Response) -> None:
        if self._cancelling is not None:
            self.end(*self._cancelling)
        elif response.code == 422 and len(self._acks) == 0 and self._raise_interval(response):
            return
        else:
            cause = EndCause.FAILED if is_local(response) or response.code in (408, 503) else EndCause.REJECTED
            self.end(cause, response.code, response.phrase)

    def _raise_interval(self, response: Response) -> bool:
        """Call again with the session interval that the peer wants (RFC 4028 section 7.3); once."""
        if self.invite.cseq.number > 1 or "Min-SE" not in response.headers:
            return False
        self.timer.raise_to(response)
        old = self._exchange.request
        self.invite = Request(old.headers, old.body, old.method, old.uri)
        self.invite.headers.set("CSeq", f"{old.cseq.number + 1} INVITE")
        self._exchange = self._send()
        return True
