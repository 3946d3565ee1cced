"""A recording as a caller: the file is what the caller says, and what the bot says is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ivr.audio.frame import FRAME_SAMPLES, SILENCE, AudioFrame, Samples
from ivr.audio.wav import iter_frames
from ivr.errors import AudioFileError, InputError
from ivr.transport.base import Digit


class RecordingLeg:
    """`MediaLeg` on a sound file (the left channel where it has several) or on samples at 16 kHz.

    Frames come in order, the last one padded, then silence for as long as anyone reads; memory does not grow with the
    file. Raises AudioFileError for a file that cannot be read; damage further inside ends the recording there and is
    kept in `error`.
    """

    def __init__(self, source: str | Path | Samples, *, keep_heard: bool = True) -> None:
        """`keep_heard` false forgets what the bot says, for long runs that only want decisions."""
        self._frames = _cut(source) if isinstance(source, np.ndarray) else iter_frames(source, channel=0)
        self._keep = keep_heard
        self._heard: list[Samples] = []
        self._digits: list[Digit] = []
        self.frames_read = 0
        """Frames of the recording given out so far; the silence behind it does not count."""
        self.ended = False
        """The recording is over, and only silence follows."""
        self.error: AudioFileError | None = None
        """Why it ended early."""
        self.sent_digits = ""
        """Keys that the bot pressed."""

    def read(self) -> AudioFrame:
        """The next 20 ms of the recording, or silence."""
        if not self.ended:
            try:
                samples = next(self._frames, None)
            except AudioFileError as error:
                self.error, samples = error, None
            if samples is not None:
                self.frames_read += 1
                return AudioFrame(samples)
            self.ended = True
        return AudioFrame(SILENCE)

    def write(self, frame: AudioFrame) -> None:
        """The next 20 ms the bot says."""
        if self._keep:
            self._heard.append(frame.samples)

    def press(self, digit: str, duration_ms: int = 100, source: str = "rfc4733") -> None:
        """Let the caller press a key now, as if the line had brought it."""
        self._digits.append(Digit(digit, duration_ms, source))

    def take_digits(self) -> list[Digit]:
        """Keys pressed since the last call of this."""
        digits, self._digits = self._digits, []
        return digits

    def send_digits(self, digits: str) -> None:
        """Keys towards the party are only kept."""
        self.sent_digits += digits

    @property
    def heard(self) -> Samples:
        """All that the bot said so far."""
        return np.concatenate(self._heard) if self._heard else np.empty(0, dtype=np.int16)


def _cut(samples: Samples) -> Iterator[Samples]:
    if samples.dtype != np.int16 or samples.ndim != 1:
        raise InputError(f"samples must be one row of int16, got {samples.ndim} dimensions of {samples.dtype}")
    rest = -len(samples) % FRAME_SAMPLES
    line = np.concatenate([samples, np.zeros(rest, dtype=np.int16)])
    return iter(line.reshape(-1, FRAME_SAMPLES))
