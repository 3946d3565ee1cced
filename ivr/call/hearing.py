"""One utterance of the caller, from its onset to the transcript: what was fed, what came back, whether it is over."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from ivr.audio.frame import FRAME_MS, FRAME_SAMPLES, Samples, to_ms
from ivr.call.core import Core
from ivr.call.events import CancelRecognition, FeedRecognition, FinalTranscript, FinishRecognition, StartRecognition
from ivr.call.grammar import closed_answer
from ivr.call.settings import CallSettings
from ivr.dialog.events import Expectation, ListenSettings, Understood
from ivr.turn.endpoint import Completeness, EndpointDecision, Endpointer, EndpointSettings, PauseStatistics
from ivr.turn.gate import Activity


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
    key: str = field(default="")

    @property
    def loudness_dbfs(self) -> float:
        return self.level_sum / self.voice_blocks if self.voice_blocks else -90.0


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

    def begin(self, onset: int, question: Question, before: list[Samples] | None = None) -> Hearing:
        """Open an utterance at `onset`; `before` is audio of a turn it goes on with."""
        first = onset - self._settings.preroll_ms * FRAME_SAMPLES // FRAME_MS
        audio = before if before is not None else self.since(first)
        listen = question.settings
        settings = EndpointSettings(
            end_silence_ms=listen.end_silence_ms,
            complete_ms=self._settings.complete_ms,
            incomplete_max_ms=max(self._settings.incomplete_max_ms, listen.end_silence_ms),
            speculate_ms=min(self._settings.speculate_ms, self._settings.complete_ms),
            max_speech_ms=listen.max_speech_ms,
            adaptive=self._settings.adaptive_endpointing and question.expectation.open,
        )
        hearing = Hearing(self._core.new_id(), onset, question, Endpointer(settings, onset, self._pauses), list(audio))
        self.current = hearing
        self._open(hearing)
        return hearing

    def _open(self, hearing: Hearing) -> None:
        listen, expectation = hearing.question.settings, hearing.question.expectation
        answer = closed_answer(expectation)
        self._core.emit(
            StartRecognition(
                hearing.id, expectation.language, expectation.open, listen.asr, answer.phrases,
                listen.hotwords, expectation.languages, answer.kind, answer.length,
            )
        )  # fmt: skip
        hearing.fed = 0
        self._feed(hearing, flush=True)

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
        hearing.id = self._core.new_id()
        hearing.finished_at = None
        hearing.final = hearing.understood = None
        self._core.disarm("recognition")
        self._core.disarm("understanding")
        self._open(hearing)

    def finish(self, hearing: Hearing, last_voice_at: int, *, speculative: bool) -> None:
        """Ask for the final transcript of what was heard so far."""
        self._feed(hearing, flush=True)
        hearing.finished_at = last_voice_at
        self._core.emit(FinishRecognition(hearing.id, speculative))
        self._core.arm("recognition", self._settings.recognition_timeout_ms)

    def close(self, *, cancel: bool) -> None:
        """The utterance is done with."""
        if self.current is not None and cancel:
            self._core.emit(CancelRecognition(self.current.id))
        self.current = None
        self._core.disarm("recognition")
        self._core.disarm("understanding")

    def length_ms(self, hearing: Hearing) -> int:
        return to_ms(len(hearing.audio) * FRAME_SAMPLES)
