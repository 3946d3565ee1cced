"""G.722, 7 kHz speech in 64 kbit/s (ITU-T G.722). RTP calls its clock 8 kHz by an old mistake (RFC 3551, section
4.5.2): the samples are at 16 kHz, two to a byte."""

from __future__ import annotations

import G722
import numpy as np

from ivr.audio.frame import SAMPLE_RATE, Samples

_BIT_RATE = 64_000


class G722Encoder:
    """One direction of one call; it adapts to the signal, so each stream needs its own."""

    def __init__(self) -> None:
        self._codec = G722.G722(SAMPLE_RATE, _BIT_RATE)

    def encode(self, samples: Samples) -> bytes:
        """2n samples at 16 kHz as n bytes. Raises ValueError for an odd number of samples."""
        if len(samples) % 2:
            raise ValueError(f"G.722 codes samples in pairs, got {len(samples)}")
        return bytes(self._codec.encode(samples))


class G722Decoder:
    """One direction of one call."""

    def __init__(self) -> None:
        self._codec = G722.G722(SAMPLE_RATE, _BIT_RATE)

    def decode(self, payload: bytes) -> Samples:
        """n bytes as 2n samples at 16 kHz."""
        return np.array(self._codec.decode(payload), dtype=np.int16)
