"""The one-pass rewriter under both normalisers."""

from __future__ import annotations

import re

from ivr.dialog.spoken.rules import rewrite, rule

ANY = re.compile(".")


def test_first_rule_that_accepts_wins_and_its_words_are_not_read_again() -> None:
    rules = [
        rule("aa", lambda _: None),
        rule("aa?", lambda m: "b" * len(m[0])),
        rule("b", lambda _: "c"),
    ]
    assert rewrite("aabxa", rules, ANY) == "bbcxb"


def test_a_trigger_without_a_rule_keeps_the_character() -> None:
    assert rewrite("xyz", [], ANY) == "xyz"


def test_a_rule_that_matches_nothing_cannot_stop_the_scan() -> None:
    assert rewrite("ab", [rule("(?=a)", lambda _: "!")], ANY) == "ab"
