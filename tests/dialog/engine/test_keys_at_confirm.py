"""Keys at a closed question: 1 and 2 answer it, a whole number is the right value (rules 2 and 8)."""

from __future__ import annotations

import pytest
from tests_talk import Talk, program_of

from ivr.dialog import events as ev
from ivr.dialog.spoken import verbalise

PHONE = """
flow: main
slots:
  phone: {type: phone, confirm: always, prompts: {ask: {en: Number?, zh: 号码？}, confirm: {en: "{{ phone }}?", zh: "{{ phone }}？"}}}
steps: [{id: ask, ask: phone}, {say: {en: "So {{ phone }}.", zh: 好。}}]
"""  # noqa: E501
FORM = """
flow: main
slots:
  card: {type: digits, length: 4, prompts: {ask: {en: Card?, zh: 卡号？}}}
  day: {type: date, range: [-180d, today], prompts: {ask: {en: Day?, zh: 哪天？}}}
  amount: {type: money, range: [1, 5000], prompts: {ask: {en: How much?, zh: 多少？}}}
steps:
  - {id: form, ask: [card, day, amount], confirm: {say: {en: Right?, zh: 对吗？}}}
  - {say: {en: Done., zh: 好。}}
"""


def phone() -> Talk:
    return Talk(program_of({"main": PHONE})).keys("13800138000")


def form() -> Talk:
    return Talk(program_of({"main": FORM})).fill(card="4412", day="2026-11-21", amount=150)


class TestOneValue:
    def test_one_is_yes_and_two_is_no(self) -> None:
        assert phone().at == "main/ask:confirm"
        assert phone().keys("1").said == [verbalise("So 13800138000.", "en")]
        assert phone().keys("2").at == "main/ask"

    def test_another_number_is_read_back_instead(self) -> None:
        talk = phone().keys("13900139000")
        assert (talk.at, talk.said) == ("main/ask:confirm", [verbalise("13900139000?", "en")])
        assert talk.keys("1").said == [verbalise("So 13900139000.", "en")]

    def test_the_same_number_again_is_a_yes(self) -> None:
        assert phone().keys("13800138000").said == [verbalise("So 13800138000.", "en")]

    def test_the_question_waits_for_more_keys(self) -> None:
        assert phone().last(ev.Listen).expectation.key_length == (1, 15)

    def test_nonsense_is_a_failure_and_no_yes(self) -> None:
        talk = phone().keys("1*")
        assert talk.at == "main/ask:confirm"
        assert talk.state is not None
        assert talk.state.failures == 1

    def test_of_two_values_by_place_or_whole(self) -> None:
        text = PHONE.replace("type: phone, confirm: always", "type: number")
        heard = [ev.Reading("fill", value, p, "phone", str(value)) for value, p in ((14, 0.5), (40, 0.45))]
        for keys, said in (("2", "So forty."), ("14", "So fourteen."), ("15", "So fifteen.")):
            talk = Talk(program_of({"main": text})).hear(*heard)
            assert talk.at == "main/ask:choose"
            assert talk.keys(keys).said == [said]

    def test_where_nothing_can_be_typed_a_key_counts_at_once(self) -> None:
        text = 'flow: main\nslots: {c: {type: choice, confirm: always, options: [{value: a, en: [apples]}, {value: b, en: [pears]}], prompts: {ask: {en: "Which?"}}}}\nsteps: [{ask: c}]'  # noqa: E501
        talk = Talk(program_of({"main": text})).fill(c="a")
        assert talk.last(ev.Listen).expectation.key_length == (1, 1)


class TestForm:
    @pytest.mark.parametrize(
        ("keys", "slot", "value"),
        [("4413", "card", "4413"), ("20261120", "day", "2026-11-20"), ("15*5", "amount", 15.5)],
    )
    def test_what_only_one_slot_can_be(self, keys: str, slot: str, value: ev.JsonValue) -> None:
        talk = form().keys(keys)
        assert talk.slots()[slot] == value
        assert talk.at == "main/form:confirm"
        assert talk.keys("1").said == ["Done."]

    def test_what_two_slots_can_be_is_asked(self) -> None:
        talk = form().keys("1120")
        assert talk.said == ["Which part is wrong? Please say the right value."]
        talk.hear(ev.Reading("other", None, 0.9, text="the day"))
        assert talk.keys("1120").slots()["day"] == "2026-11-20"

    def test_out_of_range(self) -> None:
        talk = form().keys("99999")
        assert talk.slots() == {"card": "4412", "day": "2026-11-21", "amount": 150}
        assert "9 fail: invalid 1" in talk.rules
