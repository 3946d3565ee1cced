"""Calls that a human lends to the bot, and calls that a human takes from it."""

from __future__ import annotations

from tests_talk import Talk, program_of

from ivr.dialog import events as ev

MAIN = """
flow: main
slots:
  topic: {type: number, prompts: {ask: {en: "What number?", zh: 几号？}}}
steps:
  - ask: topic
  - {id: over, handover: {queue: default, reason: asked}, next: after}
  - {id: after, say: {en: Thank you., zh: 谢谢。}}
"""
CARD = """
flow: card
slots:
  card: {type: digits, length: 4, sensitive: true, prompts: {ask: {en: "Which card?", zh: 哪张卡？}}}
steps:
  - ask: card
  - say: {en: I have it., zh: 记下了。}
"""


def bridged() -> Talk:
    talk = Talk(program_of({"main": MAIN, "card": CARD}), language="en")
    talk.fill(topic=7)
    talk.queue("answered")
    assert talk.state is not None
    assert talk.state.phase == "bridged"
    return talk


def phase(talk: Talk) -> str:
    assert talk.state is not None
    return talk.state.phase


def test_the_bot_asks_for_the_agent_and_gives_the_call_back_with_the_slots() -> None:
    talk = bridged()
    talk.queue("lent", detail="card")
    assert talk.said == ["Which card?"]
    assert phase(talk) == "listening"
    talk.fill(card="1234")
    back = talk.last(ev.Handover)
    assert talk.said[:1] == ["I have it."]
    assert (back.queue, back.reason) == ("default", "asked")
    assert {slot.name: (slot.value, slot.sensitive) for slot in back.slots} == {
        "topic": (7, False), "card": ("1234", True),
    }  # fmt: skip
    talk.queue("answered")
    assert phase(talk) == "bridged"
    talk.queue("left")
    assert talk.said == ["Thank you."], "the flow goes on where it stood"


def test_recalled_in_the_middle() -> None:
    talk = bridged()
    talk.queue("lent", detail="card")
    talk.queue("recalled")
    assert isinstance(talk.commands[0], ev.StopPrompts)
    assert talk.last(ev.Handover).queue == "default"
    talk.queue("answered").queue("left")
    assert talk.said == ["Thank you."]


def test_who_asks_for_a_human_meanwhile_is_given_back() -> None:
    talk = bridged()
    talk.queue("lent", detail="card")
    talk.command("agent")
    assert talk.last(ev.Handover).reason == "asked"
    talk.queue("answered").queue("left")
    assert talk.said == ["Thank you."]


def test_failures_in_the_scene_give_it_back_too() -> None:
    talk = bridged()
    talk.queue("lent", detail="card")
    for _ in range(4):
        if phase(talk) == "listening":
            talk.silence()
    assert phase(talk) == "queued"
    talk.queue("answered")
    assert phase(talk) == "bridged"


def test_a_flow_that_is_not_there() -> None:
    talk = bridged()
    talk.queue("lent", detail="nothing")
    assert talk.last(ev.Handover).queue == "default"


def test_not_while_nobody_has_the_call() -> None:
    talk = Talk(program_of({"main": MAIN, "card": CARD}), language="en")
    talk.queue("lent", detail="card").queue("recalled")
    assert phase(talk) == "listening"


def test_the_caller_hangs_up_in_the_scene() -> None:
    talk = bridged()
    talk.queue("lent", detail="card")
    talk.send(ev.CallerHungUp(talk.now))
    assert phase(talk) == "ended"


def test_a_supervisor_takes_the_call_from_the_bot() -> None:
    talk = Talk(program_of({"main": MAIN, "card": CARD}), language="en")
    talk.queue("taken", detail="olga")
    assert phase(talk) == "bridged"
    talk.queue("left")
    assert phase(talk) in ("ended", "listening")
    assert talk.state is not None
    assert talk.state.outcome == "handed_over"
