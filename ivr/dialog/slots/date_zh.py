# ruff: noqa: E501 - a rule or phrase table reads better with one entry a line
"""Chinese date rules, on text whose numbers are digits already."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

from ivr.dialog.slots import festivals, lunar
from ivr.dialog.slots.calendar import (
    Meant,
    around_months,
    around_weeks,
    around_years,
    coming_first,
    full_year,
    last_of_month,
    months_away,
    shift_month,
    valid,
    weekday_in_week,
)

_RELATIVE = {"大前天": -3, "前天": -2, "昨天": -1, "昨日": -1, "昨晚": -1, "前儿": -2, "昨儿": -1, "今儿": 0, "明儿": 1, "后儿": 2, "今天": 0, "今日": 0, "今早": 0, "今晚": 0, "当天": 0,
             "明天": 1, "明日": 1, "明早": 1, "明晚": 1, "后天": 2, "大后天": 3}  # fmt: skip
_LUNAR_MONTHS = {"正月": 1, "大年": 1, "冬月": 11, "腊月": 12}
_BY_NUMBER = {"51": "劳动节", "61": "儿童节", "38": "妇女节", "11": "国庆"}
"""五一, 六一, 三八, 十一: festivals called by their day, where a word beside them tells that."""
_YEARS = {"前年": -2, "去年": -1, "今年": 0, "本年": 0, "明年": 1, "后年": 2}
_YEAR = "|".join(_YEARS)
_WEEKDAYS = {"1": 0, "2": 1, "3": 2, "4": 3, "5": 4, "6": 5, "日": 6, "天": 6, "7": 6, "末": 5}
_HERE = re.compile(r"上|下|这|本")


def find(text: str, today: date) -> list[Meant]:
    """All dates in `text`, left to right; no two overlap."""
    found: list[Meant] = []
    for match in _RULE.finditer(text):
        kind = next(name for name, value in match.groupdict().items() if value is not None)
        days, any_of, unsure = _BUILDERS[kind](match, today)
        if days:
            found.append(Meant(days, match.span(), any_of, unsure))
    return found


Built = tuple[tuple[date, ...], bool, bool]


def _one(days: list[date] | tuple[date, ...]) -> Built:
    return tuple(days), False, False


def _offset(prefix: str) -> int:
    """上上 = -2, 上 = -1, 这 = 0, 下 = 1, 下下 = 2."""
    marks = _HERE.findall(prefix)
    return sum({"上": -1, "下": 1}.get(mark, 0) for mark in marks)


def _build_relative(match: re.Match[str], today: date) -> Built:
    return _one([today + timedelta(days=_RELATIVE[match["relative"]])])


def _build_week(match: re.Match[str], today: date) -> Built:
    weekday = _WEEKDAYS[match["week_day"]]
    prefix = match["week_prefix"]
    if prefix:
        return _one([weekday_in_week(today, weekday, _offset(prefix))])
    return around_weeks(today, weekday), True, False


def _build_month_day(match: re.Match[str], today: date) -> Built:
    month, day = int(match["md_month"]), int(match["md_day"])
    if match["md_year_word"]:
        return _one(valid(today.year + _YEARS[match["md_year_word"]], month, day) if month <= 12 else [])
    if match["md_year"]:
        return _one(valid(full_year(match["md_year"]), month, day) if month <= 12 else [])
    return around_years(today, month, day), True, False


def _build_in_month(match: re.Match[str], today: date) -> Built:
    year, month = shift_month(today, _offset(match["im_prefix"]))
    edge = match["im_edge"]
    if edge:
        days = {"初": date(year, month, 1), "中": date(year, month, 15)}
        return (days.get(edge, last_of_month(year, month)),), False, edge == "中"
    return _one(valid(year, month, int(match["im_day"])))


def _build_lunar(match: re.Match[str], today: date) -> Built:
    """A day of the lunar calendar: 农历八月十五, 腊月二十三, 大年初二. Without a month, or of a leap month, it is no
    date of ours rather than a wrong one."""
    name, said = match["lunar_month"] or match["lunar_month2"], match["lunar_day"] or match["lunar_day2"]
    if match["lunar_leap"] or not (name and said):
        return _one([])
    month, day = _LUNAR_MONTHS.get(name) or int(name.removesuffix("月")), int(said)
    return _of_years(lambda year: lunar.solar(year, month, day), match["lunar_year"] or match["lunar_year2"], today)


def _build_month_edge(match: re.Match[str], today: date) -> Built:
    month, edge = int(match["me_month"]), match["me_edge"]
    if not 1 <= month <= 12:
        return _one([])
    days = around_years(today, month, {"初": 1, "中": 15}.get(edge, 28))
    return tuple(last_of_month(day.year, month) if edge in "底末" else day for day in days), True, edge == "中"


def _build_ago(match: re.Match[str], today: date) -> Built:
    count = int(match["ago_count"]) if match["ago_count"] else 0
    unit, sign = match["ago_unit"], -1 if match["ago_side"].endswith("前") else 1
    half = bool(match["ago_half"])
    if unit.endswith("月"):
        day = today + timedelta(days=15 * sign) if half else months_away(today, sign * count)
    elif unit == "年":
        day = months_away(today, sign * (6 if half else 12 * count))
    else:
        day = today + timedelta(days=sign * count * (1 if unit == "天" else 7))
    return (day,), False, half


def _build_few(match: re.Match[str], today: date) -> Built:
    """过三天, 前两天: two is said for a few."""
    count = min(int(match["few"]), 36500)
    sign = -1 if match["few_side"] == "前" else 1
    return (today + timedelta(days=sign * count),), False, count == 2


def _build_year_edge(match: re.Match[str], today: date) -> Built:
    year = today.year + _YEARS[match["ye_year"] or "今年"]
    return _one([date(year, 1, 1) if match["ye_edge"] == "初" else date(year, 12, 31)])


def _build_festival(match: re.Match[str], today: date) -> Built:
    return _of_years(festivals.ZH[match["festival"]], match["festival_year"], today)


def _build_festival_number(match: re.Match[str], today: date) -> Built:
    name = _BY_NUMBER[match["fn_number"] or match["fn_number2"]]
    return _of_years(festivals.ZH[name], match["fn_year"], today)


def _of_years(festival: festivals.Festival, said: str | None, today: date) -> Built:
    """Without its year it is any; the end of a lunar year may be called by the year in which it falls."""
    if not said:
        return festivals.around(festival, today), True, False
    year = today.year + _YEARS[said]
    days = coming_first((day for lunar in (year - 1, year) for day in festival(lunar) if day.year >= year), today)
    return days, len(days) > 1, False


def _build_day(match: re.Match[str], today: date) -> Built:
    return around_months(today, int(match["day"])), True, False


def _build_iso(match: re.Match[str], today: date) -> Built:
    return _one(valid(int(match["iso_year"]), int(match["iso_month"]), int(match["iso_day"])))


def _build_bare(match: re.Match[str], today: date) -> Built:
    if (name := _BY_NUMBER.get(match["bare"])) and int(match["bare"]) > 31:
        return festivals.around(festivals.ZH[name], today), True, True
    return around_months(today, int(match["bare"])), True, True


_ALTERNATION = {
    "lunar": rf"(?P<lunar>(?:(?P<lunar_year>{_YEAR})的?)?(?:(?P<lunar_called>农历|阴历|旧历)(?:的|(?P<lunar_year2>{_YEAR})的?)?)?(?:(?P<lunar_leap>闰)[\d腊正冬]{{1,2}}月|(?P<lunar_month>[腊正冬]月|大年(?=初)|(?(lunar_called)\d{{1,2}}月|(?!))))(?:初?(?P<lunar_day>\d{{1,2}})[号日]?|底|末)?"
    r"|(?:农历|阴历|旧历)(?:初?\d{1,2}[号日]?)?|(?<![上下这本个\d])(?P<lunar_month2>\d{1,2})月初(?P<lunar_day2>\d{1,2})(?!\d|号)|初\d{1,2}(?!\d|号))",
    "month_edge": r"(?P<month_edge>(?<!\d)(?P<me_month>\d{1,2})月份?的?(?P<me_edge>初|中(?!旬)|底|末)(?!\d))",
    "iso": r"(?P<iso>(?P<iso_year>\d{4})[-/.](?P<iso_month>\d{1,2})[-/.](?P<iso_day>\d{1,2}))",
    "relative": f"(?P<relative>{'|'.join(sorted(_RELATIVE, key=len, reverse=True))})",
    "week": r"(?P<week>(?P<week_prefix>(?:上上|下下|上|下|这|本)个?)?的?(?:周|星期|礼拜)(?P<week_day>[1-7日天末]))(?!\d)",
    "month_day": rf"(?P<month_day>(?:(?P<md_year_word>{_YEAR})|(?P<md_year>\d{{4}}|\d{{2}})年)?的?(?P<md_month>\d{{1,2}})月份?的?(?P<md_day>\d{{1,2}})[号日]?)(?!\d|天|个)",
    "in_month": r"(?P<in_month>(?P<im_prefix>(?:上上|下下|上|下|这|本)个?|(?<!\d))月份?的?(?:(?P<im_day>\d{1,2})[号日]?|(?P<im_edge>初|中(?!旬)|底|末)))(?!\d)",
    "ago": r"(?P<ago>(?:(?<!\d)(?P<ago_count>\d{1,4})|(?P<ago_half>半))个?(?P<ago_unit>天|周|星期|礼拜|月|年)(?P<ago_side>之前|以前|前|之后|以后|后))",
    "few": r"(?P<few_rule>(?P<few_side>再?过|前)(?P<few>\d{1,4})天)",
    "year_edge": rf"(?P<year_edge>(?P<ye_year>{_YEAR})?的?年(?P<ye_edge>初|底|末))",
    "festival": rf"(?P<festival_rule>(?:(?P<festival_year>{_YEAR})的?)?大?(?P<festival>{'|'.join(sorted(festivals.ZH, key=len, reverse=True))})节?)",
    "festival_number": rf"(?P<festival_number_rule>(?P<fn_year>{_YEAR})的?(?P<fn_number>{'|'.join(_BY_NUMBER)})(?![\d月点号日天个块岁年次笔])|(?<![\d点月号年第])(?P<fn_number2>{'|'.join(_BY_NUMBER)})(?=劳动节|儿童节|妇女节|国庆|假期|长假|小长假|黄金周|放假|那天|当天|前后))",
    "day_rule": r"(?P<day_rule>(?<![\d月])(?P<day>\d{1,2})[号日])",
    "bare_rule": r"(?P<bare_rule>^\W*(?:是|就|在)?(?P<bare>\d{1,2})\W*吧?\W*$)",
}
_RULE = re.compile("|".join(_ALTERNATION.values()))
_BUILDERS: dict[str, Callable[[re.Match[str], date], Built]] = {
    "iso": _build_iso,
    "lunar": _build_lunar,
    "month_edge": _build_month_edge,
    "relative": _build_relative,
    "week": _build_week,
    "month_day": _build_month_day,
    "in_month": _build_in_month,
    "ago": _build_ago,
    "few_rule": _build_few,
    "year_edge": _build_year_edge,
    "festival_rule": _build_festival,
    "festival_number_rule": _build_festival_number,
    "day_rule": _build_day,
    "bare_rule": _build_bare,
}
