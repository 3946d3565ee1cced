"""Values for callers who read: a chat."""

from __future__ import annotations

import datetime as dt

import pytest

from ivr.dialog.spoken import writer


@pytest.mark.parametrize(
    ("language", "how", "value", "written"),
    [
        ("en", "phone", "13800138000", "138 0013 8000"),
        ("zh", "phone", "+8613800138000", "138 0013 8000"),
        ("en", "phone", "4155550123", "415 555 0123"),
        ("en", "phone", "95188", "95188"),
        ("en", "digits", "4412", "4412"),
        ("zh", "mask", "6222 0000 4412", "****4412"),
        ("en", "number", 1234567.5, "1,234,567.5"),
        ("zh", "ordinal", 2, "第2"),
        ("en", "ordinal", 12, "12th"),
        ("en", "ordinal", 23, "23rd"),
        ("en", "date", dt.date(2026, 3, 5), "5 March 2026"),
        ("zh", "date", dt.date(2026, 3, 5), "2026年3月5日"),
        ("en", "time", dt.time(14, 30), "14:30"),
    ],
)
def test_values(language: str, how: str, value: object, written: str) -> None:
    assert getattr(writer(language), how)(value) == written


@pytest.mark.parametrize(
    ("language", "value", "currency", "written"),
    [
        ("en", 40, "USD", "$40.00"),
        ("en", 500, "CNY", "¥500"),
        ("zh", "15.5", "CNY", "¥15.50"),
        ("en", "-1234567.005", "EUR", "-€1,234,567.01"),
        ("de", 40, "EUR", "40,00\N{NO-BREAK SPACE}€"),
    ],
)
def test_money(language: str, value: str, currency: str, written: str) -> None:
    assert writer(language).money(value, currency) == written
