"""Acoustic distance: what callers and recognisers confuse is close, the rest is far."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.dialog.lint.acoustic import _COSTS, ALIKE, distance, sounds


def apart(one: str, two: str, language: str) -> float:
    return distance(sounds(one, language), sounds(two, language))


@pytest.mark.parametrize(
    ("one", "two"),
    [("支付", "资付"), ("南京", "兰京"), ("房号", "航号"), ("真好", "争好"), ("四月", "十月"), ("上午", "赏午"),
     ("自住", "支柱"), ("奶奶", "来来"), ("福州", "湖州"), ("分期", "风气"), ("注册", "租车")],
)  # fmt: skip
def test_merged_sounds_are_close(one: str, two: str) -> None:
    assert apart(one, two, "zh") <= ALIKE


@pytest.mark.parametrize(("one", "two"), [("上午", "下午"), ("满意", "不满意"), ("余额", "账单"), ("四月", "八月"),
                                            ("退款", "贷款"), ("查询", "咨询"), ("一", "七")])  # fmt: skip
def test_other_words_are_far(one: str, two: str) -> None:
    assert apart(one, two, "zh") > ALIKE


@pytest.mark.parametrize(("one", "two"), [("morning", "mourning"), ("write", "right"), ("satisfied", "dissatisfied"),
                                            ("cancel", "council"), ("billing", "building"), ("loan", "lawn"),
                                            ("card", "guard")])  # fmt: skip
def test_english_words_that_sound_alike(one: str, two: str) -> None:
    assert apart(one, two, "en") <= ALIKE


@pytest.mark.parametrize(("one", "two"), [("morning", "afternoon"), ("yes", "no"), ("refund", "delivery")])
def test_english_words_that_do_not(one: str, two: str) -> None:
    assert apart(one, two, "en") > ALIKE


@given(st.text("上下午真争发花四十abc ", max_size=8), st.text("上下午真争发花四十abc ", max_size=8))
def test_it_is_a_distance(one: str, two: str) -> None:
    for language in ("zh", "en"):
        assert apart(one, one, language) == 0
        assert apart(one, two, language) == pytest.approx(apart(two, one, language))
        assert 0 <= apart(one, two, language) <= 1


def whole_table(one: Sequence[str], two: Sequence[str]) -> float:
    """The definition: every alignment, nothing left out."""
    before = [float(column) for column in range(len(two) + 1)]
    for row, left in enumerate(one, start=1):
        now = [float(row)]
        for column, right in enumerate(two, start=1):
            change = before[column - 1] + (0.0 if left == right else _COSTS.get((left, right), 1.0))
            now.append(min(before[column] + 1.0, now[-1] + 1.0, change))
        before = now
    return min(1.0, before[-1] / max(len(one), len(two), 1))


@given(st.text("上下午真争发花四十 ", max_size=8), st.text("上下午真争发花四十 ", max_size=8))
def test_short_cuts_change_no_distance(one: str, two: str) -> None:
    keys = sounds(one, "zh"), sounds(two, "zh")
    exact = whole_table(*keys)
    assert distance(*keys) == pytest.approx(exact)
    within = distance(*keys, ALIKE)
    assert within == pytest.approx(exact) if exact <= ALIKE else within > ALIKE
