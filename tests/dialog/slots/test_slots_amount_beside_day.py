"""An amount and a day in one breath: neither takes the other's number."""

from __future__ import annotations

from datetime import datetime

import pytest

from ivr.dialog.slots import Utterance, parse_utterance

NOW = datetime(2026, 11, 22, 12)


@pytest.mark.parametrize(
    ("language", "text", "amount"),
    [
        ("en", "five hundred yuan three days ago", 500),
        ("en", "two hundred dollars two weeks ago", 200),
        ("en", "two hundred yuan five march", 200),
        ("en", "twenty dollars fifty", 20.5),
        ("en", "ten yuan five", 10.05),
        ("zh", "五百三天前", 500),
        ("zh", "上周三两百三", 230),
        ("zh", "三百五", 350),
    ],
)
def test_the_amount_is_the_amount(language: str, text: str, amount: float) -> None:
    found = parse_utterance("money", Utterance.of(text, language, NOW), {})
    assert amount in [parsed.value for parsed in found]
    assert 500.03 not in [parsed.value for parsed in found]
