"""What the user-agent core tells its shell, and what a call tells its driver."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from ivr.transport.base import Digit
from ivr.transport.sip.sdp import AgreedMedia

if TYPE_CHECKING:
    from ivr.transport.sip.leg import Leg
    from ivr.transport.sip.uas import IncomingLeg


class EndCause(Enum):
    """Why a call is over."""

    LOCAL_BYE = "local-bye"
    REMOTE_BYE = "remote-bye"
    CANCELLED = "cancelled"
    """The caller hung up before we answered, or we before they did."""
    REJECTED = "rejected"
    """We refused, or the called party did."""
    NO_ACK = "no-ack"
    """Our 200 was never acknowledged (32 s)."""
    SESSION_EXPIRED = "session-expired"
    """No refresh came in time (RFC 4028)."""
    FAILED = "failed"
    """The peer does not answer, or answers what ends the call."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The last event of a call."""

    cause: EndCause
    code: int = 0
    """The SIP status or the peer's Reason cause, 0 if none."""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The media are agreed and the handshake is complete."""

    media: AgreedMedia


@dataclass(frozen=True, slots=True)
class MediaChanged:
    """The peer moved, held or resumed the call (re-INVITE or UPDATE), or our own re-INVITE was answered."""

    media: AgreedMedia
    by_peer: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """A call we make rings (180), or has early media (183 with a description)."""

    code: int
    media: AgreedMedia | None


@dataclass(frozen=True, slots=True)
class Key:
    """A key by SIP INFO."""

    digit: Digit


class ReferStatus(Enum):
    ACCEPTED = "accepted"
    """The target answered the referred call."""
    REJECTED = "rejected"
    """The peer refused the REFER, or the target refused the call."""
    UNKNOWN = "unknown"
    """The peer took the REFER but never said how it ended."""


@dataclass(frozen=True, slots=True)
class ReferOutcome:
    """How a transfer ended; `code` is the last SIP status seen, 0 if none."""

    status: ReferStatus
    code: int = 0


@dataclass(frozen=True, slots=True)
class ReferProgress:
    """A NOTIFY told how the referred call stands."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class ReferFinished:
    outcome: ReferOutcome


@dataclass(frozen=True, slots=True)
class TransferRequested:
    """The peer asks us to call `target` (an incoming REFER that was taken with 202)."""

    target: str
    referred_by: str
    replaces: str
    """The Replaces value inside the target, empty for a blind transfer."""


CallEvent = (
    Confirmed | MediaChanged | Progress | Key | ReferProgress | ReferFinished | TransferRequested | Ended
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Incoming:
    """A new call asks to be answered."""

    leg: IncomingLeg


@dataclass(frozen=True, slots=True)
class LegEvent:
    leg: Leg
    event: CallEvent


@dataclass(frozen=True, slots=True)
class RegistrationChanged:
    """`registered` with the seconds granted, or the code that stands against it."""

    aor: str
    registered: bool
    code: int
    expires: int
