"""The inside of a recognition worker process: one engine, many utterances, one job at a time."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Protocol, runtime_checkable

import numpy as np

from ivr.asr.base import Recogniser, RecogniserCapabilities, RecogniserSpec, RecognitionRequest, Transcript, Utterance
from ivr.asr.registry import create
from ivr.audio.frame import Samples
from ivr.errors import EngineError, IvrError

NICENESS = 10
"""Recognition yields the core to the media loop, whose packets have a deadline each 20 ms."""


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of work on one utterance. `request` opens it, `audio` (16 bit, native order) is fed to it, `finish` and
    `cancel` end it. Without `partials` the engine need not work one out."""

    task: int
    request: RecognitionRequest | None = None
    audio: bytes = b""
    partials: bool = True
    finish: bool = False
    cancel: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """The model is loaded."""

    capabilities: RecogniserCapabilities


@dataclass(frozen=True, slots=True)
class Unusable:
    """The engine cannot be built: there is no point in trying again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Done:
    """The job's result; `error` = the engine gave the utterance up."""

    task: int
    transcript: Transcript | None = None
    error: str = ""
    cpu_ms: float = 0.0


@runtime_checkable
class Collecting(Protocol):
    """An utterance that can take audio without working out a partial."""

    def collect(self, samples: Samples) -> None: ...


def worker_main(connection: Connection, spec: RecogniserSpec) -> None:
    """Serve jobs until the other side closes the connection or sends None."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the service ends us; Ctrl-C reaches the whole process group
    os.nice(NICENESS)
    try:
        engine = create(spec)
    except IvrError as error:
        connection.send(Unusable(str(error)))
        return
    connection.send(Ready(engine.capabilities))
    desk = Desk(engine)
    try:
        while (job := connection.recv()) is not None:
            connection.send(desk.run(job))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the service is gone
    finally:
        engine.close()


class Desk:
    """The utterances of one engine, by task."""

    def __init__(self, engine: Recogniser) -> None:
        self._engine = engine
        self._utterances: dict[int, Utterance] = {}

    def run(self, job: Job) -> Done:
        started = time.process_time()
        try:
            transcript, error = self._work(job), ""
        except EngineError as problem:
            self._drop(job.task)
            transcript, error = None, str(problem)
        return Done(job.task, transcript, error, round((time.process_time() - started) * 1000, 3))

    def _work(self, job: Job) -> Transcript | None:
        if job.cancel:
            self._drop(job.task)
            return None
        if job.request is not None:
            self._drop(job.task)
            self._utterances[job.task] = self._engine.start(job.request)
        utterance = self._utterances[job.task]
        partial = self._feed(utterance, job) if job.audio else None
        if not job.finish:
            return partial
        return self._utterances.pop(job.task).finish()

    def _feed(self, utterance: Utterance, job: Job) -> Transcript | None:
        samples = np.frombuffer(job.audio, dtype=np.int16)
        if (job.finish or not job.partials) and isinstance(utterance, Collecting):
            utterance.collect(samples)
            return None
        return utterance.accept(samples)

    def _drop(self, task: int) -> None:
        utterance = self._utterances.pop(task, None)
        if utterance is not None:
            utterance.cancel()
