"""A call's media over RTP: `ivr.transport.base.MediaLeg` on sockets."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from ivr.audio.dtmf import DtmfDetector, generate
from ivr.audio.frame import FRAME_SAMPLES, SILENCE, AudioFrame, Samples
from ivr.errors import RtpError
from ivr.transport.base import Digit
from ivr.transport.rtp.codecs import AUDIO_CODECS, TELEPHONE_EVENT, canonical
from ivr.transport.rtp.dtmf4733 import DIGITS
from ivr.transport.rtp.jitter_buffer import JitterSettings
from ivr.transport.rtp.ports import PortRange
from ivr.transport.rtp.receiver import ReceiverStats, RtpReceiver
from ivr.transport.rtp.reports import PeerView, Reporter
from ivr.transport.rtp.rtcp import ntp_time
from ivr.transport.rtp.sender import RtpSender
from ivr.transport.rtp.session import RtpSession, SocketStats

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
"""Ours: `sendonly` means that we send and do not listen."""

_TICK_NS = 125_000
"""One tick of the 8 kHz RTP clock."""
_NEVER = 1 << 62
_CONTROL_EVERY = 25
"""Frames between looks at the RTCP port; its datagrams carry the kernel's time, so nothing is lost by waiting."""
_MIN_PTIME, _MAX_PTIME = 10, 100
_SILENT = AudioFrame(SILENCE)


@dataclass(frozen=True, slots=True)
class RtpSettings:
    """How a leg behaves towards its peer."""

    symmetric: bool = False
    """Answer to wherever the first packet comes from, for callers behind NAT."""
    first_packet_s: float = 30.0
    """No RTP for so long after the media was agreed: the call is lost."""
    silence_s: float = 15.0
    """No RTP for so long later: the call is lost."""
    report_s: float = 5.0
    """Between RTCP reports."""
    jitter: JitterSettings = field(default_factory=JitterSettings)


@dataclass(frozen=True, slots=True)
class LegStats:
    """Figures of a leg at one moment."""

    received: ReceiverStats
    sent_packets: int
    sent_octets: int
    sockets: SocketStats
    peer: PeerView
    lost: bool
    remote: tuple[str, int] | None


class MediaLink(Protocol):
    """What carries a leg's datagrams, as `ivr.transport.rtp.session.RtpSession` does over its own sockets."""

    stats: SocketStats
    port: int

    @property
    def address(self) -> str: ...
    @property
    def remote(self) -> tuple[str, int] | None: ...
    def set_remote(self, address: str, port: int, rtcp_port: int | None = None) -> None: ...
    def send(self, datagram: bytes) -> None: ...
    def send_control(self, datagram: bytes) -> None: ...
    def drain(self, now: int, media: Callable[[bytes, int], None], control: Callable[[bytes, int], None]) -> bool: ...
    def drain_control(self, now: int, control: Callable[[bytes, int], None]) -> None: ...
    def close(self) -> None: ...


class RtpLeg:
    """One party over RTP. Open it, put `port` into the session description, `set_remote` what was agreed, and let the
    pacer read and write; `close` it in the end.

    `on_lost` is called once, out of `read`, when the peer's RTP stays away.
    """

    def __init__(
        self,
        ports: PortRange | MediaLink,
        settings: RtpSettings | None = None,
        on_lost: Callable[[], None] | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """On sockets of its own, or over a link that somebody else has set up. Raises RtpError when no port is
        free."""
        self._settings = settings = settings or RtpSettings()
        self._session: MediaLink = RtpSession(ports, settings.symmetric) if isinstance(ports, PortRange) else ports
        self.address, self.port = self._session.address, self._session.port
        source = random.SystemRandom()
        self._sender = RtpSender(source.getrandbits(32), source.getrandbits(16), source.getrandbits(32))
        self._receiver = RtpReceiver(settings.jitter)
        self._reporter = Reporter(self._sender.ssrc, f"{source.getrandbits(64):016x}@{self.address}")
        self._on_lost, self._clock = on_lost, clock
        self._sends = self._receives = self._held = False
        self._silence_ns = int(settings.silence_s * 1e9)
        self._deadline = _NEVER
        self._heard = False
        self._report_ns = int(settings.report_s * 1e9)
        self._next_report = _NEVER
        self._until_control = _CONTROL_EVERY
        self._detector: DtmfDetector | None = None
        self._digits: list[Digit] = []
        self._tones: Samples = np.empty(0, dtype=np.int16)
        self.lost = False
        """The peer's RTP stayed away for too long."""

    # -- what the signalling agrees ------------------------------------------------------------------------------

    @property
    def ssrc(self) -> int:
        """The source that we send as (RFC 3550, section 3)."""
        return self._sender.ssrc

    def set_remote(
        self,
        address: str,
        port: int,
        codecs: Mapping[int, str],
        direction: Direction = "sendrecv",
        *,
        send: int | None = None,
        event_type: int | None = None,
        ptime_ms: int = 20,
        rtcp_port: int | None = None,
    ) -> None:
        """What was agreed, at first and after each re-INVITE.

        `codecs` maps the payload types that the peer may send to names (PCMU, PCMA, G722, CN, telephone-event). We send
        with `send`, by default the first audio codec of the map, and keys with `event_type`, by default the map's
        telephone-event; the peer may use both too. `ptime_ms` is the peer's wish, kept within 10..100. `rtcp_port`
        equals `port` when rtcp-mux was agreed. Raises RtpError for what we cannot do.
        """
        codecs = {payload_type: canonical(name) for payload_type, name in codecs.items()}
        if event_type is not None:
            codecs[event_type] = TELEPHONE_EVENT
        audio = [payload_type for payload_type, name in codecs.items() if name in AUDIO_CODECS]
        if send is None and not audio:
            raise RtpError(f"no audio codec of ours among {', '.join(codecs.values()) or 'none'}")
        send = audio[0] if send is None else send
        if codecs.get(send) not in AUDIO_CODECS:
            raise RtpError(f"payload type {send} to send with is not among the agreed audio codecs")
        events = [payload_type for payload_type, name in codecs.items() if name == TELEPHONE_EVENT]
        if event_type is None and events:
            event_type = events[0]
        self._receiver.set_payloads(codecs)
        self._sender.configure(send, codecs[send], event_type, min(max(ptime_ms, _MIN_PTIME), _MAX_PTIME))
        self._session.set_remote(address, port, rtcp_port)
        self._detector = None if events else self._detector or DtmfDetector()
        self._sends = direction in ("sendrecv", "sendonly")
        self._receives = direction in ("sendrecv", "recvonly")
        self._await_rtp()
        if self._next_report == _NEVER:
            self._next_report = self._clock() + self._report_ns

    def hold(self) -> None:
        """Neither send nor listen until `resume`, whatever was agreed. The clocks run on."""
        self._held = True
        self._await_rtp()

    def resume(self) -> None:
        """End `hold`."""
        self._held = False
        self._await_rtp()

    def _await_rtp(self) -> None:
        """Start the watch anew, as the direction or the peer changed."""
        if not self._receives or self._held:
            self._deadline = _NEVER
        elif self._heard:
            self._deadline = self._clock() + self._silence_ns
        else:
            self._deadline = self._clock() + int(self._settings.first_packet_s * 1e9)

    # -- MediaLeg ------------------------------------------------------------------------------------------------

    def read(self) -> AudioFrame:
        """The next 20 ms the party said; silence while held or before the first packet. Never raises."""
        now = self._clock()
        listens = self._receives and not self._held
        if self._session.drain(now, self._media if listens else _ignore, self._control) and listens:
            self._heard = True
            self._deadline = now + self._silence_ns
        elif now > self._deadline:
            self._deadline = _NEVER
            self.lost = True
            if self._on_lost is not None:
                self._on_lost()
        self._until_control -= 1
        if not self._until_control:
            self._until_control = _CONTROL_EVERY
            self._exchange_reports(now)
        if not listens:
            return _SILENT
        frame = self._receiver.read(now // _TICK_NS)
        if self._detector is not None:
            for found in self._detector.process(frame.samples):
                self._digits.append(Digit(found.key, 0, "in-band"))
        return frame

    def write(self, frame: AudioFrame) -> None:
        """The next 20 ms the party hears. Never raises for what the network does."""
        if not self._sends or self._held:
            self._sender.pause()
            return
        samples = frame.samples
        if len(self._tones):
            samples, self._tones = self._tones[:FRAME_SAMPLES], self._tones[FRAME_SAMPLES:]
        for packet in self._sender.send(samples):
            self._session.send(packet)

    def take_digits(self) -> list[Digit]:
        """Keys pressed since the last call, each as soon as its first packet is here: `duration_ms` is what was known
        then. See `take_releases`."""
        digits = self._digits + self._receiver.digits
        self._digits.clear()
        self._receiver.digits.clear()
        return digits

    def take_releases(self) -> list[Digit]:
        """Keys released since the last call, with the whole time they were held (RFC 4733 only)."""
        ended = self._receiver.ended_digits
        digits = list(ended)
        ended.clear()
        return digits

    def send_digits(self, digits: str) -> None:
        """Press keys: RFC 4733 where agreed, else as tones in the place of audio. Raises RtpError for no key."""
        if self._sender.takes_keys:
            self._sender.keys.queue(digits)
            return
        wrong = [digit for digit in digits.upper() if digit not in DIGITS]
        if wrong:
            raise RtpError(f"{wrong[0]!r} is no key; keys are {DIGITS}")
        tones = np.concatenate([self._tones, generate(digits)])
        self._tones = np.concatenate([tones, np.zeros(-len(tones) % FRAME_SAMPLES, dtype=np.int16)])

    # -- the rest ------------------------------------------------------------------------------------------------

    def stats(self) -> LegStats:
        """The figures of this moment."""
        return LegStats(
            self._receiver.stats(self._clock() // _TICK_NS),
            self._sender.packets,
            self._sender.octets,
            self._session.stats,
            self._reporter.peer,
            self.lost,
            self._session.remote,
        )

    def close(self) -> None:
        """Say goodbye and give the ports back. Twice does no harm."""
        if self._sender.packets:
            self._session.send_control(self._reporter.goodbye())
        self._session.close()

    def _media(self, data: bytes, arrival: int) -> None:
        self._receiver.receive(data, arrival // _TICK_NS)

    def _control(self, data: bytes, arrival: int) -> None:
        self._reporter.receive(data, self._wall(arrival))

    def _wall(self, when: int) -> int:
        """A time of our clock as NTP time."""
        return ntp_time(time.time() - (self._clock() - when) / 1e9)

    def _exchange_reports(self, now: int) -> None:
        self._session.drain_control(now, self._control)
        if now < self._next_report:
            return
        self._next_report = now + self._report_ns
        sender, receiver = self._sender, self._receiver
        report = self._reporter.report(
            self._wall(now), sender.timestamp, sender.packets, sender.octets, receiver.ssrc, receiver.reception
        )
        self._session.send_control(report)


def _ignore(data: bytes, arrival: int) -> None:
    """What comes in while we do not listen."""
