"""`ivr calibrate --hotline DIR --from-calls PATH`: how the probabilities hold on real calls, and which `accept` and
`confirm` fit an error budget.

PATH is the folder of stored calls, or of one: what callers did next tells what they had meant. Or a file (or a
folder of them): `.tsv` with `text<TAB>intent` a line, or `.jsonl` with {"text": ..., "intent": ...} a line; an
empty intent, `-` or `oos` says that nothing of this hotline was meant.

What was said is read anew by the hotline as it is now, so that the thresholds fit the model that callers will meet.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ivr.dialog.bundle import Bundle
    from ivr.dialog.events import Spoken, Understood
    from ivr.replay.labels import OpenTurn
    from ivr.replay.reliability import Advice, Judged

_NONE = {"", "-", "oos", "none", "other"}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "calibrate", help="check the probabilities on calls, and choose thresholds", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--hotline", type=Path, required=True, metavar="DIR", help="folder with hotline.yaml")
    parser.add_argument(
        "--from-calls", type=Path, required=True, metavar="PATH", help="stored calls, or a file of labelled turns"
    )
    parser.add_argument("--lang", metavar="LANG", help="language, where the script does not tell (default: the first)")
    parser.add_argument(
        "--wrong", "--budget", type=_share, default=0.02, metavar="SHARE",
        help="share of accepted turns that may be wrong: 2%% or 0.02 (the default)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--write", action="store_true", help="put the thresholds into hotline.yaml")
    parser.add_argument("--sparse", action="store_true", help="without the sentence encoders")
    parser.set_defaults(run=run)


def _share(text: str) -> float:
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no share: write 2% or 0.02") from error
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share: between 0 and 1, or 0% and 100%")
    return value


def run(args: argparse.Namespace) -> int:
    from ivr.cli.understand import build_hotline, choose_language
    from ivr.replay.reliability import advise

    calls = list(_stored(args.from_calls))
    labelled = [] if calls else _labelled(args.from_calls)
    bundle = build_hotline(args.hotline, sparse=args.sparse)
    language = choose_language(bundle, args.lang)
    if calls:
        judged, report = _from_calls(bundle, calls, language)
    else:
        judged, report = _from_labels(bundle, labelled, language)
    advice = advise(judged, args.wrong)
    _print(report, judged, advice, as_json=args.json)
    if args.write:
        _write(bundle, args.hotline, advice)
    return 0


# ----------------------------------------------------------------------------------------------------------- from calls


def _stored(path: Path) -> Iterator[Path]:
    """Folders of stored calls at or below a folder, in the order of their names."""
    from ivr.service.recorder import CALL

    if path.is_dir():
        yield from sorted(found.parent for found in path.rglob(CALL))


def _from_calls(bundle: Bundle, folders: Sequence[Path], default: str) -> tuple[list[Judged], dict[str, Any]]:
    from ivr.errors import InputError
    from ivr.replay.labels import open_questions, turns_of
    from ivr.replay.runner import open_stored

    routes = open_questions(bundle)
    turns: list[OpenTurn] = []
    unreadable: list[str] = []
    for folder in folders:
        try:
            stored = open_stored(folder)
            turns += turns_of(str(stored.head.get("id") or folder.name), stored.journal, routes)
        except (InputError, KeyError, TypeError, ValueError, AttributeError) as error:
            unreadable.append(f"{folder}: {error if isinstance(error, InputError) else f'damaged: {error!r}'}")
    for line in unreadable:
        print(f"left out: {line}", file=sys.stderr)
    if len(unreadable) == len(folders):
        raise InputError(f"{len(unreadable)} stored calls, and none can be read")
    if not turns:
        raise InputError(f"{len(folders)} stored calls, and no caller said a word at an open question of this hotline")
    known = bundle.understanding.spec.intents
    gone = Counter(turn.meant for turn in turns if turn.meant and turn.meant not in known)
    turns = [turn for turn in turns if not turn.meant or turn.meant in known]
    read = [_read(bundle, turn.spoken, turn.language or default) for turn in turns]
    judged = [_judge(understood, turn) for understood, turn in zip(read, turns, strict=True)]
    report: dict[str, Any] = {
        "calls": len(folders) - len(unreadable), "unreadable": len(unreadable), "turns": len(turns),
        "labelled": sum(one.right is not None for one in judged),
        "evidence": dict(Counter(turn.evidence or "none" for turn in turns).most_common()),
        "did": dict(Counter(turn.did for turn in turns).most_common()), "unknown_intents": dict(gone),
    }  # fmt: skip
    return judged, report


def _read(bundle: Bundle, spoken: Sequence[Spoken], language: str) -> Understood:
    from ivr.dialog.events import Expectation

    return bundle.understanding.read(spoken, Expectation("", "route", language, ""))


def _judge(understood: Understood, turn: OpenTurn) -> Judged:
    from ivr.replay.reliability import Judged

    best = max((one for one in understood.readings if one.kind == "intent"), key=lambda one: one.p, default=None)
    if best is None:
        return Judged(0.0, False if turn.meant else None)
    return Judged(best.p, turn.right(str(best.value)))


# ---------------------------------------------------------------------------------------------------------- from labels


def _labelled(path: Path) -> list[tuple[str, str, str]]:
    from ivr.errors import InputError

    turns = list(read_turns(path))
    if not turns:
        raise InputError(f"{path}: no stored call and no labelled turns in it" if path.is_dir() else
                         f"{path}: no labelled turns in it")  # fmt: skip
    return turns


def _from_labels(
    bundle: Bundle, turns: Sequence[tuple[str, str, str]], language: str
) -> tuple[list[Judged], dict[str, Any]]:
    from ivr.dialog.events import Spoken
    from ivr.dialog.understanding.curve import curve
    from ivr.errors import InputError
    from ivr.replay.reliability import Judged

    known = bundle.understanding.spec.intents
    for where, _, intent in turns:
        if intent and intent not in known:
            raise InputError(f"{where}: no intent `{intent}`; the hotline has {', '.join(sorted(known)) or 'none'}")
    read = [_read(bundle, [Spoken(text, 1.0)], language) for _, text, _ in turns]
    found = curve(read, [intent for _, _, intent in turns])
    best = [max((r for r in one.readings if r.kind == "intent"), key=lambda r: r.p, default=None) for one in read]
    judged = [
        Judged(0.0, False) if one is None else Judged(one.p, one.value == intent)
        for one, (_, _, intent) in zip(best, turns, strict=True)
    ]
    return judged, {**dataclasses.asdict(found), "labelled": len(turns)}


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


# ------------------------------------------------------------------------------------------------------------- telling


def _print(report: dict[str, Any], judged: Sequence[Judged], advice: Advice, *, as_json: bool) -> None:
    from ivr.replay.reliability import bins_of, trades_of

    bins, trades = bins_of(judged), trades_of(judged)
    if as_json:
        data = report | {
            "bins": [dataclasses.asdict(one) for one in bins],
            "trades": [dataclasses.asdict(one) for one in trades],
            "suggested_accept": advice.accept, "suggested_confirm": advice.confirm, "reason": advice.reason,
        }  # fmt: skip
        print(json.dumps(_finite(data), ensure_ascii=False))
        return
    if "calls" in report:
        print(f"{report['calls']} calls, {report['turns']} turns at open questions, {report['labelled']} labelled")
        told = (f"{count} {name}" for name, count in report["evidence"].items())
        print(f"what callers did next: {', '.join(told)}")
        for intent, count in report["unknown_intents"].items():
            print(f"left out: {count} turns that meant `{intent}`, which the hotline no longer has")
    else:
        print(f"{report['turns']} turns, {report['outside']} out of scope")
        print(f"right in scope {report['accuracy']:.3f}; right intent among the candidates {report['coverage']:.3f}")
        print(f"calibration error {report['ece']:.3f}; AUROC of the scope {report['auroc']:.3f}")
    print("\n        p     n  mean p  right  (95 %)")
    for one in bins:
        low, high = one.interval
        print(f"{one.low:.1f} - {one.high:.1f} {one.n:5}  {one.p:6.2f} {one.right:6.1%}  {low:.1%} to {high:.1%}")
    print("\naccept  taken  wrong  (95 %, labelled)")
    for point in trades:
        low, high = point.interval
        print(f"{point.accept:6.2f} {point.accepted:6.1%} {point.wrong:6.1%}  {low:.1%} to {high:.1%}, {point.n}")
    print()
    if advice.accept is not None:
        print(f"accept: {advice.accept:g}")
        if advice.confirm is not None:
            print(f"confirm: {advice.confirm:g}")
    print(advice.reason)


def _finite(value: Any) -> Any:
    """JSON knows no nan."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _write(bundle: Bundle, folder: Path, advice: Advice) -> None:
    """Raises InputError where there is nothing to write, or the file cannot be changed."""
    from ivr.dialog.thresholds import set_confidence
    from ivr.errors import InputError

    if advice.accept is None:
        raise InputError(f"nothing is written: {advice.reason}")
    values = {"accept": advice.accept}
    confirm = advice.confirm
    if confirm is None:  # may not lie above `accept`
        confirm = min(bundle.program.confirm, advice.accept)
    if confirm != bundle.program.confirm:
        values["confirm"] = confirm
    path = folder / "hotline.yaml"
    try:
        text = path.read_bytes().decode("utf-8")
        path.write_bytes(set_confidence(text, values, str(path)).encode())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be changed: {error}") from error
    told = ", ".join(f"{key} {value:g}" for key, value in values.items())
    print(f"{path}: defaults.confidence has {told} now; look at the difference, then `ivr test`", file=sys.stderr)
