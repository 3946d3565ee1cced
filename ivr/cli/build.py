"""`ivr build DIR -o BUNDLES`: a hotline as one unchangeable bundle, named by its hash."""

from __future__ import annotations

import argparse
import datetime
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ivr.dialog.bundle import Bundle


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "build",
        help="build a hotline into a bundle",
        description="Parse, lint, train, run the tests; then write everything into a folder named by its hash. "
        "Without -o nothing is written but the cache of trained models.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder with hotline.yaml")
    parser.add_argument("-o", "--output", type=Path, metavar="BUNDLES", help="folder of bundles")
    parser.add_argument("--no-tests", action="store_true", help="build without running the hotline's tests")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit 1, and nothing written, for errors in the hotline or tests that fail."""
    from ivr.app.offline import build_bundle
    from ivr.dialog.lint.trained import check_trained
    from ivr.service.bundle_store import BundleStore

    bundle = build_bundle(args.folder)
    for problem in (*bundle.problems, *check_trained(bundle)):
        print(problem, file=sys.stderr)
    if not args.no_tests and not _tests_pass(bundle, args.folder):
        return 1
    if args.output is not None:
        now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        place = BundleStore(args.output).put(bundle, now)
        print(f"{bundle.definition.hotline.hotline} is in {place}", file=sys.stderr)
    print(bundle.hash)
    return 0


def _tests_pass(bundle: Bundle, folder: Path) -> bool:
    from ivr.app.testing import read_cassette
    from ivr.dialog.testing import report
    from ivr.dialog.testing.runner import run_tests

    results = run_tests(bundle, cassette=read_cassette(folder))
    if not results:
        print("note: the hotline has no tests", file=sys.stderr)
        return True
    print(report.text_report(results), file=sys.stderr)
    failed = sum(not result.passed for result in results)
    if failed:
        print(f"ivr build: {failed} tests failed: not built (--no-tests builds all the same)", file=sys.stderr)
    return not failed
