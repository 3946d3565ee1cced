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
    return np.exp(-gamma * (1.0 - np.asarray(similarity, dtype=np.float64)))


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
        inverse = np.linalg.inv(kernel + RIDGE * np.eye(len(labels)))
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
        scores = np.zeros((len(kernel), self.alpha.shape[1]))
        for rows, queries in zip(groups, members, strict=True):
            if not len(queries):
                continue
            block = self.inverse[np.ix_(rows, rows)]
            correction = np.linalg.solve(block, self.alpha[rows])
            reach = kernel[queries] @ self.inverse[:, rows]
            scores[queries] = kernel[queries] @ self.alpha - reach @ correction
        return scores
