"""Recognition in this process, one call after another: for replay, tests and tools.

The same engines, passes and results as the service, without its processes and its clock; the same samples always give
the same words."""

from __future__ import annotations

from collections.abc import Callable

from ivr.asr.base import Recogniser, RecognitionRequest, Transcript
from ivr.asr.config import RecognitionConfig
from ivr.asr.registry import create
from ivr.asr.two_pass import TwoPassRecogniser, TwoPassUtterance
from ivr.audio.frame import Samples
from ivr.errors import EngineError

OnTranscript = Callable[[int, Transcript], None]
OnFailure = Callable[[int, str], None]


class LocalHandle:
    """One utterance. Results come from inside `feed` and `finish`."""

    def __init__(self, owner: LocalRecognition, handle_id: int, utterance: TwoPassUtterance) -> None:
        self.id = handle_id
        self._owner = owner
        self._utterance: TwoPassUtterance | None = utterance

    def feed(self, samples: Samples) -> None:
        if self._utterance is None:
            return
        try:
            transcript = self._utterance.accept(samples)
        except EngineError as error:
            self._fail(error)
            return
        if transcript is not None:
            self._owner.on_transcript(self.id, transcript)

    def finish(self) -> None:
        if self._utterance is None:
            return
        try:
            transcript = self._utterance.finish()
        except EngineError as error:
            self._fail(error)
            return
        self._utterance = None
        self._owner.on_transcript(self.id, transcript)

    def cancel(self) -> None:
        if self._utterance is not None:
            self._utterance.cancel()
            self._utterance = None

    def _fail(self, error: EngineError) -> None:
        self.cancel()
        self._owner.on_failure(self.id, str(error))


class LocalRecognition:
    """Engines are loaded when first wanted. Callbacks are called with the handle's id."""

    def __init__(
        self,
        config: RecognitionConfig,
        on_transcript: OnTranscript,
        on_failure: OnFailure,
        *,
        create_engine: Callable[..., Recogniser] = create,
    ) -> None:
        self.on_transcript = on_transcript
        self.on_failure = on_failure
        self._config = config
        self._create = create_engine
        self._engines: dict[str, Recogniser] = {}
        self._last_id = 0

    def open(self, request: RecognitionRequest) -> LocalHandle:
        """Begin an utterance. Raises RecognitionError for a language nobody hears, ModelError for a missing model."""
        passes = self._config.passes(request)
        stream = self._engine(passes["stream"]) if "stream" in passes else None
        final = self._engine(passes["final"]) if "final" in passes else None
        self._last_id += 1
        return LocalHandle(
            self, self._last_id, TwoPassRecogniser(stream, final, waits=self._config.final_waits).start(request)
        )

    def close(self) -> None:
        for engine in self._engines.values():
            engine.close()
        self._engines.clear()

    def _engine(self, key: str) -> Recogniser:
        if key not in self._engines:
            self._engines[key] = self._create(self._config.engines[key])
        return self._engines[key]
