"""Between a call's utterances and the recognition service's handles."""

from __future__ import annotations

from collections.abc import Callable

from ivr.asr.base import RecognitionRequest, Transcript
from ivr.asr.config import RecognitionConfig
from ivr.asr.pool import Handle, RecognitionService, RecognitionStats
from ivr.call.driver import CallDriver
from ivr.call.events import (
    CancelRecognition,
    EngineEvent,
    FeedRecognition,
    FinalTranscript,
    FinishRecognition,
    HeardText,
    HeardWord,
    PartialTranscript,
    RecognitionFailed,
    StartRecognition,
)
from ivr.errors import EngineError

RecognitionCommand = StartRecognition | FeedRecognition | FinishRecognition | CancelRecognition


def request_of(command: StartRecognition) -> RecognitionRequest:
    """What the engines are told of an utterance."""
    return RecognitionRequest(
        command.language, command.grammar, command.hints, candidates=command.candidates,
        expects=command.expects, length=command.length,
    )  # fmt: skip


def event_of(utterance: int, transcript: Transcript) -> PartialTranscript | FinalTranscript:
    """A transcript as the core takes it."""
    if not transcript.final:
        return PartialTranscript(utterance, transcript.text, transcript.confidence)
    hypotheses = tuple(
        HeardText(
            hypothesis.text,
            round(hypothesis.confidence, 4),
            tuple(HeardWord(w.text, w.start_ms, w.end_ms, round(w.confidence, 4)) for w in hypothesis.words),
        )
        for hypothesis in transcript.hypotheses
        if hypothesis.text.strip()
    )
    return FinalTranscript(utterance, hypotheses, transcript.language, transcript.engine)


class LiveRecognition:
    """One for a process. Results go to the call that owns the utterance, if it still wants them."""

    def __init__(self, config: RecognitionConfig) -> None:
        self._config = config
        self._service: RecognitionService | None = None
        self._handles: dict[tuple[CallDriver, int], Handle] = {}
        self._owners: dict[int, tuple[CallDriver, int]] = {}
        self._aside: dict[int, Callable[[Transcript | None], None]] = {}

    async def start(self) -> None:
        """Load the models. Raises ModelError when an engine cannot be built."""
        self._service = await RecognitionService.start(self._config, self._transcript, self._failure)

    async def close(self) -> None:
        if self._service is not None:
            await self._service.close()

    def stats(self) -> RecognitionStats | None:
        """None until it has started."""
        return self._service.stats() if self._service is not None else None

    def aside(self, request: RecognitionRequest, told: Callable[[Transcript | None], None]) -> Handle | None:
        """An utterance that nobody waits for, read when no caller's is there; `told` None = it failed. None when
        nobody can read it."""
        if self._service is None:
            return None
        try:
            handle = self._service.open(request, background=True)
        except EngineError:
            return None
        self._aside[handle.id] = told
        return handle

    def drop_aside(self, handle: Handle) -> None:
        self._aside.pop(handle.id, None)
        handle.cancel()

    def carry_out(self, driver: CallDriver, command: RecognitionCommand) -> None:
        key = (driver, command.utterance)
        if isinstance(command, StartRecognition):
            self._open(key, command)
            return
        handle = self._handles.get(key)
        if handle is None:
            return
        if isinstance(command, FeedRecognition):
            handle.feed(command.samples)
        elif isinstance(command, FinishRecognition):
            handle.finish()
        else:
            self._drop(key)

    def forget(self, driver: CallDriver) -> None:
        """The call is over."""
        for key in [key for key in self._handles if key[0] is driver]:
            self._drop(key)

    def _open(self, key: tuple[CallDriver, int], command: StartRecognition) -> None:
        if self._service is None:
            key[0].later(RecognitionFailed(key[1], "the recognisers are not loaded yet"))
            return
        try:
            handle = self._service.open(request_of(command))
        except EngineError as error:
            key[0].later(RecognitionFailed(key[1], str(error)))
            return
        self._handles[key] = handle
        self._owners[handle.id] = key

    def _drop(self, key: tuple[CallDriver, int]) -> None:
        handle = self._handles.pop(key, None)
        if handle is not None:
            self._owners.pop(handle.id, None)
            handle.cancel()

    def _transcript(self, handle_id: int, transcript: Transcript) -> None:
        told = self._aside.get(handle_id)
        if told is not None:
            if transcript.final:
                del self._aside[handle_id]
            told(transcript)
            return
        key = self._owners.get(handle_id)
        if key is None:
            return
        if transcript.final:
            self._handles.pop(key, None)
            self._owners.pop(handle_id, None)
        self._deliver(key, event_of(key[1], transcript))

    def _failure(self, handle_id: int, reason: str) -> None:
        told = self._aside.pop(handle_id, None)
        if told is not None:
            told(None)
            return
        key = self._owners.pop(handle_id, None)
        if key is not None:
            self._handles.pop(key, None)
            self._deliver(key, RecognitionFailed(key[1], reason))

    def _deliver(self, key: tuple[CallDriver, int], event: EngineEvent) -> None:
        key[0].deliver(event)
