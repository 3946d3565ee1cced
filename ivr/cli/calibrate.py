"""`ivr calibrate --hotline DIR --from-calls PATH`: how the probabilities hold on labelled calls,
and which `accept` fits an error budget.

PATH is a file, or a folder of them: `.tsv` with `text<TAB>intent` a line,
or `.jsonl` with {"text": ..., "intent": ...} a line.
An empty intent, `-` or `oos` says that nothing of this hotline was meant.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

_NONE = {"", "-", "oos", "none", "other"}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "calibrate", help="check the probabilities on labelled calls", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--hotline", type=Path, required=True, metavar="DIR", help="folder with hotline.yaml")
    parser.add_argument("--from-calls", type=Path, required=True, metavar="PATH", help="labelled turns")
    parser.add_argument("--lang", metavar="LANG", help="language, where the script does not tell (default: the first)")
    parser.add_argument(
        "--budget", type=float, default=0.02, metavar="SHARE", help="share of accepted turns that may be wrong (0.02)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--sparse", action="store_true", help="without the sentence encoders")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from ivr.cli.understand import build_hotline, choose_language
    from ivr.dialog.events import Expectation, Spoken
    from ivr.dialog.understanding.curve import curve
    from ivr.errors import InputError

    if not 0 <= args.budget <= 1:
        raise InputError(f"--budget {args.budget}: a share between 0 and 1")
    turns = list(read_turns(args.from_calls))
    if not turns:
        raise InputError(f"{args.from_calls}: no labelled turns in it")
    bundle = build_hotline(args.hotline, sparse=args.sparse)
    known = bundle.understanding.spec.intents
    for where, _, intent in turns:
        if intent and intent not in known:
            raise InputError(f"{where}: no intent `{intent}`; the hotline has {', '.join(sorted(known)) or 'none'}")
    expectation = Expectation("", "route", choose_language(bundle, args.lang), "")
    read = [bundle.understanding.read([Spoken(text, 1.0)], expectation) for _, text, _ in turns]
    found = curve(read, [intent for _, _, intent in turns])
    suggested = found.accept_within(args.budget)
    if args.json:
        print(json.dumps({**dataclasses.asdict(found), "suggested_accept": suggested}))
        return 0
    print(f"{found.turns} turns, {found.outside} out of scope")
    print(f"right in scope {found.accuracy:.3f}; right intent among the candidates {found.coverage:.3f}")
    print(f"calibration error {found.ece:.3f}; AUROC of the scope {found.auroc:.3f}")
    print("accept  taken  wrong")
    for point in found.points:
        print(f"{point.accept:6.2f} {point.accepted:6.1%} {point.wrong:6.1%}")
    print(
        f"accept: {suggested:.2f} keeps wrong turns under {args.budget:.1%}"
        if suggested is not None
        else f"no threshold keeps wrong turns under {args.budget:.1%}"
    )
    return 0


def read_turns(path: Path) -> Iterator[tuple[str, str, str]]:
    """(place, text, intent) of every labelled turn; the intent is empty for out of scope."""
    from ivr.errors import InputError

    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.suffix in (".tsv", ".jsonl"):
                yield from read_turns(file)
        return
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip() or (number == 1 and line.split("\t")[0] == "text"):
            continue
        text, intent = _turn(line, path, number)
        yield f"{path}:{number}", text, "" if intent.lower() in _NONE else intent


def _turn(line: str, path: Path, number: int) -> tuple[str, str]:
    from ivr.errors import InputError

    if path.suffix == ".jsonl":
        try:
            data = json.loads(line)
        except ValueError as error:
            raise InputError(f"{path}:{number}: no JSON: {error}") from error
        if not isinstance(data, dict) or not isinstance(data.get("text"), str):
            raise InputError(f'{path}:{number}: expected {{"text": ..., "intent": ...}}')
        return data["text"], str(data.get("intent") or "")
    text, tab, intent = line.partition("\t")
    if not tab:
        raise InputError(f"{path}:{number}: expected text<TAB>intent")
    return text, intent.strip()
