"""The one audio format inside `ivr`: 16 kHz, mono, signed 16 bit, in frames of 20 ms (320 samples)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 16_000
"""Samples a second (Hz)."""
FRAME_MS = 20
"""Length of the frames that transports deliver and take (ms)."""
FRAME_SAMPLES = SAMPLE_RATE * FRAME_MS // 1000
"""Samples in such a frame: 320."""

Samples: TypeAlias = npt.NDArray[np.int16]
"""Mono PCM at `SAMPLE_RATE`, shape (n,)."""

SILENCE: Samples = np.zeros(FRAME_SAMPLES, dtype=np.int16)
SILENCE.setflags(write=False)


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """A stretch of one direction of a call. Its length moves the call's clock; `lost` says that the network brought
    nothing for this span and `samples` are the concealment."""

    samples: Samples
    lost: bool = False


def to_ms(samples: int) -> int:
    """Samples at 16 kHz as whole milliseconds, rounded down."""
    return samples * 1000 // SAMPLE_RATE


def to_samples(ms: float) -> int:
    """Milliseconds as whole samples at 16 kHz, rounded down."""
    return int(ms * SAMPLE_RATE // 1000)
