"""How well intents are understood: accuracy clean and under simulated recognition errors, scope, calibration.

    python benchmarks/understanding.py [--sets banking77,clinc150] [--shots 10] [--json FILE]

Beside this project's model (with and without sentence encoders): scikit-learn TF-IDF + logistic regression as anybody
would write it, and template matching alone (hassil). Sets without out-of-scope sentences of their own hide every fourth
intent. The public sets lie in benchmarks/data/nlu, each with its licence; the sentences of the dialog packs, which say
each wish in other words than the packs' training phrases do, in benchmarks/data/packs. What it costs is measured by
understanding_speed.py; `--vectors FILE` keeps sentence vectors from one run to the next.
"""

from __future__ import annotations

import argparse
import csv
import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ivr.dialog.bundle import build
from ivr.dialog.understanding.calibration import auroc, expected_calibration_error
from ivr.dialog.understanding.intents import train_intents
from ivr.dialog.understanding.model import examples_of
from ivr.dialog.understanding.noise import noised, sound_neighbours
from ivr.dialog.understanding.spec import Encoder
from ivr.nlu_encoder import load_encoders

DATA = Path(__file__).parent / "data" / "nlu"
PACKS = Path(__file__).parent / "data" / "packs"
DIALOGS = Path(__file__).parents[1] / "dialogs"
MOST_TEMPLATED = 150
"""Sentences that template matching is tried on: it takes long on large sets, and finds next to nothing."""
Row = TypeVar("Row")
LANGUAGE = {
    "packs_en": "en", "packs_zh": "zh", "banking77": "en", "crosswoz_zh": "zh", "snips": "en", "clinc150": "en",
}  # fmt: skip
NOISE = {"en": {"light": 0.15, "heavy": 0.30}, "zh": {"light": 0.10, "heavy": 0.20}}
"""Share of words (zh: characters) that go wrong."""
NOISED_COPIES = 5
"""How often each sentence of a small set is noised anew."""
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
    groups: list[int] | None = None
    """Number of the template each training sentence is of."""
    templates: list[tuple[str, str]] | None = None
    """(intent, template), where the set has them."""
    noised_copies: int = 1
    """How often each sentence is noised, differently each time."""


@dataclass(frozen=True)
class Answers:
    """Per text: the best intent, P(it is right), P(some intent was meant)."""

    best: list[str]
    p: NDArray[np.float64]
    in_scope: NDArray[np.float64]


@dataclass
class Remembering:
    """An encoder that encodes no text twice."""

    encoder: Encoder
    vectors: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    name: str = ""

    def __post_init__(self) -> None:
        self.name = self.encoder.name

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        new = [text for text in dict.fromkeys(texts) if text not in self.vectors]
        if new:
            self.vectors.update(zip(new, self.encoder.encode(new), strict=True))
        return np.stack([self.vectors[text] for text in texts])


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
    copies = NOISED_COPIES if LANGUAGE[name] == "zh" else 1
    return Task(name, LANGUAGE[name], train, [row for row in test if row[0] in shown], outside, noised_copies=copies)


def ours(task: Task, encoder: Encoder | None) -> System:
    groups = task.groups or range(len(task.train))
    examples = [(text, intent, number) for number, (intent, text) in zip(groups, task.train, strict=True)]
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
    """Template matching alone, by hassil: found as it is written, or not at all."""
    from hassil import Intents, recognize

    chinese = task.language == "zh"
    by_intent: dict[str, list[str]] = {}
    for intent, text in task.templates or task.train:
        if not task.templates:
            text = re.sub(r"[^\w\s']", " ", text)
        by_intent.setdefault(intent, []).append(text)
    data = {name: {"data": [{"sentences": texts}]} for name, texts in by_intent.items()}
    settings = {"ignore_whitespace": True} if chinese else {}
    intents = Intents.from_dict({"language": task.language, "settings": settings, "intents": data})

    def answer(texts: Sequence[str]) -> Answers:
        found = []
        for text in texts:
            result = recognize(re.sub(r"[^\w\s']", " ", text), intents)
            found.append(result.intent.name if result is not None else "")
        sure = np.array([float(bool(intent)) for intent in found])
        return Answers(found, sure, sure)

    return answer


@dataclass
class Outcome:
    """What a system said of one task, or of several joined."""

    right: dict[str, list[bool]] = field(default_factory=dict)
    """By noise level."""
    p: list[float] = field(default_factory=list)
    """Of the clean sentences and the out-of-scope ones beside them."""
    correct: list[bool] = field(default_factory=list)
    inside: list[float] = field(default_factory=list)
    outside: list[float] = field(default_factory=list)

    def join(self, other: Outcome) -> None:
        for level, found in other.right.items():
            self.right.setdefault(level, []).extend(found)
        for name in ("p", "correct", "inside", "outside"):
            getattr(self, name).extend(getattr(other, name))

    def figures(self) -> dict[str, float]:
        p, correct = np.array(self.p), np.array(self.correct, dtype=bool)
        taken = p >= 0.85
        chance = by_chance(p)
        return {
            **{level: float(np.mean(found)) for level, found in self.right.items()},
            "auroc": auroc(np.array(self.inside), np.array(self.outside)),
            "ece": expected_calibration_error(p, correct),
            "ece_chance": float(chance.mean()),
            "ece_95": float(np.quantile(chance, 0.95)),
            "accepted": float(taken.mean()),
            "accepted_right": float(correct[taken].mean()) if taken.any() else float("nan"),
            "n": float(len(self.right["clean"])),
        }


def measure(task: Task, hidden: Task, make: Callable[[Task], System], most: int | None = None) -> Outcome:
    """All intents for accuracy; the task with hidden intents (or real out-of-scope sentences) for the rest. `most`: at
    most so many sentences, evenly chosen, for systems that take long."""
    outcome = Outcome()
    system = make(task)
    test, hidden_test, outside_texts = (_thinned(rows, most) for rows in (task.test, hidden.test, hidden.outside))
    lexicon = sound_neighbours(text for _, text in (*task.train, *task.test)) if task.language == "en" else {}
    for level, rate in {"clean": 0.0, **NOISE[task.language]}.items():
        copies = range(task.noised_copies if rate else 1)
        cases = [
            (intent, noised(text, task.language, rate, lexicon, 7 + copy) if rate else text)
            for copy in copies
            for intent, text in test
        ]
        answers = system([text for _, text in cases])
        outcome.right[level] = [best == intent for best, (intent, _) in zip(answers.best, cases, strict=True)]
    if hidden is not task:
        system = make(hidden)
    inside, outside = system([text for _, text in hidden_test]), system(outside_texts)
    outcome.inside, outcome.outside = list(inside.in_scope), list(outside.in_scope)
    share = min(len(outside.p), int(len(inside.p) * OUTSIDE / (1 - OUTSIDE)))
    chosen = np.linspace(0, len(outside.p) - 1, share).astype(int)
    right = [best == intent for best, (intent, _) in zip(inside.best, hidden_test, strict=True)]
    outcome.p, outcome.correct = [*inside.p, *outside.p[chosen]], [*right, *[False] * share]
    return outcome


def by_chance(p: NDArray[np.float64], draws: int = 1000) -> NDArray[np.float64]:
    """Calibration errors (draws,) of these very probabilities where they hold exactly: what few sentences alone make.
    An error above their 95th percentile is no chance."""
    random = np.random.default_rng(0)
    return np.array([expected_calibration_error(p, random.random(len(p)) < p) for _ in range(draws)])


def _thinned(rows: list[Row], most: int | None) -> list[Row]:
    if most is None or len(rows) <= most:
        return rows
    return [rows[index * len(rows) // most] for index in range(most)]


def tasks_of(name: str, shots: int) -> list[tuple[Task, Task]]:
    """(all intents, what the scope is measured on) of each task that makes up a set."""
    if name.startswith("packs_"):
        language = name.removeprefix("packs_")
        packs = [load_pack(path.stem, language) for path in sorted(PACKS.glob("*.tsv"))]
        return [(task, task) for task in packs]
    task = load(name, shots, hide=False)
    return [(task, task if task.outside else load(name, shots, hide=True))]


def load_pack(pack: str, language: str) -> Task:
    """A dialog pack: its own training phrases, its labelled sentences."""
    spec = build(DIALOGS / pack, {}).understanding.spec
    with (PACKS / f"{pack}.tsv").open(encoding="utf-8", newline="") as file:
        rows = [
            row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if row["language"] == language
        ]
    train = [(intent, text) for text, intent, _ in examples_of(spec, language)]
    test = [(row["intent"], row["text"]) for row in rows if row["intent"] != "-"]
    outside = [row["text"] for row in rows if row["intent"] == "-"]
    groups = [number for _, _, number in examples_of(spec, language)]
    raw = [(intent, text) for intent, by in spec.intents.items() for text in by.get(language, ())]
    return Task(pack, language, train, test, outside, groups, raw, NOISED_COPIES)


COLUMNS = ("clean", "light", "heavy", "auroc", "ece", "ece_chance", "ece_95", "accepted", "accepted_right", "n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default=",".join(LANGUAGE), help="which, with commas between")
    parser.add_argument("--systems", help="which of them, with commas between (all)")
    parser.add_argument("--shots", type=int, default=10, help="training sentences an intent (at most 20)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures there")
    parser.add_argument("--vectors", type=Path, metavar="FILE", help="sentence vectors, read and kept there (.npz)")
    args = parser.parse_args()
    encoders = {
        language: Remembering(encoder, _kept_vectors(args.vectors, language))
        for language, encoder in load_encoders(("en", "zh"), threads=2).items()
    }
    results: dict[str, dict[str, dict[str, float]]] = {}
    for name in args.sets.split(","):
        encoder = encoders.get(LANGUAGE[name])
        systems: dict[str, tuple[Callable[[Task], System], int | None]] = {
            "ivr": (functools.partial(ours, encoder=encoder), None),
            "ivr, n-grams alone": (functools.partial(ours, encoder=None), None),
            "TF-IDF + LR": (plain, None),
            "templates (hassil)": (templates, MOST_TEMPLATED),
        }
        if encoder is None:
            del systems["ivr"]
        if args.systems:
            systems = {system: systems[system] for system in args.systems.split(",") if system in systems}
        results[name] = {}
        for system, (make, most) in systems.items():
            whole = Outcome()
            for task, hidden in tasks_of(name, args.shots):
                whole.join(measure(task, hidden, make, most))
            results[name][system] = whole.figures()
        _print(name, results[name])
        if args.vectors:
            _keep_vectors(args.vectors, encoders)
        if args.json:  # after each set: all of them take minutes
            args.json.write_text(json.dumps({"shots": args.shots, "sets": results}, indent=1) + "\n", encoding="utf-8")


def _kept_vectors(file: Path | None, language: str) -> dict[str, NDArray[np.float32]]:
    if file is None or not file.is_file():
        return {}
    with np.load(file) as arrays:
        if f"{language}/texts" not in arrays:
            return {}
        return dict(zip(map(str, arrays[f"{language}/texts"]), arrays[f"{language}/vectors"], strict=True))


def _keep_vectors(file: Path, encoders: Mapping[str, Remembering]) -> None:
    arrays: dict[str, Any] = {}
    for language, encoder in encoders.items():
        if encoder.vectors:
            arrays[f"{language}/texts"] = np.array(list(encoder.vectors))
            arrays[f"{language}/vectors"] = np.stack(list(encoder.vectors.values()))
    np.savez(file, **arrays)


def _print(name: str, found: dict[str, dict[str, float]]) -> None:
    print(f"\n{name}")
    print(f"{'':20}" + "".join(f"{column:>15}" for column in COLUMNS))
    for system, values in found.items():
        print(f"{system:20}" + "".join(f"{values[column]:15.3f}" for column in COLUMNS), flush=True)


if __name__ == "__main__":
    main()
