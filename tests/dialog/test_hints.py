"""The hotline's vocabulary as recognisers get it."""

from __future__ import annotations

from pathlib import Path

from ivr.dialog.hints import MOST_PHRASE_WORDS, PHRASE_BOOST, Hint, hotline_hints
from ivr.dialog.loader import parse, read_folder
from ivr.dialog.problems import Problems
from ivr.dialog.schema.hotline import Hotline

ROOT = Path(__file__).resolve().parents[2]


def hotline(name: str) -> Hotline:
    problems = Problems()
    definition = parse(read_folder(ROOT / "dialogs" / name, problems), name, problems)
    assert definition is not None
    return definition.hotline


def test_lexicon_comes_with_its_boost_and_what_it_is_misheard_as() -> None:
    hints = hotline_hints(hotline("devices"))
    english = {hint.text: hint for hint in hints["en"]}
    assert english["Nova X2"].boost == 4.0
    assert {"nova ex two", "Nova X two"} <= set(english["Nova X2"].alike)
    assert "诺瓦" not in english
    chinese = {hint.text: hint for hint in hints["zh"]}
    assert chinese["诺瓦"] == Hint("诺瓦", 4.0, ("诺娃", "落瓦"))
    assert "Nova X2" in chinese, "names in Latin letters are said in Chinese, too"
    assert [hint.boost for hint in hints["zh"]] == sorted((hint.boost for hint in hints["zh"]), reverse=True)


def test_words_of_phrases_are_lighter_few_and_without_places() -> None:
    phrases = [{"en": ["please [quickly] cancel my {product} order", "cancel it"], "zh": ["我要取消{product}订单"]}]
    hints = hotline_hints(hotline("devices"), phrases)
    light = {hint.text for hint in hints["en"] if hint.boost == PHRASE_BOOST}
    assert {"cancel", "order", "please", "quickly"} == light
    assert {hint.text for hint in hints["zh"] if hint.boost == PHRASE_BOOST} == {"我要取消", "订单"}
    many = [{"en": [f"word{'abcdefghij'[n // 10 % 10]}{'abcdefghij'[n % 10]}{'klmno'[n // 100]}" for n in range(400)]}]
    assert (
        sum(hint.boost == PHRASE_BOOST for hint in hotline_hints(hotline("devices"), many)["en"]) == MOST_PHRASE_WORDS
    )
