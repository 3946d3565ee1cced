"""Which bundle a new call gets, followed live: a folder that a designer edits, or the active one of a store.

A change is built or loaded beside the calls; when something is wrong with it the old bundle stays, and what is wrong
is in the log and in `status`. Calls in progress keep the bundle they began with: it is freed with the last of them.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from watchfiles import Change, awatch

from ivr.dialog.bundle import RECORDINGS, Bundle, is_trained
from ivr.dialog.events import JsonValue
from ivr.dialog.lint import lint_folder
from ivr.errors import BundleError, DialogError, IvrError
from ivr.service.bundle_store import POINTER, BundleStore, Pointer

_log = logging.getLogger(__name__)

OnChange = Callable[[Bundle], None]
"""A bundle is served from now on."""
_SHOWN = 20
"""Problems of a refused bundle that go to the log."""
_NICE = ("nice", "-n", "5") if sys.platform != "win32" else ()


class ServedBundles(ABC):
    """See the module's text. `bundle` is what most new calls get."""

    def __init__(self, bundle: Bundle, source: Path, kind: str) -> None:
        self.bundle = bundle
        self.source = source
        self.kind = kind
        self.on_change: list[OnChange] = []
        self._since = _now()
        self._failure: dict[str, JsonValue] | None = None

    def choose(self, caller: str) -> Bundle:
        """The bundle for a new call."""
        return self.bundle

    @abstractmethod
    async def watch(self) -> None:
        """Follow the source until cancelled. Raises nothing of ours."""

    def status(self, running: Sequence[str]) -> dict[str, JsonValue]:
        """For `/api/bundles`; `running` = the hash of each call in progress."""
        calls: dict[str, JsonValue] = {name: running.count(name) for name in dict.fromkeys(running)}
        return {
            "source": self.kind, "folder": str(self.source), "active": self.bundle.hash,
            "hotline": self.bundle.definition.hotline.hotline, "since": self._since, "calls": calls,
            "failure": self._failure,
        }  # fmt: skip

    def _taken(self, bundle: Bundle) -> None:
        """It was good."""
        mended, self._failure = self._failure is not None, None
        if bundle.hash == self.bundle.hash:
            if mended:
                _log.info("%s is in order again; calls go on with %s", self.source, bundle.hash[:12])
            return
        self.bundle, self._since = bundle, _now()
        _log.info("new calls get bundle %s of %s", bundle.hash[:12], bundle.definition.hotline.hotline)
        self._told(bundle)

    def _told(self, bundle: Bundle) -> None:
        for listener in self.on_change:
            try:
                listener(bundle)
            except IvrError as error:
                _log.error("bundle %s: %s", bundle.hash[:12], error)

    def _refused(self, error: IvrError) -> None:
        """It was not: the old one stays."""
        problems = list(error.problems) if isinstance(error, DialogError) else []
        wrong = [problem for problem in problems if problem.severity == "error"]
        for line in [str(problem) for problem in wrong[:_SHOWN]] or [str(error)]:
            _log.error("%s: %s", self.source, line)
        _log.error(
            "%s is not served: errors: %d; calls go on with %s", self.source, len(wrong) or 1, self.bundle.hash[:12]
        )
        listed: list[JsonValue] = [asdict(problem) for problem in problems]
        self._failure = {"at": _now(), "message": str(error), "problems": listed}


class FolderBundles(ServedBundles):
    """A hotline's folder: built anew whenever one of its files changes. `trained` tells whether its phrases need no
    training."""

    def __init__(
        self, bundle: Bundle, folder: Path, build: Callable[[Path], Bundle],
        trained: Callable[[Path], bool] = is_trained,
    ) -> None:  # fmt: skip
        super().__init__(bundle, folder, "folder")
        self._build = build
        self._trained = trained

    async def watch(self) -> None:
        async for _ in awatch(self.source, watch_filter=_of_hotline, debounce=400, step=100):
            await self.reload()

    async def reload(self) -> None:
        """Build the folder as it is now."""
        try:
            problems = await asyncio.to_thread(lint_folder, self.source)
            if any(problem.severity == "error" for problem in problems):
                raise DialogError(problems)
            if not await asyncio.to_thread(self._trained, self.source):
                await _train_apart(self.source)
            self._taken(await asyncio.to_thread(self._build, self.source))
        except IvrError as error:
            self._refused(error)
        except Exception as error:  # the top of the task: a reload must not end the watch
            _log.exception("building %s failed", self.source)
            self._refused(BundleError(f"{type(error).__name__}: {error}"))


def _of_hotline(change: Change, path: str) -> bool:
    file = Path(path)
    hidden = file.name.startswith((".", "~")) or file.name.endswith("~")
    return not hidden and file.suffix.lower() in RECORDINGS | {".yaml", ".yml"}


async def _train_apart(folder: Path) -> None:
    """Train in a process of its own, into the cache: numbers are crunched where no call is on. Whatever comes of it
    (a broken hotline, no cache) is met again, with its reasons, when the bundle is built here."""
    process = await asyncio.create_subprocess_exec(
        *_NICE, sys.executable, "-m", "ivr", "build", str(folder), "--no-tests",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()


class StoreBundles(ServedBundles):
    """The store's active bundle, and the one on trial for its share of the callers."""

    def __init__(self, store: BundleStore, load: Callable[[str], Bundle]) -> None:
        """Raises BundleError when nothing was activated, or it cannot be loaded."""
        pointer = store.pointer()
        if not pointer.active:
            raise BundleError(f"no bundle is active in {store.folder}; `ivr bundle activate HASH` makes one so")
        super().__init__(load(pointer.active), store.folder, "bundles")
        self._store = store
        self._load = load
        self._pointer = pointer
        self._trial = load(pointer.trial) if pointer.trial else None

    def choose(self, caller: str) -> Bundle:
        if self._trial is not None and self._pointer.choose(caller) == self._trial.hash:
            return self._trial
        return self.bundle

    def status(self, running: Sequence[str]) -> dict[str, JsonValue]:
        history: list[JsonValue] = [asdict(line) for line in self._pointer.history[-10:]]
        trial: dict[str, JsonValue] = {"trial": self._pointer.trial, "share": self._pointer.share, "history": history}
        return {**super().status(running), **trial}

    async def watch(self) -> None:
        async for _ in awatch(self.source, watch_filter=_is_pointer, recursive=False, debounce=200, step=50):
            await self.reload()

    async def reload(self) -> None:
        """Do as the pointer says now."""
        try:
            pointer = await asyncio.to_thread(self._store.pointer)
            if not pointer.active:
                raise BundleError(f"no bundle is active in {self.source}")
            loaded = await asyncio.to_thread(self._needed, pointer)
        except IvrError as error:
            self._refused(error)
            return
        except Exception as error:  # the top of the task: a reload must not end the watch
            _log.exception("loading from %s failed", self.source)
            self._refused(BundleError(f"{type(error).__name__}: {error}"))
            return
        self._follow(pointer, loaded)

    def _needed(self, pointer: Pointer) -> Mapping[str, Bundle]:
        known = {bundle.hash: bundle for bundle in (self.bundle, self._trial) if bundle is not None}
        names = [name for name in (pointer.active, pointer.trial) if name]
        return {name: known.get(name) or self._load(name) for name in names}

    def _follow(self, pointer: Pointer, loaded: Mapping[str, Bundle]) -> None:
        before = self._trial.hash if self._trial else ""
        self._pointer, self._trial = pointer, loaded.get(pointer.trial)
        if self._trial is not None and self._trial.hash != before:
            _log.info("%.0f %% of the callers get bundle %s", pointer.share * 100, self._trial.hash[:12])
            self._told(self._trial)
        self._taken(loaded[pointer.active])


def _is_pointer(change: Change, path: str) -> bool:
    return Path(path).name == POINTER


def _now() -> str:
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")
