"""Barge-in: duck, then decide.

At the caller's first voice the prompt is lowered within a block (it costs nothing if it was a cough). Words decide:

    IDLE --onset--> DUCKED --words--> STOPPED      a real start: fade out in 10 ms, remember what was heard
                      |   \\--long voice, and no recogniser that gives partials--> STOPPED
                      |
                      +--no words, back-channel, echo--> IDLE (volume back)
    STOPPED --the utterance held nothing--> IDLE (resume at the clause where it was cut)
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ivr.audio.frame import to_samples


class BargeInState(enum.Enum):
    IDLE = "idle"
    DUCKED = "ducked"
    STOPPED = "stopped"


class BargeInAction(enum.Enum):
    DUCK = "duck"
    STOP = "stop"
    RESTORE = "restore"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class BargeInSettings:
    duck_db: float = -12.0
    """How much the prompt is lowered while we listen whether the caller means it."""
    voice_only_ms: int = 450
    """Voice that stops a prompt without words, where the recogniser gives no partials (Mandarin by Whisper)."""
    undecided_ms: int = 1600
    """Ducked longer than this without a word: it is noise, the volume comes back."""


@dataclass(frozen=True, slots=True)
class BargeInPolicy:
    """What this prompt allows; from `listen` and the prompt itself."""

    allowed: bool = True
    hotword_only: bool = False
    not_before_ms: int = 0
    min_words: int = 1


class BargeIn:
    """One for a call; `begin` at each new prompt."""

    def __init__(self, settings: BargeInSettings | None = None) -> None:
        self.settings = settings or BargeInSettings()
        self.state = BargeInState.IDLE
        self._ducked_at = 0

    def reset(self) -> None:
        self.state = BargeInState.IDLE

    def onset(self, now: int, policy: BargeInPolicy, played_samples: int) -> BargeInAction | None:
        """The caller's voice began while a prompt plays."""
        if not policy.allowed or policy.hotword_only or self.state is not BargeInState.IDLE:
            return None
        if played_samples < to_samples(policy.not_before_ms):
            return None
        self.state = BargeInState.DUCKED
        self._ducked_at = now
        return BargeInAction.DUCK

    def voice(self, now: int, speaking: bool, partials: bool) -> BargeInAction | None:
        """A block has passed since; `speaking` = its voice goes on, `partials` = words would have been reported."""
        if self.state is not BargeInState.DUCKED:
            return None
        ducked = now - self._ducked_at
        if speaking and not partials and ducked >= to_samples(self.settings.voice_only_ms):
            return self._stop()
        if ducked >= to_samples(self.settings.undecided_ms):
            self.state = BargeInState.IDLE
            return BargeInAction.RESTORE
        return None

    def words(self, count: int, policy: BargeInPolicy, is_hotword: bool) -> BargeInAction | None:
        """A partial or final transcript came; back-channels and echo have been sorted out by the caller of this."""
        if self.state is BargeInState.STOPPED or not policy.allowed:
            return None
        if policy.hotword_only and not is_hotword:
            return None
        return self._stop() if count >= policy.min_words or is_hotword else None

    def key(self) -> BargeInAction | None:
        """A key always cuts, unless the prompt must be heard (checked by the caller of this)."""
        return None if self.state is BargeInState.STOPPED else self._stop()

    def nothing(self) -> BargeInAction | None:
        """The utterance is over and held nothing for the dialog."""
        was, self.state = self.state, BargeInState.IDLE
        if was is BargeInState.DUCKED:
            return BargeInAction.RESTORE
        return BargeInAction.RESUME if was is BargeInState.STOPPED else None

    def _stop(self) -> BargeInAction:
        self.state = BargeInState.STOPPED
        return BargeInAction.STOP
