"""English free text: figures, dates, money, units and signs put into words."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import TYPE_CHECKING

from ivr.dialog.spoken.rules import Rule, rewrite, rule

if TYPE_CHECKING:
    from ivr.dialog.spoken.en import EnglishVerbaliser

MONTHS = (
    "(?-i:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|"
    "Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
)
MONTH_NUMBERS = {name: index for index, name in enumerate(
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1)}  # fmt: skip
CODE_WORDS = (
    "ending(?: in| with)?|number|code|pin|passcode|ticket|extension|ext|account|card|order|reference|case|tracking|"
    "digits|zip|flight|room|dial|call|text"
)
"""Words after which three or more figures are a code, read digit by digit."""
SYMBOLS = {"¥": "CNY", "￥": "CNY", "$": "USD", "€": "EUR", "£": "GBP", "us$": "USD", "hk$": "HKD", "a$": "AUD"}
CODES = "CNY|RMB|USD|EUR|GBP|HKD|AUD|CAD|SGD|JPY|KRW|CHF|INR|TWD"
MONEY_WORDS = {"yuan": "CNY", "dollars": "USD", "dollar": "USD", "euros": "EUR", "euro": "EUR", "pounds": "GBP",
               "pound": "GBP"}  # fmt: skip
UNITS = {
    "km/h": ("kilometer per hour", "kilometers per hour"), "mph": ("mile per hour", "miles per hour"),
    "km": ("kilometer", "kilometers"), "kg": ("kilogram", "kilograms"), "cm": ("centimeter", "centimeters"),
    "mm": ("millimeter", "millimeters"), "ml": ("milliliter", "milliliters"), "mg": ("milligram", "milligrams"),
    "gb": ("gigabyte", "gigabytes"), "mb": ("megabyte", "megabytes"), "kb": ("kilobyte", "kilobytes"),
    "tb": ("terabyte", "terabytes"), "ghz": ("gigahertz", "gigahertz"), "mhz": ("megahertz", "megahertz"),
    "kwh": ("kilowatt hour", "kilowatt hours"), "kw": ("kilowatt", "kilowatts"), "lbs": ("pound", "pounds"),
    "lb": ("pound", "pounds"), "oz": ("ounce", "ounces"), "ft": ("foot", "feet"), "mi": ("mile", "miles"),
    "hrs": ("hour", "hours"), "hr": ("hour", "hours"), "mins": ("minute", "minutes"), "min": ("minute", "minutes"),
    "secs": ("second", "seconds"), "sec": ("second", "seconds"), "°c": ("degree Celsius", "degrees Celsius"),
    "℃": ("degree Celsius", "degrees Celsius"), "°f": ("degree Fahrenheit", "degrees Fahrenheit"),
    "°": ("degree", "degrees"), "m²": ("square meter", "square meters"),
}  # fmt: skip
"""Lone letters are left out: 5G, 4K and 10M mean other things."""
SHORT_FORMS = {"e.g.": "for example", "i.e.": "that is", "etc.": "et cetera", "vs.": "versus",
               "approx.": "approximately", "no.": "number", "dept.": "department", "ext.": "extension"}  # fmt: skip
SIGN_NAMES = {"#": "hash", "*": "star", "&": "and", "%": "percent", "=": "equals", "@": "at", "+": "plus",
              "$": "dollars", "¥": "yuan", "￥": "yuan", "€": "euros", "£": "pounds"}  # fmt: skip
FRACTIONS = {(1, 2): "one half", (1, 4): "one quarter", (3, 4): "three quarters"}
NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
DASH = r"[ ]?(?:[-–—~]|\bto\b)[ ]?"
HALF = r"(?:[ ]?(?P<half>[ap])\.?[ ]?m\b\.?)"

TRIGGER = re.compile(
    rf"(?<![A-Za-z])(?:(?:{CODE_WORDS}|{MONTHS}|no\.|in|since|from|until|before|after|by|year|{CODES})(?=[\s.:#]*(?:is\s|was\s)?\s?#?\d)"
    rf"|e\.g\.|i\.e\.|etc\.|vs\.|approx\.|dept\.|ext\.)"
    rf"|[A-Za-z][A-Za-z0-9._-]*(?=@\w)|(?:https?://|www\.)(?=\w)|(?<![A-Za-z])(?:US|HK|A)(?=\$)|[(](?=\d{{3}}[)])|[-−+]?\d|[¥￥$€£#*&%=@+]",
    re.IGNORECASE,
)


class Normaliser:
    """The rules of `verbalise`, bound to a speaker. Order matters: the most specific reading comes first."""

    def __init__(self, speaker: EnglishVerbaliser) -> None:
        self._say = speaker
        units = "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True))
        clock = rf"(?P<h>\d{{1,2}})(?::(?P<min>\d{{2}})(?::\d{{2}})?(?!\d){HALF}?|{HALF.replace('half', 'half2')})"
        to = rf"(?:{DASH}(?P<to>\d{{1,2}}(?::\d{{2}})?(?![\d:]|\.\d)(?:[ ]?[ap]\.?[ ]?m\b\.?)?))?"
        day = r"(?P<d>\d{1,2})(?:st|nd|rd|th)?"
        with_year = r"(?:,?[ ](?P<y>\d{4})(?!\d))?"
        no_year = rf"(?![\d,./-]*\d|s\b|[ ]?%|[ ]?(?:{units}|yuan|dollars|euros|pounds))"
        amount = rf"(?P<sign>[-−])?(?P<a>{NUMBER})"
        self.table: list[Rule] = [
            rule(
                r"(?P<y>\d{4})(?P<sep>[-/])(?P<m>\d{1,2})(?P=sep)(?P<d>\d{1,2})(?!\d)"
                r"(?:[T ](?P<h>\d{1,2}):(?P<min>\d{2})(?::\d{2})?)?",
                self._iso_date,
            ),
            rule(r"(?P<a>\d{1,2})/(?P<b>\d{1,2})/(?P<y>\d{4})(?!\d)", self._slash_date),
            rule(rf"(?P<month>{MONTHS})\.?[ ]{day}(?![\d:]){with_year}", self._named_date),
            rule(rf"{day}[ ](?:of[ ])?(?P<month>{MONTHS})\b{with_year}", self._named_date),
            rule(
                rf"(?P<word>in|since|from|until|before|after|by|year|{MONTHS})[ ](?P<y>(?:19|20)\d{{2}}){no_year}",
                self._after_word_year,
            ),
            rule(r"(?P<y>(?:1\d|20)[1-9]0)s\b", lambda m: _plural(speaker.year(int(m["y"])))),
            rule(r"24/7(?![\d/])", lambda _: "twenty-four seven"),
            rule(clock + to, self._time),
            rule(r"(?P<name>[a-z][a-z0-9._-]*)@(?P<host>[a-z0-9-]+(?:\.[a-z0-9-]+)+)", self._address),
            rule(
                r"(?:https?://)?(?P<host>(?:www\.)?[a-z0-9-]+(?:\.[a-z]{2,})+)(?P<path>(?:/[\w-]+)*)/?",
                self._web,
            ),
            rule(r"(?P<word>e\.g\.|i\.e\.|etc\.|vs\.|approx\.|dept\.|ext\.|no\.)", self._short_form),
            rule(r"\+\d[\d ()-]{6,}\d|(?:1-)?[(]?\d{3}[)]?[ -]\d{3}-\d{4}(?!\d)", lambda m: speaker.phone(m[0])),
            rule(
                rf"(?P<word>{CODE_WORDS})(?P<link>:?[ ](?:is[ ]|was[ ])?|[ ]?\#)(?P<code>\d+(?:[- ]\d+)*)"
                r"(?![.,]?\d|[ ]?%)",
                self._code,
            ),
            rule(rf"{amount}[ ]?%?{DASH}(?P<b>{NUMBER})[ ]?%", self._percents),
            rule(rf"{amount}[ ]?%", lambda m: _minus(m) + speaker.percent(m["a"])),
            rule(
                rf"(?P<symbol>(?:US|HK|A)?\$|[¥￥€£])[ ]?(?P<a>{NUMBER})"
                r"(?:[ ]?(?P<scale>thousand|million|billion|k|m|bn)\b)?",
                self._symbol_money,
            ),
            rule(rf"(?P<code>{CODES})[ ]?(?P<a>{NUMBER})", self._code_money),
            rule(rf"(?P<a>{NUMBER})[ ]?(?P<code>{CODES})\b", self._code_money),
            rule(r"(?P<a>\d[\d,]*\.\d{1,2})[ ](?P<unit>yuan|dollars?|euros?|pounds?)\b", self._word_money),
            rule(r"(?P<a>\d+)(?:st|nd|rd|th)\b", lambda m: speaker.ordinal(int(m["a"]))),
            rule(r"(?P<a>[1-9]\d?)/(?P<b>[1-9]\d?)(?![\d/])", self._fraction),
            rule(rf"{amount}[ ]?(?P<unit>{units})(?![A-Za-z])", self._unit),
            rule(rf"(?P<a>{NUMBER}){DASH}(?P<b>{NUMBER})(?![\d-])", self._span),
            rule(r"(?P<code>\d{3}-\d{4})(?![.,]?\d)", lambda m: speaker.phone(m["code"])),
            rule(r"(?P<code>0\d+|\d{9,})(?![.,]?\d)", lambda m: speaker.digits(m["code"])),
            rule(rf"(?P<sign>(?<!\w)[-−])?(?P<a>{NUMBER})(?P<plural>s\b)?", self._number),
            rule(r"(?P<sign>[#*])(?:[ ]?(?P<key>key\b))?", self._key),
            rule(r"[&%=@+$¥￥€£]", self._sign),
        ]

    def __call__(self, text: str) -> str:
        return rewrite(text, self.table, TRIGGER).replace(".m..", ".m.")  # "10 p.m." ends its own sentence

    def _iso_date(self, match: re.Match[str]) -> str | None:
        try:
            words = self._say.date(dt.date(int(match["y"]), int(match["m"]), int(match["d"])))
            if match["h"]:
                words += " at " + self._say.time(dt.time(int(match["h"]), int(match["min"])))
        except ValueError:
            return None
        return words

    def _slash_date(self, match: re.Match[str]) -> str | None:
        """Month first, as in the United States, unless that cannot be."""
        first, second, year = int(match["a"]), int(match["b"]), int(match["y"])
        month, day = (second, first) if first > 12 else (first, second)
        try:
            return self._say.date(dt.date(year, month, day))
        except ValueError:
            return None

    def _named_date(self, match: re.Match[str]) -> str | None:
        month = MONTH_NUMBERS[match["month"][:3].lower()]
        day = int(match["d"])
        if not 1 <= day <= 31:
            return None
        words = self._say.date(dt.date(2000, month, 1)).partition(" ")[0] + " " + self._say.ordinal(day)
        return f"{words}, {self._say.year(int(match['y']))}" if match["y"] else words

    def _after_word_year(self, match: re.Match[str]) -> str:
        return f"{match['word']} {self._say.year(int(match['y']))}"

    def _time(self, match: re.Match[str]) -> str | None:
        half = match["half"] or match["half2"]
        hour, minute = int(match["h"]), int(match["min"] or 0)
        last = _read_clock(match["to"]) if match["to"] else None
        if hour > 24 or minute > 59 or (half and hour > 12) or (match["to"] and last is None):
            return None
        first = self._clock(hour, minute, half)
        return f"{first} to {self._clock(*last)}" if last else first

    def _clock(self, hour: int, minute: int, half: str | None) -> str:
        if half is None:
            return self._say.time(dt.time(hour % 24, minute))
        return f"{self._say.clock(hour, minute)} {half.lower()}.m."

    def _address(self, match: re.Match[str]) -> str:
        return f"{_dotted(match['name'])} at {_dotted(match['host'])}"

    def _web(self, match: re.Match[str]) -> str | None:
        if not match[0].lower().startswith(("http", "www.")):
            return None
        return _dotted(match["host"].lower().removeprefix("www.")) + match["path"].replace("/", " slash ")

    def _short_form(self, match: re.Match[str]) -> str | None:
        short = match["word"].lower()
        if short == "no." and not match.string[match.end() :].lstrip()[:1].isdigit():
            return None
        return SHORT_FORMS[short]

    def _code(self, match: re.Match[str]) -> str | None:
        code = match["code"]
        if sum(char.isdigit() for char in code) < 3:
            return None
        link = match["link"].replace("#", " ").rstrip() + " "
        groups = re.split("[- ]", code)
        spoken = ", ".join(self._say.digits(group) for group in groups)
        return match["word"] + link + (self._say.phone(code) if len(code) == 10 else spoken)

    def _symbol_money(self, match: re.Match[str]) -> str:
        currency = SYMBOLS[match["symbol"].lower()]
        if match["scale"]:
            scale = {"k": "thousand", "m": "million", "bn": "billion"}.get(match["scale"].lower(), match["scale"])
            return f"{self._say.number(match['a'])} {scale} {self._say.currency(currency)}"
        return self._say.money(match["a"], currency)

    def _percents(self, match: re.Match[str]) -> str:
        return f"{_minus(match)}{self._say.number(match['a'])} to {self._say.percent(match['b'])}"

    def _word_money(self, match: re.Match[str]) -> str:
        return self._say.money(match["a"], MONEY_WORDS[match["unit"].lower()])

    def _span(self, match: re.Match[str]) -> str:
        return f"{self._say.number(match['a'])} to {self._say.number(match['b'])}"

    def _key(self, match: re.Match[str]) -> str:
        return SIGN_NAMES[match["sign"]] + (" key" if match["key"] else "")

    def _code_money(self, match: re.Match[str]) -> str:
        return self._say.money(match["a"], match["code"].upper().replace("RMB", "CNY"))

    def _fraction(self, match: re.Match[str]) -> str | None:
        top, bottom = int(match["a"]), int(match["b"])
        if top >= bottom:
            return None
        if (top, bottom) in FRACTIONS:
            return FRACTIONS[top, bottom]
        return f"{self._say.number(top)} {self._say.ordinal(bottom)}{'s' if top > 1 else ''}"

    def _unit(self, match: re.Match[str]) -> str:
        one, many = UNITS[match["unit"].lower()]
        return f"{_minus(match)}{self._say.number(match['a'])} {one if match['a'] == '1' else many}"

    def _number(self, match: re.Match[str]) -> str:
        words = _minus(match) + self._say.number(Decimal(match["a"].replace(",", "")))
        if match["plural"]:
            return _plural(words)
        return words + " " if match.string[match.end() : match.end() + 1].isalpha() else words

    def _sign(self, match: re.Match[str]) -> str:
        before, after = match.string[: match.start()], match.string[match.end() :]
        left = "" if not before or before[-1].isspace() else " "
        return left + SIGN_NAMES[match[0]] + ("" if not after or after[0].isspace() else " ")


def _plural(words: str) -> str:
    return words.removesuffix("y") + "ies" if words.endswith("y") else words + "s"


def _minus(match: re.Match[str]) -> str:
    return "minus " if match["sign"] else ""


def _read_clock(text: str) -> tuple[int, int, str | None] | None:
    found = re.fullmatch(r"(\d{1,2})(?::(\d{2}))?(?:\s?([ap])\.?\s?m\.?)?", text, re.IGNORECASE)
    if not found or int(found[1]) > 24 or int(found[2] or 0) > 59:
        return None
    return int(found[1]), int(found[2] or 0), found[3]


def _dotted(name: str) -> str:
    return name.replace(".", " dot ").replace("-", " dash ").replace("_", " underscore ")
