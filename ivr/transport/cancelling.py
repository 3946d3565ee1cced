"""A leg whose echo is cancelled before anybody hears it: the call's core, the recogniser, the recording, the human.

What is recorded is the cleaned sound, which is what the decisions were made on: a replay needs no canceller and hears
what the call heard.
"""

from __future__ import annotations

import logging

from ivr.audio.aec import EchoCanceller
from ivr.audio.frame import FRAME_SAMPLES, SILENCE, AudioFrame
from ivr.errors import EngineError
from ivr.transport.base import Digit, MediaLeg

_log = logging.getLogger(__name__)


class CancellingLeg:
    """A MediaLeg around another. A canceller that fails is left out for the rest of the call."""

    def __init__(self, leg: MediaLeg, canceller: EchoCanceller) -> None:
        self._leg = leg
        self._canceller: EchoCanceller | None = canceller
        self._sent = SILENCE

    def read(self) -> AudioFrame:
        frame = self._leg.read()
        if self._canceller is None or len(frame.samples) != FRAME_SAMPLES:
            return frame
        try:
            self._canceller.reference(self._sent)
            heard = self._canceller.process(frame.samples)
        except EngineError as error:
            _log.error("echo is no longer cancelled in this call: %s", error)
            self._canceller = None
            return frame
        self._sent = SILENCE  # nothing is written: nothing comes back
        return AudioFrame(heard, lost=frame.lost)

    def write(self, frame: AudioFrame) -> None:
        if len(frame.samples) == FRAME_SAMPLES:
            self._sent = frame.samples
        self._leg.write(frame)

    def take_digits(self) -> list[Digit]:
        return self._leg.take_digits()

    def send_digits(self, digits: str) -> None:
        self._leg.send_digits(digits)
