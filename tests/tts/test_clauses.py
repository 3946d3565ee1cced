"""Cutting prompts into clauses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.tts.clauses import COMMA_PAUSE_MS, MAX_WEIGHT, STOP_PAUSE_MS, split, weight, words


def texts(text: str) -> list[str]:
    return [clause.text for clause in split(text)]


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("Hello, how can I help you today?", ["Hello, how can I help you today?"]),
        ("One moment please. I am looking it up.", ["One moment please.", "I am looking it up."]),
        ("We are open from nine a.m. to six p.m., Monday to Friday.",
         ["We are open from nine a.m. to six p.m.,", "Monday to Friday."]),
        ("We close at six p.m. Goodbye.", ["We close at six p.m.", "Goodbye."]),
        ("Ask Mr. Smith about it.", ["Ask Mr. Smith about it."]),
        ("Version 1.5 is out.", ["Version 1.5 is out."]),
        ("您好，请问有什么可以帮您？", ["您好，请问有什么可以帮您？"]),
        ("坐席暂时无法接听，为您登记工单。", ["坐席暂时无法接听，", "为您登记工单。"]),
        ("他说“好的。”然后挂断了电话。", ["他说“好的。”", "然后挂断了电话。"]),
        ("  Hi there.  ", ["Hi there."]),
        ("...", []),
        ("", []),
    ],
)  # fmt: skip
def test_split(text: str, clauses: list[str]) -> None:
    assert texts(text) == clauses


def test_offsets_and_pauses() -> None:
    first, second, third = split("坐席暂时无法接听，为您登记工单。再见，谢谢")
    assert (first.start, first.pause_ms) == (0, COMMA_PAUSE_MS)
    assert (second.start, second.pause_ms) == (9, STOP_PAUSE_MS)
    assert (third.start, third.pause_ms) == (16, 0)


def test_a_long_text_without_punctuation_is_cut_between_words() -> None:
    pieces = texts("customer service " * 40)
    assert len(pieces) > 2
    assert all(weight(piece) <= MAX_WEIGHT for piece in pieces)
    assert " ".join(pieces) == ("customer service " * 40).strip()


@given(st.text("ab c.,!?。，、您好 \n'", max_size=120))
def test_no_word_is_lost_and_every_clause_stands_where_it_says(text: str) -> None:
    clauses = split(text)
    for clause in clauses:
        assert text[clause.start : clause.start + len(clause.text)] == clause.text
    assert [word for clause in clauses for _, word in words(clause.text)] == [word for _, word in words(text)]


def test_words_count_a_chinese_character_as_one() -> None:
    assert words("VIP您好 don't") == [(0, "VIP"), (3, "您"), (4, "好"), (6, "don't")]
