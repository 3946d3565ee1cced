"""Getting models: source after source, verified, and put in place in one step.

<root>/<id>/             a complete model: it appears whole or not at all
<root>/.downloads/<id>/  what is being downloaded: kept when a download breaks off, so that it can go on from there;
                         a file put here by hand is used instead of the network
<root>/.new-<id>/        a model being put together
<root>/.lock-<id>        held while one process does this
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from ivr.errors import ModelError
from ivr.models.clients import Client, FetchError, default_clients, find_download
from ivr.models.manifest import Model, ModelSource
from ivr.models.unpack import unpack_all, unpack_files
from ivr.models.verify import check, sha256_of, write_record


class Reporter(Protocol):
    """Who is told how it goes (a progress bar, a log)."""

    def artifact(self, model: Model, artifact: str) -> None: ...

    def progress(self, done: int, total: int) -> None: ...

    def failed(self, model: Model, reason: str) -> None: ...

    def waiting(self, model: Model) -> None: ...


class Quiet:
    """A reporter that says nothing."""

    def artifact(self, model: Model, artifact: str) -> None: ...

    def progress(self, done: int, total: int) -> None: ...

    def failed(self, model: Model, reason: str) -> None: ...

    def waiting(self, model: Model) -> None: ...


class Fetcher:
    """Brings models into `root`. `clients` maps a scheme to what gets its artifacts."""

    def __init__(
        self, root: Path, clients: Mapping[str, Client] | None = None, reporter: Reporter | None = None
    ) -> None:
        self._root = root
        self._clients = clients if clients is not None else default_clients()
        self._reporter = reporter or Quiet()

    def fetch(self, model: Model) -> bool:
        """Make the model complete; True when something was fetched, False when all was there (then no client is
        called). Raises ModelError that says what was tried and what to do by hand."""
        if not check(model, self._root / model.id):
            return False
        self._root.mkdir(parents=True, exist_ok=True)
        with self._lock(model):
            if not check(model, self._root / model.id):
                return False  # the process we waited for has done it
            self._fetch(model)
        return True

    def _fetch(self, model: Model) -> None:
        failures = []
        for source in model.sources:
            try:
                self._install(model, source)
            except FetchError as error:
                self._reporter.failed(model, str(error))
                failures.append(str(error))
            except OSError as error:
                raise ModelError(f"model {model.id} cannot be written to {self._root}: {error}") from error
            else:
                return
        raise ModelError(self._advice(model, failures))

    def _install(self, model: Model, source: ModelSource) -> None:
        """Download one source's artifacts, assemble the model beside its place, verify it, and swap it in."""
        downloads = self._downloads(model)
        downloads.mkdir(parents=True, exist_ok=True)
        self._check_space(model)
        artifacts = [self._get(model, artifact) for artifact in source.artifacts]
        new = self._root / f".new-{model.id}"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        try:
            self._assemble(model, source, artifacts, new)
        except FetchError:
            for artifact in artifacts:  # what is wrong now would be wrong again
                artifact.unlink(missing_ok=True)
            raise
        else:
            self._swap(model, new)
            shutil.rmtree(downloads)
        finally:
            shutil.rmtree(new, ignore_errors=True)

    def _get(self, model: Model, artifact: str) -> Path:
        """The artifact's file: by hand or from an earlier try where it lies ready, else by its client."""
        downloads = self._downloads(model)
        if ready := find_download(artifact, downloads):
            return ready
        client = self._clients.get(artifact.partition(":")[0])
        if client is None:
            raise FetchError(f"{artifact}: nothing here fetches such artifacts")
        self._reporter.artifact(model, artifact)
        return client(artifact, downloads, self._reporter.progress)

    def _assemble(self, model: Model, source: ModelSource, artifacts: list[Path], new: Path) -> None:
        if model.files:
            unpack_files(model.files, source, artifacts, new)
            if problems := check(model, new):
                wrong = problems[0]
                raise FetchError(f"{source.artifacts[0]}: {wrong.path.relative_to(new)}: {wrong.reason}")
            return
        digest = sha256_of(artifacts[0])
        if digest != source.sha256:
            raise FetchError(f"{source.artifacts[0]}: sha256 is {digest}, must be {source.sha256}")
        unpack_all(artifacts[0], source.strip, new)
        write_record(new)

    def _swap(self, model: Model, new: Path) -> None:
        """Put `new` where the model belongs. A damaged old one steps aside first: a folder with files in it cannot be
        replaced in one call."""
        place = self._root / model.id
        old = self._root / f".old-{model.id}"
        shutil.rmtree(old, ignore_errors=True)
        if place.exists():
            os.replace(place, old)
        os.replace(new, place)
        shutil.rmtree(old, ignore_errors=True)

    def _check_space(self, model: Model) -> None:
        """A download plus what comes out of it: twice the model, roughly."""
        free = shutil.disk_usage(self._root).free
        if free < 2 * model.size:
            raise ModelError(
                f"model {model.id} needs about {2 * model.size // 1_000_000} MB in {self._root} while it is fetched, "
                f"{free // 1_000_000} MB are free; make room or set IVR_MODELS to another folder"
            )

    def _downloads(self, model: Model) -> Path:
        return self._root / ".downloads" / model.id

    def _advice(self, model: Model, failures: list[str]) -> str:
        lines = [f"model {model.id} could not be fetched. Tried:"]
        lines += [f"  - {failure}" for failure in failures]
        lines.append("By hand: get the files of one of these lines on a machine that can,")
        for source in model.sources:
            lines.append("  - " + " ".join(source.artifacts[:5]) + (" …" if len(source.artifacts) > 5 else ""))
        lines.append(f"put them into {self._downloads(model)}/ and run: ivr models fetch {model.id}")
        return "\n".join(lines)

    @contextlib.contextmanager
    def _lock(self, model: Model) -> Iterator[None]:
        """One process at a time; the lock goes with the process that holds it."""
        with (self._root / f".lock-{model.id}").open("w") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._reporter.waiting(model)
                fcntl.flock(stream, fcntl.LOCK_EX)
            yield
