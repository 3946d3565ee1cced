"""The outside of a worker process, for an asyncio loop: start, jobs one at a time, results, death, deadline."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Protocol

from ivr.asr.base import RecogniserCapabilities, RecogniserSpec
from ivr.asr.worker import Done, Job, Ready, Unusable, worker_main

_log = logging.getLogger(__name__)
_SPAWN = multiprocessing.get_context("spawn")  # a fork would copy the threads' locks of engines and loop
STOP_TIMEOUT_S = 2.0


class WorkerOwner(Protocol):
    """Who is told what becomes of a worker. All calls come on the loop."""

    def worker_ready(self, worker: WorkerProcess) -> None: ...

    def worker_done(self, worker: WorkerProcess, job: Job, done: Done) -> None: ...

    def worker_lost(self, worker: WorkerProcess, job: Job | None, reason: str) -> None: ...

    def worker_unusable(self, worker: WorkerProcess, reason: str) -> None: ...


class WorkerProcess:
    """One process with one engine. `engine` is its key in the configuration."""

    def __init__(
        self,
        engine: str,
        spec: RecogniserSpec,
        owner: WorkerOwner,
        *,
        main: Callable[[Connection, RecogniserSpec], None] = worker_main,
    ) -> None:
        self.engine = engine
        self.ready = False
        self.capabilities: RecogniserCapabilities | None = None
        self.job: Job | None = None
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._connection, child = _SPAWN.Pipe()
        self._child: Connection | None = child
        self._process: SpawnProcess = _SPAWN.Process(
            target=main, args=(child, spec), name=f"ivr-asr-{engine}", daemon=True
        )
        self._deadline: asyncio.TimerHandle | None = None
        self._gone = False

    @property
    def idle(self) -> bool:
        return self.ready and self.job is None and not self._gone

    @property
    def pid(self) -> int | None:
        return self._process.pid

    async def start(self, timeout_s: float) -> None:
        """Begin the process; `worker_ready` or `worker_unusable` follows, or `worker_lost` after `timeout_s`."""
        await self._loop.run_in_executor(None, self._process.start)
        assert self._child is not None
        self._child.close()  # else the end of the process would not end the connection
        self._child = None
        if self._gone:
            return
        self._loop.add_reader(self._connection.fileno(), self._readable)
        self._arm(timeout_s, f"did not load its model within {timeout_s:.0f} s")

    def send(self, job: Job, timeout_s: float) -> None:
        """Give an idle worker a job. It is reading, so even a minute of audio goes through at once."""
        assert self.idle
        self.job = job
        self._arm(timeout_s, f"took longer than {timeout_s:.1f} s")
        try:
            self._connection.send(job)
        except OSError as error:
            self._lose(f"died ({error})")

    async def stop(self) -> None:
        """End the process, by force if it must be. No callback follows."""
        was_idle = self.idle
        self._detach()
        if was_idle:
            try:
                self._connection.send(None)
                await self._loop.run_in_executor(None, self._process.join, STOP_TIMEOUT_S)
            except OSError:
                _log.debug("recogniser %s had gone before it was told to", self.engine)
        await self._loop.run_in_executor(None, self._reap)
        self._connection.close()

    def _readable(self) -> None:
        try:
            message = self._connection.recv()
        except (EOFError, OSError):
            self._lose("died")
            return
        self._disarm()
        if isinstance(message, Ready):
            self.ready = True
            self.capabilities = message.capabilities
            self._owner.worker_ready(self)
        elif isinstance(message, Unusable):
            self._detach()
            self._owner.worker_unusable(self, message.reason)
        elif isinstance(message, Done) and self.job is not None:
            job, self.job = self.job, None
            self._owner.worker_done(self, job, message)

    def _lose(self, reason: str) -> None:
        if self._gone:
            return
        job, self.job = self.job, None
        self._detach()
        self._connection.close()
        self._loop.run_in_executor(None, self._reap)
        self._owner.worker_lost(self, job, f"recogniser {self.engine} {reason}")

    def _detach(self) -> None:
        if not self._gone:
            self._gone = True
            self._loop.remove_reader(self._connection.fileno())
        self._disarm()

    def _reap(self) -> None:
        if self._process.pid is not None:
            self._process.kill()
            self._process.join()

    def _arm(self, timeout_s: float, reason: str) -> None:
        self._disarm()
        self._deadline = self._loop.call_later(timeout_s, self._lose, reason)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
