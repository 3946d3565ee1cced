"""One turn as a picture."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from ivr.call.settings import CallSettings
from ivr.dialog import events as dialog
from ivr.errors import InputError
from ivr.replay.turn_picture import draw_turn
from tests.fakes.calls import Result, ScriptedEngines, Simulation, Utter, speech


class Model:
    def judge(self, samples: object) -> float:
        return 0.42


def rule(state: object, event: dialog.DialogEvent) -> Result:
    expectation = dialog.Expectation("f/s", "ask", "en", "f", asked="a", open=True)
    ask = [dialog.Say("p", "Tell me <all> & everything", "en"), dialog.Listen(dialog.ListenSettings(), expectation)]
    return Result(1, ask if isinstance(event, (dialog.CallStarted, dialog.Heard)) else [])


def simulation() -> tuple[Simulation, np.ndarray]:
    script = [Utter("i would", partial_after_ms=500), Utter("i would like <tea>", partial_after_ms=500)]
    sim = Simulation(rule, ScriptedEngines(script), CallSettings(end_of_turn=True), end_of_turn=Model())
    said = []
    for samples in (
        np.zeros(8000, np.int16),
        speech(700),
        np.zeros(6400, np.int16),
        speech(600),
        np.zeros(32000, np.int16),
    ):
        sim.say(samples)
        said.append(samples)
    return sim, np.concatenate(said)


def test_a_turn_shows_what_was_heard_decided_and_worked_out_ahead() -> None:
    sim, caller = simulation()
    svg = draw_turn(caller, sim.audio()[: len(caller)], sim.shell.journal, 1)
    texts = [element.text or "" for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    for label in ("caller", "bot", "onset", "lowered", "stopped: words", "went on: dropped", "i would like <tea>",
                  "finished? 42 %", "200 ms won", "committed", "turn ends after 880 ms (open)"):  # fmt: skip
        assert label in texts


def test_a_turn_that_is_not_there() -> None:
    sim, caller = simulation()
    with pytest.raises(InputError, match=r"^no turn 2: the call has 1$"):
        draw_turn(caller, sim.audio(), sim.shell.journal, 2)
    with pytest.raises(InputError, match=r"^no turn 1: the caller said nothing that was used$"):
        draw_turn(caller, sim.audio(), [], 1)
