"""When a wish is believed less, though its words are those of a trigger."""

from __future__ import annotations

import pytest

from ivr.dialog.events import Expectation, Reading, SlotExpectation, Spoken
from ivr.dialog.understanding.model import Understanding, train
from ivr.dialog.understanding.spec import UnderstandingSpec


@pytest.fixture(scope="module")
def understanding() -> Understanding:
    spec = UnderstandingSpec(
        languages=("zh", "en"),
        intents={
            "hours": {
                "zh": ["周三或者周四", "几点开门", "周末开门吗", "周一到周五几点", "营业时间"],
                "en": ["are you open", "opening hours"],
            },
            "nothing": {
                "zh": ["不用了谢谢", "没别的要问了", "都问完了"],
                "en": ["no thank you", "no more questions"],
            },
        },
    )  # fmt: skip
    return train(spec)


def p_of(understanding: Understanding, text: str, intent: str, **expected: object) -> float:
    expectation = Expectation(step="main/x", flow="main", language="zh", now="2026-11-22T10:00:00+08:00", **expected)  # type: ignore[arg-type]
    readings: tuple[Reading, ...] = understanding.read((Spoken(text, 1.0),), expectation).readings
    return max((one.p for one in readings if one.kind == "intent" and one.value == intent), default=0.0)


def test_days_where_an_amount_is_asked_for(understanding: Understanding) -> None:
    amount = SlotExpectation("amount", "money")
    at_route = p_of(understanding, "周三还是周四", "hours", mode="route")
    asked = p_of(understanding, "周三还是周四", "hours", mode="ask", asked="amount", slots=(amount,))
    assert asked == pytest.approx(at_route / 2, abs=0.01)


def test_all_of_an_answer_to_a_closed_question_is_that_answer(understanding: Understanding) -> None:
    assert p_of(understanding, "不用了谢谢", "nothing", mode="route") > 0.9
    assert p_of(understanding, "不用了谢谢", "nothing", mode="guess") <= 0.5
