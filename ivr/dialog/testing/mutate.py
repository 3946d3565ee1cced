"""Do the tests notice? Small faults are put into the program, one at a time; each should make some test fail."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ivr.dialog.bundle import Bundle
from ivr.dialog.engine import program as p
from ivr.dialog.engine.filters import Constant
from ivr.dialog.testing.cassette import Cassette
from ivr.dialog.testing.runner import run_test
from ivr.dialog.testing.simulator import CachedReader


@dataclass(frozen=True, slots=True)
class Mutant:
    what: str
    source: str
    program: p.Program


@dataclass(frozen=True, slots=True)
class MutationScore:
    noticed: int
    total: int
    survivors: tuple[Mutant, ...]

    @property
    def share(self) -> float:
        return self.noticed / self.total if self.total else 1.0


def mutation_score(bundle: Bundle, limit: int = 0, cassette: Cassette | None = None) -> MutationScore:
    """Run the tests against every mutant until one fails. `limit` > 0 takes an even sample of so many mutants."""
    found = list(mutants(bundle.program))
    if 0 < limit < len(found):
        found = [found[index * len(found) // limit] for index in range(limit)]
    reader = CachedReader(bundle)
    survivors = tuple(mutant for mutant in found if not _noticed(bundle, mutant, reader, cassette))
    return MutationScore(len(found) - len(survivors), len(found), survivors)


def _noticed(bundle: Bundle, mutant: Mutant, reader: CachedReader, cassette: Cassette | None) -> bool:
    changed = dataclasses.replace(bundle, program=mutant.program)
    return any(not run_test(changed, test, reader, cassette=cassette).passed for test in bundle.definition.tests)


def mutants(program: p.Program) -> Iterator[Mutant]:
    yield Mutant("threshold: accept everything that could be confirmed", "hotline.yaml", _thresholds(program, 0.5, 0.5))
    yield Mutant("threshold: accept nothing unsure", "hotline.yaml", _thresholds(program, 0.99, 0.98))
    for event, ladder in program.catch.items():
        for number, rung in enumerate(ladder, 1):
            catch = _without_rung(program.catch, event, number)
            yield Mutant(f"no rung {number} of {event}", rung.source, dataclasses.replace(program, catch=catch))
    for flow in program.flows.values():
        for step in flow.steps.values():
            for what, changed in _steps(step):
                steps = {**flow.steps, step.id: changed}
                flows = {**program.flows, flow.id: dataclasses.replace(flow, steps=steps)}
                yield Mutant(f"{flow.id}/{step.id}: {what}", step.source, dataclasses.replace(program, flows=flows))


def _thresholds(program: p.Program, accept: float, confirm: float) -> p.Program:
    return dataclasses.replace(program, accept=accept, confirm=confirm)


def _steps(step: p.StepCode) -> Iterator[tuple[str, p.StepCode]]:
    for number, branch in enumerate(step.next):
        rest = (*step.next[:number], *step.next[number + 1 :])
        yield f"no edge to {branch.to}", dataclasses.replace(step, next=rest)
        if branch.condition is not None:
            always = (*step.next[:number], dataclasses.replace(branch, condition=None), *step.next[number + 1 :])
            yield f"always to {branch.to}", dataclasses.replace(step, next=always)
    if step.condition is not None:
        yield "without its `if`", dataclasses.replace(step, condition=None)
    for event, ladder in step.catch.items():
        for rung in range(1, len(ladder) + 1):
            yield f"no rung {rung} of {event}", dataclasses.replace(step, catch=_without_rung(step.catch, event, rung))
    if isinstance(step, p.SayStep | p.CallStep | p.SetStep):
        yield "skipped", dataclasses.replace(step, condition=Constant(value=False))


def _without_rung(catch: p.Catch, event: str, number: int) -> Mapping[str, tuple[p.HandlerCode, ...]]:
    ladder: Sequence[p.HandlerCode] = catch[event]
    rest = (*ladder[: number - 1], *ladder[number:])
    if rest:
        return {**catch, event: rest}
    return {name: rungs for name, rungs in catch.items() if name != event}
