"""Once a day: what is older than the operator wants it kept is deleted."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from ivr.errors import StoreError
from ivr.store.config import RetentionConfig
from ivr.store.erasure import forget_old
from ivr.store.store import Store

_log = logging.getLogger(__name__)
DAY_S = 24 * 3600.0
FIRST_S = 60.0
"""After the start: the engines have other things to do."""


class Retention:
    """One for a process; nodes that share a database may all do it, it is done once."""

    def __init__(self, store: Store, limits: RetentionConfig, data: Path) -> None:
        self._store, self._limits, self._data = store, limits, data
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="retention")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        await asyncio.sleep(FIRST_S)
        while True:
            await self.once()
            await asyncio.sleep(DAY_S)

    async def once(self) -> None:
        """A database that is away is asked again the next day."""
        try:
            removed = await forget_old(self._store, self._data, self._limits)
        except StoreError as error:
            _log.error("retention: %s", error)
            return
        if counts := removed.counts():
            _log.info("retention: %s", ", ".join(f"{count} {kind}" for kind, count in counts.items()))
            await self._store.audit("system", "retention", "store", "", **counts)
