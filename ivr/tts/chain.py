"""Several engines as one: the next speaks when one fails."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ivr.errors import IvrError, ModelError, SynthesisError
from ivr.tts.base import SpeechAudio, SpeechRequest, Synthesiser, SynthesiserCapabilities

logger = logging.getLogger(__name__)


class ChainSynthesiser:
    """Asks its engines in order. A voice named in the request is the first engine's; the others use their own.

    Raises SynthesisError with every engine's reason when none could speak."""

    def __init__(self, engines: Sequence[Synthesiser]) -> None:
        if not engines:
            raise SynthesisError("a chain needs at least one synthesiser")
        self._engines = tuple(engines)
        self.name = "+".join(engine.name for engine in engines)
        parts = [engine.capabilities for engine in engines]
        self.capabilities = SynthesiserCapabilities(
            tuple(dict.fromkeys(language for part in parts for language in part.languages)),
            parts[0].voices,
            all(part.word_marks for part in parts),
            parts[0].native_rate,
        )

    def synthesise(self, request: SpeechRequest) -> SpeechAudio:
        reasons: list[str] = []
        for index, engine in enumerate(self._engines):
            voice = request.voice if index == 0 else ""
            try:
                return engine.synthesise(SpeechRequest(request.text, request.language, voice, request.rate))
            except (SynthesisError, ModelError) as error:
                reasons.append(reason(engine.name, error))
                logger.warning("synthesis by %s failed: %s", engine.name, error)
        raise SynthesisError("; ".join(reasons))

    def close(self) -> None:
        for engine in self._engines:
            engine.close()


def reason(engine: str, error: IvrError) -> str:
    """An engine's error, named once."""
    text = str(error)
    return text if text.startswith(engine) else f"{engine}: {text}"
