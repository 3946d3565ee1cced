"""What a slot type is: text in, values with their place and probability out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from ivr.dialog.events import JsonValue
from ivr.dialog.text.canonical import Canonical, canonical
from ivr.errors import InputError

Settings = Mapping[str, JsonValue]
"""A slot's settings as JSON: `range` [min, max], `length` [shortest, longest], `currency`, `options`, `region`."""

# How sure a parser is of a value before the recogniser's confidence is weighed in.
EXPLICIT = 0.97
"""Said with its unit or cue: 150块, the fifteenth of march."""
BARE = 0.93
"""The whole utterance is the value, though nothing names its kind."""
PART = 0.8
"""A value without cue inside a longer sentence."""
GUESS = 0.65
"""One of several ways to take the words."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A value found in a text."""

    value: JsonValue
    p: float
    """Probability that the caller meant this value, if the text is right."""
    span: tuple[int, int]
    """Where in the text, in characters."""
    error: str = ""
    """`range` or `length` when the value breaks the slot's settings; empty = good."""
    explicit: bool = False
    """Said with a unit or cue that only this type has, so that it may be taken though another slot was asked."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """What a parser looks at."""

    text: str
    language: str
    canonical: Canonical
    now: datetime

    @classmethod
    def of(cls, text: str, language: str, now: datetime) -> Utterance:
        return cls(text, language, canonical(text, language), now)

    @property
    def chinese(self) -> bool:
        return self.language.startswith("zh")


class SlotParser(Protocol):
    """A slot type. Plug-ins give one of these under the entry point group `ivr.slots`; the entry's name is the type."""

    def __call__(self, utterance: Utterance, settings: Settings) -> list[Parsed]:
        """All values in the utterance, in any order. Never raises for odd text; ConfigError for wrong settings."""
        ...


def bounds(settings: Settings, key: str) -> tuple[JsonValue, JsonValue]:
    """The pair under `key`, (None, None) when it is absent. InputError when it is no pair."""
    value = settings.get(key)
    if value is None:
        return None, None
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise InputError(f"slot setting `{key}` must be [min, max], not {value!r}")
    return value[0], value[1]


def number_bounds(settings: Settings, key: str) -> tuple[float | None, float | None]:
    low, high = bounds(settings, key)
    return _number(low, key), _number(high, key)


def _number(value: JsonValue, key: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise InputError(f"slot setting `{key}` must hold numbers, not {value!r}")
    try:
        return float(value)
    except ValueError:
        raise InputError(f"slot setting `{key}` must hold numbers, not {value!r}") from None


def check_range(parsed: Parsed, settings: Settings) -> Parsed:
    """`parsed` with error `range` when its number lies outside of the slot's range."""
    low, high = number_bounds(settings, "range")
    value = parsed.value
    assert isinstance(value, int | float)
    outside = (low is not None and value < low) or (high is not None and value > high)
    return replace(parsed, error="range") if outside else parsed


_LONGEST_BESIDE = 60
"""A text that has so many characters beside a value is about more than it."""
LARGEST = 1e15
"""Nobody says a larger number; digits strung together for a whole minute are none."""


def about_all(source: str, span: tuple[int, int], han: int, latin: int) -> bool:
    """Is the value at `span` about all there is? At most `han` characters may stand beside it in Chinese text, `latin`
    in others."""
    if len(source) - (span[1] - span[0]) > _LONGEST_BESIDE:
        return False
    rest = re.sub(r"\W", "", source[: span[0]] + source[span[1] :])
    return len(rest) <= (han if re.search(r"[一-鿿]", source) else latin)


def plain_number(value: float) -> int | float:
    """15.0 -> 15: whole numbers are JSON integers."""
    return int(value) if value == int(value) else round(value, 6)
