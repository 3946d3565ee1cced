"""Long recordings as utterances: cut at pauses, so that memory and the recogniser's window stay bounded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ivr.audio.frame import FRAME_MS, Samples
from ivr.audio.vad import VoiceDetector

SPEECH = 0.5
"""A frame with at least this probability holds speech."""


@dataclass(frozen=True, slots=True)
class Cuts:
    """Where a long recording may be cut."""

    whole_ms: int = 25_000
    """A recording no longer than this is not cut; no piece is longer."""
    after_ms: int = 12_000
    """From this length on a piece ends at the first pause."""
    pause_ms: int = 300
    """Silence that counts as a pause."""
    skip_ms: int = 2_000
    """Longer silence is left out, but for at most so much of it before the speech that follows."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the recording; `start_ms` counts from its beginning."""

    start_ms: int
    samples: Samples


def segments(frames: Iterable[Samples], detector: VoiceDetector, cuts: Cuts | None = None) -> Iterator[Segment]:
    """Frames of 20 ms in, pieces with speech out, in order. At most `whole_ms` of audio is held."""
    cutter = _Cutter(cuts or Cuts())
    for frame in frames:
        yield from cutter.push(frame, detector.detect(frame) >= SPEECH)
    yield from cutter.end()


class _Cutter:
    def __init__(self, cuts: Cuts) -> None:
        self._cuts = cuts
        self._frames: list[Samples] = []
        self._spoken: list[bool] = []
        self._start_ms = 0
        self._quiet_ms = 0
        self._cut_before = False

    def push(self, frame: Samples, spoken: bool) -> Iterator[Segment]:
        self._frames.append(frame)
        self._spoken.append(spoken)
        self._quiet_ms = 0 if spoken else self._quiet_ms + FRAME_MS
        length = len(self._frames) * FRAME_MS
        if not any(self._spoken):
            if length > self._cuts.skip_ms:
                self._drop(len(self._frames) - self._cuts.pause_ms // FRAME_MS)
        elif length > self._cuts.whole_ms:
            yield self._take(self._longest_pause())
        elif self._cut_before and (self._quiet_ms > self._cuts.skip_ms or self._pause_after(length)):
            yield self._take(len(self._frames) - self._cuts.pause_ms // FRAME_MS // 2)

    def end(self) -> Iterator[Segment]:
        """What is left. A recording that was never cut comes out whole, whatever the detector thought of it."""
        if self._frames and (any(self._spoken) or self._start_ms == 0):
            yield self._take(len(self._frames))

    def _pause_after(self, length: int) -> bool:
        return length >= self._cuts.after_ms and self._quiet_ms >= self._cuts.pause_ms

    def _longest_pause(self) -> int:
        """Middle of the longest silence from `after_ms` on; the very end when there is none."""
        best, best_run, run = len(self._frames), 0, 0
        for index in range(self._cuts.after_ms // FRAME_MS, len(self._frames)):
            run = 0 if self._spoken[index] else run + 1
            if run > best_run:
                best, best_run = index + 1 - run // 2, run
        return best

    def _take(self, count: int) -> Segment:
        segment = Segment(self._start_ms, np.concatenate(self._frames[:count]))
        self._cut_before = True
        self._drop(count)
        return segment

    def _drop(self, count: int) -> None:
        del self._frames[:count], self._spoken[:count]
        self._start_ms += count * FRAME_MS
