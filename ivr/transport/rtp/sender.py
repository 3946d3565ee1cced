"""What goes out: frames of 20 ms and keys to packets. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ivr.audio.frame import Samples
from ivr.audio.resample import Downsampler
from ivr.errors import RtpError
from ivr.transport.rtp.codecs import CLOCK_RATE, FRAME_TICKS, G722, Encoder, make_encoder
from ivr.transport.rtp.dtmf4733 import DtmfSender
from ivr.transport.rtp.packet import build

_PTIMES = range(10, 101)
_TICKS_PER_MS = CLOCK_RATE // 1000


class RtpSender:
    """Our stream to one peer. The timestamp moves with every frame, sent or not, so it never lies about time."""

    __slots__ = (
        "_codec",
        "_down",
        "_encoder",
        "_event_type",
        "_marker",
        "_packet_ticks",
        "_payload_type",
        "_pending",
        "_pending_at",
        "_sequence",
        "_timestamp",
        "keys",
        "octets",
        "packets",
        "ssrc",
    )

    def __init__(self, ssrc: int, sequence: int, timestamp: int) -> None:
        """The first values should be random (RFC 3550, section 5.1)."""
        self.ssrc = ssrc
        self._sequence, self._timestamp = sequence & 0xFFFF, timestamp & 0xFFFFFFFF
        self._payload_type = 0
        self._codec = ""
        self._down = Downsampler()
        self._encoder: Encoder | None = None
        self._event_type: int | None = None
        self._packet_ticks = FRAME_TICKS
        self._pending = b""
        self._pending_at = self._timestamp
        self._marker = True
        self.keys = DtmfSender()
        self.packets = 0
        """Sent so far, keys too."""
        self.octets = 0
        """Of payload."""

    @property
    def timestamp(self) -> int:
        """Of the next frame."""
        return self._timestamp

    def configure(self, payload_type: int, codec: str, event_type: int | None = None, ptime_ms: int = 20) -> None:
        """Send with this codec from the next frame on; `event_type` is telephone-event's payload type.

        Raises RtpError for a codec we do not have or a ptime outside 10..100 ms.
        """
        if ptime_ms not in _PTIMES:
            raise RtpError(f"packets of {ptime_ms} ms are not possible, 10 to 100 ms are")
        if codec != self._codec:
            if G722 in (codec, self._codec):  # it bypasses the downsampler, whose memory would be of another time
                self._down.reset()
            self._encoder, self._codec = make_encoder(codec, self._down), codec
        self._pending = b""
        self._payload_type, self._event_type = payload_type, event_type
        self._packet_ticks = ptime_ms * _TICKS_PER_MS

    @property
    def takes_keys(self) -> bool:
        """Whether the peer agreed to telephone-event."""
        return self._event_type is not None

    def send(self, samples: Samples) -> Sequence[bytes]:
        """The packets to send now for the next 20 ms of audio, or for a key in its place."""
        if self.keys.busy and self._event_type is not None:
            packets = self._send_key(self._event_type)
            if packets:
                self._skip()
                return packets
        if self._encoder is None:
            self._skip()
            return ()
        payload = self._encoder.encode(samples)
        if self._packet_ticks == FRAME_TICKS:
            packet = self._build(payload, self._timestamp)
            self._timestamp = (self._timestamp + FRAME_TICKS) & 0xFFFFFFFF
            return (packet,)
        return self._cut(payload)

    def pause(self) -> None:
        """20 ms in which nothing is sent."""
        self._skip()

    def _skip(self) -> None:
        self._pending = b""
        self._timestamp = (self._timestamp + FRAME_TICKS) & 0xFFFFFFFF
        self._marker = True

    def _build(self, payload: bytes, timestamp: int) -> bytes:
        sequence = self._sequence
        self._sequence = (sequence + 1) & 0xFFFF
        self.packets += 1
        self.octets += len(payload)
        packet = build(self._payload_type, sequence, timestamp, self.ssrc, payload, self._marker)
        self._marker = False
        return packet

    def _cut(self, payload: bytes) -> list[bytes]:
        """Packets of another length than 20 ms."""
        if not self._pending:
            self._pending_at = self._timestamp
        line = self._pending + payload
        packets = []
        size = self._packet_ticks
        while len(line) >= size:
            packets.append(self._build(line[:size], self._pending_at))
            self._pending_at = (self._pending_at + size) & 0xFFFFFFFF
            line = line[size:]
        self._pending = line
        self._timestamp = (self._timestamp + FRAME_TICKS) & 0xFFFFFFFF
        return packets

    def _send_key(self, event_type: int) -> list[bytes]:
        packets = []
        for event in self.keys.next(self._timestamp):
            sequence = self._sequence
            self._sequence = (sequence + 1) & 0xFFFF
            self.packets += 1
            self.octets += len(event.payload)
            packets.append(build(event_type, sequence, event.timestamp, self.ssrc, event.payload, event.marker))
        return packets
