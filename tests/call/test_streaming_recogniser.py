"""A recogniser that is known to tell words as they are spoken: voice without words stops no prompt."""

from __future__ import annotations

import pytest

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


def said_over_the_prompt(text: str, confidence: float) -> list[str]:
    sim = Simulation(rule, ScriptedEngines([Utter(text, confidence=confidence, partial_after_ms=300)]))
    sim.wait(300)
    sim.say(speech(900))
    sim.wait(1200)
    return [kind for kind in sim.kinds() if kind.startswith(("barge_in", "prompt.cut", "turn.nothing", "turn.commit"))]


@pytest.mark.parametrize("text", ["the", "and with", "him", "The."])
def test_what_a_recogniser_makes_of_a_cough_stops_no_prompt(text: str) -> None:
    assert said_over_the_prompt(text, 0.5) == ["barge_in.duck", "turn.nothing", "barge_in.restore"]


@pytest.mark.parametrize("text", ["the card", "help", "to a person"])
def test_a_word_that_says_something_does(text: str) -> None:
    assert "barge_in.stop" in said_over_the_prompt(text, 0.5)


def test_a_small_word_that_was_surely_said_does_too() -> None:
    assert "barge_in.stop" in said_over_the_prompt("the", 0.95)
