"""Sample rate conversion with state across frames.

The filters are linear phase FIRs by the Kaiser window method (Oppenheim and Schafer, "Discrete-Time Signal Processing",
section 7.6). Their taps are rounded to multiples of 2**-20, so that every sum of int16 samples is exact in a float64.
The order of summing then has no say in the result: any chunking, BLAS or CPU gives identical samples, and a replay
repeats the live call to the bit.

Two kinds:
- `Upsampler` and `Downsampler` for the live path between 8 and 16 kHz: n samples in give 2n (n / 2) out at once, late
  by `HALF_BAND_DELAY` samples at 16 kHz.
- `Resampler` for files and synthesised speech at any rate: its output lies exactly over its input, which costs nothing
  in a file but means that the last samples come with `flush`.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ivr.audio.frame import SAMPLE_RATE, Samples

NARROWBAND_RATE = 8_000
"""Rate of G.711 (Hz)."""
MIN_RATE, MAX_RATE = 1_000, 384_000
"""Sample rates that `Resampler` takes (Hz)."""

_Float: TypeAlias = npt.NDArray[np.float64]

_TAP_GRID = 2.0**20
_STOPBAND_DB = 70.0
_HALF_BAND_WIDTH = 30
"""Half the length of the filter between 8 and 16 kHz, in samples at 8 kHz: flat to 3.7 kHz, stopband from 4.3 kHz."""
HALF_BAND_DELAY = 2 * _HALF_BAND_WIDTH - 1
"""Group delay of `Upsampler` and `Downsampler`: 59 samples at 16 kHz, 3.7 ms."""
_HALF_BAND_TAPS = 2 * HALF_BAND_DELAY + 1
_HALF_WIDTH = 24
"""Half the length of `Resampler`'s filter at other rates, in samples of the lower of the two."""
_PIECE = 2048
"""Samples that `resample` takes at a time: a long recording's windows are never all in memory, and stay in cache."""
_LOOPED_PHASES = 8
"""Up to so many phases one product a phase is faster than gathering one window a sample."""


def _kaiser_lowpass(times: _Float, half_width: float) -> _Float:
    """Windowed sinc, cutoff at half of a rate of 1, at `times` from its centre; zero outside `half_width`."""
    beta = 0.1102 * (_STOPBAND_DB - 8.7)
    inside = np.clip(1.0 - (times / half_width) ** 2, 0.0, None)
    window = np.i0(beta * np.sqrt(inside)) / np.i0(beta)
    return np.asarray(np.sinc(times) * window * (np.abs(times) <= half_width), dtype=np.float64)


def _on_grid(taps: _Float) -> _Float:
    """Round each row of taps to the grid and let it sum to exactly 1 (a constant stays that constant)."""
    rounded: _Float = np.rint(taps / taps.sum(axis=1, keepdims=True) * _TAP_GRID)
    rounded[np.arange(len(rounded)), rounded.argmax(axis=1)] += _TAP_GRID - rounded.sum(axis=1)
    return rounded / _TAP_GRID


def _to_int16(values: _Float) -> Samples:
    """Round to nearest (ties to even) and saturate. Works in place."""
    np.rint(values, out=values)
    np.maximum(values, -32768.0, out=values)
    np.minimum(values, 32767.0, out=values)
    return values.astype(np.int16)


@lru_cache(maxsize=16)
def _polyphase(up: int, down: int) -> _Float:
    """Taps of all phases, shape (up, width): row p weighs the `width` input samples around an output sample that lies
    p / up of an input sample behind the middle one."""
    half_width = _HALF_BAND_WIDTH if {up, down} == {1, 2} else _HALF_WIDTH
    reach = math.ceil(half_width * max(1.0, down / up))
    offsets = np.arange(-reach, reach + 1) - np.arange(up)[:, np.newaxis] / up
    taps = _on_grid(_kaiser_lowpass(offsets * min(1.0, up / down), half_width))
    taps.setflags(write=False)
    return taps


# Half-band filters need half of their taps: of the upsampler's two phases one is a pure delay, and every second tap of
# the downsampler is zero but for the middle one.
_UP_TAPS = np.ascontiguousarray(_polyphase(2, 1)[1, 1:])
_DOWN_TAPS = np.ascontiguousarray(_polyphase(1, 2)[0, 1::2])
_DOWN_MIDDLE = float(_polyphase(1, 2)[0, 2 * _HALF_BAND_WIDTH])


class Upsampler:
    """8 to 16 kHz, for one stream. Images are down by 70 dB; the caller's samples themselves pass unchanged."""

    delay = HALF_BAND_DELAY
    """Group delay in samples at 16 kHz."""

    def __init__(self) -> None:
        self._history: _Float = np.zeros(len(_UP_TAPS) - 1)

    def process(self, samples: Samples) -> Samples:
        """n samples at 8 kHz in, 2n at 16 kHz out."""
        count = len(samples)
        if not count:
            return np.empty(0, dtype=np.int16)
        history = len(_UP_TAPS) - 1
        line = np.empty(history + count)
        line[:history] = self._history
        line[history:] = samples
        out = np.empty(2 * count, dtype=np.int16)
        out[0::2] = _to_int16(np.correlate(line, _UP_TAPS, "valid"))
        middle = len(_UP_TAPS) // 2
        out[1::2] = line[middle : middle + count]
        self._history = line[count:]
        return out

    def reset(self) -> None:
        """Forget the stream so far."""
        self._history = np.zeros(len(_UP_TAPS) - 1)


class Downsampler:
    """16 to 8 kHz, for one stream. What lies above 4.3 kHz is down by 70 dB before it could fold back."""

    delay = HALF_BAND_DELAY
    """Group delay in samples at 16 kHz."""

    def __init__(self) -> None:
        self._line: _Float = np.zeros(_HALF_BAND_TAPS - 1)

    def process(self, samples: Samples) -> Samples:
        """n samples at 16 kHz in, every second one out: n / 2, and for odd n one more or less by turns."""
        line = np.concatenate([self._line, samples])
        count = (len(line) - _HALF_BAND_TAPS) // 2 + 1
        if count <= 0:
            self._line = line
            return np.empty(0, dtype=np.int16)
        if not samples.any() and not self._line.any():  # a bot is silent for half of the time
            self._line = line[2 * count :]
            return np.zeros(count, dtype=np.int16)
        summed = np.correlate(line[0 : 2 * count + _HALF_BAND_TAPS - 2 : 2], _DOWN_TAPS, "valid")
        summed += _DOWN_MIDDLE * line[HALF_BAND_DELAY : HALF_BAND_DELAY + 2 * count : 2]
        self._line = line[2 * count :]
        return _to_int16(summed)

    def reset(self) -> None:
        """Forget the stream so far."""
        self._line = np.zeros(_HALF_BAND_TAPS - 1)


class Resampler:
    """Any rate to any other, for one stream; output sample n lies at time n / `rate_out` of the input.

    Flat within 0.2 dB to 0.44 of the lower rate, down by 70 dB from 0.56 of it (between 8 and 16 kHz: as `Upsampler`).
    Raises ValueError for a rate outside MIN_RATE..MAX_RATE.
    """

    def __init__(self, rate_in: int, rate_out: int = SAMPLE_RATE) -> None:
        for rate in (rate_in, rate_out):
            if not MIN_RATE <= rate <= MAX_RATE:
                raise ValueError(f"a sample rate of {rate} Hz is outside {MIN_RATE}..{MAX_RATE} Hz")
        common = math.gcd(rate_in, rate_out)
        self._up, self._down = rate_out // common, rate_in // common
        self._taps = _polyphase(self._up, self._down)
        self._line: _Float = np.zeros(self._taps.shape[1] // 2)
        """Input still needed. `_first` is the index of its first sample in the stream with those zeros before it."""
        self._first = 0
        self._taken = 0
        self._given = 0

    def reset(self) -> None:
        """Forget the stream so far."""
        self._line = np.zeros(self._taps.shape[1] // 2)
        self._first = self._taken = self._given = 0

    def process(self, samples: Samples) -> Samples:
        """Samples at `rate_in` in; what can be said of them at `rate_out` out."""
        self._taken += len(samples)
        return self._feed(np.asarray(samples, dtype=np.float64))

    def flush(self) -> Samples:
        """The rest, as if silence followed. Over a stream of n samples ceil(n * rate_out / rate_in) come out. Ends the
        stream; the next `process` begins a new one."""
        missing = -(-self._taken * self._up // self._down) - self._given
        out = self._feed(np.zeros(self._taps.shape[1]))[:missing]
        self.reset()
        return out

    def _feed(self, samples: _Float) -> Samples:
        line = self._line = np.concatenate([self._line, samples])
        width = self._taps.shape[1]
        # Output n needs the inputs from n * down // up on, `width` of them; so many outputs are complete:
        end = ((self._first + len(line) - width + 1) * self._up - 1) // self._down + 1
        if end <= self._given:
            return np.empty(0, dtype=np.int16)
        out = self._convolve(np.arange(self._given, end, dtype=np.int64), width)
        self._given = end
        keep = min(end * self._down // self._up - self._first, len(line))
        self._line = line[keep:]
        self._first += keep
        return _to_int16(out)

    def _convolve(self, outputs: npt.NDArray[np.int64], width: int) -> _Float:
        windows = np.lib.stride_tricks.sliding_window_view(self._line, width)
        starts, phases = np.divmod(outputs * self._down, self._up)
        starts -= self._first
        if self._up > _LOOPED_PHASES:
            return np.asarray(np.einsum("ij,ij->i", windows[starts], self._taps[phases]))
        out = np.empty(len(outputs))
        for first in range(min(self._up, len(outputs))):
            out[first :: self._up] = (
                windows[starts[first] :: self._down][: len(out[first :: self._up])] @ (self._taps[phases[first]])
            )
        return out


def resample(samples: Samples, rate_in: int, rate_out: int) -> Samples:
    """A whole recording at another rate: n samples give ceil(n * rate_out / rate_in), aligned with the input."""
    if rate_in == rate_out:
        return samples
    resampler = Resampler(rate_in, rate_out)
    pieces = [resampler.process(samples[at : at + _PIECE]) for at in range(0, len(samples), _PIECE)]
    return np.concatenate([*pieces, resampler.flush()])
