"""A tune for waiting callers, our own, so that no licence comes with it: slow broken chords, soft and without end."""

from __future__ import annotations

import numpy as np

from ivr.audio.frame import SAMPLE_RATE, Samples

_CHORDS = ((220.0, 277.18, 329.63), (246.94, 293.66, 369.99), (196.0, 246.94, 293.66), (164.81, 207.65, 246.94))
"""A major, B minor, G major, E major (Hz)."""
_NOTE_S = 0.6
_LEVEL = 2200.0
"""Peak of a note: about -26 dBFS, well below speech."""


def hold_tune() -> Samples:
    """One round of the tune, shape (n,) at 16 kHz; its end joins its beginning."""
    order = (0, 1, 2, 1)
    length = int(_NOTE_S * SAMPLE_RATE)
    total = np.zeros(length * len(_CHORDS) * len(order), dtype=np.float64)
    ring = int(2.2 * SAMPLE_RATE)
    time = np.arange(ring) / SAMPLE_RATE
    fade = np.minimum(time / 0.02, 1.0) * np.exp(-time / 0.55)
    for index in range(len(_CHORDS) * len(order)):
        pitch = _CHORDS[index // len(order)][order[index % len(order)]]
        note = (np.sin(2 * np.pi * pitch * time) + 0.25 * np.sin(4 * np.pi * pitch * time)) * fade
        places = (index * length + np.arange(ring)) % len(total)  # what rings past the end is heard at the beginning
        np.add.at(total, places, note)
    tune: Samples = (total / np.abs(total).max() * _LEVEL).astype(np.int16)
    return tune
