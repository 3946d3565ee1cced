"""The two last steps of training: was anything of this hotline meant, and is the winning intent the right one?

Both are logistic regressions over predictions for left-out examples: nothing is fitted on what a classifier has seen.

    in scope   left-out examples, also with recognition errors, against the hotline's own hidden intents and the
               background sentences
    right      the same, with the share of strange turns that live calls have

How many strange turns are *near misses* differs between hotlines. Where the hotline's intents are all of one trade (a
bank's cards), a strange wish mostly belongs to that trade too and looks like a hidden intent. Where they are of
all kinds, strange talk is no nearer than any other talk. `kinship` measures which of both a hotline is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivr.dialog.understanding.calibration import Vector, auroc, fit_logistic, logit, sigmoid
from ivr.dialog.understanding.kernel import Matrix
from ivr.dialog.understanding.scope import (
    OUTSIDE_SHARE,
    PRIOR_DENSE,
    PRIOR_SPARSE,
    PRIOR_STRENGTH,
    Scored,
    features,
)

NOISED = 0.5
"""Share of the turns in scope that are taken to carry recognition errors, or to be worded as unlike the examples as if
they did: examples are worded more like each other than callers word their wishes."""
_KINDRED = 1.4
_BACKGROUND = 0.8
"""Weight of background sentences in the detector, beside 1 for the hidden intents."""
_NATIVE = 0.05
"""Share of the examples that are further from the rest of their own intent than a background sentence may be from the
intent that it looks like."""
_SURELY_NEAR = 0.45
"""Cosine under which a background sentence is never an intent's."""
_STRENGTH = 3.0
_PRIOR = np.array([0.0, 0.3, 0.3, 0.0, 0.5])
MAX_WEIGHT = 500
"""Examples the detector's evidence counts as at most, so that its prior is not drowned by near duplicates."""


@dataclass(frozen=True)
class Judged:
    """Left-out predictions, and which of them are right."""

    scored: Scored
    right: NDArray[np.bool_]


@dataclass(frozen=True)
class Evidence:
    """Predictions for texts that the classifiers have not seen."""

    inside: Sequence[Judged]
    """Left-out examples, by all classifiers and by those of each round of hiding."""
    noised: Judged
    """The same with recognition errors."""
    outside: Sequence[Scored]
    """The intents hidden in each round."""
    apart: Scored | None
    """The background sentences."""

    def strangers(self) -> NDArray[np.int64]:
        """The background sentences but those that this hotline has an intent for after all (a cinema's line is asked
        for films): as near to the intent that they look like as nearly all examples are to the rest of theirs."""
        if self.apart is None:
            return np.zeros(0, dtype=np.int64)
        usual = _near_in_class(self.inside[0].scored)
        return np.flatnonzero(_near_in_class(self.apart) < max(float(np.quantile(usual, _NATIVE)), _SURELY_NEAR))

    def near_misses(self) -> float:
        """Share of strange turns that are as near as a hidden intent."""
        if not self.outside:
            return 0.0
        if self.apart is None:
            return 1.0
        kinship = 2 * auroc(np.concatenate([_near(scored) for scored in self.outside]), _near(self.apart)) - 1
        return float(min(1.0, _KINDRED * max(kinship, 0.0) ** 4))

    def _in_scope(self) -> list[tuple[Judged, float]]:
        """With their shares, which sum to 1."""
        each = (1 - NOISED) / len(self.inside)
        return [*((judged, each) for judged in self.inside), (self.noised, NOISED)]


def detect(scored: Scored, detector: Vector) -> Vector:
    """Probability (m,) that something of the hotline was meant."""
    return sigmoid(detector[0] + features(scored) @ detector[1:])


def combine(in_scope: Vector, p: Vector, trust: Vector) -> Vector:
    """Both probabilities of the winning intents (m,) -> probability of being right (m,)."""
    return sigmoid(trust[0] + _signs(in_scope, p) @ trust[1:])


def _signs(in_scope: Vector, p: Vector) -> Matrix:
    """(m, 4). The third lets a doubtful scope weigh otherwise than a sure one; the last is the logit of both together
    (in scope *and* the right intent), which no sum of the others can say."""
    scope = logit(in_scope)
    return np.column_stack([scope, logit(p), np.maximum(scope, 0.0), logit(in_scope * p)])


def _near(scored: Scored) -> Vector:
    return scored.near_sparse if scored.near_dense is None else scored.near_dense


def _near_in_class(scored: Scored) -> Vector:
    return scored.near_sparse if scored.near_in_class is None else scored.near_in_class


def fit_detector(evidence: Evidence, examples: int, dense: bool) -> Vector:
    """(10,): logistic over the signs of `features`, bias first."""
    parts: list[Matrix] = []
    labels: list[Vector] = []
    weights: list[Vector] = []

    def add(scored: Scored, label: float, share: float) -> None:
        parts.append(features(scored))
        labels.append(np.full(len(scored), label))
        weights.append(np.full(len(scored), share / len(scored)))

    for judged, share in evidence._in_scope():
        add(judged.scored, 1.0, share)
    for scored in evidence.outside:
        add(scored, 0.0, 1 / len(evidence.outside))
    if evidence.apart is not None:
        add(evidence.apart, 0.0, _BACKGROUND)
    weight = np.concatenate(weights) * min(examples, MAX_WEIGHT)
    prior = PRIOR_DENSE if dense else PRIOR_SPARSE
    return fit_logistic(np.vstack(parts), np.concatenate(labels), weight, prior, PRIOR_STRENGTH)


def fit_trust(evidence: Evidence, detector: Vector, examples: int, near_misses: float) -> Vector:
    """(5,): logistic over the signs of `combine`, bias first, at the live share of strange turns."""
    strange: list[tuple[Scored, float]] = []
    if evidence.outside:
        strange += [(scored, near_misses / len(evidence.outside)) for scored in evidence.outside]
    if evidence.apart is not None:
        strange.append((evidence.apart, 1 - near_misses if evidence.outside else 1.0))
    total = sum(share for _, share in strange)
    inside_share = 1 - OUTSIDE_SHARE if total else 1.0
    parts = [(judged.scored, judged.right, inside_share * share) for judged, share in evidence._in_scope()]
    parts += [
        (scored, np.zeros(len(scored), dtype=np.bool_), OUTSIDE_SHARE * share / total)
        for scored, share in strange
        if share
    ]
    signs = np.vstack([_signs(detect(scored, detector), scored.p.max(axis=1)) for scored, _, _ in parts])
    right = np.concatenate([right.astype(np.float64) for _, right, _ in parts])
    weights = np.concatenate([np.full(len(scored), share / len(scored)) for scored, _, share in parts])
    return fit_logistic(signs, right, weights * examples, _PRIOR, _STRENGTH)
