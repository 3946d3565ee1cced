"""Callers who say something else: speech that is no answer, taken for an answer to a closed question.

    python benchmarks/out_of_grammar.py [--data FOLDER...] [--limit 40] [--json FILE] [--verbose]

Recorded speech of several words or, from `--data` (folders with a transcripts.tsv: file, language, transcript), of
other speakers is the answer to three questions: yes or no; one of five options; four digits. Clips whose transcript
names an answer to the question are left out of it.

- bare grammar: the streaming engine with the question's phrases and nothing else.
- grammar: the same with `[unk]`, by which it says that it heard something else.
- ours: as live calls hear it: grammar, then the open second opinion. Mandarin has no grammar engine here: the options
  scored by themselves (`options alone`), and with the second opinion.

`taken`: the understanding's parser finds an answer in the best reading. `at once`: its probability, weighed by the
recogniser's confidence as a call does it, reaches 0.85, so that the bot would not even ask back.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from closed_slots import FEWEST_P, Word
from closed_slots import request_of as option_request
from digits import Ears, grammar_alone
from digits import request_of as digit_request
from recognition import Clip, load_folder, load_set

from ivr.asr.base import Hypothesis, RecognitionRequest, Transcript
from ivr.asr.config import default_config
from ivr.asr.registry import create
from ivr.asr.vosk_engine import VoskRecogniser
from ivr.asr.whisper_engine import WhisperRecogniser
from ivr.audio.frame import Samples
from ivr.audio.wav import read_audio
from ivr.dialog.slots import parse
from ivr.dialog.slots.yes_no import polarity
from ivr.dialog.text.canonical import canonical

SETS = ("en_prompts_allison", "en_sentences", "zh_aishell3", "zh_sentences")
ACCEPT = 0.85
OPTIONS = {
    "en": ("checking", "savings", "credit card", "mortgage", "insurance"),
    "zh": ("储蓄卡", "信用卡", "贷款", "理财", "保险"),
}
Hear = Callable[[Samples, RecognitionRequest], Transcript]


@dataclass(frozen=True)
class Figure:
    question: str
    method: str
    clips: int
    taken: int
    at_once: int


class Bare(VoskRecogniser):
    """A grammar that cannot say that it heard something else."""

    def _grammar(self, phrases: tuple[str, ...]) -> str:
        known = sorted({spelled for phrase in phrases if (spelled := self._spell(phrase))})
        return json.dumps(known)


def clips(folders: Sequence[Path], limit: int) -> Iterator[Clip]:
    for name in SETS:
        found = [one for one in load_set(name, 0) if name.startswith("zh") or len(one.transcript.split()) > 2]
        yield from found[: limit or None]
    for folder in folders:
        yield from load_folder(folder)[: limit or None]


def answer(kind: str, text: str, language: str) -> tuple[str, float]:
    """The answer that a text gives to a question, and the parser's probability; ("", 0) = none."""
    if kind == "yes/no":
        said = polarity(text, language)
        return (str(said.yes), said.p) if said else ("", 0.0)
    if kind == "digits":
        found = parse("digits", text, language, {"length": [4, 4]})
    else:
        found = parse("choice", text, language, {"options": [[one, [one]] for one in OPTIONS[language]]})
    if not found or found[0].error or found[0].p < FEWEST_P:
        return "", 0.0
    return str(found[0].value), found[0].p


def request_of(kind: str, language: str) -> RecognitionRequest:
    if kind == "digits":
        return digit_request(language, (4, 4))
    word = Word(language, "", np.zeros(0, dtype=np.int16))
    return option_request(word, OPTIONS[language] if kind == "options" else ())


def named(kind: str, clip: Clip) -> bool:
    """Might the clip answer the question after all?"""
    if clip.transcript.startswith("{"):
        return True  # words not known
    if kind == "digits":
        return bool(re.search(r"\d", canonical(clip.transcript, clip.language).text))
    return bool(answer(kind, clip.transcript, clip.language)[0])


def options_alone(whisper: WhisperRecogniser) -> Hear:
    """The likeliest phrase of the question, whatever was said."""

    def hear(samples: Samples, request: RecognitionRequest) -> Transcript:
        best = whisper.score_options(samples, request.grammar[:20], request.language)[:1]
        return Transcript(tuple(Hypothesis(one.option, one.confidence) for one in best), request.language, "", True)

    return hear


def methods(language: str) -> dict[str, Hear]:
    config = default_config()
    ours = Ears(config)
    if not config.languages[language].stream:
        whisper = create(config.engines["whisper"])
        assert isinstance(whisper, WhisperRecogniser)
        return {"options alone": options_alone(whisper), "ours": ours.hear}
    bare = Bare(languages=(language,), model=f"vosk-{language}")

    def hear_bare(samples: Samples, request: RecognitionRequest) -> Transcript:
        utterance = bare.start(request)
        utterance.accept(samples)
        return utterance.finish()

    return {"bare grammar": hear_bare, "grammar": Ears(grammar_alone(config)).hear, "ours": ours.hear}


def measure(spoken: Sequence[Clip], *, verbose: bool) -> list[Figure]:
    figures = []
    for language in sorted({clip.language for clip in spoken}):
        heard_by = methods(language)
        for kind in ("yes/no", "options", "digits"):
            inside = [clip for clip in spoken if clip.language == language and not named(kind, clip)]
            for method, hear in heard_by.items():
                if method == "options alone" and kind == "digits":
                    continue
                taken = at_once = 0
                for clip in inside:
                    heard = hear(read_audio(clip.path), request_of(kind, language))
                    got, p = answer(kind, heard.text, language)
                    sure = bool(got) and p * (0.5 + 0.5 * heard.confidence) >= ACCEPT
                    taken, at_once = taken + bool(got), at_once + sure
                    if verbose and got:
                        readings = [(one.text, one.confidence) for one in heard.hypotheses[:3]]
                        print(f"  {language} {kind} {method}: {clip.transcript} | {got} | {readings}", flush=True)
                figures.append(Figure(f"{language} {kind}", method, len(inside), taken, at_once))
                print(
                    f"{figures[-1].question:12} {method:13} {len(inside):5} {taken / max(1, len(inside)):6.0%} "
                    f"{at_once / max(1, len(inside)):7.0%}",
                    flush=True,
                )
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="*", default=[], metavar="FOLDER")
    parser.add_argument("--limit", type=int, default=40, help="most clips of a set")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--verbose", action="store_true", help="show what was taken for an answer")
    args = parser.parse_args()
    print(f"{'question':12} {'method':13} {'clips':>5} {'taken':>6} {'at once':>7}")
    figures = measure(list(clips(args.data, args.limit)), verbose=args.verbose)
    if args.json:
        args.json.write_text(json.dumps([asdict(one) for one in figures], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
