"""What understanding is trained from: a hotline's phrases, without its flows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ivr.dialog.events import JsonValue

Templates: TypeAlias = Mapping[str, Sequence[str]]
"""Language -> phrase templates."""


Value: TypeAlias = "str | int | float | bool"


class Encoder(Protocol):
    """A sentence encoder."""

    name: str
    """Part of the cache key: another name is another model."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32 (len(texts), dimension), each row of length 1."""
        ...


Encoders: TypeAlias = "Encoder | Mapping[str, Encoder] | None"
"""One for all languages, or one a language; languages without one are understood by n-grams alone."""


@dataclass(frozen=True, slots=True)
class Term:
    """A word of the hotline's trade, with the ways recognisers mishear it."""

    term: str
    sounds_like: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UnderstandingSpec:
    languages: tuple[str, ...]
    """First = fallback."""
    intents: Mapping[str, Templates] = field(default_factory=dict)
    """Flow -> its trigger's examples."""
    titles: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Flow -> language -> its trigger's title: an example that is also what `choose` offers."""
    commands: Mapping[str, Templates] = field(default_factory=dict)
    """Phrases the designer adds to the built-in ones."""
    spotted: Sequence[str] = ()
    """Commands whose phrases count wherever they stand in a sentence."""
    options: Mapping[str, Mapping[Value, Templates]] = field(default_factory=dict)
    """`flow.slot` (or `slot` for a slot of the hotline) -> option value -> its phrases."""
    lexicon: Sequence[Term] = ()
    anger: bool = True
    """Whether anger is looked for at all."""

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "languages": list(self.languages),
            "intents": _plain(self.intents),
            "titles": {flow: dict(titles) for flow, titles in self.titles.items()},
            "commands": _plain(self.commands),
            "spotted": list(self.spotted),
            "options": {
                slot: [[value, {lang: list(texts) for lang, texts in phrases.items()}] for value, phrases in by.items()]
                for slot, by in self.options.items()
            },
            "lexicon": [[term.term, list(term.sounds_like)] for term in self.lexicon],
            "anger": self.anger,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> UnderstandingSpec:
        return cls(
            languages=tuple(data["languages"]),
            intents=data["intents"],
            titles=data["titles"],
            commands=data["commands"],
            spotted=tuple(data.get("spotted", ())),
            options={slot: dict(pairs) for slot, pairs in data["options"].items()},
            lexicon=tuple(Term(term, tuple(sounds)) for term, sounds in data["lexicon"]),
            anger=data["anger"],
        )

    def digest(self) -> str:
        """SHA-256 of everything in it; part of the cache key."""
        return hashlib.sha256(json.dumps(self.to_json(), ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def _plain(phrases: Mapping[str, Templates]) -> dict[str, JsonValue]:
    return {name: {lang: list(texts) for lang, texts in by.items()} for name, by in phrases.items()}
