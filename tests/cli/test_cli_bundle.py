"""`ivr build`, `ivr bundle`, `ivr overlay`, and `ivr lint` on what is no hotline."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ivr.cli import main
from ivr.cli.bundle import share_of
from ivr.errors import InputError

HOTLINE = Path(__file__).parent.parent / "service" / "hotline"


def run(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main([str(arg) for arg in args])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(HOTLINE, tmp_path / "hotline"))


def change(folder: Path, old: str, new: str) -> None:
    flow = folder / "flows" / "main.yaml"
    flow.write_text(flow.read_text().replace(old, new))


def test_build_activate_share_roll_back(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "bundles"
    code, out, err = run(capsys, "build", folder, "-o", store)
    one = out.strip()
    assert (code, len(one)) == (0, 64)
    assert "note: the hotline has no tests" in err
    change(folder, "Welcome", "Hello")
    two = run(capsys, "build", folder, "-o", store)[1].strip()
    assert run(capsys, "bundle", "activate", one[:8], "--bundles", store)[:2] == (0, f"new calls get {one[:12]}\n")
    code, out, _ = run(capsys, "bundle", "activate", two[:8], "--share", "10%", "--bundles", store)
    assert (code, out) == (0, f"new calls get {one[:12]}\n10% of the callers get {two[:12]}\n")
    listed = json.loads(run(capsys, "bundle", "list", "--json", "--bundles", store)[1])["bundles"]
    assert {each["hash"]: each["share"] for each in listed} == {one: 0.9, two: 0.1}
    assert run(capsys, "bundle", "rollback", "--bundles", store)[:2] == (0, f"new calls get {one[:12]}\n")
    code, _, err = run(capsys, "bundle", "remove", one[:8], "--bundles", store)
    assert (code, err) == (1, f"ivr bundle: bundle {one[:12]} is in use; activate another one first\n")
    assert run(capsys, "bundle", "remove", two[:8], "--bundles", store)[0] == 0


def test_nothing_is_built_of_a_broken_hotline(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(folder, "ask: code", "ask: cod")
    code, out, err = run(capsys, "build", folder, "-o", tmp_path / "b")
    assert (code, out) == (1, "")
    assert "flows/main.yaml:13:22 E01 no such slot: cod" in err
    assert not (tmp_path / "b").exists()


def test_nothing_is_built_while_tests_fail(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "tests").mkdir()
    (folder / "tests" / "t.yaml").write_text("tests: [{test: a, turns: [{user: one two three, says: purple}]}]\n")
    code, out, err = run(capsys, "build", folder, "-o", tmp_path / "b")
    assert (code, out) == (1, "")
    assert "1 tests failed: not built" in err
    assert not (tmp_path / "b").exists()
    assert run(capsys, "build", folder, "-o", tmp_path / "b", "--no-tests")[0] == 0


def test_compare_needs_calls(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "bundle", "compare", folder, folder)
    assert (code, err.startswith("ivr bundle: --calls DIR is needed")) == (1, True)
    code, _, err = run(capsys, "bundle", "compare", folder, folder, "--calls", tmp_path / "none")
    assert (code, "no such folder" in err) == (1, True)
    (tmp_path / "calls").mkdir()
    assert run(capsys, "bundle", "compare", folder, folder, "--calls", tmp_path / "calls")[:2] == (
        0, "0 calls replayed, 0 differ\n",
    )  # fmt: skip


@pytest.mark.parametrize(("text", "share"), [("10%", 0.1), ("0.25", 0.25), ("100%", 1.0), ("1", 1.0), ("2.5%", 0.025)])
def test_shares(text: str, share: float) -> None:
    assert share_of(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["0", "0%", "101%", "2", "-1%", "x", ""])
def test_what_is_no_share(text: str) -> None:
    with pytest.raises(InputError, match="is no share"):
        share_of(text)


def test_overlay_set_show_clear(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ("--data", tmp_path)
    assert run(capsys, "overlay", "show", *data)[:2] == (0, "nothing is set\n")
    assert run(capsys, "overlay", "set", "off", "fees", "--for", "2h", "--why", "prices", *data)[0] == 0
    assert run(capsys, "overlay", "set", "announcement", "en=Delays.", "zh=有延迟", *data)[0] == 0
    assert run(capsys, "overlay", "set", "hours", "cards", "Mo-Fr 10:00-16:00", *data)[0] == 0
    assert run(capsys, "overlay", "set", "threshold", "-0.05", *data)[0] == 0
    shown = json.loads(run(capsys, "overlay", "show", "--json", *data)[1])
    assert [(each["kind"], each["name"], each["value"]) for each in shown] == [
        ("off", "fees", None), ("announcement", "", {"en": "Delays.", "zh": "有延迟"}),
        ("hours", "cards", "Mo-Fr 10:00-16:00"), ("threshold", "", -0.05),
    ]  # fmt: skip
    assert "(prices)" in run(capsys, "overlay", "show", *data)[1]
    assert run(capsys, "overlay", "clear", "off", "fees", *data)[:2] == (0, "1 cleared\n")
    assert run(capsys, "overlay", "clear", "off", "fees", *data)[:2] == (1, "0 cleared\n")
    assert run(capsys, "overlay", "clear", "all", *data)[:2] == (0, "3 cleared\n")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["off"], "which flow?"),
        (["of", "fees"], "'of' is none of off, announcement, hours, threshold"),
        (["announcement", "Delays."], "the text by language"),
        (["hours", "cards"], "which queue, and when?"),
        (["hours", "cards", "nine"], "hours: 'nine'"),
        (["threshold", "much"], "needs a number such as +0.05, not 'much'"),
        (["threshold", "0.9"], "from -0.3 to 0.3"),
        (["off", "fees", "--until", "2020-01-01T00:00+00:00"], "is past"),
        (["off", "fees", "--until", "tomorrow"], "is no time"),
        (["off", "fees", "--for", "40d"], "more than 30 days"),
        (["off", "fees", "--for", "soon"], "--for 'soon'"),
        (["off", "fees", "--for", "1h", "--until", "2030-01-01T00:00+00:00"], "not both"),
    ],
)
def test_overlay_words_that_are_refused(
    words: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "overlay", "set", *words, "--data", tmp_path)
    assert code == 1
    assert reason in err
    assert not (tmp_path / "overlay" / "overlay.json").exists()


@pytest.mark.parametrize("kind", ["missing", "file", "empty"])
def test_lint_of_what_is_no_hotline(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / kind
    if kind == "file":
        path.write_text("hello")
    elif kind == "empty":
        path.mkdir()
    assert run(capsys, "lint", path)[0] == 1
    code, out, _ = run(capsys, "lint", path, "--json")
    (problem,) = json.loads(out)
    assert (code, problem["code"], problem["severity"], problem["line"], problem["column"]) == (1, "E00", "error", 1, 1)
    assert set(problem) >= {"file", "message", "hint"}
