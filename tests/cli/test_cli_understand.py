"""`ivr understand` and `ivr calibrate` on the hotline of `ivr new`, without model files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ivr.cli import main


@pytest.fixture(scope="module")
def hotline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hotlines") / "line"
    assert main(["new", str(folder)]) == 0
    return folder


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def test_one_text(hotline: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["understand", "--sparse", "--hotline", str(hotline), "转人工"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == '0.970  command "agent"'
    assert out[-1].startswith("in scope 0.")


def test_a_file_gives_one_object_a_line(hotline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "texts.txt"
    file.write_bytes("再说一遍\n\n".encode() + b"\xff\xfe\x00rubbish\r\n" + b"word " * 40_000 + b"\nyes")
    capsys.readouterr()
    assert main(["understand", "--sparse", "--hotline", str(hotline), "--file", str(file), "--lang", "en"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(found) == 5
    assert all(one.keys() == {"text", "readings", "candidates", "in_scope", "language"} for one in found)
    assert found[0]["readings"][0] == {"kind": "command", "value": "repeat", "p": 0.97}
    assert found[1] == {"text": "", "readings": [], "candidates": [], "in_scope": 0.0, "language": "en"}
    assert found[4]["readings"][0]["kind"] in ("yes", "other")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give one text, or --file FILE with one text a line"),
        (["hi", "--file", "x"], "give one text, or --file FILE with one text a line"),
        (["--file", "missing.txt"], "missing.txt: No such file or directory"),
        (["hi", "--lang", "fr"], "--lang fr: the hotline speaks "),
    ],
)
def test_wrong_arguments(hotline: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["understand", "--sparse", "--hotline", str(hotline), *arguments]) == 1
    assert message in capsys.readouterr().err


def _labelled(hotline: Path, tmp_path: Path) -> tuple[Path, str]:
    from ivr.dialog.bundle import build

    intents = build(hotline).understanding.spec.intents
    name, phrases = next(iter(intents.items()))
    text = next(iter(phrases.values()))[0].replace("[", "").replace("]", "").split("|")[0].replace("(", "")
    file = tmp_path / "calls.tsv"
    file.write_text(f"text\tintent\n{text}\t{name}\nmy uncle bakes bread\t-\n", encoding="utf-8")
    return file, name


def test_calibrate(hotline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, _ = _labelled(hotline, tmp_path)
    capsys.readouterr()
    assert main(["calibrate", "--sparse", "--hotline", str(hotline), "--from-calls", str(file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["turns"], found["outside"], len(found["points"])) == (2, 1, 14)
    assert main(["calibrate", "--sparse", "--hotline", str(hotline), "--from-calls", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("2 turns, 1 out of scope\n")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.tsv", "no tab here\n", "a.tsv:1: expected text<TAB>intent"),
        ("a.tsv", "hello\tnothing_like_it\n", "a.tsv:1: no intent `nothing_like_it`; the hotline has "),
        ("a.jsonl", "{\n", "a.jsonl:1: no JSON: "),
        ("a.jsonl", '{"intent": "x"}\n', 'a.jsonl:1: expected {"text": ..., "intent": ...}'),
        ("a.tsv", "\n", "a.tsv: no labelled turns in it"),
    ],
)
def test_bad_labels(
    hotline: Path, tmp_path: Path, name: str, content: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text(content)
    assert main(["calibrate", "--sparse", "--hotline", str(hotline), "--from-calls", str(tmp_path / name)]) == 1
    assert message in capsys.readouterr().err
