"""What Whisper's encoder is given: windows of an utterance, and how loud it is."""

from __future__ import annotations

import math

import numpy as np

from ivr.audio.frame import SAMPLE_RATE, Samples, to_samples

FULL_WINDOW_S = 30.0
"""What the encoder was trained on; a longer utterance is cut at its quietest places."""
MIN_WINDOW_S = 10.0
WINDOW_TAIL_S = 1.5
MAX_PIECE_S = 28.0
MIN_SPEECH_S = 0.1


def window_s(length: int) -> float:
    """The encoder's window for so many samples (s), to whole 20 ms."""
    wanted = max(MIN_WINDOW_S, length / SAMPLE_RATE + WINDOW_TAIL_S)
    return min(FULL_WINDOW_S, math.ceil(wanted * 50) / 50)


def loudest_dbfs(samples: Samples) -> float:
    """RMS of the loudest 100 ms, in dB below full scale."""
    size = min(len(samples), SAMPLE_RATE // 10)
    blocks = samples[: len(samples) // size * size].reshape(-1, size).astype(np.float64)
    power = float(np.max(np.mean(blocks * blocks, axis=1)))
    return 10 * math.log10(max(power, 1e-9) / 32768.0**2)


def pieces(samples: Samples) -> list[tuple[int, int]]:
    """Spans of at most `MAX_PIECE_S`, cut in the quietest 200 ms of the last third."""
    most, block = to_samples(MAX_PIECE_S * 1000), SAMPLE_RATE // 5
    spans, start = [], 0
    while len(samples) - start > most:
        first = start + most * 2 // 3
        area = samples[first : first + (most // 3) // block * block].reshape(-1, block).astype(np.float64)
        quietest = int(np.argmin(np.mean(area * area, axis=1)))
        end = first + quietest * block + block // 2
        spans.append((start, end))
        start = end
    return [*spans, (start, len(samples))]
