"""Strings of spoken digits: how many are heard right as a whole, by plain recognition and as a call hears them.

    python benchmarks/digits.py [--per-length 3] [--no-digits 0] [--methods ours] [--json FILE] [--verbose]

Recorded single digits are strung to 4-16 digits with gaps of 20-120 ms, every second string in groups of four with
pauses of 250-500 ms. Each string is asked for as a call asks: with its length (`exact`), or as 4-16 digits (`range`).

- plain: the same engines on an open question, the number read out of the text (its length known or not).
- grammar: the streaming engine with the question's grammar, alone.
- ours: as live calls and replays hear it: grammar, second opinion, digits by constrained decoding.

What was chosen (phrases of a grammar, when a result settles, thresholds) was chosen on other strings of the same
recordings of FSDD and both Mandarin speakers; `held out` marks recordings that chose nothing but, on strings of open
length, that the longer of two is taken. `no digits`: sentences and words without digits, answered to the same
questions; there the figure is how many were taken for a number.
`correction`: two digits, 不对, two digits, all by one speaker.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from ivr.asr.base import RecognitionRequest, Transcript
from ivr.asr.closed import digits_in
from ivr.asr.config import RecognitionConfig, default_config
from ivr.asr.local import LocalRecognition
from ivr.audio.frame import SAMPLE_RATE, Samples, to_samples
from ivr.audio.wav import read_audio
from ivr.call.grammar import closed_answer
from ivr.dialog.events import Expectation, SlotExpectation

FIXTURES = Path(__file__).resolve().parent.parent / "audio_fixtures"
LENGTHS = (4, 5, 6, 8, 10, 12, 16)
RANGE = (4, 16)
METHODS = ("plain", "grammar", "ours")
_ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NAMES = {
    "en": {name: str(digit) for digit, name in enumerate(_ONES)},
    "zh": dict(zip("零一二三四五六七八九幺两", "012345678912", strict=True)),
}
Bank = Mapping[str, Sequence[Samples]]
"""Digit -> its recordings."""


@dataclass(frozen=True)
class Spoken:
    """An utterance and the digits that are in it ("" = none)."""

    set: str
    language: str
    digits: str
    samples: Samples


@dataclass(frozen=True)
class Figure:
    """`right` of `strings`; for speech without digits: how many were taken for a number. `cpu_ms` a string."""

    set: str
    length: str
    method: str
    strings: int
    right: int
    cpu_ms: float


def rows(name: str) -> list[dict[str, str]]:
    with (FIXTURES / name / "transcripts.tsv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def trimmed(samples: Samples) -> Samples:
    """Without the silence around, at an even level."""
    size = SAMPLE_RATE // 100
    blocks = samples[: len(samples) // size * size].reshape(-1, size).astype(np.float64)
    levels = np.sqrt((blocks * blocks).mean(axis=1))
    loud = np.flatnonzero(levels > 0.04 * levels.max())
    cut = samples[max(0, loud[0] - 4) * size : (loud[-1] + 7) * size].astype(np.float64)
    even: Samples = (cut * 8000 / max(1.0, np.abs(cut).max())).astype(np.int16)
    return even


def banks() -> Iterator[tuple[str, str, dict[str, list[Samples]]]]:
    """(name, language, recordings by digit) of each speaker or set."""
    found: dict[tuple[str, str], dict[str, list[Samples]]] = {}
    for name, language in (
        ("en_digits_fsdd", "en"), ("en_digits_sc09", "en"), ("zh_words_yuetan", "zh"), ("zh_digits_fifield", "zh"),
    ):  # fmt: skip
        for row in rows(name):
            digit = NAMES[language].get(row["transcript"])
            if digit is not None:
                speaker = row["file"].split("_")[1] if name == "en_digits_fsdd" else name.split("_")[-1]
                clip = trimmed(read_audio(FIXTURES / name / row["file"]))
                found.setdefault((speaker, language), {}).setdefault(digit, []).append(clip)
    for (speaker, language), bank in found.items():
        held_out = " (held out)" if speaker == "sc09" else ""
        yield f"{language} {speaker}{held_out}", language, bank


def string(parts: Sequence[Samples], rng: np.random.Generator, group: int) -> Samples:
    """The parts one after another, 300 ms of line noise before and 400 ms behind."""
    pieces = [np.zeros(to_samples(300), dtype=np.int16)]
    for index, part in enumerate(parts):
        pause = rng.integers(250, 500) if group and index and index % group == 0 else rng.integers(20, 120)
        pieces += [np.zeros(to_samples(int(pause)) if index else 0, dtype=np.int16), part]
    pieces.append(np.zeros(to_samples(400), dtype=np.int16))
    joined = np.concatenate(pieces)
    noisy: Samples = np.clip(joined + rng.normal(0, 12, len(joined)), -32768, 32767).astype(np.int16)
    return noisy


def strings(per_length: int, most_without: int = 0) -> list[Spoken]:
    """`most_without`: how many clips without digits of each language (0 = all)."""
    rng = np.random.default_rng(2026)
    spoken = []
    for name, language, bank in banks():
        for length in LENGTHS:
            for take in range(per_length):
                digits = "".join(str(digit) for digit in rng.integers(0, 10, length))
                parts = [bank[digit][rng.integers(len(bank[digit]))] for digit in digits]
                spoken.append(Spoken(name, language, digits, string(parts, rng, 4 * (take % 2))))
        if name == "zh yuetan":
            no = trimmed(read_audio(FIXTURES / "zh_words_yuetan" / "不对.wav"))
            for _ in range(4 * per_length):
                old, new = ("".join(str(digit) for digit in rng.integers(0, 10, 2)) for _ in range(2))
                parts = [*(bank[digit][0] for digit in old), no, *(bank[digit][0] for digit in new)]
                spoken.append(Spoken("zh correction", language, new, string(parts, rng, 2)))
    others = without_digits()
    for language in ("en", "zh"):
        inside = [one for one in others if one.language == language]
        spoken += inside[:: max(1, len(inside) // most_without)][:most_without] if most_without else inside
    return spoken


def without_digits() -> list[Spoken]:
    spoken = []
    words = re.compile(r"\d|[零一二三四五六七八九十百千万两幺〇]|\b(?:" + "|".join(NAMES["en"]) + r"|for|to|ten)\b")
    for name in ("en_prompts_allison", "en_sentences", "zh_aishell3", "zh_sentences", "zh_words_yuetan"):
        for row in rows(name):
            text = row["transcript"].lower()
            if not words.search(text) and not re.search("teen|tieth|tenth", text):
                samples = read_audio(FIXTURES / name / row["file"])
                spoken.append(Spoken(f"{row['language']} no digits", row["language"], "", samples))
    return spoken


class Ears:
    """One configuration of the recognisers."""

    def __init__(self, config: RecognitionConfig) -> None:
        self._heard: list[Transcript] = []
        self._recognition = LocalRecognition(config, lambda _, found: self._heard.append(found), self._failed)

    def _failed(self, _: int, reason: str) -> None:
        raise RuntimeError(reason)

    def hear(self, samples: Samples, request: RecognitionRequest) -> Transcript:
        self._heard.clear()
        handle = self._recognition.open(request)
        for start in range(0, len(samples), 1600):
            handle.feed(samples[start : start + 1600])
        handle.finish()
        return self._heard[-1]


def request_of(language: str, length: tuple[int, int]) -> RecognitionRequest:
    slot = SlotExpectation("number", "digits", length)
    answer = closed_answer(Expectation("f/s", "ask", language, "f", asked="number", slots=(slot,)))
    return RecognitionRequest(language, answer.phrases, expects=answer.kind, length=answer.length)


def grammar_alone(config: RecognitionConfig) -> RecognitionConfig:
    languages = {key: replace(passes, final="") for key, passes in config.languages.items() if passes.stream}
    return replace(config, languages=languages)


def measure(spoken: Sequence[Spoken], wanted: Sequence[str], *, verbose: bool) -> list[Figure]:
    config = default_config()
    first = grammar_alone(config)
    methods = {name: Ears(first if name == "grammar" else config) for name in wanted}
    counted: dict[tuple[str, str, str], list[tuple[bool, float]]] = {}
    for label, one in itertools.product(("exact", "range"), spoken):
        count = len(one.digits) or 4
        length = (count, count) if label == "exact" else (min(RANGE[0], count), RANGE[1])
        for method, ears in methods.items():
            if method == "grammar" and one.language not in first.languages:
                continue
            request = RecognitionRequest(one.language) if method == "plain" else request_of(one.language, length)
            heard = ears.hear(one.samples, request)
            got = digits_in(heard.text, one.language, length)
            right = got == one.digits if one.digits else bool(got)
            counted.setdefault((one.set, label, method), []).append((right, heard.cpu_ms))
            if verbose and right != bool(one.digits):
                print(f"  {one.set} {label} {method}: {one.digits} | {[h.text for h in heard.hypotheses[:3]]}")
    return [
        Figure(*key, len(found), sum(right for right, _ in found), round(sum(ms for _, ms in found) / len(found), 1))
        for key, found in counted.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-length", type=int, default=3)
    parser.add_argument("--no-digits", type=int, default=0, help="most clips without digits of a language (0 = all)")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--verbose", action="store_true", help="show what went wrong")
    args = parser.parse_args()
    figures = measure(strings(args.per_length, args.no_digits), args.methods, verbose=args.verbose)
    print(f"{'set':22} {'length':7} {'method':8} {'strings':>7} {'right':>6} {'share':>6} {'CPU ms':>7}")
    for one in sorted(figures, key=lambda figure: (figure.set, figure.length, figure.method)):
        share = one.right / one.strings
        print(
            f"{one.set:22} {one.length:7} {one.method:8} {one.strings:7} {one.right:6} {share:6.0%} {one.cpu_ms:7.0f}"
        )
    if args.json:
        args.json.write_text(json.dumps([asdict(one) for one in figures], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
