"""The engines of a replay: the live ones, called in this thread, one after another, with nothing left to chance."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from ivr.asr.base import Transcript
from ivr.asr.local import LocalHandle, LocalRecognition
from ivr.audio.frame import Samples
from ivr.backend.client import BackendClient
from ivr.backend.request import Environment
from ivr.call import events as call
from ivr.dialog.bundle import Bundle
from ivr.dialog.events import Understood
from ivr.end_of_turn import EndOfTurnModel
from ivr.errors import ActionError, EngineError, SynthesisError
from ivr.replay.shell import HeldUtterance
from ivr.service.calls import understand
from ivr.service.recognition import event_of as transcript_event
from ivr.service.recognition import request_of as recognition_request
from ivr.service.synthesis import event_of as audio_event
from ivr.service.synthesis import request_of as speech_request
from ivr.tts.local import LocalSynthesis

Recogniser = Callable[[Callable[[int, Transcript], None], Callable[[int, str], None]], LocalRecognition]


class _Utterance:
    """A LocalRecognition handle, whose callbacks come inside the call, as return values."""

    def __init__(self, number: int, engines: ReplayEngines, handle: LocalHandle | None, reason: str = "") -> None:
        self._number = number
        self._engines = engines
        self._handle = handle
        self._reason = reason

    def feed(self, samples: Samples) -> call.PartialTranscript | None:
        if self._handle is None:
            return None
        self._handle.feed(samples)
        event = self._take()
        return event if isinstance(event, call.PartialTranscript) else None

    def finish(self) -> call.FinalTranscript | call.RecognitionFailed:
        if self._handle is not None:
            self._handle.finish()
        event = self._take()
        if isinstance(event, call.FinalTranscript):
            return event
        return call.RecognitionFailed(self._number, self._reason or "the recogniser gave no result")

    def cancel(self) -> None:
        if self._handle is not None:
            self._handle.cancel()

    def _take(self) -> call.PartialTranscript | call.FinalTranscript | None:
        found, self._engines.last = self._engines.last, None
        if isinstance(found, str):
            self._reason = found
            return None
        return None if found is None else transcript_event(self._number, found)


class ReplayEngines:
    """SyncEngines on local engines. The backend is asked for real; the queue does what `queue_events` says."""

    def __init__(
        self,
        bundle: Bundle,
        recognition: Recogniser,
        synthesis: LocalSynthesis,
        backend: BackendClient,
        environment: Environment,
        queue_events: Sequence[tuple[int, call.QueueChanged]] = (),
        replies: Mapping[str, Mapping[str, object]] | None = None,
        end_of_turn: EndOfTurnModel | None = None,
        streams: frozenset[str] = frozenset(),
    ) -> None:
        self.end_of_turn = end_of_turn
        self.streams = streams
        """Languages whose recogniser tells words as they are spoken."""
        self.last: Transcript | str | None = None
        self._bundle = bundle
        self._recognition = recognition(self._transcript, self._failure)
        self._synthesis = synthesis
        self._backend = backend
        self._environment = environment
        self._queue_events = queue_events
        self._loop = asyncio.new_event_loop()
        self.context: dict[str, object] = {}

    def close(self) -> None:
        self._loop.run_until_complete(self._backend.close())
        self._loop.close()
        self._recognition.close()
        self._synthesis.close()

    def _transcript(self, _handle: int, transcript: Transcript) -> None:
        self.last = transcript

    def _failure(self, _handle: int, reason: str) -> None:
        self.last = reason

    # -- SyncEngines

    def recognise(self, command: call.StartRecognition) -> HeldUtterance:
        try:
            handle = self._recognition.open(recognition_request(command))
        except EngineError as error:
            return _Utterance(command.utterance, self, None, str(error))
        return _Utterance(command.utterance, self, handle)

    def synthesise(self, command: call.Synthesise) -> Sequence[call.PromptAudio | call.PromptFailed]:
        try:
            audio = self._synthesis.synthesise(speech_request(command), command.audio)
        except SynthesisError as error:
            return [call.PromptFailed(command.prompt, str(error))]
        return [audio_event(command.prompt, audio, last=True)]

    def understand(self, command: call.Understand) -> Understood:
        return understand(self._bundle, command)

    def backend(self, command: call.CallBackend) -> tuple[int, call.BackendReplied | call.BackendFailed]:
        action = self._bundle.definition.actions.get(command.name)
        if action is None:
            return -1, call.BackendFailed(command.action, "http", f"no action {command.name!r} in this hotline")
        work = self._backend.call(
            command.name, action, command.args, timeout_ms=command.timeout_ms,
            idempotency_key=command.idempotency_key, environment=self._environment,
        )  # fmt: skip
        try:
            return -1, call.BackendReplied(command.action, self._loop.run_until_complete(work))
        except ActionError as error:
            if error.kind == "timeout":
                return command.timeout_ms, call.BackendFailed(command.action, "timeout", str(error))
            kind = "data" if error.kind == "data" else "http"
            return -1, call.BackendFailed(command.action, kind, str(error))  # type: ignore[arg-type]

    def queue(self, command: call.EnterQueue) -> Sequence[tuple[int, call.QueueChanged]]:
        return self._queue_events
