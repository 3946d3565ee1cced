"""Test results for people (terminal), for programs (JSON) and for CI servers (JUnit XML)."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from ivr.dialog.events import JsonValue
from ivr.dialog.testing.coverage import KINDS, Coverage
from ivr.dialog.testing.mutate import MutationScore
from ivr.dialog.testing.runner import Mismatch, TestResult


def text_report(results: Sequence[TestResult], coverage: Coverage | None = None, *, verbose: bool = False) -> str:
    """Failures in full, then a line of sums, then the coverage table."""
    lines: list[str] = []
    for result in results:
        if verbose or not result.passed:
            lines.append(f"{'ok  ' if result.passed else 'FAIL'} {result.name}  ({result.source})")
            lines += [f"     {line}" for line in result.log] if verbose else []
            lines += [line for mismatch in result.mismatches for line in diff(mismatch)]
    notes = dict.fromkeys(note for result in results for note in result.notes)
    lines += [f"note: {note}" for note in notes]
    failed = sum(not result.passed for result in results)
    turns, seconds = sum(result.turns for result in results), sum(result.seconds for result in results)
    rate = f", {turns / seconds:.0f} turns/s" if seconds > 0 else ""
    lines.append(f"{len(results)} tests, {failed} failed, {turns} turns in {seconds:.2f} s{rate}")
    if coverage is not None:
        lines += ["", *coverage_table(coverage, verbose=verbose)]
    return "\n".join(lines)


def diff(mismatch: Mismatch) -> list[str]:
    """One expectation beside what came, with the turn it belongs to."""
    where = f"turn {mismatch.turn}" if mismatch.turn else "the call"
    lines = [f"     {mismatch.source}: {where}, {mismatch.what}"]
    if mismatch.did:
        lines.append(f"       caller    {mismatch.did}")
    lines.append(f"       expected  {mismatch.expected}")
    lines.append(f"       actual    {mismatch.actual}")
    if mismatch.said and mismatch.what != "says":
        lines.append(f"       bot said  {' / '.join(mismatch.said)}")
    return lines


def coverage_table(coverage: Coverage, *, verbose: bool = False) -> list[str]:
    lines = [f"{'coverage':<12}{'seen':>6}{'of':>6}{'share':>8}   not seen"]
    for kind in KINDS:
        missing = coverage.missing(kind)
        seen, total = len(coverage.there[kind]) - len(missing), len(coverage.there[kind])
        shown = missing if verbose else missing[:3]
        rest = f" and {len(missing) - len(shown)} more" if len(missing) > len(shown) else ""
        lines.append(f"{kind:<12}{seen:>6}{total:>6}{coverage.share(kind):>8.0%}   {', '.join(shown)}{rest}".rstrip())
    total = len(coverage.there["steps"])
    for language, steps in sorted(coverage.by_language.items()):
        seen = len(steps & coverage.there["steps"])
        lines.append(f"{'steps in ' + language:<12}{seen:>6}{total:>6}{coverage.language_share(language):>8.0%}")
    return lines


def json_report(results: Sequence[TestResult], coverage: Coverage | None = None) -> dict[str, JsonValue]:
    report: dict[str, JsonValue] = {
        "passed": sum(result.passed for result in results),
        "failed": sum(not result.passed for result in results),
        "tests": [_result_json(result) for result in results],
    }
    if coverage is not None:
        report["coverage"] = coverage.to_json()
    return report


def _result_json(result: TestResult) -> dict[str, JsonValue]:
    return {
        "name": result.name,
        "source": result.source,
        "language": result.language,
        "passed": result.passed,
        "turns": result.turns,
        "seconds": round(result.seconds, 4),
        "notes": list(result.notes),
        "mismatches": [
            {
                "turn": mismatch.turn,
                "what": mismatch.what,
                "expected": mismatch.expected,
                "actual": mismatch.actual,
                "source": mismatch.source,
                "caller": mismatch.did,
                "said": list(mismatch.said),
            }
            for mismatch in result.mismatches
        ],
    }


def junit_report(hotline: str, results: Sequence[TestResult]) -> str:
    failed = sum(not result.passed for result in results)
    seconds = sum(result.seconds for result in results)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuite name={quoteattr(hotline)} tests="{len(results)}" failures="{failed}" time="{seconds:.3f}">',
    ]
    for result in results:
        file, _, line = result.source.rpartition(":")
        place = f'file={quoteattr(file)} line="{line}" time="{result.seconds:.4f}"'
        head = f"  <testcase name={quoteattr(result.name)} {place}"
        if result.passed:
            lines.append(head + "/>")
            continue
        text = "\n".join(line for mismatch in result.mismatches for line in diff(mismatch))
        first = result.mismatches[0]
        lines.append(head + ">")
        lines.append(f"    <failure message={quoteattr(f'{first.what}: {first.actual}')}>{escape(text)}</failure>")
        lines.append("  </testcase>")
    return "\n".join([*lines, "</testsuite>", ""])


def mutation_text(score: MutationScore, *, verbose: bool = False) -> str:
    lines = [f"mutation score {score.share:.0%}: the tests notice {score.noticed} of {score.total} faults"]
    shown = score.survivors if verbose else score.survivors[:10]
    lines += [f"  not noticed: {mutant.source} {mutant.what}" for mutant in shown]
    if len(shown) < len(score.survivors):
        lines.append(f"  and {len(score.survivors) - len(shown)} more (-v shows all)")
    return "\n".join(lines)


def mutation_json(score: MutationScore) -> dict[str, JsonValue]:
    survivors: list[JsonValue] = [{"what": mutant.what, "source": mutant.source} for mutant in score.survivors]
    return {"noticed": score.noticed, "total": score.total, "share": round(score.share, 4), "survivors": survivors}
