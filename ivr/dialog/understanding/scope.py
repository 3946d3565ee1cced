"""Was anything of this hotline meant? Nine signs of it, and a logistic regression over them.

Trained without out-of-scope data: a quarter of the hotline's own intents is hidden in turn, and what is left must
notice that the hidden ones are strange. Built-in background sentences stand for talk of no hotline at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivr.dialog.understanding.calibration import Vector, logit
from ivr.dialog.understanding.kernel import Matrix

NAMES = ("bias", "logit p1", "margin", "entropy", "sparse score", "sparse neighbour", "dense score", "dense neighbour",
         "dense neighbour in class", "dense neighbour in the background")  # fmt: skip
OUTSIDE_SHARE = 0.15
"""Share of live turns that are out of scope: the prior of the last calibration step."""


@dataclass(frozen=True)
class Scored:
    """What the branches say of m texts."""

    p: Matrix
    """(m, classes): fused, calibrated."""
    sparse: Matrix
    """(m, classes): raw scores."""
    dense: Matrix | None
    near_sparse: Vector
    """(m,): cosine of the nearest training text."""
    near_dense: Vector | None
    near_in_class: Vector | None
    """(m,): the same within the winning class."""
    near_apart: Vector | None = None
    """(m,): cosine of the nearest background sentence."""

    def __len__(self) -> int:
        return len(self.p)

    def pick(self, rows: NDArray[np.int64]) -> Scored:
        return Scored(
            self.p[rows],
            self.sparse[rows],
            None if self.dense is None else self.dense[rows],
            self.near_sparse[rows],
            None if self.near_dense is None else self.near_dense[rows],
            None if self.near_in_class is None else self.near_in_class[rows],
            None if self.near_apart is None else self.near_apart[rows],
        )


def features(scored: Scored) -> Matrix:
    """(m, 9): the signs, each of a size near 1. Without a dense branch its four are 0."""
    p = scored.p
    ordered = np.sort(p, axis=1)[:, ::-1]
    second = ordered[:, 1] if p.shape[1] > 1 else np.zeros(len(p))
    entropy = -(p * np.log(np.maximum(p, 1e-12))).sum(axis=1) / np.log(max(p.shape[1], 2))
    nothing = np.zeros(len(p))
    return np.column_stack(
        [
            logit(ordered[:, 0], 0.01) / 3.0,
            ordered[:, 0] - second,
            entropy,
            scored.sparse.max(axis=1),
            scored.near_sparse,
            nothing if scored.dense is None else scored.dense.max(axis=1),
            nothing if scored.near_dense is None else scored.near_dense,
            nothing if scored.near_in_class is None else scored.near_in_class,
            nothing if scored.near_apart is None else scored.near_apart,
        ]
    )


PRIOR_SPARSE = np.array([-4.0, 0.3, 0.5, -0.5, 2.5, 7.0, 0.0, 0.0, 0.0, 0.0])
PRIOR_DENSE = np.array([-6.0, 0.3, 0.5, -0.5, 1.0, 1.5, 3.0, 4.0, 4.0, -2.0])
"""Where the detector starts from, so that a hotline with a handful of examples has a sensible one."""
PRIOR_STRENGTH = 4.0
