"""Slots: values in what callers say.

    parse("money", "三块五", "zh", {}, now) -> [Parsed(value=3.5, p=0.97, span=(0, 3))]

One way in for every type; each value has its place in the text, a probability, and an error when it breaks the slot's
`range` or `length`. Corrections inside the utterance are resolved ("four seven, no, four eight" is 48).
"""

from __future__ import annotations

import functools
from datetime import datetime
from importlib.metadata import entry_points

from ivr.dialog.slots.base import Parsed, Settings, SlotParser, Utterance
from ivr.dialog.slots.choice import parse_choice
from ivr.dialog.slots.clock import parse_time
from ivr.dialog.slots.corrections import surviving
from ivr.dialog.slots.date import parse_date
from ivr.dialog.slots.digits import parse_digits
from ivr.dialog.slots.money import parse_money
from ivr.dialog.slots.number import parse_number
from ivr.dialog.slots.phone import parse_phone
from ivr.dialog.slots.text import parse_text
from ivr.dialog.slots.undecided import undecided
from ivr.dialog.slots.yes_no import parse_yes_no
from ivr.errors import ConfigError

__all__ = ["BUILT_IN", "Parsed", "Settings", "SlotParser", "Utterance", "parse", "parser_of", "type_names"]

BUILT_IN: dict[str, SlotParser] = {
    "yes_no": parse_yes_no,
    "digits": parse_digits,
    "number": parse_number,
    "money": parse_money,
    "date": parse_date,
    "time": parse_time,
    "phone": parse_phone,
    "choice": parse_choice,
    "text": parse_text,
}
GROUP = "ivr.slots"
"""Entry point group of plug-ins."""


def parse(
    type: str, text: str, language: str, settings: Settings | None = None, now: datetime | None = None
) -> list[Parsed]:
    """The values of slot type `type` in `text`, most probable first, spans in characters of `text`.

    `now` is what `today` means; dates and times need it. ConfigError: an unknown type; InputError: wrong settings.
    """
    return parse_utterance(type, Utterance.of(text, language, now or datetime(1970, 1, 1)), settings or {})


def parse_utterance(type: str, utterance: Utterance, settings: Settings) -> list[Parsed]:
    """`parse` for text that was prepared once for several slots."""
    values = parser_of(type)(utterance, settings)
    source = utterance.canonical.source
    standing = undecided(type, surviving(values, source, utterance.language), source)
    return sorted(standing, key=lambda value: (bool(value.error), -value.p, value.span))


def parser_of(type: str) -> SlotParser:
    """The parser of a type, plug-ins included. ConfigError when there is none."""
    parser = BUILT_IN.get(type) or _plug_ins().get(type)
    if parser is None:
        raise ConfigError(f"no slot type `{type}`; there are {', '.join(type_names())}")
    return parser


def type_names() -> tuple[str, ...]:
    """All slot types there are here, built in first."""
    return (*BUILT_IN, *sorted(_plug_ins()))


@functools.cache
def _plug_ins() -> dict[str, SlotParser]:
    found: dict[str, SlotParser] = {}
    for entry in entry_points(group=GROUP):
        parser = entry.load()
        if not callable(parser):
            raise ConfigError(f"slot plug-in `{entry.name}` ({entry.value}) is not callable")
        found[entry.name] = parser
    return found
