"""Recognisers by name. Others register theirs under the entry point group `ivr.recognisers`: a callable that takes the
settings as keywords, and `languages`, and returns a Recogniser."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

from ivr.asr.base import Recogniser, RecogniserSpec
from ivr.errors import ConfigError
from ivr.models.verify import model_path

GROUP = "ivr.recognisers"
BUILT_IN = {
    "vosk": "ivr.asr.vosk_engine:VoskRecogniser",
    "whisper": "ivr.asr.whisper_engine:WhisperRecogniser",
    "scripted": "ivr.asr.scripted:ScriptedRecogniser",
}
"""Engines of our own; imported only when asked for, for each brings a library of tens of megabytes."""


def names() -> tuple[str, ...]:
    """Every engine name that `create` knows, sorted."""
    return tuple(sorted({*BUILT_IN, *(point.name for point in entry_points(group=GROUP))}))


def create(spec: RecogniserSpec) -> Recogniser:
    """Load an engine. Raises ConfigError for an unknown name or setting, ModelError for a missing or damaged model."""
    factory = _factory(spec.engine)
    try:
        return factory(languages=tuple(spec.languages), **spec.settings)
    except TypeError as error:
        raise ConfigError(f"recogniser {spec.engine!r}: wrong settings {dict(spec.settings)!r}: {error}") from error


def _factory(name: str) -> Callable[..., Recogniser]:
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        factory: Callable[..., Recogniser] = getattr(import_module(module), attribute)
        return factory
    for point in entry_points(group=GROUP):
        if point.name == name:
            loaded: Callable[..., Recogniser] = point.load()
            return loaded
    raise ConfigError(f"no recogniser is called {name!r}; there are: {', '.join(names())}")


def resolve_model(model: str) -> Path:
    """A model setting as a folder: a path as it is, else the id of a fetched model. Raises ModelError."""
    if "/" in model or "\\" in model:
        return Path(model)
    return model_path(model)
