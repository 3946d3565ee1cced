"""Turn-taking under other settings, on calls drawn by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivr.audio.frame import FRAME_SAMPLES, to_samples
from ivr.call.settings import CallSettings
from ivr.replay.measure import Segment
from ivr.replay.tuning.corpus import Interruption, Prompt, TunedCall, Turn
from ivr.replay.tuning.simulate import EndSettings, end_turns, interrupt_prompts, pauses_of, with_onset
from ivr.turn.endpoint import Completeness

STEADY = CallSettings(adaptive_endpointing=False)


def track(seconds: float, *voices: tuple[float, float]) -> np.ndarray:
    """Voice between the given seconds."""
    found = np.zeros(int(seconds * 50), dtype=np.bool_)
    for start, end in voices:
        found[round(start * 50) : round(end * 50)] = True
    return found


def segment(start: float, end: float) -> Segment:
    return Segment(to_samples(1000 * start), to_samples(1000 * end))


def one_turn(*voices: tuple[float, float], state: Completeness = Completeness.OPEN, seconds: float = 10) -> TunedCall:
    speech = tuple(segment(*voice) for voice in voices)
    turn = Turn(speech[0].start, speech, ((speech[0].start, state),), 700, adaptive=True)
    return TunedCall("c", {"": track(seconds, *voices)}, (turn,))


@pytest.mark.parametrize(
    ("state", "cuts", "added"),
    [
        (Completeness.COMPLETE, 1, 200), (Completeness.FILLED, 1, 480), (Completeness.OPEN, 0, 700),
        (Completeness.INCOMPLETE, 0, 1580),
    ],
)  # fmt: skip
def test_a_pause_of_600_ms_under_the_default_settings(state: Completeness, cuts: int, added: int) -> None:
    (ended,) = end_turns(one_turn((1, 2), (2.6, 3), state=state), EndSettings(STEADY))
    assert len(ended.cuts) == cuts
    assert ended.added_ms == added
    assert ended.state is state
    assert all(kind is state for kind, _ in ended.cuts)


def test_how_soon_a_caller_goes_on_after_he_was_cut() -> None:
    (ended,) = end_turns(one_turn((1, 2), (3.1, 3.5)), EndSettings(STEADY))
    assert ended.cuts == ((Completeness.OPEN, 400),)


def test_another_silence_counts_only_where_the_question_has_none_of_its_own() -> None:
    call = one_turn((1, 2), (2.6, 3))
    (faster,) = end_turns(call, EndSettings(STEADY, 500, default_ms=700))
    (own,) = end_turns(call, EndSettings(STEADY, 500, default_ms=900))
    assert len(faster.cuts) == 1 and faster.added_ms == 500
    assert not own.cuts and own.added_ms == 700


def test_what_the_words_meant_changes_while_he_is_silent() -> None:
    call = one_turn((1, 2))
    turn = replace(call.turns[0], states=((0, Completeness.INCOMPLETE), (to_samples(2300), Completeness.COMPLETE)))
    (ended,) = end_turns(replace(call, turns=(turn,)), EndSettings(STEADY))
    assert (ended.state, ended.added_ms) == (Completeness.COMPLETE, 300)


def test_noise_after_the_last_word_does_not_lengthen_a_turn() -> None:
    call = one_turn((1, 2))
    noisy = replace(call, tracks={"": track(10, (1, 2), (2.5, 2.7))})
    assert list(end_turns(noisy, EndSettings(STEADY))) == list(end_turns(call, EndSettings(STEADY)))


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.integers(10, 60), st.integers(10, 90)), min_size=1, max_size=6),
    st.sampled_from(list(Completeness)),
)
def test_longer_limits_never_cut_more(parts: list[tuple[int, int]], state: Completeness) -> None:
    at, voices = 1.0, []
    for voice, pause in parts:
        voices.append((at, at + voice / 50))
        at += (voice + pause) / 50
    call = one_turn(*voices, state=state, seconds=at + 2)
    counts = []
    for silence in (300, 600, 1200, 2400):
        tried = replace(STEADY, complete_ms=silence, incomplete_max_ms=2 * silence)
        (ended,) = end_turns(call, EndSettings(tried, silence))
        counts.append(len(ended.cuts))
        assert ended.added_ms >= 20
    assert counts == sorted(counts, reverse=True)
    assert counts[0] <= len(parts) - 1


# ------------------------------------------------------------------------------------------------------------ barge-in


def prompt_call(*interruptions: Interruption, voices: tuple[tuple[float, float], ...]) -> TunedCall:
    prompt = Prompt(to_samples(1000), to_samples(6000), interruptions)
    return TunedCall("c", {"": track(8, *voices)}, prompts=(prompt,))


def spoken(start: float, end: float, *, meant: bool, words: tuple[tuple[float, int], ...] = ()) -> Interruption:
    return Interruption(
        to_samples(1000 * start), to_samples(1000 * end), meant,
        tuple((to_samples(1000 * at), count) for at, count in words), bool(words),
    )  # fmt: skip


def test_a_caller_who_means_it_lowers_then_stops_the_prompt() -> None:
    call = prompt_call(spoken(2, 3.5, meant=True, words=((2.5, 1), (2.9, 2))), voices=((2, 3),))
    (one,) = interrupt_prompts(call, with_onset(CallSettings(), 60))
    assert (one.false_ducks, one.false_stops, one.missed) == (0, 0, 0)
    assert one.duck_ms == (60,)
    assert one.stop_ms == (500,)
    (two,) = interrupt_prompts(call, with_onset(CallSettings(), 60), min_words=2)
    assert two.stop_ms == (900,)
    (three,) = interrupt_prompts(call, CallSettings(), min_words=3)
    assert three.stop_ms == () and three.missed == 1


def test_a_cough_lowers_the_prompt_and_a_longer_onset_does_not() -> None:
    call = prompt_call(voices=((2, 2.1),))
    (fast,) = interrupt_prompts(call, with_onset(CallSettings(), 60))
    (slow,) = interrupt_prompts(call, with_onset(CallSettings(), 160))
    assert (fast.false_ducks, fast.false_stops) == (1, 0)
    assert (slow.false_ducks, slow.false_stops) == (0, 0)


def test_words_without_meaning_stop_it_wrongly() -> None:
    call = prompt_call(spoken(2, 3, meant=False, words=((2.4, 1),)), voices=((2, 2.5),))
    (one,) = interrupt_prompts(call, CallSettings())
    assert (one.false_stops, one.stop_ms, one.missed) == (1, (), 0)


def test_a_voice_that_was_there_before_the_prompt_is_no_interruption() -> None:
    (one,) = interrupt_prompts(prompt_call(voices=((0.6, 1.5),)), CallSettings())
    assert one.false_ducks == 0


def test_a_detector_that_did_not_hear_the_call_tells_nothing() -> None:
    assert list(interrupt_prompts(prompt_call(voices=()), CallSettings(), 1, "silero")) == []


def test_pauses_by_what_the_words_meant() -> None:
    call = one_turn((1, 2), (2.6, 3), (3.1, 3.5), state=Completeness.INCOMPLETE)
    assert pauses_of([call]) == {"incomplete": [600]}


def test_blocks_are_those_of_the_session() -> None:
    assert FRAME_SAMPLES == 320
