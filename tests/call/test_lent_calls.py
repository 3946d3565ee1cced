"""What humans do with a call, as its core sees it: lent to the bot, recalled, taken over, spoken for."""

from __future__ import annotations

from typing import Any

from ivr.call import events as call
from ivr.call.states import CallState
from ivr.dialog import events as dialog
from tests.fakes.calls import Result, ScriptedEngines, Simulation

LISTEN = dialog.Listen(
    dialog.ListenSettings(), dialog.Expectation(step="card/ask", mode="ask", language="en", flow="card")
)


def rule(state: Any, event: dialog.DialogEvent) -> Result:
    """Hands over at once; lent, asks one question; gives the call back at the answer."""
    if isinstance(event, dialog.CallStarted):
        return Result(1, [dialog.Handover("default", "asked")])
    if isinstance(event, dialog.QueueEvent) and event.kind == "lent":
        return Result(2, [dialog.Say("p", "Which card?", "en"), LISTEN])
    if isinstance(event, dialog.QueueEvent) and event.kind == "recalled":
        return Result(1, [dialog.StopPrompts(), dialog.Handover("default", "asked")])
    if isinstance(event, dialog.NoInput):
        return Result(1, [dialog.Say("q", "I have it.", "en"), dialog.Handover("default", "asked")])
    if isinstance(event, (dialog.QueueEvent, dialog.PromptsDone)):
        return Result(state, [])
    return Result(state, [])


def simulation(*queue: tuple[int, call.QueueChanged]) -> Simulation:
    return Simulation(rule, ScriptedEngines(queue_events=list(queue)))


def test_lent_and_given_back() -> None:
    sim = simulation((1000, call.QueueChanged("answered")))
    sim.wait(1500)
    assert sim.session.state is CallState.BRIDGED
    sim.session.receive_event(call.QueueChanged("lent", detail="card"))
    sim.wait(300)
    assert sim.session.state is CallState.SPEAKING
    assert "bridge" not in sim.session.waits
    assert "call" in sim.session.waits, "the bot's time is bounded again"
    sim.wait(9000)
    assert sim.session.state is CallState.BRIDGED
    assert "bridge" in sim.session.waits


def test_recalled_in_the_middle() -> None:
    sim = simulation((1000, call.QueueChanged("answered")))
    sim.wait(1500)
    sim.session.receive_event(call.QueueChanged("lent", detail="card"))
    sim.wait(200)
    sim.session.receive_event(call.QueueChanged("recalled"))
    sim.wait(1500)
    assert sim.session.state is CallState.BRIDGED
    sim.session.receive_event(call.QueueChanged("recalled"))
    assert sim.session.state is CallState.BRIDGED, "told twice does no harm"
    late = simulation((5000, call.QueueChanged("answered")))
    late.wait(1000)
    late.session.receive_event(call.QueueChanged("lent", detail="card"))
    assert late.session.state is CallState.QUEUED, "who waits is with nobody who could lend the call"


def test_taken_over_from_the_bot() -> None:
    def talks(state: Any, event: dialog.DialogEvent) -> Result:
        if isinstance(event, dialog.CallStarted):
            return Result(1, [dialog.Say("p", "A long welcome to everybody who calls.", "en"), LISTEN])
        return Result(state, [])

    sim = Simulation(talks, ScriptedEngines())
    sim.wait(400)
    assert sim.session.state is CallState.SPEAKING
    sim.session.receive_event(call.QueueChanged("taken", detail="olga"))
    assert sim.session.state is CallState.BRIDGED
    sim.wait(20_000)
    assert sim.session.state is CallState.BRIDGED, "no timer of the bot's own ends it"


def test_the_bot_speaks_while_they_talk() -> None:
    sim = simulation((1000, call.QueueChanged("answered")))
    sim.session.receive_event(call.AgentSays("too early", "en"))
    sim.wait(1500)
    sim.session.receive_event(call.AgentSays("Your card is on its way.", "en", "ann"))
    assert sim.session.state is CallState.BRIDGED
    sim.wait(1000)
    assert [event["text"] for event in sim.of("prompt.start")] == ["Your card is on its way."]
    assert sim.session.state is CallState.BRIDGED
