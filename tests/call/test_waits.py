"""Every wait has an owner and a bound: whatever happens, in whatever order, silence ends the call within bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ivr.audio.frame import Samples, to_samples
from ivr.call import events as call
from ivr.call.settings import CallSettings
from ivr.call.states import WAITS, CallState
from ivr.dialog import events as dialog
from ivr.replay.shell import Latencies
from tests.fakes.calls import Result, ScriptedEngines, Simulation, Utter, silence, speech

EXPECT = dialog.Expectation("f/s", "ask", "en", "f", asked="a", key_length=(2, 2), open=True)


def ask(text: str, **listen: Any) -> list[dialog.DialogCommand]:
    return [dialog.Say("p", text, "en"), dialog.Listen(dialog.ListenSettings(**listen), EXPECT)]


def hotline(state: Any, event: dialog.DialogEvent) -> Result:
    """A dialog with every kind of step; three failures hand over, a queue that fails ends."""
    failures, turn = state or (0, 0)
    turn += 1
    if isinstance(event, dialog.CallStarted):
        return Result((failures, turn), ask("Welcome to the line"))
    if isinstance(event, (dialog.NoInput, dialog.MaxSpeech, dialog.ActionFailed)):
        failures += 1
        if failures >= 3:
            return Result((failures, turn), [dialog.Say("h", "One moment", "en"), dialog.Handover("q", "no_input")])
        return Result((failures, turn), ask("Pardon", barge_in=failures % 2 == 0))
    if isinstance(event, (dialog.Heard, dialog.Keys)):
        action = dialog.CallAction(
            f"a{turn}", "find", {}, 2000, wait=turn % 5 > 0, commit=turn % 2 == 0, idempotency_key=f"turn {turn}"
        )
        return Result((failures, turn), [action] if turn % 3 else ask("Go on", barge_in_type="hotword"))
    if isinstance(event, (dialog.LimitReached, dialog.EngineLost)):
        return Result((failures, turn), [dialog.Handover("q", "limit")])
    if isinstance(event, dialog.ActionSucceeded):
        return Result((failures, turn), ask("Done. What else"))
    if isinstance(event, dialog.QueueEvent) and event.kind not in {"position", "answered"}:
        return Result((failures, turn), [dialog.Say("b", "Goodbye", "en"), dialog.End("ticket")])
    if isinstance(event, dialog.CallerHungUp):
        return Result((failures, turn), [dialog.End("abandoned")])
    return Result((failures, turn))


utterances = st.builds(
    Utter, st.sampled_from(["", "yes", "hello there", "uh huh", "four and"]), partial_after_ms=st.integers(60, 900),
    stalls=st.booleans(), fails=st.booleans(),
)  # fmt: skip
queue_events = st.lists(
    st.tuples(
        st.integers(0, 20000),
        st.builds(call.QueueChanged, st.sampled_from(["position", "answered", "left", "full", "timeout", "failed"])),
    ),
    max_size=3,
)
replies = st.tuples(st.integers(0, 6000), st.sampled_from([{"a": 1}, "timeout", "http"]))
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("speech"), st.integers(20, 2500)),
        st.tuples(st.just("silence"), st.integers(20, 4000)),
        st.tuples(st.just("noise"), st.integers(20, 400)),
        st.tuples(st.just("key"), st.sampled_from("0123456789*#")),
        st.tuples(st.just("stale"), st.integers(0, 60)),
    ),
    max_size=14,
)


def holds_its_waits(sim: Simulation) -> None:
    """The state's wait is bounded: by an armed timer, by sound that is there, or by counting this turn's samples."""
    session, waits = sim.session, sim.session.waits
    state = session.state
    if state is CallState.ENDED:
        return
    assert waits, state
    assert "call" in waits or state is CallState.BRIDGED or session.now >= to_samples(600_000)
    if state in {CallState.LISTENING, CallState.DECIDING, CallState.QUEUED, CallState.BRIDGED, CallState.ENDING}:
        owners = {name.partition(":")[0] for name in waits} - {"call"}
        # a turn that is decided may wait for a must-hear prompt, whose sound bounds it
        assert owners or state is CallState.DECIDING, (state, waits)
    assert state in WAITS
    hears = session._gate.onset_at is None or session._turns.current is not None
    assert hears or state is CallState.BRIDGED, "the gate is open and nobody listens: no onset will ever come"


def plays_one_prompt_at_a_time(sim: Simulation) -> None:
    """Prompts are a constant 1000, so more is two at once: no longer than the 10 ms in which a cut one fades, twice."""
    loud = np.flatnonzero(np.abs(sim.audio().astype(np.int32)) > 1001)
    runs = np.split(loud, np.flatnonzero(np.diff(loud) > 1) + 1)
    assert max(len(run) for run in runs) <= to_samples(20)


delays = st.builds(
    Latencies, st.integers(0, 900), st.integers(0, 4000), st.integers(0, 900), st.integers(0, 3000),
    end_of_turn=st.integers(0, 900),
)  # fmt: skip


class Coin:
    """An end-of-turn model that says anything."""

    def judge(self, samples: Samples) -> float:
        return len(samples) // 320 % 5 / 4


@settings(max_examples=30, phases=set(Phase) - {Phase.shrink, Phase.explain})
@given(
    st.lists(utterances, max_size=8), queue_events, replies, st.booleans(), happenings,
    st.sampled_from([160, 320, 960]), delays,
)  # fmt: skip
def test_whatever_happens_silence_ends_the_call(
    script: list[Utter], queue: list[tuple[int, call.QueueChanged]], reply: tuple[int, Any], mute: bool,
    story: list[tuple[str, Any]], frame: int, latencies: Latencies,
) -> None:  # fmt: skip
    engines = ScriptedEngines(list(script), prompts_fail=mute, backend_replies={"find": reply}, queue_events=queue)
    settings = CallSettings(end_of_turn=True)
    sim = Simulation(hotline, engines, settings, latencies, frame, end_of_turn=Coin())
    for kind, value in story:
        if kind == "speech":
            sim.say(speech(value))
        elif kind == "silence":
            sim.say(silence(value))
        elif kind == "noise":
            sim.say(speech(value, seed=value))
            sim.say(silence(100))
        elif kind == "key":
            sim.event(call.DigitPressed(value))
        else:  # answers to things nobody asked
            sim.event(call.FinalTranscript(value, (call.HeardText("late", 0.9),)))
            sim.event(call.BackendReplied(value, {}))
        holds_its_waits(sim)
    for _ in range(420):  # seven minutes of silence
        if sim.session.ended or sim.session.state is CallState.BRIDGED:
            break
        sim.wait(1000)
        holds_its_waits(sim)
    assert sim.session.ended or sim.session.state is CallState.BRIDGED
    commits = [c.idempotency_key for c in engines.asked if isinstance(c, call.CallBackend) and c.commit]
    assert len(commits) == len(set(commits))
    answered = sum(kind in {"turn.commit", "key"} for kind in sim.kinds())
    assert len(commits) <= answered + sum(len(c.get("text", "")) == 0 for c in sim.of("error.recognition"))
    plays_one_prompt_at_a_time(sim)
