from __future__ import annotations

import warnings

import numpy as np
import pytest

from ivr.audio.g711 import ALAW_SILENCE, ULAW_SILENCE, decode_alaw, decode_ulaw, encode_alaw, encode_ulaw

ALL_PCM = np.arange(-32_768, 32_768).astype(np.int16)
ALL_CODES = bytes(range(256))

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    audioop = pytest.importorskip("audioop") if __import__("sys").version_info < (3, 13) else None

needs_audioop = pytest.mark.skipif(audioop is None, reason="the reference, audioop, left Python with 3.13")


@needs_audioop
def test_every_sample_is_coded_as_the_reference_does() -> None:
    assert encode_ulaw(ALL_PCM) == audioop.lin2ulaw(ALL_PCM.tobytes(), 2)
    assert encode_alaw(ALL_PCM) == audioop.lin2alaw(ALL_PCM.tobytes(), 2)


@needs_audioop
def test_every_code_is_decoded_as_the_reference_does() -> None:
    assert decode_ulaw(ALL_CODES).tobytes() == audioop.ulaw2lin(ALL_CODES, 2)
    assert decode_alaw(ALL_CODES).tobytes() == audioop.alaw2lin(ALL_CODES, 2)


@pytest.mark.parametrize(
    ("code", "value"),
    # G.711 tables 2a and 2b: the extremes, the two zeros, and the first step of a chord (14 bits times 4)
    [(0x00, -32_124), (0x80, 32_124), (0xFF, 0), (0x7F, 0), (0xEF, 132), (0x6F, -132), (0xFE, 8)],
)
def test_ulaw_known_values(code: int, value: int) -> None:
    assert decode_ulaw(bytes([code])).tolist() == [value]


@pytest.mark.parametrize(
    ("code", "value"),
    # G.711 tables 1a and 1b (13 bits times 8): extremes, the values nearest to zero, a chord's first step
    [(0xAA, 32_256), (0x2A, -32_256), (0xD5, 8), (0x55, -8), (0xC5, 264), (0xF5, 528)],
)
def test_alaw_known_values(code: int, value: int) -> None:
    assert decode_alaw(bytes([code])).tolist() == [value]


def test_extremes_do_not_wrap() -> None:
    extremes = np.array([32_767, -32_768], dtype=np.int16)
    assert encode_ulaw(extremes) == bytes([0x80, 0x00])
    assert encode_alaw(extremes) == bytes([0xAA, 0x2A])


def test_silence_codes() -> None:
    silence = np.zeros(160, dtype=np.int16)
    assert encode_ulaw(silence) == bytes([ULAW_SILENCE]) * 160
    assert encode_alaw(silence) == bytes([ALAW_SILENCE]) * 160


def test_codes_survive_a_round_trip() -> None:
    # A second coding of decoded sound must not add loss. 0x7F is mu-law's negative zero and comes back as zero.
    assert encode_ulaw(decode_ulaw(ALL_CODES)) == ALL_CODES.replace(b"\x7f", b"\xff")
    assert encode_alaw(decode_alaw(ALL_CODES)) == ALL_CODES


def test_signal_to_noise_ratio_is_that_of_the_codec() -> None:
    times = np.arange(8_000) / 8_000
    for amplitude in (300.0, 3_000.0, 30_000.0):
        tone = np.rint(amplitude * np.sin(2 * np.pi * 1_020 * times)).astype(np.int16)
        for coded in (decode_ulaw(encode_ulaw(tone)), decode_alaw(encode_alaw(tone))):
            noise = coded.astype(float) - tone
            assert 10 * np.log10(np.mean(tone.astype(float) ** 2) / np.mean(noise**2)) > 26


def test_results_belong_to_the_caller() -> None:
    first = decode_ulaw(b"\x00")
    first[0] = 1
    assert decode_ulaw(b"\x00").tolist() == [-32_124]


def test_empty() -> None:
    assert encode_ulaw(np.empty(0, dtype=np.int16)) == b""
    assert decode_alaw(b"").shape == (0,)


def test_a_view_with_a_stride_is_coded_like_its_copy() -> None:
    stereo = np.stack([ALL_PCM, ALL_PCM[::-1]], axis=1)
    assert encode_alaw(stereo[:, 1]) == encode_alaw(ALL_PCM[::-1].copy())
