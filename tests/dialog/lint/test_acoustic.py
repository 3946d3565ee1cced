"""Acoustic distance: what callers and recognisers confuse is close, the rest is far."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.dialog.lint.acoustic import ALIKE, distance, sounds


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
