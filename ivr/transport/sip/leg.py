"""One call as the protocol sees it: its dialog, its media agreement and its parts, and the dispatch of its requests."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum

from ivr.errors import SdpError
from ivr.transport.base import Digit
from ivr.transport.sip.auth import Credentials
from ivr.transport.sip.core import ALLOW, SUPPORTED, Core, Exchange
from ivr.transport.sip.dialog import Dialog
from ivr.transport.sip.events import CallEvent, Confirmed, EndCause, Ended, Key, LegEvent
from ivr.transport.sip.message import Request, Response
from ivr.transport.sip.negotiation import Negotiation
from ivr.transport.sip.pending import UnackedAnswers
from ivr.transport.sip.refer import Transfer
from ivr.transport.sip.reoffer import Reoffer
from ivr.transport.sip.sdp import AgreedMedia, LocalMedia, SessionDescription, parse_sdp
from ivr.transport.sip.session_timer import SessionTimer
from ivr.transport.sip.transaction import ServerTransaction

SDP_TYPE = "application/sdp"
DTMF_TYPES = ("application/dtmf-relay", "application/dtmf")
_REASON_CAUSE = re.compile(r";\s*cause\s*=\s*(\d{1,3})", re.IGNORECASE)


class LegState(Enum):
    CALLING = "calling"
    """We called and wait for the answer."""
    RINGING = "ringing"
    """We are called and have not answered."""
    ANSWERED = "answered"
    """We answered and wait for the ACK."""
    CONFIRMED = "confirmed"
    ENDED = "ended"


class Leg:
    """The parts of a call work on this; `ivr.transport.sip.call.SipCall` is its asyncio face."""

    def __init__(self, core: Core, invite: Request, local_tag: str, state: LegState) -> None:
        self.core = core
        self.invite = invite
        self.call_id = invite.call_id
        self.local_tag = local_tag
        self.state = state
        self.dialog: Dialog | None = None
        self.credentials: Credentials | None = None
        self.local: LocalMedia | None = None
        self.media: AgreedMedia | None = None
        self.negotiation = Negotiation(str(int(core.random() * 2**53)))
        self.answers = UnackedAnswers(core, self._ack_lost)
        self.timer = SessionTimer(core, lambda: self.reoffer.refresh(), self._session_expired)
        self.reoffer = Reoffer(self)
        self.transfer = Transfer(self)
        self.on_ended: list[Callable[[], None]] = []
        self._bye_after_ack: tuple[tuple[str, str], ...] | None = None
        self._peer_allows: frozenset[str] = frozenset(invite.headers.tokens("Allow"))
        core.legs[self.call_id, local_tag] = self

    @property
    def peer_allows_update(self) -> bool:
        return "UPDATE" in self._peer_allows

    def learn_allow(self, message: Request | Response) -> None:
        if "Allow" in message.headers:
            self._peer_allows = frozenset(message.headers.tokens("Allow"))

    def emit(self, event: CallEvent) -> None:
        self.core.events.append(LegEvent(self, event))

    def confirm(self) -> None:
        """Handshake complete: the driver may start its media."""
        if self.state is not LegState.ENDED:
            self.state = LegState.CONFIRMED
        if self.media is not None:
            self.emit(Confirmed(self.media))

    def end(self, cause: EndCause, code: int = 0, text: str = "") -> None:
        """The call is over; nothing of it stays but transactions that linger."""
        if self.state is LegState.ENDED:
            return
        self.state = LegState.ENDED
        self.answers.stop()
        self.timer.stop()
        self.reoffer.stop()
        self.transfer.stop()
        for stop in self.on_ended:
            stop()
        self.core.legs.pop((self.call_id, self.local_tag), None)
        self.emit(Ended(cause, code, text))

    def exchange(self, request: Request, on_response: Callable[[Response], None]) -> Exchange:
        """Send a request of the dialog, answering a challenge on the way."""
        assert self.dialog is not None
        return Exchange(
            self.core, request, on_response, flow=self.dialog.flow, credentials=self.credentials,
            next_cseq=self.dialog.next_cseq,
        )  # fmt: skip

    def identity(self, transport: str = "") -> list[tuple[str, str]]:
        """Headers of messages that make or refresh the dialog."""
        transport = transport or (self.dialog.flow.transport if self.dialog and self.dialog.flow else "UDP")
        return [("Contact", self.core.contact(transport)), ("Allow", ALLOW)]

    def bye(
        self, *headers: tuple[str, str], cause: EndCause = EndCause.LOCAL_BYE, code: int = 0, text: str = ""
    ) -> None:
        """Hang up an answered call. Before the ACK has come the BYE waits for it (RFC 3261 section 15)."""
        if self.state is LegState.ANSWERED and cause is EndCause.LOCAL_BYE:
            self._bye_after_ack = headers
            return
        if self.state is LegState.ENDED or self.dialog is None:
            return
        self.exchange(self.dialog.request("BYE", *headers), lambda response: None)
        self.end(cause, code, text)

    def receive(self, request: Request, transaction: ServerTransaction) -> None:
        """A request inside the dialog, its CSeq and tags already judged."""
        self.learn_allow(request)
        handler = _HANDLERS.get(request.method)
        if handler is None:
            transaction.reply(405, "", ("Allow", ALLOW))
        else:
            handler(self, request, transaction)

    def receive_ack(self, ack: Request) -> None:
        """The ACK of a 2xx; it brings the answer when our 2xx made the offer."""
        if not self.answers.acked(ack):
            return
        if self._bye_after_ack is not None:
            headers, self._bye_after_ack = self._bye_after_ack, None
            self.state = LegState.CONFIRMED
            self.bye(*headers)
            return
        try:
            changed = self.reoffer.take_ack(ack)
        except SdpError as error:
            self.bye(
                ("Reason", f'SIP;cause=488;text="{error!s:.80}"'), cause=EndCause.FAILED, code=488, text=str(error)
            )
            return
        if self.state is LegState.ANSWERED:
            self.confirm()
        elif changed:
            self.reoffer.report(by_peer=True)

    def _on_bye(self, request: Request, transaction: ServerTransaction) -> None:
        transaction.reply(200)
        reason = request.headers.get("Reason")
        cause = _REASON_CAUSE.search(reason)
        self.end(EndCause.REMOTE_BYE, int(cause[1]) if cause else 0, reason)

    def _on_offer(self, request: Request, transaction: ServerTransaction) -> None:
        self.reoffer.receive(request, transaction)

    def _on_options(self, request: Request, transaction: ServerTransaction) -> None:
        transaction.reply(200, "", ("Allow", ALLOW), ("Accept", SDP_TYPE), ("Supported", SUPPORTED))

    def _on_info(self, request: Request, transaction: ServerTransaction) -> None:
        kind = request.content_type
        if kind in DTMF_TYPES:
            digit = parse_dtmf(kind, request.body)
            if digit is None:
                transaction.reply(400, "Bad Request - no digit")
                return
            transaction.reply(200)
            self.emit(Key(digit))
        elif kind:
            transaction.reply(415, "", ("Accept", ", ".join(DTMF_TYPES)))
        else:
            transaction.reply(200)

    def _on_refer(self, request: Request, transaction: ServerTransaction) -> None:
        self.transfer.receive_refer(request, transaction)

    def _on_notify(self, request: Request, transaction: ServerTransaction) -> None:
        self.transfer.receive_notify(request, transaction)

    def _on_prack(self, request: Request, transaction: ServerTransaction) -> None:
        prack = self.on_prack
        transaction.reply(200 if prack is not None and prack(request) else 481)

    on_prack: Callable[[Request], bool] | None = None

    def _ack_lost(self) -> None:
        self.bye(("Reason", 'SIP;cause=408;text="no ACK"'), cause=EndCause.NO_ACK, code=408, text="no ACK within 64 T1")

    def _session_expired(self) -> None:
        text = f"no refresh within the session interval of {self.timer.interval} s"
        self.bye(
            ("Reason", 'SIP;cause=408;text="session expired"'), cause=EndCause.SESSION_EXPIRED, code=408, text=text
        )


_HANDLERS: dict[str, Callable[[Leg, Request, ServerTransaction], None]] = {
    "BYE": Leg._on_bye,
    "INVITE": Leg._on_offer,
    "UPDATE": Leg._on_offer,
    "OPTIONS": Leg._on_options,
    "INFO": Leg._on_info,
    "REFER": Leg._on_refer,
    "NOTIFY": Leg._on_notify,
    "PRACK": Leg._on_prack,
}


def sdp_of(message: Request | Response) -> SessionDescription | None:
    """The description in a message, None without one. Raises SdpError."""
    if not message.body.strip() or message.content_type != SDP_TYPE:
        return None
    return parse_sdp(message.body)


def parse_dtmf(kind: str, body: bytes) -> Digit | None:
    """`application/dtmf-relay` (Signal=, Duration= in ms) or `application/dtmf` (the digit alone)."""
    text = body.decode("ascii", "replace")
    if kind == "application/dtmf":
        fields = {"signal": text.strip()}
    else:
        pairs = (line.partition("=") for line in text.splitlines())
        fields = {name.strip().lower(): value.strip() for name, _, value in pairs}
    signal = {"10": "*", "11": "#"}.get(fields.get("signal", ""), fields.get("signal", "").upper())
    if len(signal) != 1 or signal not in "0123456789*#ABCD":
        return None
    duration = fields.get("duration", "")
    return Digit(signal, int(duration) if duration.isdecimal() and len(duration) < 6 else 100, "sip-info")
