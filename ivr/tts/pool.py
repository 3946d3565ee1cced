"""Worker processes shared by all calls: whoever has a caller waiting goes before what is rendered ahead."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from ivr.errors import SynthesisError
from ivr.tts.base import SpeechAudio, SpeechRequest
from ivr.tts.settings import SynthesisSettings
from ivr.tts.worker import Worker

Keep = Callable[[SpeechAudio], None]


class WorkerPool:
    """Lends each worker to one clause at a time; lives on one event loop."""

    def __init__(self, settings: SynthesisSettings) -> None:
        count = max(1, settings.workers)
        self.workers = [
            Worker(settings.engines, settings.clause_timeout_s, settings.load_timeout_s) for _ in range(count)
        ]
        self._idle = deque(self.workers)
        self._waiting: tuple[deque[asyncio.Future[Worker]], deque[asyncio.Future[Worker]]] = (deque(), deque())
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="ivr-tts")
        self._closed = False

    @property
    def backlog(self) -> int:
        """Clauses of live calls that wait for a worker."""
        return sum(not waiter.done() for waiter in self._waiting[0])

    async def make(self, engine: str, request: SpeechRequest, keep: Keep, *, background: bool = False) -> SpeechAudio:
        """One clause by one worker; `keep` is called on its thread with the sound even if nobody waits for it any more.
        Raises SynthesisError."""
        worker = await self._borrow(background)
        job = partial(_exchange, worker, engine, request, keep)
        future = asyncio.get_running_loop().run_in_executor(self._threads, job)
        future.add_done_callback(partial(self._settled, worker))
        return await asyncio.shield(future)

    async def _borrow(self, background: bool) -> Worker:
        if self._closed:
            raise SynthesisError("the synthesis service is closed")
        if self._idle:
            return self._idle.popleft()
        waiter: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
        self._waiting[background].append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._give_back(waiter.result())  # it was ours already when we were cancelled
            raise

    def _settled(self, worker: Worker, future: asyncio.Future[SpeechAudio]) -> None:
        if not future.cancelled():
            future.exception()  # looked at, so that a failure nobody waits for is not reported as forgotten
        self._give_back(worker)

    def _give_back(self, worker: Worker) -> None:
        for queue in self._waiting:
            while queue:
                waiter = queue.popleft()
                if not waiter.done():
                    waiter.set_result(worker)
                    return
        self._idle.append(worker)

    async def close(self) -> None:
        """End every worker; clauses in the making are lost."""
        self._closed = True
        for waiter in (*self._waiting[0], *self._waiting[1]):
            if not waiter.done():
                waiter.set_exception(SynthesisError("the synthesis service is closed"))
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        idle = set(self._idle)
        for worker in self.workers:
            if worker not in idle and worker.pid is not None:
                worker.interrupt()
        self._threads.shutdown(wait=True)
        for worker in self.workers:
            worker.close()


def _exchange(worker: Worker, engine: str, request: SpeechRequest, keep: Keep) -> SpeechAudio:
    audio = worker.exchange(engine, request)
    keep(audio)
    return audio
