"""Acoustic echo cancelling: takes what we said out of what we hear, for callers on speaker-phones.

`webrtc` is WebRTC's AEC3 as livekit packs it (Apache-2.0, about 11 ms of CPU a second of audio). It finds the echo's
delay by itself, 30 to 500 ms, and lets both sides speak at once. Others plug in by the entry point group
`ivr.echo_cancellers`: a name and a function that returns an `EchoCanceller`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from ivr.audio.frame import SAMPLE_RATE, Samples
from ivr.errors import ConfigError, EngineError

ENTRY_POINTS = "ivr.echo_cancellers"
_STEP = SAMPLE_RATE // 100
"""It works on 10 ms."""


class EchoCanceller(Protocol):
    """One call. Each `process` answers for the span of the `reference` before it."""

    def reference(self, sent: Samples) -> None:
        """What went to the caller: whole steps of 160 samples at 16 kHz."""

    def process(self, heard: Samples) -> Samples:
        """What came from the caller in the same span, without the echo. Raises EngineError."""


class WebRtcCanceller:
    """AEC3 with its high-pass filter; neither noise suppression nor gain control: recognisers want the sound as it is.

    `delay_ms` is what lies between writing a frame and hearing its echo at the least: a start for its own search.
    """

    name = "webrtc"

    def __init__(self, delay_ms: int = 0) -> None:
        try:
            from livekit import rtc  # heavy: only lines with echo pay for it
        except ImportError as error:
            raise ConfigError(f"echo canceller webrtc: {error}; install the package livekit") from error
        self._frame: Any = rtc.AudioFrame
        self._apm: Any = rtc.AudioProcessingModule(echo_cancellation=True, high_pass_filter=True)
        self._apm.set_stream_delay_ms(delay_ms)

    def reference(self, sent: Samples) -> None:
        for step in _steps(sent):
            self._run(self._apm.process_reverse_stream, step)

    def process(self, heard: Samples) -> Samples:
        return np.concatenate([self._run(self._apm.process_stream, step) for step in _steps(heard)])

    def _run(self, work: Callable[[Any], None], step: Samples) -> Samples:
        frame = self._frame(bytearray(step.tobytes()), SAMPLE_RATE, 1, _STEP)
        try:
            work(frame)
        except RuntimeError as error:
            raise EngineError(f"echo canceller webrtc failed: {error}") from error
        return np.frombuffer(bytes(frame.data), dtype=np.int16)


def _steps(samples: Samples) -> list[Samples]:
    if not len(samples) or len(samples) % _STEP:
        raise ValueError(f"an echo canceller takes whole steps of {_STEP} samples, got {len(samples)}")
    return [samples[at : at + _STEP] for at in range(0, len(samples), _STEP)]


CANCELLERS: Mapping[str, Callable[..., EchoCanceller]] = MappingProxyType({WebRtcCanceller.name: WebRtcCanceller})
"""Those that come with `ivr`, by name."""


def create_canceller(name: str, **settings: Any) -> EchoCanceller:
    """A new canceller by its registered name. Raises ConfigError for an unknown name or setting."""
    factory = CANCELLERS.get(name)
    if factory is None:
        plugins = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
        if name not in plugins:
            known = ", ".join(sorted({*CANCELLERS, *plugins}))
            raise ConfigError(f"no echo canceller is called {name!r}; known: {known}")
        factory = plugins[name].load()
    try:
        return factory(**settings)
    except TypeError as error:
        raise ConfigError(f"echo canceller {name}: {error}") from error
