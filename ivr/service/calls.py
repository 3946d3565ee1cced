"""The live services of all calls of a process: who carries out which command."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from ivr.backend.client import BackendClient
from ivr.backend.request import Environment
from ivr.call.driver import CallDriver
from ivr.call.events import (
    BackendFailed,
    BackendReplied,
    CallBackend,
    CancelPrompt,
    CancelRecognition,
    Command,
    EngineEvent,
    EnterQueue,
    FeedRecognition,
    FinishRecognition,
    JudgeTurn,
    QuitQueue,
    RecognitionFailed,
    StartRecognition,
    Synthesise,
    Understand,
    UtteranceUnderstood,
)
from ivr.dialog.bundle import Bundle
from ivr.dialog.events import JsonValue, Spoken, Understood
from ivr.errors import ActionError
from ivr.service.end_of_turn import LiveEndOfTurn
from ivr.service.recognition import LiveRecognition
from ivr.service.synthesis import LiveSynthesis

_log = logging.getLogger(__name__)


class Desk(Protocol):
    """The human side, as far as calls need it (`ivr.desk`)."""

    def enter(self, driver: CallDriver, command: EnterQueue) -> None:
        """The caller waits for a human; news comes by `driver.deliver(QueueChanged)`."""

    def leave(self, driver: CallDriver, reason: str) -> None:
        """The caller waits no longer."""


def understand(bundle: Bundle, command: Understand) -> Understood:
    """Read an utterance in the light of what was asked."""
    spoken = [Spoken(hypothesis.text, hypothesis.confidence) for hypothesis in command.hypotheses]
    return bundle.understanding.read(spoken, command.expectation)


class CallServices:
    """One for a process. `adopt` tells it which bundle a call runs on."""

    def __init__(
        self, recognition: LiveRecognition, synthesis: LiveSynthesis, backend: BackendClient, desk: Desk
    ) -> None:
        self._recognition = recognition
        self._synthesis = synthesis
        self._backend = backend
        self._desk = desk
        self.end_of_turn: LiveEndOfTurn | None = None
        """Set by whoever has an end-of-turn model."""
        self._bundles: dict[CallDriver, Bundle] = {}
        self._contexts: dict[CallDriver, Mapping[str, JsonValue]] = {}
        self._environments: dict[CallDriver, Environment] = {}
        self._tasks: dict[CallDriver, set[asyncio.Task[None]]] = {}
        # One thread: reading takes milliseconds, and more would only take turns on the interpreter lock.
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="understanding")

    def adopt(
        self, driver: CallDriver, bundle: Bundle, environment: Environment, context: Mapping[str, JsonValue]
    ) -> None:
        """Before the call starts: its hotline, and what Python actions are told of it."""
        self._bundles[driver] = bundle
        self._environments[driver] = environment
        self._contexts[driver] = context
        self._tasks[driver] = set()

    def close(self) -> None:
        if self.end_of_turn is not None:
            self.end_of_turn.close()
        self._reader.shutdown(wait=False, cancel_futures=True)

    # -- the driver's Services

    def carry_out(self, driver: CallDriver, command: Command) -> None:
        if isinstance(command, (StartRecognition, FeedRecognition, FinishRecognition, CancelRecognition)):
            self._recognition.carry_out(driver, command)
        elif isinstance(command, (Synthesise, CancelPrompt)):
            self._synthesis.carry_out(driver, command)
        elif isinstance(command, Understand):
            self._run(driver, self._understand(driver, command), lambda why: RecognitionFailed(command.utterance, why))
        elif isinstance(command, JudgeTurn):
            if self.end_of_turn is not None:
                self.end_of_turn.carry_out(driver, command)
        elif isinstance(command, CallBackend):
            self._run(driver, self._call(driver, command), lambda why: BackendFailed(command.action, "http", why))
        elif isinstance(command, EnterQueue):
            self._desk.enter(driver, command)
        elif isinstance(command, QuitQueue):
            self._desk.leave(driver, command.reason)

    def forget(self, driver: CallDriver) -> None:
        self._recognition.forget(driver)
        self._synthesis.forget(driver)
        self._desk.leave(driver, "call over")
        for task in self._tasks.pop(driver, set()):
            task.cancel()
        for table in (self._bundles, self._contexts, self._environments):
            table.pop(driver, None)

    def _run(
        self, driver: CallDriver, work: Coroutine[None, None, EngineEvent], failed: Callable[[str], EngineEvent]
    ) -> None:
        """Do it in a task of the call; whatever happens in there, the core gets an answer."""

        async def task() -> None:
            try:
                event = await work
            except Exception as error:
                _log.exception("call %s: a service failed", driver.info.call_id)
                event = failed(f"{type(error).__name__}: {error}")
            driver.deliver(event)

        tasks = self._tasks.setdefault(driver, set())
        running = asyncio.get_running_loop().create_task(task())
        tasks.add(running)
        running.add_done_callback(tasks.discard)

    async def _understand(self, driver: CallDriver, command: Understand) -> EngineEvent:
        loop = asyncio.get_running_loop()
        understood = await loop.run_in_executor(self._reader, understand, self._bundles[driver], command)
        return UtteranceUnderstood(command.utterance, understood)

    async def _call(self, driver: CallDriver, command: CallBackend) -> EngineEvent:
        action = self._bundles[driver].definition.actions.get(command.name)
        if action is None:
            return BackendFailed(command.action, "http", f"no action {command.name!r} in this hotline")
        try:
            result = await self._backend.call(
                command.name, action, command.args, timeout_ms=command.timeout_ms,
                idempotency_key=command.idempotency_key, context=self._contexts[driver],
                environment=self._environments[driver],
            )  # fmt: skip
        except ActionError as error:
            kind = error.kind if error.kind in {"timeout", "data"} else "http"
            return BackendFailed(command.action, kind, str(error))  # type: ignore[arg-type]
        return BackendReplied(command.action, result)
