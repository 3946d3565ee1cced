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
        targets = np.zeros((len(labels), classes))
        targets[np.arange(len(labels)), labels] = 1.0
        inverse: Matrix = np.asarray(np.linalg.inv(kernel + RIDGE * np.eye(len(labels))), dtype=np.float64)
        return cls(inverse, inverse @ targets)

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
    factors = np.ones((len(labels), classes))
    for label in range(classes):
        rows = np.flatnonzero(labels == label)
        count = len(rows)
        if count < 2:
            continue
        block = kernel[np.ix_(rows, rows)]
        mean = float((block.sum() - np.trace(block)) / (count * (count - 1)))
        for group in groups:
            lost = int((labels[group] == label).sum())
            if 0 < lost < count:
                factors[group, label] = _reach(count, mean) / _reach(count - lost, mean)
    return factors


def _reach(count: int, mean: float) -> float:
    return count * mean / (1 + RIDGE + (count - 1) * mean) if mean > 0 else 1.0
