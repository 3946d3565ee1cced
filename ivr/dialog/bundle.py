"""A bundle: a hotline's flows, prompts and understanding as one thing, named by its hash.

Flows and model are made from the same files and never mixed, so they cannot fall out of step. A call keeps the bundle
it began with.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ivr import __version__
from ivr.dialog.engine import Step, step
from ivr.dialog.engine.compile import compile_program
from ivr.dialog.engine.program import Program
from ivr.dialog.engine.state import DialogState
from ivr.dialog.events import DialogEvent
from ivr.dialog.hints import Hint, hotline_hints
from ivr.dialog.lint import lint
from ivr.dialog.loader import Definition, parse, read_folder
from ivr.dialog.problems import Problems
from ivr.dialog.understanding import Encoders, Term, Understanding, UnderstandingSpec, cache_key, train
from ivr.errors import DialogError, ModelError, Problem

CACHE_VARIABLE = "IVR_CACHE"
"""Environment variable: the folder in which trained models are kept."""
RECORDINGS = frozenset({".wav", ".flac", ".ogg", ".mp3"})
"""Sound files of a hotline's folder: recorded prompts, and turns of tests."""


@dataclass(frozen=True)
class Bundle:
    """Everything a call needs of its hotline. Immutable; shared by all its calls."""

    definition: Definition
    program: Program
    understanding: Understanding
    hash: str
    problems: tuple[Problem, ...] = field(default=(), compare=False)
    """Warnings of the lint."""

    @cached_property
    def hints(self) -> dict[str, tuple[Hint, ...]]:
        """Language -> the hotline's vocabulary, for the recogniser."""
        spec = self.understanding.spec
        options = (phrases for by_value in spec.options.values() for phrases in by_value.values())
        return hotline_hints(self.definition.hotline, (*spec.intents.values(), *options))

    def step(self, state: DialogState | None, event: DialogEvent) -> Step:
        """The interpreter, bound to this bundle."""
        return step(self, state, event)


def build(folder: str | Path, encoder: Encoders = None, cache: Path | None = None) -> Bundle:
    """Parse, lint, compile, train. Raises DialogError with every problem when one of them is an error.

    `cache` keeps trained models by content; None = the folder named by IVR_CACHE, else `~/.cache/ivr`.
    """
    problems = Problems()
    definition = parse(read_folder(Path(folder), problems), str(folder), problems)
    if definition is None:
        raise DialogError(problems.sorted())
    return build_definition(definition, encoder, cache, problems)


def build_definition(
    definition: Definition, encoder: Encoders = None, cache: Path | None = None, problems: Problems | None = None
) -> Bundle:
    """As `build`, from a definition already read, with the problems found so far."""
    found = problems or Problems()
    lint(definition, found)
    if found.has_errors:
        raise DialogError(found.sorted())
    spec = understanding_spec(definition)
    understanding = _trained(spec, encoder, default_cache() if cache is None else cache)
    return assemble(definition, understanding, found.sorted())


def assemble(definition: Definition, understanding: Understanding, problems: tuple[Problem, ...] = ()) -> Bundle:
    """A bundle of a definition that was linted and the understanding trained from its phrases."""
    digest = _hash(definition, understanding)
    return Bundle(definition, compile_program(definition), understanding, digest, problems)


def hotline_files(definition: Definition) -> dict[str, Path]:
    """Every file that belongs to a hotline: its YAML, the recordings of its prompts, what its tests need."""
    folder = Path(definition.folder)
    names = set(definition.files) | {path.relative_to(folder).as_posix() for path in _recordings(folder)}
    return {name: folder / name for name in sorted(names)}


def _recordings(folder: Path) -> list[Path]:
    """Hidden folders (git's, an editor's) are none of the hotline's."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in RECORDINGS and path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def is_trained(folder: str | Path, encoder: Encoders = None, cache: Path | None = None) -> bool:
    """Whether the cache has the model of this folder's phrases: `build` is quick then."""
    definition = parse(read_folder(Path(folder), problems := Problems()), str(folder), problems)
    if definition is None:
        return False
    key = cache_key(understanding_spec(definition), encoder)
    return _cached(key, default_cache() if cache is None else cache).is_file()


def _cached(key: str, cache: Path) -> Path:
    return cache / "understanding" / f"{key}.bin"


def understanding_spec(definition: Definition) -> UnderstandingSpec:
    """The phrases of a hotline, without its flows."""
    hotline = definition.hotline
    options = {name: slot for name, slot in hotline.slots.items() if slot.options}
    options |= {
        f"{flow.flow}.{name}": slot
        for flow in definition.flows.values()
        for name, slot in flow.slots.items()
        if slot.options
    }
    triggers = {name: flow.trigger for name, flow in definition.flows.items() if flow.trigger}
    return UnderstandingSpec(
        languages=tuple(hotline.languages),
        intents={name: dict(trigger.examples) for name, trigger in triggers.items()},
        titles={name: dict(trigger.title) for name, trigger in triggers.items()},
        commands={name: dict(command.phrases) for name, command in hotline.commands.items() if command.phrases},
        spotted=tuple(name for name, command in hotline.commands.items() if command.inside),
        options={key: {option.value: dict(option.phrases) for option in slot.options} for key, slot in options.items()},
        lexicon=tuple(Term(term.term, tuple(term.sounds_like)) for term in hotline.lexicon),
    )


def default_cache() -> Path:
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ivr"


def _trained(spec: UnderstandingSpec, encoder: Encoders, cache: Path) -> Understanding:
    """The model of these phrases: from the cache where the same was trained before. A damaged file is trained anew."""
    path = _cached(cache_key(spec, encoder), cache)
    try:
        return Understanding.from_bytes(path.read_bytes(), encoder)
    except (OSError, ModelError):
        pass
    understanding = train(spec, encoder)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_bytes(understanding.to_bytes())
        part.replace(path)
    except OSError:
        pass  # a read-only home: the model is trained at every start
    return understanding


def _hash(definition: Definition, understanding: Understanding) -> str:
    """SHA-256 of the YAML, the recorded prompts, the model's key and the engine's version. Tests do not count."""
    folder = Path(definition.folder)
    recorded = {path.relative_to(folder).as_posix(): _content(path) for path in _recordings(folder)}
    digest = hashlib.sha256(f"{__version__}\n{understanding.key}\n".encode())
    for name, content in sorted({**definition.files, **recorded}.items()):
        if not name.startswith("tests/"):
            digest.update(f"{name}\n{len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()


def _content(path: Path) -> bytes:
    """A recording that cannot be read is as good as none: its text is spoken instead."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
