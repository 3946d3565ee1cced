"""Telephone numbers, said digit by digit or in groups, checked by the numbering plans of libphonenumber.

Value: the digits as said, with a leading + for an international number. A number no plan knows has error `range`.
"""

from __future__ import annotations

import re

import phonenumbers

from ivr.dialog.slots.base import BARE, EXPLICIT, PART, Parsed, Settings, Utterance
from ivr.dialog.slots.digits import repeated

_REGION = {"zh": "CN", "en": "US"}
_OTHERS = ("CN", "US", "GB")
"""Plans tried after the one asked for: the caller's language does not say where his telephone is."""
_RUN = re.compile(
    r"(?P<plus>\+|\bplus\s+|加|国际)?(?P<digits>\d(?:[\s\-().,，、]*(?:and\s+|then\s+|然后|(?<=[2-9])个)?\d)*)(?:\s*(?:转|ext\.?|extension)\s*\d+)?"
)


def parse_phone(utterance: Utterance, settings: Settings) -> list[Parsed]:
    """Runs of at least five digits. `region` (two letters) says whose national numbers; by default the language's."""
    region = str(settings.get("region") or _REGION.get(utterance.language.split("-")[0], "US"))
    canonical = utterance.canonical
    found = []
    for match in _RUN.finditer(canonical.text):
        digits = re.sub(r"\D", "", repeated(match["digits"]))
        if len(digits) < 5:
            continue
        number = f"+{digits}" if match["plus"] else digits
        error = "" if _known(number, region) else "range"
        start, end = canonical.span(match.start(), match.end())
        covers = len(re.sub(r"\W", "", canonical.source)) - len(re.sub(r"\W", "", canonical.source[start:end])) <= 6
        p = EXPLICIT if not error else BARE if covers else PART
        found.append(Parsed(number, p, (start, end), error, explicit=not error and len(digits) >= 7))
    return found


def _known(number: str, region: str) -> bool:
    """In the plan of the region, or in one of the others; outside of China a possible length is enough, for numbers
    made up for tests and those of other countries said without +."""
    if any(_plan(number, each) == "valid" for each in dict.fromkeys((region, *_OTHERS))):
        return True
    return region != "CN" and _plan(number, region) == "possible"


def _plan(number: str, region: str) -> str:
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return ""
    if phonenumbers.is_valid_number(parsed):
        return "valid"
    return "possible" if phonenumbers.is_possible_number(parsed) else ""
