"""A bare answer is never taken for a command whose courtesies it shares."""

from __future__ import annotations

import pytest

from ivr.dialog.understanding.commands import CommandTable


@pytest.mark.parametrize(("language", "text"), [("zh", "没有"), ("zh", "没有了"), ("zh", "好的"), ("en", "no")])
def test_a_bare_answer(language: str, text: str) -> None:
    assert CommandTable.build(language, {}).find(text) is None


@pytest.mark.parametrize(
    ("language", "text"), [("zh", "没有了谢谢"), ("zh", "没别的了"), ("zh", "再见"), ("en", "no that's all")]
)
def test_a_goodbye_stays_one(language: str, text: str) -> None:
    found = CommandTable.build(language, {}).find(text)
    assert found is not None
    assert found.name == "goodbye"
