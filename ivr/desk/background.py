"""Work that goes on beside what asked for it: kept until it is done, its faults logged, and waited for at the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from ivr.errors import StoreError

_log = logging.getLogger(__name__)


class Background:
    """One for an owner, who closes it. Only on a running loop."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        """Whose work it is, for the log."""
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[None]:
        """Begin it; what it raises is logged and ends nothing else."""
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self, *, cancel: bool = False) -> None:
        """Wait until all is done; `cancel`: stop it first."""
        if cancel:
            for task in tuple(self._tasks):
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _guarded(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        except StoreError as error:
            _log.error("%s: %s", self._owner, error)
        except Exception:
            _log.exception("%s: a task failed", self._owner)
