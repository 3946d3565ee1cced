"""Levels in dBFS: decibels relative to a sample of 32,768. A full-scale square wave is 0 dBFS, a full-scale sine -3.01
in RMS and 0 in peak. (The telephone network's dBm0 lie 6.2 dB above the RMS figure for A-law, 6.1 for mu-law: G.711.)
"""

from __future__ import annotations

import math

import numpy as np

from ivr.audio.frame import Samples

SILENCE_DBFS = -100.0
"""What digital silence counts as: below the weakest sound that int16 can hold (one sample of 1 in 320 is -115 dBFS)."""
CLIP_LEVEL = 32_100
"""Samples at or beyond count as clipped: G.711 stops at 32,124 (mu-law) and 32,256 (A-law), linear PCM at 32,767."""


def rms_dbfs(samples: Samples) -> float:
    """Root mean square of the samples in dBFS, not below SILENCE_DBFS (which an empty array has too)."""
    if not len(samples):
        return SILENCE_DBFS
    values = samples.astype(np.float64)  # the sum of squares is exact, so it is the same on every CPU
    return _dbfs(float(np.dot(values, values)) / len(values))


def peak_dbfs(samples: Samples) -> float:
    """Largest magnitude in dBFS, not below SILENCE_DBFS."""
    largest = peak(samples)
    return _dbfs(float(largest * largest))


def peak(samples: Samples) -> int:
    """Largest magnitude, 0..32768; 0 for an empty array."""
    return max(int(samples.max()), -int(samples.min())) if len(samples) else 0


def clipped_share(samples: Samples) -> float:
    """Share of samples at the end of the scale, 0..1. Speech that was recorded too loud has some percent of them in its
    loud frames; below 0.001 it is only a peak that got there."""
    if peak(samples) < CLIP_LEVEL:
        return 0.0
    return float(np.count_nonzero((samples >= CLIP_LEVEL) | (samples <= -CLIP_LEVEL))) / len(samples)


def to_ratio(db: float) -> float:
    """Decibels as a factor on samples: 6.02 dB double, 20 dB are ten times."""
    return float(10.0 ** (db / 20.0))


def _dbfs(power: float) -> float:
    if power <= 0.0:
        return SILENCE_DBFS
    return max(SILENCE_DBFS, 10.0 * math.log10(power / 32_768.0**2))
