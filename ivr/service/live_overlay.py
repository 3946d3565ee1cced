"""The ops overlay of a running service: read at each call's start, told to the calls in progress, ended in time."""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from watchfiles import awatch

from ivr.dialog.bundle import Bundle
from ivr.dialog.events import JsonValue
from ivr.errors import InputError
from ivr.service.overlay import FILE, Overlay, OverlayFile, misfits

_log = logging.getLogger(__name__)
_LOOK_MS = 1000
"""Ends of entries are noticed so late at most."""


class LiveOverlay:
    """`current` is what is in force; `on_change` is called with it whenever that becomes another."""

    def __init__(
        self, data: Path, bundle: Callable[[], Bundle], clock: Callable[[], datetime.datetime] | None = None
    ) -> None:
        self._file = OverlayFile(data)
        self._bundle = bundle
        self._clock = clock or _now
        self.current = Overlay()
        self.failure = ""
        self.on_change: list[Callable[[Overlay], None]] = []

    def refresh(self) -> None:
        """Read the file and the clock. A file that cannot be read changes nothing but what has run out by now."""
        now = self._clock()
        try:
            found = self._file.in_force(now)
            self.failure = ""
        except InputError as error:
            if str(error) != self.failure:
                self.failure = str(error)
                _log.error("%s; what was set before stays", error)
            found = Overlay(tuple(entry for entry in self.current.entries if entry.in_force(now)))
        if found == self.current:
            return
        self._log_changes(found)
        self.current = found
        for text in misfits(found, self._bundle()):
            _log.warning("overlay: %s", text)
        for listener in self.on_change:
            listener(found)

    def _log_changes(self, found: Overlay) -> None:
        for entry in found.entries:
            if entry not in self.current.entries:
                by, why = entry.by or "unknown", f" ({entry.why})" if entry.why else ""
                _log.info("overlay: %s %s until %s, by %s%s", entry.kind, entry.name, entry.until, by, why)
        for entry in self.current.entries:
            if entry not in found.entries:
                _log.info("overlay: %s %s is over", entry.kind, entry.name)

    async def watch(self) -> None:
        """Follow the file and the clock until cancelled."""
        try:
            self._file.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            _log.error("%s: %s; the overlay is not followed", self._file.folder, error.strerror)
            return
        changes = awatch(
            self._file.folder, watch_filter=lambda _, path: Path(path).name == FILE, recursive=False,
            debounce=100, step=20, rust_timeout=_LOOK_MS, yield_on_timeout=True,
        )  # fmt: skip
        async for _ in changes:
            self.refresh()
            await asyncio.sleep(0)

    def status(self) -> dict[str, JsonValue]:
        """For `/api/overlay`."""
        entries: list[JsonValue] = [asdict(entry) for entry in self.current.entries]
        return {"entries": entries, "failure": self.failure}


def _now() -> datetime.datetime:
    return datetime.datetime.now().astimezone()
