"""What every verbaliser can do, and what they share."""

from __future__ import annotations

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Protocol, TypeAlias

import phonenumbers

from ivr.errors import InputError

Number: TypeAlias = "int | float | Decimal | str"
"""A number; text is read as a plain decimal (`"1,234.50"` counts too)."""

LARGEST = 10**15
"""Numbers of this size and above are read digit by digit: nobody follows their names by ear."""


class Verbaliser(Protocol):
    """One language's way to say values. Every method gives words and raises InputError for what it cannot read."""

    language: str

    def number(self, value: Number) -> str:
        """12000 -> twelve thousand, 一万二千."""

    def digits(self, value: str | int) -> str:
        """4412 -> four four one two, 四四幺二. Letters among them are spelled."""

    def ordinal(self, value: int) -> str:
        """2 -> second, 第二."""

    def money(self, value: Number, currency: str) -> str:
        """An amount in a currency of ISO 4217, rounded half up to its minor unit."""

    def date(self, value: dt.date, today: dt.date | None = None) -> str:
        """With `today`: yesterday, 昨天; without the year in the current one."""

    def time(self, value: dt.time) -> str:
        """22:30 -> ten thirty p.m., 晚上十点半."""

    def datetime(self, value: dt.datetime, today: dt.date | None = None) -> str: ...

    def phone(self, value: str) -> str:
        """A telephone number in groups, with commas where a speaker pauses."""

    def percent(self, value: Number) -> str:
        """3.5 -> three point five percent, 百分之三点五."""

    def mask(self, value: str) -> str:
        """Only the last four characters of a secret number: ending in four four one two, 尾号四四幺二."""

    def text(self, text: str) -> str:
        """Free text with figures and signs in words."""


def to_decimal(value: Number) -> Decimal:
    """Exact value of a number (a float by its shortest notation). Raises InputError."""
    if isinstance(value, bool):
        raise InputError(f"{value!r} is no number")
    try:
        result = Decimal(str(value).replace(",", "").strip())
    except InvalidOperation:
        raise InputError(f"{value!r} is no number") from None
    if not result.is_finite():
        raise InputError(f"{value!r} is no number that can be said")
    return result


def split_decimal(value: Decimal) -> tuple[bool, str, str]:
    """Sign, integer digits, fraction digits as written: -3.50 -> (True, "3", "50")."""
    whole, _, fraction = f"{abs(value):f}".partition(".")
    return value < 0, whole, fraction


def to_minor_units(value: Number, places: int) -> tuple[bool, int, int]:
    """Sign, major and minor units of an amount with `places` decimals: 15.505 -> (False, 15, 51)."""
    exact = to_decimal(value).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    major, minor = divmod(int(abs(exact).scaleb(places)), 10**places)
    return exact < 0, major, minor


def currency_code(currency: str) -> str:
    code = currency.strip().upper()
    if len(code) != 3 or not code.isascii() or not code.isalpha():
        raise InputError(f"currency {currency!r}: expected three letters such as CNY, USD, EUR (ISO 4217)")
    return code


def last_four(value: str) -> str:
    """What `mask` may say: the last four letters or digits. Raises InputError when there are none."""
    kept = [char for char in str(value) if char.isalnum()]
    if not kept:
        raise InputError(f"{value!r} has no digits to say")
    return "".join(kept[-4:])


def phone_groups(value: str, home: str, home_groups: tuple[int, ...]) -> list[str]:
    """Digits of a telephone number in the groups people say, the country code first (`+86`) unless it is `home`'s.

    `home_groups` are the sizes for a national number of that length, e.g. (3, 4, 4); any other number is grouped as
    its own country writes it (libphonenumber), or by fours. Raises InputError when there is no digit.
    """
    text = str(value).strip()
    national = "".join(char for char in text if char.isdigit())
    if not national:
        raise InputError(f"{value!r} is no telephone number")
    if text.startswith("+"):
        if not national.startswith(home):
            return _foreign_groups(text)
        national = national.removeprefix(home)
    if len(national) == sum(home_groups):
        return _cut(national, home_groups)
    written = text.removeprefix("+" + home).replace("(", " ").replace(")", " ").replace("-", " ").split()
    if len(written) > 1 and all(part.isdigit() for part in written):
        return written
    return _by_fours(national)


def _foreign_groups(text: str) -> list[str]:
    try:
        parsed = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return ["+" + "".join(char for char in text if char.isdigit())]
    if parsed.country_code == 86 and len(str(parsed.national_number)) == 11:
        return ["+86", *_cut(str(parsed.national_number), (3, 4, 4))]
    written = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return written.replace("-", " ").replace("(", " ").replace(")", " ").split()


def _cut(digits: str, sizes: tuple[int, ...]) -> list[str]:
    groups, start = [], 0
    for size in sizes:
        groups.append(digits[start : start + size])
        start += size
    return groups


def _by_fours(digits: str) -> list[str]:
    """Up to five digits stay together; more go in fours from the end (010 1234 5678)."""
    if len(digits) <= 5:
        return [digits]
    head = len(digits) % 4
    groups = [digits[:head]] if head else []
    return groups + [digits[at : at + 4] for at in range(head, len(digits), 4)]
