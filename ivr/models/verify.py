"""Is a fetched model what the manifest says? And: where is it, for the engine that loads it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ivr.errors import ModelError
from ivr.models.manifest import Manifest, Model, ModelFile, load_manifest, models_root

RECORD = ".files.json"
"""Beside a model that only its archive pins: the files that came out of the verified archive."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one file of a model."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def sha256_of(path: Path) -> str:
    """The file's SHA-256 in lower-case hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def expected_files(model: Model, folder: Path) -> tuple[ModelFile, ...]:
    """The files a model must have: the manifest's, or those recorded when its archive was unpacked (() = not yet)."""
    if model.files:
        return model.files
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return tuple(ModelFile(item["path"], item["size"], item["sha256"]) for item in record)
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def write_record(folder: Path) -> None:
    """Record every file of a freshly unpacked model folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != RECORD)
    record = [
        asdict(ModelFile(path.relative_to(folder).as_posix(), path.stat().st_size, sha256_of(path))) for path in paths
    ]
    (folder / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")


def check(model: Model, folder: Path, *, hashes: bool = True) -> list[Problem]:
    """All problems of a model's files under its `folder`; [] = complete. Without `hashes` only presence and size are
    looked at, which is quick enough for every start of an engine."""
    expected = expected_files(model, folder)
    if not expected:
        return [Problem(folder, "not fetched")]
    reasons = ((folder / file.path, _reason(folder / file.path, file, hashes=hashes)) for file in expected)
    return [Problem(path, reason) for path, reason in reasons if reason]


def _reason(path: Path, file: ModelFile, *, hashes: bool) -> str:
    try:
        size = path.stat().st_size
        if size != file.size:
            return f"has {size} bytes, must have {file.size}"
        if hashes and (digest := sha256_of(path)) != file.sha256:
            return f"sha256 is {digest}, must be {file.sha256}"
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return ""


def available(model_id: str, *, root: Path | None = None, manifest: Manifest | None = None) -> bool:
    """Are the model's files there in full size?"""
    model = (manifest or load_manifest()).get(model_id)
    return not check(model, (root or models_root()) / model.id, hashes=False)


def model_path(model_id: str, *, root: Path | None = None, manifest: Manifest | None = None) -> Path:
    """The folder of a fetched model, its files present and of the right size. Raises ModelError that names the first
    wrong file and the command that repairs it."""
    model = (manifest or load_manifest()).get(model_id)
    folder = (root or models_root()) / model.id
    problems = check(model, folder, hashes=False)
    if not problems:
        return folder
    if not folder.exists():
        raise ModelError(f"model {model_id} is not fetched ({folder}); run: ivr models fetch {model_id}")
    raise ModelError(f"model {model_id} is damaged: {problems[0]}; run: ivr models fetch {model_id}")
