from __future__ import annotations

import numpy as np
import pytest

from ivr.audio.frame import FRAME_SAMPLES, Samples
from ivr.audio.g722 import G722Decoder, G722Encoder

TIMES = np.arange(16_000) / 16_000
TONES: Samples = np.rint(6_000 * np.sin(2 * np.pi * 440 * TIMES) + 2_000 * np.sin(2 * np.pi * 5_000 * TIMES)).astype(
    np.int16
)


def framed(samples: Samples) -> list[Samples]:
    return [samples[at : at + FRAME_SAMPLES] for at in range(0, len(samples), FRAME_SAMPLES)]


def test_a_frame_is_160_bytes() -> None:
    payload = G722Encoder().encode(TONES[:FRAME_SAMPLES])
    assert len(payload) == 160
    decoded = G722Decoder().decode(payload)
    assert decoded.dtype == np.int16
    assert len(decoded) == FRAME_SAMPLES


def test_frames_in_a_row_are_one_stream() -> None:
    encoder, decoder = G722Encoder(), G722Decoder()
    payloads = [encoder.encode(frame) for frame in framed(TONES)]
    assert b"".join(payloads) == G722Encoder().encode(TONES)
    decoded = np.concatenate([decoder.decode(payload) for payload in payloads])
    assert np.array_equal(decoded, G722Decoder().decode(b"".join(payloads)))


def test_both_bands_come_through() -> None:
    decoded = G722Decoder().decode(G722Encoder().encode(TONES)).astype(float)
    delay = max(range(64), key=lambda lag: float(decoded[lag : lag + 15_000] @ TONES[:15_000]))
    assert delay < 32  # two quadrature mirror filters of 24 taps
    noise = decoded[delay + 800 : delay + 15_000] - TONES[800:15_000]
    assert 10 * np.log10(np.mean(TONES.astype(float) ** 2) / np.mean(noise**2)) > 20


def test_odd_number_of_samples_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^G\.722 codes samples in pairs, got 3$"):
        G722Encoder().encode(TONES[:3])


def test_nothing_gives_nothing() -> None:
    assert G722Encoder().encode(TONES[:0]) == b""
    assert len(G722Decoder().decode(b"")) == 0
