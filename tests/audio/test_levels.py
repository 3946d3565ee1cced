from __future__ import annotations

import numpy as np
import pytest

from ivr.audio.levels import SILENCE_DBFS, clipped_share, peak, peak_dbfs, rms_dbfs, to_ratio

TIMES = np.arange(16_000) / 16_000


def test_full_scale_square_is_the_reference() -> None:
    square = np.where(np.arange(320) % 2, 32_767, -32_768).astype(np.int16)
    assert rms_dbfs(square) == pytest.approx(0, abs=0.001)
    assert peak_dbfs(square) == 0


@pytest.mark.parametrize("amplitude", [32_767, 3_276.7, 327.67])
def test_sine_is_3_db_below_its_peak(amplitude: float) -> None:
    sine = np.rint(amplitude * np.sin(2 * np.pi * 1_000 * TIMES)).astype(np.int16)
    assert peak_dbfs(sine) == pytest.approx(20 * np.log10(amplitude / 32_768), abs=0.05)
    assert rms_dbfs(sine) == pytest.approx(peak_dbfs(sine) - 3.01, abs=0.05)


def test_silence_and_nothing_have_a_floor() -> None:
    for samples in (np.zeros(320, dtype=np.int16), np.empty(0, dtype=np.int16)):
        assert rms_dbfs(samples) == SILENCE_DBFS
        assert peak_dbfs(samples) == SILENCE_DBFS
        assert peak(samples) == 0
        assert clipped_share(samples) == 0


def test_most_negative_sample_is_a_peak_of_its_own() -> None:
    assert peak(np.array([-32_768, 5], dtype=np.int16)) == 32_768


def test_sums_of_loud_samples_do_not_overflow() -> None:
    assert rms_dbfs(np.full(160_000, -32_768, dtype=np.int16)) == 0


@pytest.mark.parametrize(("ceiling", "share"), [(32_767, 0.25), (32_124, 0.25), (32_000, 0.0)])
def test_clipping_is_seen_at_the_end_of_the_scale_of_pcm_and_g711(ceiling: int, share: float) -> None:
    samples = np.zeros(320, dtype=np.int16)
    samples[:40], samples[40:80] = ceiling, -ceiling
    assert clipped_share(samples) == share


def test_ratio() -> None:
    assert to_ratio(20) == pytest.approx(10)
    assert to_ratio(-6.0206) == pytest.approx(0.5, abs=1e-5)
