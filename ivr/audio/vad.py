"""Voice detectors: how likely is it that a frame holds speech?

`hybrid` is what calls use: as fast as `webrtc` (2 us a frame, no model), and nearly as hard to fool as `silero` (a
neural network, about 100 us a frame). `energy` needs nothing but numpy. Others plug in by the entry point group
`ivr.voice_detectors`: a name and a class or function that takes settings as keywords and returns a `VoiceDetector`.
"""

from __future__ import annotations

import functools
import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

import numpy as np
import webrtcvad

from ivr.audio.frame import FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE, Samples
from ivr.audio.levels import rms_dbfs
from ivr.errors import ConfigError, EngineError, ModelError

ENTRY_POINTS = "ivr.voice_detectors"


@runtime_checkable
class VoiceDetector(Protocol):
    """One direction of one call. Synchronous, with state."""

    name: str

    def detect(self, block: Samples) -> float:
        """Probability of speech, 0..1, in 320 samples at 16 kHz that follow those of the last call.

        Raises ValueError for another length, EngineError when the engine fails.
        """

    def reset(self) -> None:
        """Forget the stream so far."""


def _check(block: Samples) -> None:
    if len(block) != FRAME_SAMPLES:
        raise ValueError(f"a voice detector takes {FRAME_SAMPLES} samples at a time, got {len(block)}")


class WebRtcDetector:
    """Google's WebRTC detector: Gaussian mixtures on six bands. Says yes or no: 1.0 or 0.0.

    `mode` is how sure it must be, 0 (takes nearly all) to 3 (misses soft speech).
    """

    name = "webrtc"

    def __init__(self, mode: int = 2) -> None:
        if mode not in range(4):
            raise ConfigError(f"voice detector webrtc: mode must be 0, 1, 2 or 3, not {mode!r}")
        self._mode = mode
        self._vad: Any = webrtcvad.Vad(mode)

    def detect(self, block: Samples) -> float:
        _check(block)
        return float(self._vad.is_speech(block.tobytes(), SAMPLE_RATE))

    def reset(self) -> None:
        self._vad = webrtcvad.Vad(self._mode)


@dataclass(frozen=True, slots=True)
class EnergySettings:
    """How `EnergyDetector` tells speech from the line's background."""

    margin_db: float = 9.0
    """Level above the noise floor at which the probability is one half."""
    slope_db: float = 2.0
    """Decibels that move the odds by a factor of e."""
    start_floor_dbfs: float = -55.0
    """Noise floor that is assumed before anything was heard."""
    min_dbfs: float = -50.0
    """Below this it is never more likely speech than not, however silent the line is."""
    rise_db_per_s: float = 3.0
    """The floor follows falling levels at once, rising ones so fast: steady noise becomes background in time."""


class EnergyDetector:
    """Level against a noise floor that adapts. It knows loud from soft and nothing of voices: for tests and tiny
    machines."""

    name = "energy"

    def __init__(self, **settings: float) -> None:
        try:
            self._settings = EnergySettings(**settings)
        except TypeError as error:
            raise ConfigError(f"voice detector energy: {error}") from None
        self._rise = self._settings.rise_db_per_s * FRAME_SAMPLES / SAMPLE_RATE
        self._floor = self._settings.start_floor_dbfs

    @property
    def floor_dbfs(self) -> float:
        """The noise floor as it is thought to be now."""
        return self._floor

    def detect(self, block: Samples) -> float:
        _check(block)
        level = rms_dbfs(block)
        self._floor = min(level, self._floor + self._rise)
        threshold = max(self._floor + self._settings.margin_db, self._settings.min_dbfs)
        return 1.0 / (1.0 + math.exp((threshold - level) / self._settings.slope_db))

    def reset(self) -> None:
        self._floor = self._settings.start_floor_dbfs


class SileroDetector:
    """Silero VAD (v5 and later, MIT) in onnxruntime on one thread.

    The network takes 512 samples at a time and a frame has 320, so its answer is up to one frame old: `detect` returns
    the latest. All detectors of a process share the network. Raises ModelError when `model_path` is missing or is no
    such network.
    """

    name = "silero"

    _WINDOW = 512
    _CONTEXT = 64
    """Samples of the window before, which the network wants in front of each."""

    def __init__(self, model_path: str | Path) -> None:
        self._session = _silero_network(Path(model_path))
        self._rate = np.array(SAMPLE_RATE, dtype=np.int64)
        self._probability = 0.0
        self._filled = 0
        self.reset()

    def detect(self, block: Samples) -> float:
        _check(block)
        end = self._filled + FRAME_SAMPLES
        self._line[0, self._filled : end] = block
        self._filled = end
        if end >= self._CONTEXT + self._WINDOW:
            self._run()
        return self._probability

    def reset(self) -> None:
        self._line = np.zeros((1, self._CONTEXT + self._WINDOW + FRAME_SAMPLES), dtype=np.float32)
        self._filled = self._CONTEXT
        self._state = np.zeros((2, 1, 128), dtype=np.float32)
        self._probability = 0.0

    def _run(self) -> None:
        used = self._CONTEXT + self._WINDOW
        window = self._line[:, :used] * np.float32(1 / 32_768)
        try:
            output, self._state = self._session.run(None, {"input": window, "state": self._state, "sr": self._rate})
        except Exception as error:  # as above
            raise EngineError(f"voice detector silero failed: {_first_line(error)}") from error
        self._probability = float(output[0, 0])
        rest = self._filled - self._WINDOW
        self._line[0, :rest] = self._line[0, self._WINDOW : self._filled]
        self._filled = rest


@functools.cache
def _silero_network(path: Path) -> Any:
    import onnxruntime  # heavy: only those who choose this detector pay for it

    if not path.is_file():
        raise ModelError(f"{path}: no such model; fetch it with: ivr models fetch silero-vad")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # its errors come as exceptions; the same text on stderr would only confuse
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common base of their own
        raise ModelError(f"{path}: onnxruntime cannot load it as a model: {_first_line(error)}") from error
    names = {port.name for port in session.get_inputs()}
    if names != {"input", "state", "sr"}:
        raise ModelError(f"{path}: not Silero VAD v5 or later: its inputs are {', '.join(sorted(names))}")
    return session


@dataclass(frozen=True, slots=True)
class HybridSettings:
    """How `HybridDetector` joins its two opinions."""

    mode: int = 1
    """WebRTC's: 1 takes soft onsets; what it takes too much the network takes away."""
    grace_ms: int = 300
    """So long WebRTC's word stands alone: the network needs 100 to 270 ms to know a voice."""
    sure: float = 0.5
    """The network's probability from which a frame is voice."""
    doubt: float = 0.15
    """Below this for `hold_ms` a frame is no voice, whatever WebRTC says."""
    hold_ms: int = 160
    gap_ms: int = 100
    """A pause longer than this ends a run of voice; the next one has its own grace."""
    lookback_ms: int = 100
    """Sound from before a run that the network hears first."""
    settled_ms: int = 160
    """So long sure of a voice in a row, and the network rests for `trust_ms`: it costs 40 times as much as WebRTC's."""
    trust_ms: int = 800
    doubts: float = 0.75
    """So many runs of `grace_ms` that the network did not confirm, and WebRTC's word has no grace: music, a television.
    """
    forget_ms: int = 20000
    """A doubt counts half after this: a cough slows onsets down for 8 s, a tune until a minute or two after its end."""
    glimpse_ms: int = 40
    """On such a line the network must be sure for so long; less is a note that it took for a voice."""
    idle_ms: int = 300
    """The network rests when WebRTC has heard no voice for so long: a silent line costs nothing."""


class HybridDetector:
    """WebRTC's detector says when a voice begins (20-60 ms), Silero's network whether it was one.

    A run of voice is believed for `grace_ms`; from then on only what the network takes for speech. So a prompt is
    lowered as fast as by the one, and rain, music or a slamming door hold the line no longer than with the other. Where
    runs keep turning out to be no voice, the first opinion has lost its credit until they have been forgotten: on a
    line with music voices begin when the network says so.
    """

    name = "hybrid"

    def __init__(self, model_path: str | Path, **settings: float) -> None:
        try:
            self._settings = HybridSettings(**settings)  # type: ignore[arg-type]
        except TypeError as error:
            raise ConfigError(f"voice detector hybrid: {error}") from None
        self._fast = WebRtcDetector(self._settings.mode)
        self._slow = SileroDetector(model_path)
        chosen = self._settings
        self._grace, self._gap, self._hold, self._idle, self._settled, self._trust = (
            int(ms) // FRAME_MS
            for ms in (
                chosen.grace_ms, chosen.gap_ms, chosen.hold_ms, chosen.idle_ms, chosen.settled_ms, chosen.trust_ms,
            )
        )  # fmt: skip
        self._glimpse = chosen.glimpse_ms // FRAME_MS
        self._fading = 0.5 ** (FRAME_MS / chosen.forget_ms)
        self._run = self._pause = self._unsure = self._sure = self._resting = 0
        self._confirmed, self._doubts = False, 0.0
        self.reset()

    def detect(self, block: Samples) -> float:
        fast = self._fast.detect(block) >= 0.5
        slow = self._second_opinion(block, fast)
        self._follow(fast, slow >= self._settings.sure or self._resting > 0)
        if slow >= self._settings.sure:
            return slow
        credible = 0 < self._run <= self._grace and not self._discredited
        return 1.0 if fast and (credible or self._unsure <= self._hold) else min(slow, 0.49)

    @property
    def _discredited(self) -> bool:
        """WebRTC has taken too much for a voice on this line."""
        return self._doubts >= self._settings.doubts

    def _follow(self, fast: bool, confirmed: bool) -> None:
        """The run of voice that goes on, begins or ends, and what it does to WebRTC's credit."""
        self._doubts *= self._fading
        self._confirmed = self._run > 0 and (self._confirmed or confirmed)
        if fast:
            self._run += 1
            self._pause = 0
            if self._run == self._grace + 1 and not self._confirmed:
                self._doubts += 1.0
            return
        self._pause += 1
        if self._pause > self._gap:
            self._run = 0

    def reset(self) -> None:
        self._fast.reset()
        self._slow.reset()
        self._before: deque[Samples] = deque(maxlen=int(self._settings.lookback_ms) // FRAME_MS)
        self._awake = False
        self._run = 0
        self._confirmed = False
        """The network took some of this run for a voice."""
        self._doubts = 0.0
        """Runs that it did not, fading."""
        self._pause = self._gap + 1
        self._unsure = self._hold + 1
        """Frames since the network last leaned towards speech."""
        self._sure = 0
        """Frames in a row that it was sure of."""
        self._resting = 0
        """Frames for which WebRTC's word is taken for the network's."""

    def _second_opinion(self, block: Samples, fast: bool) -> float:
        if self._resting:
            self._resting -= 1
            self._before.append(block)
            if not self._resting:
                self._awake, self._run = False, min(self._run, 1)  # a new look, with its own grace
            return 0.0
        if fast and not self._awake:
            self._awake = True
            self._slow.reset()
            for past in self._before:
                self._slow.detect(past)
        elif self._awake and not fast and self._pause >= self._idle:
            self._awake = False
        self._before.append(block)
        slow = self._slow.detect(block) if self._awake else 0.0
        self._sure = self._sure + 1 if slow >= self._settings.sure else 0
        certain = self._sure >= (self._glimpse if self._discredited else 1)
        leaning = certain or (slow >= self._settings.doubt and self._unsure < self._hold)
        self._unsure = 0 if leaning else self._unsure + 1
        if self._sure > self._settled:
            self._resting, self._sure = self._trust, 0
        return slow


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


DETECTORS: Mapping[str, Callable[..., VoiceDetector]] = MappingProxyType(
    {detector.name: detector for detector in (WebRtcDetector, SileroDetector, HybridDetector, EnergyDetector)}
)
"""Those that come with `ivr`, by name."""


def create_detector(name: str = WebRtcDetector.name, **settings: Any) -> VoiceDetector:
    """A new detector by its registered name. Raises ConfigError for an unknown name or setting."""
    factory = DETECTORS.get(name)
    if factory is None:
        plugins = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
        if name not in plugins:
            known = ", ".join(sorted({*DETECTORS, *plugins}))
            raise ConfigError(f"no voice detector is called {name!r}; known: {known}")
        factory = plugins[name].load()
    try:
        return factory(**settings)
    except TypeError as error:
        raise ConfigError(f"voice detector {name}: {error}") from error
