"""What the tests have seen of a hotline: steps, branches, ladder rungs, events, action outcomes, languages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ivr.dialog.engine.program import Catch, Program, StepCode, prompts_of
from ivr.dialog.events import Decision, JsonValue
from ivr.dialog.lint.phrases import confused_pairs
from ivr.dialog.loader import Definition
from ivr.dialog.testing.runner import TestResult, picked_intents

KINDS = ("steps", "branches", "rungs", "events", "actions", "variants", "pairs")
"""`variants`: wordings of prompts that have several. `pairs`: flows whose examples are near each other, by language;
seen when the tests understand both."""


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


def confusable(definition: Definition) -> set[str]:
    """`language: one / two` for each pair of triggers of which an example is nearest to one of the other."""
    triggers = {name: flow for name, flow in definition.flows.items() if flow.trigger}
    return {
        _pair(language, pair.one, pair.two)
        for language in definition.languages
        for pair in confused_pairs(triggers, language)
    }


def _pair(language: str, one: str, two: str) -> str:
    return f"{language}: {one} / {two}"


def measure(program: Program, results: Sequence[TestResult], pairs: Iterable[str] = ()) -> Coverage:
    coverage = Coverage(_there(program))
    coverage.there["pairs"].update(pairs)
    coverage.by_language = {language: set() for language in program.languages}
    for result in results:
        for decision in result.decisions:
            _note(coverage, decision, result.language)
        for said in result.said:
            coverage.seen["variants"].add(_variant(said.source, said.language, said.variant))
    _note_pairs(coverage, results)
    return coverage


def _note_pairs(coverage: Coverage, results: Sequence[TestResult]) -> None:
    understood: dict[str, set[str]] = {}
    for result in results:
        understood.setdefault(result.language, set()).update(picked_intents(result.decisions))
    for language, intents in understood.items():
        names = sorted(intents)
        coverage.seen["pairs"].update(
            _pair(language, one, two) for number, one in enumerate(names) for two in names[number + 1 :]
        )


def _variant(source: str, language: str, number: int) -> str:
    return f"{source} {language} {number + 1}"


def _there(program: Program) -> dict[str, set[str]]:
    there: dict[str, set[str]] = {kind: set() for kind in KINDS}
    _catch(there, program.catch)
    for flow in program.flows.values():
        _catch(there, flow.catch)
        for step in flow.steps.values():
            there["steps"].add(f"{flow.id}/{step.id}")
            there["branches"].update(_branches(flow.id, step))
            _catch(there, step.catch)
    for prompt in prompts_of(program):
        for language, variants in prompt.variants.items():
            if len(variants) > 1 and prompt.source:
                there["variants"].update(_variant(prompt.source, language, number) for number in range(len(variants)))
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
