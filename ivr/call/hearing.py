"""One utterance of the caller, from its onset to the transcript: what was fed, what came back, whether it is over."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ivr.audio.frame import FRAME_MS, FRAME_SAMPLES, Samples, to_ms, to_samples
from ivr.call.core import Core
from ivr.call.events import (
    CancelRecognition,
    FeedRecognition,
    FinalTranscript,
    FinishRecognition,
    JudgeTurn,
    StartRecognition,
)
from ivr.call.grammar import closed_answer
from ivr.call.settings import CallSettings
from ivr.dialog.events import Expectation, Heard, JsonValue, ListenSettings, Spoken, Understood
from ivr.dialog.hints import Hint
from ivr.turn.endpoint import Completeness, EndpointDecision, Endpointer, EndpointSettings, PauseStatistics
from ivr.turn.gate import Activity

if TYPE_CHECKING:
    from ivr.call.interpreter import Snapshot

_JUDGED_BLOCKS = 8000 // FRAME_MS
"""The end-of-turn model hears the last 8 s."""


@dataclass(slots=True)
class Question:
    """What the caller is answering: the Listen that was in force at his onset."""

    settings: ListenSettings
    expectation: Expectation


@dataclass(slots=True)
class Hearing:
    """The utterance. `id` changes when it is read anew because the caller went on."""

    id: int
    onset: int
    question: Question
    endpointer: Endpointer
    audio: list[Samples]
    prompt_share: float = 1.0
    prompt_text: str = ""
    partial: str = ""
    completeness: Completeness = Completeness.OPEN
    fed: int = 0
    """Blocks of `audio` that the recogniser has."""
    finished_at: int | None = None
    """Last voice when the final transcript was asked for."""
    final: FinalTranscript | None = None
    understood: Understood | None = None
    ended: bool = False
    too_long: bool = False
    voice_blocks: int = 0
    level_sum: float = 0.0
    worked_from: int | None = None
    """Sample at which the answer began to be worked out ahead."""
    understood_at: int = 0
    probability: float | None = None
    """That the caller has finished, by the end-of-turn model."""
    goes_on: LastTurn | None = None
    """The turn that this may go on with: taken back as soon as new words come."""

    voice_from: int = 0
    """Sample where what is new of it began."""

    def heard_from(self, before_ms: int) -> int:
        """That sample, and so much before it."""
        return self.voice_from - to_samples(before_ms)

    @property
    def loudness_dbfs(self) -> float:
        return self.level_sum / self.voice_blocks if self.voice_blocks else -90.0


@dataclass(frozen=True, slots=True)
class LastTurn:
    """A turn that was committed, in case the caller had not finished."""

    before: Snapshot
    question: Question
    audio: list[Samples]
    onset: int
    voice_end: int
    committed_at: int
    text: str
    partial: str
    """The last words the recogniser told before it was sure; empty if it tells none."""


def heard_event(hearing: Hearing, now_ms: int) -> Heard:
    """What the dialog is told of an utterance that was understood."""
    assert hearing.final is not None
    assert hearing.understood is not None
    hypotheses = tuple(Spoken(h.text, h.confidence) for h in hearing.final.hypotheses)
    language = hearing.understood.language or hearing.final.language
    return Heard(now_ms, hypotheses, hearing.understood, language, hearing.prompt_share, hearing.loudness_dbfs)


class Listener:
    """Keeps the ring of recent audio, and drives one Hearing at a time through the recogniser."""

    def __init__(self, core: Core, settings: CallSettings) -> None:
        self._core = core
        self._settings = settings
        self._pauses = PauseStatistics()
        keep_ms = settings.preroll_ms + settings.reopen_ms + 1000
        self._recent: deque[Samples] = deque(maxlen=keep_ms // FRAME_MS)
        self.current: Hearing | None = None

    def keep(self, block: Samples) -> None:
        """Every block passes here, so that an onset has its beginning."""
        self._recent.append(block)

    def since(self, sample: int) -> list[Samples]:
        """The blocks that end after `sample`, as far back as the ring goes."""
        count = min(len(self._recent), max(0, -(-(self._core.now - sample) // FRAME_SAMPLES)))
        return list(self._recent)[len(self._recent) - count :]

    def begin(self, onset: int, question: Question, goes_on: LastTurn | None = None) -> Hearing:
        """Open an utterance at `onset`, or one that may go on with a turn that was committed."""
        first = onset - to_samples(self._settings.preroll_ms)
        audio = self.since(first) if goes_on is None else goes_on.audio + self.since(goes_on.committed_at)
        listen = question.settings
        settings = EndpointSettings(
            end_silence_ms=listen.end_silence_ms,
            complete_ms=self._settings.complete_ms,
            incomplete_max_ms=max(self._settings.incomplete_max_ms, listen.end_silence_ms),
            speculate_ms=min(self._settings.speculate_ms, self._settings.complete_ms),
            max_speech_ms=listen.max_speech_ms,
            adaptive=self._settings.adaptive_endpointing and question.expectation.open,
            judge_ms=self._settings.judge_ms if self._settings.end_of_turn and question.expectation.open else 0,
            likely=self._settings.likely,
            likely_ms=min(self._settings.likely_ms, listen.end_silence_ms),
            unlikely=self._settings.unlikely,
        )
        began = onset if goes_on is None else goes_on.onset
        endpointer = Endpointer(settings, began, self._pauses, onset)
        hearing = Hearing(self._core.new_id(), began, question, endpointer, audio, goes_on=goes_on, voice_from=onset)
        self.current = hearing
        self._open(hearing)
        return hearing

    def _open(self, hearing: Hearing) -> None:
        listen, expectation = hearing.question.settings, hearing.question.expectation
        answer = closed_answer(expectation)
        self._core.emit(
            StartRecognition(
                hearing.id, expectation.language, expectation.open, listen.asr, answer.phrases,
                self._hints(listen, expectation), expectation.languages, answer.kind, answer.length,
            )
        )  # fmt: skip
        hearing.fed = 0
        self._feed(hearing, flush=True)

    def _hints(self, listen: ListenSettings, expectation: Expectation) -> tuple[Hint, ...]:
        """What the question expects (`hotwords`), then the hotline's vocabulary."""
        expected = [Hint(word) for word in listen.hotwords]
        return (*expected, *self._settings.hints.get(expectation.language, ())) if expectation.open else (*expected,)

    def _feed(self, hearing: Hearing, *, flush: bool) -> None:
        waiting = len(hearing.audio) - hearing.fed
        if waiting and (flush or waiting * FRAME_MS >= self._settings.feed_ms):
            self._core.emit(FeedRecognition(hearing.id, np.concatenate(hearing.audio[hearing.fed :])))
            hearing.fed = len(hearing.audio)

    def take_block(self, block: Samples, activity: Activity, last_voice_at: int) -> EndpointDecision | None:
        """One more block of the utterance in progress; what turn-taking makes of it."""
        hearing = self.current
        if hearing is None or hearing.ended:
            return None
        hearing.audio.append(block)
        if activity.voiced:
            hearing.voice_blocks += 1
            hearing.level_sum += activity.level_dbfs
        if hearing.finished_at is None:
            self._feed(hearing, flush=False)
        elif last_voice_at > hearing.finished_at:
            self._read_anew(hearing)
        return hearing.endpointer.update(self._core.now, last_voice_at, hearing.completeness)

    def _read_anew(self, hearing: Hearing) -> None:
        """The caller went on after the transcript was asked for: what came of it is dropped, all is read again."""
        self._core.emit(CancelRecognition(hearing.id))
        self._core.log("turn.went_on", {"utterance": hearing.id, "dropped": hearing.final is not None})
        if hearing.worked_from is not None:
            spent = to_ms(self._core.now - hearing.worked_from)
            data: dict[str, JsonValue] = {"utterance": hearing.id, "used": False, "spent_ms": spent}
            self._core.log("turn.speculation", data | {"from": hearing.worked_from})
        hearing.id = self._core.new_id()
        hearing.worked_from = hearing.finished_at = None
        hearing.final = hearing.understood = None
        self._core.disarm("recognition")
        self._core.disarm("understanding")
        self._open(hearing)

    def finish(self, hearing: Hearing, last_voice_at: int, *, speculative: bool) -> None:
        """Ask for the final transcript of what was heard so far."""
        self._feed(hearing, flush=True)
        hearing.finished_at = last_voice_at
        hearing.worked_from = self._core.now if speculative else None
        self._core.emit(FinishRecognition(hearing.id, speculative))
        self._core.arm("recognition", self._settings.recognition_timeout_ms)

    def log_won(self, hearing: Hearing, prompt_at: int) -> None:
        """How much sooner the answer is heard because it was worked out while the silence was waited for; `prompt_at`
        is when its sound had come."""
        if hearing.worked_from is None:
            return
        ready = max(hearing.understood_at, prompt_at)
        won = to_ms(min(ready, self._core.now) - hearing.worked_from)
        data: dict[str, JsonValue] = {"utterance": hearing.id, "used": True, "won_ms": won}
        self._core.log("turn.speculation", data | {"from": hearing.worked_from})

    def learn_pause(self, ms: float) -> None:
        """The caller made a pause in which his turn was ended."""
        self._pauses.add(ms)

    def judge(self, hearing: Hearing, last_voice_at: int) -> None:
        """Ask the end-of-turn model what it thinks of the silence that has begun."""
        samples = np.concatenate(hearing.audio[-_JUDGED_BLOCKS:])
        self._core.emit(JudgeTurn(hearing.id, last_voice_at, samples))

    def close(self, *, cancel: bool) -> None:
        """The utterance is done with."""
        if self.current is not None and cancel:
            self._core.emit(CancelRecognition(self.current.id))
        self.current = None
        self._core.disarm("recognition")
        self._core.disarm("understanding")

    def length_ms(self, hearing: Hearing) -> int:
        return to_ms(len(hearing.audio) * FRAME_SAMPLES)
