"""What the agent is told while talking: ranked by what the caller said, with its source, in the caller's language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ivr.dialog import events as ev
from ivr.dialog.assist import Advice, advise
from ivr.dialog.engine import step
from ivr.dialog.engine.compile import compile_program
from ivr.dialog.engine.program import Program
from ivr.dialog.engine.state import DialogState
from ivr.dialog.events import Expectation, Reading, Spoken, Understood
from ivr.dialog.loader import parse
from ivr.dialog.problems import Problems

FILES = {
    "hotline.yaml": """
hotline: demo
schema: 1
languages: [en, zh]
entry: {inbound: main}
queues:
  default: {skills: [], hours: "24/7", timezone: Asia/Shanghai}
""",
    "flows/main.yaml": "flow: main\nsteps:\n  - {handover: {queue: default, reason: asked}}\n",
    "flows/fees.yaml": """
flow: fees
trigger: {title: {en: ask about fees, zh: 问费用}, examples: {en: [fees], zh: [费用]}}
steps:
  - say: {en: It is free., zh: 免费。}
  - say: {en: "Today {{ nothing }}.", zh: "今天{{ nothing }}。"}
  - say: {en: Always., zh: 一直免费。}
  - end: {outcome: resolved}
""",
    "flows/who.yaml": """
flow: who
slots: {number: {type: digits, length: 4, sensitive: true, prompts: {ask: {en: "Your number?", zh: 您的号码？}}}}
steps:
  - ask: number
""",
    "flows/lost.yaml": """
flow: lost
trigger: {title: {en: report a loss, zh: 挂失}, examples: {en: [lost], zh: [丢了]}}
slots:
  amount: {type: money, prompts: {ask: {en: "How much?", zh: 多少钱？}}}
steps:
  - run: who
  - ask: amount
""",
}


@dataclass
class Scripted:
    """Understands what it is told to: words in the text -> intents or slot values."""

    intents: dict[str, tuple[str, float]]
    fills: dict[str, tuple[str, object, float]]
    in_scope: float = 1.0

    def read(self, hypotheses: Sequence[Spoken], expectation: Expectation) -> Understood:
        text = hypotheses[0].text
        readings: list[Reading] = []
        if expectation.mode == "route":
            readings += [Reading("intent", flow, p) for word, (flow, p) in self.intents.items() if word in text]
        else:
            wanted = {slot.name for slot in expectation.slots}
            for word, (slot, value, p) in self.fills.items():
                if word in text and slot in wanted:
                    readings.append(Reading("fill", value, p, slot, text))  # type: ignore[arg-type]
        return Understood(tuple(readings), (), self.in_scope)


@dataclass
class Hotline:
    program: Program
    understanding: Scripted


def hotline(**script: object) -> Hotline:
    problems = Problems()
    definition = parse({name: text.encode() for name, text in FILES.items()}, "test", problems)
    assert definition is not None, problems.sorted()
    given = {"intents": {"fee": ("fees", 0.9), "lost": ("lost", 0.8)}, "fills": {}, **script}
    return Hotline(compile_program(definition), Scripted(**given))  # type: ignore[arg-type]


def state(made: Hotline, language: str = "en") -> DialogState:
    context = ev.CallContext("c", "100", "200", language, "2026-11-22T10:00:00+08:00")
    return step(made, None, ev.CallStarted(0, context)).state


def told(made: Hotline, *said: str, language: str = "en") -> Advice:
    return advise(made, state(made, language), said)


def test_an_answer_with_its_source_and_why() -> None:
    advice = told(hotline(), "what is the fee")
    (one,) = advice.suggestions
    assert (one.kind, one.flow, one.title, one.p) == ("answer", "fees", "ask about fees", 0.9)
    assert one.text == "It is free. Always.", "a sentence that reads what nobody knows is left out"
    assert one.source.startswith("flows/fees.yaml:")
    assert one.because == "what is the fee"


def test_in_the_callers_language() -> None:
    (one,) = told(hotline(), "fee", language="zh").suggestions
    assert (one.title, one.text) == ("问费用", "免费。一直免费。")


def test_what_was_said_last_counts_most() -> None:
    advice = told(hotline(), "the fee please", "no wait, I lost it")
    assert [one.flow for one in advice.suggestions] == ["lost", "fees"]
    assert advice.topic == "lost"
    assert advice.next is not None
    assert (advice.next.flow, advice.next.slot, advice.next.text) == ("who", "number", "Your number?")


def test_slots_fill_as_the_caller_speaks_and_the_next_question_moves_on() -> None:
    made = hotline(fills={"1234": ("number", "1234", 0.9), "fifty": ("amount", 50, 0.8), "maybe": ("amount", 9, 0.3)})
    advice = told(made, "I lost it", "it is 1234")
    assert [(slot.name, slot.value, slot.heard) for slot in advice.slots] == [("number", "•••", "•••")]
    assert advice.next is not None
    assert advice.next.slot == "amount"
    advice = told(made, "I lost it", "it is 1234", "fifty")
    assert [(slot.name, slot.value) for slot in advice.slots] == [("number", "•••"), ("amount", 50)]
    assert advice.next is None
    assert [slot.name for slot in told(made, "I lost it", "maybe").slots] == []


def test_nothing_is_better_than_a_wrong_hint() -> None:
    assert told(hotline(), "hello there") == Advice()
    assert told(hotline(in_scope=0.05), "fee").suggestions == ()
    assert told(hotline(), "", "  ") == Advice()


def test_what_is_far_less_likely_is_not_shown() -> None:
    made = hotline(intents={"fee": ("fees", 0.9), "e": ("lost", 0.15)})
    assert [one.flow for one in told(made, "the fee").suggestions] == ["fees"]
