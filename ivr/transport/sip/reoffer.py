"""Offers within a call: re-INVITE (RFC 3261 section 14) and UPDATE (RFC 3311), the peer's and ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ivr.errors import SdpError
from ivr.transport.sip.core import Exchange
from ivr.transport.sip.events import EndCause, MediaChanged
from ivr.transport.sip.message import Request, Response, new_response
from ivr.transport.sip.sdp import Direction, parse_sdp
from ivr.transport.sip.transaction import ServerTransaction

if TYPE_CHECKING:
    from ivr.transport.sip.leg import Leg

SDP_HEADER = ("Content-Type", "application/sdp")
Done = Callable[[int, str], None]
"""Called with the final code and phrase of our own re-INVITE or UPDATE."""


class Reoffer:
    """One offer at a time in each direction; crossing ones are told apart by 491 and a random pause (section 14.1)."""

    def __init__(self, leg: Leg) -> None:
        self._leg = leg
        self._exchange: Exchange | None = None
        self._done: Done | None = None
        self._method = "INVITE"
        self._offered = False
        self._tries = 0
        self._old_direction = Direction.SENDRECV
        self._awaits_answer = False
        """Our 2xx made an offer; the ACK brings the answer."""

    @property
    def busy(self) -> bool:
        return self._exchange is not None

    def expect_answer_in_ack(self) -> None:
        self._awaits_answer = True

    def take_ack(self, ack: Request) -> bool:
        """The answer in an ACK, if one was awaited. Raises SdpError when it is missing or unfit."""
        if not self._awaits_answer:
            return False
        self._awaits_answer = False
        leg = self._leg
        assert leg.local is not None
        if not ack.body.strip():
            raise SdpError("the ACK brings no answer to our offer")
        leg.media = leg.negotiation.accept(parse_sdp(ack.body), leg.local)
        return True

    def receive(self, request: Request, transaction: ServerTransaction) -> None:
        """The peer's re-INVITE or UPDATE."""
        leg = self._leg
        refusal = self._refusal(request)
        if refusal is not None:
            transaction.respond(refusal)
            return
        if request.content_type not in ("", SDP_HEADER[1]) and request.body:
            transaction.reply(415, "", ("Accept", SDP_HEADER[1]))
            return
        try:
            body, changed = self._answer(request)
        except SdpError as error:
            transaction.reply(488, "", ("Warning", f'304 ivr "{str(error)[:120]!s}"'.replace("\\", "/")))
            return
        assert leg.dialog is not None
        leg.dialog.refresh_target(request)
        headers = [*leg.identity(), *leg.timer.answer(request)]
        response = new_response(request, 200, "", *headers)
        if body:
            response.headers.add(*SDP_HEADER)
            response.body = body
        if request.method == "INVITE":
            leg.answers.send(transaction, response)
        else:
            transaction.respond(response)
        if changed:
            self.report(by_peer=True)

    def report(self, *, by_peer: bool) -> None:
        if self._leg.media is not None:
            self._leg.emit(MediaChanged(self._leg.media, by_peer))

    def _refusal(self, request: Request) -> Response | None:
        leg = self._leg
        has_offer = bool(request.body.strip()) or request.method == "INVITE"
        if has_offer and self.busy:
            return new_response(request, 491)
        early = leg.media is None or (request.method == "INVITE" and leg.state.value in ("ringing", "calling"))
        if has_offer and (early or self._awaits_answer):
            # Our answer to an earlier offer is still to come (RFC 3261 section 14.2, RFC 3311 section 5.2).
            return new_response(request, 500, "", ("Retry-After", str(1 + int(leg.core.random() * 9))))
        return leg.timer.too_small(request)

    def _answer(self, request: Request) -> tuple[bytes, bool]:
        """The body of our 2xx and whether the media changed by it."""
        leg = self._leg
        assert leg.local is not None or not request.body
        if not request.body.strip():
            if request.method == "UPDATE" or leg.local is None:
                return b"", False
            self._awaits_answer = True
            return leg.negotiation.offer(leg.local), False
        assert leg.local is not None
        before = leg.media
        body, leg.media = leg.negotiation.answer(parse_sdp(request.body), leg.local)
        return body, leg.media != before

    def change(self, direction: Direction, done: Done) -> None:
        """Hold (`SENDONLY`, `INACTIVE`) or resume (`SENDRECV`) the peer by a re-INVITE."""
        if self.busy or self._leg.dialog is None:
            done(491, "another offer is under way")
            return
        self._old_direction = self._leg.negotiation.direction
        self._leg.negotiation.direction = direction
        self._done, self._tries = done, 0
        self._send("INVITE", with_offer=True)

    def refresh(self) -> None:
        """Keep the session alive (RFC 4028): by UPDATE where the peer allows it, else by re-INVITE."""
        if self.busy:
            return  # the offer under way refreshes as well
        self._done, self._tries = None, 0
        self._old_direction = self._leg.negotiation.direction
        method = "UPDATE" if self._leg.peer_allows_update else "INVITE"
        self._send(method, with_offer=method == "INVITE")

    def stop(self) -> None:
        self._leg.core.timers.stop(self, "again")
        self._finish(487, "the call ended")

    def on_timer(self, name: str) -> None:
        self._send(self._method, with_offer=self._offered)

    def _send(self, method: str, *, with_offer: bool) -> None:
        leg = self._leg
        assert leg.dialog is not None
        assert leg.local is not None
        self._method, self._offered = method, with_offer
        request = leg.dialog.request(method, *leg.identity(), *leg.timer.offer())
        if with_offer:
            request.headers.add(*SDP_HEADER)
            request.body = leg.negotiation.offer(leg.local)
        self._exchange = leg.exchange(request, self._on_response)

    def _on_response(self, response: Response) -> None:
        leg = self._leg
        if response.code < 200 or leg.dialog is None:
            return
        if response.code < 300:
            self._on_success(response)
        elif response.code == 491 and self._tries < 5:
            self._retry_later()
        elif response.code == 422 and self._tries < 3:
            self._tries += 1
            leg.timer.raise_to(response)
            self._send(self._method, with_offer=self._offered)
        else:
            self._on_refusal(response)

    def _on_success(self, response: Response) -> None:
        leg = self._leg
        assert leg.dialog is not None
        if self._method == "INVITE":
            leg.core.send_ack(leg.dialog.request("ACK", cseq=response.cseq.number), leg.dialog.flow)
        if self._exchange is None:
            return  # a repeated 2xx: its ACK was lost
        leg.dialog.refresh_target(response)
        leg.learn_allow(response)
        leg.timer.agreed(response)
        before = leg.media
        try:
            if self._offered and leg.local is not None:
                leg.media = leg.negotiation.accept(parse_sdp(response.body), leg.local)
        except SdpError as error:
            leg.bye(("Reason", "SIP;cause=488"), cause=EndCause.FAILED, code=488, text=str(error))
            return
        self._finish(response.code, response.phrase)
        if leg.media != before:
            self.report(by_peer=False)

    def _retry_later(self) -> None:
        """Section 14.1: who made the call waits 2.1 to 4 s, the other side up to 2 s."""
        self._tries += 1
        core = self._leg.core
        we_called = self._leg.invite.from_.tag == self._leg.local_tag
        pause = 2.1 + 1.9 * core.random() if we_called else 2.0 * core.random()
        self._exchange = None
        core.start_timer(self, "again", pause)

    def _on_refusal(self, response: Response) -> None:
        leg = self._leg
        leg.negotiation.direction = self._old_direction
        self._finish(response.code, response.phrase)
        if response.code in (408, 481):
            # The peer does not know the call, or is gone (section 12.2.1.2).
            leg.bye(cause=EndCause.FAILED, code=response.code, text=f"{self._method}: {response.phrase}")

    def _finish(self, code: int, phrase: str) -> None:
        self._exchange = None
        done, self._done = self._done, None
        if done is not None:
            done(code, phrase)
