"""Call transfer: REFER (RFC 3515), its NOTIFYs (RFC 6665, 3420), Referred-By (RFC 3892) and Replaces (RFC 3891)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ivr.transport.sip.events import ReferFinished, ReferOutcome, ReferProgress, ReferStatus, TransferRequested
from ivr.transport.sip.message import PHRASES, Request, Response
from ivr.transport.sip.transaction import ServerTransaction, is_local
from ivr.transport.sip.uri import escape_header, parse_name_addr, parse_params

if TYPE_CHECKING:
    from ivr.transport.sip.leg import Leg

SILENCE_S = 30.0
"""A peer that took a REFER and tells nothing for so long leaves the outcome unknown."""
_STATUS_LINE = re.compile(rb"SIP/2\.0 +(\d{3})(?: ([^\r\n]*))?")


@dataclass(frozen=True, slots=True)
class Replaces:
    """Names a dialog at the receiver: `to_tag` is the receiver's own tag."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False

    def __str__(self) -> str:
        suffix = ";early-only" if self.early_only else ""
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{suffix}"


def parse_replaces(value: str) -> Replaces:
    """Read a Replaces value. Raises ValueError that names it."""
    call_id, semicolon, rest = value.strip().partition(";")
    params = parse_params(semicolon + rest)
    to_tag, from_tag = params.get("to-tag"), params.get("from-tag")
    if not call_id or not to_tag or not from_tag:
        raise ValueError(f"Replaces needs a Call-ID, to-tag and from-tag: {value[:80]!r}")
    return Replaces(call_id, to_tag, from_tag, "early-only" in params)


def parse_sipfrag(body: bytes) -> tuple[int, str] | None:
    """Code and phrase of a `message/sipfrag` body that begins with a status line."""
    match = _STATUS_LINE.match(body.strip())
    return (int(match[1]), (match[2] or b"").decode("utf-8", "replace")) if match else None


class Transfer:
    """A call's REFERs: one of ours at a time, and at most one of the peer's."""

    def __init__(self, leg: Leg) -> None:
        self._leg = leg
        self._done: Callable[[ReferOutcome], None] | None = None
        self._code = 0
        self._notifies: str | None = None
        """The Event value of the subscription that the peer's REFER made."""

    def refer(self, target: str, replaces: Leg | None, done: Callable[[ReferOutcome], None]) -> None:
        """Ask the peer to call `target`, or to take over the peer of another call of ours (attended transfer)."""
        leg = self._leg
        if leg.dialog is None or self._done is not None:
            done(ReferOutcome(ReferStatus.REJECTED, 491))
            return
        self._done, self._code = done, 0
        refer_to = f"<{target}>"
        if replaces is not None and replaces.dialog is not None:
            other = replaces.dialog
            named = Replaces(other.call_id, other.remote_tag, other.local_tag)
            refer_to = f"<{target or other.target}?Replaces={escape_header(str(named))}>"
        local = parse_name_addr(leg.dialog.local).uri.text
        headers = [("Refer-To", refer_to), ("Referred-By", f"<{local}>"), ("Supported", "replaces"), *leg.identity()]
        leg.exchange(leg.dialog.request("REFER", *headers), self._on_response)

    def _on_response(self, response: Response) -> None:
        if response.code < 200:
            return
        if response.code < 300:
            self._leg.core.start_timer(self, "silence", SILENCE_S)
        elif is_local(response):
            self._finish(ReferStatus.UNKNOWN, response.code)  # it may have arrived all the same
        else:
            self._finish(ReferStatus.REJECTED, response.code)

    def receive_notify(self, request: Request, transaction: ServerTransaction) -> None:
        """The peer tells how the call that it was referred to stands."""
        if not request.headers.get("Event").lower().startswith("refer"):
            transaction.reply(489, "", ("Allow-Events", "refer"))
            return
        if self._done is None:
            # The last word of a subscription that we count as finished is no error.
            over = request.headers.get("Subscription-State").lower().startswith("terminated")
            transaction.reply(200 if over else 481)
            return
        status = parse_sipfrag(request.body)
        if request.body.strip() and status is None:
            transaction.reply(400, "Bad Request - no status line in the sipfrag")
            return
        transaction.reply(200)
        if status is not None:
            self._note(*status)
        if self._done is not None and request.headers.get("Subscription-State").lower().startswith("terminated"):
            self._finish(ReferStatus.UNKNOWN, self._code)

    def _note(self, code: int, text: str) -> None:
        self._code = code
        self._leg.emit(ReferProgress(code, text))
        if code < 200:
            self._leg.core.start_timer(self, "silence", SILENCE_S)
        else:
            self._finish(ReferStatus.ACCEPTED if code < 300 else ReferStatus.REJECTED, code)

    def on_timer(self, name: str) -> None:
        self._finish(ReferStatus.UNKNOWN, self._code)

    def stop(self) -> None:
        """The call ended; a transfer under way has no known outcome."""
        self._finish(ReferStatus.UNKNOWN, self._code)

    def _finish(self, status: ReferStatus, code: int) -> None:
        self._leg.core.timers.stop(self, "silence")
        done, self._done = self._done, None
        if done is not None:
            outcome = ReferOutcome(status, code)
            self._leg.emit(ReferFinished(outcome))
            done(outcome)

    def receive_refer(self, request: Request, transaction: ServerTransaction) -> None:
        """The peer asks us to call someone: 202 and an event where the settings allow it, else 603."""
        leg = self._leg
        try:
            target = parse_name_addr(request.headers.get("Refer-To")).uri
        except ValueError:
            transaction.reply(400, "Bad Request - Refer-To cannot be read")
            return
        if not leg.core.settings.accept_refer or self._notifies is not None:
            transaction.reply(603)
            return
        transaction.reply(202, "", *leg.identity()[:1])
        self._notifies = f"refer;id={request.cseq.number}"
        self.notify(100)
        referred_by = request.headers.get("Referred-By")
        leg.emit(TransferRequested(target.text, referred_by, target.headers.get("replaces", "")))

    def notify(self, code: int, phrase: str = "") -> None:
        """Tell the peer how the call stands that it asked for; a final code ends the subscription."""
        leg = self._leg
        if self._notifies is None or leg.dialog is None:
            return
        state = "active;expires=60" if code < 200 else "terminated;reason=noresource"
        headers = [
            ("Event", self._notifies),
            ("Subscription-State", state),
            ("Content-Type", "message/sipfrag;version=2.0"),
        ]
        if code >= 200:
            self._notifies = None
        body = f"SIP/2.0 {code} {phrase or PHRASES.get(code, '')}\r\n".encode()
        leg.exchange(leg.dialog.request("NOTIFY", *headers, *leg.identity()[:1], body=body), lambda response: None)
