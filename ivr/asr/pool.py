"""The recognition service: many calls' utterances over a few worker processes.

    handle.feed / finish  ->  tasks (one a pass)  ->  fair queue  ->  worker process  ->  transcripts  ->  callback

- A worker has one job at a time, so the loop never waits for a full pipe, and who is next is decided when a worker is
  free: finished utterances before running ones (a caller waits), then who has waited longest. Audio that waits is
  joined into one job, and so the partials that came too late are never worked out.
- The audio of an utterance stays here until it is over. When a worker dies or stalls, it is replaced and its
  utterances are fed again from the start; the one that it died of gets one more try.
- Every finished utterance has a deadline: the caller of this service always hears back.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace

import numpy as np

from ivr.asr.base import RecognitionRequest, Transcript
from ivr.asr.closed import settled
from ivr.asr.config import Pass, RecognitionConfig
from ivr.asr.process import WorkerProcess
from ivr.asr.two_pass import join
from ivr.asr.worker import Done, Job
from ivr.audio.frame import SAMPLE_RATE, Samples
from ivr.errors import ModelError

_log = logging.getLogger(__name__)

BYTES_A_SECOND = 2 * SAMPLE_RATE
STREAM_BYTES = BYTES_A_SECOND // 10
"""Least new audio of a running utterance worth a job: what engines take at a time."""
BUSY_STREAM_BYTES = 2 * STREAM_BYTES
"""The same where more utterances are open than there are workers: half the jobs cost a fifth less CPU, there and here,
and words come 50 ms later."""
JOB_BYTES = BYTES_A_SECOND
"""Most audio of a running utterance in one job: a worker is never away for long."""
RERUN_BYTES = BYTES_A_SECOND * 6 // 10
"""New audio that is worth a partial of an engine that must run again for it."""
TRIES = 2
RESTART_DELAYS_S = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Pause before the n-th restart of an engine on end."""

OnTranscript = Callable[[int, Transcript], None]
OnFailure = Callable[[int, str], None]


@dataclass(frozen=True, slots=True)
class RecognitionStats:
    """How the service is doing; `waiting_ms` is what admission should look at."""

    open_utterances: int
    waiting_ms: float
    """Age of the oldest work that no worker has begun."""
    pending_audio_ms: float
    """Audio that has come in and was not yet given to a worker."""
    workers: int
    """Processes that are up."""
    restarts: int
    failures: int
    """Utterances that ended without words because of us."""
    cpu_ms: float
    jobs: int


@dataclass(slots=True, eq=False)
class _Task:
    """One pass over one utterance."""

    id: int
    handle: Handle
    pass_name: Pass
    engine: str
    sent: int = 0
    """Bytes of the handle's audio that the worker has."""
    opened: bool = False
    worker: WorkerProcess | None = None
    since: float = 0.0
    """Loop time at which its oldest waiting work came."""
    busy: bool = False
    """A worker has a job of it in hand."""
    tries: int = 0
    over: bool = False
    alone: bool = True
    """No other pass gives partials of this utterance."""

    @property
    def pending(self) -> int:
        return len(self.handle.audio) - self.sent


class Handle:
    """One utterance in the service. Made by `RecognitionService.open`."""

    def __init__(
        self, service: RecognitionService, handle_id: int, request: RecognitionRequest, background: bool = False
    ) -> None:
        self.id = handle_id
        self.request = request
        self.background = background
        """Nobody waits for it: it is worked on when no caller's utterance is there."""
        self.audio = bytearray()
        self.finishing = False
        self.over = False
        self.tasks: list[_Task] = []
        self.finals: dict[Pass, Transcript] = {}
        self.reserve = ""
        """Engine of a final pass that runs only if the first one's result does not settle the question."""
        self.partial = ""
        self.problem = ""
        self.deadline: asyncio.TimerHandle | None = None
        self._service = service

    def feed(self, samples: Samples) -> None:
        """More of the utterance, shape (n,), 16 kHz. Copied; never blocks."""
        if not self.over and not self.finishing:
            self.audio += np.ascontiguousarray(samples, dtype=np.int16).tobytes()
            self._service.wake(self)

    def finish(self) -> None:
        """No more audio: one final transcript, or one failure, will follow."""
        if not self.over and not self.finishing:
            self.finishing = True
            self._service.expect_end(self)

    def cancel(self) -> None:
        """Forget it: no callback follows. Safe to call at any time."""
        self._service.cancel(self)


class RecognitionService:
    """Worker processes for the engines of a configuration; callbacks come on the loop, with the handle's id."""

    def __init__(self, config: RecognitionConfig, on_transcript: OnTranscript, on_failure: OnFailure) -> None:
        self._config = config
        self._on_transcript = on_transcript
        self._on_failure = on_failure
        self._loop = asyncio.get_running_loop()
        self._workers: list[WorkerProcess] = []
        self._tasks: dict[int, _Task] = {}
        self._handles: dict[int, Handle] = {}
        self._started: asyncio.Future[None] | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._ready: dict[str, set[_Task]] = {engine: set() for engine in config.engines}
        self._abandoned: dict[WorkerProcess, list[int]] = {}
        self._bad_starts: dict[str, int] = {}
        self._broken: dict[str, str] = {}
        self._least: dict[str, int] = {}
        """New audio (bytes) an engine wants before the end; absent = it only hears finished utterances."""
        self._rerunning: set[str] = set()
        """Engines that must run again for a partial: only where no other gives any."""
        self._last_handle = self._last_task = 0
        self._restarts = self._failures = self._jobs = 0
        self._cpu_ms = 0.0
        self._closing = False

    @classmethod
    async def start(
        cls, config: RecognitionConfig, on_transcript: OnTranscript, on_failure: OnFailure
    ) -> RecognitionService:
        """Start every worker and wait until all models are loaded. Raises ModelError when an engine cannot be built."""
        service = cls(config, on_transcript, on_failure)
        service._started = service._loop.create_future()
        try:
            for engine in config.engines:
                for _ in range(config.workers.get(engine, 1)):
                    await service._spawn(engine)
            await service._started
        except BaseException:
            await service.close()
            raise
        return service

    def open(self, request: RecognitionRequest, *, background: bool = False) -> Handle:
        """Begin an utterance. Raises RecognitionError for a language nobody hears."""
        passes = self._config.passes(request)
        self._last_handle += 1
        handle = Handle(self, self._last_handle, request, background)
        self._handles[handle.id] = handle
        if self._config.final_waits(request):
            handle.reserve = passes.pop("final", "")
        for pass_name, engine in passes.items():
            self._add_task(handle, pass_name, engine)
        return handle

    def stats(self) -> RecognitionStats:
        """Figures of this moment; counters since the start."""
        waiting = [task for tasks in self._ready.values() for task in tasks if not task.handle.background]
        oldest = max((self._loop.time() - task.since for task in waiting), default=0.0)
        pending = sum(task.pending for task in waiting)
        return RecognitionStats(
            open_utterances=len(self._handles),
            waiting_ms=oldest * 1000,
            pending_audio_ms=pending * 1000 / BYTES_A_SECOND,
            workers=sum(worker.ready for worker in self._workers),
            restarts=self._restarts,
            failures=self._failures,
            cpu_ms=self._cpu_ms,
            jobs=self._jobs,
        )

    def worker_pids(self) -> list[int]:
        """Process ids of the workers that are up (for doctor and tests)."""
        return [worker.pid for worker in self._workers if worker.pid is not None]

    async def close(self) -> None:
        """Stop all workers. Utterances still open get no callback."""
        self._closing = True
        for handle in list(self._handles.values()):
            self._forget(handle)
        for task in self._background:
            task.cancel()
        workers, self._workers = self._workers, []
        await asyncio.gather(*(worker.stop() for worker in workers))

    # -- what handles call

    def wake(self, handle: Handle) -> None:
        for task in handle.tasks:
            self._enqueue(task)
            self._dispatch(task.engine)

    def expect_end(self, handle: Handle) -> None:
        limit = TRIES * self._job_timeout(len(handle.audio) / BYTES_A_SECOND)
        handle.deadline = self._loop.call_later(limit, self._give_up, handle, limit)
        self.wake(handle)
        self._settle(handle)

    def cancel(self, handle: Handle) -> None:
        if not handle.over:
            self._forget(handle)

    # -- what workers call

    def worker_ready(self, worker: WorkerProcess) -> None:
        assert worker.capabilities is not None
        self._bad_starts[worker.engine] = 0
        if worker.capabilities.streaming or worker.capabilities.partials:
            self._least[worker.engine] = STREAM_BYTES if worker.capabilities.streaming else RERUN_BYTES
        if not worker.capabilities.streaming:
            self._rerunning.add(worker.engine)
        if self._started is not None and not self._started.done() and self._all_ready():
            self._started.set_result(None)
        self._dispatch(worker.engine)

    def worker_done(self, worker: WorkerProcess, job: Job, done: Done) -> None:
        self._cpu_ms += done.cpu_ms
        task = self._tasks.get(job.task)
        if task is not None:
            task.busy = False
            if done.error:
                self._task_failed(task, done.error)
            elif done.transcript is not None:
                self._deliver(task, done.transcript)
            self._enqueue(task)
        self._dispatch(worker.engine)

    def worker_lost(self, worker: WorkerProcess, job: Job | None, reason: str) -> None:
        """Replace it; feed its utterances again, but not for ever the one it died of."""
        if self._closing:
            return
        _log.warning("%s; starting another", reason)
        self._workers.remove(worker)
        self._abandoned.pop(worker, None)
        for task in [task for task in self._tasks.values() if task.worker is worker]:
            task.worker, task.opened, task.sent, task.busy = None, False, 0, False
            if job is not None and task.id == job.task:
                task.tries += 1
                if task.tries >= TRIES:
                    self._task_failed(task, reason)
            self._enqueue(task)
        self._restarts += 1
        bad = 0 if worker.ready else self._bad_starts.get(worker.engine, 0) + 1
        self._bad_starts[worker.engine] = bad
        if bad >= TRIES and self._started is not None and not self._started.done():
            self._started.set_exception(ModelError(reason))
        self._in_background(self._replace(worker.engine, bad))
        self._dispatch(worker.engine)

    def worker_unusable(self, worker: WorkerProcess, reason: str) -> None:
        self._workers.remove(worker)
        self._in_background(worker.stop())
        self._broken[worker.engine] = reason
        if self._started is not None and not self._started.done():
            self._started.set_exception(ModelError(reason))
        for task in [task for task in self._tasks.values() if task.engine == worker.engine]:
            self._task_failed(task, reason)

    # -- inside

    async def _spawn(self, engine: str) -> None:
        worker = WorkerProcess(engine, self._config.engines[engine], self)
        self._workers.append(worker)
        await worker.start(self._config.start_timeout_s)

    async def _replace(self, engine: str, bad: int) -> None:
        await asyncio.sleep(RESTART_DELAYS_S[min(bad, len(RESTART_DELAYS_S) - 1)])
        if not self._closing:
            await self._spawn(engine)

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _add_task(self, handle: Handle, pass_name: Pass, engine: str) -> None:
        self._last_task += 1
        streamed = any(engine not in self._rerunning for engine in (other.engine for other in handle.tasks))
        task = _Task(self._last_task, handle, pass_name, engine, alone=not streamed)
        handle.tasks.append(task)
        self._tasks[task.id] = task
        if engine in self._broken:
            self._loop.call_soon(self._task_failed, task, self._broken[engine])

    def _all_ready(self) -> bool:
        wanted = sum(self._config.workers.get(engine, 1) for engine in self._config.engines)
        return sum(worker.ready for worker in self._workers) == wanted

    def _enqueue(self, task: _Task) -> None:
        """Put a task that has work, and none in hand, into its engine's queue."""
        if task.over or task.busy or task in self._ready[task.engine]:
            return
        if not task.handle.finishing:
            least = self._least.get(task.engine)
            if least is None or task.pending < least or (task.engine in self._rerunning and not task.alone):
                return
            if task.pending < BUSY_STREAM_BYTES and self._is_crowded(task.engine):
                return
        task.since = self._loop.time()
        self._ready[task.engine].add(task)

    def _is_crowded(self, engine: str) -> bool:
        """More utterances are open than there are workers."""
        running = sum(task.engine == engine for task in self._tasks.values())
        return running > self._config.workers.get(engine, 1)

    def _dispatch(self, engine: str) -> None:
        """Give each idle worker of an engine the most urgent work it may do; the one with the fewest open utterances
        chooses first, for an utterance stays where it was begun."""
        idle = [worker for worker in self._workers if worker.idle and worker.engine == engine]
        if len(idle) > 1:
            held = Counter(task.worker for task in self._tasks.values())
            idle.sort(key=lambda worker: held[worker])
        for worker in idle:
            if abandoned := self._abandoned.pop(worker, []):
                worker.send(Job(abandoned.pop(), cancel=True), self._config.job_timeout_s)
                if abandoned:
                    self._abandoned[worker] = abandoned
                continue
            queue = self._ready[engine]
            mine = [task for task in queue if task.worker in (None, worker)]
            if mine:
                task = min(mine, key=lambda task: (task.handle.background, not task.handle.finishing, task.since))
                queue.discard(task)
                self._send(worker, task)

    def _send(self, worker: WorkerProcess, task: _Task) -> None:
        finish = task.handle.finishing
        end = len(task.handle.audio) if finish else min(len(task.handle.audio), task.sent + JOB_BYTES)
        job = Job(
            task.id,
            None if task.opened else task.handle.request,
            bytes(task.handle.audio[task.sent : end]),
            partials=not self._late(),
            finish=finish,
        )
        task.worker, task.opened, task.sent, task.busy = worker, True, end, True
        self._jobs += 1
        worker.send(job, self._job_timeout(len(job.audio) / BYTES_A_SECOND))

    def _late(self) -> bool:
        """Is a caller waiting so long that engines should not spend time on partials?"""
        before = self._loop.time() - self._config.drop_partials_ms / 1000
        return any(
            task.handle.finishing and task.since < before and not task.handle.background
            for tasks in self._ready.values() for task in tasks
        )  # fmt: skip

    def _job_timeout(self, audio_s: float) -> float:
        return self._config.job_timeout_s + 2 * audio_s

    def _deliver(self, task: _Task, transcript: Transcript) -> None:
        handle = task.handle
        if transcript.final:
            task.over = True
            handle.finals[task.pass_name] = transcript
            self._settle(handle)
        elif not handle.finishing and transcript.text != handle.partial:
            handle.partial = transcript.text
            self._on_transcript(handle.id, transcript)

    def _task_failed(self, task: _Task, reason: str) -> None:
        if task.over:
            return
        task.over = True
        self._ready[task.engine].discard(task)
        task.handle.problem = reason
        self._settle(task.handle)

    def _settle(self, handle: Handle) -> None:
        """Report the utterance once every pass has ended, in whatever way. What one pass lost, the other may have."""
        if handle.over or not all(task.over for task in handle.tasks):
            return
        finals = handle.finals
        if self._wants_final_pass(handle):
            engine, handle.reserve = handle.reserve, ""
            self._add_task(handle, "final", engine)
            self.wake(handle)
            return
        if not finals:
            self._fail(handle, handle.problem)
            return
        if handle.problem:
            _log.warning("one of two passes failed: %s", handle.problem)
        self._forget(handle)
        self._on_transcript(
            handle.id, replace(join(finals.get("stream"), finals.get("final"), handle.request), final=True)
        )

    def _wants_final_pass(self, handle: Handle) -> bool:
        first = handle.finals.get("stream")
        return bool(handle.reserve) and (first is None or not settled(first, handle.request))

    def _give_up(self, handle: Handle, limit_s: float) -> None:
        if handle.over:
            return
        for task in handle.tasks:
            task.over = True
        handle.reserve = ""
        handle.problem = handle.problem or f"no result within {limit_s:.0f} s"
        self._settle(handle)

    def _fail(self, handle: Handle, reason: str) -> None:
        self._failures += 1
        self._forget(handle)
        self._on_failure(handle.id, reason)

    def _forget(self, handle: Handle) -> None:
        handle.over = True
        if handle.deadline is not None:
            handle.deadline.cancel()
        self._handles.pop(handle.id, None)
        for task in handle.tasks:
            self._tasks.pop(task.id, None)
            self._ready[task.engine].discard(task)
            if task.worker is not None and task.opened and task.pass_name not in handle.finals:
                self._abandoned.setdefault(task.worker, []).append(task.id)
                self._dispatch(task.engine)
