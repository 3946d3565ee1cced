"""A language without a verbaliser of its own."""

from __future__ import annotations

import datetime as dt

from ivr.dialog.spoken import PlainVerbaliser, verbalise, verbaliser


def test_korean_is_left_in_the_locale_s_written_form() -> None:
    say = verbaliser("ko")
    assert isinstance(say, PlainVerbaliser)
    assert say.number(12000) == "12,000"
    assert say.digits("4412") == "4 4 1 2"
    assert say.date(dt.date(2026, 11, 22)) == "2026년 11월 22일"
    assert say.money(15, "KRW") == "15 대한민국 원"
    assert say.percent(3.5) == "3.5%"
    assert say.mask("62220212344412") == "4 4 1 2"
    assert say.phone("+82 2-312-3456") == "8 2, 2, 3 1 2, 3 4 5 6"
    assert verbalise("3개", "ko") == "3개"


def test_german_datetime_and_ordinal() -> None:
    say = verbaliser("de-AT")
    assert say.datetime(dt.datetime(2026, 11, 22, 22, 30)) == "22. November 2026 22:30"
    assert say.ordinal(3) == "3."
