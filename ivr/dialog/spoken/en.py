"""English: values in words. Free text is in `en_text`."""

from __future__ import annotations

import datetime as dt

from babel.numbers import get_currency_name

from ivr.dialog.spoken import en_text
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

ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"))
IRREGULAR = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
             "twelve": "twelfth"}  # fmt: skip
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip
DAYS = {-1: "yesterday", 0: "today", 1: "tomorrow"}
SIGNS = {"+": "plus", "-": "dash", "#": "hash", "*": "star", ".": "dot", "/": "slash"}
TIMES = {2: "double", 3: "triple"}

CURRENCIES = {
    "CNY": ("yuan", "yuan", "fen", "fen", 2),
    "USD": ("dollar", "dollars", "cent", "cents", 2),
    "EUR": ("euro", "euros", "cent", "cents", 2),
    "GBP": ("pound", "pounds", "penny", "pence", 2),
    "HKD": ("Hong Kong dollar", "Hong Kong dollars", "cent", "cents", 2),
    "AUD": ("Australian dollar", "Australian dollars", "cent", "cents", 2),
    "CAD": ("Canadian dollar", "Canadian dollars", "cent", "cents", 2),
    "SGD": ("Singapore dollar", "Singapore dollars", "cent", "cents", 2),
    "CHF": ("franc", "francs", "centime", "centimes", 2),
    "INR": ("rupee", "rupees", "paisa", "paise", 2),
    "TWD": ("Taiwan dollar", "Taiwan dollars", "cent", "cents", 2),
    "JPY": ("yen", "yen", "", "", 0),
    "KRW": ("won", "won", "", "", 0),
}
"""ISO 4217 code -> major unit (one, many), minor unit (one, many), decimals."""


class EnglishVerbaliser:
    """English for the telephone: "one hundred and fifty", digits without "oh", months by name."""

    language = "en"

    def __init__(self) -> None:
        self._normalise = en_text.Normaliser(self)

    def number(self, value: Number) -> str:
        exact = to_decimal(value)
        sign = "minus " if exact < 0 else ""
        if abs(exact) >= LARGEST:
            return sign + self.digits(f"{abs(exact):f}".replace(".", " point "))
        _, whole, fraction = split_decimal(exact)
        words = integer(int(whole))
        return sign + (f"{words} point {self.digits(fraction)}" if fraction else words)

    def digits(self, value: str | int, *, double: bool = False) -> str:
        """Character by character. `double` joins repeats as the British do: 4466 -> double four double six."""
        words: list[str] = []
        chars = [char for char in str(value).replace(" point ", ".") if not char.isspace()]
        at = 0
        while at < len(chars):
            run = _run(chars, at) if double and chars[at].isdigit() else 1
            words += [TIMES[run]] if run > 1 else []
            words.append(_character(chars[at]))
            at += run
        return " ".join(words)

    def ordinal(self, value: int) -> str:
        head, hyphen, last = self.number(value).rpartition("-")
        if not hyphen:
            head, hyphen, last = self.number(value).rpartition(" ")
        return head + hyphen + _ordinal_word(last)

    def money(self, value: Number, currency: str) -> str:
        code = currency_code(currency)
        if code not in CURRENCIES:
            return f"{self.number(value)} {self.currency(code)}"
        one, many, minor_one, minor_many, places = CURRENCIES[code]
        negative, major, minor = to_minor_units(value, places)
        majors = f"{integer(major)} {one if major == 1 else many}"
        minors = f"{integer(minor)} {minor_one if minor == 1 else minor_many}"
        if not minor:
            words = majors
        elif not major:
            words = minors
        elif code == "CNY" and minor >= 10:
            words = f"{majors} {integer(minor)}"
        else:
            words = f"{majors} and {minors}"
        return "minus " + words if negative else words

    @staticmethod
    def currency(code: str) -> str:
        """Name of a currency's major unit, for more than one of it (CLDR for the rarer ones)."""
        return CURRENCIES[code][1] if code in CURRENCIES else get_currency_name(code, count=2, locale="en")

    def date(self, value: dt.date, today: dt.date | None = None) -> str:
        if today is not None and (value - today).days in DAYS:
            return DAYS[(value - today).days]
        words = f"{MONTHS[value.month - 1]} {self.ordinal(value.day)}"
        if today is not None and today.year == value.year:
            return words
        return f"{words}, {self.year(value.year)}"

    def year(self, value: int) -> str:
        """1999 -> nineteen ninety-nine, 2005 -> two thousand and five, 2026 -> twenty twenty-six."""
        century, rest = divmod(value, 100)
        if not 1000 <= value <= 2099 or 2000 <= value < 2010:
            return self.number(value)
        if not rest:
            return f"{integer(century)} hundred"
        return f"{integer(century)} {'oh ' if rest < 10 else ''}{integer(rest)}"

    def time(self, value: dt.time) -> str:
        if value.minute == 0 and value.hour in (0, 12):
            return "noon" if value.hour else "midnight"
        return f"{self.clock(value.hour, value.minute)} {'a.m.' if value.hour < 12 else 'p.m.'}"

    def clock(self, hour: int, minute: int) -> str:
        """Hour on a twelve-hour dial without a.m. or p.m.: 22:05 -> ten oh five."""
        words = integer(hour % 12 or 12)
        if not minute:
            return words
        return f"{words} {'oh ' if minute < 10 else ''}{integer(minute)}"

    def datetime(self, value: dt.datetime, today: dt.date | None = None) -> str:
        return f"{self.date(value.date(), today)} at {self.time(value.time())}"

    def phone(self, value: str) -> str:
        return ", ".join(self.digits(group) for group in phone_groups(value, "1", (3, 3, 4)))

    def percent(self, value: Number) -> str:
        return f"{self.number(value)} percent"

    def mask(self, value: str) -> str:
        return "ending in " + self.digits(last_four(value))

    def text(self, text: str) -> str:
        return self._normalise(text)


def integer(value: int) -> str:
    """A whole number below 10**15 in words, with "and" before tens and ones."""
    if not 0 <= value < LARGEST:
        raise InputError(f"{value} is too large to be said as a number")
    parts: list[str] = []
    for size, name in SCALES:
        count, value = divmod(value, size)
        if count:
            parts.append(f"{_hundreds(count)} {name}")
    if value and parts and value < 100:
        parts.append("and")
    if value or not parts:
        parts.append(_hundreds(value))
    return " ".join(parts)


def _hundreds(value: int) -> str:
    hundreds, rest = divmod(value, 100)
    if not hundreds:
        return _tens(rest)
    words = f"{ONES[hundreds]} hundred"
    return f"{words} and {_tens(rest)}" if rest else words


def _tens(value: int) -> str:
    if value < 20:
        return ONES[value]
    tens, ones = divmod(value, 10)
    return TENS[tens] + (f"-{ONES[ones]}" if ones else "")


def _ordinal_word(cardinal: str) -> str:
    if cardinal in IRREGULAR:
        return IRREGULAR[cardinal]
    return cardinal.removesuffix("y") + "ieth" if cardinal.endswith("y") else cardinal + "th"


def _run(chars: list[str], at: int) -> int:
    """How many equal digits begin here, as far as there is a word for it (three at most)."""
    length = 1
    while length < max(TIMES) and at + length < len(chars) and chars[at + length] == chars[at]:
        length += 1
    return length


def _character(char: str) -> str:
    if char.isascii() and char.isdigit():
        return ONES[int(char)]
    return SIGNS.get(char, char.upper())
