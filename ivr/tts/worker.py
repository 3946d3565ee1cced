"""A process that synthesises, and the handle its parent holds.

Engines are native code: one that crashes or hangs takes this process down and no call. The exchange is one clause at a
time over a pipe, so a cancelled prompt costs at most the clause that is being made.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
from collections.abc import Mapping
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from ivr.errors import IvrError, SynthesisError
from ivr.tts import registry
from ivr.tts.base import SpeechAudio, SpeechRequest, Synthesiser
from ivr.tts.rendering import render_clause

logger = logging.getLogger(__name__)

EngineSettings = Mapping[str, Mapping[str, Any]]
NICENESS = 10
"""Synthesis yields the core to the media loop, as recognition does: a clause may wait for a packet, not the reverse."""
_JOIN_S = 2.0


def serve(connection: Connection, settings: EngineSettings) -> None:
    """Body of the worker process: answer (engine, request) with SpeechAudio or a reason, until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides when we end
    os.nice(NICENESS)
    engines: dict[str, Synthesiser] = {}
    while True:
        try:
            engine, request = connection.recv()
        except (EOFError, OSError):
            break
        answer: SpeechAudio | str
        try:
            if engine not in engines:
                engines[engine] = registry.create(engine, settings.get(engine))
            answer = render_clause(engines[engine], request)
        except IvrError as error:
            answer = str(error)
        except Exception as error:  # top of the process: an engine's bug is told, the next clause may be fine
            logger.exception("synthesiser %s failed", engine)
            answer = f"{engine}: {type(error).__name__}: {error}"
        with contextlib.suppress(OSError):
            connection.send(answer)
    for loaded in engines.values():
        loaded.close()


class Worker:
    """Starts its process when first used and again after it died. `exchange` blocks: call it on a thread, one at a
    time."""

    def __init__(self, settings: EngineSettings, clause_timeout_s: float, load_timeout_s: float) -> None:
        self._settings = settings
        self._clause_timeout_s = clause_timeout_s
        self._load_timeout_s = load_timeout_s
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._loaded: set[tuple[str, str]] = set()
        self.restarts = -1
        """How often the process was started after the first time; -1 = never started."""

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def exchange(self, engine: str, request: SpeechRequest) -> SpeechAudio:
        """One clause. Raises SynthesisError when the engine failed, hung or took the process down."""
        connection = self._connect()
        warm = (engine, request.language) in self._loaded
        timeout = self._clause_timeout_s if warm else self._load_timeout_s
        try:
            connection.send((engine, request))
            if not connection.poll(timeout):
                self.kill()
                raise SynthesisError(f"{engine} gave no sound within {timeout:g} s; its worker is restarted")
            answer = connection.recv()
        except (EOFError, OSError) as error:
            self.kill()
            raise SynthesisError(f"{engine} took its worker process down ({type(error).__name__})") from error
        if isinstance(answer, str):
            raise SynthesisError(answer)
        assert isinstance(answer, SpeechAudio)
        self._loaded.add((engine, request.language))
        return answer

    def _connect(self) -> Connection:
        if self._connection is not None and self._process is not None and self._process.is_alive():
            return self._connection
        self.kill()
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        # No daemon: piper's worker has a child of its own, and the closed pipe ends this process anyway.
        process = context.Process(target=serve, args=(theirs, self._settings), name="ivr-tts")
        process.start()
        theirs.close()
        self._process, self._connection = process, ours
        self.restarts += 1
        return ours

    def interrupt(self) -> None:
        """End the process from another thread: a blocked `exchange` returns with SynthesisError."""
        process = self._process
        if process is not None:
            with contextlib.suppress(ValueError):  # closed in this moment
                process.kill()

    def close(self) -> None:
        """Let the process end by itself, then make it."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            self._process.join(_JOIN_S)
        self.kill()

    def kill(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
            self._process = None
        self._loaded.clear()
