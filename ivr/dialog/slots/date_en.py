# ruff: noqa: E501 - a rule or phrase table reads better with one entry a line
"""English date rules, on text whose numbers are digits already (`the 15th of next month`)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

from ivr.dialog.slots import festivals
from ivr.dialog.slots.calendar import (
    Meant,
    around_months,
    around_weeks,
    around_years,
    full_year,
    last_of_month,
    months_away,
    shift_month,
    valid,
    weekday_in_week,
)

_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_RELATIVE = {"the day before yesterday": -2, "day before yesterday": -2, "the day after tomorrow": 2,
             "day after tomorrow": 2, "yesterday": -1, "last night": -1, "today": 0, "tonight": 0, "this morning": 0,
             "this afternoon": 0, "this evening": 0, "tomorrow": 1}  # fmt: skip
_COUNTS = {"a": 1, "an": 1, "a couple of": 2, "a couple": 2, "couple of": 2, "couple": 2, "a few": 3}
_UNSURE_COUNTS = {"a couple of", "a couple", "couple of", "couple", "a few"}
_OFFSETS = {
    "last": -1,
    "past": -1,
    "this": 0,
    "next": 1,
    "the": 0,
    "previous": -1,
    "coming": 1,
    "current": 0,
    "following": 1,
}

Built = tuple[tuple[date, ...], bool, bool]


def find(text: str, today: date) -> list[Meant]:
    """All dates in `text`, left to right; no two overlap."""
    found: list[Meant] = []
    for match in _RULE.finditer(text):
        kind = next(name for name, value in match.groupdict().items() if value is not None)
        days, any_of, unsure = _BUILDERS[kind](match, today)
        if days:
            found.append(Meant(days, match.span(), any_of, unsure))
    return found


def _one(days: list[date]) -> Built:
    return tuple(days), False, False


def _month(name: str) -> int:
    return next(index for index, month in enumerate(_MONTHS, 1) if month.startswith(name[:3]))


def _build_iso(match: re.Match[str], today: date) -> Built:
    return _one(valid(int(match["iso_year"]), int(match["iso_month"]), int(match["iso_day"])))


def _build_slashed(match: re.Match[str], today: date) -> Built:
    month, day = int(match["sl_month"]), int(match["sl_day"])
    if match["sl_year"]:
        return _one(valid(full_year(match["sl_year"]), month, day) if 1 <= month <= 12 else [])
    return around_years(today, month, day), True, False


def _build_relative(match: re.Match[str], today: date) -> Built:
    return _one([today + timedelta(days=_RELATIVE[match["relative"]])])


def _build_month_day(match: re.Match[str], today: date) -> Built:
    month = _month(match["md_month"] or match["dm_month"])
    day = int(match["md_day"] or match["dm_day"])
    year = match["md_year"] or match["dm_year"]
    if year:
        return _one(valid(full_year(year), month, day))
    relative = match["md_rel"] or match["dm_rel"]
    if relative:
        return _one(valid(today.year + _OFFSETS[relative], month, day))
    return around_years(today, month, day), True, False


def _build_in_month(match: re.Match[str], today: date) -> Built:
    offset = _OFFSETS[match["im_rel"] or match["im_rel2"] or match["im_rel3"] or "this"]
    year, month = shift_month(today, offset)
    if match["im_edge"]:
        return _one(
            [date(year, month, 1) if match["im_edge"] in ("beginning", "start") else last_of_month(year, month)]
        )
    day = int(match["im_day"] or match["im_day2"])
    if match["im_rel"] == "the":  # `the first of the month` is the coming one unless the range says otherwise
        return around_months(today, day), True, False
    return _one(valid(year, month, day))


def _build_weekday(match: re.Match[str], today: date) -> Built:
    weekday = _weekday(match["wd_day"])
    which, after = match["wd_which"], match["wd_after"]
    coming = _coming(today, weekday)
    latest = today - timedelta(days=(today.weekday() - weekday - 1) % 7 + 1)
    if after:
        return _one([weekday_in_week(today, weekday, -1 if "last" in after else 1 if "next" in after else 0)])
    if which in ("last", "past", "previous"):
        return _one([latest])
    if which == "this":
        within = weekday_in_week(today, weekday, 0)  # said on a sunday, `this friday` has yet to come
        return (within, coming) if within >= today else (coming, within), False, False
    if which and which.endswith("coming"):
        return _one([coming])
    if which == "next":
        # people differ on `next friday` said on a monday: both are offered to the range, and it is not sure
        following = weekday_in_week(today, weekday, 1)
        return (following, coming), False, following != coming
    return around_weeks(today, weekday), True, False


def _build_week_on(match: re.Match[str], today: date) -> Built:
    """`a week from friday`, `friday week`, `two weeks on monday`: weeks after the coming one."""
    weeks = 1 if match["wo_count"] in (None, "a", "one") else int(match["wo_count"])
    name = match["wo_day"] or match["wo_day2"]
    if name in ("today", "tomorrow"):
        day = today + timedelta(days=int(name == "tomorrow"))
    else:
        day = _coming(today, _weekday(name))
    return _one([day + timedelta(weeks=min(weeks, 520))])


def _build_after_next(match: re.Match[str], today: date) -> Built:
    day = _coming(today, _weekday(match["an_day"]))
    if match["an_side"] == "after next":
        return _one([day + timedelta(weeks=1)])
    last = day - timedelta(weeks=2 if day - timedelta(weeks=1) == today else 1)
    return _one([last - timedelta(weeks=1)])


def _build_nth(match: re.Match[str], today: date) -> Built:
    """`the first monday of december`, `the last day of next month`, `last friday of the month`."""
    if match["nth_month"]:
        months = [(day.year, day.month) for day in around_years(today, _month(match["nth_month"]), 1)]
    else:
        months = [shift_month(today, _OFFSETS[match["nth_rel"]])]
    days = [day for year, month in months for day in _nth_of(match, year, month)]
    if not match["nth_month"]:
        return _one(days)
    return tuple(sorted(days, key=lambda day: (day < today, abs((day - today).days)))), True, False


def _nth_of(match: re.Match[str], year: int, month: int) -> list[date]:
    last = match["nth_which"] == "last"
    if match["nth_day"] == "day":
        return [last_of_month(year, month)] if last else valid(year, month, int(match["nth_number"]))
    weekday = _weekday(match["nth_day"])
    if last:
        end = last_of_month(year, month)
        return [end - timedelta(days=(end.weekday() - weekday) % 7)]
    first = date(year, month, 1)
    day = first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (int(match["nth_number"]) - 1))
    return [day] if day.month == month else []


def _build_edge(match: re.Match[str], today: date) -> Built:
    """`the end of the year`, `beginning of december`."""
    begins = match["edge"] in ("beginning", "start")
    if match["edge_rel"]:
        year = today.year + _OFFSETS[match["edge_rel"]]
        return _one([date(year, 1, 1) if begins else date(year, 12, 31)])
    firsts = around_years(today, _month(match["edge_month"]), 1)
    return tuple(first if begins else last_of_month(first.year, first.month) for first in firsts), True, False


def _build_weekend(match: re.Match[str], today: date) -> Built:
    """Its saturday; on a sunday `this weekend` is today."""
    which = match["weekend_which"]
    day = weekday_in_week(today, 5, {"last": -1, "next": 1}.get(which, 0))
    return (max(day, today) if which not in ("last", "next") else day,), False, True


def _weekday(name: str) -> int:
    return next(index for index, day in enumerate(_WEEKDAYS) if day.startswith(name[:3]))


def _coming(today: date, weekday: int) -> date:
    return today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)


def _build_ago(match: re.Match[str], today: date) -> Built:
    words = match["ago_count"] or match["in_count"]
    unit = match["ago_unit"] or match["in_unit"]
    count = _COUNTS.get(words) or int(words)
    sign = -1 if match["ago_side"] in ("ago", "back", "before", "earlier") else 1
    if unit == "month":
        day = months_away(today, sign * min(count, 1200))
    elif unit == "year":
        day = months_away(today, sign * 12 * min(count, 100))
    else:
        day = today + timedelta(days=sign * min(count, 36500) * {"day": 1, "week": 7, "fortnight": 14}[unit])
    return (day,), False, words in _UNSURE_COUNTS


def _build_festival(match: re.Match[str], today: date) -> Built:
    days = festivals.around(festivals.EN[match["festival"]], today)
    if match["festival_rel"] in ("last", "next"):
        past = match["festival_rel"] == "last"
        return _one([day for day in days if (day < today) is past][:1])
    return days, True, False


def _build_day(match: re.Match[str], today: date) -> Built:
    return around_months(today, int(match["day"])), True, False


def _build_bare(match: re.Match[str], today: date) -> Built:
    return around_months(today, int(match["bare"])), True, True


_MONTH = r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_YEAR = r"(?:19|20)\s?\d\d"
_COUNT = r"\d+|a couple of|a couple|couple of|couple|a few|an?"
_WEEKDAY = r"(?:mon|tues?|wednes|thurs?|fri|satur|sun)day"


def _number(name: str) -> str:
    return rf"(?P<{name}>\d{{1,2}})(?:st|nd|rd|th)?\b"


_ALTERNATION = (
    r"(?P<iso>\b(?P<iso_year>\d{4})[-/.](?P<iso_month>\d{1,2})[-/.](?P<iso_day>\d{1,2})\b)",
    r"(?P<slashed>\b(?P<sl_month>\d{1,2})/(?P<sl_day>\d{1,2})(?:/(?P<sl_year>\d{4}|\d{2}))?\b)",
    rf"\b(?P<week_on>(?:(?P<wo_count>a|one|\d{{1,3}}) weeks? (?:from|on|after) (?P<wo_day>{_WEEKDAY}|today|tomorrow)|(?P<wo_day2>{_WEEKDAY}|today|tomorrow) week))\b",
    rf"\b(?P<after_next>(?:the )?(?P<an_day>{_WEEKDAY}) (?P<an_side>after next|before last))\b",
    rf"\b(?P<nth>(?:the )?(?:(?P<nth_which>last)|(?P<nth_number>[1-5])(?:st|nd|rd|th)) (?P<nth_day>day|{_WEEKDAY}) (?:of|in) (?:(?P<nth_month>{_MONTH})|(?P<nth_rel>the|this|next|last|current)(?: current)? month))\b",
    rf"\b(?P<edge_rule>(?:the )?(?P<edge>beginning|start|end) of (?:(?P<edge_rel>the|this|next|last) year|(?P<edge_month>{_MONTH})))\b",
    r"\b(?P<weekend>(?:(?P<weekend_which>this|next|last|the|this coming) )?weekend)\b",
    rf"\b(?P<relative>{'|'.join(sorted(_RELATIVE, key=len, reverse=True))})\b",
    rf"\b(?P<month_day>(?P<md_month>{_MONTH})\.?,? (?:the )?{_number('md_day')}(?:,? (?:(?P<md_rel>last|this|next) year|(?P<md_year>{_YEAR})))?"
    rf"|(?:the )?{_number('dm_day')} (?:of )?(?P<dm_month>{_MONTH})\b(?:,? (?:(?P<dm_rel>last|this|next) year|(?:of )?(?P<dm_year>{_YEAR})))?)",
    rf"\b(?P<in_month>(?:on )?(?:the )?{_number('im_day')} (?:day )?of (?P<im_rel>last|this|next|the|previous|current|following)(?: current| same)? month"
    rf"|(?P<im_rel2>last|this|next) month(?:,? on)?(?: the)? {_number('im_day2')}"
    r"|(?:the )?(?P<im_edge>beginning|start|end) of (?:(?:the|this) )?(?:(?P<im_rel3>last|next) )?month)",
    rf"\b(?P<weekday>(?:(?P<wd_which>last|past|this coming|this|next|coming|previous)\s+)?(?P<wd_day>{_WEEKDAY})(?P<wd_after> (?:of )?(?:last|next|this) week)?)\b",
    rf"\b(?P<ago>(?:(?P<ago_count>{_COUNT}) (?P<ago_unit>day|week|fortnight|month|year)s? (?P<ago_side>ago|back|earlier|from now|from today|later|hence))"
    rf"|in (?:about )?(?P<in_count>{_COUNT}) (?P<in_unit>day|week|fortnight|month|year)s?(?:' time)?)\b",
    rf"\b(?P<festival_rule>(?:(?P<festival_rel>last|this|next)\s+)?(?P<festival>{'|'.join(sorted(festivals.EN, key=len, reverse=True))}))\b",
    r"\b(?P<day_rule>(?:the )?(?P<day>\d{1,2})(?:st|nd|rd|th))\b(?! thing)",
    r"(?P<bare_rule>^\W*(?:the |on |it was |it's )*(?P<bare>\d{1,2})\W*$)",
)
_RULE = re.compile("|".join(_ALTERNATION))
_BUILDERS: dict[str, Callable[[re.Match[str], date], Built]] = {
    "iso": _build_iso,
    "slashed": _build_slashed,
    "week_on": _build_week_on,
    "after_next": _build_after_next,
    "nth": _build_nth,
    "edge_rule": _build_edge,
    "weekend": _build_weekend,
    "relative": _build_relative,
    "month_day": _build_month_day,
    "in_month": _build_in_month,
    "weekday": _build_weekday,
    "ago": _build_ago,
    "festival_rule": _build_festival,
    "day_rule": _build_day,
    "bare_rule": _build_bare,
}
