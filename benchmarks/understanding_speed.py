"""What understanding costs: training a bilingual hotline from nothing, and reading one turn.

    python benchmarks/understanding_speed.py [--json FILE]

30 intents of 20 examples in each of two languages: English from banking77, Mandarin from the phrases of the dialog
packs, twenty after twenty. Encoders are loaded afresh and know no text. CPU time of all threads; wall time beside it,
which other work on the machine stretches.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.understanding import PACKS, load, load_pack
from ivr.dialog.events import Expectation, Spoken
from ivr.dialog.understanding import UnderstandingSpec, train
from ivr.nlu_encoder import load_encoders

INTENTS, EXAMPLES = 30, 20


def phrases() -> dict[str, dict[str, list[str]]]:
    """Intent -> language -> examples."""
    english: dict[str, list[str]] = {}
    for intent, text in load("banking77", EXAMPLES, hide=False).train:
        english.setdefault(intent, []).append(text)
    pool = [text for path in sorted(PACKS.glob("*.tsv")) for _, text in load_pack(path.stem, "zh").train]
    chosen = sorted(english)[:INTENTS]
    return {
        name: {"en": english[name], "zh": pool[number * EXAMPLES : (number + 1) * EXAMPLES]}
        for number, name in enumerate(chosen)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures there")
    args = parser.parse_args()
    spec = UnderstandingSpec(("en", "zh"), intents=phrases())
    count = sum(len(texts) for by in spec.intents.values() for texts in by.values())
    wall, cpu = time.perf_counter(), time.process_time()
    understanding = train(spec, load_encoders(spec.languages, threads=2))
    figures = {
        "examples": count,
        "train_wall_s": round(time.perf_counter() - wall, 2),
        "train_cpu_s": round(time.process_time() - cpu, 2),
    }
    turns = [("en", text) for _, text in load("banking77", 1, hide=False).test[:100]]
    turns += [("zh", text) for _, text in load_pack("retail", "zh").test]
    times = []
    for language, text in turns:
        began = time.process_time()
        understanding.read([Spoken(text, 0.9)], Expectation("", "route", language, "", open=True))
        times.append(1000 * (time.process_time() - began))
    figures["turn_median_cpu_ms"] = round(statistics.median(times), 2)
    figures["turn_p95_cpu_ms"] = round(sorted(times)[int(0.95 * len(times))], 2)
    for name, value in figures.items():
        print(f"{name:20} {value:10}")
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
