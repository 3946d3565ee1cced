"""The command line: `ivr VERB`. One module a verb, each with `add_parser(subparsers)` and `run(args) -> int`."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Sequence

from ivr import __version__
from ivr.errors import IvrError


def build_parser(verb: str | None = None) -> argparse.ArgumentParser:
    """The parser of all verbs; of one alone, where `verb` is one: what the others import takes a second."""
    parser = argparse.ArgumentParser(prog="ivr", description="A voice bot for hotline calls.")
    parser.add_argument("--version", action="version", version=f"ivr {__version__}")
    subparsers = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    names = sorted(found.name for found in pkgutil.iter_modules(__path__))
    for name in [verb] if verb in names else names:
        importlib.import_module(f"{__name__}.{name}").add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    given = sys.argv[1:] if argv is None else argv
    args = build_parser(given[0] if given else None).parse_args(given)
    try:
        return int(args.run(args))
    except IvrError as error:
        print(f"ivr {args.verb}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader went away (`| head`): nothing left to say
        return 141


if __name__ == "__main__":
    sys.exit(main())
