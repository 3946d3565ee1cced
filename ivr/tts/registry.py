"""Synthesisers by name. Others register theirs under the entry point group `ivr.synthesisers`: a callable that takes
the engine's settings as keywords and returns a Synthesiser."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.metadata import version as package_version
from typing import Any

from ivr.errors import ConfigError
from ivr.models.manifest import load_manifest
from ivr.models.verify import available as model_available
from ivr.tts.base import Synthesiser

GROUP = "ivr.synthesisers"
BUILT_IN = {
    "kokoro": "ivr.tts.kokoro_engine:KokoroSynthesiser",
    "piper": "ivr.tts.piper_engine:PiperSynthesiser",
    "pyttsx3": "ivr.tts.pyttsx3_engine:Pyttsx3Synthesiser",
    "scripted": "ivr.tts.scripted:ScriptedSynthesiser",
}
"""Engines of our own; imported only when asked for."""
MODELS = {"kokoro": "kokoro", "piper": "piper-en"}
PREFERENCE = {"en": ("piper", "kokoro", "pyttsx3"), "zh": ("kokoro", "pyttsx3")}
"""Best first, by language; any other language has pyttsx3. Piper comes before Kokoro since a caller who waits for 0.7 s
at every prompt with a name in it hears a slow machine, however fine the voice (docs/voices.md has the figures)."""
LAST_RESORT = "pyttsx3"


def names() -> tuple[str, ...]:
    """Every engine name that `create` knows, sorted."""
    return tuple(sorted({*BUILT_IN, *(point.name for point in entry_points(group=GROUP))}))


def create(name: str, settings: Mapping[str, Any] | None = None) -> Synthesiser:
    """Load an engine. Raises ConfigError for an unknown name or setting, ModelError for a missing or damaged model."""
    factory = _factory(name)
    try:
        return factory(**(settings or {}))
    except TypeError as error:
        raise ConfigError(f"synthesiser {name!r}: wrong settings {dict(settings or {})!r}: {error}") from error


@lru_cache(maxsize=32)
def version(name: str) -> str:
    """What stands for the engine in a cache key: its model's version, or its package's."""
    if name in MODELS:
        return load_manifest().get(MODELS[name]).version
    if name == "pyttsx3":
        return f"{package_version('pyttsx3')}+{package_version('espeakng-loader')}"
    point = _entry_point(name)
    if point is not None and point.dist is not None:
        return point.dist.version
    return package_version("ivr") if name in BUILT_IN else "0"


def missing(name: str, language: str) -> str:
    """Why the engine cannot speak the language here, and what to do about it; "" when it can."""
    primary = language.split("-")[0].lower()
    if name not in names():
        return f"no synthesiser is called {name!r}; there are: {', '.join(names())}"
    if name in MODELS and name not in PREFERENCE.get(primary, ()):
        return f"{name} does not speak {language!r}"
    if name in MODELS and not model_available(MODELS[name]):
        return f"{name}: its model is not fetched; run: ivr models fetch {MODELS[name]}"
    if name == "piper" and importlib.util.find_spec("piper") is None:
        return "piper is not installed; run: pip install 'ivr[piper]'"
    if name == "kokoro" and primary == "zh" and importlib.util.find_spec("misaki") is None:
        return "kokoro's Mandarin is not installed; run: pip install 'ivr[kokoro]'"
    return ""


def preferred(language: str) -> tuple[str, ...]:
    """The engines that can speak the language here, best first: never empty."""
    wanted = PREFERENCE.get(language.split("-")[0].lower(), (LAST_RESORT,))
    return tuple(name for name in wanted if not missing(name, language)) or (LAST_RESORT,)


def advice(language: str) -> str:
    """For `ivr doctor`: what is not as good as it could be with this language's voice; "" when all is well."""
    wanted = PREFERENCE.get(language.split("-")[0].lower(), (LAST_RESORT,))
    reason = missing(wanted[0], language)
    if not reason:
        return ""
    used = preferred(language)[0]
    poor = " Its Mandarin is a last resort: callers will hardly understand it." if language.startswith("zh") else ""
    return f"{language} is spoken by {used}, not by {wanted[0]}: {reason}.{poor}"


def _entry_point(name: str) -> EntryPoint | None:
    return next((point for point in entry_points(group=GROUP) if point.name == name), None)


def _factory(name: str) -> Callable[..., Synthesiser]:
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        factory: Callable[..., Synthesiser] = getattr(import_module(module), attribute)
        return factory
    point = _entry_point(name)
    if point is None:
        raise ConfigError(f"no synthesiser is called {name!r}; there are: {', '.join(names())}")
    loaded: Callable[..., Synthesiser] = point.load()
    return loaded
