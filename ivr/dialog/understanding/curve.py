"""How far the probabilities can be trusted on labelled calls, and which `accept` keeps errors in a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ivr.dialog.events import Understood
from ivr.dialog.understanding.calibration import auroc, expected_calibration_error

THRESHOLDS = tuple(round(0.30 + 0.05 * step, 2) for step in range(14))


@dataclass(frozen=True, slots=True)
class Point:
    accept: float
    accepted: float
    """Share of all turns whose best intent reaches `accept`."""
    wrong: float
    """Share of those that are wrong (another intent, or none, was meant)."""


@dataclass(frozen=True, slots=True)
class Curve:
    turns: int
    outside: int
    """Turns in which no intent was meant."""
    accuracy: float
    """Share right among turns in scope; nan without any."""
    ece: float
    auroc: float
    """In scope against out of scope; nan when one is missing."""
    coverage: float
    """Share of turns in scope whose candidates hold the right intent; 0.9 is what the sets are made for."""
    points: tuple[Point, ...]

    def accept_within(self, budget: float) -> float | None:
        """The lowest threshold at which, and above which, at most `budget` of the accepted turns are wrong."""
        found = None
        for point in reversed(self.points):
            if point.wrong > budget:
                break
            found = point.accept
        return found


def curve(read: Sequence[Understood], labels: Sequence[str]) -> Curve:
    """`labels`: the intent meant in each turn, empty for none."""
    best = [max((r for r in one.readings if r.kind == "intent"), key=lambda r: r.p, default=None) for one in read]
    p = np.array([0.0 if reading is None else reading.p for reading in best])
    right = np.array([r is not None and r.value == label for r, label in zip(best, labels, strict=True)], dtype=bool)
    scope = np.array([one.in_scope for one in read])
    inside = np.array([bool(label) for label in labels], dtype=bool)
    held = [label in one.candidates for one, label in zip(read, labels, strict=True) if label]
    points = []
    for accept in THRESHOLDS:
        taken = p >= accept
        wrong = float((~right[taken]).mean()) if taken.any() else 0.0
        points.append(Point(accept, float(taken.mean()) if len(p) else 0.0, wrong))
    return Curve(
        len(labels),
        int((~inside).sum()),
        float(right[inside].mean()) if inside.any() else float("nan"),
        expected_calibration_error(p, right),
        auroc(scope[inside], scope[~inside]),
        float(np.mean(held)) if held else float("nan"),
        tuple(points),
    )
