"""Which phrases the trained model takes for another intent's when it was trained without them.

That is what a caller meets who words a wish as only this phrase does. Worked out from what the model keeps (the vectors
of its examples) in closed form, so it costs a matrix inversion a language: no training, no encoder.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivr.dialog.understanding.branches import GAMMA_DENSE, GAMMA_SPARSE
from ivr.dialog.understanding.intents import IntentModel, _thinned
from ivr.dialog.understanding.kernel import Matrix, Ridge, level, radial
from ivr.dialog.understanding.model import Understanding, examples_of
from ivr.dialog.understanding.spec import UnderstandingSpec

SURE = 0.5
"""From this probability on, given that some intent was meant, a phrase is taken for another intent's."""


@dataclass(frozen=True, slots=True)
class Misread:
    """A phrase, and the intent it would be taken for."""

    language: str
    intent: str
    template: int | None
    """Which of the intent's examples in this language it is of, from 0; None for its title."""
    phrase: str
    taken_for: str
    p: float
    """Probability of that, given that some intent was meant."""


def misread_phrases(understanding: Understanding) -> list[Misread]:
    """One a template (its surest phrase), in the order of the hotline's phrases."""
    found: list[Misread] = []
    for language, model in understanding.models.items():
        if model is not None:
            found += _misread(understanding.spec, language, model)
    return found


def _misread(spec: UnderstandingSpec, language: str, model: IntentModel) -> list[Misread]:
    examples = _thinned(examples_of(spec, language))
    if len(examples) != len(model.labels) or len(model.names) < 2:
        return []
    numbers = np.array([number for _, _, number in examples])
    groups = [np.flatnonzero(numbers == number) for number in dict.fromkeys(numbers.tolist())]
    p = left_out(model, groups)
    places = _places(spec, language)
    found = []
    for group in groups:
        row = max(group, key=lambda row: p[row].max())
        best = int(p[row].argmax())
        if best != model.labels[row] and p[row, best] >= SURE:
            text, intent, number = examples[row]
            found.append(
                Misread(language, intent, places[number], text, model.names[best], round(float(p[row, best]), 4))
            )
    return found


def left_out(model: IntentModel, groups: list[NDArray[np.intp]]) -> Matrix:
    """(n, classes): probabilities of each example, given that some intent was meant, by a model that has not seen its
    group."""
    sparse = _scores(radial(model.sparse.among(), GAMMA_SPARSE), model, groups)
    dense = None
    if model.dense is not None:
        near = np.asarray(model.dense.rows @ model.dense.rows.T, dtype=np.float64)
        dense = _scores(radial(near, GAMMA_DENSE), model, groups)
    return model.fusion.p(sparse, dense)


def _scores(kernel: Matrix, model: IntentModel, groups: list[NDArray[np.intp]]) -> Matrix:
    members = [group.astype(np.int64) for group in groups]
    ridge = Ridge.fit(kernel, model.labels, len(model.names))
    return ridge.left_out(kernel, members, members) * level(kernel, model.labels, members)


def _places(spec: UnderstandingSpec, language: str) -> list[int | None]:
    """The number that `examples_of` gives a template -> its place among the intent's examples; None = the title."""
    places: list[int | None] = []
    for intent in dict.fromkeys((*spec.intents, *spec.titles)):
        count = len(spec.intents.get(intent, {}).get(language, ()))
        places += range(count)
        if count and spec.titles.get(intent, {}).get(language):
            places.append(None)
    return places
