"""What the caller hears of the bot: prompts in order, lowered or cut by barge-in, and hold music."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ivr.audio.frame import SAMPLE_RATE, Samples
from ivr.call.events import PromptMark

_FADE = SAMPLE_RATE // 100
"""10 ms: a cut that is heard as a stop, not as a click."""
_GAP = SAMPLE_RATE * 12 // 100
"""Pause between two prompts."""
_MUSIC_GAIN = 0.5


@dataclass(slots=True)
class Playback:
    """A prompt in the mixer. Its sound may still be coming in."""

    prompt: int
    text: str
    barge_in: bool = True
    samples: Samples = field(default_factory=lambda: np.zeros(0, dtype=np.int16))
    marks: list[PromptMark] = field(default_factory=list)
    complete: bool = False
    played: int = 0

    def heard_text(self) -> str:
        """The text the caller has heard so far, to the last whole mark."""
        if self.complete and self.played >= len(self.samples):
            return self.text
        passed = [mark.char for mark in self.marks if mark.sample <= self.played]
        return self.text[: max(passed)].rstrip() if passed else ""

    def text_between(self, start: int, end: int) -> str:
        """The words of which something sounds between two samples."""
        first = max((mark.char for mark in self.marks if mark.sample <= start), default=0)
        last = min((mark.char for mark in self.marks if mark.sample >= end), default=len(self.text))
        return self.text[first:last]

    def clause_start(self) -> int:
        """Sample where the clause begins that was playing when the prompt stopped."""
        stops = {0} | {m.sample for m in self.marks if _ends_clause(self.text[: m.char])}
        return max((s for s in stops if s <= self.played), default=0)


def _ends_clause(before: str) -> bool:
    return before.rstrip()[-1:] in {",", ".", ";", "?", "!", ":", "，", "。", "；", "？", "！", "：", "、"}


@dataclass(frozen=True, slots=True)
class CutPrompt:
    """Where a prompt was stopped."""

    prompt: int
    played: int
    heard: str
    share: float
    """Share (0..1) of all queued sound that had been played."""


class Mixer:
    """Pure: `mix(n)` gives the next n samples. Finished prompts are reported once by `take_finished`."""

    def __init__(self, music: Samples | None = None) -> None:
        self._queue: deque[Playback] = deque()
        self._finished: list[Playback] = []
        self._gain = 1.0
        self._target = 1.0
        self._gap = 0
        self._tail: npt.NDArray[np.float32] | None = None
        self._cut: list[Playback] = []
        self._music = music if music is not None and len(music) else None
        self._music_on = False
        self._music_at = 0
        self.bridged = False

    # -- prompts

    def add(self, playback: Playback) -> None:
        self._queue.append(playback)

    def feed(self, prompt: int, samples: Samples, marks: tuple[PromptMark, ...], last: bool) -> bool:
        """Sound for a queued prompt; False if it is no longer wanted."""
        for playback in self._queue:
            if playback.prompt == prompt:
                joined = np.concatenate((playback.samples, samples)) if len(playback.samples) else samples
                playback.samples = joined
                playback.marks.extend(marks)
                playback.complete = last
                return True
        return False

    def drop(self, prompt: int) -> None:
        """A prompt that cannot be spoken: the ones behind it go on."""
        self._queue = deque(p for p in self._queue if p.prompt != prompt)

    @property
    def playing(self) -> Playback | None:
        return self._queue[0] if self._queue else None

    @property
    def busy(self) -> bool:
        """Prompts are playing or waiting for their sound."""
        return bool(self._queue)

    @property
    def waiting_for_sound(self) -> bool:
        """The prompt in front has nothing to play yet."""
        front = self.playing
        return front is not None and not front.complete and front.played >= len(front.samples)

    @property
    def sounding(self) -> bool:
        """Something other than silence may come out of `mix`."""
        return bool(self._queue) or self._tail is not None or self._music_on

    def share_heard(self) -> float:
        """Share of the queued sound that has been played (1.0 with nothing queued)."""
        total = sum(max(len(p.samples), 1) for p in self._queue)
        return sum(p.played for p in self._queue) / total if self._queue else 1.0

    def take_finished(self) -> list[Playback]:
        finished, self._finished = self._finished, []
        return finished

    # -- barge-in

    def duck(self, gain_db: float) -> None:
        self._target = float(10.0 ** (gain_db / 20.0))

    def restore(self) -> None:
        self._target = 1.0

    def stop(self) -> CutPrompt | None:
        """Fade out what plays within 10 ms and keep it for `resume`."""
        front = self.playing
        if front is None:
            return None
        cut = CutPrompt(front.prompt, front.played, front.heard_text(), self.share_heard())
        rest = front.samples[front.played : front.played + _FADE].astype(np.float32) * self._gain
        self._tail = rest * np.linspace(1.0, 0.0, len(rest), dtype=np.float32) if len(rest) else None
        self._cut = list(self._queue)
        self._queue.clear()
        self._gain = self._target = 1.0
        return cut

    def resume(self) -> bool:
        """Go on with what `stop` cut, from the start of the clause it was in."""
        if not self._cut or self._queue:
            return False
        self._cut[0].played = self._cut[0].clause_start()
        self._queue.extend(self._cut)
        self._cut = []
        return True

    def forget_cut(self) -> list[int]:
        """The cut prompts will not be resumed; their ids."""
        ids, self._cut = [p.prompt for p in self._cut], []
        return ids

    def clear(self) -> list[int]:
        """Drop all prompts, fading; the ids of those that were still queued."""
        ids = [p.prompt for p in self._queue]
        self.stop()
        return ids + [i for i in self.forget_cut() if i not in ids]

    def music(self, on: bool) -> None:
        self._music_on = on

    # -- sound

    def mix(self, n: int) -> Samples:
        """The next `n` samples the caller hears, shape (n,)."""
        if not self.sounding:
            return np.zeros(n, dtype=np.int16)
        if self._plain(n):
            front = self._queue[0]
            front.played += n
            return front.samples[front.played - n : front.played]
        out = np.zeros(n, dtype=np.float32)
        self._mix_prompts(out)
        if self._tail is not None:
            length = min(n, len(self._tail))
            out[:length] += self._tail[:length]
            self._tail = self._tail[length:] if len(self._tail) > length else None
        if self._music_on and self._music is not None and not self._queue:
            self._mix_music(out)
        return np.clip(out, -32768, 32767).astype(np.int16)

    def _plain(self, n: int) -> bool:
        """Whether the next `n` samples are the prompt in front as it is, and do not reach its end."""
        if not self._queue or self._gap or self._tail is not None:
            return False
        front = self._queue[0]
        return self._gain == self._target == 1.0 and front.played + n < len(front.samples)

    def _mix_prompts(self, out: npt.NDArray[np.float32]) -> None:
        at, n = 0, len(out)
        while at < n and self._queue:
            if self._gap:
                step = min(self._gap, n - at)
                self._gap -= step
                at += step
                continue
            front = self._queue[0]
            step = min(n - at, len(front.samples) - front.played)
            if step:
                out[at : at + step] = front.samples[front.played : front.played + step]
                front.played += step
                at += step
            if front.played < len(front.samples):
                continue
            if not front.complete:
                break
            self._finished.append(self._queue.popleft())
            self._gap = _GAP if self._queue else 0
        self._apply_gain(out)

    def _apply_gain(self, out: npt.NDArray[np.float32]) -> None:
        if self._gain == self._target:
            if self._gain != 1.0:
                out *= self._gain
            return
        out *= np.linspace(self._gain, self._target, len(out), dtype=np.float32)
        self._gain = self._target

    def _mix_music(self, out: npt.NDArray[np.float32]) -> None:
        assert self._music is not None
        index = (self._music_at + np.arange(len(out))) % len(self._music)
        out += self._music[index] * np.float32(_MUSIC_GAIN)
        self._music_at = int((self._music_at + len(out)) % len(self._music))
