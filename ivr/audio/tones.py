"""Sounds made by rule: the network's tones, beeps, comfort noise; and gain and fades.

Everything is a function of the sample's position, so a tone can be asked for in frames of any length, and the same call
sounds the same in each replay. Levels are RMS in dBFS (see `ivr.audio.levels`), samples at 16 kHz.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ivr.audio.frame import SAMPLE_RATE, Samples, to_samples
from ivr.audio.levels import to_ratio

_Float: TypeAlias = npt.NDArray[np.float64]

FADE_MS = 10
"""Long enough that no click is heard, short enough to feel immediate."""


@dataclass(frozen=True, slots=True)
class Tone:
    """Frequencies sounding together, in a cadence of on and off times that repeats. No cadence: it never stops."""

    frequencies: tuple[float, ...]
    """Hz."""
    cadence_ms: tuple[int, ...] = ()
    """On, off, on, off, ... in ms."""
    dbfs: float = -22.0
    """RMS of the whole while it sounds."""


RINGBACK: Mapping[str, Tone] = MappingProxyType(
    {
        "cn": Tone((450,), (1_000, 4_000)),
        "eu": Tone((425,), (1_000, 4_000)),
        "uk": Tone((400, 450), (400, 200, 400, 2_000)),
        "us": Tone((440, 480), (2_000, 4_000)),
    }
)
BUSY: Mapping[str, Tone] = MappingProxyType(
    {
        "cn": Tone((450,), (350, 350)),
        "eu": Tone((425,), (500, 500)),
        "uk": Tone((400,), (375, 375)),
        "us": Tone((480, 620), (500, 500)),
    }
)
"""What a caller hears while it rings, and when the line is taken, by country (ITU-T E.180 supplement 2)."""


def render(tone: Tone, start: int, count: int) -> Samples:
    """`count` samples of a tone from its sample `start` on. Each burst has fades of FADE_MS."""
    positions = np.arange(start, start + count)
    wave = np.zeros(count)
    for frequency in tone.frequencies:
        wave += np.sin(2 * np.pi * frequency / SAMPLE_RATE * positions)
    # A sine of amplitude 1 has an RMS of sqrt(1/2); n of them that are not in step add in power.
    wave *= 32_768.0 * to_ratio(tone.dbfs) * np.sqrt(2.0 / len(tone.frequencies)) * _envelope(tone, positions)
    return _saturate(wave)


def beep(frequency: float = 1_000.0, ms: int = 200, dbfs: float = -20.0) -> Samples:
    """One burst with fades, as before "leave your message"."""
    return render(Tone((frequency,), (ms, 0), dbfs), 0, to_samples(ms))


def _envelope(tone: Tone, positions: npt.NDArray[np.int64]) -> _Float:
    fade = to_samples(FADE_MS)
    if not tone.cadence_ms:
        return np.minimum(1.0, (positions + 0.5) / fade)
    edges = [to_samples(ms) for ms in accumulate(tone.cadence_ms, initial=0)]
    within = positions % edges[-1]
    envelope: _Float = np.zeros(len(positions))
    for on, off in zip(edges[0::2], edges[1::2], strict=False):
        envelope += np.clip(np.minimum(within - on + 0.5, off - within - 0.5) / fade, 0.0, 1.0)
    return envelope


class ComfortNoise:
    """White noise with a gentle roll-off, for gaps in which the line should not sound dead. The same seed gives the
    same noise, however it is cut into frames."""

    _TABLE_SAMPLES = 1 << 15
    """It repeats after two seconds, which nobody hears at these levels."""

    def __init__(self, dbfs: float = -60.0, seed: int = 1) -> None:
        self._table = _noise(self._TABLE_SAMPLES, seed)
        self._position = 0
        self.dbfs = dbfs

    def next(self, count: int, dbfs: float | None = None) -> Samples:
        """The next `count` samples; `dbfs` overrides the level for these."""
        indices = np.arange(self._position, self._position + count)
        self._position = (self._position + count) % self._TABLE_SAMPLES
        noise = self._table.take(indices, mode="wrap") * (32_768.0 * to_ratio(self.dbfs if dbfs is None else dbfs))
        return _saturate(noise)


def _noise(count: int, seed: int) -> _Float:
    """Noise with an RMS of 1: the splitmix64 hash of a counter (Steele, Lea and Flood, 2014), each sample the sum of
    four 16 bit parts (near enough to a normal distribution), then averaged in pairs."""
    with np.errstate(over="ignore"):
        state = (np.arange(count, dtype=np.uint64) + np.uint64(seed)) * np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state ^= state >> np.uint64(31)
    parts = state.view(np.uint16).reshape(count, 4).astype(np.float64).sum(axis=1)
    parts -= parts.mean()
    soft = parts + np.roll(parts, 1)
    return np.asarray(soft / np.sqrt(np.mean(soft**2)))


def gain(samples: Samples, db: float) -> Samples:
    """The samples louder or softer by `db`; saturates."""
    return samples if db == 0.0 else _saturate(samples.astype(np.float64) * to_ratio(db))


def ramp(samples: Samples, from_db: float, to_db: float) -> Samples:
    """Gain that moves evenly in dB from one value to the other over the samples; the last one has `to_db` in full, so
    that ramps in a row join."""
    if from_db == to_db:
        return gain(samples, to_db)
    steps = np.arange(1, len(samples) + 1) / max(1, len(samples))
    return _saturate(samples.astype(np.float64) * np.power(10.0, (from_db + (to_db - from_db) * steps) / 20.0))


def fade_in(samples: Samples, ms: int = FADE_MS) -> Samples:
    """A copy whose first `ms` rise from silence (raised cosine)."""
    return _fade(samples, ms, at_end=False)


def fade_out(samples: Samples, ms: int = FADE_MS) -> Samples:
    """A copy whose last `ms` fall to silence (raised cosine)."""
    return _fade(samples, ms, at_end=True)


def _fade(samples: Samples, ms: int, *, at_end: bool) -> Samples:
    count = min(to_samples(ms), len(samples))
    rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(count) + 0.5) / max(1, count))
    out = samples.copy()
    if at_end:
        out[len(out) - count :] = np.rint(out[len(out) - count :] * rise[::-1])
    else:
        out[:count] = np.rint(out[:count] * rise)
    return out


def _saturate(values: _Float) -> Samples:
    return np.asarray(np.minimum(np.maximum(np.rint(values), -32_768.0), 32_767.0), dtype=np.int16)
