"""Is a confidence a probability? Reliability on clips that fitted nothing, before and after calibration.

    python benchmarks/confidence.py [--json FILE] [--limit N]
    python benchmarks/confidence.py --fit [FOLDER...]     refits ivr/asr/confidence.json first; curves without data stay

- words: each word of an open question's best reading, as live calls hear it (both passes); right = it was said there.
- answers: the best reading of closed questions (one of five options, words that are none, strings of digits) where it
  names a value; right = the value.

`ECE` is the expected calibration error: the mean distance, over ten bins of equal counts, of the mean confidence from
the share that was right. `raw` is what the engines say.

English words are measured on `audio_fixtures/en_prompts_allison` and `en_sentences`, and fitted on the folders given,
each with a `transcripts.tsv` (file, language, transcript) and none of the fixtures' clips. The curves in the package
were fitted on 60 prompts, drawn by lot, of Debian's asterisk-core-sounds-en-wav 1.6.1-1 that are no fixtures (texts:
its core-sounds-en.txt). Of the rest there are too few clips to keep half of them aside: each is judged by a curve that
was fitted on all others of its kind (leave one out), and the package has the curve of all, where it makes the
calibration error smaller. Curves of few clips are logistic, others isotonic.
"""

from __future__ import annotations

import argparse
import difflib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from closed_slots import chosen, questions, recorded
from closed_slots import request_of as option_request
from digits import request_of as digit_request
from digits import strings
from recognition import FIXTURES, Clip, load_folder, load_set, normal_en, normal_zh

import ivr.asr
from ivr.asr.base import Hypothesis, RecognitionRequest, Transcript
from ivr.asr.calibration import FILE, Curve, answer_kind, calibrated, other_reading, word_kinds
from ivr.asr.closed import digits_in, settled
from ivr.asr.config import default_config
from ivr.asr.registry import create
from ivr.asr.two_pass import joined
from ivr.audio.frame import Samples
from ivr.audio.wav import read_audio

T = TypeVar("T")
KNOTS = 8
FEW = 100
"""Fewer judgements than this make a logistic curve: steps of their own they cannot bear."""
LEAST = 24
"""Fewer make no curve: the engine's score stays."""
PRIOR = 2.0
"""Each knot is drawn to the curve's mean as by so many clips, the ends of a logistic curve to 0 and 1."""


@dataclass(frozen=True)
class Point:
    """One judgement: its curve, what the engines gave, what calibration makes of it, whether it was right."""

    key: str
    raw: float
    calibrated: float
    right: bool


@dataclass(frozen=True)
class Bin:
    set: str
    low: float
    high: float
    count: int
    right: float


@dataclass(frozen=True)
class Figure:
    set: str
    points: int
    right: float
    mean_raw: float
    ece_raw: float
    mean: float
    ece: float


class Ears:
    """Both passes, and what each gave."""

    def __init__(self) -> None:
        config = default_config()
        self._engines = {key: create(spec) for key, spec in config.engines.items()}
        self._config = config

    def hear(
        self, samples: Samples, request: RecognitionRequest
    ) -> tuple[Transcript | None, Transcript | None, Transcript]:
        passes = self._config.passes(request)
        first = self._run(passes["stream"], samples, request) if "stream" in passes else None
        if first is not None and self._config.final_waits(request) and settled(first, request):
            return first, None, joined(first, None, request)
        second = self._run(passes["final"], samples, request)
        return first, second, joined(first, second, request)

    def _run(self, engine: str, samples: Samples, request: RecognitionRequest) -> Transcript:
        utterance = self._engines[engine].start(request)
        utterance.accept(samples)
        return utterance.finish()


def words_of(ears: Ears, clip: Clip) -> Iterator[Point]:
    """Each word of the best reading."""
    request = RecognitionRequest(clip.language)
    first, second, heard = ears.hear(read_audio(clip.path), request)
    if not heard.hypotheses:
        return
    best, normal = heard.hypotheses[0], normal_en if clip.language == "en" else normal_zh
    after = calibrated(heard, first, second, request).hypotheses[0]
    kinds = word_kinds(best.words, other_reading(best, first, second), clip.language)
    right = right_words(best, normal(clip.transcript), normal)
    for word, later, kind, good in zip(best.words, after.words, kinds, right, strict=True):
        yield Point(f"open.{clip.language}.{kind}", word.confidence, later.confidence, good)


def right_words(best: Hypothesis, wanted: Sequence[str], normal: Callable[[str], list[str]]) -> list[bool]:
    parts = [(index, part) for index, word in enumerate(best.words) for part in normal(word.text)]
    matcher = difflib.SequenceMatcher(None, [part for _, part in parts], list(wanted), autojunk=False)
    common = {block.a + n for block in matcher.get_matching_blocks() for n in range(block.size)}
    wrong = {index for place, (index, _) in enumerate(parts) if place not in common}
    return [index not in wrong for index in range(len(best.words))]


def answers_of(
    ears: Ears, samples: Samples, request: RecognitionRequest, value: Callable[[Transcript], str], wanted: str
) -> Iterator[Point]:
    first, second, heard = ears.hear(samples, request)
    if not heard.hypotheses or not (got := value(heard)):
        return
    best = heard.hypotheses[0]
    after = calibrated(heard, first, second, request).hypotheses[0]
    key = f"closed.{request.language}.{answer_kind(best, first, second, request)}"
    yield Point(key, best.confidence, after.confidence, got == wanted)


def closed_points(ears: Ears, limit: int) -> Iterator[Point]:
    asked = [one for one in questions(recorded(), 5) if one[2]]
    for _, word, options, wanted in each_language(asked, lambda one: one[1].language, limit):
        language = word.language
        request = option_request(word, options)
        yield from answers_of(
            ears, word.samples, request, lambda heard, o=options, la=language: chosen(heard, la, o), wanted
        )  # type: ignore[misc]
    spoken = [one for one in strings(1) if one.digits]
    for one in each_language(spoken, lambda one: one.language, limit):
        count = len(one.digits)
        request = digit_request(one.language, (count, count))
        yield from answers_of(
            ears, one.samples, request, lambda heard, r=request: digits_in(heard.text, r.language, r.length), one.digits
        )  # type: ignore[misc]


def each_language(items: Sequence[T], language: Callable[[T], str], limit: int) -> list[T]:
    """At most `limit` of each language (0 = all)."""
    if not limit:
        return list(items)
    return [one for name in ("en", "zh") for one in [item for item in items if language(item) == name][:limit]]


def open_points(ears: Ears, clips: Sequence[Clip]) -> Iterator[Point]:
    for clip in clips:
        yield from words_of(ears, clip)


def english(limit: int) -> list[Clip]:
    """What the figures of English words are measured on."""
    return [*load_set("en_prompts_allison", limit), *load_set("en_sentences", limit)]


def few(ears: Ears, limit: int) -> list[Point]:
    """Judgements of all kinds of which there are few: Mandarin words, and answers."""
    mandarin = [*load_set("zh_aishell3", limit), *load_set("zh_sentences", limit)]
    return [*open_points(ears, mandarin), *closed_points(ears, limit)]


def fitting(folders: Sequence[Path]) -> list[Clip]:
    """The folders' clips. Raises ValueError for a fixture among them."""
    clips = [clip for folder in folders for clip in load_folder(folder)]
    known = {path.read_bytes() for path in FIXTURES.rglob("*.wav")}
    if taken := [clip.path for clip in clips if clip.path.read_bytes() in known]:
        raise ValueError(f"{taken[0]} is a fixture: what is fitted on is not measured on")
    return clips


def by_key(points: Sequence[Point]) -> dict[str, list[Point]]:
    found: dict[str, list[Point]] = defaultdict(list)
    for point in points:
        found[point.key].append(point)
    return found


def left_out(points: Sequence[Point]) -> list[Point]:
    """Each judged by the curve of all others of its kind; by the engine's score where there is to be no curve."""
    return [point for inside in by_key(points).values() for point in (_judged(inside) or inside)]


def _judged(inside: Sequence[Point]) -> list[Point]:
    """Each by the curve of the others; empty where these are too few, or the scores held better as they were."""
    if len(inside) <= LEAST:
        return []
    judged = []
    for index, point in enumerate(inside):
        fitted = curve([*inside[:index], *inside[index + 1 :]])
        after = Curve(tuple(fitted["scores"]), tuple(fitted["shares"]))(point.raw)
        judged.append(replace(point, calibrated=after))
    before = ece([(point.raw, point.right) for point in judged])
    return judged if ece([(point.calibrated, point.right) for point in judged]) < before else []


def curve(points: Sequence[Point]) -> dict[str, list[float]]:
    """Isotonic regression by pooling of adjacent violators, over bins of equal counts, drawn a little to the mean."""
    if len(points) < FEW:
        return logistic(points)
    ordered = sorted(points, key=lambda point: point.raw)
    count = max(2, min(KNOTS, len(ordered) // 12))
    mean = sum(point.right for point in ordered) / len(ordered)
    blocks: list[list[float]] = []
    for part in np.array_split(np.arange(len(ordered)), count):
        inside = [ordered[index] for index in part]
        right = sum(point.right for point in inside) + PRIOR * mean
        blocks.append([right, len(inside) + PRIOR, sum(point.raw for point in inside) / len(inside), 1.0])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] >= blocks[-1][0] / blocks[-1][1]:
            last = blocks.pop()
            total = blocks[-1][3] + last[3]
            raw = (blocks[-1][2] * blocks[-1][3] + last[2] * last[3]) / total
            blocks[-1] = [blocks[-1][0] + last[0], blocks[-1][1] + last[1], raw, total]
    return {
        "scores": [round(block[2], 4) for block in blocks],
        "shares": [round(min(0.99, block[0] / block[1]), 4) for block in blocks],
    }


def logistic(points: Sequence[Point]) -> dict[str, list[float]]:
    """Platt's curve on the raw score, with his targets (a share of doubt in every judgement). Two
    judgements that nobody made hold its ends: a score of 0 is wrong, one of 1 is right."""
    from sklearn.linear_model import LogisticRegression

    right = sum(point.right for point in points)
    yes, no = (right + 1) / (right + 2), 1 / (len(points) - right + 2)
    scores = np.array([*(point.raw for point in points), 0.0, 1.0])
    shares = np.array([*(yes if point.right else no for point in points), 0.0, 1.0])
    counts = np.array([*(1.0 for _ in points), PRIOR, PRIOR])
    model = LogisticRegression(C=10.0).fit(
        np.r_[scores, scores].reshape(-1, 1), np.r_[np.ones(len(scores)), np.zeros(len(scores))],
        sample_weight=np.r_[shares * counts, (1 - shares) * counts],
    )  # fmt: skip
    knots = np.round(np.linspace(0, 1, 6), 4)
    fitted = model.predict_proba(knots.reshape(-1, 1))[:, 1]
    return {"scores": [float(knot) for knot in knots], "shares": [round(float(share), 4) for share in fitted]}


def fit(points: Sequence[Point]) -> None:
    """Write the curves of these judgements that do any good into the package; others stay."""
    table = {key: (curve(found), len(found)) for key, found in sorted(by_key(points).items()) if _judged(found)}
    target = Path(next(iter(ivr.asr.__path__))) / FILE
    kept = json.loads(target.read_text(encoding="utf-8"))
    content = {
        "fitted_on": kept["fitted_on"] | {key: count for key, (_, count) in table.items()},
        "curves": kept["curves"] | {key: fitted for key, (fitted, _) in table.items()},
    }
    target.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def ece(pairs: Sequence[tuple[float, bool]]) -> float:
    ordered = sorted(pairs)
    parts = [part for part in np.array_split(np.arange(len(ordered)), min(10, len(ordered))) if len(part)]
    total = 0.0
    for part in parts:
        inside = [ordered[index] for index in part]
        gap = abs(sum(raw for raw, _ in inside) - sum(right for _, right in inside))
        total += gap
    return round(total / len(ordered), 4)


def figures(points: Sequence[Point]) -> tuple[list[Figure], list[Bin]]:
    by_set: dict[str, list[Point]] = defaultdict(list)
    for point in points:
        kind, language, _ = point.key.split(".")
        by_set[f"{language} {'words' if kind == 'open' else 'answers'}"].append(point)
    found, bins = [], []
    for name, inside in by_set.items():
        raw = [(point.raw, point.right) for point in inside]
        after = [(point.calibrated, point.right) for point in inside]
        right = sum(point.right for point in inside) / len(inside)
        means = [sum(value for value, _ in pairs) / len(inside) for pairs in (raw, after)]
        found.append(
            Figure(name, len(inside), *(round(x, 4) for x in (right, means[0], ece(raw), means[1], ece(after))))
        )
        for low in (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95):
            high = {0.0: 0.3, 0.3: 0.5, 0.5: 0.7, 0.7: 0.8, 0.8: 0.9, 0.9: 0.95, 0.95: 1.01}[low]
            at = [good for value, good in after if low <= value < high]
            if at:
                bins.append(Bin(name, low, min(1.0, high), len(at), round(sum(at) / len(at), 4)))
    return found, bins


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", type=Path, nargs="*", metavar="FOLDER")
    parser.add_argument("--limit", type=int, default=0, help="only so many clips a set, to try it")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    ears = Ears()
    rare = few(ears, args.limit)
    if args.fit is not None:
        fit([*open_points(ears, fitting(args.fit)), *rare])
    found, bins = figures([*open_points(ears, english(args.limit)), *left_out(rare)])
    print(f"{'set':12} {'points':>6} {'right':>6} {'raw':>6} {'ECE':>6} {'calibrated':>10} {'ECE':>6}")
    for one in found:
        print(
            f"{one.set:12} {one.points:6} {one.right:6.1%} {one.mean_raw:6.1%} {one.ece_raw:6.1%} "
            f"{one.mean:10.1%} {one.ece:6.1%}"
        )
    print(f"\n{'set':12} {'confidence':12} {'points':>6} {'right':>6}")
    for row in bins:
        print(f"{row.set:12} {row.low:4.2f} - {row.high:4.2f}  {row.count:6} {row.right:6.1%}")
    if args.json:
        content = {"figures": [asdict(one) for one in found], "reliability": [asdict(row) for row in bins]}
        args.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
