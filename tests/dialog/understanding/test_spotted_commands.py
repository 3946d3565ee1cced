"""A command with `inside: true`: its words count wherever they stand."""

from __future__ import annotations

import pytest

from ivr.dialog.understanding import UnderstandingSpec
from ivr.dialog.understanding.commands import CommandTable

ADDED = {
    "risk": {"en": ["(suicide|kill myself)", "talk to my lawyer"], "zh": ["[想]自杀", "不想活", "律师"]},
    "menu": {"en": ["cheese"], "zh": ["奶酪"]},
}


def _named(text: str, language: str, spotted: tuple[str, ...] = ("risk",)) -> str:
    found = CommandTable.build(language, ADDED, spotted).find(text)
    return found.name if found and found.p >= 0.85 else ""


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("suicide", "en"),
        ("honestly I have thought about suicide because of this loan", "en"),
        ("if this goes on i'm going to kill myself, please", "en"),
        ("then I will talk to my lawyer, and to the press", "en"),
        ("我真的想自杀了", "zh"),
        ("还不上钱我都不想活了你们别再打了", "zh"),
        ("我会让我的律师联系你们", "zh"),
    ],
)
def test_a_spotted_phrase_counts_inside_a_sentence(text: str, language: str) -> None:
    assert _named(text, language) == "risk"


@pytest.mark.parametrize(
    "text", ["suicidesquad is a film", "the killing of myself esteem", "I have some cheese at home"]
)
def test_only_whole_words_count(text: str) -> None:
    assert _named(text, "en") == ""


def test_without_inside_a_short_phrase_is_all_that_is_said() -> None:
    assert _named("I have thought about suicide", "en", spotted=()) == ""
    assert _named("suicide", "en", spotted=()) == "risk"


def test_what_is_spotted_is_kept_and_changes_the_model_key() -> None:
    spec = UnderstandingSpec(("en",), commands=ADDED, spotted=("risk",))
    assert UnderstandingSpec.from_json(spec.to_json()) == UnderstandingSpec.from_json(spec.to_json())
    assert tuple(UnderstandingSpec.from_json(spec.to_json()).spotted) == ("risk",)
    assert spec.digest() != UnderstandingSpec(("en",), commands=ADDED).digest()


@pytest.mark.parametrize(("text", "name"), [("costumer service", "agent"), ("on Monday", "")])
def test_what_sounds_like_a_phrase_must_also_look_like_it(text: str, name: str) -> None:
    assert _named(text, "en") == name
