"""From scores to probabilities: softmax with a temperature, logistic regression, conformal sets, measures."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
COVERAGE = 0.9


def softmax(scores: Vector) -> Vector:
    """Row-wise."""
    shifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def log_softmax(scores: Vector) -> Vector:
    shifted = scores - scores.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def best_sharpness(scores: Vector, labels: NDArray[np.int64], usual: float, weight: float = 4.0) -> float:
    """The factor on `scores` (n, classes) under which the labels are likeliest (Guo et al. 2017, one over temperature).

    With few examples it stays near `usual`: the pull counts as `weight` examples.
    """

    def loss(log_factor: float) -> float:
        log_p = log_softmax(scores * math.exp(log_factor))
        pull = weight * (log_factor - math.log(usual)) ** 2
        return float(-log_p[np.arange(len(labels)), labels].sum() + pull)

    low, high = math.log(usual) - 3.0, math.log(usual) + 3.0
    ratio = (math.sqrt(5) - 1) / 2
    for _ in range(40):  # golden section; the loss is convex enough in the logarithm
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return math.exp((low + high) / 2)


def sigmoid(value: Vector) -> Vector:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(value, -40, 40))))


def logit(p: Vector, edge: float = 1e-4) -> Vector:
    clipped = np.clip(p, edge, 1 - edge)
    return np.asarray(np.log(clipped / (1 - clipped)))


def fit_logistic(features: Vector, labels: Vector, weights: Vector, prior: Vector, strength: float) -> Vector:
    """Coefficients (bias first) of a weighted logistic regression that stays near `prior`: with `strength` times the
    squared distance as penalty. Newton's method; `features` (n, d), result (d + 1,)."""
    design = np.column_stack([np.ones(len(features)), features])
    coefficients = prior.astype(np.float64).copy()
    penalty = strength * np.eye(len(coefficients))
    for _ in range(50):
        p = sigmoid(design @ coefficients)
        gradient = design.T @ (weights * (p - labels)) + penalty @ (coefficients - prior)
        curvature = design.T @ (design * (weights * p * (1 - p))[:, None]) + penalty
        step = np.linalg.solve(curvature + 1e-9 * np.eye(len(prior)), gradient)
        size = float(np.abs(step).max())
        coefficients -= step if size <= 2 else step * 2 / size
        if size < 1e-8:
            break
    return coefficients


def conformal_threshold(p_true: Vector, coverage: float = COVERAGE) -> float:
    """Least probability a label needs to be in the set that holds the right one in `coverage` of cases (split
    conformal: Vovk; Angelopoulos and Bates 2021)."""
    count = len(p_true)
    if count == 0:
        return 0.5
    rank = math.ceil((count + 1) * coverage)
    if rank > count:
        return float(min(p_true.min(), 0.05))
    return float(1 - np.sort(1 - p_true)[rank - 1])


def expected_calibration_error(p: Vector, right: NDArray[np.bool_], bins: int = 10) -> float:
    """Mean distance between probability and share right, over `bins` of equal width (Naeini et al. 2015)."""
    index = np.minimum((p * bins).astype(int), bins - 1)
    total = 0.0
    for bin_index in range(bins):
        inside = index == bin_index
        if inside.any():
            total += inside.mean() * abs(float(p[inside].mean()) - float(right[inside].mean()))
    return float(total)


def auroc(inside: Vector, outside: Vector) -> float:
    """Probability that a score from `inside` exceeds one from `outside`; ties count half."""
    if not len(inside) or not len(outside):
        return float("nan")
    ranked = np.sort(outside)
    below = np.searchsorted(ranked, inside, side="left")
    up_to = np.searchsorted(ranked, inside, side="right")
    return float((below + up_to).mean() / (2 * len(outside)))
