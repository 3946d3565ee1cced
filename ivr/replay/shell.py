"""A synchronous shell around a call: engines answer at once, but their answers reach the core after a stated delay.

The live driver's answers come when they come; here the delay is a count of samples, so twice the same input is twice
the same call. Nothing waits for a clock, so a 40 s silence takes a millisecond.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ivr.audio.frame import AudioFrame, Samples, to_samples
from ivr.call import events as call
from ivr.call.session import CallSession
from ivr.dialog.events import Understood
from ivr.end_of_turn import EndOfTurnModel


@dataclass(frozen=True, slots=True)
class Latencies:
    """What the engines of a live service take, in ms of the call's own time."""

    partial: int = 60
    final: int = 120
    understanding: int = 20
    prompt: int = 60
    backend: int = 150
    end_of_turn: int = 150


class HeldUtterance(Protocol):
    """A recogniser's side of an utterance."""

    def feed(self, samples: Samples) -> call.PartialTranscript | None: ...

    def finish(self) -> call.FinalTranscript | call.RecognitionFailed: ...

    def cancel(self) -> None: ...


class SyncEngines(Protocol):
    """What a synchronous shell needs of the world. Each method answers at once."""

    def recognise(self, command: call.StartRecognition) -> HeldUtterance: ...

    def synthesise(self, command: call.Synthesise) -> Sequence[call.PromptAudio | call.PromptFailed]: ...

    def understand(self, command: call.Understand) -> Understood: ...

    def backend(self, command: call.CallBackend) -> tuple[int, call.BackendReplied | call.BackendFailed]:
        """The reply and its delay in ms; a negative delay = the usual one."""

    def queue(self, command: call.EnterQueue) -> Sequence[tuple[int, call.QueueChanged]]:
        """What the queue does, each with its delay in ms from the hand-over."""


class SyncShell:
    """Carries a session's commands to engines and brings the answers back in the call's own time."""

    def __init__(
        self, session: CallSession, engines: SyncEngines, latencies: Latencies | None = None,
        end_of_turn: EndOfTurnModel | None = None,
    ) -> None:  # fmt: skip
        self.session = session
        self._end_of_turn = end_of_turn
        self._engines = engines
        self._latencies = latencies or Latencies()
        self._utterances: dict[int, HeldUtterance] = {}
        self._due: list[tuple[int, int, call.EngineEvent]] = []
        self._sequence = 0
        self._queue_turn = 0
        self.hung_up: call.HangUp | None = None
        self.journal: list[call.CallEvent] = []

    def over(self) -> bool:
        """The bot has hung up."""
        return self.hung_up is not None

    def later(self, event: call.EngineEvent, delay_ms: float) -> None:
        """Give the core an event after so much of the call's time."""
        self._sequence += 1
        heapq.heappush(self._due, (self.session.now + to_samples(delay_ms), self._sequence, event))

    def frame(self, frame: AudioFrame) -> AudioFrame:
        """One frame in, one out, with all that falls due in its span."""
        self.session.receive_frame(frame)
        self.settle()
        return self.session.next_frame(len(frame.samples))

    def settle(self) -> None:
        """Carry commands out and deliver what is due, until nothing is left to do now."""
        while True:
            for command in self.session.take_commands():
                self._do(command)
            if not self._due or self._due[0][0] > self.session.now:
                break
            self.session.receive_event(heapq.heappop(self._due)[2])
        self.journal.extend(self.session.take_events())

    def _do(self, command: call.Command) -> None:
        if isinstance(command, (call.StartRecognition, call.FeedRecognition, call.FinishRecognition)):
            self._recognise(command)
        elif isinstance(command, call.CancelRecognition):
            held = self._utterances.pop(command.utterance, None)
            if held is not None:
                held.cancel()
        elif isinstance(command, call.Understand):
            understood = self._engines.understand(command)
            self.later(call.UtteranceUnderstood(command.utterance, understood), self._latencies.understanding)
        elif isinstance(command, call.JudgeTurn):
            if self._end_of_turn is not None:
                probability = round(self._end_of_turn.judge(command.samples), 4)
                self.later(call.TurnJudged(command.utterance, command.at, probability), self._latencies.end_of_turn)
        elif isinstance(command, call.Synthesise):
            for event in self._engines.synthesise(command):
                self.later(event, self._latencies.prompt)
        elif isinstance(command, call.CallBackend):
            delay, reply = self._engines.backend(command)
            self.later(reply, self._latencies.backend if delay < 0 else delay)
        elif isinstance(command, (call.EnterQueue, call.QuitQueue)):
            self._queue(command)
        elif isinstance(command, call.HangUp):
            self.hung_up = command

    def _recognise(self, command: call.StartRecognition | call.FeedRecognition | call.FinishRecognition) -> None:
        if isinstance(command, call.StartRecognition):
            self._utterances[command.utterance] = self._engines.recognise(command)
            return
        held = self._utterances.get(command.utterance)
        if held is None:
            return
        if isinstance(command, call.FeedRecognition):
            partial = held.feed(command.samples)
            if partial is not None:
                self.later(partial, self._latencies.partial)
        else:
            del self._utterances[command.utterance]
            self.later(held.finish(), self._latencies.final)

    def _queue(self, command: call.EnterQueue | call.QuitQueue) -> None:
        self._queue_turn += 1
        self._due = [item for item in self._due if not isinstance(item[2], call.QueueChanged)]
        heapq.heapify(self._due)
        if isinstance(command, call.EnterQueue):
            for delay, event in self._engines.queue(command):
                self.later(event, delay)
