"""The live synthesis service: prompts in, sound out clause by clause, on one event loop.

A prompt is spoken in order: each clause comes from the memory cache (at once), from disk, or from a worker process, and
goes to the callback as soon as it is there. When an engine fails its successor is asked; when none can speak the prompt
fails with every reason.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ivr.errors import AudioFileError, IvrError, SynthesisError
from ivr.tts.base import SpeechAudio, SpeechRequest
from ivr.tts.cache import PromptCache, cache_key
from ivr.tts.chain import reason
from ivr.tts.clauses import Clause, split
from ivr.tts.pool import WorkerPool
from ivr.tts.prompts import RecordedPrompts
from ivr.tts.rendering import clause_request, place
from ivr.tts.settings import Chains, SynthesisSettings, VoiceChoice

logger = logging.getLogger(__name__)

OnAudio = Callable[[str, SpeechAudio, bool], None]
"""(prompt id, sound, last). Marks count from the first sample of the whole prompt."""
OnFailure = Callable[[str, str], None]
"""(prompt id, reason). Nothing more comes for this prompt."""
OnProgress = Callable[[int, int], None]
"""(prompts done, of how many)."""

_WARM_UP = {"zh": "您好", "en": "Hello"}


@dataclass(frozen=True, slots=True)
class Prepared:
    """What `prepare` did."""

    made: int
    failed: tuple[tuple[SpeechRequest, str], ...]


class SynthesisService:
    """`start`, `request` and `cancel` by prompt id, `close`. Callbacks run on the loop, never inside `request`."""

    def __init__(
        self,
        settings: SynthesisSettings,
        on_audio: OnAudio,
        on_failure: OnFailure,
        prompts: RecordedPrompts | None = None,
    ) -> None:
        self._chains = Chains(settings)
        self._on_audio = on_audio
        self._on_failure = on_failure
        self._prompts = prompts
        self._cache = PromptCache(settings.cache, settings.cache_mb * 1024 * 1024)
        self._pool = WorkerPool(settings)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    # -- live

    @property
    def backlog(self) -> int:
        """Clauses of live calls that wait for a worker: the measure for taking no more calls."""
        return self._pool.backlog

    @property
    def worker_restarts(self) -> int:
        return sum(max(0, worker.restarts) for worker in self._pool.workers)

    async def start(self, languages: Sequence[str] = ()) -> None:
        """Load the first engine of each language in every worker, so that the first call need not wait. What cannot be
        loaded is logged; prompts then go down the chain."""
        loads = [self._load(language) for language in languages for _ in self._pool.workers]
        await asyncio.gather(*loads)

    async def _load(self, language: str) -> None:
        choice = self._chains.of(language)[0]
        text = _WARM_UP.get(language.split("-")[0], "1")
        try:
            await self._pool.make(choice.engine, SpeechRequest(text, language, choice.voice), _forget)
        except SynthesisError as error:
            logger.warning("%s cannot speak %s: %s", choice.engine, language, error)

    def request(
        self, prompt_id: str, request: SpeechRequest, audio: str = "", prompts: RecordedPrompts | None = None
    ) -> None:
        """Speak a prompt, or play the recording `audio` (of `prompts`, else of those given at the start). An id in use
        is cancelled first. Never raises: what goes wrong comes by `on_failure`."""
        self.cancel(prompt_id)
        task = asyncio.get_running_loop().create_task(self._run(prompt_id, request, audio, prompts or self._prompts))
        self._tasks[prompt_id] = task
        task.add_done_callback(lambda done: self._tasks.pop(prompt_id) if self._tasks.get(prompt_id) is done else None)

    def cancel(self, prompt_id: str) -> None:
        """No more callbacks for this prompt. The clause in the making is finished for the cache."""
        task = self._tasks.pop(prompt_id, None)
        if task is not None:
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
            task.cancel()

    async def close(self) -> None:
        for prompt_id in list(self._tasks):
            self.cancel(prompt_id)
        if self._closing:
            await asyncio.wait(self._closing)
        await self._pool.close()

    async def _run(self, prompt_id: str, request: SpeechRequest, audio: str, prompts: RecordedPrompts | None) -> None:
        try:
            await self._speak(prompt_id, request, audio, prompts)
        except IvrError as error:
            self._on_failure(prompt_id, str(error))
        except Exception as error:  # top of the task: a prompt must end in sound or in a reason
            logger.exception("prompt %s failed", prompt_id)
            self._on_failure(prompt_id, f"{type(error).__name__}: {error}")

    async def _speak(self, prompt_id: str, request: SpeechRequest, audio: str, prompts: RecordedPrompts | None) -> None:
        clauses = split(request.text)
        recorded = await self._recorded(request, audio, prompts)
        if recorded is not None or not clauses:
            self._on_audio(prompt_id, recorded or SpeechAudio(np.zeros(0, dtype=np.int16), (), ""), True)
            return
        at_sample = 0
        for index, clause in enumerate(clauses):
            last = index == len(clauses) - 1
            piece = place(await self._clause(request, clause), clause, at_sample, last=last)
            at_sample += len(piece.samples)
            self._on_audio(prompt_id, piece, last)

    async def _recorded(
        self, request: SpeechRequest, audio: str, prompts: RecordedPrompts | None
    ) -> SpeechAudio | None:
        if not audio or prompts is None:
            return None
        try:
            return await asyncio.to_thread(prompts.load, audio, request.language, request.text)
        except AudioFileError as error:
            if not split(request.text):
                raise SynthesisError(f"{error}, and there is no text to speak instead") from error
            logger.warning("%s; its text is spoken instead", error)
            return None

    async def _clause(self, request: SpeechRequest, clause: Clause, *, background: bool = False) -> SpeechAudio:
        reasons: list[str] = []
        for choice in self._chains.of(request.language, request.voice):
            try:
                return await self._make(choice, clause_request(request, clause, choice.voice), background=background)
            except SynthesisError as error:
                reasons.append(reason(choice.engine, error))
                logger.warning("synthesis by %s failed: %s", choice.engine, error)
        raise SynthesisError("; ".join(reasons))

    async def _make(self, choice: VoiceChoice, request: SpeechRequest, *, background: bool) -> SpeechAudio:
        key = cache_key(choice.engine, request)
        cached = self._cache.peek(key) or await asyncio.to_thread(self._cache.get, key)
        if cached is not None:
            return cached
        return await self._pool.make(
            choice.engine, request, lambda made: self._cache.put(key, made), background=background
        )

    # -- ahead

    async def prepare(self, requests: Sequence[SpeechRequest], progress: OnProgress | None = None) -> Prepared:
        """Render prompts into the cache while calls go first. Failures are collected, not raised."""
        failed: list[tuple[SpeechRequest, str]] = []
        for done, request in enumerate(requests, start=1):
            try:
                for clause in split(request.text):
                    await self._clause(request, clause, background=True)
            except IvrError as error:
                failed.append((request, str(error)))
            if progress is not None:
                progress(done, len(requests))
        return Prepared(len(requests) - len(failed), tuple(failed))


def _forget(_: SpeechAudio) -> None:
    """The sound of a warm-up is of no use."""
