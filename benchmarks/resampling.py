"""8 to 16 kHz for one call: ours beside soxr and linear interpolation. Delay, passband, images, cost.

    python benchmarks/resampling.py [--json]
    uv run --with soxr python benchmarks/resampling.py      # with soxr beside it

Each converter gets the same stream in frames of 20 ms. Delay is where the peak of an impulse comes out, plus the most
that it ever holds back at the end of a frame; ripple is the gain from 50 Hz to 3.6 kHz (largest less smallest), image
the strongest mirror of those tones above 4 kHz. The time is the best of five runs over ten seconds of noise.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ivr.audio.frame import Samples
from ivr.audio.resample import Upsampler

RATE_IN, RATE_OUT = 8_000, 16_000
FRAME = 160
TONES = (50, 300, 1_000, 2_000, 2_500, 3_000, 3_200, 3_400, 3_500, 3_600)
AMPLITUDE = 16_000

Converter = Callable[[Samples], Samples]
"""One stream: a frame at 8 kHz in, what is ready at 16 kHz out."""


@dataclass(frozen=True)
class Row:
    converter: str
    delay_ms: float
    ripple_db: float
    image_db: float
    us_per_frame: float


class Linear:
    """The mean of two neighbours between them: what one writes in a hurry."""

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self, samples: Samples) -> Samples:
        out = np.empty(2 * len(samples))
        out[1::2] = samples
        out[0] = (self._last + samples[0]) / 2
        out[2::2] = (out[1:-1:2] + out[3::2]) / 2
        self._last = float(samples[-1])
        return out.astype(np.int16)


def soxr_converters() -> dict[str, Callable[[], Converter]]:
    try:
        soxr: Any = importlib.import_module("soxr")
    except ImportError:
        print("soxr is not installed: uv run --with soxr python benchmarks/resampling.py", file=sys.stderr)
        return {}

    def make(quality: str) -> Callable[[], Converter]:
        return lambda: soxr.ResampleStream(RATE_IN, RATE_OUT, 1, dtype="int16", quality=quality).resample_chunk

    return {f"soxr {quality}": make(quality) for quality in ("HQ", "MQ", "LQ", "QQ")}


def run(make: Callable[[], Converter], samples: Samples) -> Samples:
    convert = make()
    return np.concatenate([convert(samples[at : at + FRAME]) for at in range(0, len(samples), FRAME)])


def delay_ms(make: Callable[[], Converter]) -> float:
    """How late a sound leaves: the position that the output has reached when a frame goes in, less what came out, plus
    where in the output the impulse's peak lies."""
    at = 4_000
    impulse = np.zeros(16_000, dtype=np.int16)
    impulse[at] = AMPLITUDE
    convert, given, due = make(), 0, 0
    withheld = 0
    outputs: list[npt.NDArray[np.int16]] = []
    for start in range(0, len(impulse), FRAME):
        out = convert(impulse[start : start + FRAME])
        outputs.append(out)
        given, due = given + len(out), due + 2 * FRAME
        if due > RATE_OUT:  # the start is over
            withheld = max(withheld, due - given)
    shift = int(np.argmax(np.abs(np.concatenate(outputs)))) - 2 * at
    return (withheld + shift) / RATE_OUT * 1_000


def level(samples: Samples, frequency: float) -> float:
    middle = samples[8_000:-8_000].astype(np.float64)
    window = np.blackman(len(middle))
    turn = np.exp(-2j * np.pi * frequency / RATE_OUT * np.arange(len(middle)))
    return float(20 * np.log10(abs(middle @ (window * turn)) * 2 / window.sum() / AMPLITUDE + 1e-12))


def measure(name: str, make: Callable[[], Converter]) -> Row:
    gains, images = [], []
    for tone in TONES:
        times = np.arange(4 * RATE_IN) / RATE_IN
        out = run(make, np.rint(AMPLITUDE * np.sin(2 * np.pi * tone * times)).astype(np.int16))
        gains.append(level(out, tone))
        images.append(level(out, RATE_IN - tone))
    noise = (np.random.default_rng(1).standard_normal(10 * RATE_IN) * 5_000).astype(np.int16)
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        run(make, noise)
        best = min(best, time.perf_counter() - start)
    frames = len(noise) / FRAME
    return Row(name, delay_ms(make), max(gains) - min(gains), max(images), best / frames * 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of a table")
    args = parser.parse_args()
    converters: dict[str, Callable[[], Converter]] = {
        "ivr Upsampler": lambda: Upsampler().process,
        **soxr_converters(),
        "linear interpolation": Linear,
    }
    rows = [measure(name, make) for name, make in converters.items()]
    if args.json:
        for row in rows:
            print(json.dumps(asdict(row)))
        return
    print(f"{'8 -> 16 kHz':22}{'delay ms':>10}{'ripple dB':>11}{'image dB':>10}{'us/frame':>10}")
    for row in rows:
        print(
            f"{row.converter:22}{row.delay_ms:10.2f}{row.ripple_db:11.3f}{row.image_db:10.1f}{row.us_per_frame:10.1f}"
        )


if __name__ == "__main__":
    main()
