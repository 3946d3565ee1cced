# ruff: noqa: E501 - a rule or phrase table reads better with one entry a line
"""Digits: card ends, order numbers, codes. Said one by one, in groups, in pairs, with `double`, `oh`, 幺; or keyed."""

from __future__ import annotations

import re

from ivr.dialog.slots.base import BARE, EXPLICIT, GUESS, PART, Parsed, Settings, Utterance, number_bounds
from ivr.dialog.slots.digits_repair import Run, mended
from ivr.dialog.text.clean import HAN

_GROUP = r"\d+(?!\d*(?:st|nd|rd|th)\b)"
_RUN_EN = re.compile(rf"\b{_GROUP}(?:[\s,.\-]+(?:and\s+then\s+|then\s+|and\s+|(?:u[hm]+|er+m?|hmm?)[\s,.]+)*{_GROUP})*")
_RUN_ZH = re.compile(r"\d+(?:[\s,，、.\-]*(?:[嗯呃啊]+[\s,，、.]*|然后|再|杠|(?<=[2-9])个)?\d+)*")
_CUE = re.compile(
    r"(?:尾号|卡号|号码|单号|编号|后\d*位|密码|验证码|ends?(?: in)?|ending(?: in)?|number|digits|code)\W*(?:是|为|is|are)?\W*$"
)
_UNIT_AFTER = re.compile(
    r"\s*(?:块|元|毛|角|月|号|日|年|点|天|个|dollars?|bucks|yuan|cents?|percent|%|days?|weeks?|o'clock|am|pm)"
)


def parse_digits(utterance: Utterance, settings: Settings) -> list[Parsed]:
    """Runs of digits, joined. `length` (an int or [shortest, longest]) chooses among the ways to take them."""
    shortest, longest = _lengths(settings)
    text = utterance.canonical.text
    found = []
    for match in (_RUN_ZH if utterance.chinese else _RUN_EN).finditer(text):
        if _UNIT_AFTER.match(text, match.end()):
            continue  # an amount, a date, a time
        found.append(_read(utterance, match, shortest, longest))
    whole = _mended(utterance, found, shortest, longest)
    if whole is not None:
        return [whole]
    good = [value for value in found if not value.error]
    return good + [value for value in found if value.error] if good else found


def _mended(utterance: Utterance, found: list[Parsed], shortest: int, longest: int) -> Parsed | None:
    """What the runs make when a part was said again."""
    runs = [Run(str(value.value), value.span) for value in found]
    source = utterance.canonical.source
    digits = mended(runs, source, utterance.language, shortest, longest)
    return Parsed(digits, GUESS, (runs[0].span[0], runs[-1].span[1])) if digits else None


def repeated(run: str) -> str:
    """`3个8` -> `888`: how runs of one digit are told in Mandarin."""
    return re.sub(r"([2-9])个(\d)", lambda match: match[2] * int(match[1]), run)


def _lengths(settings: Settings) -> tuple[int, int]:
    length = settings.get("length")
    if length is None:
        return 1, 64
    if isinstance(length, int):
        return length, length
    low, high = number_bounds(settings, "length")
    return int(low or 1), int(high or 64)


def _read(utterance: Utterance, match: re.Match[str], shortest: int, longest: int) -> Parsed:
    canonical = utterance.canonical
    start, end = canonical.span(match.start(), match.end())
    joined = re.sub(r"\D", "", repeated(match.group()))
    whole = len(_content(canonical.source)) <= len(_content(canonical.source[start:end])) + 1
    cue = bool(_CUE.search(canonical.text[: match.start()]))
    p = EXPLICIT if cue else BARE if whole else PART
    if not shortest <= len(joined) <= longest:
        other = _split_tens(repeated(match.group()), shortest, longest)
        if not other:
            return Parsed(joined, p, (start, end), "length", cue)
        joined, p = other, GUESS + 0.1
    explicit = cue or (shortest == longest and shortest >= 3)
    return Parsed(joined, p, (start, end), explicit=explicit)


def _content(text: str) -> str:
    return re.sub(r"\W", "", text) if HAN.search(text) else re.sub(r"[^\w]", "", text)


def _split_tens(groups: str, shortest: int, longest: int) -> str:
    """`20 6` was joined to 26 by the number reader: take each group both ways until the length fits."""
    ways = [""]
    for group in re.findall(r"\d+", groups):
        forms = {group}
        if len(group) == 2 and group[0] != "1" and group[1] != "0":
            forms.add(group[0] + "0" + group[1])  # twenty-six as 20, 6
        if len(group) >= 3 and group.endswith("00"):
            forms.add(group.rstrip("0"))
        ways = [way + form for way in ways for form in sorted(forms)][:64]
    fitting = [way for way in ways if shortest <= len(way) <= longest]
    return fitting[0] if len(fitting) == 1 else ""
