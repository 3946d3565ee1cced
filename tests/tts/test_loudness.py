"""Levels and edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.audio.frame import Samples, to_samples
from ivr.tts.loudness import LEAD_MS, TAIL_MS, TARGET_DBFS, active_level, normalise, trim


def tone(ms: int, amplitude: float) -> Samples:
    times = np.arange(to_samples(ms))
    return np.rint(np.sin(2 * np.pi * 300 / 16_000 * times) * amplitude * 32_767).astype(np.int16)


def quiet(ms: int) -> Samples:
    return np.zeros(to_samples(ms), dtype=np.int16)


def test_silence_in_the_middle_does_not_count() -> None:
    level = active_level(np.concatenate([tone(500, 0.1), quiet(3000), tone(500, 0.1)]))
    assert level == pytest.approx(-23.01, abs=0.1)
    assert active_level(quiet(100)) is None
    assert active_level(quiet(0)) is None


@given(st.floats(0.005, 0.9))
def test_any_level_comes_to_the_target(amplitude: float) -> None:
    assert active_level(normalise(tone(400, amplitude))) == pytest.approx(TARGET_DBFS, abs=0.5)


def test_peaks_are_bent_and_never_reach_full_scale() -> None:
    speech = tone(1000, 0.01)
    speech[8000:8040] = 20_000
    loud = normalise(speech)
    assert int(np.abs(loud).max()) < 32_767
    assert len(loud) == len(speech)


def test_silence_is_left_alone() -> None:
    assert not normalise(quiet(50)).any()
    samples, cut = trim(quiet(50))
    assert (len(samples), cut) == (to_samples(50), 0)


def test_trim_keeps_a_short_lead_and_tail() -> None:
    samples, cut = trim(np.concatenate([quiet(500), tone(300, 0.2), quiet(700)]))
    assert cut == to_samples(500 - LEAD_MS)
    assert len(samples) == to_samples(LEAD_MS + 300 + TAIL_MS)
    assert LEAD_MS <= 60


def test_trim_of_sound_without_edges_takes_nothing() -> None:
    samples, cut = trim(tone(200, 0.2))
    assert (len(samples), cut) == (to_samples(200), 0)
