"""Kernel ridge regression to one-hot labels, with predictions for left-out groups in closed form.

One inversion of the regularised kernel matrix gives the classifier *and* what it would have said of every training
example had it not seen the example's group (all phrases of one template). So calibration never looks at training scores
and costs no retraining. [Rifkin and Lippert, Notes on regularized least squares, 2007]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
RIDGE = 0.3
"""Added to the diagonal; scores hardly change between 0.1 and 1."""


def radial(similarity: NDArray[np.floating], gamma: float) -> Matrix:
    """Gaussian kernel of unit vectors, from their cosines."""
    return np.asarray(np.exp(-gamma * (1.0 - similarity)), dtype=np.float64)


@dataclass(frozen=True)
class Ridge:
    inverse: Matrix
    """(n, n): inverse of the kernel matrix + RIDGE."""
    alpha: Matrix
    """(n, classes)."""

    @classmethod
    def fit(cls, kernel: Matrix, labels: NDArray[np.int64], classes: int) -> Ridge:
        """`kernel` (n, n); `labels` (n,) in 0..classes-1."""
        inverse: Matrix = np.asarray(np.linalg.inv(kernel + RIDGE * np.eye(len(labels))), dtype=np.float64)
        return cls(inverse, inverse @ _one_hot(labels, classes))

    def of_part(self, keep: NDArray[np.int64], labels: NDArray[np.int64], classes: int) -> Ridge:
        """The classifier of the training rows `keep` alone, with `labels` (len(keep),). The inverse of a part is had
        from that of the whole by what is left out (Schur complement): less work the less that is."""
        rest = np.setdiff1d(np.arange(len(self.inverse)), keep)
        across = self.inverse[np.ix_(rest, keep)]
        inverse = self.inverse[np.ix_(keep, keep)]
        inverse -= across.T @ np.linalg.solve(self.inverse[np.ix_(rest, rest)], across)
        return Ridge(inverse, inverse @ _one_hot(labels, classes))

    def scores(self, kernel: Matrix) -> Matrix:
        """(m, classes) for `kernel` (m, n) between new texts and the training texts."""
        return np.asarray(kernel @ self.alpha)

    def left_out(
        self, kernel: Matrix, groups: Sequence[NDArray[np.int64]], members: Sequence[NDArray[np.int64]]
    ) -> Matrix:
        """Scores (m, classes) of texts by classifiers that have not seen their groups.

        `groups[g]`: training rows left out; `members[g]`: rows of `kernel` (m, n) scored by that classifier.
        """
        scores = self.scores(kernel)
        single = [
            (rows[0], query) for rows, found in zip(groups, members, strict=True) if len(rows) == 1 for query in found
        ]
        if single:  # most templates are one phrase: all of them at once
            rows, queries = (np.array(column) for column in zip(*single, strict=True))
            reach = np.einsum("ij,ij->i", kernel[queries], self.inverse[rows])
            scores[queries] -= (reach / self.inverse[rows, rows])[:, None] * self.alpha[rows]
        for rows, queries in zip(groups, members, strict=True):
            if len(rows) == 1 or not len(queries):
                continue
            block = self.inverse[np.ix_(rows, rows)]
            correction = np.linalg.solve(block, self.alpha[rows])
            scores[queries] -= kernel[queries] @ self.inverse[:, rows] @ correction
        return scores


def level(kernel: Matrix, labels: NDArray[np.int64], groups: Sequence[NDArray[np.int64]]) -> Matrix:
    """Factors (n, classes) that give left-out scores the size they have with all examples.

    A class that has lost one of its few examples scores lower than its rivals that have not, which live texts will not
    see. With n examples of mean kernel value r among each other the score of one more goes as
    n r / (1 + ridge + (n - 1) r).
    """
    classes = int(labels.max()) + 1
    counts = np.bincount(labels, minlength=classes).astype(np.float64)
    means = np.zeros(classes)
    for label in np.flatnonzero(counts > 1):
        rows = np.flatnonzero(labels == label)
        block = kernel[np.ix_(rows, rows)]
        means[label] = (block.sum() - np.trace(block)) / (len(rows) * (len(rows) - 1))
    targets = _one_hot(labels, classes)
    factors = np.ones((len(labels), classes))
    for group in groups:
        lost = targets[group].sum(axis=0)
        some = np.flatnonzero((lost > 0) & (lost < counts) & (means > 0))
        left = counts[some] - lost[some]
        factors[np.ix_(group, some)] = _reach(counts[some], means[some]) / _reach(left, means[some])
    return factors


def _one_hot(labels: NDArray[np.int64], classes: int) -> Matrix:
    targets = np.zeros((len(labels), classes))
    targets[np.arange(len(labels)), labels] = 1.0
    return targets


def _reach(count: Matrix, mean: Matrix) -> Matrix:
    return count * mean / (1 + RIDGE + (count - 1) * mean)
