"""Keypad tones in the voice itself (ITU-T Q.23, Q.24): a detector and a generator.

The detector is for lines on which no telephone-event was agreed. It looks at blocks of 12.75 ms and measures the eight
tones, the second harmonics of the high ones and the whole energy. A block is a hit when one tone of each group stands
out and the two carry nearly all energy; a key is taken after two hits in a row, so after 25.5 to 38 ms, and given free
after two blocks without it. Speech has harmonics and energy elsewhere, which is what keeps it from dialling
("talk-off").
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ivr.audio.frame import SAMPLE_RATE, Samples
from ivr.audio.levels import to_ratio

_Float: TypeAlias = npt.NDArray[np.float64]

KEYS = "123A456B789C*0#D"
"""Row by row: the low tone chooses the row, the high tone the column."""
LOW_HZ = (697, 770, 852, 941)
HIGH_HZ = (1_209, 1_336, 1_477, 1_633)

_BLOCK_MS = 12.75
_HITS_TO_TAKE = 2
_MISSES_TO_FREE = 2


@dataclass(frozen=True, slots=True)
class DtmfSettings:
    """What counts as a key. Defaults after Q.24 (its table A-1) and our own recordings of speech."""

    min_dbfs: float = -42.0
    """Weakest tone of a pair, RMS. Q.24 asks for -29 dBm0, which is -35 dBFS."""
    normal_twist_db: float = 8.0
    """The high tone may be so much weaker than the low one (lines lose more at the top)."""
    reverse_twist_db: float = 4.0
    """The high tone may be so much stronger than the low one; some phones send it so on purpose."""
    group_margin_db: float = 8.0
    """A tone must stand so far above the others of its group."""
    harmonic_margin_db: float = 12.0
    """And the high one so far above its second harmonic, which a voice has and a keypad has not. (Those of the low
    tones lie among the high tones.)"""
    tone_share: float = 0.8
    """Share of the block's whole energy that the two tones carry."""


@dataclass(frozen=True, slots=True)
class DtmfKey:
    """A key that was pressed."""

    key: str
    start: int
    """First sample of the block in which it was seen first, counted from the detector's first sample, at its rate."""
    dbfs: float
    """Level of the weaker tone, RMS."""


@lru_cache(maxsize=4)
def _projection(rate: int) -> _Float:
    """Shape (block, 24): cosines and sines of the 8 tones and of the second harmonics of the 4 high ones."""
    block = round(rate * _BLOCK_MS / 1000)
    frequencies = [*LOW_HZ, *HIGH_HZ, *(2 * tone for tone in HIGH_HZ)]
    angles = 2 * np.pi / rate * np.outer(np.arange(block), frequencies)
    return np.concatenate([np.cos(angles), np.sin(angles)], axis=1)


class DtmfDetector:
    """One stream at `rate` Hz (8000 or 16000). Cutting the stream otherwise changes nothing."""

    def __init__(self, rate: int = SAMPLE_RATE, settings: DtmfSettings | None = None) -> None:
        if rate not in (8_000, SAMPLE_RATE):
            raise ValueError(f"keypad tones are looked for at 8000 or 16000 Hz, not at {rate}")
        self._settings = settings or DtmfSettings()
        # A bank of Goertzel filters is one product of the block with this matrix.
        self._bank = _projection(rate)
        self.reset()

    def reset(self) -> None:
        """Forget the stream so far."""
        self._pending: Samples = np.empty(0, dtype=np.int16)
        self._position = 0
        self._last: str | None = None
        self._run = 0
        self._held: str | None = None

    @property
    def held(self) -> str | None:
        """The key that is down at this moment: what is heard is no speech."""
        return self._held

    def process(self, samples: Samples) -> list[DtmfKey]:
        """Feed audio; the keys whose presses were found in it. A key held down is one press."""
        return list(self._keys(samples))

    def _keys(self, samples: Samples) -> Iterator[DtmfKey]:
        block = len(self._bank)
        line = np.concatenate([self._pending, samples])
        used = 0
        while used + block <= len(line):
            seen = self._look(line[used : used + block])
            used += block
            key = self._step(seen[0] if seen else None)
            if key and seen:
                yield DtmfKey(key, self._position - (_HITS_TO_TAKE - 1) * block, seen[1])
            self._position += block
        self._pending = line[used:]

    def _step(self, seen: str | None) -> str | None:
        """Count equal blocks in a row; the key, when it goes down."""
        self._run = self._run + 1 if seen == self._last else 1
        self._last = seen
        if seen != self._held and self._run >= (_HITS_TO_TAKE if seen else _MISSES_TO_FREE):
            self._held = seen
            return seen
        return None

    def _look(self, block: Samples) -> tuple[str, float] | None:
        """The key in one block and its level, or None."""
        rules = self._settings
        values = block.astype(np.float64)
        whole = float(values @ values)
        floor = to_ratio(rules.min_dbfs) * 32_768.0
        # Most blocks of a call end here: too weak for two tones of that level.
        if whole < 2 * floor**2 * len(values):
            return None
        parts = values @ self._bank
        power = ((parts[:12] ** 2 + parts[12:] ** 2) * (2.0 / len(values))).tolist()
        key = self._pair(power[:4], power[4:8], power[8:], whole)
        if key is None:
            return None
        weaker = min(max(power[:4]), max(power[4:8])) / len(values)
        return (key, _db(weaker, 32_768.0**2)) if weaker >= floor**2 else None

    def _pair(self, low: list[float], high: list[float], harmonics: list[float], whole: float) -> str | None:
        """The key whose two tones stand out and carry the block, given the energy of each tone."""
        rules = self._settings
        low_max, high_max = max(low), max(high)
        if low_max + high_max < rules.tone_share * whole:
            return None
        if not -rules.reverse_twist_db <= _db(low_max, high_max) <= rules.normal_twist_db:
            return None
        row, column = low.index(low_max), high.index(high_max)
        margins = (_db(low_max, sorted(low)[-2]), _db(high_max, sorted(high)[-2]))
        if min(margins) < rules.group_margin_db or _db(high_max, harmonics[column]) < rules.harmonic_margin_db:
            return None
        return KEYS[4 * row + column]


def _db(power: float, reference: float) -> float:
    return 10.0 * math.log10(max(power, 1e-9) / max(reference, 1e-9))


def generate(keys: str, on_ms: int = 100, off_ms: int = 100, dbfs: float = -13.0, rate: int = SAMPLE_RATE) -> Samples:
    """Tones of `keys`, each `on_ms` long and followed by `off_ms` of silence; `dbfs` is the RMS of the pair.

    Raises ValueError for a key that no keypad has and for a level that would clip.
    """
    pair_peak = 32_768.0 * to_ratio(dbfs) * 2.0
    if pair_peak > 32_767:
        raise ValueError(f"keypad tones of {dbfs} dBFS would clip; the loudest are -6.1 dBFS")
    times = np.arange(rate * on_ms // 1000) / rate
    # 2 ms of slope at the ends keep the click out of the other bands.
    slope = np.clip((np.minimum(np.arange(len(times)), np.arange(len(times))[::-1]) + 0.5) / (rate // 500), 0.0, 1.0)
    gap = np.zeros(rate * off_ms // 1000, dtype=np.int16)
    parts: list[Samples] = []
    for key in keys.upper():
        index = KEYS.find(key)
        if index < 0:
            raise ValueError(f"no keypad has the key {key!r}; keys are 0-9, *, # and A-D")
        pair = np.sin(2 * np.pi * LOW_HZ[index // 4] * times) + np.sin(2 * np.pi * HIGH_HZ[index % 4] * times)
        parts += [np.rint(pair * slope * (pair_peak / 2)).astype(np.int16), gap]
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int16)
