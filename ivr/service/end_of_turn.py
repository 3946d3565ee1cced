"""The end-of-turn model of a live service: one thread for all calls, which answers in time or not at all."""

from __future__ import annotations

import asyncio
import functools
import logging
from concurrent.futures import ThreadPoolExecutor

from ivr.call.driver import CallDriver
from ivr.call.events import JudgeTurn, TurnJudged
from ivr.end_of_turn import MODEL, EndOfTurnModel, SmartTurn
from ivr.errors import EngineError
from ivr.models.verify import available

_log = logging.getLogger(__name__)

NONE = "none"
_MOST_WAITING = 2
"""A question behind so many others would be answered after the silence has decided."""


def end_of_turn_model(name: str = "auto") -> EndOfTurnModel | None:
    """By its name in the configuration: `auto` is Smart Turn where it was fetched. Raises ModelError."""
    if name == NONE or (name == "auto" and not available(MODEL)):
        return None
    return _smart_turn()


@functools.cache
def _smart_turn() -> EndOfTurnModel:
    return SmartTurn()


class LiveEndOfTurn:
    """One for a process. When an answer took longer than `late_s` the machine is busy: it asks no more for `rest_s`,
    and silence decides alone."""

    def __init__(self, model: EndOfTurnModel, late_s: float = 0.35, rest_s: float = 5.0) -> None:
        self._model = model
        self._late_s = late_s
        self._rest_s = rest_s
        self._rest_until = 0.0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="end-of-turn")
        self._waiting = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.skipped = 0
        """Questions that nobody answered because too many waited, or the machine was busy."""
        self.failures = 0

    def carry_out(self, driver: CallDriver, command: JudgeTurn) -> None:
        """Answer by `driver.deliver(TurnJudged)`, unless there is too much to do."""
        if self._waiting >= _MOST_WAITING or asyncio.get_running_loop().time() < self._rest_until:
            self.skipped += 1
            return
        self._waiting += 1
        task = asyncio.get_running_loop().create_task(self._judge(driver, command))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _judge(self, driver: CallDriver, command: JudgeTurn) -> None:
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        try:
            probability = await loop.run_in_executor(self._thread, self._model.judge, command.samples)
        except EngineError as error:
            self.failures += 1
            _log.error("call %s: %s", driver.info.call_id, error)
            return
        finally:
            self._waiting -= 1
        if loop.time() - asked_at > self._late_s:
            self._rest_until = loop.time() + self._rest_s
        driver.deliver(TurnJudged(command.utterance, command.at, round(probability, 4)))

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
