"""From a block of the caller's audio to what turn-taking needs to know of it."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from ivr.audio.frame import Samples
from ivr.turn.echo import EchoGuard, EchoSettings
from ivr.turn.gate import Activity, SpeechGate


class VoiceDetector(Protocol):
    """Any detector of `ivr.audio.vad`."""

    def detect(self, block: Samples) -> float: ...


def level_dbfs(samples: Samples) -> float:
    """RMS level in dB below full scale; -90 for silence."""
    if not len(samples):
        return -90.0
    wide = samples.astype(np.float32)
    power = float(np.dot(wide, wide)) / len(wide)
    return max(-90.0, 10.0 * math.log10(power / 1073741824.0)) if power > 0.0 else -90.0


class Ears:
    """Voice detection behind the echo guard. One for a call: detectors keep state."""

    def __init__(self, detector: VoiceDetector, gate: SpeechGate, echo: EchoSettings) -> None:
        self._detector = detector
        self._gate = gate
        self._guard = EchoGuard(echo)
        self._last = Activity(False, -90.0)
        self._lost_run = 0

    def hear(self, block: Samples, lost: bool, sent_dbfs: float) -> Activity:
        """Judge 320 samples of the caller, while we send audio of the level given."""
        if lost:
            # For up to 60 ms a gap goes on as what it interrupted; longer, nobody can say, and it counts as silence.
            self._lost_run += 1
            return self._last if self._lost_run <= 3 else Activity(False, -90.0)
        self._lost_run = 0
        level = level_dbfs(block)
        voiced = self._gate.is_voice(self._detector.detect(block), level)
        if self._guard.update(level, sent_dbfs):
            voiced = False
        self._last = _ACTIVITIES[_code(Activity(voiced, level, self._guard.only_echo))]  # as exact as the journal's
        return self._last


_ECHO, _ECHO_STEP_DB = 91, 2.5
"""Codes of levels: 0 to 90 in whole dB; from 91 on those of echo, in larger steps."""


def _code(activity: Activity) -> int:
    level = min(90.0, max(0.0, -activity.level_dbfs))
    code = _ECHO + round(level / _ECHO_STEP_DB) if activity.echo else round(level)
    return code | (128 if activity.voiced else 0)


def _activity(value: int) -> Activity:
    code = value & 127
    level = -(code - _ECHO) * _ECHO_STEP_DB if code >= _ECHO else -float(code)
    return Activity(value >= 128, level, code >= _ECHO)


_ACTIVITIES = tuple(_activity(value) for value in range(256))
_CODES = tuple(f"{value:02x}" for value in range(256))


def encode_activity(activity: Activity) -> str:
    """Two hex digits for the journal: voice, the level in whole dB, and whether it is only echo."""
    return _CODES[_code(activity)]


def decode_activity(text: str) -> list[Activity]:
    """The blocks of an `activity` line."""
    return [_ACTIVITIES[value] for value in bytes.fromhex(text)]
