# ruff: noqa: E501 - a rule or phrase table reads better with one entry a line
"""Amounts of money: 三块五, 一百五十块二毛, 一万二, `fifteen fifty`, `a hundred and fifty dollars`, `twenty bucks`.

The value is in the main unit of the slot's currency; nothing is converted. Half-spoken forms follow usage: 三块五 is 3.50,
三百五 is 350, "fifteen fifty" is 15.50 (1550 when only that lies in the range).
"""

from __future__ import annotations

import re
from dataclasses import replace

from ivr.dialog.slots.base import (
    BARE,
    EXPLICIT,
    GUESS,
    LARGEST,
    PART,
    Parsed,
    Settings,
    Utterance,
    about_all,
    check_range,
    plain_number,
)

_ZH_NUMBER = r"\d+(?:[.点]\d+)?"
_ZH = re.compile(
    rf"(?P<main>{_ZH_NUMBER}|半(?=块|元))(?:块钱?|元钱?|圆|rmb|人民币)(?:0(?P<fen0>\d)(?![\d点百千万毛角分月号日天个年])|零|0(?=\d[毛角]))?"
    rf"(?:(?P<jiao>\d)(?:(?:毛钱?|角)(?:(?P<tail>\d)(?![\d分点月号日]))?|(?![\d分百千万月号日天个年])))?(?:零?(?P<fen>\d{{1,2}})分)?(?P<half>半)?"
    rf"|(?P<jiao_only>\d+)(?:毛钱?|角)(?:(?P<fen_after>\d)分?)?|(?P<fen_only>\d+)分(?!钟|之|机)钱?"
    rf"|(?P<paid>(?<=[了过掉走])(?<=[转汇付花扣打充取存退还].){_ZH_NUMBER})(?![\d点号月日年天个位次笔回遍张台件部条])"
    rf"|(?<![周期拜第])(?P<bare>{_ZH_NUMBER})(?![\d点号月日年天个位])"
)
_EN_UNIT = r"dollars?|bucks?|pounds?|quid|euros?|yuan|rmb|renminbi|kuai|usd|gbp|eur|cny"
_NO_CENTS = r"(?:days?|weeks?|months?|years?|hours?|minutes?|times|o'clock|am|pm|a\.m|p\.m|percent|(?:january|february|march|april|may|june|july|august|september|october|november|december)\b)|%"
"""After these a number beside the unit is none of its cents: `five hundred yuan three days ago`."""
_WORDS = {"a": 1.0, "an": 1.0, "half a": 0.5, "half an": 0.5, "半": 0.5}
_EN_NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"
_EN = re.compile(
    rf"\bnot (?P<refused>{_EN_NUMBER}),? (?P<instead>{_EN_NUMBER})(?![\d.])(?! (?:st|nd|rd|th)\b)(?: (?:{_EN_UNIT})\b)?"
    rf"|(?P<spelt>(?<!\d )\d(?: \d){{2,5}})(?!\d)(?! \d)(?: (?:{_EN_UNIT})\b)?"
    rf"|(?P<sign>[$£€¥]\s*)?(?P<main>{_EN_NUMBER}|\bhalf an?\b|\ban?\b)\s*(?P<unit>{_EN_UNIT})\b(?:\s*(?:and\s+)?(?P<cents>\d{{1,2}})\s*(?:cents?|pence|p|fen)?\b(?!\s*(?:dollars|st|nd|rd|th|{_NO_CENTS}))|(?P<half>\s+and a half\b))?"
    r"|\b(?:an?\s+)?(?P<note>fiver|tenner)\b"
    rf"|[$£€¥]\s*(?P<symbol>{_EN_NUMBER})"
    rf"|(?P<cents_only>{_EN_NUMBER})\s*(?:cents?|pence|fen)\b|(?P<jiao>\d)\s*(?:jiao|mao)\b(?:\s*(?:and\s+)?(?P<fen>\d)\s*fen\b)?"
    rf"|(?P<first>{_EN_NUMBER})\s+(?P<second>\d{{2}})(?!\s*(?:\d|st\b|nd\b|rd\b|th\b|percent|%))\b(?:\s+(?P<pair_unit>{_EN_UNIT}))?"
    rf"|(?P<bare>{_EN_NUMBER})(?!\d|st\b|nd\b|rd\b|th\b|\s*(?:percent|%|o'clock|am\b|pm\b|days?\b|weeks?\b))"
)


def parse_money(utterance: Utterance, settings: Settings) -> list[Parsed]:
    """Every amount in the utterance; `range` in main units."""
    canonical = utterance.canonical
    found: list[Parsed] = []
    for match in (_ZH if utterance.chinese else _EN).finditer(canonical.text):
        span = canonical.span(match.start(), match.end())
        amounts = _amounts_zh(match) if utterance.chinese else _amounts_en(match)
        whole = about_all(canonical.source, span, 3, 10)
        read = [
            check_range(Parsed(plain_number(round(value, 2)), _p(p, whole), span, explicit=p == EXPLICIT), settings)
            for value, p in amounts
            if value < LARGEST
        ]
        good = [value for value in read if not value.error]
        if len(read) > 1 and good and read[0].error:  # only the second way to take it fits the range
            good[0] = replace(good[0], p=BARE)
        found.extend(good or read[:1])
    return found


def _p(p: float, whole: bool) -> float:
    return BARE if p == PART and whole else p


def _amounts_zh(match: re.Match[str]) -> list[tuple[float, float]]:
    if match["main"]:
        value = (
            _number(match["main"])
            + int(match["jiao"] or 0) / 10
            + int(match["fen0"] or match["fen"] or match["tail"] or 0) / 100
        )
        return [(value + (0.5 if match["half"] else 0), EXPLICIT)]
    if match["jiao_only"]:
        return [(int(match["jiao_only"]) / 10 + int(match["fen_after"] or 0) / 100, EXPLICIT)]
    if match["fen_only"]:
        return [(int(match["fen_only"]) / 100, EXPLICIT)]
    if match["paid"]:  # 转了五千
        return [(_number(match["paid"]), EXPLICIT)]
    return [(_number(match["bare"]), PART)]


def _amounts_en(match: re.Match[str]) -> list[tuple[float, float]]:
    if match["instead"]:  # "not fifteen fifty", as it comes without a comma
        return [(_number(match["instead"]), PART)]
    if match["spelt"]:  # "one five oh"
        return [(_number(match["spelt"].replace(" ", "")), PART)]
    if match["main"]:
        return [(_number(match["main"]) + int(match["cents"] or 0) / 100 + (0.5 if match["half"] else 0), EXPLICIT)]
    if match["note"]:
        return [({"fiver": 5.0, "tenner": 10.0}[match["note"]], EXPLICIT)]
    if match["symbol"]:
        return [(_number(match["symbol"]), EXPLICIT)]
    if match["cents_only"]:
        return [(_number(match["cents_only"]) / 100, EXPLICIT)]
    if match["jiao"]:
        return [(int(match["jiao"]) / 10 + int(match["fen"] or 0) / 100, EXPLICIT)]
    if match["first"]:
        return _pair(match)
    return [(_number(match["bare"]), PART)]


def _pair(match: re.Match[str]) -> list[tuple[float, float]]:
    """`fifteen fifty`: 15.50, or 1550 as in `fifteen fifty dollars`."""
    first, second = _number(match["first"]), int(match["second"])
    joined, split = first * 100 + second, first + second / 100
    if match["pair_unit"]:
        return [(joined, EXPLICIT), (split, GUESS)] if 10 <= first < 100 else [(split, GUESS)]
    return [(split, PART), (joined, GUESS)] if first < 100 else [(split, PART)]


def _number(text: str) -> float:
    if text in _WORDS:
        return _WORDS[text]
    return float(text.replace(",", "").replace("点", "."))
