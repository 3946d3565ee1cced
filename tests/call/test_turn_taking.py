"""Turn-taking as a caller lives through it: who yields, when, what becomes of what was said. On the sample clock."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ivr.audio.frame import Samples, to_ms, to_samples
from ivr.call import events as call
from ivr.call.overheard import is_echo, says_more
from ivr.call.settings import CallSettings
from ivr.call.states import CallState
from ivr.dialog import events as dialog
from ivr.replay.shell import Latencies
from ivr.turn.barge_in import BargeInSettings
from tests.fakes.calls import Result, Rule, ScriptedEngines, Simulation, Utter, silence, speech

PROMPT = "You can say report a lost card, or pay my bill, or anything else."
"""3.25 s at 50 ms a character."""


def rule_of(prompt: str = PROMPT, *, is_open: bool = False, **listen: Any) -> Rule:
    """Asks `prompt` with these settings, then repeats what it hears."""

    def ask(text: str, settings: dialog.ListenSettings) -> list[dialog.DialogCommand]:
        keys = (1, 1)
        expectation = dialog.Expectation("f/s", "ask", "en", "f", asked="answer", key_length=keys, open=is_open)
        return [dialog.Say("p", text, "en", barge_in=settings.barge_in), dialog.Listen(settings, expectation)]

    def rule(state: Any, event: dialog.DialogEvent) -> Result:
        count = (state or 0) + 1
        if isinstance(event, dialog.CallStarted):
            return Result(count, ask(prompt, dialog.ListenSettings(**listen)))
        if isinstance(event, dialog.Heard):
            text = event.hypotheses[0].text if event.hypotheses else "?"
            return Result(count, ask(f"You said {text}, is that right", dialog.ListenSettings()))
        if isinstance(event, dialog.Keys):
            return Result(count, ask(f"Keys {event.digits}", dialog.ListenSettings()))
        if isinstance(event, (dialog.NoInput, dialog.MaxSpeech)):
            return Result(count, ask(type(event).__name__, dialog.ListenSettings()))
        if isinstance(event, dialog.CallerHungUp):
            return Result(count, [dialog.End("abandoned")])
        return Result(count)

    return rule


def call_with(*utterances: Utter, rule: Rule | None = None, **options: Any) -> Simulation:
    return Simulation(rule or rule_of(), ScriptedEngines(list(utterances)), **options)


def prompts(sim: Simulation) -> list[str]:
    return [str(event["text"]) for event in sim.of("prompt.start")]


def at(sim: Simulation, kind: str) -> int:
    """Milliseconds of the first event of a kind."""
    return to_ms(next(event.at for event in sim.shell.journal if event.kind == kind))


def commits(sim: Simulation) -> list[str]:
    return [str(event["text"]) for event in sim.of("turn.commit")]


# -- what may cut a prompt


def test_a_prompt_that_only_keys_cut_hears_speech_and_uses_it_afterwards() -> None:
    sim = call_with(Utter("help"), rule=rule_of(barge_in_type="dtmf"))
    sim.wait(500)
    sim.say(speech(500))
    sim.wait(3500)
    kinds = [kind for kind in sim.kinds() if kind in {"barge_in.duck", "prompt.cut", "prompt.end", "turn.commit"}]
    assert kinds[:2] == ["prompt.end", "turn.commit"]
    sim = call_with(rule=rule_of(barge_in_type="dtmf"))
    sim.wait(500)
    sim.event(call.DigitPressed("5"))
    assert sim.kinds().count("prompt.cut") == 1
    sim.wait(200)
    assert prompts(sim)[1] == "Keys 5"


def test_a_prompt_that_must_be_heard_takes_keys_as_type_ahead() -> None:
    sim = call_with(rule=rule_of(barge_in=False))
    sim.wait(500)
    sim.event(call.DigitPressed("5"))
    sim.wait(4000)
    assert "prompt.cut" not in sim.kinds()
    assert prompts(sim) == [PROMPT, "Keys 5"]


def test_only_a_hotword_cuts_a_hotword_prompt() -> None:
    for text, cut in (("what is this", False), ("stop it", True)):
        sim = call_with(Utter(text), rule=rule_of(barge_in_type="hotword", hotwords=("stop",)))
        sim.wait(500)
        sim.say(speech(800))
        assert ("prompt.cut" in sim.kinds()) is cut
        assert "barge_in.duck" not in sim.kinds()


def test_the_protected_beginning_is_neither_lowered_nor_cut() -> None:
    sim = call_with(Utter("help", partial_after_ms=400), rule=rule_of(no_barge_in_ms=1000))
    sim.wait(300)
    sim.say(speech(1500))
    assert 1000 <= at(sim, "barge_in.duck") <= 1100
    sim = call_with(Utter("help", partial_after_ms=400), rule=rule_of(no_barge_in_ms=2500))
    sim.wait(300)
    sim.say(speech(400))
    sim.wait(2500)  # turn over at 1.4 s: it is used when the prompt may be cut
    assert commits(sim) == ["help"]
    assert at(sim, "prompt.cut") >= 2500


def test_barge_in_in_the_first_100_ms_of_a_prompt() -> None:
    sim = call_with(Utter("help", partial_after_ms=300))
    sim.wait(140)  # the prompt's sound comes after 60 ms
    sim.say(speech(700))
    sim.wait(1000)
    assert at(sim, "barge_in.duck") <= 260
    assert sim.of("prompt.cut")[0]["heard"] in PROMPT
    assert commits(sim) == ["help"]


def test_a_prompt_that_begins_into_speech_is_lowered_at_once() -> None:
    sim = Simulation(rule_of(), ScriptedEngines([Utter("help", partial_after_ms=2000)]), None, Latencies(prompt=1000))
    sim.wait(800)
    sim.say(speech(440))
    assert sim.of("speech.start")[0]["while_prompt"] is True  # it was asked for, only its sound was missing
    assert sim.of("barge_in.duck")
    ducked = np.abs(sim.audio()[to_samples(1080) : to_samples(1220)].astype(int)).max()
    assert 200 <= ducked <= 300


def test_noise_that_goes_on_brings_the_volume_back_and_words_still_stop_the_prompt() -> None:
    sim = call_with(Utter("hello " * 20, partial_after_ms=200), Utter("help me", partial_after_ms=2500))
    sim.wait(300)
    sim.say(speech(600))  # this recogniser tells words as they come: from now on voice alone stops nothing
    sim.wait(2000)
    sim.say(speech(2600))
    kinds = [kind for kind in sim.kinds() if kind.startswith("barge_in")]
    assert kinds == ["barge_in.duck", "barge_in.stop", "barge_in.duck", "barge_in.restore", "barge_in.stop"]


# -- echo


def test_the_prompts_own_words_do_not_cut_it() -> None:
    settings = CallSettings(barge_in=BargeInSettings(voice_only_ms=5000))
    sim = call_with(Utter("report the lost card", partial_after_ms=1100), settings=settings)
    sim.wait(700)  # "report a lost card" begins at 650 ms
    sim.say(speech(900))
    sim.wait(3000)
    assert sim.of("turn.nothing")[0]["why"] == "echo of the prompt"
    assert "prompt.cut" not in sim.kinds()


def test_an_option_repeated_after_it_was_read_out_does() -> None:
    sim = call_with(Utter("report a lost card", partial_after_ms=400))
    sim.wait(2300)  # the option was over at 1.5 s
    sim.say(speech(900))
    sim.wait(1000)
    assert "prompt.cut" in sim.kinds()
    assert commits(sim) == ["report a lost card"]


@pytest.mark.parametrize(
    ("heard", "said", "echo"),
    [
        ("lost card", "a lost card, or", True),
        ("the last card or pay", "a lost card, or pay", False),
        ("a last card or pay", "a lost card, or pay", True),
        ("card", "a lost card", False),
        ("报失银行卡", "您可以说报失银行卡，或者", True),
        ("对", "对吗", False),
        ("i lost my wallet", "report a lost card", False),
        ("", "anything", False),
    ],
)
def test_what_counts_as_echo(heard: str, said: str, echo: bool) -> None:
    assert is_echo(heard, said) is echo


# -- after a turn


def test_a_breath_after_a_turn_costs_its_answer_nothing() -> None:
    sim = call_with(Utter("hello"), Utter("hello"))
    sim.wait(3600)
    sim.say(speech(500))
    sim.wait(1100)  # committed after 700 ms
    sim.say(speech(120, seed=2))
    sim.wait(3000)
    assert commits(sim) == ["hello"]
    assert sim.of("turn.nothing")[0]["why"] == "nothing new"
    assert "prompt.cut" not in sim.kinds()
    assert "turn.reopened" not in sim.kinds()
    assert [kind for kind in sim.kinds() if kind.startswith("barge_in")] == ["barge_in.duck", "barge_in.restore"]
    assert sim.of("prompt.end")[-1]["text"] == "You said hello, is that right"


def test_two_short_turns_in_a_row_are_one() -> None:
    sim = call_with(Utter("yes", partial_after_ms=250), Utter("yes please", partial_after_ms=500))
    sim.wait(3600)
    sim.say(speech(300))
    sim.wait(500)  # "yes" is complete: committed after 200 ms
    sim.say(speech(400, seed=2))
    sim.wait(1500)
    assert commits(sim) == ["yes", "yes please"]
    assert len(sim.of("turn.reopened")) == 1
    assert [text for who, text in sim.session.transcript() if who == "caller"] == ["yes please"]


def test_a_turn_whose_action_has_left_is_not_taken_back() -> None:
    asked: list[dialog.DialogEvent] = []

    def rule(state: Any, event: dialog.DialogEvent) -> Result:
        if isinstance(event, dialog.Heard):
            asked.append(event)
            action = dialog.CallAction("a", "pay", {}, 3000, commit=True, wait=False)
            return Result(1, [action, *rule_of("Paid. What else")(0, dialog.CallStarted(0, CONTEXT)).commands])
        return rule_of()(state, event)

    sim = Simulation(rule, ScriptedEngines([Utter("pay it"), Utter("no wait", partial_after_ms=300)]))
    sim.wait(3600)
    sim.say(speech(500))
    sim.wait(1000)
    sim.say(speech(500, seed=2))
    sim.wait(1500)
    assert commits(sim) == ["pay it", "no wait"]  # heard as a turn of its own
    assert "turn.reopened" not in sim.kinds()
    assert sum(isinstance(command, call.CallBackend) for command in sim.engines.asked) == 2


CONTEXT = dialog.CallContext("call-1", "100", "200", "en", "2026-11-22T10:00:00+08:00")


def test_more_words_or_other_words() -> None:
    assert says_more("yes please", "yes")
    assert says_more("no", "yes")
    assert not says_more("an go", "and so my fellow americans")  # the first partials of what is read again
    assert not says_more("yes", "yes")
    assert not says_more("i want to", "i want to pay")
    assert says_more("报失卡", "报失")


# -- speculation


def test_speculation_that_was_right_tells_what_it_won() -> None:
    sim = call_with(Utter("hello"))
    sim.wait(3600)
    sim.say(speech(500))
    sim.wait(1200)
    # transcript 120 ms, understanding 20, prompt 60: all of it inside of the silence
    (line,) = sim.of("turn.speculation")
    assert (line["used"], line["won_ms"]) == (True, 200)


def test_speculation_that_was_half_right_wins_what_was_ready() -> None:
    sim = call_with(Utter("hello"), latencies=Latencies(final=600, prompt=400))
    sim.wait(4000)
    sim.say(speech(500))
    sim.wait(2000)
    (line,) = sim.of("turn.speculation")
    assert line["used"]
    assert 530 <= line["won_ms"] <= 640


def test_speculation_that_was_wrong_is_dropped_with_everything_it_asked_for() -> None:
    sim = call_with(Utter("i would"), Utter("i would like"), Utter("i would like tea"))
    sim.wait(3600)
    for number in range(3):
        sim.say(speech(400, seed=number))
        sim.wait(450)
    sim.wait(1500)
    assert commits(sim) == ["i would like tea"]
    lines = sim.of("turn.speculation")
    assert [line["used"] for line in lines] == [False, False, True]
    assert all(line["spent_ms"] > 0 for line in lines[:2])
    asked = [c.text for c in sim.engines.asked if isinstance(c, call.Synthesise)]
    assert "You said i would, is that right" in asked
    assert prompts(sim) == [PROMPT, "You said i would like tea, is that right"]


# -- hard cases


def test_a_sigh_and_then_silence_is_asked_again() -> None:
    sim = call_with(Utter(""))
    sim.wait(3600)
    sim.say(speech(250))
    sim.wait(4000)
    assert prompts(sim)[1] == "NoInput"


def test_speech_exactly_at_the_prompts_end() -> None:
    end = 60 + 50 * len(PROMPT)
    for offset in (-80, -40, -20, 0, 20, 40):
        sim = call_with(Utter("help"))
        sim.wait(end + offset)
        sim.say(speech(500))
        sim.wait(1500)
        assert commits(sim) == ["help"], offset
        assert sum(kind == "prompt.start" for kind in sim.kinds()) == 2


def test_music_on_the_callers_side_ends_in_a_question_not_in_silence() -> None:
    sim = call_with(*[Utter("")] * 9)
    sim.wait(3600)
    sim.say(speech(40_000))
    assert prompts(sim) == [PROMPT, "MaxSpeech", "MaxSpeech"]
    assert "prompt.cut" not in sim.kinds()  # voice that held no words is not believed a second time


def test_speech_while_a_human_is_waited_for_is_not_taken_for_an_answer() -> None:
    def rule(state: Any, event: dialog.DialogEvent) -> Result:
        if isinstance(event, dialog.CallStarted):
            return Result(1, [dialog.Say("p", "One moment", "en"), dialog.Handover("default", "asked")])
        return rule_of()(state, event)

    sim = Simulation(rule, ScriptedEngines([Utter("hm")], queue_events=[(9000, call.QueueChanged("answered"))]))
    sim.wait(2000)
    sim.say(speech(3000))
    assert sim.session.state is CallState.QUEUED
    assert "turn.commit" not in sim.kinds()
    sim.wait(6000)
    assert sim.session.state is CallState.BRIDGED


def test_a_human_who_takes_the_call_ends_the_turn_in_progress() -> None:
    def rule(state: Any, event: dialog.DialogEvent) -> Result:
        if isinstance(event, dialog.CallStarted):
            settings = dialog.ListenSettings()
            listen = dialog.Listen(settings, dialog.Expectation("f/q", "command", "en", "f"))
            return Result(1, [dialog.Handover("default", "asked"), listen])
        return Result(1)

    sim = Simulation(rule, ScriptedEngines([Utter("hello")], queue_events=[(1000, call.QueueChanged("answered"))]))
    sim.wait(600)
    sim.say(speech(1200))
    assert sim.session.state is CallState.BRIDGED
    assert "turn.dropped" in sim.kinds()
    sim.wait(8000)
    assert "error.recognition" not in sim.kinds()


def test_a_recogniser_that_is_three_seconds_late_answers_one_turn_once() -> None:
    sim = call_with(Utter("hello"), Utter("hello hello"), latencies=Latencies(final=3000))
    sim.wait(3600)
    sim.say(speech(500))
    sim.wait(2500)
    assert sim.session.state is CallState.DECIDING
    sim.say(speech(400))  # "hello?": the same turn goes on
    sim.wait(6000)
    assert commits(sim) == ["hello hello"]
    assert prompts(sim)[1:] == ["You said hello hello, is that right"]


def story() -> Samples:
    return np.concatenate((silence(3600), speech(500), silence(3000), speech(300), silence(2000)))


@pytest.mark.parametrize("state", [CallState.SPEAKING, CallState.LISTENING, CallState.HEARING, CallState.DECIDING])
def test_a_caller_who_hangs_up_leaves_nothing_behind(state: CallState) -> None:
    sim = call_with(Utter("hello"), latencies=Latencies(final=900))
    samples = story()
    for start in range(0, len(samples), 320):
        sim.say(samples[start : start + 320])
        if sim.session.state is state and sim.session.now > to_samples(200):
            break
    assert sim.session.state is state
    sim.event(call.CallerGone())
    sim.wait(3000)
    assert sim.session.ended
    assert sim.session.waits == {}


# -- the end-of-turn model


class Model:
    """Says the same of every silence."""

    def __init__(self, probability: float) -> None:
        self.probability = probability
        self.asked: list[int] = []

    def judge(self, samples: Samples) -> float:
        self.asked.append(len(samples))
        return self.probability


WITH_MODEL = CallSettings(end_of_turn=True)


@pytest.mark.parametrize(
    ("probability", "latency_ms", "silence_ms"),
    [
        (0.97, 150, 400),
        (0.92, 150, 600),
        (0.5, 150, 600),
        (0.4, 150, 875),
        (0.1, 150, 1575),
        (0.97, 560, 680),
        (0.97, 900, 700),
        (0.1, 900, 700),
    ],
)
def test_the_model_shortens_and_lengthens_the_silence(probability: float, latency_ms: int, silence_ms: int) -> None:
    model = Model(probability)
    sim = Simulation(
        rule_of(is_open=True), ScriptedEngines([Utter("hello")]), WITH_MODEL, Latencies(end_of_turn=latency_ms),
        end_of_turn=model,
    )  # fmt: skip
    sim.wait(3600)
    sim.say(speech(600))
    sim.wait(2500)
    assert abs(sim.of("turn.end")[0]["silence_ms"] - silence_ms) <= 20
    assert len(model.asked) == 1
    assert to_samples(900) <= model.asked[0] <= to_samples(1200)


def test_the_model_is_asked_at_each_pause_and_hears_eight_seconds_at_most() -> None:
    model = Model(0.1)
    sim = Simulation(rule_of(is_open=True), ScriptedEngines([Utter("a")] * 9), WITH_MODEL, end_of_turn=model)
    sim.wait(3600)
    for number in range(3):
        sim.say(speech(3500, seed=number))
        sim.wait(300)
    sim.wait(2500)
    assert len(model.asked) == 3
    assert max(model.asked) == to_samples(8000)


def test_a_closed_question_does_not_ask_the_model() -> None:
    model = Model(0.97)
    sim = Simulation(rule_of(), ScriptedEngines([Utter("hello")]), WITH_MODEL, end_of_turn=model)
    sim.wait(3600)
    sim.say(speech(600))
    sim.wait(1500)
    assert model.asked == []
    assert commits(sim) == ["hello"]


def test_a_caller_who_pauses_long_is_given_longer() -> None:
    sim = call_with(*[Utter("a")] * 9, rule=rule_of(is_open=True))
    sim.wait(3600)
    for number in range(5):
        sim.say(speech(400, seed=number))
        sim.wait(640)
    sim.wait(1500)
    assert sim.of("turn.end")[0]["silence_ms"] >= 720
