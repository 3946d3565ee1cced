"""Single words as answers to closed questions: heard right, and words that are no option refused.

    python benchmarks/closed_slots.py [--options 5] [--methods ours] [--json FILE] [--verbose]

Every recorded word (English: telephone prompts of one to three words and single digits; Mandarin: words of one speaker)
is the answer to a question with so many other words as options, drawn from the same set. `in`: the word is one of the
options; right = the understanding's choice parser finds it in what was heard. `out`: it is none; right = no option is
found. Mandarin yes and no are asked as such.

- plain: the same engines on an open question.
- ours: as live calls and replays hear it: grammar first, then the second opinion; Mandarin without a Mandarin grammar
  engine by scoring the options.

The thresholds were chosen on the English words; the Mandarin words chose only that options are scored.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from digits import FIXTURES, NAMES, Ears, rows, string, trimmed

from ivr.asr.base import RecognitionRequest, Transcript
from ivr.asr.config import default_config
from ivr.audio.frame import Samples
from ivr.audio.wav import read_audio
from ivr.call.grammar import closed_answer
from ivr.dialog.events import Expectation, SlotExpectation
from ivr.dialog.slots import parse
from ivr.dialog.slots.yes_no import polarity

FEWEST_P = 0.6
"""Least probability of the parser for an option to count as found."""
YES_NO_ZH = {"是": True, "不是": False, "对": True, "不对": False, "好": True, "可以": True, "要": True, "不要": False}


@dataclass(frozen=True)
class Word:
    language: str
    text: str
    samples: Samples


@dataclass(frozen=True)
class Figure:
    """`right` of `words`; `cpu_ms` a word."""

    question: str
    method: str
    words: int
    right: int
    cpu_ms: float


def recorded() -> list[Word]:
    rng = np.random.default_rng(5)
    found = []
    for name, language in (("en_prompts_allison", "en"), ("en_digits_sc09", "en"), ("zh_words_yuetan", "zh")):
        for row in rows(name):
            text = re.sub(r"[^\w' ]", " ", row["transcript"].lower()).strip()
            if row["transcript"] in NAMES["zh"] or len(text.split()) > 3 or float(row["seconds"]) > 3:
                continue
            samples = trimmed(read_audio(FIXTURES / name / row["file"]))
            found.append(Word(language, " ".join(text.split()), string([samples], rng, 0)))
    return found


def request_of(word: Word, options: Sequence[str]) -> RecognitionRequest:
    slot = SlotExpectation("what", "choice" if options else "yes_no")
    expectation = Expectation(
        "f/s", "ask", word.language, "f", asked="what", slots=(slot,), phrases=tuple(options)
    )  # fmt: skip
    answer = closed_answer(expectation)
    return RecognitionRequest(word.language, answer.phrases, expects=answer.kind)


def chosen(heard: Transcript, language: str, options: Sequence[str]) -> str:
    """The option that the best hypothesis names; "" = none."""
    found = parse("choice", heard.text, language, {"options": [[option, [option]] for option in options]})
    return str(found[0].value) if found and found[0].p >= FEWEST_P else ""


def questions(words: Sequence[Word], count: int) -> list[tuple[str, Word, tuple[str, ...], str]]:
    """(question, answer, options, what is right)."""
    rng = np.random.default_rng(9)
    asked: list[tuple[str, Word, tuple[str, ...], str]] = []
    for word in words:
        shared = set(word.text.split())
        others = sorted(
            {one.text for one in words if one.language == word.language and not shared & set(one.text.split())}
        )
        drawn = tuple(str(option) for option in rng.choice(others, count, replace=False))
        asked.append((f"{word.language} in", word, (*drawn[1:], word.text), word.text))
        asked.append((f"{word.language} out", word, drawn, ""))
        if word.text in YES_NO_ZH:
            asked.append(("zh yes/no", word, (), str(YES_NO_ZH[word.text])))
    return asked


def measure(words: Sequence[Word], count: int, methods: Sequence[str], *, verbose: bool) -> list[Figure]:
    counted: dict[tuple[str, str], list[tuple[bool, float]]] = {}
    for method in methods:
        ears = Ears(default_config())
        for question, word, options, wanted in questions(words, count):
            request = RecognitionRequest(word.language) if method == "plain" else request_of(word, options)
            heard = ears.hear(word.samples, request)
            if options:
                got = chosen(heard, word.language, options)
            else:
                said = polarity(heard.text, word.language)
                got = str(said.yes) if said else ""
            counted.setdefault((question, method), []).append((got == wanted, heard.cpu_ms))
            if verbose and got != wanted:
                readings = [(one.text, one.confidence) for one in heard.hypotheses[:3]]
                print(f"  {question} {method}: {word.text} | {got} | {readings} | {options}")
    return [
        Figure(*key, len(found), sum(right for right, _ in found), round(sum(ms for _, ms in found) / len(found), 1))
        for key, found in counted.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--options", type=int, default=5)
    parser.add_argument("--methods", nargs="+", choices=("plain", "ours"), default=("plain", "ours"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--verbose", action="store_true", help="show what went wrong")
    args = parser.parse_args()
    figures = measure(recorded(), args.options, args.methods, verbose=args.verbose)
    print(f"{'question':10} {'method':6} {'words':>5} {'right':>5} {'share':>6} {'CPU ms':>7}")
    for one in sorted(figures, key=lambda figure: (figure.question, figure.method)):
        share = one.right / one.words
        print(f"{one.question:10} {one.method:6} {one.words:5} {one.right:5} {share:6.0%} {one.cpu_ms:7.0f}")
    if args.json:
        args.json.write_text(json.dumps([asdict(one) for one in figures], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
