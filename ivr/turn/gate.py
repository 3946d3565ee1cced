"""Speech onset from a voice detector's blocks.

A detector alone fires on clicks and breath. The gate opens when most of a short window is voice above the line's own
noise, and reports the last block that was voice, from which all silences are counted.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from ivr.audio.frame import FRAME_MS, FRAME_SAMPLES, to_samples


@dataclass(frozen=True, slots=True)
class Activity:
    """What one block of 320 samples told us: the only thing turn-taking knows of the sound."""

    voiced: bool
    level_dbfs: float
    echo: bool = False
    """What was heard lately is no more than our own voice coming back."""


@dataclass(frozen=True, slots=True)
class GateSettings:
    onset_ms: int = 40
    """Voice needed within `window_ms` to call it speech. Lower reacts faster and to more noise; a noise costs no more
    than a prompt that is lowered for a moment."""
    window_ms: int = 80
    """Window in which `onset_ms` of voice must lie: a plosive and the vowel behind it."""
    above_noise_db: float = 6.0
    """A block counts as voice only this far above the line's noise floor."""
    quietest_dbfs: float = -52.0
    """Nothing below this level is speech; a telephone's idle line is at -60 to -75 dBFS."""


class NoiseFloor:
    """Level of the line when nobody speaks (dBFS): falls at once, rises 1 dB a second, and 10 while what is heard is no
    voice: rain and music become the line's background, above which a voice is heard at once."""

    def __init__(self, start_dbfs: float = -65.0) -> None:
        self.level_dbfs = start_dbfs
        self._slow_db = FRAME_MS / 1000.0
        self._fast_db = 10.0 * FRAME_MS / 1000.0

    def update(self, level_dbfs: float, *, voice: bool = True) -> None:
        """Take a block's level; `voice` = the detector says it may be one."""
        if level_dbfs < self.level_dbfs:
            self.level_dbfs = max(level_dbfs, -90.0)
        else:
            rise = self._slow_db if voice else self._fast_db
            self.level_dbfs = min(self.level_dbfs + rise, max(level_dbfs, self.level_dbfs), -35.0)


class SpeechGate:
    """Feed it each block; `speaking` is true from onset until `close` is called by whoever ends the utterance."""

    def __init__(self, settings: GateSettings | None = None) -> None:
        settings = settings or GateSettings()
        self.settings = settings
        self.noise = NoiseFloor()
        self._needed = max(1, settings.onset_ms // FRAME_MS)
        self._recent: deque[bool] = deque(maxlen=max(self._needed, settings.window_ms // FRAME_MS))
        self.onset_at: int | None = None
        """Sample where the voice that opened the gate began."""
        self.last_voice_at = 0
        """Sample after the last block of voice."""

    @property
    def window_samples(self) -> int:
        return to_samples(self.settings.window_ms)

    def is_voice(self, probability: float, level_dbfs: float) -> bool:
        """Whether a block is voice: the detector says so, and it stands out from the line's noise."""
        self.noise.update(level_dbfs, voice=probability >= 0.5)
        floor = max(self.noise.level_dbfs + self.settings.above_noise_db, self.settings.quietest_dbfs)
        return probability >= 0.5 and level_dbfs >= floor

    def update(self, now: int, voiced: bool) -> bool:
        """Take the block that ended at sample `now`; True at the moment speech begins."""
        self._recent.append(voiced)
        if voiced:
            self.last_voice_at = now
        if self.onset_at is not None or not voiced or sum(self._recent) < self._needed:
            return False
        first = self._recent.index(True)
        self.onset_at = now - (len(self._recent) - first) * FRAME_SAMPLES
        return True

    def close(self) -> None:
        """The utterance is over: the next voice is a new onset."""
        self.onset_at = None
        self._recent.clear()
