"""A recogniser that is known to tell words as they are spoken: voice without words stops no prompt."""

from __future__ import annotations

from ivr.call.settings import CallSettings
from ivr.dialog import events as dialog
from tests.fakes.calls import Result, ScriptedEngines, Simulation, Utter, speech


def rule(state: object, event: dialog.DialogEvent) -> Result:
    if isinstance(event, (dialog.CallStarted, dialog.Heard)):
        expectation = dialog.Expectation("bench/ask", "ask", "en", "bench")
        listen = dialog.Listen(dialog.ListenSettings(), expectation)
        return Result(state, [dialog.Say("p", "a prompt of some length that goes on for a while", "en"), listen])
    return Result(state)


def noise_over_the_prompt(streams: frozenset[str]) -> list[str]:
    sim = Simulation(rule, ScriptedEngines([Utter("", partial_after_ms=9000)]), settings=CallSettings(streams=streams))
    sim.wait(300)
    sim.say(speech(900))
    sim.wait(1200)
    return [kind for kind in sim.kinds() if kind.startswith(("barge_in", "prompt.cut"))]


def test_voice_without_words_lowers_the_prompt_and_no_more() -> None:
    assert noise_over_the_prompt(frozenset({"en"})) == ["barge_in.duck", "barge_in.restore"]


def test_where_words_come_late_voice_alone_stops_it() -> None:
    assert "barge_in.stop" in noise_over_the_prompt(frozenset())
    assert "barge_in.stop" in noise_over_the_prompt(frozenset({"zh"}))
