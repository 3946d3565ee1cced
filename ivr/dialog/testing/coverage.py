"""What the tests have seen of a hotline: steps, branches, ladder rungs, events, action outcomes, languages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ivr.dialog.engine.program import Catch, Program, StepCode
from ivr.dialog.events import Decision, JsonValue
from ivr.dialog.testing.runner import TestResult

KINDS = ("steps", "branches", "rungs", "events", "actions")


@dataclass(slots=True)
class Coverage:
    """Of each kind: everything there is, and what was seen. Keys are names a designer knows."""

    there: dict[str, set[str]]
    seen: dict[str, set[str]] = field(default_factory=lambda: {kind: set() for kind in KINDS})
    by_language: dict[str, set[str]] = field(default_factory=dict)
    """Language -> steps seen in it."""

    def missing(self, kind: str) -> list[str]:
        return sorted(self.there[kind] - self.seen[kind])

    def share(self, kind: str) -> float:
        total = len(self.there[kind])
        return len(self.there[kind] & self.seen[kind]) / total if total else 1.0

    def language_share(self, language: str) -> float:
        total = len(self.there["steps"])
        return len(self.there["steps"] & self.by_language.get(language, set())) / total if total else 1.0

    def to_json(self) -> dict[str, JsonValue]:
        kinds: dict[str, JsonValue] = {
            kind: {
                "total": len(self.there[kind]),
                "covered": len(self.there[kind] & self.seen[kind]),
                "share": round(self.share(kind), 4),
                "missing": list(self.missing(kind)),
            }
            for kind in KINDS
        }
        languages: dict[str, JsonValue] = {name: round(self.language_share(name), 4) for name in self.by_language}
        return {**kinds, "languages": languages}


def measure(program: Program, results: Sequence[TestResult]) -> Coverage:
    coverage = Coverage(_there(program))
    coverage.by_language = {language: set() for language in program.languages}
    for result in results:
        for decision in result.decisions:
            _note(coverage, decision, result.language)
    return coverage


def _there(program: Program) -> dict[str, set[str]]:
    there: dict[str, set[str]] = {kind: set() for kind in KINDS}
    _catch(there, program.catch)
    for flow in program.flows.values():
        _catch(there, flow.catch)
        for step in flow.steps.values():
            there["steps"].add(f"{flow.id}/{step.id}")
            there["branches"].update(_branches(flow.id, step))
            _catch(there, step.catch)
    for name in program.actions:
        there["actions"].update({f"{name} ok", f"{name} error"})
    return there


def _branches(flow: str, step: StepCode) -> Iterable[str]:
    return (f"{flow}/{step.id} -> {branch.to}" for branch in step.next)


def _catch(there: dict[str, set[str]], catch: Catch) -> None:
    for event, ladder in catch.items():
        there["events"].add(event)
        there["rungs"].update(f"{rung.source} {event} {number}" for number, rung in enumerate(ladder, 1))


def _note(coverage: Coverage, decision: Decision, language: str) -> None:
    seen, rule, detail = coverage.seen, decision.rule, decision.detail
    if rule == "1 run: step":
        seen["steps"].add(decision.step)
        coverage.by_language.setdefault(language, set()).add(decision.step)
    elif rule == "1 run: next":
        seen["branches"].add(f"{decision.step.partition(':')[0]} -> {detail['to']}")
    elif rule.startswith("9 catch: "):
        event = str(detail.get("caught", ""))
        seen["events"].add(event)
        seen["rungs"].add(f"{decision.source} {event} {detail.get('rung')}")
    elif rule.startswith("13 call: ") and "action" in detail and "id" in detail:
        end = rule.removeprefix("13 call: ")
        if end in ("result", "timeout", "http", "data"):
            seen["actions"].add(f"{detail['action']} {'ok' if end == 'result' else 'error'}")
