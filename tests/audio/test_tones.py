from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.audio.frame import SAMPLE_RATE, Samples, to_samples
from ivr.audio.levels import peak, rms_dbfs
from ivr.audio.tones import BUSY, RINGBACK, ComfortNoise, Tone, beep, fade_in, fade_out, gain, ramp, render

LOUD: Samples = np.full(800, 10_000, dtype=np.int16)


def strongest(samples: Samples, count: int) -> list[int]:
    """The strongest frequencies in a second of sound, to the Hz."""
    spectrum = np.abs(np.fft.rfft(samples.astype(float)))
    return sorted(np.argsort(spectrum)[-count:].tolist())


@pytest.mark.parametrize("country", sorted(RINGBACK))
def test_ringback_and_busy_have_their_frequencies(country: str) -> None:
    for tone in (RINGBACK[country], BUSY[country]):
        steady = render(Tone(tone.frequencies), SAMPLE_RATE, SAMPLE_RATE)
        assert strongest(steady, len(tone.frequencies)) == list(tone.frequencies)
        assert rms_dbfs(steady) == pytest.approx(tone.dbfs, abs=0.05)


@pytest.mark.parametrize("tone", [RINGBACK["us"], RINGBACK["uk"], BUSY["cn"]])
def test_cadence(tone: Tone) -> None:
    period = to_samples(sum(tone.cadence_ms))
    sound = render(tone, 0, 2 * period)
    at = 0
    for number, ms in enumerate(tone.cadence_ms * 2):
        stretch = sound[at : at + to_samples(ms)]
        at += len(stretch)
        if number % 2:
            assert not stretch.any()
        else:
            assert rms_dbfs(stretch) == pytest.approx(tone.dbfs, abs=0.7)


@given(st.lists(st.integers(0, 5_000), max_size=10))
def test_tone_is_a_function_of_position(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), 5_000]
    pieces = [render(BUSY["cn"], a, b - a) for a, b in pairwise(edges)]
    assert np.array_equal(np.concatenate(pieces), render(BUSY["cn"], 0, 5_000))


def test_tones_begin_and_end_without_a_click() -> None:
    assert peak(beep()[:8]) < 200
    assert peak(beep()[-8:]) < 200
    assert peak(render(Tone((1_000,)), 0, 8)) < 200


def test_beep_length_and_level() -> None:
    sound = beep(frequency=800, ms=300, dbfs=-12)
    assert len(sound) == 4_800
    assert rms_dbfs(sound[400:-400]) == pytest.approx(-12, abs=0.1)


@given(st.lists(st.integers(0, 70_000), max_size=8))
def test_comfort_noise_does_not_care_how_it_is_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), 70_000]
    noise, whole = ComfortNoise(), ComfortNoise().next(70_000)
    assert np.array_equal(np.concatenate([noise.next(b - a) for a, b in pairwise(edges)]), whole)


def test_comfort_noise_level_and_seed() -> None:
    assert rms_dbfs(ComfortNoise(-50).next(16_000)) == pytest.approx(-50, abs=0.3)
    assert rms_dbfs(ComfortNoise(-50).next(16_000, dbfs=-30)) == pytest.approx(-30, abs=0.3)
    assert not np.array_equal(ComfortNoise(seed=1).next(320), ComfortNoise(seed=2).next(320))


def test_comfort_noise_is_noise() -> None:
    noise = ComfortNoise(-30).next(16_000).astype(float)
    spectrum = np.abs(np.fft.rfft(noise)) ** 2
    assert spectrum.max() < 20 * spectrum.mean()  # no tone stands out
    assert abs(noise.mean()) < 40


def test_gain() -> None:
    assert gain(LOUD, 0) is LOUD
    assert set(gain(LOUD, -20).tolist()) == {1_000}
    assert set(gain(LOUD, 20).tolist()) == {32_767}
    assert set(gain(-LOUD, 20).tolist()) == {-32_768}


def test_ramps_in_a_row_join() -> None:
    down = ramp(LOUD, 0, -20)
    assert down[-1] == 1_000
    assert np.all(np.diff(down.astype(int)) <= 0)
    assert down[len(down) // 2 - 1] == pytest.approx(10_000 * 10**-0.5, abs=1)  # evenly in dB: -10 dB halfway
    assert ramp(LOUD, -20, -20).tolist() == gain(LOUD, -20).tolist()
    assert ramp(LOUD[:0], 0, -20).shape == (0,)


def test_fades() -> None:
    rising, falling = fade_in(LOUD), fade_out(LOUD)
    assert np.array_equal(rising[::-1], falling)
    assert rising[0] < 10
    assert rising[80] == pytest.approx(5_000, abs=120)
    assert set(rising[160:].tolist()) == {10_000}
    assert LOUD[0] == 10_000  # a copy


def test_fade_of_less_sound_than_the_fade_is_long() -> None:
    short = fade_out(LOUD[:10])
    assert len(short) == 10
    assert short[-1] < short[0]
    assert fade_in(LOUD[:0]).shape == (0,)
