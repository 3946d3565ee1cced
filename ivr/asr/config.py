"""Which engines hear which language, and in which pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ivr.asr.base import RecogniserSpec, RecognitionRequest
from ivr.errors import ConfigError, RecognitionError
from ivr.models.verify import available

Pass = Literal["stream", "final"]


@dataclass(frozen=True, slots=True)
class LanguagePasses:
    """The engines of one language, by their key in `RecognitionConfig.engines`; "" = this pass is not run."""

    stream: str = ""
    """Hears the audio as it comes: partials, and the words of closed slots (grammar)."""
    final: str = ""
    """Hears the finished utterance: the words of open questions."""
    final_with_grammar: bool = False
    """Run the final pass also where a grammar bound the first one and its result settles the question."""


@dataclass(frozen=True, slots=True)
class RecognitionConfig:
    """Engines, who uses them, and what the service may spend on them."""

    engines: Mapping[str, RecogniserSpec]
    languages: Mapping[str, LanguagePasses]
    workers: Mapping[str, int] = field(default_factory=dict)
    """Processes an engine (default 1). Each loads the model: 0.2 to 0.4 GB."""
    job_timeout_s: float = 10.0
    """A worker that is longer at one piece of work than this, plus twice the audio's length, is replaced."""
    start_timeout_s: float = 120.0
    """Longest time for a worker to load its model."""
    drop_partials_ms: float = 400.0
    """When the oldest waiting work is older than this, engines that must re-run for a partial make none."""

    def __post_init__(self) -> None:
        for language, passes in self.languages.items():
            if not passes.stream and not passes.final:
                raise ConfigError(f"recognition: language {language} has no engine")
            for engine in filter(None, (passes.stream, passes.final)):
                self._check_engine(language, engine)

    def _check_engine(self, language: str, engine: str) -> None:
        if engine not in self.engines:
            known = ", ".join(self.engines) or "none"
            raise ConfigError(f"recognition: language {language} wants engine {engine!r}; there are: {known}")
        languages = self.engines[engine].languages
        if languages and language not in languages:
            raise ConfigError(f"recognition: engine {engine!r} has {', '.join(languages)}, not {language}")

    @property
    def streaming(self) -> frozenset[str]:
        """Languages of which words are told as they are spoken."""
        return frozenset(language for language, passes in self.languages.items() if passes.stream)

    def passes(self, request: RecognitionRequest) -> dict[Pass, str]:
        """The engines that hear this request. Raises RecognitionError for a language nobody hears."""
        language = self.languages.get(request.language)
        if language is None:
            known = ", ".join(self.languages)
            raise RecognitionError(f"no recogniser for language {request.language!r}; configured: {known}")
        chosen: dict[Pass, str] = {}
        if language.stream:
            chosen["stream"] = language.stream
        if language.final:
            chosen["final"] = language.final
        return chosen

    def final_waits(self, request: RecognitionRequest) -> bool:
        """Whether the final pass runs only when the first one's result does not settle the question. It runs at once
        where the caller's language is not known: the first pass listens for one alone."""
        language = self.languages[request.language]
        bound = bool(request.grammar and language.stream and language.final)
        return bound and not language.final_with_grammar and len(request.candidates) <= 1


def default_config(*, workers: int = 1) -> RecognitionConfig:
    """Vosk streams and Whisper finishes; without the Mandarin Vosk model Whisper makes the partials of Mandarin, too,
    run again on the growing utterance."""
    engines = {
        "vosk-en": RecogniserSpec("vosk", {"model": "vosk-en"}, ("en",)),
        "whisper": RecogniserSpec("whisper", {"model": "whisper-base", "partials": True}, ("en", "zh")),
    }
    if available("vosk-zh"):
        engines["vosk-zh"] = RecogniserSpec("vosk", {"model": "vosk-zh"}, ("zh",))
    languages = {
        "en": LanguagePasses("vosk-en", "whisper"),
        "zh": LanguagePasses("vosk-zh" if "vosk-zh" in engines else "", "whisper"),
    }
    return RecognitionConfig(engines, languages, dict.fromkeys(engines, workers))
