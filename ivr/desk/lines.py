"""What the desk needs of telephony: an endpoint that dials, a leg for an agent's audio, and the caller's own line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ivr.transport.base import MediaLeg
from ivr.transport.rtp.leg import RtpLeg, RtpSettings
from ivr.transport.rtp.ports import PortRange
from ivr.transport.sip.auth import Credentials
from ivr.transport.sip.events import CallEvent, ReferOutcome
from ivr.transport.sip.sdp import AgreedMedia, LocalMedia


class AgentCall(Protocol):
    """A call to an agent that was answered (`ivr.transport.sip.call.SipCall`)."""

    @property
    def media(self) -> AgreedMedia | None: ...

    async def next_event(self) -> CallEvent: ...

    async def bye(self, reason: str = "") -> None: ...


class CallerLine(Protocol):
    """The caller's SIP call, for a transfer."""

    async def refer(self, target: str, *, hang_up: bool) -> ReferOutcome: ...

    async def bye(self, reason: str = "") -> None: ...


class Dialer(Protocol):
    """A SIP endpoint (`ivr.transport.sip.endpoint.SipEndpoint`)."""

    async def dial(
        self,
        target: str,
        local: LocalMedia,
        *,
        from_uri: str = "",
        headers: Sequence[tuple[str, str]] = (),
        timeout_s: float = 60.0,
        credentials: Credentials | None = None,
    ) -> AgentCall:
        """Raises CallFailed with the SIP code, SipError for a bad address. Cancelling the task cancels the call."""


class AgentMedia(Protocol):
    """An agent's audio while it is set up and used."""

    @property
    def local(self) -> LocalMedia:
        """For the offer."""

    @property
    def leg(self) -> MediaLeg: ...

    def connect(self, media: AgreedMedia) -> None:
        """What was agreed, at first and after each re-INVITE. Raises RtpError."""

    def close(self) -> None: ...


class LegFactory(Protocol):
    def open(self, on_lost: Callable[[], None]) -> AgentMedia:
        """`on_lost` is called when the agent's audio stays away. Raises RtpError when no port is free."""


class RtpAgentMedia:
    """An agent's audio over RTP."""

    def __init__(self, leg: RtpLeg) -> None:
        self.leg = leg

    @property
    def local(self) -> LocalMedia:
        return LocalMedia(self.leg.address, self.leg.port)

    def connect(self, media: AgreedMedia) -> None:
        self.leg.set_remote(
            media.address, media.port, dict(media.receive_types), media.direction.value,
            send=media.codec.payload_type, event_type=media.telephone_event, ptime_ms=media.ptime,
            rtcp_port=media.rtcp_port,
        )  # fmt: skip

    def close(self) -> None:
        self.leg.close()


class RtpLegFactory:
    """Legs on the ports of this process."""

    def __init__(self, ports: PortRange, settings: RtpSettings | None = None) -> None:
        self._ports, self._settings = ports, settings or RtpSettings()

    def open(self, on_lost: Callable[[], None]) -> RtpAgentMedia:
        return RtpAgentMedia(RtpLeg(self._ports, self._settings, on_lost))
