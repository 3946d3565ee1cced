"""The call core, driven by a scripted caller: no clock, no engine, no sleep."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from ivr.audio.frame import to_samples
from ivr.call import events as call
from ivr.call.journal import dumps, loads, mask, parse_input, to_json
from ivr.call.session import CallSession
from ivr.call.settings import CallSettings
from ivr.call.states import CallState
from ivr.dialog import events as dialog
from tests.fakes.calls import (
    CONTEXT,
    LevelDetector,
    PythonDialog,
    Result,
    ScriptedEngines,
    Simulation,
    Utter,
    Words,
    silence,
    speech,
)

ASK = dialog.Expectation("flow/step", "ask", "en", "flow", asked="answer")
SETTINGS = dialog.ListenSettings(end_silence_ms=700, start_timeout_ms=5000)
PROMPT = "Hello there. How can I help you today?"


def ask(text: str = PROMPT, **settings: Any) -> list[dialog.DialogCommand]:
    listen = dialog.ListenSettings(**({"end_silence_ms": 700} | settings))
    expectation = dialog.Expectation("flow/step", "ask", "en", "flow", asked="answer", key_length=(1, 1))
    return [dialog.Say("p", text, "en"), dialog.Listen(listen, expectation)]


def parrot(state: Any, event: dialog.DialogEvent) -> Result:
    """Asks, repeats what it heard, asks again; hangs up on "bye"; counts its steps in the state."""
    state = (state or 0) + 1
    if isinstance(event, dialog.CallStarted):
        return Result(state, ask())
    if isinstance(event, dialog.Heard):
        text = event.hypotheses[0].text if event.hypotheses else "?"
        if text == "bye":
            return Result(state, [dialog.Say("b", "Goodbye", "en"), dialog.End("resolved")])
        return Result(state, ask(f"You said {text}"))
    if isinstance(event, dialog.Keys):
        return Result(state, ask(f"Keys {event.digits}"))
    if isinstance(event, dialog.NoInput):
        return Result(state, ask("Are you there?"))
    if isinstance(event, dialog.EngineLost):
        return Result(state, [dialog.Handover("default", "system_error")])
    if isinstance(event, dialog.QueueEvent) and event.kind != "position":
        return Result(state, [] if event.kind == "answered" else [dialog.End("handed_over")])
    if isinstance(event, dialog.CallerHungUp):
        return Result(state, [dialog.End("abandoned")])
    return Result(state)


def simulation(*utterances: Utter, settings: CallSettings | None = None, **engine: Any) -> Simulation:
    return Simulation(parrot, ScriptedEngines(list(utterances), **engine), settings)


def asked_texts(sim: Simulation) -> list[str]:
    return [command.text for command in sim.engines.asked if isinstance(command, call.Synthesise)]


def test_a_turn_after_the_prompt_is_heard_understood_and_answered() -> None:
    sim = simulation(Utter("I lost my card"))
    sim.wait(3000)
    assert sim.session.state is CallState.LISTENING
    sim.say(speech(800))
    sim.wait(1200)
    assert sim.of("turn.commit")[0]["text"] == "I lost my card"
    assert asked_texts(sim)[-1] == "You said I lost my card"
    assert ("caller", "I lost my card") in sim.session.transcript()


def test_the_recogniser_gets_the_audio_from_before_the_onset() -> None:
    fed: list[int] = []

    class Counting(ScriptedEngines):
        def recognise(self, command: call.StartRecognition) -> Any:
            held = super().recognise(command)
            inner = held.feed
            held.feed = lambda samples: (fed.append(len(samples)), inner(samples))[1]  # type: ignore[method-assign]
            return held

    sim = Simulation(parrot, Counting([Utter("hello")]))
    sim.wait(3000)
    sim.say(speech(500))
    sim.wait(1000)
    # 300 ms before the onset, 500 ms of speech, 160 ms of silence until the answer was worked out ahead
    assert to_samples(940) <= sum(fed) <= to_samples(1000)


def test_speculation_has_the_answer_ready_when_the_turn_ends() -> None:
    sim = simulation(Utter("hello"))
    sim.wait(3000)
    end = sim.session.now + to_samples(600)
    sim.say(speech(600))
    sim.wait(1500)
    ended = next(e.at for e in sim.shell.journal if e.kind == "turn.end")
    started = next(e.at for e in sim.shell.journal if e.kind == "prompt.start" and "You said" in str(e.data["text"]))
    assert abs(ended - end - to_samples(700)) <= to_samples(20)
    assert started - ended <= to_samples(20)
    assert sim.of("turn.planned") == [{"used": True}]


def test_a_complete_answer_ends_sooner() -> None:
    sim = simulation(Utter("yes", partial_after_ms=300))
    sim.wait(3000)
    sim.say(speech(400))
    sim.wait(1000)
    end = sim.of("turn.end")[0]
    assert end["completeness"] == "complete"
    assert 180 <= end["silence_ms"] <= 220


def test_an_incomplete_answer_is_waited_for() -> None:
    sim = simulation(Utter("four and", partial_after_ms=300))
    sim.wait(3000)
    sim.say(speech(500))
    sim.wait(2000)
    assert 1560 <= sim.of("turn.end")[0]["silence_ms"] <= 1600


def test_a_pause_inside_a_sentence_is_read_as_one_turn() -> None:
    sim = simulation(Utter("I would like"), Utter("I would like to pay my bill"))
    sim.wait(3000)
    sim.say(speech(500))
    sim.wait(400)
    sim.say(speech(500, seed=2))
    sim.wait(1500)
    assert [e["text"] for e in sim.of("turn.commit")] == ["I would like to pay my bill"]
    assert sim.of("turn.planned") == [{"used": False}, {"used": True}]
    assert len(sim.of("turn.went_on")) == 1


def test_speech_soon_after_the_cut_reopens_the_turn() -> None:
    sim = simulation(Utter("I would like"), Utter("I would like to pay"))
    sim.wait(3000)
    sim.say(speech(500))
    sim.wait(1200)  # the turn ends after 700 ms, the answer begins
    assert [e["text"] for e in sim.of("turn.commit")] == ["I would like"]
    sim.say(speech(500, seed=2))
    sim.wait(1500)
    assert [e["text"] for e in sim.of("turn.commit")] == ["I would like", "I would like to pay"]
    assert sim.of("turn.reopened")
    assert [text for who, text in sim.session.transcript() if who == "caller"] == ["I would like to pay"]


def test_barge_in_ducks_at_once_and_stops_on_words() -> None:
    sim = simulation(Utter("help", partial_after_ms=500))
    sim.wait(600)
    onset = sim.session.now
    sim.say(speech(700))
    duck = next(e for e in sim.shell.journal if e.kind == "barge_in.duck")
    stop = next(e for e in sim.shell.journal if e.kind == "barge_in.stop")
    assert duck.at - onset <= to_samples(80)
    assert stop.at - onset <= to_samples(400)
    audio = sim.audio()
    before = np.abs(audio[onset - 1600 : onset - 320].astype(int)).max()
    ducked = np.abs(audio[duck.at + 640 : stop.at - 640].astype(int)).max()
    silent = audio[stop.at + 640 : stop.at + 3200]
    assert 0.2 < ducked / before < 0.3  # -12 dB
    assert not silent.any()
    cut = sim.of("prompt.cut")[0]
    assert PROMPT.startswith(cut["heard"])
    assert 0 < len(cut["heard"]) < len(PROMPT)


def test_a_cough_brings_the_volume_back() -> None:
    sim = simulation(Utter(""))
    sim.wait(600)
    sim.say(speech(150))
    sim.wait(1500)
    assert [k for k in sim.kinds() if k.startswith("barge_in")] == ["barge_in.duck", "barge_in.restore"]
    assert sim.of("turn.nothing")[0]["why"] == "no words"
    assert sim.session.state is CallState.SPEAKING or sim.of("prompt.end")


def test_a_back_channel_does_not_cut_the_prompt() -> None:
    sim = simulation(Utter("uh huh", partial_after_ms=300))
    sim.wait(600)
    sim.say(speech(400))
    sim.wait(2500)
    assert "prompt.cut" not in sim.kinds()
    assert sim.of("turn.nothing")[0]["why"] == "back-channel"
    assert sim.of("prompt.end")[0]["text"] == PROMPT


def test_without_partials_long_voice_stops_and_an_empty_result_resumes_at_the_clause() -> None:
    sim = simulation(Utter("", partial_after_ms=100))
    sim.wait(1000)  # inside the second sentence
    sim.say(speech(900))
    sim.wait(1500)
    kinds = [k for k in sim.kinds() if k.startswith(("barge_in", "prompt."))]
    assert kinds[:5] == ["prompt.start", "barge_in.duck", "barge_in.stop", "prompt.cut", "barge_in.resume"]
    sim.wait(3000)
    assert sim.of("prompt.end")[0]["text"] == PROMPT


def test_words_over_a_prompt_that_must_be_heard_are_used_after_it() -> None:
    def rule(state: Any, event: dialog.DialogEvent) -> Result:
        if isinstance(event, dialog.CallStarted):
            return Result(1, ask(barge_in=False))
        return parrot(state, event)

    sim = Simulation(rule, ScriptedEngines([Utter("help")]))
    sim.wait(300)
    sim.say(speech(500))
    sim.wait(900)
    assert "turn.commit" not in sim.kinds()
    assert "barge_in.duck" not in sim.kinds()
    sim.wait(2000)
    order = [k for k in sim.kinds() if k in {"prompt.end", "turn.commit"}]
    assert order[:2] == ["prompt.end", "turn.commit"]


def test_silence_becomes_no_input_after_the_prompt() -> None:
    sim = simulation()
    sim.wait(1900 + 4900)
    assert asked_texts(sim) == [PROMPT]
    sim.wait(300)
    assert asked_texts(sim) == [PROMPT, "Are you there?"]


def test_noise_without_words_never_leaves_the_call_silent() -> None:
    sim = simulation()
    sim.wait(3000)
    for _ in range(3):
        sim.say(speech(200))
        sim.wait(1000)
    sim.wait(3000)
    assert asked_texts(sim)[-1] == "Are you there?"


def test_a_key_cuts_the_prompt_and_is_the_answer() -> None:
    sim = simulation()
    sim.wait(500)
    sim.event(call.DigitPressed("5"))
    assert asked_texts(sim)[-1] == "Keys 5"
    assert "prompt.cut" in sim.kinds()


def test_a_key_beats_speech_in_progress() -> None:
    sim = simulation(Utter("never"))
    sim.wait(3000)
    sim.say(speech(300))
    sim.event(call.DigitPressed("2"))
    sim.wait(3000)
    assert "turn.dropped" in sim.kinds()
    assert "turn.commit" not in sim.kinds()
    assert asked_texts(sim)[1] == "Keys 2"


def test_digits_of_a_length_close_themselves_and_shorter_ones_by_time_or_end_key() -> None:
    def rule(state: Any, event: dialog.DialogEvent) -> Result:
        if isinstance(event, dialog.Keys):
            return Result(state, ask(f"Keys {event.digits}"))
        if not isinstance(event, dialog.CallStarted):
            return Result(state)
        expectation = dialog.Expectation("f/s", "ask", "en", "f", asked="n", key_length=(4, 4))
        return Result(1, [dialog.Say("p", "Number", "en"), dialog.Listen(SETTINGS, expectation)])

    for keys, wait, expected in (("4412", 0, "Keys 4412"), ("441#", 0, "Keys 441"), ("441", 3100, "Keys 441")):
        sim = Simulation(rule, ScriptedEngines())
        sim.wait(600)
        for digit in keys:
            sim.event(call.DigitPressed(digit))
        sim.wait(wait)
        assert asked_texts(sim)[1] == expected


@pytest.mark.parametrize(
    ("keys", "wait", "expected"),
    [("1", 2100, "Keys 1"), ("1#", 0, "Keys 1"), ("13900139000", 3100, "Keys 13900139000")],
)
def test_at_a_confirm_a_key_waits_for_the_number_it_may_begin(keys: str, wait: int, expected: str) -> None:
    def rule(state: Any, event: dialog.DialogEvent) -> Result:
        if isinstance(event, dialog.Keys):
            return Result(state, ask(f"Keys {event.digits}"))
        if not isinstance(event, dialog.CallStarted):
            return Result(state)
        expectation = dialog.Expectation(
            "f/s", "confirm", "en", "f", asked="n", keys={"1": "yes", "2": "no"}, key_length=(1, 15)
        )
        return Result(1, [dialog.Say("p", "Right?", "en"), dialog.Listen(SETTINGS, expectation)])

    sim = Simulation(rule, ScriptedEngines())
    sim.wait(600)
    for digit in keys:
        sim.event(call.DigitPressed(digit))
        sim.wait(200)
    sim.wait(wait)
    assert asked_texts(sim)[1] == expected


def test_a_stalled_recogniser_is_no_match_once_and_a_human_the_second_time() -> None:
    sim = simulation(Utter("x", stalls=True), Utter("x", stalls=True))
    for _ in range(2):
        sim.wait(3000)
        sim.say(speech(500))
        sim.wait(7500)
    assert "You said ?" in asked_texts(sim)
    assert any(isinstance(c, call.EnterQueue) for c in sim.engines.asked)


def test_prompts_without_sound_end_with_a_human() -> None:
    sim = simulation(prompts_fail=True)
    sim.wait(15000)
    assert any(isinstance(c, call.EnterQueue) for c in sim.engines.asked)


def test_a_broken_interpreter_hands_the_call_over() -> None:
    def rule(state: Any, event: dialog.DialogEvent) -> Result:
        if isinstance(event, dialog.NoInput):
            raise ZeroDivisionError("a bug")
        return parrot(state, event)

    engines = ScriptedEngines(queue_events=[(2000, call.QueueChanged("answered")), (9000, call.QueueChanged("left"))])
    sim = Simulation(rule, engines)
    sim.wait(9000)
    assert sim.session.state is CallState.BRIDGED
    assert "ZeroDivisionError" in str(sim.of("error.internal"))
    sim.wait(9000)
    assert sim.shell.hung_up == call.HangUp("handed_over", "internal_error")


def test_waiting_callers_hear_music_and_then_the_agent() -> None:
    def rule(state: Any, event: dialog.DialogEvent) -> Result:
        if isinstance(event, dialog.CallStarted):
            return Result(1, [dialog.Say("p", "One moment", "en"), dialog.Handover("default", "asked")])
        return parrot(state, event)

    sim = Simulation(rule, ScriptedEngines(queue_events=[(5000, call.QueueChanged("answered"))]))
    sim.wait(3000)
    assert sim.session.state is CallState.QUEUED
    assert np.abs(sim.audio()[-3200:]).max() == 150  # the music at half its level
    sim.wait(3000)
    assert sim.session.state is CallState.BRIDGED
    sim.wait(20)
    assert set(sim.heard[-1]) == {0}, "no music while they talk"


def test_goodbye_is_played_before_the_line_is_closed() -> None:
    sim = simulation(Utter("bye"))
    sim.wait(3000)
    sim.say(speech(400))
    sim.wait(900)
    assert sim.shell.hung_up is None
    sim.wait(1000)
    assert sim.shell.hung_up == call.HangUp("resolved", "")
    assert sim.session.state is CallState.ENDED
    assert sim.session.waits == {}


@pytest.mark.parametrize("at_ms", [0, 100, 1500, 3000, 3400, 3700, 4100, 4500])
def test_hang_up_at_any_point_ends_cleanly(at_ms: int) -> None:
    sim = simulation(Utter("hello"))
    story = np.concatenate((silence(3000), speech(500), silence(3000)))
    if at_ms:
        sim.say(story[: to_samples(at_ms)])
    sim.event(call.CallerGone("bye"))
    sim.wait(200)
    assert sim.shell.hung_up == call.HangUp("abandoned", "")
    sim.event(call.CallerGone("again"))
    sim.event(call.DigitPressed("1"))
    assert sim.kinds()[-1] in {"call.end", "activity"}


def test_frames_of_any_length_give_the_same_decisions() -> None:
    story = np.concatenate((silence(3000), speech(480), silence(2400)))
    journals = []
    for size in (160, 320, 960):
        sim = Simulation(parrot, ScriptedEngines([Utter("hello")]), frame_samples=size)
        sim.say(story)
        journals.append([(e.kind, e.data.get("text")) for e in sim.shell.journal if not e.kind.startswith("activity")])
    assert journals[0] == journals[1] == journals[2]


def test_the_same_call_twice_gives_the_same_bytes_and_replays_from_its_journal() -> None:
    def run() -> list[call.CallEvent]:
        sim = simulation(Utter("hello"), Utter(""), Utter("bye"))
        for _ in range(3):
            sim.wait(3000)
            sim.say(speech(500))
            sim.wait(1500)
        return sim.shell.journal

    first, second = run(), run()
    lines = [dumps(event) for event in first]
    assert lines == [dumps(event) for event in second]

    stored = list(loads(lines))
    session = CallSession(PythonDialog(parrot), CONTEXT, LevelDetector(), Words(), music=np.full(1600, 300, np.int16))
    session.start()
    again = session.take_events()
    inputs = [event for event in stored if event.kind.startswith("in.")]
    for activity in (event for event in stored if event.kind == "activity"):
        blocks = str(activity.data["blocks"])
        for index in range(0, len(blocks), 2):
            while inputs and inputs[0].at <= session.now:
                session.receive_event(parse_input(inputs.pop(0)))
            session.receive_activity(blocks[index : index + 2])
            again += session.take_events()
    assert [dumps(e) for e in again if not e.kind.startswith(("activity", "in."))] == [
        dumps(e) for e in stored if not e.kind.startswith(("activity", "in."))
    ]


def test_journal_lines_are_json_and_a_torn_last_line_is_left_out() -> None:
    sim = simulation(Utter("hello"))
    sim.wait(4000)
    lines = [dumps(event) for event in sim.shell.journal]
    assert all(json.loads(line)["kind"] for line in lines)
    assert len(list(loads([*lines, '{"at": 12, "ki']))) == len(lines)
    with pytest.raises(Exception, match=r"journal:1: not a journal line"):
        list(loads(["rubbish", *lines]))


def test_a_monologue_is_cut_into_turns_and_each_is_read_once() -> None:
    fed: list[int] = []

    class Counting(ScriptedEngines):
        def recognise(self, command: call.StartRecognition) -> Any:
            held = super().recognise(command)
            inner = held.feed
            held.feed = lambda samples: (fed.append(len(samples)), inner(samples))[1]  # type: ignore[method-assign]
            return held

    sim = Simulation(parrot, Counting([Utter("on and on")] * 20))
    sim.wait(3000)
    sim.say(speech(60_000))
    sim.wait(3000)
    assert [end["why"] for end in sim.of("turn.end")].count("max_speech") == 4
    assert sum(fed) < to_samples(75_000)


def test_a_masked_input_keeps_its_shape_and_hides_what_was_said() -> None:
    understood = dialog.Understood(
        (
            dialog.Reading("fill", "4412", 0.9, "last4", "four four one two"),
            dialog.Reading("correct", 15.5, 0.4, "amount"),
            dialog.Reading("intent", "lost_card", 0.1),
            dialog.Reading("fill", "2026-11-21", 0.2, "day"),
        ),
        ("lost_card",),
    )
    masked = mask(to_json(call.UtteranceUnderstood(7, understood)))  # type: ignore[arg-type]
    readings = masked["understood"]["readings"]  # type: ignore[index,call-overload]
    assert [reading["value"] for reading in readings] == ["1111", 11.1, "lost_card", "1111-11-11"]
    assert readings[0]["text"] == "•••• •••• ••• •••"
    assert masked["understood"]["candidates"] == ["lost_card"]  # type: ignore[index,call-overload]
    assert mask(to_json(call.DigitPressed("4")))["digit"] == "1"  # type: ignore[arg-type]
