"""The spoken filters of the expression language, and expressions bound to them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from ivr.dialog import expressions
from ivr.dialog.events import JsonValue
from ivr.dialog.expressions import ExpressionError
from ivr.dialog.spoken import verbaliser, writer
from ivr.errors import InputError


@dataclass(frozen=True, slots=True)
class Compiled:
    """An expression of the hotline, with the hotline's currency for `money`."""

    expression: expressions.Expression
    currency: str

    @property
    def names(self) -> frozenset[str]:
        return self.expression.names

    def evaluate(self, names: Mapping[str, JsonValue], language: str) -> JsonValue:
        today = str(names.get("now", "1970-01-01"))[:10]
        call = names.get("call")
        written = isinstance(call, dict) and call.get("channel") == "text"
        return self.expression.evaluate(names, spoken_filters(language, today, self.currency, written))


@dataclass(frozen=True, slots=True)
class Constant:
    """A value without anything to work out."""

    value: JsonValue
    names: frozenset[str] = frozenset()

    def evaluate(self, names: Mapping[str, JsonValue], language: str) -> JsonValue:
        return self.value


@dataclass(frozen=True, slots=True)
class Structure:
    """A list or a map with templates inside."""

    parts: Mapping[str, Compiled | Constant | Structure] | tuple[Compiled | Constant | Structure, ...]

    @property
    def names(self) -> frozenset[str]:
        parts = self.parts.values() if isinstance(self.parts, Mapping) else self.parts
        return frozenset(name for part in parts for name in part.names)

    def evaluate(self, names: Mapping[str, JsonValue], language: str) -> JsonValue:
        if isinstance(self.parts, Mapping):
            return {key: part.evaluate(names, language) for key, part in self.parts.items()}
        return [part.evaluate(names, language) for part in self.parts]


@lru_cache(maxsize=64)
def spoken_filters(
    language: str, today: str, currency: str, written: bool = False
) -> Mapping[str, Callable[..., JsonValue]]:
    """Filters that speak `language`, or write it. They raise ExpressionError for what cannot be said."""
    speaker = writer(language) if written else verbaliser(language)
    day = dt.date.fromisoformat(today)

    def money(value: JsonValue, code: JsonValue = currency) -> JsonValue:
        return speaker.money(_said(value), str(code))

    def date(value: JsonValue) -> JsonValue:
        return speaker.date(dt.date.fromisoformat(_said(value)[:10]), day)

    def time(value: JsonValue) -> JsonValue:
        text = _said(value)
        return speaker.time(dt.datetime.fromisoformat(text).time() if "T" in text else dt.time.fromisoformat(text))

    def ordinal(value: JsonValue) -> JsonValue:
        return speaker.ordinal(int(_said(value)))

    plain = {"digits": speaker.digits, "number": speaker.number, "phone": speaker.phone, "mask": speaker.mask}
    filters: dict[str, Callable[..., JsonValue]] = {"money": money, "date": date, "time": time, "ordinal": ordinal}
    filters.update({name: _textual(say) for name, say in plain.items()})
    return {name: _guarded(name, each) for name, each in filters.items()}


def _textual(say: Callable[[str], str]) -> Callable[..., JsonValue]:
    return lambda value: say(_said(value))


def _guarded(name: str, filter_: Callable[..., JsonValue]) -> Callable[..., JsonValue]:
    def run(value: JsonValue, *args: JsonValue) -> JsonValue:
        try:
            return filter_(value, *args)
        except (InputError, ValueError, TypeError) as error:
            raise ExpressionError(f"`{name}` cannot say it: {error}") from error

    return run


def _said(value: JsonValue) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ExpressionError("only a text or a number can be said")
    return str(value)
