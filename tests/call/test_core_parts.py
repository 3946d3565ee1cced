"""The parts of the core whose short cuts must change nothing: timers, the mixer's plain path, levels in the journal."""

from __future__ import annotations

from typing import Literal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ivr.audio.frame import FRAME_SAMPLES, SAMPLE_RATE, Samples, to_samples
from ivr.call.core import Core
from ivr.call.ears import Ears, decode_activity, encode_activity, level_dbfs
from ivr.call.mixer import Mixer, Playback
from ivr.turn.echo import EchoSettings
from ivr.turn.gate import Activity, SpeechGate

GAP = SAMPLE_RATE * 12 // 100

Step = tuple[Literal["arm", "disarm", "pass"], str, int]
STEPS = st.lists(
    st.tuples(st.sampled_from(["arm", "disarm", "pass"]), st.sampled_from(["a", "b", "c", "d"]), st.integers(0, 300))
)


@given(STEPS)
def test_timers_run_out_once_oldest_first_and_never_early(steps: list[Step]) -> None:
    core, wanted = Core(), dict[str, int]()
    for what, name, ms in steps:
        if what == "arm":
            core.arm(name, ms)
            wanted[name] = core.now + to_samples(ms)
        elif what == "disarm":
            core.disarm(name)
            wanted.pop(name, None)
        else:
            core.now += to_samples(ms)
            due = sorted((n for n, at in wanted.items() if at <= core.now), key=lambda n: (wanted[n], n))
            assert core.due() == due
            for ended in due:
                del wanted[ended]
        assert core.waits == wanted
        assert core.deadline(name) == wanted.get(name)


def sound(length: int, seed: int) -> Samples:
    return np.random.default_rng(seed).integers(-32768, 32768, length).astype(np.int16)


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=4), st.sampled_from([80, 160, 320, 960]))
def test_prompts_come_out_sample_by_sample_with_pauses_between(lengths: list[int], block: int) -> None:
    mixer = Mixer()
    wanted: list[Samples] = []
    for prompt, length in enumerate(lengths):
        mixer.add(Playback(prompt, "text"))
        mixer.feed(prompt, sound(length, prompt), (), last=True)
        wanted += [sound(length, prompt), np.zeros(GAP, dtype=np.int16)]
    line = np.concatenate(wanted)
    heard = np.concatenate([mixer.mix(block) for _ in range(len(line) // block + 2)])
    assert np.array_equal(heard[: len(line)], line)
    assert not heard[len(line) :].any()
    assert [playback.prompt for playback in mixer.take_finished()] == list(range(len(lengths)))


@given(st.integers(0, 10), st.sampled_from([-12.0, -20.0]))
def test_a_ducked_prompt_is_lower_from_its_second_block_on_and_whole_again_after(before: int, gain_db: float) -> None:
    mixer, said = Mixer(), np.full(FRAME_SAMPLES * 20, 8000, dtype=np.int16)
    mixer.add(Playback(1, "text"))
    mixer.feed(1, said, (), last=True)
    for _ in range(before):
        assert np.array_equal(mixer.mix(FRAME_SAMPLES), said[:FRAME_SAMPLES])
    mixer.duck(gain_db)
    fall, low = mixer.mix(FRAME_SAMPLES), mixer.mix(FRAME_SAMPLES)
    assert fall[0] == 8000
    assert set(low.tolist()) == {int(8000 * 10 ** (gain_db / 20))}
    mixer.restore()
    rise, high = mixer.mix(FRAME_SAMPLES), mixer.mix(FRAME_SAMPLES)
    assert rise[-1] == 8000
    assert set(high.tolist()) == {8000}


def test_sound_that_was_given_out_stays_when_more_comes_in() -> None:
    mixer = Mixer()
    mixer.add(Playback(1, "text"))
    mixer.feed(1, sound(1000, 1), (), last=False)
    first = mixer.mix(FRAME_SAMPLES)
    kept = first.copy()
    mixer.feed(1, sound(1000, 2), (), last=True)
    mixer.stop()
    mixer.mix(FRAME_SAMPLES)
    assert np.array_equal(first, kept)


@given(st.booleans(), st.integers(0, 90))
def test_activity_is_read_as_it_was_written(voiced: bool, below: int) -> None:
    activity = Activity(voiced, -float(below))
    code = encode_activity(activity)
    assert len(code) == 2
    assert decode_activity(code) == [activity]


@given(st.booleans(), st.integers(0, 36))
def test_activity_of_an_echo_keeps_its_level_in_larger_steps(voiced: bool, step: int) -> None:
    activity = Activity(voiced, -2.5 * step, echo=True)
    assert decode_activity(encode_activity(activity)) == [activity]


@given(st.integers(0, 32767), st.booleans())
def test_what_the_ears_tell_is_what_the_journal_keeps(amplitude: int, negative: bool) -> None:
    class Always:
        def detect(self, block: Samples) -> float:
            return 1.0

    block = np.full(FRAME_SAMPLES, -amplitude - 1 if negative else amplitude, dtype=np.int16)
    heard = Ears(Always(), SpeechGate(), EchoSettings()).hear(block, lost=False, sent_dbfs=-90.0)
    assert decode_activity(encode_activity(heard)) == [heard]
    assert abs(heard.level_dbfs - level_dbfs(block)) <= 0.5
