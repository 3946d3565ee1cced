from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.audio.frame import Samples
from ivr.audio.resample import HALF_BAND_DELAY, Downsampler, Resampler, Upsampler, resample

NOISE: Samples = (np.random.default_rng(1).standard_normal(4_000) * 6_000).astype(np.int16)
FULL_SCALE = 32_768


def sine(frequency: float, rate: int, seconds: float = 1.0, amplitude: float = 16_000) -> Samples:
    times = np.arange(int(rate * seconds)) / rate
    return np.rint(amplitude * np.sin(2 * np.pi * frequency * times)).astype(np.int16)


def level_db(samples: Samples, frequency: float, rate: int) -> float:
    """Level of one frequency, in dB relative to an amplitude of 16,000; Hann window, the edges cut off."""
    middle = samples[len(samples) // 8 : -len(samples) // 8].astype(np.float64)
    window = np.hanning(len(middle))
    turn = np.exp(-2j * np.pi * frequency / rate * np.arange(len(middle)))
    return float(20 * np.log10(abs(middle @ (window * turn)) * 2 / window.sum() / 16_000 + 1e-12))


def chunks(samples: Samples, cuts: list[int]) -> list[Samples]:
    return np.split(samples, sorted(cuts))


cut_lists = st.lists(st.integers(0, len(NOISE)), max_size=40)


@pytest.mark.parametrize("frequency", [50, 300, 1_000, 2_000, 3_000, 3_400, 3_600])
def test_upsampler_passes_the_telephone_band_and_rejects_its_image(frequency: int) -> None:
    up = Upsampler().process(sine(frequency, 8_000))
    assert abs(level_db(up, frequency, 16_000)) < 0.01
    assert level_db(up, 8_000 - frequency, 16_000) < -68


@pytest.mark.parametrize("frequency", [50, 300, 1_000, 2_000, 3_000, 3_400, 3_600])
def test_downsampler_passes_the_telephone_band(frequency: int) -> None:
    down = Downsampler().process(sine(frequency, 16_000))
    assert abs(level_db(down, frequency, 8_000)) < 0.01


@pytest.mark.parametrize("frequency", [4_400, 5_000, 6_000, 7_000, 7_900])
def test_downsampler_keeps_what_it_cannot_carry_from_folding_back(frequency: int) -> None:
    down = Downsampler().process(sine(frequency, 16_000))
    assert level_db(down, 8_000 - frequency, 8_000) < -68


def test_upsampler_delay_is_as_documented_and_below_5_ms() -> None:
    impulse = np.zeros(200, dtype=np.int16)
    impulse[100] = 10_000
    up = Upsampler().process(impulse)
    assert int(np.argmax(up)) == 200 + HALF_BAND_DELAY
    assert up[200 + HALF_BAND_DELAY] == 10_000
    assert HALF_BAND_DELAY / 16 < 5


def test_downsampler_delay_is_as_documented() -> None:
    impulse = np.zeros(400, dtype=np.int16)
    impulse[201] = 10_000
    down = Downsampler().process(impulse)
    assert int(np.argmax(down)) == (201 + HALF_BAND_DELAY) // 2


def test_live_resamplers_give_whole_frames_at_once() -> None:
    up, down = Upsampler(), Downsampler()
    for at in range(0, 1_600, 160):
        wide = up.process(NOISE[at : at + 160])
        assert wide.shape == (320,)
        assert wide.dtype == np.int16
        assert down.process(wide).shape == (160,)


def test_upsampled_samples_include_the_callers_own_unchanged() -> None:
    up = Upsampler().process(NOISE)
    assert np.array_equal(up[HALF_BAND_DELAY::2], NOISE[: len(NOISE) - HALF_BAND_DELAY // 2])


@pytest.mark.parametrize("value", [-32_768, -1, 0, 1, 32_767])
def test_constant_stays_that_constant(value: int) -> None:
    flat = np.full(1_000, value, dtype=np.int16)
    assert set(Upsampler().process(flat)[200:].tolist()) == {value}
    assert set(Downsampler().process(flat)[200:].tolist()) == {value}
    assert set(resample(flat, 24_000, 16_000)[200:-200].tolist()) == {value}


def test_overshoot_saturates_and_does_not_wrap() -> None:
    square = np.where(np.arange(800) % 16 < 8, 32_767, -32_768).astype(np.int16)
    up = Upsampler().process(square).astype(int)
    # Beside each of the caller's samples the interpolated ones keep the sign of the plateau they lie on.
    plateau = up[HALF_BAND_DELAY + 400 :: 2]
    between = up[HALF_BAND_DELAY + 401 :: 2]
    same = plateau[: len(between) - 1] == plateau[1 : len(between)]
    assert np.all(np.sign(between[:-1][same]) == np.sign(plateau[: len(between) - 1][same]))
    assert up.max() == 32_767
    assert up.min() == -32_768


@given(cut_lists)
def test_upsampler_does_not_care_how_the_stream_is_cut(cuts: list[int]) -> None:
    up = Upsampler()
    assert np.array_equal(np.concatenate([up.process(c) for c in chunks(NOISE, cuts)]), Upsampler().process(NOISE))


@given(cut_lists)
def test_downsampler_does_not_care_how_the_stream_is_cut(cuts: list[int]) -> None:
    down = Downsampler()
    assert np.array_equal(np.concatenate([down.process(c) for c in chunks(NOISE, cuts)]), Downsampler().process(NOISE))


@settings(max_examples=60)
@given(cut_lists, st.sampled_from([8_000, 11_025, 12_000, 22_050, 24_000, 32_000, 44_100, 48_000]))
def test_resampler_does_not_care_how_the_stream_is_cut(cuts: list[int], rate: int) -> None:
    resampler = Resampler(rate)
    pieces = [resampler.process(c) for c in chunks(NOISE, cuts)]
    whole = resample(NOISE, rate, 16_000)
    assert np.array_equal(np.concatenate([*pieces, resampler.flush()]), whole)
    assert len(whole) == -(-len(NOISE) * 16_000 // rate)


@given(st.integers(0, 50), st.sampled_from([8_000, 11_025, 44_100, 48_000, 96_000]))
def test_even_the_shortest_clip_keeps_its_length(count: int, rate: int) -> None:
    assert len(resample(NOISE[:count], rate, 16_000)) == -(-count * 16_000 // rate)


@pytest.mark.parametrize("rate", [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
def test_resampled_file_lies_exactly_over_the_original(rate: int) -> None:
    out = resample(sine(1_000, rate), rate, 16_000)
    wanted = sine(1_000, 16_000)
    assert len(out) == 16_000
    middle = slice(1_000, -1_000)
    assert np.abs(out[middle].astype(int) - wanted[middle]).max() <= 12  # 16,000 by 0.006 dB, and rounding


@pytest.mark.parametrize("rate", [22_050, 24_000, 44_100, 48_000])
def test_resampler_is_flat_to_7_khz_and_folds_nothing_back(rate: int) -> None:
    for frequency in (100, 1_000, 4_000, 6_000, 7_000):
        assert abs(level_db(resample(sine(frequency, rate), rate, 16_000), frequency, 16_000)) < 0.2
    for frequency in (9_000, 10_000, 11_000):
        assert level_db(resample(sine(frequency, rate), rate, 16_000), 16_000 - frequency, 16_000) < -68


def test_file_resampling_is_the_live_filter_without_its_delay() -> None:
    live = Upsampler().process(NOISE)
    assert np.array_equal(live[HALF_BAND_DELAY:], resample(NOISE, 8_000, 16_000)[: len(live) - HALF_BAND_DELAY])
    wide = np.concatenate([np.zeros(1, dtype=np.int16), NOISE])  # one more makes the delay a whole sample at 8 kHz
    late = (HALF_BAND_DELAY + 1) // 2
    narrow = Downsampler().process(wide)
    assert np.array_equal(narrow[late:], resample(NOISE, 16_000, 8_000)[: len(narrow) - late])


def test_round_trip_through_the_telephone_rate_keeps_speech_band_noise() -> None:
    speech_band: npt.NDArray[np.float64] = np.convolve(
        NOISE, np.sinc(np.arange(-200, 201) * 0.42) * 0.42 * np.hanning(401)
    )
    wide = np.rint(speech_band).astype(np.int16)
    back = resample(resample(wide, 16_000, 8_000), 8_000, 16_000)[: len(wide)]
    error = (back.astype(int) - wide)[400:-400]
    assert 10 * np.log10(np.mean(wide[400:-400].astype(float) ** 2) / np.mean(error**2.0)) > 45


@pytest.mark.parametrize("frame", [60, 320, 321])
def test_silence_cuts_no_sound_short(frame: int) -> None:
    """A silent line costs next to nothing, but not before the last of the sound has left the filter."""
    sound = np.concatenate([np.zeros(640), np.full(321, 9000), np.zeros(959), np.full(320, -50)]).astype(np.int16)
    down = Downsampler()
    cut = [down.process(sound[at : at + frame]) for at in range(0, len(sound), frame)]
    assert np.array_equal(np.concatenate(cut), Downsampler().process(sound))


def test_reset_begins_a_new_stream() -> None:
    for machine in (Upsampler(), Downsampler(), Resampler(44_100)):
        first = machine.process(NOISE)
        machine.reset()
        assert np.array_equal(machine.process(NOISE), first)


def test_flush_begins_a_new_stream() -> None:
    resampler = Resampler(22_050)
    first = np.concatenate([resampler.process(NOISE), resampler.flush()])
    again = np.concatenate([resampler.process(NOISE), resampler.flush()])
    assert np.array_equal(first, again)


@pytest.mark.parametrize("rate", [0, -8_000, 999, 400_000])
def test_rates_without_sense_are_refused(rate: int) -> None:
    with pytest.raises(ValueError, match=rf"^a sample rate of {rate} Hz is outside 1000\.\.384000 Hz$"):
        Resampler(rate)
