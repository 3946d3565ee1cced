"""`I don't know` is no wish; what somebody has forgotten and wants reset is one."""

from __future__ import annotations

import pytest

from ivr.dialog.text.unknowing import knows_not


@pytest.mark.parametrize(
    "text",
    ["I don't know", "idk", "sorry, no idea", "I really don't remember", "I can't remember the date", "not sure",
     "um I forgot", "I don't know my order number", "I haven't a clue"],
)  # fmt: skip
def test_english(text: str) -> None:
    assert knows_not(text, "en")


@pytest.mark.parametrize(
    "text",
    [
        "我不知道",
        "不清楚",
        "我忘了",
        "不好意思，忘记了",
        "不知道单号",
        "我忘了序列号",
        "我也不记得是哪天了",
        "想不起来",
    ],
)
def test_mandarin(text: str) -> None:
    assert knows_not(text, "zh")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("I forgot my password", "en"), ("I don't know this payment", "en"), ("I don't know how to pay", "en"),
        ("no", "en"), ("I cannot pay", "en"), ("忘了密码", "zh"), ("我不知道这笔钱是谁扣的", "zh"),
        ("不知道怎么还款", "zh"), ("没有", "zh"), ("不是", "zh"),
    ],
)  # fmt: skip
def test_wishes_and_answers_are_none(text: str, language: str) -> None:
    assert not knows_not(text, language)
