"""The waveform of a recording: the largest sample of each block, made once and remembered."""

from __future__ import annotations

import base64
import io
from collections import OrderedDict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from ivr.console.models import Peaks
from ivr.errors import AudioFileError

BLOCK_MS = 20
_KEPT = 64
"""Waveforms in memory: a call of ten minutes takes 60 kB."""


def read_peaks(path: Path) -> Peaks:
    """Of a stereo recording, caller left. Raises AudioFileError."""
    try:
        with soundfile.SoundFile(path) as file:
            if file.channels != 2:
                raise AudioFileError(f"{path.name}: has {file.channels} channels, a call's recording has two")
            parts = _parts(file)
    except (soundfile.LibsndfileError, OSError) as error:
        raise AudioFileError(f"{path.name}: cannot be read: {error}") from None
    both = np.concatenate(parts) if parts else np.zeros((0, 2), dtype=np.uint8)
    caller, bot = (base64.b64encode(both[:, side].tobytes()).decode() for side in (0, 1))
    return Peaks(block_ms=BLOCK_MS, caller=caller, bot=bot)


def _parts(file: soundfile.SoundFile) -> list[npt.NDArray[np.uint8]]:
    """Second by second: arrays of shape (blocks, 2)."""
    block = file.samplerate * BLOCK_MS // 1000
    parts: list[npt.NDArray[np.uint8]] = []
    while True:
        try:
            samples = file.read(block * 50, dtype="int16", always_2d=True)
        except soundfile.LibsndfileError:
            break  # cut off by a crash: what was read so far is good
        whole = len(samples) // block
        if not whole:
            break
        # In int32, as the absolute value of -32768 is no int16.
        loud = np.abs(samples[: whole * block].astype(np.int32)).reshape(whole, block, 2).max(axis=1)
        parts.append(np.minimum(loud >> 7, 255).astype(np.uint8))
    return parts


def read_clip(path: Path, from_ms: int, to_ms: int) -> bytes:
    """The caller's side between two moments, as a WAV file. Of a recording that still grows too. Raises
    AudioFileError."""
    try:
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            left = max(0, from_ms) * rate // 1000
            while left > 0 and (skipped := len(file.read(min(left, rate * 10), dtype="int16"))):
                left -= skipped  # a file without its final header cannot be jumped in
            samples = file.read(max(0, to_ms - max(0, from_ms)) * rate // 1000, dtype="int16", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise AudioFileError(f"{path.name}: cannot be read: {error}") from None
    made = io.BytesIO()
    soundfile.write(made, samples[:, 0], rate, format="WAV", subtype="PCM_16")
    return made.getvalue()


class PeakCache:
    """By path and time of change, so that a recording that grows is read again."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Path, int], Peaks] = OrderedDict()

    def read(self, path: Path) -> Peaks:
        """In a thread of the caller's. Raises AudioFileError."""
        try:
            key = (path, path.stat().st_mtime_ns)
        except OSError as error:
            raise AudioFileError(f"{path.name}: {error.strerror}") from None
        found = self._kept.get(key)
        if found is None:
            found = read_peaks(path)
            self._kept[key] = found
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return found
