"""Barge-in: duck, then decide.

At the caller's first voice the prompt is lowered within a block (it costs nothing if it was a cough). Words decide:

    IDLE --voice--> DUCKED --words--> STOPPED      a real start: fade out in 10 ms, remember what was heard
                      |   \\--long voice, and no recogniser that gives partials--> STOPPED
                      |
                      +--too long without a word--> GIVEN_UP (volume back; words still stop it)
                      +--no words, back-channel, echo--> IDLE (volume back)
    STOPPED --the utterance held nothing--> IDLE (resume at the clause where it was cut)
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ivr.audio.frame import FRAME_SAMPLES, to_samples


class BargeInState(enum.Enum):
    IDLE = "idle"
    DUCKED = "ducked"
    GIVEN_UP = "given_up"
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
    voice_only_ms: int = 500
    """Voice that stops a prompt without words, while it is not known whether the recogniser gives partials: coughs,
    sneezes and barks are shorter, most answers longer."""
    undecided_ms: int = 1600
    """Ducked longer than this without a word: it is noise, the volume comes back."""


@dataclass(frozen=True, slots=True)
class BargeInPolicy:
    """What this prompt allows; from `listen` and the prompt itself."""

    allowed: bool = True
    """False: the prompt is heard out whatever the caller says (`none`), or only keys cut it (`dtmf`)."""
    hotword_only: bool = False
    not_before_ms: int = 0
    """The prompt's beginning that cannot be cut."""
    min_words: int = 1

    def open(self, played_samples: int) -> bool:
        """Whether the prompt may be cut now that so much of it was played."""
        return self.allowed and played_samples >= to_samples(self.not_before_ms)


class BargeIn:
    """One for a call; `reset` at the end of each utterance."""

    def __init__(self, settings: BargeInSettings | None = None) -> None:
        self.settings = settings or BargeInSettings()
        self.state = BargeInState.IDLE
        self._ducked_at = 0
        self._voice = 0
        """Samples of voice since then."""

    def reset(self) -> None:
        self.state = BargeInState.IDLE

    def onset(self, now: int, policy: BargeInPolicy, played_samples: int) -> BargeInAction | None:
        """The caller speaks while a prompt plays: from his onset, or from when the prompt may be cut."""
        if policy.hotword_only or self.state is not BargeInState.IDLE or not policy.open(played_samples):
            return None
        self.state = BargeInState.DUCKED
        self._ducked_at = now
        self._voice = 0
        return BargeInAction.DUCK

    def voice(self, now: int, speaking: bool, partials: bool) -> BargeInAction | None:
        """A block has passed since; `speaking` = it is voice, `partials` = the recogniser tells words as they are
        spoken."""
        if self.state is not BargeInState.DUCKED:
            return None
        self._voice += FRAME_SAMPLES * speaking
        if not partials and self._voice >= to_samples(self.settings.voice_only_ms):
            return self._stop()
        if now - self._ducked_at >= to_samples(self.settings.undecided_ms):
            self.state = BargeInState.GIVEN_UP
            return BargeInAction.RESTORE
        return None

    def words(
        self, count: int, policy: BargeInPolicy, is_hotword: bool, played_samples: int = 1 << 62
    ) -> BargeInAction | None:
        """A partial or final transcript came; back-channels and echo have been sorted out by the caller of this."""
        if self.state is BargeInState.STOPPED or not policy.open(played_samples):
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
