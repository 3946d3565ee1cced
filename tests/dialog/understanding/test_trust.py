"""The last steps of training: how near strange turns are taken to be, and what an unsure scope leaves of p."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ivr.dialog.understanding.model import MAX_OF_TEMPLATE, examples_of
from ivr.dialog.understanding.scope import Scored
from ivr.dialog.understanding.spec import UnderstandingSpec
from ivr.dialog.understanding.trust import Evidence, Judged, combine


def scored(near: float, count: int = 20) -> Scored:
    p = np.tile([0.7, 0.2, 0.1], (count, 1))
    spread = np.linspace(-0.05, 0.05, count)
    return Scored(p, p, p, near + spread, near + spread, near + spread)


def evidence(hidden: float, apart: float | None) -> Evidence:
    judged = Judged(scored(0.7), np.ones(20, dtype=bool))
    return Evidence([judged], judged, [scored(hidden)], None if apart is None else scored(apart))


@pytest.mark.parametrize(
    ("hidden", "apart", "share"), [(0.6, 0.1, 1.0), (0.3, 0.3, 0.0), (0.1, 0.6, 0.0), (0.3, None, 1.0)]
)
def test_near_misses_are_for_hotlines_of_one_trade(hidden: float, apart: float | None, share: float) -> None:
    assert evidence(hidden, apart).near_misses() == pytest.approx(share, abs=0.05)


def test_background_talk_the_hotline_has_an_intent_for_is_no_stranger() -> None:
    assert len(evidence(0.5, 0.9).strangers()) == 0
    assert len(evidence(0.5, 0.2).strangers()) == 20
    assert len(evidence(0.5, None).strangers()) == 0


def test_what_counts_is_the_intent_that_background_talk_looks_like() -> None:
    """Near to some example, but not to the intent that wins: still strange."""
    torn = replace(scored(0.9), near_in_class=np.full(20, 0.3))
    assert len(replace(evidence(0.5, 0.9), apart=torn).strangers()) == 20


def test_p_rises_with_scope_and_with_the_intent() -> None:
    trust = np.array([0.0, 0.3, 0.3, 0.2, 0.5])
    p = combine(np.array([0.1, 0.5, 0.9, 0.9]), np.array([0.6, 0.6, 0.6, 0.9]), trust)
    assert list(p) == sorted(p)


def test_a_template_of_many_phrases_does_not_crowd_the_others() -> None:
    phrases = UnderstandingSpec(
        ("en",), intents={"a": {"en": ["(a|b|c|d|e) (f|g|h|i|j)"]}, "b": {"en": ["one", "two"]}}
    )
    found = examples_of(phrases, "en")
    assert [intent for _, intent, _ in found].count("a") == MAX_OF_TEMPLATE
    assert len({text.split()[0] for text, intent, _ in found if intent == "a"}) > 1
    assert len({text.split()[1] for text, intent, _ in found if intent == "a"}) > 1
    assert found == examples_of(phrases, "en")
