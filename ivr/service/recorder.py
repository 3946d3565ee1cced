"""What is kept of a live call: `recording.flac` (caller left, bot right) and `journal.jsonl`, in a folder of its own.

Written by one thread for all calls, half a second at a time, so that a slow disk stops nobody. A full disk ends a
call's recording or its journal with an alarm, never the call. After kill -9 both are good up to their last second.
"""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

import numpy as np

from ivr.audio.frame import FRAME_MS, AudioFrame, Samples
from ivr.audio.wav import StereoWriter
from ivr.call.events import CallEvent
from ivr.call.journal import dumps
from ivr.errors import StoreError
from ivr.store.spool import private

_log = logging.getLogger(__name__)

_FLUSH_FRAMES = 500 // FRAME_MS
RECORDING = "recording.flac"
JOURNAL = "journal.jsonl"
CALL = "call.json"


@dataclass(frozen=True, slots=True)
class _Work:
    run: Callable[[], None]


class RecorderThread:
    """The one writer. `close` writes what is left, then ends."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
        self._thread.start()
        self.failures = 0
        """Recordings and journals that had to be given up: an alarm for the operator."""

    def put(self, run: Callable[[], None]) -> None:
        self._queue.put(_Work(run))

    @property
    def backlog(self) -> int:
        """Pieces of work not yet written."""
        return self._queue.qsize()

    def close(self, timeout_s: float = 30.0) -> None:
        self._queue.put(None)
        self._thread.join(timeout_s)

    def _work(self) -> None:
        while (work := self._queue.get()) is not None:
            try:
                work.run()
            except (StoreError, OSError, ValueError) as error:
                self.failures += 1
                _log.error("recording stopped: %s", error)


class FileRecorder:
    """One call's files; see the module's text. `folder` is made if it is not there."""

    def __init__(self, thread: RecorderThread, folder: Path, head: dict[str, object], *, sound: bool = True) -> None:
        self._thread = thread
        self._folder = folder
        self._head = head
        self._sound = sound
        self._writer: StereoWriter | None = None
        self._journal: TextIOWrapper | None = None
        self._caller: list[Samples] = []
        self._bot: list[Samples] = []
        self._lines: list[str] = []
        thread.put(self._open)

    def frames(self, caller: AudioFrame, bot: AudioFrame) -> None:
        """The same span of both sides."""
        self._caller.append(caller.samples)
        self._bot.append(bot.samples)
        if len(self._caller) >= _FLUSH_FRAMES:
            self._flush()

    def events(self, events: list[CallEvent]) -> None:
        self._lines.extend(dumps(event) for event in events)

    def close(self) -> None:
        self._flush()
        self._thread.put(self._close)

    def _flush(self) -> None:
        caller, bot, lines = self._caller, self._bot, self._lines
        self._caller, self._bot, self._lines = [], [], []
        if lines:
            self._thread.put(lambda: self._write_lines(lines))
        if caller:
            self._thread.put(lambda: self._write_sound(caller, bot))

    # -- on the recorder's thread; whatever raises there is counted as an alarm, and the call does not notice

    def _open(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(self._folder / CALL, "w", encoding="utf-8", opener=private) as head:
                json.dump(self._head, head, ensure_ascii=False, indent=1)
            self._journal = open(self._folder / JOURNAL, "w", encoding="utf-8", opener=private)  # noqa: SIM115
        except OSError as error:
            raise StoreError(f"{self._folder}: {error}") from error
        if self._sound:
            self._writer = StereoWriter(self._folder / RECORDING)
            (self._folder / RECORDING).chmod(0o600)

    def _write_lines(self, lines: list[str]) -> None:
        journal = self._journal
        if journal is None:
            return
        try:
            journal.write("".join(f"{line}\n" for line in lines))
            journal.flush()
        except OSError as error:
            self._journal = None
            with contextlib.suppress(OSError):  # what is still in its buffer fails once more
                journal.close()
            raise StoreError(f"{self._folder / JOURNAL}: {error}") from error

    def _write_sound(self, caller: list[Samples], bot: list[Samples]) -> None:
        if self._writer is None:
            return
        left, right = np.concatenate(caller), np.concatenate(bot)
        length = min(len(left), len(right))
        try:
            self._writer.write(left[:length], right[:length])
        except StoreError:  # the writer has closed its file
            self._writer = None
            raise

    def _close(self) -> None:
        writer, journal = self._writer, self._journal
        self._writer = self._journal = None
        try:
            if journal is not None:
                journal.close()
        except OSError as error:
            raise StoreError(f"{self._folder / JOURNAL}: {error}") from error
        finally:
            if writer is not None:
                writer.close()
