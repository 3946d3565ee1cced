"""A caller who reads (a chat) is given values in writing; masks stay masks."""

from __future__ import annotations

from tests_talk import Talk, program_of

from ivr.dialog import events as ev

FLOW = """
flow: main
slots:
  card: {type: digits, length: 4, sensitive: true, prompts: {ask: {en: Card?, zh: 卡号？}}}
  amount: {type: money, currency: USD, confirm: always, prompts: {ask: {en: "How much, up to 5000?", zh: 多少？}}}
steps:
  - {id: form, ask: [card, amount]}
  - {id: told, say: {en: "{{ card | digits }}, {{ amount | money('USD') }}, {{ now | date }}, {{ call.from | phone }}, 10%.", zh: 好。}}
  - {id: end, if: call.channel == 'text', say: {en: In writing., zh: 好。}}
"""  # noqa: E501


def told(channel: str) -> list[ev.Say]:
    talk = Talk(program_of({"main": FLOW}), channel=channel)
    assert talk.fill(card="4412").said == [
        "How much, up to 5000?" if channel == "text" else "How much, up to five thousand?"
    ]
    talk.fill(amount=40)
    assert talk.said == ["$40.00, is that right?" if channel == "text" else "forty dollars, is that right?"]
    talk.yes()
    return [command for command in talk.commands if isinstance(command, ev.Say)]


def test_in_writing() -> None:
    said = told("text")
    assert [each.text for each in said] == ["4412, $40.00, 22 November 2026, 138 0013 8000, 10%.", "In writing."]
    assert said[0].masked == "•••, $40.00, 22 November 2026, 138 0013 8000, 10%."


def test_spoken() -> None:
    said = told("voice")
    assert len(said) == 1
    assert said[0].text.startswith("four four one two, forty dollars, ")
    assert "4412" not in said[0].masked
