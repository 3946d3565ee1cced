"""How well intents are understood: accuracy clean and under simulated recognition errors, scope, calibration.

    python benchmarks/understanding.py [--sets banking77,clinc150] [--shots 10] [--json]

Beside this project's model (with and without sentence encoders): scikit-learn TF-IDF + logistic regression as anybody
would write it, and template matching alone. Sets without out-of-scope sentences of their own hide every fourth intent.
The sets lie in benchmarks/data/nlu, each with its licence.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ivr.dialog.text.fillers import core
from ivr.dialog.understanding.calibration import auroc, expected_calibration_error
from ivr.dialog.understanding.intents import train_intents
from ivr.dialog.understanding.noise import noised, sound_neighbours
from ivr.dialog.understanding.spec import Encoder
from ivr.nlu_encoder import load_encoders

DATA = Path(__file__).parent / "data" / "nlu"
LANGUAGE = {"banking77": "en", "clinc150": "en", "snips": "en", "crosswoz_zh": "zh"}
NOISE = {"en": {"light": 0.15, "heavy": 0.30}, "zh": {"light": 0.10, "heavy": 0.20}}
"""Share of words (zh: characters) that go wrong."""
OUTSIDE = 0.15
"""Share of out-of-scope sentences in the calibration error."""


@dataclass(frozen=True)
class Task:
    name: str
    language: str
    train: list[tuple[str, str]]
    """(intent, text)"""
    test: list[tuple[str, str]]
    outside: list[str]


@dataclass(frozen=True)
class Answers:
    """Per text: the best intent, P(it is right), P(some intent was meant)."""

    best: list[str]
    p: NDArray[np.float64]
    in_scope: NDArray[np.float64]


System = Callable[[Sequence[str]], Answers]


def load(name: str, shots: int, hide: bool) -> Task:
    with (DATA / name / "data.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    by_intent: dict[str, list[str]] = {}
    for row in rows:
        if row["split"] == "train":
            by_intent.setdefault(row["intent"], []).append(row["text"])
    test = [(row["intent"], row["text"]) for row in rows if row["split"] == "test"]
    outside = [text for intent, text in test if intent == "oos"]
    hidden = set(sorted(by_intent)[::4]) if hide else set()
    outside += [text for intent, text in test if intent in hidden]
    shown = sorted(set(by_intent) - hidden)
    train = [(intent, text) for intent in shown for text in by_intent[intent][:shots]]
    return Task(name, LANGUAGE[name], train, [row for row in test if row[0] in shown], outside)


def ours(task: Task, encoder: Encoder | None) -> System:
    examples = [(text, intent, number) for number, (intent, text) in enumerate(task.train)]
    model = train_intents(examples, task.language, encoder)
    assert model is not None

    def answer(texts: Sequence[str]) -> Answers:
        read = model.read(list(texts), encoder)
        best = [one.names[int(one.conditional.argmax())] for one in read]
        return Answers(best, np.array([one.p.max() for one in read]), np.array([one.in_scope for one in read]))

    return answer


def plain(task: Task) -> System:
    """Word TF-IDF (characters for Chinese) and logistic regression; maximum probability as confidence."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    if task.language == "zh":
        vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 2))
    else:
        vectorizer = TfidfVectorizer(ngram_range=(1, 2))
    pipeline = make_pipeline(vectorizer, LogisticRegression(C=10, max_iter=300))
    pipeline.fit([text for _, text in task.train], [intent for intent, _ in task.train])

    def answer(texts: Sequence[str]) -> Answers:
        p = pipeline.predict_proba(list(texts))
        best = [str(pipeline.classes_[index]) for index in p.argmax(axis=1)]
        return Answers(best, p.max(axis=1), p.max(axis=1))

    return answer


def templates(task: Task) -> System:
    """The examples as templates, courtesies aside: found word for word, or not at all."""
    known = {core(text, task.language): intent for intent, text in task.train}

    def answer(texts: Sequence[str]) -> Answers:
        found = [known.get(core(text, task.language), "") for text in texts]
        sure = np.array([float(bool(intent)) for intent in found])
        return Answers(found, sure, sure)

    return answer


def measure(task: Task, hidden: Task, make: Callable[[Task], System]) -> dict[str, float]:
    """All intents for accuracy; the task with hidden intents (or real out-of-scope sentences) for the rest."""
    began = time.perf_counter()
    system = make(task)
    result = {"train_s": time.perf_counter() - began}
    lexicon = sound_neighbours(text for _, text in (*task.train, *task.test)) if task.language == "en" else {}
    for level, rate in {"clean": 0.0, **NOISE[task.language]}.items():
        texts = [noised(text, task.language, rate, lexicon, 7) if rate else text for _, text in task.test]
        began = time.perf_counter()
        answers = system(texts)
        result[f"{level}_ms"] = 1000 * (time.perf_counter() - began) / len(texts)
        result[level] = float(
            np.mean([best == intent for best, (intent, _) in zip(answers.best, task.test, strict=True)])
        )
    if hidden is not task:
        system = make(hidden)
    inside, outside = system([text for _, text in hidden.test]), system(hidden.outside)
    result["auroc"] = auroc(inside.in_scope, outside.in_scope)
    share = min(len(outside.p), int(len(inside.p) * OUTSIDE / (1 - OUTSIDE)))
    chosen = np.linspace(0, len(outside.p) - 1, share).astype(int)
    right = np.array([best == intent for best, (intent, _) in zip(inside.best, hidden.test, strict=True)])
    p, correct = np.concatenate([inside.p, outside.p[chosen]]), np.concatenate([right, np.zeros(share, dtype=bool)])
    result["ece"] = expected_calibration_error(p, correct)
    taken = p >= 0.85
    result["accepted"] = float(taken.mean())
    result["accepted_right"] = float(correct[taken].mean()) if taken.any() else float("nan")
    return result


COLUMNS = ("clean", "light", "heavy", "auroc", "ece", "accepted", "accepted_right", "train_s", "clean_ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default=",".join(LANGUAGE), help="which, with commas between")
    parser.add_argument("--shots", type=int, default=10, help="training sentences an intent (at most 20)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args()
    encoders = load_encoders(("en", "zh"), threads=2)
    results: dict[str, dict[str, dict[str, float]]] = {}
    for name in args.sets.split(","):
        task = load(name, args.shots, hide=False)
        hidden = task if task.outside else load(name, args.shots, hide=True)
        encoder = encoders.get(task.language)
        systems: dict[str, Callable[[Task], System]] = {
            "ivr": lambda task, encoder=encoder: ours(task, encoder),  # type: ignore[misc]
            "ivr, n-grams alone": lambda task: ours(task, None),
            "TF-IDF + LR": plain,
            "templates": templates,
        }
        if encoder is None:
            del systems["ivr"]
        results[name] = {system: measure(task, hidden, make) for system, make in systems.items()}
        if not args.json:
            _print(name, results[name])
    if args.json:
        print(json.dumps(results, indent=1))


def _print(name: str, found: dict[str, dict[str, float]]) -> None:
    print(f"\n{name}")
    print(f"{'':20}" + "".join(f"{column:>15}" for column in COLUMNS))
    for system, values in found.items():
        print(f"{system:20}" + "".join(f"{values[column]:15.3f}" for column in COLUMNS))


if __name__ == "__main__":
    main()
