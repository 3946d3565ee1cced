"""`ivr test DIR`: run a hotline's tests, on text and on recordings."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ivr.dialog.bundle import Bundle
    from ivr.dialog.schema import TestCase
    from ivr.dialog.testing.cassette import Cassette
    from ivr.dialog.testing.mutate import MutationScore
    from ivr.dialog.testing.runner import TestResult


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("test", help="run a hotline's tests", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder with hotline.yaml")
    parser.add_argument("tests", nargs="*", metavar="NAME", help="only tests whose name or tag contains one of these")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="also write JUnit XML")
    parser.add_argument("--watch", action="store_true", help="run again whenever a file of the hotline changes")
    parser.add_argument(
        "--record", action="store_true", help="ask the real backend, and keep its answers for later runs"
    )
    parser.add_argument("--mutate", action="store_true", help="put small faults in: do the tests notice?")
    parser.add_argument("--text", action="store_true", help="read audio turns as their reference text")
    parser.add_argument("-v", "--verbose", action="store_true", help="show every talk, and all that is not covered")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit 1 when a test failed."""
    if not args.watch:
        return run_once(args)
    from watchfiles import watch

    print(f"watching {args.folder}; Ctrl+C ends", file=sys.stderr, flush=True)
    code = _run_reporting(args)
    for _ in watch(args.folder):
        code = _run_reporting(args)
    return code


def _run_reporting(args: argparse.Namespace) -> int:
    """A hotline that is broken for the moment does not end the watch."""
    from ivr.errors import IvrError

    try:
        return run_once(args)
    except IvrError as error:
        print(error, flush=True)
        return 1


def run_once(args: argparse.Namespace) -> int:
    from ivr.dialog.bundle import build
    from ivr.dialog.testing import coverage, report
    from ivr.errors import InputError

    bundle = build(args.folder)
    tests = _chosen(bundle.definition.tests, args.tests)
    if not tests:
        raise InputError(f"there is no test to run in {args.folder / 'tests'}")
    results, cassette = _results(bundle, tests, args)
    covered = coverage.measure(bundle.program, results, coverage.confusable(bundle.definition))
    if args.junit:
        args.junit.write_text(report.junit_report(bundle.program.hotline, results), encoding="utf-8")
    if args.json:
        data = report.json_report(results, covered)
        if args.mutate:
            data["mutation"] = report.mutation_json(_mutate(bundle, cassette))
        print(json.dumps(data, ensure_ascii=False, indent=2))
    else:
        print(report.text_report(results, covered, verbose=args.verbose))
        if args.mutate:
            print("\n" + report.mutation_text(_mutate(bundle, cassette), verbose=args.verbose), flush=True)
    return 0 if all(result.passed for result in results) else 1


def _results(
    bundle: Bundle, tests: Sequence[TestCase], args: argparse.Namespace
) -> tuple[list[TestResult], Cassette | None]:
    """Run them; the engines and the backend are loaded only for tests that need them."""
    from ivr.app.testing import read_cassette, recogniser, recording
    from ivr.dialog.testing.runner import run_tests

    spoken = any(turn.audio for test in tests for turn in test.turns) and not args.text
    transcribe = recogniser(args.folder) if spoken else None
    if not args.record:
        cassette = read_cassette(args.folder)
        return run_tests(bundle, tests, transcribe, time.perf_counter, cassette), cassette
    with recording(bundle, args.folder) as cassette:
        results = run_tests(bundle, tests, transcribe, time.perf_counter, cassette)
    cassette.live = None
    return results, cassette


def _mutate(bundle: Bundle, cassette: Cassette | None) -> MutationScore:
    from ivr.dialog.testing.mutate import mutation_score

    return mutation_score(bundle, cassette=cassette)


def _chosen(tests: Sequence[TestCase], wanted: Sequence[str]) -> list[TestCase]:
    return [test for test in tests if not wanted or any(word in " ".join([test.test, *test.tags]) for word in wanted)]
