"""Which engine speaks which language, and how the synthesis service runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ivr.errors import ConfigError
from ivr.tts import registry


@dataclass(frozen=True, slots=True)
class VoiceChoice:
    engine: str
    voice: str = ""
    """Empty = the engine's default for the language."""

    @classmethod
    def parse(cls, text: str) -> VoiceChoice:
        """`kokoro` or `kokoro:zm_yunxi`. Raises ConfigError for an unknown engine."""
        engine, _, voice = text.partition(":")
        if engine not in registry.names():
            raise ConfigError(f"voice {text!r}: no synthesiser is called {engine!r}; there are: "
                              f"{', '.join(registry.names())}")  # fmt: skip
        return cls(engine, voice)


@dataclass(frozen=True, slots=True)
class SynthesisSettings:
    voices: Mapping[str, tuple[VoiceChoice, ...]] = field(default_factory=dict)
    """By language: what speaks it, then what is tried when that fails. A language that is not named here gets what
    `registry.preferred` finds."""
    engines: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Settings by engine name, such as `{"kokoro": {"threads": 1}}`."""
    cache: Path | None = None
    """Folder of the prompt cache; None = prompts are kept in memory only."""
    cache_mb: int = 512
    """Most that the folder may hold; what was not used for longest goes first."""
    workers: int = 1
    """Processes that synthesise. Each loads every engine it is asked for (Kokoro: some 300 MB)."""
    clause_timeout_s: float = 20.0
    """A clause that takes longer counts as failed, and its worker is restarted."""
    load_timeout_s: float = 120.0
    """The same for the first clause of a worker, which loads the engine."""

    def chain(self, language: str, voice: str = "") -> tuple[VoiceChoice, ...]:
        """Whom to ask, in order. `voice` is what the hotline names: a voice of the first engine, or `engine:voice`.

        Looks at files; a service asks `Chains`. Raises ConfigError for an unknown engine."""
        choices = self.voices.get(language) or self.voices.get(language.split("-")[0])
        if not choices:
            choices = tuple(VoiceChoice(name) for name in registry.preferred(language))
        if not voice:
            return choices
        if ":" in voice:
            wanted = VoiceChoice.parse(voice)
            return (wanted, *(choice for choice in choices if choice.engine != wanted.engine))
        return (VoiceChoice(choices[0].engine, voice), *choices[1:])


class Chains:
    """`SynthesisSettings.chain`, looked up once for each language and voice."""

    def __init__(self, settings: SynthesisSettings) -> None:
        self._settings = settings
        self._known: dict[tuple[str, str], tuple[VoiceChoice, ...]] = {}

    def of(self, language: str, voice: str = "") -> tuple[VoiceChoice, ...]:
        key = (language, voice)
        if key not in self._known:
            self._known[key] = self._settings.chain(language, voice)
        return self._known[key]


def parse_voices(table: Mapping[str, str | Iterable[str]]) -> dict[str, tuple[VoiceChoice, ...]]:
    """A configuration's `{language: "engine:voice" or a list of them}`. Raises ConfigError."""
    voices: dict[str, tuple[VoiceChoice, ...]] = {}
    for language, value in table.items():
        texts = [value] if isinstance(value, str) else list(value)
        if not texts:
            raise ConfigError(f"voices for {language!r}: the list is empty; name at least one engine")
        voices[language] = tuple(VoiceChoice.parse(text) for text in texts)
    return voices
