"""Mandarin: values in words. Free text is in `zh_text`."""

from __future__ import annotations

import datetime as dt

from babel.numbers import get_currency_name

from ivr.dialog.spoken import zh_text
from ivr.dialog.spoken.base import (
    LARGEST,
    Number,
    currency_code,
    last_four,
    phone_groups,
    split_decimal,
    to_decimal,
    to_minor_units,
)
from ivr.errors import InputError

DIGITS = "零一二三四五六七八九"
PLACES = ("", "十", "百", "千")
MYRIADS = ("", "万", "亿", "万亿")

CURRENCIES = {
    "CNY": ("元", "", 2),
    "USD": ("美元", "美分", 2),
    "EUR": ("欧元", "欧分", 2),
    "GBP": ("英镑", "便士", 2),
    "HKD": ("港元", "港仙", 2),
    "AUD": ("澳元", "澳分", 2),
    "CAD": ("加元", "加分", 2),
    "SGD": ("新加坡元", "新加坡分", 2),
    "TWD": ("新台币", "分", 2),
    "JPY": ("日元", "", 0),
    "KRW": ("韩元", "", 0),
}
"""ISO 4217 code -> major unit, minor unit, decimals."""

DAYS = {-2: "前天", -1: "昨天", 0: "今天", 1: "明天", 2: "后天"}
SIGNS = {"+": "加", "-": "杠", "#": "井号", "*": "星号", ".": "点"}


class MandarinVerbaliser:
    """Standard Mandarin as spoken on a telephone in mainland China, in simplified characters.

    Digits are said with 幺 for 1, as in telephone and card numbers. 两 stands for 2 before 百, 千, 万, 亿 and measures.
    """

    language = "zh"

    def __init__(self) -> None:
        self._normalise = zh_text.Normaliser(self)

    def number(self, value: Number) -> str:
        exact = to_decimal(value)
        if abs(exact) >= LARGEST:
            return ("负" if exact < 0 else "") + self._plain_digits(f"{abs(exact):f}")
        negative, whole, fraction = split_decimal(exact)
        words = integer(int(whole))
        if fraction:
            words += "点" + "".join(DIGITS[int(digit)] for digit in fraction)
        return "负" + words if negative else words

    def count(self, value: Number) -> str:
        """A number before a measure word: 2 is 两 (两个, 两元), everything else as `number`."""
        return "两" if to_decimal(value) == 2 else self.number(value)

    def digits(self, value: str | int) -> str:
        return "".join(self._digit(char) for char in str(value) if not char.isspace())

    @staticmethod
    def _digit(char: str) -> str:
        if char.isascii() and char.isdigit():
            return "幺" if char == "1" else DIGITS[int(char)]
        return SIGNS.get(char, char)

    @staticmethod
    def _plain_digits(text: str) -> str:
        return "".join("点" if char == "." else DIGITS[int(char)] for char in text)

    def ordinal(self, value: int) -> str:
        return "第" + self.number(value)

    def money(self, value: Number, currency: str) -> str:
        code = currency_code(currency)
        if code not in CURRENCIES:
            return self.count(value) + self.currency(code)
        major_unit, minor_unit, places = CURRENCIES[code]
        negative, major, minor = to_minor_units(value, places)
        words = self.count(major) + major_unit if major or not minor else ""
        if minor and code == "CNY":
            words += _jiao_fen(minor, after_yuan=bool(major))
        elif minor:
            words += self.count(minor) + minor_unit
        return "负" + words if negative else words

    @staticmethod
    def currency(code: str) -> str:
        """Name of a currency's major unit (CLDR for the rarer ones)."""
        return CURRENCIES[code][0] if code in CURRENCIES else get_currency_name(code, locale="zh")

    def colloquial_money(self, value: Number) -> str:
        """Yuan as said in a shop: 15.5 -> 十五块五, 15.05 -> 十五块零五分, 0.5 -> 五毛."""
        words = self.money(value, "CNY").replace("元", "块").replace("角", "毛")
        head, block, tail = words.partition("块")
        if block and len(tail) == 2 and tail.endswith("毛"):
            tail = tail.removesuffix("毛").replace("两", "二")
        elif block and tail.endswith("分") and "毛" in tail:
            tail = tail.removesuffix("分")
        return head + block + tail

    def date(self, value: dt.date, today: dt.date | None = None) -> str:
        if today is not None and (value - today).days in DAYS:
            return DAYS[(value - today).days]
        words = f"{self.number(value.month)}月{self.number(value.day)}号"
        if today is not None and today.year == value.year:
            return words
        return self.year(value.year) + "年" + words

    def year(self, value: int | str) -> str:
        return self._plain_digits(str(value))

    def time(self, value: dt.time) -> str:
        return self.day_period(value.hour) + self.clock(value.hour, value.minute)

    def clock(self, hour: int, minute: int) -> str:
        """Hour on a twelve-hour dial, without the part of day: 22:30 -> 十点半, 0:05 -> 零点零五分."""
        dial = hour if hour <= 12 or hour == 24 else hour - 12
        words = self.count(dial) + "点"
        if minute == 30:
            return words + "半"
        if minute:
            words += ("零" if minute < 10 else "") + self.number(minute) + "分"
        return words

    @staticmethod
    def day_period(hour: int) -> str:
        """The part of day people say with an hour: 凌晨 to 5, 早上 to 8, 上午, 中午 at 12, 下午 to 18, 晚上."""
        periods = ((6, "凌晨"), (9, "早上"), (12, "上午"), (13, "中午"), (19, "下午"), (24, "晚上"))
        return next((name for before, name in periods if hour < before), "")

    def datetime(self, value: dt.datetime, today: dt.date | None = None) -> str:
        return self.date(value.date(), today) + self.time(value.time())

    def phone(self, value: str) -> str:
        groups = phone_groups(value, "86", (3, 4, 4))
        if sum(map(len, groups)) == 11 and groups[0].startswith("0"):
            groups = _landline("".join(groups))
        return "，".join(self.digits(group) for group in groups)

    def percent(self, value: Number) -> str:
        words = self.number(value)
        return "负百分之" + words.removeprefix("负") if words.startswith("负") else "百分之" + words

    def mask(self, value: str) -> str:
        return "尾号" + self.digits(last_four(value))

    def text(self, text: str) -> str:
        return self._normalise(text)


def integer(value: int) -> str:
    """A whole number below 10**16 in words; 10 to 19 begin with 十."""
    if not 0 <= value < 10**16:
        raise InputError(f"{value} is too large to be said as a number")
    if value == 0:
        return "零"
    groups: list[int] = []
    while value:
        value, group = divmod(value, 10_000)
        groups.append(group)
    words, gap = "", False
    for index in range(len(groups) - 1, -1, -1):
        group = groups[index]
        if not group:
            gap = bool(words)
            words += "亿" if index == 2 and len(groups) == 4 else ""
            continue
        if words and (gap or group < 1000):
            words += "零"
        spoken = "两" if group == 2 and index else _group(group, first=not words)
        words, gap = words + spoken + _myriad(index, len(groups)), False
    return words


def _myriad(index: int, groups: int) -> str:
    """万 of 万亿 is said once and 亿 closes the pair: 12,0003,0000,0000 -> 十二万零三亿."""
    return "万" if index == 3 and groups == 4 else MYRIADS[index]


def _group(value: int, *, first: bool) -> str:
    """1 to 9999. `first`: nothing stands before it, so 十 needs no 一 and a leading 2 of 百 and 千 is 两."""
    words, zero = "", False
    for place in (3, 2, 1, 0):
        digit = value // 10**place % 10
        if not digit:
            zero = bool(words)
            continue
        if zero:
            words, zero = words + "零", False
        if digit == 2 and place >= 2 and first and not words:
            words += "两" + PLACES[place]
        elif digit == 1 and place == 1 and not words and first:
            words += "十"
        else:
            words += DIGITS[digit] + PLACES[place]
    return words


def _jiao_fen(minor: int, *, after_yuan: bool) -> str:
    jiao, fen = divmod(minor, 10)
    words = ("两" if jiao == 2 else DIGITS[jiao]) + "角" if jiao else ""
    if fen:
        words += ("零" if after_yuan and not jiao else "") + ("两" if fen == 2 and not jiao else DIGITS[fen]) + "分"
    return words


def _landline(digits: str) -> list[str]:
    """Area code and number: 010 and 02x have three digits, the rest four."""
    area = 3 if digits[1] in "12" else 4
    rest = digits[area:]
    return [digits[:area], rest[: len(rest) - 4], rest[-4:]]
