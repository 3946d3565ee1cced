"""Error rates of each recogniser on recorded human speech, and what a second of speech costs.

    python benchmarks/recognition.py [--json] [--sets NAME ...] [--engines NAME ...] [--limit N]

English: word error rate; Mandarin: character error rate. Both over all clips of a set (errors / reference length). CPU
is process time, engines on one thread; the first clip is heard twice and counted once, for warmth. Before comparing,
reference and hypothesis go through the same normalisation:
- English: lower case; digits as words (17 = seventeen, 70th = seventieth); "mr" = mister; hyphens split words but
  for re- and de-; other punctuation dropped, apostrophes inside words kept.
- Mandarin: traditional as simplified characters (OpenCC); digits as Chinese numerals (33 = 三十三, 0.33 = 零点三三);
  everything but characters and letters dropped; lower case.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ivr.asr.base import Recogniser, RecogniserSpec, RecognitionRequest
from ivr.asr.registry import create
from ivr.asr.text import simplify
from ivr.asr.two_pass import TwoPassRecogniser
from ivr.audio.frame import SAMPLE_RATE
from ivr.audio.wav import read_audio
from ivr.models.verify import available

FIXTURES = Path(__file__).resolve().parent.parent / "audio_fixtures"
SETS = ("en_prompts_allison", "en_sentences", "zh_aishell3", "zh_sentences")
ENGINES = ("vosk", "whisper", "two-pass")
VOSK = {"en": "vosk-en", "zh": "vosk-zh"}

_ONES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_ONES += ["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth"}
_ORDINALS["twelve"] = "twelfth"
_HAN = "零一二三四五六七八九"


def number_en(value: int) -> str:
    """Below a million in words, as people read it."""
    if value < 20:
        return _ONES[value]
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if value >= size:
            rest = f" {number_en(value % size)}" if value % size else ""
            return f"{number_en(value // size)} {name}{rest}"
    return _TENS[value // 10] + (f" {_ONES[value % 10]}" if value % 10 else "")


def ordinal_en(value: int) -> str:
    head, _, last = number_en(value).rpartition(" ")
    word = _ORDINALS.get(last) or (f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th")
    return f"{head} {word}".strip()


def number_zh(value: int) -> str:
    """Below ten thousand as a Chinese numeral."""
    if value < 10:
        return _HAN[value]
    text, pending = "", False
    for size, unit in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = value // size % 10
        if digit:
            text += ("零" if pending and text else "") + _HAN[digit] + unit
            pending = False
        elif text:
            pending = True
    return text.removeprefix("一") if 10 <= value < 20 else text


def normal_en(text: str) -> list[str]:
    text = text.lower().replace("’", "'")
    text = re.sub(r"(\d),(?=\d{3})", r"\1", text)
    text = re.sub(r"(\d+)(?:st|nd|rd|th)\b", lambda found: ordinal_en(int(found[1])), text)
    text = re.sub(r"\d+", lambda found: f" {_spoken_en(found[0])} ", text)
    text = re.sub(r"\b(re|de)-", r"\1", text)
    words = re.sub(r"[^a-z' ]", " ", text).split()
    words = [word.strip("'") for word in words]
    return [{"mr": "mister", "fourtieth": "fortieth"}.get(word, word) for word in words if word]


def _spoken_en(digits: str) -> str:
    if len(digits) > 4 or (digits.startswith("0") and len(digits) > 1):
        return " ".join(_ONES[int(digit)] for digit in digits)
    return number_en(int(digits))


def normal_zh(text: str) -> list[str]:
    text = simplify(text).lower()
    text = re.sub(r"(?<=\d)\.(\d+)", lambda found: "点" + "".join(_HAN[int(digit)] for digit in found[1]), text)
    text = re.sub(r"\d+", _spoken_zh, text)
    return [char for char in text if char.isalpha()]


def _spoken_zh(found: re.Match[str]) -> str:
    digits = found[0]
    if len(digits) > 4 or (digits.startswith("0") and len(digits) > 1):
        return "".join(_HAN[int(digit)] for digit in digits)
    return number_zh(int(digits))


def edits(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """Least insertions, deletions and substitutions (Levenshtein)."""
    row = list(range(len(hypothesis) + 1))
    for i, wanted in enumerate(reference, 1):
        previous, row[0] = row[0], i
        for j, got in enumerate(hypothesis, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (wanted != got))
    return row[-1]


@dataclass(frozen=True)
class Clip:
    path: Path
    transcript: str
    language: str


@dataclass(frozen=True)
class Figure:
    """One engine on one set. `rate` is the error rate, `cpu` CPU seconds a second of speech."""

    engine: str
    set: str
    language: str
    clips: int
    audio_s: float
    units: int
    errors: int
    rate: float
    exact: float
    cpu: float


def load_set(name: str, limit: int) -> list[Clip]:
    clips = load_folder(FIXTURES / name)
    return clips[:limit] if limit else clips


def load_folder(folder: Path) -> list[Clip]:
    """The clips of a folder's transcripts.tsv."""
    with (folder / "transcripts.tsv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    return [Clip(folder / row["file"], row["transcript"], row["language"]) for row in rows if row["transcript"]]


def build(engine: str, language: str) -> Recogniser | None:
    """The engine for a language on one thread; None where its model is not here."""
    vosk_here = available(VOSK[language])
    if engine == "vosk":
        return create(RecogniserSpec("vosk", {"model": VOSK[language]}, (language,))) if vosk_here else None
    whisper = create(RecogniserSpec("whisper", {"model": "whisper-base"}, (language,)))
    if engine == "whisper":
        return whisper
    first = create(RecogniserSpec("vosk", {"model": VOSK[language]}, (language,))) if vosk_here else None
    return TwoPassRecogniser(first, whisper)


def measure(name: str, engine: str, recogniser: Recogniser, clips: Sequence[Clip], *, verbose: bool) -> Figure:
    errors = units = exact = 0
    audio_s = cpu_s = 0.0
    language = clips[0].language
    normal = normal_en if language == "en" else normal_zh
    for number, clip in enumerate([clips[0], *clips]):
        samples = read_audio(clip.path)
        utterance = recogniser.start(RecognitionRequest(language))
        for start in range(0, len(samples), 320):
            utterance.accept(samples[start : start + 320])
        transcript = utterance.finish()
        if number == 0:
            continue  # the first clip once more, for warmth
        wanted, got = normal(clip.transcript), normal(transcript.text)
        wrong = edits(wanted, got)
        errors, units, exact = errors + wrong, units + len(wanted), exact + (wrong == 0)
        audio_s, cpu_s = audio_s + len(samples) / SAMPLE_RATE, cpu_s + transcript.cpu_ms / 1000
        if verbose and wrong:
            print(f"  {engine} {clip.path.name}: {clip.transcript} | {transcript.text}", file=sys.stderr)
    rate, cpu = round(errors / units, 4), round(cpu_s / audio_s, 3)
    share = round(exact / len(clips), 3)
    return Figure(engine, name, language, len(clips), round(audio_s, 1), units, errors, rate, share, cpu)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object a figure and line")
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--engines", nargs="+", default=ENGINES, choices=ENGINES)
    parser.add_argument("--limit", type=int, default=0, help="only so many clips a set")
    parser.add_argument("--verbose", action="store_true", help="show every clip that has an error")
    args = parser.parse_args()
    if not args.json:
        print(f"{'set':20} {'engine':10} {'clips':>5} {'error rate':>10} {'exact':>6} {'CPU/s':>6}")
    for name in args.sets:
        clips = load_set(name, args.limit)
        for engine in args.engines:
            recogniser = build(engine, clips[0].language)
            if recogniser is None:
                print(f"{name:20} {engine:10} not here: ivr models fetch vosk-{clips[0].language}", file=sys.stderr)
                continue
            figure = measure(name, engine, recogniser, clips, verbose=args.verbose)
            recogniser.close()
            if args.json:
                print(json.dumps(asdict(figure)), flush=True)
            else:
                print(
                    f"{name:20} {engine:10} {figure.clips:5} {figure.rate:10.1%} {figure.exact:6.0%} {figure.cpu:6.3f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
