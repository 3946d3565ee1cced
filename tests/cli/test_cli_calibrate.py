"""`ivr calibrate` on stored calls: labels from what callers did next, thresholds for a budget, hotline.yaml changed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ivr.cli import main
from ivr.dialog.bundle import build
from ivr.dialog.thresholds import set_confidence
from ivr.errors import InputError
from ivr.replay.reliability import Judged, advise, bins_of, needed, trade, wilson
from tests.fakes.stored import store_call

PAYMENTS = Path(__file__).resolve().parents[2] / "dialogs/payments"


@pytest.fixture(scope="module")
def hotline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hotlines") / "payments"
    shutil.copytree(PAYMENTS, folder)
    return folder


@pytest.fixture(scope="module")
def calls(hotline: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty callers whose wish was understood, two who had to say something else, one who hung up."""
    folder, bundle = tmp_path_factory.mktemp("calls"), build(hotline)
    good = store_call(bundle, ["yes", "I was charged twice", "fifteen yuan"], folder / "good-0")
    for number in range(1, 60):
        shutil.copytree(good, folder / f"good-{number}")
    store_call(bundle, ["yes", "I was charged twice", "no, my card was stolen", "yes"], folder / "bad-0")
    shutil.copytree(folder / "bad-0", folder / "bad-1")
    store_call(bundle, ["yes", "I was charged twice"], folder / "gone")
    return folder


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def calibrate(hotline: Path, calls: Path, *more: str) -> int:
    return main(["calibrate", "--sparse", "--hotline", str(hotline), "--from-calls", str(calls), *more])


def test_from_calls(hotline: Path, calls: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate(hotline, calls, "--wrong", "5%", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["calls"], found["turns"], found["labelled"]) == (63, 63, 62)
    assert found["evidence"] == {"went on": 60, "said instead": 2, "none": 1}
    (top,) = found["bins"]
    assert (top["n"], round(top["right"], 4)) == (62, round(60 / 62, 4))
    assert top["interval"][0] < 60 / 62 < top["interval"][1]
    assert found["suggested_accept"] == 0.3
    point = next(one for one in found["trades"] if one["accept"] == 0.85)
    assert (point["accepted"], point["n"], round(point["wrong"], 4)) == (1.0, 62, round(2 / 62, 4))


def test_text_and_a_budget_that_cannot_be_kept(hotline: Path, calls: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate(hotline, calls, "--wrong", "0.02") == 0
    out = capsys.readouterr().out
    assert out.startswith("63 calls, 63 turns at open questions, 62 labelled\n")
    assert out.endswith("no threshold keeps wrong turns within 2.0%\n")


def test_too_few_turns(hotline: Path, calls: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(calls / "good-0", tmp_path / "one")
    before = (hotline / "hotline.yaml").read_bytes()
    assert calibrate(hotline, tmp_path, "--write") == 1
    told = capsys.readouterr()
    assert "too few turns: a budget of 2.0% takes 50 labelled turns that would be accepted, there are 1" in told.out
    assert "nothing is written: too few turns" in told.err
    assert (hotline / "hotline.yaml").read_bytes() == before


def test_write(hotline: Path, calls: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(hotline, mine)
    before = (mine / "hotline.yaml").read_text(encoding="utf-8")
    assert calibrate(mine, calls, "--wrong", "5%", "--write") == 0
    after = (mine / "hotline.yaml").read_text(encoding="utf-8")
    assert after == before.replace("{accept: 0.85, confirm: 0.5}", "{accept: 0.3, confirm: 0.3}")
    assert "defaults.confidence has accept 0.3, confirm 0.3 now" in capsys.readouterr().err
    assert main(["lint", "--no-acoustic", str(mine)]) == 0


def test_damaged_calls_are_named_and_left_out(
    hotline: Path, calls: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(calls / "good-0", tmp_path / "good")
    for name, file, content in (("a", "call.json", "{"), ("b", "journal.jsonl", "nonsense\nmore\n")):
        shutil.copytree(calls / "good-0", tmp_path / name)
        (tmp_path / name / file).write_text(content)
    shutil.copytree(calls / "good-0", tmp_path / "c")
    (tmp_path / "c" / "journal.jsonl").write_text('{"at": 1, "kind": "turn.commit", "data": {}}\n')
    assert calibrate(hotline, tmp_path, "--json") == 0
    told = capsys.readouterr()
    assert (json.loads(told.out)["calls"], json.loads(told.out)["unreadable"]) == (1, 3)
    assert [line.split(": ")[0] for line in told.err.splitlines()] == ["left out"] * 3
    shutil.rmtree(tmp_path / "good")
    assert calibrate(hotline, tmp_path) == 1
    assert "3 stored calls, and none can be read" in capsys.readouterr().err


@pytest.mark.parametrize("share", ["lots", "-1%", "101%", "2"])
def test_budgets_that_are_none(hotline: Path, calls: Path, share: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        calibrate(hotline, calls, f"--wrong={share}")
    assert "is no share" in capsys.readouterr().err


def test_an_empty_folder(hotline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate(hotline, tmp_path) == 1
    assert f"{tmp_path}: no stored call and no labelled turns in it" in capsys.readouterr().err


# -------------------------------------------------------------------------------------------------------- pure figures


def test_wilson() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    low, high = wilson(95, 100)
    assert (round(low, 4), round(high, 4)) == (0.8882, 0.9785)
    assert wilson(0, 10)[0] == 0.0
    assert wilson(10, 10)[1] == 1.0


def test_turns_nobody_knows_count_as_accepted_only() -> None:
    turns = [Judged(0.9, True), Judged(0.9, False), Judged(0.95, None), Judged(0.4, None)]
    found = trade(turns, 0.9)
    assert (found.accepted, found.n, found.wrong) == (0.75, 2, 0.5)
    assert [(one.low, one.n) for one in bins_of(turns)] == [(0.9, 2)]


def test_advice_keeps_the_budget_above_its_threshold_too() -> None:
    """A worse stretch above a better one forbids to accept from below it."""
    good, bad = [Judged(0.6, True)] * 400, [Judged(0.86, False)] * 10 + [Judged(0.86, True)] * 40
    sure = [Judged(0.97, True)] * 60
    assert advise([*good, *bad, *sure], 0.02).accept == 0.9
    assert advise([*good, *sure], 0.02).accept == 0.3


def test_confirm_is_where_asking_back_is_mostly_right() -> None:
    low = [Judged(0.35, False)] * 30 + [Judged(0.35, True)] * 5
    middle = [Judged(0.62, True)] * 15 + [Judged(0.62, False)] * 10
    found = advise([*low, *middle, *[Judged(0.97, True)] * 60], 0.02)
    assert (found.accept, found.confirm) == (0.65, 0.55)
    assert needed(0.02) == 50
    assert needed(0.2) == 30


# ---------------------------------------------------------------------------------------------------------- in place


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("defaults:\n  confidence: {accept: 0.85, confirm: .5}  # why\nx: 1\n",
         "defaults:\n  confidence: {accept: 0.7, confirm: 0.4}  # why\nx: 1\n"),
        ("defaults:\n  confidence:\n    # sure\n    accept: 0.85  # really\n",
         "defaults:\n  confidence:\n    # sure\n    confirm: 0.4\n    accept: 0.7  # really\n"),
        ("defaults: {limits: {turns: 3}}\r\n",
         "defaults: {confidence: {confirm: 0.4, accept: 0.7}, limits: {turns: 3}}\r\n"),
        ("defaults:\n  limits: {turns: 3}\n",
         "defaults:\n  confidence: {confirm: 0.4, accept: 0.7}\n  limits: {turns: 3}\n"),
        ("hotline: x", "hotline: x\ndefaults:\n  confidence: {confirm: 0.4, accept: 0.7}\n"),
    ],
)  # fmt: skip
def test_thresholds_in_place(before: str, after: str) -> None:
    assert set_confidence(before, {"accept": 0.7, "confirm": 0.4}) == after


@pytest.mark.parametrize("text", ["- a list", "a: [", "defaults: {}\n", "defaults:\n  confidence: {}\n"])
def test_files_that_are_left_alone(text: str) -> None:
    with pytest.raises(InputError, match=r"^hotline\.yaml: "):
        set_confidence(text, {"accept": 0.7})
