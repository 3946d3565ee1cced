"""`ivr draw`: a stored call as a picture."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ivr.errors import InputError


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "draw",
        help="draw a stored call: both sides' sound, words and decisions on one time line (SVG)",
        description="Draw a stored call as SVG: caller above, bot below, what they said, where prompts were "
        "ducked, cut or resumed.",
    )
    parser.add_argument("call", metavar="CALL", help="the call's folder (journal.jsonl and recording.flac)")
    parser.add_argument("-o", "--output", metavar="FILE", help="where to write it (default: standard output)")
    parser.add_argument(
        "--turn", type=int, metavar="N",
        help="only the caller's N-th turn, close up: voice, words, work done ahead, each decision",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from ivr.replay.picture import draw_call
    from ivr.replay.turn_picture import draw_turn_of

    try:
        svg = draw_call(Path(args.call)) if args.turn is None else draw_turn_of(Path(args.call), args.turn)
    except OSError as error:
        raise InputError(f"{args.call}: not a stored call: {error.filename or error}") from error
    if args.output:
        Path(args.output).write_text(svg, encoding="utf-8")
    else:
        sys.stdout.write(svg)
    return 0
