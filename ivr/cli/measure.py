"""`ivr measure`: how long callers waited for answers, and how fast the bot yielded, from stereo recordings."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ivr.errors import AudioFileError, ConfigError

if TYPE_CHECKING:
    from ivr.replay.measure import Figures, Measurement

_SOUND = {".wav", ".flac"}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "measure",
        help="answer latency and barge-in reaction, measured on stereo recordings",
        description="Measure recordings of calls (caller left, bot right): from the caller's end of speech to the "
        "bot's first sound, and from the caller's onset while the bot speaks until the bot is 12 dB lower or silent. "
        "Exit status 1 if a recording could not be read.",
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a stereo WAV or FLAC, or a folder searched for them")
    parser.add_argument("--json", action="store_true", help="one JSON object a line for each recording, then the sum")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from ivr.replay.measure import measure_file, summarise

    files = list(_expand([Path(path) for path in args.paths]))
    if not files:
        raise ConfigError(f"nothing to measure in {', '.join(args.paths)}: no WAV or FLAC file")
    found: list[Measurement] = []
    failed = 0
    for path in files:
        try:
            found.append(measure_file(path))
        except AudioFileError as error:
            failed += 1
            if args.json:
                print(json.dumps({"file": str(path), "error": str(error)}, ensure_ascii=False))
            print(f"ivr measure: {error}", file=sys.stderr)
            continue
        _print(path, found[-1], as_json=args.json)
    summary = summarise(found)
    if args.json:
        print(json.dumps({"recordings": len(found), **summary.to_json()}))
    elif len(found) > 1:
        print(f"{len(found)} recordings: {_shown(summary.answers, 'answer')}; {_shown(summary.barge_ins, 'barge-in')}")
    return 1 if failed else 0


def _expand(paths: list[Path]) -> Iterator[Path]:
    """The files named, and the sound files in the folders named, in order of name."""
    for path in paths:
        if path.is_dir():
            yield from sorted(found for found in path.rglob("*") if found.suffix.lower() in _SOUND)
        else:
            yield path


def _print(path: Path, found: Measurement, *, as_json: bool) -> None:
    from ivr.audio.frame import to_ms
    from ivr.replay.measure import summarise

    summary = summarise([found])
    if as_json:
        spans = {
            "answers": [{"at_ms": to_ms(span.start), "ms": span.ms} for span in found.answers],
            "barge_ins": [{"at_ms": to_ms(span.start), "ms": span.ms} for span in found.barge_ins],
        }
        print(json.dumps({"file": str(path), **summary.to_json(), **spans}, ensure_ascii=False))
        return
    print(f"{path}: {_shown(summary.answers, 'answer')}; {_shown(summary.barge_ins, 'barge-in')}")
    notes = (
        ("not answered", found.unanswered), ("did not yield", found.unyielding), ("spoke into speech", found.talk_overs)
    )  # fmt: skip
    for what, places in notes:
        if places:
            print(f"  {what} at {', '.join(f'{to_ms(at) / 1000:.2f} s' for at in places)}")


def _shown(figures: Figures, name: str) -> str:
    if not figures.n:
        return f"{name}: none"
    return f"{name}: median {figures.median} ms, p95 {figures.p95} ms, n {figures.n}"
