"""`ivr lint` and `ivr new` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from ivr.cli import main
from ivr.cli.new import hotline_name
from ivr.dialog.lint.report import as_sarif
from ivr.errors import Problem

HARBOUR = Path(__file__).parents[1] / "fixtures" / "harbour"
HOOKS = Path(__file__).parents[3] / ".pre-commit-hooks.yaml"
KEYS = {"file", "line", "column", "code", "severity", "message", "hint"}


@pytest.fixture
def broken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    folder = tmp_path / "my-line"
    assert main(["new", str(folder)]) == 0
    track = folder / "flows" / "track.yaml"
    track.write_text(track.read_text(encoding="utf-8").replace("queue: front", "queue: frnt"), encoding="utf-8")
    capsys.readouterr()
    return folder


def test_a_new_hotline_is_clean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "My line 2"
    assert main(["new", str(folder)]) == 0
    assert "hotline: my_line_2\n" in (folder / "hotline.yaml").read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["lint", "--strict", str(folder)]) == 0
    assert capsys.readouterr().out == f"{folder}: 0 errors, 0 warnings\n"
    assert main(["new", str(folder)]) == 1
    assert "exists and is not an empty folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("folder", "name"), [("a b", "a_b"), ("2nd", "hotline_2nd"), ("热线", "hotline"), ("X-Y", "x_y")]
)
def test_names_of_new_hotlines(folder: str, name: str) -> None:
    assert hotline_name(folder) == name


def test_text(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", str(broken)]) == 1
    first, last = capsys.readouterr().out.splitlines()
    assert first == f"{broken}/flows/track.yaml:25:35 E01 no such queue: frnt (did you mean `front`?)"
    assert last == f"{broken}: 1 error, 0 warnings"


def test_json(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", str(broken), "--json"]) == 1
    (problem,) = json.loads(capsys.readouterr().out)
    assert set(problem) == KEYS
    assert problem["file"] == "flows/track.yaml"
    assert (problem["line"], problem["column"], problem["code"], problem["severity"]) == (25, 35, "E01", "error")
    assert main(["lint", str(HARBOUR), "--json"]) == 0  # warnings only
    assert {found["severity"] for found in json.loads(capsys.readouterr().out)} == {"warning"}


def test_warnings_fail_when_strict(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", str(HARBOUR)]) == 0
    assert main(["lint", "--strict", str(HARBOUR)]) == 1
    assert "0 errors" in capsys.readouterr().out


def test_sarif(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", str(broken), "--sarif"]) == 1
    log = json.loads(capsys.readouterr().out)
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    (result,) = run["results"]
    assert result["ruleId"] in {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    place = result["locations"][0]["physicalLocation"]
    assert place["region"] == {"startLine": 25, "startColumn": 35}
    assert place["artifactLocation"]["uri"] == (broken / "flows/track.yaml").as_uri()


@pytest.mark.parametrize(
    ("folder", "uri"),
    [
        ("dialogs/shop", "dialogs/shop/flows/a%20b.yaml"),
        ("./dialogs/店", "dialogs/%E5%BA%97/flows/a%20b.yaml"),
        ("/srv/shop", "file:///srv/shop/flows/a%20b.yaml"),
        (".", "flows/a%20b.yaml"),
    ],
)
def test_sarif_names_files_by_uris(folder: str, uri: str) -> None:
    log = as_sarif([Problem("flows/a b.yaml", 1, 1, "E00", "error", "x", "", "")], folder, "1")
    place = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == uri


@pytest.mark.parametrize("make", [False, True])
def test_a_missing_or_empty_folder_is_an_error_in_the_same_form(
    make: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "none"
    if make:
        folder.mkdir()
    assert main(["lint", str(folder), "--json"]) == 1
    (problem,) = json.loads(capsys.readouterr().out)
    assert set(problem) == KEYS
    assert problem["code"] == "E00"
    assert ("does not exist" in problem["message"]) is not make
    assert main(["lint", str(folder)]) == 1


def test_a_file_stands_for_its_hotline(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", str(broken / "hotline.yaml"), str(broken / "flows" / "move.yaml")]) == 1
    assert capsys.readouterr().out.count("E01") == 1


def test_several_hotlines_at_once(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--json", str(HARBOUR), str(broken)]) == 1
    files = {problem["file"] for problem in json.loads(capsys.readouterr().out)}
    assert f"{broken}/flows/track.yaml" in files
    assert f"{HARBOUR}/flows/ticket.yaml" in files
    assert main(["lint", "--sarif", str(HARBOUR), str(broken)]) == 1
    assert len(json.loads(capsys.readouterr().out)["runs"]) == 2


def test_vocabulary_and_secrets(
    broken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = tmp_path / "words.txt"
    words.write_text("a\nparcel\n")
    assert main(["lint", "--vocabulary", f"en={words}", str(broken)]) == 1
    assert "W33 the en recogniser does not know `is`, `my`, `where`" in capsys.readouterr().out
    assert main(["lint", "--vocabulary", "words.txt", str(broken)]) == 1
    assert "write LANG=FILE" in capsys.readouterr().err
    assert main(["lint", "--vocabulary", f"en={tmp_path / 'no'}", str(broken)]) == 1
    assert "cannot be read" in capsys.readouterr().err
    monkeypatch.delenv("PARCELS", raising=False)
    assert main(["lint", "--check-secrets", str(HARBOUR)]) == 1
    out = capsys.readouterr().out
    assert "no such secret: cards_token" in out
    assert "no such setting: ${CRM}" in out


def test_the_hooks_for_pre_commit() -> None:
    hooks = yaml.safe_load(HOOKS.read_text(encoding="utf-8"))
    assert [(hook["id"], hook["entry"]) for hook in hooks] == [("ivr-lint", "ivr lint"), ("ivr-fmt", "ivr fmt")]
