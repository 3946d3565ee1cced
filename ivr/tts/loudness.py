"""One level and one edge for all speech, whatever engine or recording it comes from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ivr.audio.frame import SAMPLE_RATE, Samples, to_samples

TARGET_DBFS = -20.0
"""RMS of the active speech: near the -15 dBm0 that telephone networks are planned for (ITU-T G.101)."""
LEAD_MS = 40
TAIL_MS = 80
"""Silence kept before and after the speech; below these a plosive or a fading vowel is bitten off."""

_FRAME = SAMPLE_RATE // 100
_ACTIVE_BELOW_PEAK_DB = 35.0
_EDGE_BELOW_PEAK_DB = 42.0
_FLOOR_DBFS = -60.0
_MAX_GAIN_DB = 30.0
_KNEE = 0.75
"""Fraction of full scale above which peaks are bent instead of clipped."""
_FADE_MS = 4

_Levels = npt.NDArray[np.float64]


def frame_levels(samples: Samples) -> _Levels:
    """RMS in dBFS of each 10 ms, the last piece padded with silence; -inf for digital silence."""
    padded = np.pad(samples.astype(np.float64) / 32_768.0, (0, -len(samples) % _FRAME)).reshape(-1, _FRAME)
    with np.errstate(divide="ignore"):
        return np.asarray(10.0 * np.log10(np.mean(padded**2, axis=1)), dtype=np.float64)


def active_level(samples: Samples) -> float | None:
    """RMS in dBFS of the parts that are speech, after ITU-T P.56 in spirit; None for silence."""
    levels = frame_levels(samples)
    active = levels[_active(levels, _ACTIVE_BELOW_PEAK_DB)]
    return float(10.0 * np.log10(np.mean(10.0 ** (active / 10.0)))) if len(active) else None


def trim(samples: Samples) -> tuple[Samples, int]:
    """Without the silence at both ends but for LEAD_MS and TAIL_MS; and how many samples went from the front.

    All-silent sound stays as it is: somebody means it."""
    speech = np.flatnonzero(_active(frame_levels(samples), _EDGE_BELOW_PEAK_DB))
    if not len(speech):
        return samples, 0
    begin = max(0, int(speech[0]) * _FRAME - to_samples(LEAD_MS))
    end = min(len(samples), (int(speech[-1]) + 1) * _FRAME + to_samples(TAIL_MS))
    return samples[begin:end], begin


def normalise(samples: Samples, target_dbfs: float = TARGET_DBFS) -> Samples:
    """Active speech at the target level, peaks bent softly below full scale, short fades at both ends."""
    level = active_level(samples)
    if level is None:
        return samples
    gain = 10.0 ** (min(target_dbfs - level, _MAX_GAIN_DB) / 20.0)
    values = samples.astype(np.float64) / 32_768.0 * gain
    size = np.abs(values)
    over = size > _KNEE
    room = 1.0 - _KNEE
    values[over] = np.sign(values[over]) * (_KNEE + room * np.tanh((size[over] - _KNEE) / room))
    fade = min(to_samples(_FADE_MS), len(values) // 2)
    if fade:
        ramp = np.arange(fade) / fade
        values[:fade] *= ramp
        values[-fade:] *= ramp[::-1]
    return np.asarray(np.clip(np.rint(values * 32_767.0), -32_767, 32_767), dtype=np.int16)


def _active(levels: _Levels, below_peak_db: float) -> npt.NDArray[np.bool_]:
    if not len(levels):
        return np.zeros(0, dtype=np.bool_)
    return np.asarray(levels > max(float(levels.max()) - below_peak_db, _FLOOR_DBFS), dtype=np.bool_)
