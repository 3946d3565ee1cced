# ruff: noqa: E501 - hotlines in one line read best here
"""Values said before they were asked for, keys said instead of pressed."""

from __future__ import annotations

from typing import Any

from tests_talk import HOTLINE, Talk, program_of

from ivr.dialog import events as ev

MAIN = """
flow: main
steps: [{id: topic, route: {prompts: {ask: {en: How can I help?, zh: 办什么？}}}}]
"""
TRANSFER = """
flow: transfer
trigger: {title: {en: trace a transfer, zh: 查汇款}, examples: {en: [a, b, c, d, where is my transfer], zh: [甲, 乙, 丙, 丁, 戊]}}
slots:
  amount: {type: money, currency: CNY, prompts: {ask: {en: How much?, zh: 多少？}}}
  day: {type: date, range: [-180d, today], prompts: {ask: {en: Which day?, zh: 哪天？}}}
  note: {type: number, prompts: {ask: {en: How many?, zh: 几次？}}}
steps:
  - id: details
    ask: [amount, day, note]
    confirm: {say: {en: "{{ amount | money }}, {{ day | date }}, {{ note }}?", zh: "{{ amount | money }}，{{ day | date }}，{{ note }}？"}}
  - {say: {en: Good., zh: 好。}}
"""
CARD = """
flow: card
trigger: {title: {en: block a card, zh: 挂失}, examples: {en: [a, b, c, d, block my card], zh: [甲, 乙, 丙, 丁, 戊]}}
steps: [{run: identify}, {say: {en: Blocked., zh: 好。}}]
"""
IDENTIFY = """
flow: identify
slots: {last4: {type: digits, length: 4, sensitive: true, scope: call, prompts: {ask: {en: Last four?, zh: 后四位？}}}}
steps: [{id: number, ask: last4}]
"""


def talk(**more: Any) -> Talk:
    flows = {"main": MAIN, "transfer": TRANSFER, "card": CARD, "identify": IDENTIFY}
    return Talk(program_of(flows, HOTLINE), **more)


def intent(call: Talk, flow: str, text: str, p: float = 0.95) -> Talk:
    return call.hear(ev.Reading("intent", flow, p, text=text), text=text)


class TestValues:
    def test_the_turn_that_opened_the_flow_fills_its_form(self) -> None:
        call = intent(talk(), "transfer", "I sent five hundred yuan yesterday and it is not there")
        assert call.slots() == {"amount": 500, "day": "2026-11-21"}
        assert call.said == ["How many?"]
        assert call.rules.count("7 fill: said before it was asked") == 2

    def test_in_mandarin_too(self) -> None:
        call = intent(talk(language="zh"), "transfer", "上周五转了五千给我妈她没收到")
        assert call.slots() == {"amount": 5000, "day": "2026-11-13"}

    def test_a_bare_number_may_be_anything(self) -> None:
        call = intent(talk(), "transfer", "I asked you three times where my money is")
        assert call.slots() == {}
        assert call.said == ["How much?"]

    def test_they_are_looked_for_once(self) -> None:
        call = intent(talk(), "transfer", "I sent five hundred yuan yesterday").fill(note=3)
        assert call.at == "transfer/details:confirm"
        assert call.no().fill(amount=15).slots()["amount"] == 15

    def test_a_flow_that_is_run_sees_them_and_a_single_answer_is_repeated(self) -> None:
        call = intent(talk(), "card", "please block my card ending in four four one two")
        assert call.state is not None
        assert call.state.slots["last4"].value == "4412"
        assert call.said[-1] == "Blocked." or call.said[-2] == "Blocked."
        echo = next(say for say in call.commands if isinstance(say, ev.Say) and "four four one two" in say.text)
        assert "four" not in echo.masked

    def test_out_of_range_is_asked_for(self) -> None:
        call = intent(talk(), "transfer", "I will send five hundred yuan tomorrow")
        assert call.slots() == {"amount": 500}

    def test_a_confirmed_intent_keeps_its_words(self) -> None:
        call = intent(talk(), "transfer", "I sent five hundred yuan yesterday", p=0.6)
        assert call.at == "main/topic:confirm"
        assert call.yes().slots() == {"amount": 500, "day": "2026-11-21"}

    def test_details_are_a_yes(self) -> None:
        call = intent(talk(), "transfer", "where is my money", p=0.6)
        call.hear(ev.Reading("other", None, 0.9, text="x"), text="the five hundred yuan of yesterday", in_scope=0.2)
        assert call.slots() == {"amount": 500, "day": "2026-11-21"}
        assert "5 pick: answer yes, by its details" in call.rules

    def test_beside_a_yes_or_no(self) -> None:
        flow = """
flow: main
slots:
  known: {type: yes_no, prompts: {ask: {en: The lamp?}}}
  number: {type: digits, length: 6, prompts: {ask: {en: Number?}}}
steps:
  - {id: known, ask: known, catch: {nomatch: {next: number}}, next: [{if: known, to: done}, {to: number}]}
  - {id: number, ask: number}
  - {id: done, say: {en: "{{ number | default('none') | digits }}."}}
"""
        text = "no, it is order number one two three four five six"
        call = Talk(program_of({"main": flow})).hear(ev.Reading("no", None, 0.97, text=text), text=text)
        assert call.said == ["one two three four five six.", "one two three four five six."]
        call = Talk(program_of({"main": flow})).hear(ev.Reading("other", None, 0.9, text=text), text=text[4:])
        assert call.said[-1] == "one two three four five six."

    def test_a_value_fills_one_slot_only(self) -> None:
        flow = """
flow: main
slots:
  one: {type: money, prompts: {ask: {en: One?}}}
  two: {type: money, prompts: {ask: {en: Two?}}}
steps: [{ask: one}, {ask: two}]
"""
        call = Talk(program_of({"main": flow}))
        call.hear(ev.Reading("fill", 5, 0.97, "one", text="five yuan"), text="five yuan")
        assert call.said == ["Two?"]


class TestKeys:
    FLOW = """
flow: main
slots:
  size: {type: choice, options: [{value: s, dtmf: "1", en: [small]}, {value: l, dtmf: "2", en: [large]}], prompts: {ask: {en: Size?}, choose: {en: X?}}}
  ok: {type: yes_no, dtmf: ["1", "2"], prompts: {ask: {en: "Press 1 for yes, 2 for no."}}}
steps: [{id: size, ask: size}, {id: ok, ask: ok}, {id: end, say: {en: "{{ size }} {{ ok }}."}}]
"""

    def test_a_key_may_be_said(self) -> None:
        call = Talk(program_of({"main": self.FLOW}))
        other = ev.Reading("other", None, 0.9, text="x")
        assert call.hear(other, text="press two").slots() == {"size": "l"}
        assert call.hear(other, text="one").last(ev.Say).text.startswith("l ")

    def test_only_a_key_of_the_question(self) -> None:
        call = Talk(program_of({"main": self.FLOW}))
        other = ev.Reading("other", None, 0.9, text="x")
        assert "9 fail: nomatch 1" in call.hear(other, text="seven").rules
        assert "9 fail: nomatch 2" in call.hear(other, text="two of them").rules
