"""Open questions: what could make Whisper better on them, and how far its confidence can be believed.

    python benchmarks/open_questions.py [--json FILE]

Telephone prompts (8 kHz) by hash of their name in two halves, `tuned` and `held out`; librivox sentences beside them.

- beam N: search width. `hinted`: of 5 readings the one with the most words of a vocabulary (all longer words of the
  set's transcripts, as a hotline's lexicon would be) is taken when it is not much less likely.
- reliability: of the words heard with a confidence between the bounds, the share that is right (longest common
  subsequence), for each engine as it tells it.
"""

from __future__ import annotations

import argparse
import difflib
import itertools
import json
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from recognition import Clip, edits, load_set, normal_en

from ivr.asr.base import Hypothesis, Recogniser, RecognitionRequest, Word
from ivr.asr.vosk_engine import VoskRecogniser
from ivr.asr.whisper_engine import WhisperRecogniser
from ivr.audio.frame import SAMPLE_RATE
from ivr.audio.wav import read_audio

BOUNDS = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.97, 1.01)
HINT_WORTH = 0.1
"""How much less confidence a reading may have for each word of the vocabulary more."""
Pick = Callable[[Sequence[Hypothesis]], str]


@dataclass(frozen=True)
class Figure:
    split: str
    method: str
    words: int
    wer: float
    cpu: float


@dataclass(frozen=True)
class Reliability:
    engine: str
    low: float
    high: float
    words: int
    right: float


def splits() -> dict[str, list[Clip]]:
    prompts = load_set("en_prompts_allison", 0)
    half = [zlib.crc32(clip.path.name.encode()) % 2 for clip in prompts]
    return {
        "tuned": [clip for clip, side in zip(prompts, half, strict=True) if side],
        "held out": [clip for clip, side in zip(prompts, half, strict=True) if not side],
        "sentences": load_set("en_sentences", 0),
    }


def best(readings: Sequence[Hypothesis]) -> str:
    return readings[0].text if readings else ""


def hinted(vocabulary: frozenset[str]) -> Pick:
    def pick(readings: Sequence[Hypothesis]) -> str:
        def worth(one: Hypothesis) -> float:
            return one.confidence + HINT_WORTH * len(vocabulary & set(normal_en(one.text)))

        return max(readings, key=worth).text if readings else ""

    return pick


def rate(clips: Sequence[Clip], engine: Recogniser, alternatives: int, pick: Pick) -> tuple[int, float, float]:
    wrong = words = 0
    cpu_ms = audio_s = 0.0
    for clip in clips:
        samples = read_audio(clip.path)
        utterance = engine.start(RecognitionRequest("en", max_alternatives=alternatives))
        utterance.accept(samples)
        heard = utterance.finish()
        wanted = normal_en(clip.transcript)
        wrong += edits(wanted, normal_en(pick(heard.hypotheses)))
        words += len(wanted)
        cpu_ms, audio_s = cpu_ms + heard.cpu_ms, audio_s + len(samples) / SAMPLE_RATE
    return words, wrong / words, cpu_ms / 1000 / audio_s


def judged(clip: Clip, heard: Sequence[Word]) -> Iterable[tuple[float, bool]]:
    """Each word heard: its confidence, and whether it was said there."""
    parts = [(part, word.confidence) for word in heard for part in normal_en(word.text)]
    matcher = difflib.SequenceMatcher(None, [part for part, _ in parts], normal_en(clip.transcript), autojunk=False)
    right = {block.a + offset for block in matcher.get_matching_blocks() for offset in range(block.size)}
    return [(confidence, index in right) for index, (_, confidence) in enumerate(parts)]


def reliability(name: str, engine: Recogniser, clips: Sequence[Clip]) -> list[Reliability]:
    points: list[tuple[float, bool]] = []
    for clip in clips:
        utterance = engine.start(RecognitionRequest("en"))
        utterance.accept(read_audio(clip.path))
        hypotheses = utterance.finish().hypotheses
        points += judged(clip, hypotheses[0].words if hypotheses else ())
    found = []
    for low, high in itertools.pairwise(BOUNDS):
        inside = [right for confidence, right in points if low <= confidence < high]
        if inside:
            found.append(Reliability(name, low, min(high, 1.0), len(inside), round(sum(inside) / len(inside), 3)))
    return found


def measure() -> tuple[list[Figure], list[Reliability]]:
    sets = splits()
    vocabulary = frozenset(
        word for clips in sets.values() for clip in clips for word in normal_en(clip.transcript) if len(word) > 5
    )
    figures = []
    for beam, alternatives in ((1, 1), (2, 1), (5, 1), (5, 5)):
        engine = WhisperRecogniser(languages=("en",), beam=beam)
        pick = hinted(vocabulary) if alternatives > 1 else best
        method = "beam 5 hinted" if alternatives > 1 else f"beam {beam}"
        for split, clips in sets.items():
            words, wer, cpu = rate(clips, engine, alternatives, pick)
            figures.append(Figure(split, method, words, round(wer, 4), round(cpu, 3)))
        engine.close()
    whisper, vosk = WhisperRecogniser(languages=("en",)), VoskRecogniser(languages=("en",))
    clips = [*sets["held out"], *sets["tuned"], *sets["sentences"]]
    return figures, [*reliability("whisper", whisper, clips), *reliability("vosk", vosk, clips)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    figures, curve = measure()
    print(f"{'split':10} {'method':14} {'words':>5} {'WER':>6} {'CPU/s':>6}")
    for one in figures:
        print(f"{one.split:10} {one.method:14} {one.words:5} {one.wer:6.1%} {one.cpu:6.3f}")
    print(f"\n{'engine':8} {'confidence':12} {'words':>5} {'right':>6}")
    for part in curve:
        print(f"{part.engine:8} {part.low:4.2f} - {part.high:4.2f}  {part.words:5} {part.right:6.0%}")
    if args.json:
        found = {"figures": [asdict(one) for one in figures], "reliability": [asdict(one) for one in curve]}
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
