"""W13 by the trained model: a phrase of one flow that reads as another's, told with its line; gone when mended."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ivr.cli import main
from ivr.dialog.bundle import build
from ivr.dialog.lint.trained import check_trained
from ivr.dialog.understanding import UnderstandingSpec, train
from ivr.dialog.understanding.left_out import misread_phrases

HARBOUR = Path(__file__).resolve().parents[1] / "fixtures/harbour"

LOST = ["I lost my card", "my card was stolen", "block my card", "my card is gone", "somebody took my card",
        "I cannot find my card", "freeze the lost card"]  # fmt: skip
FEES = ["what are the fees", "how much do you charge", "is the transfer free", "what does it cost", "tell me the fees",
        "do I have to pay for a transfer", "the price of a transfer"]  # fmt: skip
STRAY = "somebody stole my card"


def _misread(fees: list[str], titles: dict[str, dict[str, str]] | None = None) -> list[tuple[str, int | None, str]]:
    spec = UnderstandingSpec(("en",), {"lost": {"en": LOST}, "fees": {"en": fees}}, titles or {})
    return [(one.intent, one.template, one.taken_for) for one in misread_phrases(train(spec))]


def test_a_phrase_in_the_wrong_flow_is_misread() -> None:
    assert ("fees", len(FEES), "lost") in _misread([*FEES, STRAY])
    assert _misread(FEES) == []


def test_all_phrases_of_a_template_are_left_out_together() -> None:
    """Else the phrases of a template would vouch for each other."""
    assert ("fees", len(FEES), "lost") in _misread([*FEES, "somebody (stole|took|has stolen) my card"])


def test_a_title_is_a_phrase() -> None:
    assert ("fees", None, "lost") in _misread(FEES, {"fees": {"en": "my card was stolen by somebody"}})


def test_places_with_titles_and_languages() -> None:
    spec = UnderstandingSpec(
        ("en", "zh"),
        {"lost": {"en": LOST, "zh": ["卡丢了", "我的卡不见了", "卡被偷了", "挂失", "银行卡丢失"]},
         "fees": {"en": [*FEES, STRAY], "zh": ["手续费多少", "怎么收费", "转账要钱吗", "收费标准", "费用是多少"]}},
        {"lost": {"en": "report a lost card", "zh": "挂失卡"}, "fees": {"en": "ask about fees", "zh": "问手续费"}},
    )  # fmt: skip
    found = [(one.language, one.intent, one.template, one.phrase) for one in misread_phrases(train(spec))]
    assert ("en", "fees", len(FEES), STRAY) in found


def test_one_intent_cannot_be_confused() -> None:
    assert misread_phrases(train(UnderstandingSpec(("en",), {"lost": {"en": LOST}}))) == []


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IVR_CACHE", str(tmp_path / "cache"))
    shutil.copytree(HARBOUR, tmp_path / "harbour")
    return tmp_path / "harbour"


def _break(folder: Path) -> tuple[str, int]:
    """Puts an example of one flow, a little reworded, among another's."""
    bundle = build(folder, {})
    one, two = list(bundle.understanding.spec.intents)[:2]
    trigger = bundle.definition.flows[two].trigger
    assert trigger is not None
    at = trigger.where("examples", "en", 0)
    path = folder / at.file
    lines = path.read_text(encoding="utf-8").split("\n")
    line = lines[at.line - 1]
    phrase = str(bundle.understanding.spec.intents[one]["en"][0])
    lines[at.line - 1] = f'{line[: at.column - 1]}"{phrase} today"{_rest(line[at.column - 1 :])}'
    path.write_text("\n".join(lines), encoding="utf-8")
    return at.file, at.line


def _rest(text: str) -> str:
    """What follows a first item of a list."""
    if text.startswith('"'):
        return text[text.index('"', 1) + 1 :]
    ends = [place for sign in (",", "]") if (place := text.find(sign)) >= 0]
    return text[min(ends) :] if ends else ""


def test_the_place_of_a_broken_file_and_of_a_mended_one(folder: Path) -> None:
    before = check_trained(build(folder, {}))
    file, line = _break(folder)
    after = [problem for problem in check_trained(build(folder, {})) if problem not in before]
    assert (file, line, "W13") in [(problem.file, problem.line, problem.code) for problem in after]
    assert all("by a model that was trained without it" in problem.message for problem in after)


def test_the_command(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.app.offline.encoders", dict)
    _break(folder)
    main(["lint", "--json", str(folder)])
    plain = json.loads(capsys.readouterr().out)
    main(["lint", "--json", "--model", str(folder)])
    found = json.loads(capsys.readouterr().out)
    assert not [one for one in plain if "trained without" in one["message"]]
    assert {one["code"] for one in found if one not in plain} == {"W13"}
    assert [(one["file"], one["line"]) for one in found] == sorted((one["file"], one["line"]) for one in found)
