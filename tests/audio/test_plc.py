from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.audio.frame import FRAME_SAMPLES, Samples
from ivr.audio.levels import peak, rms_dbfs
from ivr.audio.plc import LossConcealer

TIMES = np.arange(16_000) / 16_000
VOICE: Samples = np.rint(
    sum(4_000 / k * np.sin(2 * np.pi * 125 * k * TIMES + k) for k in range(1, 12))  # a buzz at 125 Hz
).astype(np.int16)


def frame(number: int) -> Samples:
    return VOICE[number * FRAME_SAMPLES : (number + 1) * FRAME_SAMPLES]


def after_voice(frames: int = 10) -> LossConcealer:
    concealer = LossConcealer()
    for number in range(frames):
        concealer.good(frame(number))
    return concealer


def test_good_frames_pass_untouched() -> None:
    concealer = LossConcealer()
    for number in range(20):
        assert concealer.good(frame(number)) is not None
        assert np.array_equal(concealer.good(frame(number)), frame(number))


def test_voice_goes_on_in_pitch_over_the_gap() -> None:
    filled = after_voice().lost()
    truth = frame(10).astype(float)
    hold = slice(0, 160)
    assert np.abs(filled[hold] - truth[hold]).max() < 0.02 * peak(VOICE)
    assert 0.7 < float(filled @ truth) / float(truth @ truth) < 1


def test_no_step_where_the_gap_begins() -> None:
    filled = after_voice().lost()
    step = abs(int(filled[0]) - int(frame(9)[-1]))
    assert step <= int(np.abs(np.diff(VOICE.astype(int))).max())


def test_long_gap_fades_into_comfort_noise() -> None:
    concealer = after_voice()
    levels = [rms_dbfs(concealer.lost()) for _ in range(10)]
    assert levels[0] > -22
    assert levels[1] < levels[0] - 6
    assert all(-80 < level <= -54 for level in levels[2:])  # not dead, not louder than a line's hiss


def test_noise_is_as_soft_as_the_line_was() -> None:
    concealer = LossConcealer()
    hiss = np.random.default_rng(0).standard_normal((40, FRAME_SAMPLES)) * 32_768 * 10 ** (-65 / 20)
    for row in hiss:
        concealer.good(np.rint(row).astype(np.int16))
    for number in range(5):
        concealer.good(frame(number))
    later = [rms_dbfs(concealer.lost()) for _ in range(6)][2:]
    assert all(-68 < level < -63 for level in later)


def test_return_is_cross_faded_for_5_ms() -> None:
    concealer = after_voice()
    for _ in range(4):
        concealer.lost()
    back = concealer.good(frame(14))
    assert abs(int(back[0])) < 200  # from the noise ...
    assert np.array_equal(back[80:], frame(14)[80:])  # ... to the sound
    assert np.array_equal(concealer.good(frame(15)), frame(15))


def test_loss_before_anything_was_heard_is_silence() -> None:
    assert peak(LossConcealer().lost()) <= 1


def test_loss_after_too_little_sound_still_gives_a_frame() -> None:
    concealer = after_voice(1)
    assert concealer.lost().shape == (FRAME_SAMPLES,)


def test_digital_silence_stays_silent() -> None:
    concealer = LossConcealer()
    for _ in range(10):
        concealer.good(np.zeros(FRAME_SAMPLES, dtype=np.int16))
    assert peak(concealer.lost()) <= 1


@pytest.mark.parametrize("count", [80, 160, 320, 480])
def test_any_frame_length(count: int) -> None:
    concealer = LossConcealer()
    for at in range(0, 4_800, count):
        concealer.good(VOICE[at : at + count])
    assert concealer.lost(count).shape == (count,)
    assert concealer.good(VOICE[:count]).shape == (count,)


@given(st.lists(st.booleans(), max_size=60))
def test_any_pattern_of_losses_keeps_the_clock_and_repeats_itself(pattern: list[bool]) -> None:
    def run() -> Samples:
        concealer = LossConcealer()
        out = [concealer.lost() if lost else concealer.good(frame(n % 50)) for n, lost in enumerate(pattern)]
        return np.concatenate([np.empty(0, dtype=np.int16), *out])

    first = run()
    assert len(first) == len(pattern) * FRAME_SAMPLES
    assert np.array_equal(run(), first)
    assert peak(first) <= 1.2 * peak(VOICE)


def test_reset_forgets_the_voice() -> None:
    concealer = after_voice()
    concealer.reset()
    assert peak(concealer.lost()) <= 1
