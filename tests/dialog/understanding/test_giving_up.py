"""Giving up what one came for is told from a no, and leaves the flow where a no would only ask which part is wrong."""

from __future__ import annotations

import pytest

from ivr.dialog.text.clean import clean
from ivr.dialog.understanding.answers import read_command
from ivr.dialog.understanding.commands import CommandTable
from ivr.dialog.understanding.giving_up import gives_up


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh", "算了"),
        ("zh", "算了吧"),
        ("zh", "算了不退了"),
        ("zh", "算了，我不退款了"),
        ("zh", "那算了，不办了吧"),
        ("zh", "还是不买了"),
        ("zh", "我改主意了，不换了"),
        ("en", "never mind"),
        ("en", "Never mind, no refund"),
        ("en", "no, forget it"),
        ("en", "forget it, I don't want a refund"),
        ("en", "I've changed my mind"),
        ("en", "on second thought, I'd rather not"),
    ],
)
def test_given_up(language: str, text: str) -> None:
    (reading,) = read_command(CommandTable.build(language, {}), clean(text), ["en", "zh"])
    assert (reading.kind, reading.value, reading.detail["gives_up"]) == ("command", "back", True)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh", "不要了"),
        ("zh", "不对"),
        ("zh", "取消"),
        ("zh", "算了还是十五块"),
        ("zh", "还是不对"),
        ("zh", "还是不行了吗，那换成周三"),
        ("zh", "不是，算了十五块"),
        ("en", "no"),
        ("en", "no refund"),
        ("en", "cancel it"),
        ("en", "never mind that, it's fifteen"),
        ("en", "never mind, not the fifteenth"),
        ("en", "never mind, make it friday"),
        ("en", "forget the amount"),
    ],
)
def test_something_else(language: str, text: str) -> None:
    assert not gives_up(clean(text), language)
