"""W13, E14, W25: what callers say: enough examples, no phrase with two meanings, a test in every language."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from scipy.sparse import csr_matrix

from ivr.dialog.lint.context import Context
from ivr.dialog.schema import AskStep, Flow, HandoverStep, Phrases, RouteStep, TestCase
from ivr.dialog.source import Position
from ivr.dialog.text.clean import words_only
from ivr.dialog.text.phonetics import sound
from ivr.dialog.text.templates import TemplateError, expand
from ivr.dialog.understanding.commands import exact_phrases

MIN_EXAMPLES = 5
MAX_CONFUSED = 0.10
MIN_ALIKE = 0.35
"""Cosine below which a nearest neighbour is no neighbour: few examples, nothing in common."""
MAX_PHRASES = 60
"""Phrases of one template that are compared; the rest differs from them in a word."""


def check(context: Context) -> None:
    _examples(context)
    _commands(context)
    for language in context.languages:
        _confused(context, language)
    _tested(context)


def phrases(templates: Iterable[str], limit: int = MAX_PHRASES) -> list[str]:
    """What templates stand for, cleaned; a template that cannot be expanded stands for nothing (E23 tells)."""
    return list(dict.fromkeys(phrase for template in templates for phrase in _cleaned(str(template), limit)))


@lru_cache(maxsize=20_000)
def _cleaned(template: str, limit: int) -> tuple[str, ...]:
    try:
        found = expand(template)[:limit]
    except TemplateError:
        return ()
    return tuple(cleaned for phrase in found if (cleaned := words_only(phrase)))


def _examples(context: Context) -> None:
    for name, flow in context.triggers.items():
        assert flow.trigger is not None
        for language, examples in flow.trigger.examples.items():
            if len(examples) < MIN_EXAMPLES:
                hint = f"{MIN_EXAMPLES} or more, as callers really say it"
                at = flow.trigger.where("examples", language)
                context.add(at, "W13", f"`{name}` has {len(examples)} examples in {language}", hint)
            for number, example in enumerate(examples):
                _template(context, example, flow.trigger.where("examples", language, number))
    spoken: list[Phrases] = list(context.hotline.commands.values())
    spoken += [option for _, _, slot in context.slots for option in slot.options]
    for node in spoken:
        for language, said in node.phrases.items():
            for number, phrase in enumerate(said):
                _template(context, phrase, node.where(language, number))


def _template(context: Context, template: str, at: Position) -> None:
    try:
        expand(template)
    except TemplateError as error:
        context.add(at, "E23", str(error), "[x] is optional, (a|b) is either")


def _commands(context: Context) -> None:
    """E14: a phrase that is a command can never be an answer."""
    for language in context.languages:
        owner: dict[str, str] = {}
        for name, command in context.hotline.commands.items():
            for phrase in phrases(command.phrases.get(language, ()), 500):
                other = owner.setdefault(phrase, name)
                if other != name:
                    message = f"`{phrase}` means the commands `{other}` and `{name}`"
                    context.add(command.where(language), "E14", message, "give it to one of them")
        _answers(context, language, owner)


@cache
def _built_in(language: str) -> Mapping[str, str]:
    """Every phrase of the built-in commands -> the command."""
    return exact_phrases(language, {})


def _answers(context: Context, language: str, owner: dict[str, str]) -> None:
    """E14 for the designer's commands, W31 for the built-in ones."""
    built_in = _built_in(language)

    def compare(said: Iterable[str], at: Position, what: str) -> None:
        for phrase in phrases(said):
            if phrase in owner:
                message = f"`{phrase}` is {what} and the command `{owner[phrase]}`"
                context.add(at, "E14", message, "the command always wins: change one of them")
            elif phrase in built_in:
                message = f"`{phrase}` is {what} and the built-in command `{built_in[phrase]}`"
                context.add(at, "W31", message, "callers who say it may get the command: use other words")

    for name, flow in context.triggers.items():
        assert flow.trigger is not None
        at = flow.trigger.where("examples", language)
        compare(flow.trigger.examples.get(language, ()), at, f"an example of `{name}`")
    for _, name, slot in context.slots:
        for option in slot.options:
            compare(option.phrases.get(language, ()), option.where(language), f"an option of `{name}`")


def _confused(context: Context, language: str) -> None:
    """W13: two triggers whose examples are too much alike."""
    for pair in confused_pairs(context.triggers, language):
        if pair.count >= 2 and pair.share > MAX_CONFUSED:
            trigger = context.flows[pair.one].trigger
            assert trigger is not None
            message = (
                f"`{pair.one}` and `{pair.two}` are confused in {language}: {pair.share:.0%} of their examples, as "
                f"{pair.sample}"
            )
            context.add(trigger.where("examples", language), "W13", message, "make them differ, or join the flows")


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """Two flows, in the order of the alphabet, and how often an example of one is nearest to one of the other."""

    one: str
    two: str
    count: int
    share: float
    """Of the examples of both."""
    sample: str


def confused_pairs(triggers: Mapping[str, Flow], language: str) -> list[ConfusedPair]:
    """Leave each example out in turn; is its nearest neighbour one of another flow?

    A cheap stand-in for the cross-validation of the build: character trigrams (merged pinyin pairs in Chinese), cosine.
    """
    texts: list[str] = []
    owners: list[str] = []
    for name, flow in triggers.items():
        assert flow.trigger is not None
        said = [cleaned for example in flow.trigger.examples.get(language, ()) if (cleaned := words_only(example))]
        texts += said
        owners += [name] * len(said)
    if len(set(owners)) < 2:
        return []
    nearest = _nearest([_grams(text, language) for text in texts])
    totals = Counter(owners)
    swapped: Counter[tuple[str, str]] = Counter()
    samples: dict[tuple[str, str], str] = {}
    for index, other in enumerate(nearest):
        if other >= 0 and owners[index] != owners[other]:
            pair = (min(owners[index], owners[other]), max(owners[index], owners[other]))
            swapped[pair] += 1
            samples.setdefault(pair, f"`{texts[index]}` / `{texts[other]}`")
    return [
        ConfusedPair(one, two, count, count / (totals[one] + totals[two]), samples[one, two])
        for (one, two), count in sorted(swapped.items())
    ]


def _grams(text: str, language: str) -> list[str]:
    if language.startswith("zh"):
        keys = sound(text, language)
        return [*keys, *("".join(keys[index : index + 2]) for index in range(len(keys) - 1))]
    padded = f" {text} "
    return [padded[index : index + 3] for index in range(len(padded) - 2)]


def _nearest(documents: list[list[str]]) -> list[int]:
    """Index of the most similar other document by TF-IDF cosine; -1 when none is alike."""
    columns: dict[str, int] = {}
    for grams in documents:
        for gram in grams:
            columns.setdefault(gram, len(columns))
    found = np.array([columns[gram] for grams in documents for gram in grams], dtype=np.int32)
    ends = np.cumsum([0, *map(len, documents)])
    matrix = csr_matrix((np.ones(len(found), dtype=np.float32), found, ends), (len(documents), len(columns)))
    matrix.sum_duplicates()
    matrix.data *= np.log(1.0 + len(documents) / np.bincount(matrix.indices))[matrix.indices].astype(np.float32)
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    matrix.data /= np.repeat(np.maximum(1e-9, lengths), np.diff(matrix.indptr)).astype(np.float32)
    nearest: list[int] = []
    for start in range(0, len(documents), 500):
        scores = (matrix[start : start + 500] @ matrix.T).toarray()
        rows = np.arange(scores.shape[0])
        scores[rows, rows + start] = -1.0
        best = scores.argmax(axis=1)
        nearest += [int(other) if scores[row, other] >= MIN_ALIKE else -1 for row, other in enumerate(best)]
    return nearest


def _tested(context: Context) -> None:
    """W25: a flow that no test touches in some language."""
    touched: dict[str, set[str]] = defaultdict(set)
    for test in context.definition.tests:
        language = test.given.lang or context.languages[0]
        for name in _touches(context, test):
            touched[name].add(language)
    for name, flow in context.flows.items():
        missing = [language for language in context.languages if language not in touched[name]]
        if missing and _can_stand(flow):
            _missing_test(context, name, flow, missing)


def _can_stand(flow: Flow) -> bool:
    """Whether a turn of a test can end in the flow. One that only speaks and calls is seen by what it does."""
    return flow.trigger is not None or any(isinstance(step, AskStep | RouteStep | HandoverStep) for step in flow.steps)


def _missing_test(context: Context, name: str, flow: Flow, missing: list[str]) -> None:
    hint = f"a turn with `step: {name}/...` or `intent: {name}` in a test with lang: {missing[0]}"
    context.add(flow.where("flow"), "W25", f"no test of flow `{name}` in {', '.join(missing)}", hint)


def _touches(context: Context, test: TestCase) -> set[str]:
    entry = context.hotline.entry
    start = test.given.entry or (entry.outbound if test.given.direction == "outbound" else entry.inbound)
    found = {start or ""}
    for turn in test.turns:
        found.add((turn.step or "").partition("/")[0])
        found.add(turn.intent or "")
    return found
