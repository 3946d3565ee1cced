"""The voice detector of a service's calls, by its name in the configuration."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from ivr.audio.vad import VoiceDetector, create_detector
from ivr.models.verify import available, model_path

_log = logging.getLogger(__name__)

AUTO = "auto"
_MODEL = "silero-vad"
_WITH_MODEL = frozenset({"silero", "hybrid"})


def detector_maker(name: str = AUTO) -> Callable[[], VoiceDetector]:
    """What makes a call's detector. `auto` is `hybrid` where its model was fetched, else `webrtc`.

    Raises ConfigError for a name nobody knows, ModelError for a model that is missing or damaged: at once, not at the
    first call.
    """
    if name == AUTO:
        name = "hybrid" if available(_MODEL) else "webrtc"
        if name == "webrtc":
            _log.warning("voice detector: webrtc alone, which takes music for speech: ivr models fetch %s", _MODEL)
    settings: dict[str, Path] = {}
    if name in _WITH_MODEL:
        settings["model_path"] = model_path(_MODEL) / "silero_vad.onnx"
    create_detector(name, **settings)

    def make() -> VoiceDetector:
        return create_detector(name, **settings)

    return make
