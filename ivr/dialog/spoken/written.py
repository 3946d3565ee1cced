"""Values for the eye: what a caller who reads (a chat) gets in place of words."""

from __future__ import annotations

import datetime as dt
import re
from decimal import ROUND_HALF_UP, Decimal

from babel.dates import format_date, format_time
from babel.numbers import format_currency, get_currency_precision

from ivr.dialog.spoken.base import Number, currency_code, last_four, phone_groups, to_decimal
from ivr.dialog.spoken.plain import PlainVerbaliser

_CHINESE_MOBILE = re.compile(r"1[3-9]\d{9}")


class Writer(PlainVerbaliser):
    """Every language's written form: 138 0013 8000, $40.00, ¥500, 5 March 2026, 14:30."""

    def digits(self, value: str | int) -> str:
        return str(value)

    def ordinal(self, value: int) -> str:
        if self._locale.language == "zh":
            return f"第{value}"
        return f"{value}{_english_suffix(value)}" if self._locale.language == "en" else f"{value}."

    def money(self, value: Number, currency: str) -> str:
        """Whole amounts of yuan without a fraction, others with all of it."""
        code = currency_code(currency)
        amount = to_decimal(value).quantize(Decimal(1).scaleb(-get_currency_precision(code)), rounding=ROUND_HALF_UP)
        whole = code == "CNY" and amount == amount.to_integral_value()
        text = format_currency(
            amount.to_integral_value() if whole else amount, code, locale=self._locale, currency_digits=not whole,
            format="¤#,##0" if whole else None,
        )  # fmt: skip
        return text.replace("CN¥", "¥")

    def date(self, value: dt.date, today: dt.date | None = None) -> str:
        """Always with its year: what is read may be read later."""
        if self._locale.language == "en":
            return f"{value.day} {format_date(value, 'MMMM', locale=self._locale)} {value.year}"
        return format_date(value, format="long", locale=self._locale)

    def time(self, value: dt.time) -> str:
        return format_time(value, "HH:mm", locale=self._locale)

    def phone(self, value: str) -> str:
        if self._locale.language == "zh" or _CHINESE_MOBILE.fullmatch(str(value)):
            return " ".join(phone_groups(value, "86", (3, 4, 4)))
        return " ".join(phone_groups(value, "1", (3, 3, 4)))

    def mask(self, value: str) -> str:
        return f"****{last_four(value)}"


def _english_suffix(value: int) -> str:
    if 10 <= value % 100 <= 20:
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
