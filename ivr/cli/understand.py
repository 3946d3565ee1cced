"""`ivr understand --hotline DIR TEXT`: what a hotline makes of a text, with probabilities."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ivr.dialog.bundle import Bundle
    from ivr.dialog.events import SlotExpectation, Understood


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("understand", help="what a hotline makes of a text", description=__doc__)
    parser.add_argument("text", nargs="?", metavar="TEXT", help="what the caller said")
    parser.add_argument("--hotline", type=Path, required=True, metavar="DIR", help="folder with hotline.yaml")
    parser.add_argument("--file", type=Path, metavar="FILE", help="one text a line; gives one JSON object a line")
    parser.add_argument("--lang", metavar="LANG", help="language, where the script does not tell (default: the first)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--sparse", action="store_true", help="without the sentence encoders")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from ivr.errors import InputError

    if (args.text is None) == (args.file is None):
        raise InputError("give one text, or --file FILE with one text a line")
    lines = [args.text] if args.file is None else list(read_lines(args.file))
    bundle = build_hotline(args.hotline, sparse=args.sparse)
    language = choose_language(bundle, args.lang)
    for line in lines:
        understood = read_open(bundle, line, language)
        if args.json or args.file is not None:
            print(json.dumps(as_json(line, understood), ensure_ascii=False))
        else:
            print("\n".join(as_text(understood)))
    return 0


def build_hotline(folder: Path, sparse: bool = False) -> Bundle:
    """The hotline with the encoders that are installed; says so once where none is."""
    from ivr.dialog.bundle import build
    from ivr.nlu_encoder import load_encoders

    encoders = {} if sparse else load_encoders(("en", "zh"), threads=2)
    if not encoders and not sparse:
        print(
            "no sentence encoder is installed, so n-grams alone: `ivr models fetch bge-small-en bge-small-zh`",
            file=sys.stderr,
        )
    return build(folder, encoders)


def choose_language(bundle: Bundle, wanted: str | None) -> str:
    from ivr.errors import InputError

    languages = bundle.understanding.spec.languages
    if wanted is None:
        return languages[0]
    if wanted not in languages:
        raise InputError(f"--lang {wanted}: the hotline speaks {', '.join(languages)}")
    return wanted


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a text file; bytes that are no UTF-8 become U+FFFD."""
    from ivr.errors import InputError

    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    text = data.decode("utf-8-sig", errors="replace")
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    return (line.rstrip("\r") for line in lines)


def read_open(bundle: Bundle, text: str, language: str) -> Understood:
    """`text` as the answer to an open question at which every kind of slot of the hotline may be filled."""
    from datetime import datetime

    from ivr.dialog.events import Expectation, Spoken

    now = datetime.now().astimezone().isoformat()
    expectation = Expectation("", "route", language, "", slots=tuple(_slots(bundle)), now=now, open=True)
    return bundle.understanding.read([Spoken(text, 1.0)], expectation)


def _slots(bundle: Bundle) -> Iterator[SlotExpectation]:
    """One slot of each type, and every choice."""
    from ivr.dialog.events import SlotExpectation

    seen = {"text", "choice", "yes_no"}
    for name, slot in _named_slots(bundle):
        if slot.type == "choice":
            yield SlotExpectation(name, "choice", options=tuple(str(option.value) for option in slot.options))
        elif slot.type not in seen:
            seen.add(slot.type)
            yield SlotExpectation(name, slot.type, slot.length)


def _named_slots(bundle: Bundle) -> Iterable[tuple[str, Any]]:
    definition = bundle.definition
    yield from definition.hotline.slots.items()
    for flow in definition.flows.values():
        for name, slot in flow.slots.items():
            yield f"{flow.flow}.{name}", slot


def as_json(text: str, understood: Understood) -> dict[str, Any]:
    readings = [
        {"kind": one.kind, "value": one.value, "p": round(one.p, 4), **({"slot": one.slot} if one.slot else {})}
        for one in understood.readings
    ]
    return {
        "text": text,
        "readings": readings,
        "candidates": list(understood.candidates),
        "in_scope": round(understood.in_scope, 4),
        "language": understood.language,
    }


def as_text(understood: Understood) -> Iterator[str]:
    for one in understood.readings:
        value = "" if one.value is None else f" {json.dumps(one.value, ensure_ascii=False)}"
        weighed = " (not asked for)" if "weighed" in one.detail else ""
        yield f"{one.p:5.3f}  {one.kind}{value}{f'  {one.slot}' if one.slot else ''}{weighed}"
    yield f"in scope {understood.in_scope:.3f}; candidates: {', '.join(understood.candidates) or 'none'}"
