"""G.711, the telephone network's 8 bit companded PCM at 8 kHz (ITU-T G.711, payload types 0 and 8 of RFC 3551).

Both directions are one table lookup. The tables are built from the Recommendation's segments; encoding agrees with the
ITU's reference (G.191) and with CPython's audioop for each of the 65,536 inputs.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ivr.audio.frame import Samples

_Ints: TypeAlias = npt.NDArray[np.int64]

ULAW_SILENCE = 0xFF
ALAW_SILENCE = 0xD5


def _segment(magnitude: _Ints, first_bits: int) -> _Ints:
    """Index of the chord that `magnitude` falls in: 0 below 2**first_bits, one more for each doubling, 7 at most."""
    edges = 1 << np.arange(first_bits, first_bits + 7)
    return np.searchsorted(edges, magnitude, side="right").astype(np.int64)


def _ulaw_encode_table(pcm: _Ints) -> _Ints:
    bias, clip = 33, 8158
    value = pcm >> 2  # 14 bits, rounded towards minus infinity as the reference does
    magnitude = np.minimum(np.abs(value), clip) + bias
    segment = _segment(magnitude, 6)
    code = (segment << 4) | ((magnitude >> (segment + 1)) & 0x0F)
    return np.asarray(code ^ np.where(value < 0, 0x7F, 0xFF))


def _alaw_encode_table(pcm: _Ints) -> _Ints:
    value = pcm >> 3  # 13 bits
    magnitude = np.where(value < 0, -value - 1, value)
    segment = _segment(magnitude, 5)
    code = (segment << 4) | ((magnitude >> np.maximum(segment, 1)) & 0x0F)
    return np.asarray(code ^ np.where(value < 0, 0x55, 0xD5))


def _ulaw_decode_table(codes: _Ints) -> _Ints:
    flipped = codes ^ 0xFF
    segment, step = (flipped >> 4) & 7, flipped & 0x0F
    magnitude = (((step << 3) + 0x84) << segment) - 0x84
    return np.where(flipped & 0x80, -magnitude, magnitude)


def _alaw_decode_table(codes: _Ints) -> _Ints:
    flipped = codes ^ 0x55
    segment, step = (flipped >> 4) & 7, flipped & 0x0F
    inner = (step << 4) + 8
    magnitude: _Ints = np.where(segment == 0, inner, (inner + 0x100) << np.maximum(segment - 1, 0))
    return np.where(flipped & 0x80, magnitude, -magnitude)


# Encoding is indexed by the sample's own two bytes read as an unsigned number.
_ALL_PCM = np.arange(65_536).astype(np.uint16).view(np.int16).astype(np.int64)
_ALL_CODES = np.arange(256)
_ULAW_ENCODE = _ulaw_encode_table(_ALL_PCM).astype(np.uint8)
_ALAW_ENCODE = _alaw_encode_table(_ALL_PCM).astype(np.uint8)
_ULAW_DECODE = _ulaw_decode_table(_ALL_CODES).astype(np.int16)
_ALAW_DECODE = _alaw_decode_table(_ALL_CODES).astype(np.int16)


def encode_ulaw(samples: Samples) -> bytes:
    """Samples at 8 kHz as mu-law (PCMU), a byte a sample."""
    return _ULAW_ENCODE.take(samples.view(np.uint16)).tobytes()


def decode_ulaw(payload: bytes) -> Samples:
    """Mu-law bytes (PCMU) as samples at 8 kHz."""
    return _ULAW_DECODE.take(np.frombuffer(payload, dtype=np.uint8))


def encode_alaw(samples: Samples) -> bytes:
    """Samples at 8 kHz as A-law (PCMA), a byte a sample."""
    return _ALAW_ENCODE.take(samples.view(np.uint16)).tobytes()


def decode_alaw(payload: bytes) -> Samples:
    """A-law bytes (PCMA) as samples at 8 kHz."""
    return _ALAW_DECODE.take(np.frombuffer(payload, dtype=np.uint8))
