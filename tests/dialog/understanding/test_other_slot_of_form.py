"""An option's own words answer its slot though the form asked for another one."""

from __future__ import annotations

import pytest

from ivr.dialog.events import Expectation, SlotExpectation, Spoken
from ivr.dialog.understanding import UnderstandingSpec, train

SPEC = UnderstandingSpec(
    ("en", "zh"),
    options={
        "book.window": {
            "am": {"en": ["[in the] morning"], "zh": ["上午"]},
            "pm": {"en": ["[in the] afternoon"], "zh": ["下午"]},
        },
        "book.sure": {"yes": {"en": ["yes"], "zh": ["是"]}, "no": {"en": ["no"], "zh": ["否"]}},
    },
)


def _p(text: str, language: str, slot: str) -> float:
    slots = (SlotExpectation("day", "date"), SlotExpectation(slot, "choice"))
    expectation = Expectation("book/form", "ask", language, "book", asked="day", slots=slots)
    understood = train(SPEC).read((Spoken(text, 1.0),), expectation)
    return max((reading.p for reading in understood.readings if reading.slot == slot), default=0.0)


@pytest.mark.parametrize(
    ("text", "language"), [("in the afternoon", "en"), ("afternoon", "en"), ("下午", "zh"), ("下午吧", "zh")]
)
def test_its_own_words_are_taken(text: str, language: str) -> None:
    assert _p(text, language, "window") >= 0.85


@pytest.mark.parametrize(("text", "language"), [("yes", "en"), ("是", "zh")])
def test_a_short_word_may_mean_anything(text: str, language: str) -> None:
    assert _p(text, language, "sure") < 0.5
