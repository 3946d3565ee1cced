# ruff: noqa: E501 - a rule or phrase table reads better with one entry a line
"""Plain numbers: `fifteen`, `minus three point five`, 负五, 三点五, 百分之二十, `two hundred`."""

from __future__ import annotations

import re

from ivr.dialog.slots.base import (
    BARE,
    EXPLICIT,
    LARGEST,
    PART,
    Parsed,
    Settings,
    Utterance,
    about_all,
    check_range,
    plain_number,
)

_EN = re.compile(
    r"(?P<minus>\b(?:minus|negative)\s+|(?<![\w.])-)?(?P<number>\d+(?:,\d{3})*(?:\.\d+)?)(?P<percent>\s*(?:percent|per cent|%))?(?!\d|st\b|nd\b|rd\b|th\b)"
)
_ZH = re.compile(
    r"(?P<minus>负|[零0]下|(?<!\d)-)?(?P<share>百分之)?(?P<number>(?:(?<!周)(?<!星期)(?<!礼拜)|(?=\d+[\d个次件块单笔条张台名位点.]))\d+(?:[.点]\d+)?)(?:分之(?P<part>\d+))?(?P<half>个半)?(?P<percent>%)?"
)
_FEW = {"dozen": 12, "打": 12, "couple": 2, "pair": 2}
_A_FEW = re.compile(
    r"\b(?P<half>half )?an? (?P<few>dozen|couple|pair)\b|(?P<count>\d*)(?P<half_zh>半?)(?P<zh>打)(?!电话)"
)
_HALF = re.compile(r"(?<![\d点])半个|\b(?:a|one) half\b")

_ORDINAL = re.compile(r"\b(?:the )?(?P<number>\d+)(?:st|nd|rd|th)\b")
"""`On which day of the month?` - `the fifteenth`. Among other words it is a date's or a place's, and no number."""
_TIMES = re.compile(r"\b(?P<times>once|twice)\b")


def parse_number(utterance: Utterance, settings: Settings) -> list[Parsed]:
    """Every number in the utterance. A percentage is given as said: `twenty percent` is 20."""
    canonical = utterance.canonical
    found = []
    for match in (_ZH if utterance.chinese else _EN).finditer(canonical.text):
        groups = match.groupdict()
        value = float(match["number"].replace(",", "").replace("点", "."))
        if value >= LARGEST:
            continue
        if part := groups.get("part"):
            value = float(part) / value if value else 0.0  # 三分之一
        value = -value if match["minus"] else value
        value += 0.5 if groups.get("half") else 0
        span = canonical.span(match.start(), match.end())
        explicit = bool(match["minus"] or match["percent"] or groups.get("share"))
        p = EXPLICIT if explicit else BARE if _covers(canonical.source, span) else PART
        found.append(check_range(Parsed(plain_number(value), p, span, explicit=explicit), settings))
    if (few := _A_FEW.search(canonical.text)) and not any(value.p == EXPLICIT for value in found):
        share = 0.5 if few["half"] or few["half_zh"] else 1
        value = _FEW[few["few"] or few["zh"]] * min(int(few["count"] or 1), 10**6) * share
        found = [check_range(Parsed(plain_number(value), BARE, canonical.span(few.start(), few.end())), settings)]
    if (
        not found
        and (nth := _ORDINAL.search(canonical.text))
        and _covers(canonical.source, canonical.span(*nth.span()))
    ):
        found.append(check_range(Parsed(int(nth["number"]), BARE, canonical.span(*nth.span())), settings))
    if not found and (times := _TIMES.search(canonical.text)) and _covers(canonical.source, times.span()):
        count = 1 if times["times"] == "once" else 2
        found.append(check_range(Parsed(count, BARE, canonical.span(*times.span())), settings))
    if not found and (half := _HALF.search(canonical.text)):
        found.append(check_range(Parsed(0.5, PART, canonical.span(half.start(), half.end())), settings))
    return found


def _covers(source: str, span: tuple[int, int]) -> bool:
    """A measure word or a politeness may stand beside it."""
    return about_all(source, span, 2, 7)
