"""Records that the database would not take, one file each, until it does.

A file is written beside its name, synced and renamed, so a crash leaves a whole record or none. Names sort by time.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from ivr.errors import StoreError

Record: TypeAlias = dict[str, Any]
"""JSON data with the name of its `op`; see `ivr.store.records`."""


def private(path: str, flags: int) -> int:
    """An `opener`: nobody but the service's user may read the file."""
    return os.open(path, flags, 0o600)


class Spool:
    """A folder. Use it from one thread at a time. Raises StoreError when the folder cannot be used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._count = 0
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for left_over in folder.glob("*.tmp"):
                left_over.unlink()
        except OSError as error:
            raise StoreError(f"the spool folder {folder} cannot be used: {error.strerror}") from error
        self.pending = sum(1 for _ in self._files())
        """Records that wait."""

    def put(self, record: Record) -> None:
        """Keep a record. Raises StoreError when the disk will not have it either."""
        self._count += 1
        path = self.folder / f"{time.time_ns():020}-{os.getpid()}-{self._count:06}.json"
        partial = path.with_suffix(".tmp")
        try:
            with open(partial, "w", encoding="utf-8", opener=private) as file:
                json.dump(record, file, ensure_ascii=False)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise StoreError(f"cannot write to the spool folder {self.folder}: {error.strerror}") from error
        self.pending += 1

    def records(self) -> Iterator[tuple[Path, Record | None]]:
        """In order of time; None for a file that is no record."""
        for path in sorted(self._files()):
            try:
                found = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                found = None
            yield path, found if isinstance(found, dict) else None

    def done(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self.pending = max(0, self.pending - 1)

    def reject(self, path: Path) -> Path:
        """Put aside what can never be written, for a human to look at."""
        folder = self.folder / "rejected"
        folder.mkdir(exist_ok=True)
        target = folder / path.name
        path.replace(target)
        self.pending = max(0, self.pending - 1)
        return target

    def forget(self, is_about: Callable[[Record], bool]) -> int:
        """Delete the records that the function picks, those that were put aside too; returns how many."""
        gone = 0
        for path in [*self._files(), *self.folder.glob("rejected/*.json")]:
            try:
                record = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            if isinstance(record, dict) and is_about(record):
                path.unlink(missing_ok=True)
                gone += 1
        self.pending = sum(1 for _ in self._files())
        return gone

    def _files(self) -> Iterator[Path]:
        return self.folder.glob("*.json")
