"""Synthesis in the calling process, for replay, tests and `ivr say`: clauses, cache and sound are the service's."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from ivr.errors import AudioFileError, ModelError, SynthesisError
from ivr.tts import registry
from ivr.tts.base import SpeechAudio, SpeechRequest, Synthesiser
from ivr.tts.cache import PromptCache, cache_key
from ivr.tts.chain import reason
from ivr.tts.clauses import Clause, split
from ivr.tts.prompts import RecordedPrompts
from ivr.tts.rendering import clause_request, join, place, render_clause
from ivr.tts.settings import Chains, SynthesisSettings, VoiceChoice

logger = logging.getLogger(__name__)


class LocalSynthesis:
    """Synchronous; engines are loaded when first needed and kept. The same request gives the same samples."""

    def __init__(self, settings: SynthesisSettings, prompts: RecordedPrompts | None = None) -> None:
        self._settings = settings
        self._chains = Chains(settings)
        self._prompts = prompts
        self._cache = PromptCache(settings.cache, settings.cache_mb * 1024 * 1024)
        self._engines: dict[str, Synthesiser] = {}

    def render(self, request: SpeechRequest, audio: str = "") -> Iterator[SpeechAudio]:
        """The prompt in pieces, one a clause; marks count from the first sample of the whole prompt. `audio` names a
        recording that is played instead of the text. Raises SynthesisError when no engine can speak."""
        recorded = self._recorded(request, audio)
        if recorded is not None:
            yield recorded
            return
        clauses = split(request.text)
        at_sample = 0
        for index, clause in enumerate(clauses):
            piece = place(self._clause(request, clause), clause, at_sample, last=index == len(clauses) - 1)
            at_sample += len(piece.samples)
            yield piece

    def synthesise(self, request: SpeechRequest, audio: str = "") -> SpeechAudio:
        """The whole prompt at once. A text with nothing to say gives no samples."""
        return join(self.render(request, audio))

    def close(self) -> None:
        for engine in self._engines.values():
            engine.close()
        self._engines.clear()

    def _recorded(self, request: SpeechRequest, audio: str) -> SpeechAudio | None:
        if not audio or self._prompts is None:
            return None
        try:
            return self._prompts.load(audio, request.language, request.text)
        except AudioFileError as error:
            if not split(request.text):
                raise SynthesisError(f"{error}, and there is no text to speak instead") from error
            logger.warning("%s; its text is spoken instead", error)
            return None

    def _clause(self, request: SpeechRequest, clause: Clause) -> SpeechAudio:
        reasons: list[str] = []
        for choice in self._chains.of(request.language, request.voice):
            try:
                return self._make(choice, clause_request(request, clause, choice.voice))
            except (SynthesisError, ModelError) as error:
                reasons.append(reason(choice.engine, error))
                logger.warning("synthesis by %s failed: %s", choice.engine, error)
        raise SynthesisError("; ".join(reasons))

    def _make(self, choice: VoiceChoice, request: SpeechRequest) -> SpeechAudio:
        key = cache_key(choice.engine, request)
        cached = self._cache.get(key)
        if cached is not None:
            return cached
        if choice.engine not in self._engines:
            self._engines[choice.engine] = registry.create(choice.engine, self._settings.engines.get(choice.engine))
        made = render_clause(self._engines[choice.engine], request)
        self._cache.put(key, made)
        return made
