"""Packet loss concealment: what to play for a frame that the network did not bring.

Pitch repetition after ITU-T G.711 appendix I, without its delay: the last pitch cycle of what was heard goes on for
10 ms, fades over 20 ms, and gives way to comfort noise at the level the line's own background has. When sound
comes back it is cross-faded with the concealment. Good frames pass untouched, but for the first after a loss.
"""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ivr.audio.frame import FRAME_SAMPLES, Samples, to_samples
from ivr.audio.levels import SILENCE_DBFS, rms_dbfs
from ivr.audio.tones import ComfortNoise

_Float: TypeAlias = npt.NDArray[np.float64]

_MIN_LAG, _MAX_LAG = to_samples(2.5), to_samples(15)
"""Pitch of 400 to 67 Hz."""
_MATCH = to_samples(20)
"""How much of the latest sound is compared with itself to find the pitch."""
_HOLD = to_samples(10)
"""The cycle repeats at full level so long (of 0, 10 and 20 ms, 10 has the least spectral distance on speech) ..."""
_FADE = to_samples(20)
"""... and fades over so long."""
_RETURN = to_samples(5)
"""Cross-fade into the first good frame."""
_NOISE_WINDOW = 50
"""Good frames over which the softest one tells the line's background."""
_LOUDEST_NOISE_DBFS = -55.0
"""Who talks without a pause leaves no background to measure; the noise must not be as loud as the voice."""


class LossConcealer:
    """One direction of one call, 16 kHz, frames of any length.

    Call `good` with each frame that came and `lost` for each that did not; play what they return.
    """

    def __init__(self) -> None:
        self._noise = ComfortNoise()
        self.reset()

    def reset(self) -> None:
        """Forget the stream so far, as after a new SSRC."""
        self._recent: deque[Samples] = deque()
        self._kept = 0
        self._levels: deque[float] = deque(maxlen=_NOISE_WINDOW)
        self._unmeasured: deque[Samples] = deque(maxlen=_NOISE_WINDOW)
        """Good frames whose level is not known yet: most lines lose nothing, and then nobody asks."""
        self._cycle: _Float = np.zeros(1)
        self._missing = 0

    def good(self, samples: Samples) -> Samples:
        """A frame that came; after a loss its first 5 ms are cross-faded with the concealment."""
        out = self._join(samples) if self._missing else samples
        self._missing = 0
        self._unmeasured.append(samples)
        self._remember(samples)
        return out

    def lost(self, count: int = FRAME_SAMPLES) -> Samples:
        """Concealment for `count` samples that did not come."""
        if not self._missing:
            self._cycle = _last_cycle(self._recent)
        out = np.clip(np.rint(self._conceal(count)), -32_768, 32_767).astype(np.int16)
        self._remember(out)  # it keeps the time between what was heard before and after
        return out

    def _remember(self, samples: Samples) -> None:
        self._recent.append(samples)
        self._kept += len(samples)
        while self._kept - len(self._recent[0]) >= _MATCH + _MAX_LAG:
            self._kept -= len(self._recent.popleft())

    def _join(self, samples: Samples) -> Samples:
        count = min(_RETURN, len(samples))
        weight = (np.arange(count) + 0.5) / max(1, count)
        out = samples.copy()
        mixed = samples[:count] * weight + self._conceal(count) * (1.0 - weight)
        out[:count] = np.clip(np.rint(mixed), -32_768, 32_767)
        return out

    def _conceal(self, count: int) -> _Float:
        positions = np.arange(self._missing, self._missing + count)
        self._missing += count
        voice = np.clip((_HOLD + _FADE - positions) / _FADE, 0.0, 1.0)
        noise = self._noise.next(count, self._background())
        if not voice[0]:
            return noise.astype(np.float64)
        return np.asarray(self._cycle.take(positions, mode="wrap") * voice + noise * (1.0 - voice))

    def _background(self) -> float:
        """Level of the line between words; silence before anything was heard."""
        self._levels.extend(map(rms_dbfs, self._unmeasured))
        self._unmeasured.clear()
        return min(min(self._levels, default=SILENCE_DBFS), _LOUDEST_NOISE_DBFS)


def _last_cycle(recent: deque[Samples]) -> _Float:
    """The latest pitch cycle, made to join itself when repeated; a zero when there is too little sound to find one."""
    if not recent:
        return np.zeros(1)
    heard = np.concatenate(recent).astype(np.float64)
    if len(heard) < _MATCH + _MAX_LAG:
        return np.zeros(1)
    lag = _pitch(heard[-(_MATCH + _MAX_LAG) :])
    cycle = heard[-lag:].copy()
    # The end of the cycle is led over into the samples before its beginning, so that no step is heard at the seam. The
    # first round then begins right after the last sample heard, one cycle on.
    overlap = lag // 4
    weight = (np.arange(overlap) + 0.5) / overlap
    cycle[-overlap:] = cycle[-overlap:] * (1.0 - weight) + heard[-lag - overlap : -lag] * weight
    return cycle


def _pitch(heard: _Float) -> int:
    """Lag of the best normalised correlation of the last _MATCH samples with what came before them."""
    latest = heard[-_MATCH:]
    products = np.correlate(heard, latest, "valid")[: _MAX_LAG - _MIN_LAG + 1]
    squares = np.concatenate([[0.0], np.cumsum(heard**2)])
    energies = (squares[_MATCH:] - squares[:-_MATCH])[: len(products)]
    best = int(np.argmax(products / np.sqrt(np.maximum(energies, 1.0))))
    return _MAX_LAG - best
