"""Payload types and the codecs behind them (RFC 3551, section 6; G.722's RTP clock is 8 kHz by RFC 3551, 4.5.2).

All the audio codecs here code one tick of the 8 kHz RTP clock as one byte, so a payload's length is its duration.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ivr.audio.frame import FRAME_MS, Samples
from ivr.audio.g711 import decode_alaw, decode_ulaw, encode_alaw, encode_ulaw
from ivr.audio.g722 import G722Decoder, G722Encoder
from ivr.audio.resample import Downsampler, Upsampler
from ivr.errors import RtpError

CLOCK_RATE = 8000
"""The RTP clock of every payload we take (Hz)."""
FRAME_TICKS = CLOCK_RATE * FRAME_MS // 1000
"""One frame of 20 ms on that clock: 160."""
SAMPLES_PER_TICK = 2
"""Samples at 16 kHz to a tick."""

PCMU, PCMA, G722, CN = "PCMU", "PCMA", "G722", "CN"
TELEPHONE_EVENT = "telephone-event"
AUDIO_CODECS = (PCMU, PCMA, G722)
CN_PAYLOAD_TYPE = 13
"""Comfort noise at 8 kHz, by RFC 3551; many send it without having said so."""


_KNOWN = {name.lower(): name for name in (*AUDIO_CODECS, CN, TELEPHONE_EVENT)}


def canonical(name: str) -> str:
    """The name as we write it; encoding names have no case (RFC 8866, section 6.6). Unknown ones stay as they are."""
    return _KNOWN.get(name.lower(), name)


class Decoder(Protocol):
    """One received stream."""

    def decode(self, payload: bytes) -> Samples:
        """n bytes as 2n samples at 16 kHz."""


class Encoder(Protocol):
    """One sent stream."""

    def encode(self, samples: Samples) -> bytes:
        """2n samples at 16 kHz as n bytes."""


class UlawDecoder:
    """PCMU."""

    __slots__ = ("_up",)

    def __init__(self, up: Upsampler) -> None:
        self._up = up

    def decode(self, payload: bytes) -> Samples:
        return self._up.process(decode_ulaw(payload))


class AlawDecoder:
    """PCMA."""

    __slots__ = ("_up",)

    def __init__(self, up: Upsampler) -> None:
        self._up = up

    def decode(self, payload: bytes) -> Samples:
        return self._up.process(decode_alaw(payload))


class UlawEncoder:
    """PCMU."""

    __slots__ = ("_down",)

    def __init__(self, down: Downsampler) -> None:
        self._down = down

    def encode(self, samples: Samples) -> bytes:
        return encode_ulaw(self._down.process(samples))


class AlawEncoder:
    """PCMA."""

    __slots__ = ("_down",)

    def __init__(self, down: Downsampler) -> None:
        self._down = down

    def encode(self, samples: Samples) -> bytes:
        return encode_alaw(self._down.process(samples))


class DecoderBank:
    """The decoders of one received stream by name, made when first needed.

    The G.711 pair shares one upsampler, so a change between them in mid-call is heard as nothing. A change to or from
    G.722 begins afresh, as the peer's encoder will: the state of before would make a loud noise of the first packets.
    """

    def __init__(self) -> None:
        self._up = Upsampler()
        self._made: dict[str, Decoder] = {}
        self._current = ""

    def __getitem__(self, name: str) -> Decoder:
        """Raises RtpError for a codec we do not have."""
        if name != self._current:
            if G722 in (name, self._current):
                self.reset()
            self._current = name
        decoder = self._made.get(name)
        if decoder is None:
            decoder = self._made[name] = self._make(name)
        return decoder

    def _make(self, name: str) -> Decoder:
        if name == PCMU:
            return UlawDecoder(self._up)
        if name == PCMA:
            return AlawDecoder(self._up)
        if name == G722:
            return G722Decoder()
        raise RtpError(f"no decoder for {name!r}; known are {', '.join(AUDIO_CODECS)}")

    def reset(self) -> None:
        """Another source begins: no decoder may go on from the last one's sound."""
        self._up.reset()
        self._made.pop(G722, None)


def make_encoder(name: str, down: Downsampler) -> Encoder:
    """The encoder of one sent stream; `down` is that stream's. Raises RtpError for a codec we cannot send."""
    if name == PCMU:
        return UlawEncoder(down)
    if name == PCMA:
        return AlawEncoder(down)
    if name == G722:
        return G722Encoder()
    raise RtpError(f"no encoder for {name!r}; known are {', '.join(AUDIO_CODECS)}")


def silence(ticks: int) -> Samples:
    """Zeros for `ticks` of the RTP clock."""
    return np.zeros(ticks * SAMPLES_PER_TICK, dtype=np.int16)
