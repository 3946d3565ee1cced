"""Classifiers of a part of the examples, and the size of left-out scores, in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.dialog.understanding.kernel import Matrix, Ridge, level, radial


def kernel_of(seed: int, count: int) -> Matrix:
    vectors = np.random.default_rng(seed).normal(size=(count, 5))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return radial(vectors @ vectors.T, 2.0)


@settings(max_examples=40)
@given(seed=st.integers(0, 999), count=st.integers(4, 24), data=st.data())
def test_a_part_is_what_training_on_it_alone_gives(seed: int, count: int, data: st.DataObject) -> None:
    chosen = data.draw(st.sets(st.integers(0, count - 1), min_size=1))
    keep = np.array(sorted(chosen), dtype=np.int64)
    kernel = kernel_of(seed, count)
    labels = np.arange(count) % 3
    part = Ridge.fit(kernel, labels, 3).of_part(keep, labels[keep], 3)
    alone = Ridge.fit(kernel[np.ix_(keep, keep)], labels[keep], 3)
    assert part.inverse == pytest.approx(alone.inverse, abs=1e-8)
    assert part.alpha == pytest.approx(alone.alpha, abs=1e-8)


def test_left_out_is_what_training_without_the_group_gives() -> None:
    kernel, labels = kernel_of(1, 12), np.arange(12) % 3
    groups = [np.array([0]), np.array([1, 2, 3]), *(np.array([row]) for row in range(4, 12))]
    left_out = Ridge.fit(kernel, labels, 3).left_out(kernel, groups, groups)
    for group in groups:
        rest = np.setdiff1d(np.arange(12), group)
        without = Ridge.fit(kernel[np.ix_(rest, rest)], labels[rest], 3)
        assert left_out[group] == pytest.approx(without.scores(kernel[np.ix_(group, rest)]), abs=1e-8)


def test_only_the_class_that_lost_an_example_is_levelled() -> None:
    kernel, labels = kernel_of(2, 6), np.array([0, 0, 0, 1, 1, 2])
    factors = level(kernel, labels, [np.array([row]) for row in range(6)])
    assert (factors[:3, 0] > 1).all()
    assert (factors[3:5, 1] > 1).all()
    assert factors[5, 2] == 1  # nothing of it is left: no size to go by
    assert (factors[:3, 1:] == 1).all()
