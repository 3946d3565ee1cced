"""Log-mel features as Whisper's encoders take them (Radford et al. 2022, section 2.2): 80 bands, 100 frames a second.

Windows of 25 ms (Hann) every 10 ms, power spectrum, 80 triangular filters on Slaney's mel scale (linear to 1 kHz,
logarithmic above), log10, floored 8 decades below the loudest, brought to about -1..1.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from ivr.audio.frame import SAMPLE_RATE

_WINDOW = 400
_HOP = 160
BANDS = 80

Features = npt.NDArray[np.float32]


def log_mel(audio: npt.NDArray[np.float32]) -> Features:
    """Features of audio at 16 kHz, shape (80, len(audio) // 160); audio is 400 samples at least."""
    padded = np.pad(audio, _WINDOW // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP][: len(audio) // _HOP]
    spectrum = np.fft.rfft(frames * _hann(), axis=1)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    logs = np.log10(np.maximum(_filters() @ power.T, 1e-10))
    scaled: Features = ((np.maximum(logs, logs.max() - 8.0) + 4.0) / 4.0).astype(np.float32)
    return scaled


def normalised(audio: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The same sound with mean 0 and variance 1."""
    centred: npt.NDArray[np.float32] = (audio - audio.mean()) / np.sqrt(audio.var() + 1e-7)
    return centred


@functools.cache
def _hann() -> npt.NDArray[np.float32]:
    window: npt.NDArray[np.float32] = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    return window


@functools.cache
def _filters() -> Features:
    """Triangles of equal area, shape (80, 201)."""
    bins = np.linspace(0.0, SAMPLE_RATE / 2, _WINDOW // 2 + 1)
    edges = _hertz(np.linspace(0.0, _mel(SAMPLE_RATE / 2), BANDS + 2))
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    area = 2.0 / (edges[2:] - edges[:-2])
    filters: Features = (np.maximum(0.0, np.minimum(rising, falling)) * area[:, None]).astype(np.float32)
    return filters


_BEND_HZ, _LINEAR, _STEP = 1000.0, 200.0 / 3, np.log(6.4) / 27.0
"""Slaney's scale: 3 mel are 200 Hz below the bend, 27 are a factor of 6.4 above it."""


def _mel(hertz: float) -> float:
    if hertz < _BEND_HZ:
        return hertz / _LINEAR
    return float(_BEND_HZ / _LINEAR + np.log(hertz / _BEND_HZ) / _STEP)


def _hertz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    bend = _BEND_HZ / _LINEAR
    found: npt.NDArray[np.float64] = np.where(
        mel < bend, mel * _LINEAR, _BEND_HZ * np.exp(_STEP * (np.maximum(mel, bend) - bend))
    )
    return found
