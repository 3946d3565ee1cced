# ruff: noqa: E501 - a rule or phrase table reads better with one entry a line
"""Times of day, or how long from now: 下午三点半, 十点一刻, 差五分八点, `half past three`, `quarter to five pm`, `three thirty in the afternoon`,
半个小时后, `in an hour`.

Value: `HH:MM`. An hour without a part of the day is taken as said (three = 03:00) unless only the afternoon lies in
the slot's range.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

from ivr.dialog.slots.base import EXPLICIT, GUESS, PART, Parsed, Settings, Utterance, bounds

_ZH = re.compile(
    r"(?P<part>凌晨|清晨|早上|早晨|上午|中午|下午|傍晚|晚上|夜里|半夜|今晚|明晚|明早|今早)?的?"
    r"(?:差(?:(?P<to>\d+)分钟?|(?P<to_quarter>一刻|1刻))(?:钟)?(?:到)?)?"
    r"(?P<hour>\d{1,2})(?:[点时](?:钟|整)?|:)(?:差(?:(?P<less>\d+)分钟?|(?P<less_quarter>[一1]刻))|(?P<half>半)|(?P<quarters>[13])刻|过?零?(?P<minute>\d{1,2})分?)?"
    r"|(?P<noon>中午|正午)|(?P<midnight>半夜|午夜|零点)"
)
_PART_EN = r"(?:\s*(?:,|in|at|o'clock|the|this|on)\s*)*\s*(?P<part>a\.?m\b\.?|p\.?m\b\.?|a m\b|p m\b|morning|afternoon|evening|night|tonight)"
_EN = re.compile(
    rf"(?:(?P<half>half(?: past)?)|(?P<quarter_past>(?:a )?quarter (?:past|after))|(?P<quarter_to>(?:a )?quarter (?:to|of|before))"
    rf"|(?P<past>\d{{1,2}})(?: minutes?)? (?:past|after)|(?P<to>\d{{1,2}})(?: minutes?)? (?:to|before|of))\s+(?P<base>\d{{1,2}}|midnight|noon)(?:{_PART_EN})?"
    rf"|\b(?:oh|o|0) ?(?P<military>[1-9])00\b(?: hours)?"
    rf"|(?:(?P<part0>\b(?:tonight|(?:this|tomorrow|in the) (?:morning|afternoon|evening)))(?: at| about| around|,)* )?(?P<hour>\d{{1,2}})(?::|\s+|\s*(?=00))?(?P<minute>(?:[0-5]|0\s)?\d)?(?P<clock>\s*o'clock|\s*hundred hours)?(?:{_PART_EN.replace('part', 'part2')})?(?!\d|st\b|nd\b|rd\b|th\b)"
    rf"|(?P<noon>\bnoon\b|\bmidday\b)|(?P<midnight>\bmidnight\b)"
)
_COUNT_ZH = r"(?<!\d)(?P<count>\d{1,4}(?:[.点]\d)?)"
_LATER_ZH = re.compile(
    rf"(?:(?:{_COUNT_ZH}个?(?P<half>半)?|(?P<only_half>半)个?)(?P<hours>小时|钟头)(?P<half_after>半)?|(?<!\d)(?P<minutes>\d{{1,4}})分钟?|(?P<quarters>[一1-3])刻钟)(?:之后|以后|过后|后)"
)
_LATER_EN = re.compile(
    r"\b(?:in )?(?:about |around )?(?:(?P<only_half>half an|(?:a )?half) hour|(?P<count>\d+(?:\.\d+)?|an?|a couple of)(?P<half> and a half)? (?:(?P<hours>hours?)(?P<half_after> and a half)?|(?P<minutes>minutes?)))\b(?P<later> from now| later|' time)?"
)
_CUT_EN = re.compile(r"\d (?:minutes? )?(?:past|to)\W*$")
"""`twenty past`: the hour is still to come, and 20:00 is not meant."""
_AFTERNOON = ("下午", "傍晚", "晚上", "今晚", "明晚", "夜里", "afternoon", "evening", "night", "tonight", "p")


def parse_time(utterance: Utterance, settings: Settings) -> list[Parsed]:
    """Every time of day; `range` as [`HH:MM`, `HH:MM`]."""
    reader: Callable[[re.Match[str]], tuple[int, int, str, float] | None] = _read_zh if utterance.chinese else _read_en
    canonical = utterance.canonical
    if (later := _later(utterance, settings)) is not None:
        return [later]
    if not utterance.chinese and _CUT_EN.search(canonical.text):
        return []
    found = []
    for match in (_ZH if utterance.chinese else _EN).finditer(canonical.text):
        read = reader(match)
        if read is None:
            continue
        hour, minute, part, p = read
        span = canonical.span(match.start(), match.end())
        parsed = _value(hour, minute, part, p, span, settings)
        if parsed is not None:
            found.append(parsed)
    sure = [value for value in found if value.explicit]
    return sure or found


def _later(utterance: Utterance, settings: Settings) -> Parsed | None:
    """So long from now."""
    match = (_LATER_ZH if utterance.chinese else _LATER_EN).search(utterance.canonical.text)
    if match is None or not (utterance.chinese or match["later"] or match.group().startswith("in ")):
        return None
    wait = _minutes(match)
    if wait >= 24 * 60:
        return None
    then = utterance.now + timedelta(minutes=wait)
    return _value(then.hour, then.minute, "24h", EXPLICIT, utterance.canonical.span(*match.span()), settings)


def _minutes(match: re.Match[str]) -> int:
    if match["only_half"]:
        return 30
    groups = match.groupdict()
    if groups.get("quarters"):
        return 15 * int(groups["quarters"].replace("一", "1"))
    if groups.get("count") is None:
        return int(match["minutes"])
    count = {"a": 1.0, "an": 1.0, "a couple of": 2.0}.get(match["count"])
    count = float(match["count"].replace("点", ".")) if count is None else count
    half = 0.5 if match["half"] or match["half_after"] else 0
    return round((count + half) * (60 if match["hours"] else 1))


def _value(hour: int, minute: int, part: str, p: float, span: tuple[int, int], settings: Settings) -> Parsed | None:
    if (part.startswith(_AFTERNOON) and hour < 12 and not (part in ("夜里", "night") and hour < 5)) or (
        part.startswith(("中午",)) and 1 <= hour < 3
    ):
        hour += 12
    elif (
        part.startswith(("凌晨", "半夜", "晚上", "今晚", "明晚", "夜里", "tonight", "a", "morning", "night"))
        and hour == 12
        and not part.startswith("afternoon")
    ):
        hour = 0
    if hour == 24 and minute == 0:
        hour = 0
    if hour > 23 or minute > 59:
        return None
    low, high = bounds(settings, "range")
    value = f"{hour:02d}:{minute:02d}"
    if not part and hour <= 12 and not _inside(value, low, high):
        other = f"{(hour + 12) % 24:02d}:{minute:02d}"
        value = other if _inside(other, low, high) else value
    error = "" if _inside(value, low, high) else "range"
    return Parsed(value, p, span, error, explicit=p == EXPLICIT)


def _inside(value: str, low: object, high: object) -> bool:
    return (low is None or value >= str(low).zfill(5)) and (high is None or value <= str(high).zfill(5))


def _read_zh(match: re.Match[str]) -> tuple[int, int, str, float] | None:
    if match["noon"]:
        return 12, 0, "", EXPLICIT
    if match["midnight"]:
        return 0, 0, "半夜", EXPLICIT
    hour, minute = int(match["hour"]), int(match["minute"] or 0)
    if match["half"]:
        minute = 30
    elif match["quarters"]:
        minute = 15 * int(match["quarters"])
    back = int(match["to"] or match["less"] or 0) or (15 if match["to_quarter"] or match["less_quarter"] else 0)
    if back:
        hour, minute = (hour - 1) % 24, 60 - back
    return hour, minute, match["part"] or "", EXPLICIT


def _read_en(match: re.Match[str]) -> tuple[int, int, str, float] | None:
    if match["noon"]:
        return 12, 0, "", EXPLICIT
    if match["midnight"]:
        return 0, 0, "", EXPLICIT
    if match["military"]:
        return int(match["military"]), 0, "a", EXPLICIT
    part = (match["part"] or match["part2"] or "").replace(".", "").replace(" ", "")
    part = part or (match["part0"] or "").rpartition(" ")[2]
    if match["base"]:
        minutes = 30 if match["half"] else 15 if match["quarter_past"] else int(match["past"] or 0)
        back = 15 if match["quarter_to"] else int(match["to"] or 0)
        hour = int({"midnight": "0", "noon": "12"}.get(match["base"], match["base"]))
        if back:
            hour, minutes = (hour - 1) % 24, 60 - back
            hour = 12 if hour == 0 and part else hour
        return hour, minutes, part, EXPLICIT
    minute_text = (match["minute"] or "").replace(" ", "")
    if len(minute_text) == 1 and ":" not in match.group():
        return None if not part else (int(match["hour"]), 0, part, GUESS)
    said = bool(part or match["clock"] or ":" in match.group())
    p = EXPLICIT if said else PART if minute_text else GUESS
    return int(match["hour"]), int(minute_text or 0), part, p
