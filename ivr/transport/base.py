"""What a call's media looks like to the driver, whatever carries it.

The media clock belongs to the process: `ivr.transport.pacer` ticks every 20 ms and, for each leg, reads one frame and
writes one frame. So both methods are synchronous, never block and never raise for anything a peer can do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from ivr.audio.frame import AudioFrame


@dataclass(frozen=True, slots=True)
class CallInfo:
    """Who calls whom, as the signalling says."""

    call_id: str
    caller: str
    """The caller's number or user part, digits and `+` where it is a number; empty if withheld."""
    called: str
    transport: str
    """`sip`, `webrtc`, `chat`, `recording`, ..."""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Digit:
    """A key the caller pressed."""

    digit: str
    """One of `0-9*#A-D`."""
    duration_ms: int
    source: str
    """`rfc4733`, `sip-info`, `in-band` or `browser`."""


@runtime_checkable
class MediaLeg(Protocol):
    """One party's audio, both ways, in 20 ms frames of 16 kHz."""

    def read(self) -> AudioFrame:
        """The next 20 ms the party said; `lost=True` with concealment when the network brought nothing."""

    def write(self, frame: AudioFrame) -> None:
        """The next 20 ms the party hears."""

    def take_digits(self) -> list[Digit]:
        """Keys pressed since the last call of this."""

    def send_digits(self, digits: str) -> None:
        """Press keys towards the party (RFC 4733 where agreed, else in-band tones)."""
