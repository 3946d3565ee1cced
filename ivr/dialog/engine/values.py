"""Slot values: checked on the way in, whoever supplies them, and said on the way out."""

from __future__ import annotations

import datetime as dt
import re

from ivr.dialog.engine.program import SlotCode
from ivr.dialog.engine.turn import Turn
from ivr.dialog.events import JsonValue
from ivr.dialog.spoken import Verbaliser, verbaliser, writer
from ivr.errors import InputError

_YES_NO = {"en": ("yes", "no"), "zh": ("是", "不是")}


def resolve_range(slot: SlotCode, today: dt.date) -> list[JsonValue] | None:
    """`[-180d, today]` -> two ISO dates; numbers stay."""
    return [resolve_bound(bound, today) for bound in slot.range] if slot.range else None


def resolve_bound(bound: JsonValue, today: dt.date) -> JsonValue:
    if not isinstance(bound, str):
        return bound
    if bound == "today":
        return today.isoformat()
    days = re.fullmatch(r"([+-]?\d+)d", bound)
    return (today + dt.timedelta(days=int(days[1]))).isoformat() if days else bound


def error_of(turn: Turn, slot: SlotCode, value: JsonValue) -> str:
    """Why a value cannot be taken: `length`, `range`, `option`, `check`; empty when it can (rule 7)."""
    if slot.length and isinstance(value, str) and not slot.length[0] <= len(value) <= slot.length[1]:
        return "length"
    if slot.options and value not in [option.value for option in slot.options]:
        return "option"
    bounds = resolve_range(slot, turn.now().date())
    if bounds and _outside(value, bounds[0], bounds[1]):
        return "range"
    return "" if turn.holds(slot.check, {slot.name: value}) else "check"


def _outside(value: JsonValue, low: JsonValue, high: JsonValue) -> bool:
    for bound, sign in ((low, 1), (high, -1)):
        if isinstance(bound, int | float) and isinstance(value, int | float):
            if (value - bound) * sign < 0:
                return True
        elif isinstance(bound, str) and isinstance(value, str) and _before(value, bound, sign):
            return True
    return False


def _before(value: str, bound: str, sign: int) -> bool:
    """ISO dates and times sort as text."""
    return value < bound if sign == 1 else value > bound


def spoken_value(turn: Turn, slot: SlotCode, value: JsonValue) -> str:
    """The value as the caller hears it in a confirm that the designer did not write."""
    language = turn.state.language
    try:
        speaker = writer(language) if turn.state.call.channel == "text" else verbaliser(language)
        return _spoken(slot, value, speaker, language, turn.now().date(), turn.program.currency)
    except (InputError, ValueError):
        return str(value)


def _spoken(slot: SlotCode, value: JsonValue, speaker: Verbaliser, language: str, today: dt.date, currency: str) -> str:
    kind = slot.type
    if isinstance(value, bool):
        words = _YES_NO.get(language.split("-")[0], _YES_NO["en"])
        return words[0] if value else words[1]
    if kind == "choice":
        found = next((option for option in slot.options if option.value == value), None)
        return found.phrases.get(language, str(value)) if found else str(value)
    text = str(value)
    if kind == "money":
        return speaker.money(text, slot.currency or currency)
    if kind == "date":
        return speaker.date(dt.date.fromisoformat(text), today)
    if kind == "time":
        return speaker.time(dt.time.fromisoformat(text))
    simple = {"digits": speaker.digits, "phone": speaker.phone, "number": speaker.number}
    return simple[kind](text) if kind in simple else text


def option_title(turn: Turn, slot: SlotCode, value: JsonValue) -> str:
    return spoken_value(turn, slot, value)


def flow_title(turn: Turn, flow: str) -> str:
    """What callers hear for an intent."""
    trigger = turn.program.flows[flow].trigger
    titles = trigger.title if trigger else {}
    return titles.get(turn.state.language) or next(iter(titles.values()), flow)
