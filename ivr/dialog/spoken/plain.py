"""Any language without a verbaliser of its own: the locale's written form, which the synthesiser reads itself."""

from __future__ import annotations

import datetime as dt

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from babel.numbers import format_currency, format_decimal, format_percent

from ivr.dialog.spoken.base import Number, currency_code, last_four, phone_groups, to_decimal
from ivr.errors import InputError


class PlainVerbaliser:
    """Locale data (Unicode CLDR) instead of words. Digit strings are spaced, so that they are read one by one."""

    def __init__(self, language: str) -> None:
        self.language = language
        try:
            self._locale = Locale.parse(language.replace("-", "_"))
        except (UnknownLocaleError, ValueError):
            raise InputError(f"language {language!r} is not known; expected a tag such as en, zh, ko") from None

    def number(self, value: Number) -> str:
        return format_decimal(to_decimal(value), locale=self._locale, decimal_quantization=False)

    def digits(self, value: str | int) -> str:
        return " ".join(char for char in str(value) if char.isalnum())

    def ordinal(self, value: int) -> str:
        return f"{value}."

    def money(self, value: Number, currency: str) -> str:
        code = currency_code(currency)
        return format_currency(to_decimal(value), code, locale=self._locale, format_type="name")

    def date(self, value: dt.date, today: dt.date | None = None) -> str:
        return format_date(value, format="long", locale=self._locale)

    def time(self, value: dt.time) -> str:
        return format_time(value, format="short", locale=self._locale)

    def datetime(self, value: dt.datetime, today: dt.date | None = None) -> str:
        return f"{self.date(value.date(), today)} {self.time(value.time())}"

    def phone(self, value: str) -> str:
        return ", ".join(self.digits(group) for group in phone_groups(value, "", ()))

    def percent(self, value: Number) -> str:
        return format_percent(to_decimal(value) / 100, locale=self._locale, decimal_quantization=False)

    def mask(self, value: str) -> str:
        return self.digits(last_four(value))

    def text(self, text: str) -> str:
        return text
