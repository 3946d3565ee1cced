"""The recognition service with real worker processes and a scripted or misbehaving engine: no models needed."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest

from ivr.asr.base import RecogniserSpec, RecognitionRequest, Transcript
from ivr.asr.config import LanguagePasses, RecognitionConfig
from ivr.asr.pool import Handle, RecognitionService, RecognitionStats
from ivr.asr.scripted import ScriptedRecogniser
from ivr.asr.worker import NICENESS, Desk, Job
from ivr.audio.frame import SAMPLE_RATE, Samples
from ivr.errors import ModelError, RecognitionError

SECOND: Samples = np.zeros(SAMPLE_RATE, dtype=np.int16)
FRAME = SECOND[:320]
TEXT = [[[200, "my"], [600, "my card"]]]


def config(
    first: dict[str, object] | None = None,
    second: dict[str, object] | None = None,
    *,
    workers: int = 1,
    timeout_s: float = 5,
) -> RecognitionConfig:
    engines = {"first": RecogniserSpec("scripted", first or {"script": TEXT * 50}, ("en",))}
    if second:
        engines["second"] = RecogniserSpec("scripted", second, ("en",))
    passes = LanguagePasses("first", "second" if second else "")
    return RecognitionConfig(engines, {"en": passes}, dict.fromkeys(engines, workers), job_timeout_s=timeout_s)


@dataclass
class Log:
    """What the service reported, and a way to wait for it."""

    transcripts: list[tuple[int, Transcript]] = field(default_factory=list)
    failures: list[tuple[int, str]] = field(default_factory=list)

    def on_transcript(self, handle: int, transcript: Transcript) -> None:
        self.transcripts.append((handle, transcript))

    def on_failure(self, handle: int, reason: str) -> None:
        self.failures.append((handle, reason))

    @property
    def finals(self) -> dict[int, str]:
        return {handle: transcript.text for handle, transcript in self.transcripts if transcript.final}

    async def until(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 conditions of many kinds
                await asyncio.sleep(0.005)


@asynccontextmanager
async def serving(settings: RecognitionConfig) -> AsyncIterator[tuple[RecognitionService, Log]]:
    log = Log()
    service = await RecognitionService.start(settings, log.on_transcript, log.on_failure)
    try:
        yield service, log
    finally:
        await service.close()


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 60))


def speak(service: RecognitionService, seconds: int = 1) -> Handle:
    handle = service.open(RecognitionRequest("en"))
    for _ in range(50 * seconds):
        handle.feed(FRAME)
    return handle


def test_partials_then_the_final_words() -> None:
    async def test() -> None:
        async with serving(config()) as (service, log):
            handle = service.open(RecognitionRequest("en"))
            for _ in range(50):
                handle.feed(FRAME)
                await asyncio.sleep(0.004)
            handle.finish()
            await log.until(lambda: handle.id in log.finals)
            assert [(found.text, found.final) for _, found in log.transcripts] == [
                ("my", False),
                ("my card", False),
                ("my card", True),
            ]
            stats = service.stats()
            assert (stats.open_utterances, stats.workers, stats.restarts, stats.failures) == (0, 1, 0, 0)
            assert stats.jobs <= 12, "frames of 20 ms are joined before they cross to the worker"

    run(test)


def test_second_pass_gives_the_words() -> None:
    async def test() -> None:
        async with serving(config(second={"script": ["My card."]})) as (service, log):
            handle = speak(service)
            handle.finish()
            await log.until(lambda: handle.id in log.finals)
            _, final = log.transcripts[-1]
            assert (final.text, final.engine) == ("My card.", "scripted+scripted")

    run(test)


def test_cancelled_utterance_is_never_heard_of_again() -> None:
    async def test() -> None:
        async with serving(config()) as (service, log):
            dropped, kept = speak(service), speak(service)
            dropped.cancel()
            dropped.cancel()
            dropped.finish()
            kept.finish()
            await log.until(lambda: kept.id in log.finals)
            await asyncio.sleep(0.1)
            assert {handle for handle, found in log.transcripts if found.final} == {kept.id}
            assert service.stats().open_utterances == 0

    run(test)


def test_unknown_language_is_refused_at_once() -> None:
    async def test() -> None:
        async with serving(config()) as (service, _):
            with pytest.raises(RecognitionError, match="no recogniser for language 'zh'; configured: en"):
                service.open(RecognitionRequest("zh"))

    run(test)


def test_killed_worker_is_replaced_and_the_utterances_fed_again() -> None:
    async def test() -> None:
        async with serving(config()) as (service, log):
            handles = [speak(service) for _ in range(5)]
            await log.until(lambda: len(log.transcripts) >= 2)
            os.kill(service.worker_pids()[0], signal.SIGKILL)
            for handle in handles:
                handle.feed(SECOND)
                handle.finish()
            await log.until(lambda: len(log.finals) == 5)
            assert set(log.finals.values()) == {"my card"}
            assert log.failures == []
            assert service.stats().restarts == 1

    run(test)


def test_stalled_worker_is_replaced_and_then_the_utterance_given_up() -> None:
    """SIGSTOP: the process lives and does nothing. Twice on the same utterance is enough."""

    async def test() -> None:
        async with serving(config(timeout_s=0.3)) as (service, log):
            first = service.worker_pids()[0]
            os.kill(first, signal.SIGSTOP)
            handle = speak(service)
            handle.finish()
            await log.until(lambda: service.stats().restarts == 1)
            await log.until(lambda: bool(log.finals or log.failures))
            assert log.finals == {handle.id: "my card"} or log.failures[0][0] == handle.id
            other = speak(service)
            other.finish()
            await log.until(lambda: other.id in log.finals)

    run(test)


def test_one_pass_lost_leaves_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second engine's only worker hangs for ever: the caller still gets the first pass's words, in time."""

    async def test() -> None:
        async with serving(config(second={"script": ["My card."] * 9}, timeout_s=0.4)) as (service, log):
            for worker in service._workers:
                if worker.engine == "second":
                    assert worker.pid
                    os.kill(worker.pid, signal.SIGSTOP)
            monkeypatch.setattr(service, "_replace", lambda engine, bad: asyncio.sleep(0))
            handle = speak(service)
            begun = time.monotonic()
            handle.finish()
            await log.until(lambda: handle.id in log.finals)
            assert log.finals[handle.id] == "my card"
            assert time.monotonic() - begun < 8

    run(test)


def test_engine_without_its_model_is_said_at_start() -> None:
    async def test() -> None:
        settings = RecognitionConfig(
            {"vosk": RecogniserSpec("vosk", {"model": "/nowhere/x"}, ("en",))}, {"en": LanguagePasses("vosk")}
        )
        with pytest.raises(ModelError, match="/nowhere/x holds no Vosk model"):
            await RecognitionService.start(settings, Log().on_transcript, Log().on_failure)

    run(test)


def test_many_calls_share_the_workers_and_all_are_answered() -> None:
    async def test() -> None:
        async with serving(config(workers=2)) as (service, log):
            handles = [speak(service, seconds=2) for _ in range(30)]
            seen: list[RecognitionStats] = [service.stats()]
            for handle in handles:
                handle.finish()
            await log.until(lambda: len(log.finals) == 30)
            assert seen[0].open_utterances == 30
            assert seen[0].pending_audio_ms > 0
            assert service.stats().pending_audio_ms == 0

    run(test)


def test_utterances_are_spread_over_the_workers() -> None:
    """They stay where they were begun: no core idles while the other has a queue."""

    async def test() -> None:
        async with serving(config(workers=2)) as (service, log):
            handles = []
            for _ in range(6):
                handles.append(speak(service))
                await log.until(lambda: all(worker.idle for worker in service._workers))
            held = [task.worker for handle in handles for task in handle.tasks]
            assert [held.count(worker) for worker in service._workers] == [3, 3]

    run(test)


def test_audio_goes_in_larger_pieces_where_many_speak() -> None:
    """Who speaks alone has his words as soon as can be."""
    piece = SECOND[: SAMPLE_RATE // 10]

    async def test() -> None:
        async with serving(config()) as (service, log):
            alone = service.open(RecognitionRequest("en"))
            alone.feed(piece)
            assert service.stats().jobs == 1
            other = service.open(RecognitionRequest("en"))
            await log.until(lambda: service._workers[0].idle)
            other.feed(piece)
            assert service.stats().jobs == 1
            other.feed(piece)
            assert service.stats().jobs == 2
            await log.until(lambda: service._workers[0].idle)
            other.feed(piece)
            other.finish()
            assert service.stats().jobs == 3, "the end waits for nothing"

    run(test)


def test_workers_yield_to_the_media_loop() -> None:
    async def test() -> None:
        async with serving(config()) as (service, _):
            ours, theirs = (os.getpriority(os.PRIO_PROCESS, pid) for pid in (0, service.worker_pids()[0]))
            assert theirs == min(19, ours + NICENESS)

    run(test)


def test_finished_utterances_go_before_running_ones() -> None:
    """With the one worker stopped, work piles up; the caller who waits for an answer is served first."""

    async def test() -> None:
        async with serving(config()) as (service, log):
            pid = service.worker_pids()[0]
            os.kill(pid, signal.SIGSTOP)
            running = [speak(service) for _ in range(10)]
            waiting = speak(service)
            waiting.finish()
            os.kill(pid, signal.SIGCONT)
            await log.until(lambda: waiting.id in log.finals)
            order = [handle for handle, _ in log.transcripts]
            assert set(order[: order.index(waiting.id)]) <= {running[0].id}, "the job already under way, at most"
            for handle in running:
                handle.cancel()

    run(test)


def test_what_nobody_waits_for_comes_last_and_counts_for_nothing() -> None:
    """Agent assist reads along; callers who talk to the bot do not notice."""

    async def test() -> None:
        async with serving(config()) as (service, log):
            pid = service.worker_pids()[0]
            os.kill(pid, signal.SIGSTOP)
            begun = speak(service)
            aside = [service.open(RecognitionRequest("en"), background=True) for _ in range(5)]
            for handle in aside:
                handle.feed(SECOND)
                handle.finish()
            await asyncio.sleep(0.05)
            caller = speak(service)
            assert service.stats().waiting_ms < 40, "admission looks at callers only"
            caller.finish()
            os.kill(pid, signal.SIGCONT)
            await log.until(lambda: len(log.finals) == 6)
            order = [handle for handle, transcript in log.transcripts if transcript.final]
            assert order[0] == caller.id
            begun.cancel()

    run(test)


def test_close_ends_the_processes() -> None:
    async def test() -> None:
        async with serving(config(workers=2)) as (service, log):
            pids = service.worker_pids()
            speak(service)
        for pid in pids:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)
        assert log.finals == {}

    run(test)


# -- the inside of a worker


class Collector(ScriptedRecogniser):
    """Counts what its utterances are asked for."""

    def start(self, request: RecognitionRequest) -> CollectingUtterance:  # type: ignore[override]
        return CollectingUtterance()


class CollectingUtterance:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def collect(self, samples: Samples) -> None:
        self.calls.append("collect")

    def accept(self, samples: Samples) -> Transcript | None:
        self.calls.append("accept")
        return None

    def finish(self) -> Transcript:
        if "refuse" in self.calls:
            raise RecognitionError("refused")
        return Transcript((), ",".join(self.calls), "collector", True)

    def cancel(self) -> None:
        self.calls.append("cancel")


def test_no_partial_is_worked_out_for_the_end_or_in_a_hurry() -> None:
    desk = Desk(Collector())
    audio = FRAME.tobytes()
    request = RecognitionRequest("en")
    assert desk.run(Job(1, request, audio)).transcript is None
    desk.run(Job(1, audio=audio, partials=False))
    done = desk.run(Job(1, audio=audio, finish=True))
    assert done.transcript is not None
    assert done.transcript.language == "accept,collect,collect"


def test_engine_error_ends_the_utterance_and_not_the_worker() -> None:
    desk = Desk(ScriptedRecogniser(languages=("en",), script=["yes"]))
    done = desk.run(Job(1, RecognitionRequest("zh"), FRAME.tobytes()))
    assert (done.transcript, done.error) == (None, "scripted: has en, not 'zh'")
    ended = desk.run(Job(2, RecognitionRequest("en"), FRAME.tobytes(), finish=True))
    assert ended.transcript is not None
    assert ended.transcript.text == "yes"
    assert desk.run(Job(2, cancel=True)).error == ""


# -- engines that must run again for a partial


def test_no_partials_of_the_second_pass_while_the_first_streams() -> None:
    """Only the first pass's partials arrive, and the second's engine gets the audio once, at the end."""

    async def test() -> None:
        second: dict[str, object] = {"script": [[[100, "MY"], [600, "MY CARD"]]] * 9}
        async with serving(config(second=second)) as (service, log):
            service._rerunning.add("second")
            handle = service.open(RecognitionRequest("en"))
            for _ in range(50):
                handle.feed(FRAME)
                await asyncio.sleep(0.004)
            handle.finish()
            await log.until(lambda: handle.id in log.finals)
            partials = {found.text for _, found in log.transcripts if not found.final}
            assert partials <= {"my", "my card"}
            assert log.finals[handle.id] == "MY CARD"

    run(test)


def test_a_stalled_worker_of_one_call_leaves_the_other_calls_alone() -> None:
    """Two workers; one is stopped in the middle of a call's utterance. The others answer at once, and it recovers."""

    async def test() -> None:
        async with serving(config(workers=2, timeout_s=1.0)) as (service, log):
            stuck = speak(service)
            await log.until(lambda: bool(log.transcripts))
            worker = next(task.worker for task in stuck.tasks)
            assert worker is not None
            assert worker.pid is not None
            os.kill(worker.pid, signal.SIGSTOP)
            stuck.finish()
            others = [speak(service) for _ in range(6)]
            for other in others:
                other.finish()
            begun = time.monotonic()
            await log.until(lambda: all(other.id in log.finals for other in others))
            assert time.monotonic() - begun < 5
            await log.until(lambda: stuck.id in log.finals)
            assert log.finals[stuck.id] == "my card"
            assert log.failures == []

    run(test)
