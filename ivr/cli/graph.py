"""`ivr graph`: the flows of a hotline as a picture."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ivr.errors import ConfigError

if TYPE_CHECKING:
    from ivr.dialog.graph import Coverage


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("graph", help="draw the flows of a hotline (SVG, HTML or JSON)")
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder with hotline.yaml")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="x.svg, x.html or x.json (default: NAME.html)"
    )
    parser.add_argument("--json", action="store_true", help="print the data as JSON")
    parser.add_argument("--flow", action="append", default=[], help="only this flow (may be given more than once)")
    parser.add_argument(
        "--coverage", type=Path, metavar="FILE", help="output of `ivr test --json`: shows what is untested"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from ivr.dialog import drawing, graph
    from ivr.dialog.loader import load

    definition = load(args.folder)
    coverage = _coverage(args.coverage) if args.coverage else None
    graphs = graph.build(definition, coverage)
    if unknown := set(args.flow) - set(definition.flows):
        raise ConfigError(
            f"no such flow: {', '.join(sorted(unknown))}; there are {', '.join(sorted(definition.flows))}"
        )
    if args.flow:
        graphs = [each for each in graphs if each.flow in args.flow]
    data = json.dumps(graph.as_json(definition, graphs, coverage), ensure_ascii=False, indent=1)
    if args.json:
        print(data)
        return 0
    output: Path = args.output or Path(f"{definition.hotline.hotline}.html")
    shown = graphs if args.flow else [graph.overview(definition, coverage), *graphs]
    texts = {
        ".svg": lambda: drawing.svg(shown),
        ".html": lambda: drawing.html(definition.hotline.hotline, shown),
        ".json": lambda: data + "\n",
    }
    if output.suffix not in texts:
        raise ConfigError(f"{output}: the name must end in .svg, .html or .json")
    output.write_text(texts[output.suffix](), encoding="utf-8")
    print(output)
    return 0


def _coverage(path: Path) -> Coverage:
    from ivr.dialog.graph import Coverage

    try:
        return Coverage.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ConfigError(f"--coverage {path}: {error}") from error
