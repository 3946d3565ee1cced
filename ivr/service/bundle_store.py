"""Built hotlines on disk: one folder a bundle, named by its hash and never changed, and a pointer to the active one.

    bundles/
      1f0c.../            bundle.json, understanding.bin, hotline/ (YAML, recorded prompts, tests)
      active.json         which one new calls get, which one is tried on a share of them, and what was active before

Everything is written beside its place and renamed into it, so a reader never sees half of it; one writer at a time has
the lock. A folder is checked against its own list of SHA-256 sums, and its name against its content, each time it is
loaded: what was changed by hand is refused.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivr import __version__
from ivr.dialog.bundle import Bundle, assemble, hotline_files
from ivr.dialog.loader import parse, read_folder
from ivr.dialog.problems import Problems
from ivr.dialog.understanding import Encoders, Understanding
from ivr.errors import BundleError, DialogError, ModelError

FORMAT = 1
MANIFEST, MODEL, HOTLINE, POINTER, LOCK = "bundle.json", "understanding.bin", "hotline", "active.json", ".lock"
HISTORY = 100
"""Activations that are remembered."""
SHORTEST = 4
"""Characters of a hash that may stand for all of it."""
_HASH = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class Built:
    """What is known of a bundle without loading it."""

    hash: str
    hotline: str
    engine: str
    built_at: str
    """ISO 8601."""
    tests: int
    warnings: int


@dataclass(frozen=True, slots=True)
class Activation:
    """One line of the pointer's history."""

    at: str
    """ISO 8601."""
    action: str
    """`activate`, `try` (a share of the calls) or `rollback`."""
    hash: str
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Pointer:
    """Which bundle new calls get."""

    active: str = ""
    """Hash; empty = none was ever activated."""
    trial: str = ""
    """Hash of a bundle that a share of the callers gets; empty = none."""
    share: float = 0.0
    """Of the callers, by a hash of their number: the same caller always gets the same one."""
    history: tuple[Activation, ...] = ()

    def choose(self, caller: str) -> str:
        """The bundle for this caller."""
        return self.trial if self.trial and in_share(self.trial, caller, self.share) else self.active


def in_share(name: str, caller: str, share: float) -> bool:
    """Whether a caller belongs to the share (0..1) of `name`; another name draws other callers."""
    digest = hashlib.sha256(f"{name}/{caller}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 < share


class BundleStore:
    """A folder of bundles. Raises BundleError with what to do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    # -- bundles

    def put(self, bundle: Bundle, built_at: str) -> Path:
        """Write a bundle into its folder; one that is there already is left as it is."""
        place = self.folder / bundle.hash
        if place.exists():
            return place
        part = self.folder / f".{bundle.hash}.{os.getpid()}.part"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(part, ignore_errors=True)
            _write(bundle, part, built_at)
            part.rename(place)
        except OSError as error:
            shutil.rmtree(part, ignore_errors=True)
            if place.exists():  # another process was quicker; the same hash is the same bundle
                return place
            raise BundleError(f"{place}: cannot be written: {error.strerror or error}") from error
        return place

    def list(self) -> list[Built]:
        """All bundles, newest first. Folders that are none are passed over."""
        found = []
        for path in self.folder.glob("*/" + MANIFEST) if self.folder.is_dir() else ():
            with contextlib.suppress(BundleError):
                found.append(_built(_manifest(path.parent)))
        return sorted(found, key=lambda built: (built.built_at, built.hash), reverse=True)

    def find(self, name: str) -> str:
        """The hash that begins with `name` (four characters or more)."""
        if len(name) < SHORTEST or not re.fullmatch(r"[0-9a-f]{1,64}", name):
            raise BundleError(f"{name[:80]!r} is no bundle: {SHORTEST} or more characters of its hash are needed")
        names = [path.parent.name for path in self.folder.glob(f"{name}*/{MANIFEST}")]
        names = sorted(name for name in names if _HASH.match(name))
        if not names:
            raise BundleError(f"no bundle {name[:12]} in {self.folder}; `ivr bundle list` shows what is there")
        if len(names) > 1:
            raise BundleError(f"{name} begins {len(names)} bundles: " + ", ".join(each[:16] for each in names))
        return names[0]

    def load(self, name: str, encoder: Encoders = None) -> Bundle:
        """A bundle as it was built; every file is checked first."""
        full = self.find(name)
        place = self.folder / full
        manifest = _manifest(place)
        _verify(place, manifest)
        if manifest["engine"] != __version__:
            raise BundleError(
                f"bundle {full[:12]} was built by ivr {manifest['engine']}, this is {__version__}: build it again"
            )
        problems = Problems()
        definition = parse(read_folder(place / HOTLINE, problems), str(place / HOTLINE), problems)
        if definition is None or problems.has_errors:
            raise DialogError(problems.sorted())
        try:
            understanding = Understanding.from_bytes((place / MODEL).read_bytes(), encoder)
        except (OSError, ModelError) as error:
            encoders = ", ".join(manifest["encoders"]) or "none"
            raise BundleError(f"bundle {full[:12]} (sentence encoders: {encoders}): {error}") from error
        bundle = assemble(definition, understanding)
        if bundle.hash != full:
            raise BundleError(f"bundle {full[:12]}: its content has the hash {bundle.hash[:12]}; build it again")
        return bundle

    def remove(self, name: str) -> str:
        """Delete a bundle that no call can get any more."""
        with self._locked():
            full, pointer = self.find(name), self.pointer()
            if full in (pointer.active, pointer.trial):
                raise BundleError(f"bundle {full[:12]} is in use; activate another one first")
            try:
                for path in (self.folder / full, *(self.folder / full).rglob("*")):
                    path.chmod(0o755 if path.is_dir() else 0o644)
                shutil.rmtree(self.folder / full)
            except OSError as error:
                raise BundleError(f"{self.folder / full}: cannot be deleted: {error.strerror}") from error
        return full

    # -- the pointer

    def pointer(self) -> Pointer:
        """What is active now; nothing where no bundle was ever activated."""
        path = self.folder / POINTER
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            history = tuple(Activation(**line) for line in data["history"])
            pointer = Pointer(str(data["active"]), str(data["trial"]), float(data["share"]), history)
        except FileNotFoundError:
            return Pointer()
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise BundleError(f"{path}: damaged: {error!r}; activate a bundle anew") from error
        for name in (pointer.active, pointer.trial):
            if name and not _HASH.match(name):
                raise BundleError(f"{path}: {name[:80]!r} is no hash; activate a bundle anew")
        return pointer

    def activate(self, name: str, at: str, share: float = 1.0) -> Pointer:
        """New calls get this bundle, or `share` of the callers do while the others keep the active one."""
        if not 0 < share <= 1:
            raise BundleError(f"a share lies between 0 and 100%, not {share:.0%}")
        with self._locked():
            full, now = self.find(name), self._pointer_or_none()
            if share < 1 and not now.active:
                raise BundleError("no bundle is active yet: activate one for all calls first")
            if share < 1 and full == now.active:
                raise BundleError(f"bundle {full[:12]} is active for all calls already")
            history = (*now.history, Activation(at, "try" if share < 1 else "activate", full, share))[-HISTORY:]
            if share < 1:
                return self._point(Pointer(now.active, full, share, history))
            return self._point(Pointer(full, "", 0.0, history))

    def rollback(self, at: str) -> Pointer:
        """End the trial; without one, the bundle that was active before."""
        with self._locked():
            now = self.pointer()
            if now.trial:
                line = Activation(at, "rollback", now.active)
                return self._point(Pointer(now.active, "", 0.0, (*now.history, line)[-HISTORY:]))
            before = self._before(now)
            line = Activation(at, "rollback", before)
            return self._point(Pointer(before, "", 0.0, (*now.history, line)[-HISTORY:]))

    def _before(self, now: Pointer) -> str:
        """The bundle in force before the active one; several rollbacks in a row go further and further back."""
        stack: list[str] = []
        for line in now.history:
            if line.action == "activate" and (not stack or stack[-1] != line.hash):
                stack.append(line.hash)
            elif line.action == "rollback" and line.hash in stack:
                del stack[len(stack) - 1 - stack[::-1].index(line.hash) + 1 :]
        earlier = [name for name in stack[:-1] if (self.folder / name / MANIFEST).is_file()]
        if not earlier:
            raise BundleError("there is no earlier bundle to go back to")
        return earlier[-1]

    def _pointer_or_none(self) -> Pointer:
        """A damaged pointer is mended by the next activation."""
        try:
            return self.pointer()
        except BundleError:
            return Pointer()

    def _point(self, pointer: Pointer) -> Pointer:
        history = [{"at": a.at, "action": a.action, "hash": a.hash, "share": a.share} for a in pointer.history]
        data = {"active": pointer.active, "trial": pointer.trial, "share": pointer.share, "history": history}
        write_json(self.folder / POINTER, data)
        return pointer

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with locked(self.folder):
            yield


# --------------------------------------------------------------------------------------------------------------- files


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One writer at a time, over all processes. Raises BundleError where the folder cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("w", encoding="utf-8")
    except OSError as error:
        raise BundleError(f"{folder}: cannot be written: {error.strerror}") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write_json(path: Path, data: object) -> None:
    """All of it or nothing, even when the machine stops in between. Raises BundleError."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.write(json.dumps(data, ensure_ascii=False, indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise BundleError(f"{path}: cannot be written: {error.strerror}") from error


def _write(bundle: Bundle, place: Path, built_at: str) -> None:
    definition = bundle.definition
    sums: dict[str, str] = {}

    def put(name: str, content: bytes) -> None:
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o444)
        sums[name] = hashlib.sha256(content).hexdigest()

    for name, source in hotline_files(definition).items():
        put(f"{HOTLINE}/{name}", definition.files.get(name) or source.read_bytes())
    put(MODEL, bundle.understanding.to_bytes())
    manifest = {
        "format": FORMAT, "hash": bundle.hash, "hotline": definition.hotline.hotline, "engine": __version__,
        "built_at": built_at, "understanding": bundle.understanding.key, "languages": list(definition.languages),
        "encoders": sorted(f"{lang}={each.name}" for lang, each in bundle.understanding.encoders.items()),
        "tests": len(definition.tests), "warnings": [str(problem) for problem in bundle.problems], "files": sums,
    }  # fmt: skip
    path = place / MANIFEST
    path.write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    path.chmod(0o444)


def _manifest(place: Path) -> Mapping[str, Any]:
    path = place / MANIFEST
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(f"{path}: cannot be read: {error}") from error
    needed = {"format", "hash", "hotline", "engine", "built_at", "files", "encoders", "tests", "warnings"}
    if not isinstance(data, dict) or needed - set(data) or data["format"] != FORMAT:
        raise BundleError(f"{path}: no manifest of a bundle (format {FORMAT})")
    return data


def _built(manifest: Mapping[str, Any]) -> Built:
    return Built(
        str(manifest["hash"]), str(manifest["hotline"]), str(manifest["engine"]), str(manifest["built_at"]),
        int(manifest["tests"]), len(manifest["warnings"]),
    )  # fmt: skip


def _verify(place: Path, manifest: Mapping[str, Any]) -> None:
    """Every file is there, unchanged, and no other one."""
    there = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()} - {MANIFEST}
    sums: Mapping[str, str] = manifest["files"]
    wrong = [f"{name} is missing" for name in sorted(set(sums) - there)]
    wrong += [f"{name} does not belong to it" for name in sorted(there - set(sums))]
    for name in sorted(there & set(sums)):
        try:
            changed = hashlib.sha256((place / name).read_bytes()).hexdigest() != sums[name]
        except OSError as error:
            wrong.append(f"{name} cannot be read: {error.strerror}")
            continue
        if changed:
            wrong.append(f"{name} was changed")
    if wrong:
        raise BundleError(f"bundle {place.name[:12]} is damaged: {'; '.join(wrong[:5])}; build it again")
