"""Once a day: what is older than the operator wants it kept is deleted."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from ivr.dialog.schema.hotline import Hotline
from ivr.errors import StoreError
from ivr.store.config import RetentionConfig
from ivr.store.erasure import forget_old
from ivr.store.store import Store

_log = logging.getLogger(__name__)
DAY_S = 24 * 3600.0
DAY_MS = 86_400_000
FIRST_S = 60.0
"""After the start: the engines have other things to do."""


def kept_longer(limits: RetentionConfig, hotline: Hotline) -> list[str]:
    """Where the operator's settings keep calls longer than the hotline itself asks for; nothing where it asks nothing.
    What is deleted is the operator's word alone: other hotlines' calls may lie in the same database."""
    if "retention" not in hotline.model_fields_set:
        return []
    asked = hotline.retention
    recordings = min(filter(None, (limits.recordings_days, limits.calls_days)), default=0)
    kept = (("recordings_days", recordings, asked.audio_ms), ("calls_days", limits.calls_days, asked.text_ms))
    return [
        f"hotline.yaml asks to keep calls {asked_ms // DAY_MS} days, [retention] {name} = {days or '0 (for ever)'}"
        for name, days, asked_ms in kept
        if not days or days * DAY_MS > asked_ms
    ]


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
