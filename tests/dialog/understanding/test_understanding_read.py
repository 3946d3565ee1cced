# ruff: noqa: E501 - a rule or phrase table reads better with one entry a line
"""What a small bilingual hotline reads, by n-grams alone (no model files needed)."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.dialog.events import Expectation, Reading, SlotExpectation, Spoken, Understood
from ivr.dialog.understanding import Term, Understanding, UnderstandingSpec, train

SPEC = UnderstandingSpec(
    languages=("zh", "en"),
    intents={
        "dispute": {
            "zh": (
                "我的卡被多扣了钱",
                "有一笔(消费|扣款)不是我(刷|花)的",
                "扣款金额不对",
                "多扣了一次",
                "不认识的消费",
            ),
            "en": (
                "(I was|have been) charged twice",
                "a payment I do not recognise",
                "the amount is wrong",
                "wrong charge on my card",
            ),
        },
        "fees": {
            "zh": ("手续费怎么收", "转账要钱吗", "收费标准", "提现收费吗", "手续费多少"),
            "en": (
                "what are the fees",
                "is it free to transfer",
                "how much do you charge",
                "any fee",
                "withdrawal fee",
            ),
        },
    },
    titles={
        "dispute": {"zh": "查一笔有疑问的扣款", "en": "question a charge"},
        "fees": {"zh": "问手续费", "en": "ask about fees"},
    },
    commands={"agent": {"zh": ("[我要](转|找)人工[客服]",), "en": ("beam me up",)}},
    options={
        "survey.csat": {5: {"zh": ("满意",), "en": ("satisfied",)}, 1: {"zh": ("不满意",), "en": ("dissatisfied",)}}
    },
    lexicon=(Term("花呗", ("花被",)), Term("Yunmai", ("you my",))),
)
FORM = (
    SlotExpectation("card_last4", "digits", (4, 4)),
    SlotExpectation("txn_date", "date", settings={"range": ["-180d", "today"]}),
    SlotExpectation("amount", "money", settings={"range": [0.01, 50000]}),
)
FILLED = tuple(SlotExpectation(slot.name, slot.type, slot.length, (), True, slot.settings) for slot in FORM)
NOW = "2026-11-22T10:00+08:00"


@pytest.fixture(scope="module")
def understanding() -> Understanding:
    return train(SPEC)


def expect(
    mode: str = "route", asked: str = "", slots: tuple[SlotExpectation, ...] = (), **more: object
) -> Expectation:
    return Expectation("dispute/x", mode, "zh", str(more.pop("flow", "dispute")), asked, slots, now=NOW, **more)  # type: ignore[arg-type]


def kinds(understood: Understood, least: float = 0.6) -> Mapping[tuple[str, str], object]:
    return {(one.kind, one.slot): one.value for one in understood.readings if one.p >= least}


def best(understood: Understood, kind: str) -> Reading:
    return max((one for one in understood.readings if one.kind == kind), key=lambda one: one.p)


def test_two_slots_in_one_breath(understanding: Understanding) -> None:
    read = understanding.read([Spoken("尾号四四一二 昨天的", 1.0)], expect("ask", "card_last4", FORM))
    assert kinds(read) == {("fill", "card_last4"): "4412", ("fill", "txn_date"): "2026-11-21"}
    assert {one.slot: one.span for one in read.readings if one.kind == "fill"} == {
        "card_last4": (2, 6),
        "txn_date": (7, 9),
    }


def test_three_slots_in_one_breath(understanding: Understanding) -> None:
    text = "four four one two last friday a hundred and fifty dollars"
    read = understanding.read([Spoken(text, 1.0)], expect("ask", "card_last4", FORM))
    assert kinds(read) == {("fill", "card_last4"): "4412", ("fill", "txn_date"): "2026-11-20", ("fill", "amount"): 150}


@pytest.mark.parametrize("text", ["不对，是十五块", "no, fifteen", "no I said fifteen", "错了，十五"])
def test_correction_inside_a_confirm(understanding: Understanding, text: str) -> None:
    read = understanding.read([Spoken(text, 1.0)], expect("confirm", "", FILLED))
    assert kinds(read) == {("no", ""): None, ("correct", "amount"): 15}


def test_a_value_out_of_range_is_a_fill_with_an_error(understanding: Understanding) -> None:
    read = understanding.read([Spoken("一百万块", 1.0)], expect("ask", "amount", FORM[2:]))
    assert (best(read, "fill").value, best(read, "fill").detail["error"]) == (1_000_000, "range")


def test_an_exact_example_is_nearly_certain_even_in_a_form(understanding: Understanding) -> None:
    read = understanding.read([Spoken("手续费怎么收", 1.0)], expect("ask", "card_last4", FORM))
    assert best(read, "intent").value == "fees"
    assert best(read, "intent").p >= 0.97
    assert read.candidates == ("fees",)
    assert read.in_scope >= 0.97


@pytest.mark.parametrize(
    "text", ["首续费怎么收", "手续费咋收呢", "请问手续费怎么收呢谢谢", "I'd like to ask about fees please", "问手续费"]
)
def test_near_and_wrapped_examples(understanding: Understanding, text: str) -> None:
    assert kinds(understanding.read([Spoken(text, 1.0)], expect()), 0.5) == {("intent", ""): "fees"}


@pytest.mark.parametrize("text", ["blargh foo", "what a lovely morning it is", "今天天气怎么样", "hmm hmm"])
def test_strange_talk_is_other(understanding: Understanding, text: str) -> None:
    read = understanding.read([Spoken(text, 1.0)], expect())
    assert kinds(read, 0.5).keys() == {("other", "")}
    assert read.in_scope < 0.7


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("转人工", "agent"), ("I want to speak to a real person", "agent"), ("beam me up", "agent"), ("再说一遍", "repeat"), ("pardon?", "repeat"),
        ("说慢一点", "slower"), ("slow down please", "slower"), ("返回", "back"), ("go back", "back"), ("稍等一下", "wait"), ("hold on", "wait"),
        ("帮助", "help"), ("what can I say", "help"), ("再见", "goodbye"), ("that's all thanks", "goodbye"), ("重新开始", "start_over"), ("start over", "start_over"),
    ],
)  # fmt: skip
def test_commands(understanding: Understanding, text: str, command: str) -> None:
    read = understanding.read([Spoken(text, 1.0)], expect())
    assert best(read, "command").value == command
    assert best(read, "command").p >= 0.85


@pytest.mark.parametrize(
    ("text", "language"),
    [("English please", "en"), ("请说中文", "zh"), ("讲英语", "en"), ("do you speak Mandarin", "zh")],
)
def test_the_language_command_says_which(understanding: Understanding, text: str, language: str) -> None:
    reading = best(understanding.read([Spoken(text, 1.0)], expect()), "command")
    assert (reading.value, reading.detail["language"]) == ("language", language)


def test_a_sentence_about_an_agent_is_no_command(understanding: Understanding) -> None:
    read = understanding.read([Spoken("the agent told me yesterday that the amount was different", 1.0)], expect())
    assert ("command", "") not in kinds(read)


def test_yes_no_weighs_half_where_nothing_asks_for_it(understanding: Understanding) -> None:
    asked = best(understanding.read([Spoken("对", 1.0)], expect("confirm")), "yes")
    unasked = best(understanding.read([Spoken("对", 1.0)], expect("route")), "yes")
    assert unasked.p == pytest.approx(asked.p / 2, abs=1e-3)
    assert unasked.detail["weighed"] == 0.5


def test_a_yes_no_slot_is_filled(understanding: Understanding) -> None:
    read = understanding.read([Spoken("要", 1.0)], expect("ask", "file_it", (SlotExpectation("file_it", "yes_no"),)))
    assert kinds(read) == {("fill", "file_it"): True, ("yes", ""): None}


@pytest.mark.parametrize(("text", "value"), [("满意", 5), ("不满意", 1), ("dissatisfied", 1), ("very satisfied", 5)])
def test_options_keep_the_type_of_their_value(understanding: Understanding, text: str, value: int) -> None:
    slots = (SlotExpectation("csat", "choice", options=("5", "1")),)
    read = understanding.read([Spoken(text, 1.0)], expect("ask", "csat", slots, flow="survey"))
    assert best(read, "fill").value == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("第二个", "fees"),
        ("手续费", "fees"),
        ("the first one", "dispute"),
        ("ask about fees", "fees"),
        ("查扣款", "dispute"),
    ],
)
def test_a_or_b(understanding: Understanding, text: str, value: str) -> None:
    read = understanding.read([Spoken(text, 1.0)], expect("choose", choices=("dispute", "fees")))
    found = [one for one in read.readings if one.kind in ("choose", "intent")]
    assert found[0].value == value


def test_anger_and_its_terms(understanding: Understanding) -> None:
    reading = best(understanding.read([Spoken("you are fucking useless", 1.0)], expect()), "anger")
    assert reading.p >= 0.7
    assert reading.detail["terms"] == ["fucking", "useless"]


def test_anger_can_be_off() -> None:
    quiet = train(UnderstandingSpec(("en",), anger=False))
    assert all(one.kind != "anger" for one in quiet.read([Spoken("you idiots", 1.0)], expect()).readings)


def test_the_lexicon_mends_mishearings(understanding: Understanding) -> None:
    assert understanding.read([Spoken("花被怎么还", 1.0)], expect()).readings[0].text == "花呗怎么还"
    assert understanding.read([Spoken("华呗怎么还", 1.0)], expect()).readings[0].text == "花呗怎么还"
    assert understanding.read([Spoken("pay you my please", 1.0)], expect()).readings[0].text == "pay Yunmai please"


def test_the_second_hypothesis_helps_but_counts_less(understanding: Understanding) -> None:
    hypotheses = [Spoken("for for one too", 0.5), Spoken("four four one two", 0.45)]
    reading = best(understanding.read(hypotheses, expect("ask", "card_last4", FORM)), "fill")
    alone = best(understanding.read(hypotheses[1:], expect("ask", "card_last4", FORM)), "fill")
    assert reading.value == alone.value == "4412"
    assert reading.p < alone.p


def test_low_confidence_of_the_ears_lowers_values(understanding: Understanding) -> None:
    sure = best(understanding.read([Spoken("4412", 1.0)], expect("ask", "card_last4", FORM)), "fill")
    unsure = best(understanding.read([Spoken("4412", 0.3)], expect("ask", "card_last4", FORM)), "fill")
    assert sure.p >= 0.9
    assert unsure.p < 0.65


def test_intents_that_are_not_offered_are_weighed_down(understanding: Understanding) -> None:
    read = understanding.read([Spoken("手续费怎么收", 1.0)], expect(intents=("dispute",)))
    assert best(read, "intent").detail["weighed"] == 0.5
    assert read.candidates == ()


def test_nothing_said_gives_nothing(understanding: Understanding) -> None:
    for hypotheses in ([], [Spoken("", 1.0)], [Spoken(" ... ", 1.0)]):
        assert understanding.read(hypotheses, expect()) == Understood((), (), 0.0, "zh")


@given(text=st.text(max_size=200), mode=st.sampled_from(["ask", "route", "confirm", "choose"]))
@settings(max_examples=60)
def test_any_text_is_read(understanding: Understanding, text: str, mode: str) -> None:
    read = understanding.read([Spoken(text, 0.7)], expect(mode, "amount", FORM, choices=("dispute", "fees")))
    assert all(0 <= one.p <= 1 for one in read.readings)
    assert [one.p for one in read.readings[:-1]] == sorted((one.p for one in read.readings[:-1]), reverse=True)


def test_a_huge_text_is_cut(understanding: Understanding) -> None:
    read = understanding.read([Spoken("手续费" * 50_000 + "\x00\x01", 1.0)], expect())
    assert len(read.readings[0].text) <= 1000
