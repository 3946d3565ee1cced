"""`fmt` changes the look of a file and never its meaning."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.cli import main
from ivr.cli.new import starter_files
from ivr.dialog.fmt import format_text
from ivr.dialog.problems import Problems
from ivr.dialog.source import read_yaml
from ivr.errors import DialogError

HARBOUR = Path(__file__).parent / "fixtures" / "harbour"
PACKS = Path(__file__).parents[2] / "dialogs"


def tidy(text: str, file: str = "flows/a.yaml") -> str:
    return format_text(text.encode(), file)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("flow: a\r\nx: 1  \r\n\r\n\r\n", "flow: a\nx: 1\n"),
        ("a: 'it'", "a: it\n"),
        ("a: 'on'", 'a: "on"\n'),
        ("a: '12'", 'a: "12"\n'),
        ("a: 'x: y'", 'a: "x: y"\n'),
        ("a: ['b, c', 'd']", 'a: ["b, c", d]\n'),
        ("a: 'say \"it\"'", 'a: "say \\"it\\""\n'),
        ("a: '你好，再见'", "a: 你好，再见\n"),
        ("a: '[x] (a|b)'", 'a: "[x] (a|b)"\n'),
        ("a: '{{ x }}'", 'a: "{{ x }}"\n'),
        ("a: |\n  two\n  lines\n", "a: |\n  two\n  lines\n"),
    ],
)  # fmt: skip
def test_white_space_and_quotes(before: str, after: str) -> None:
    assert tidy(before) == after


def test_keys_of_steps_slots_and_flows_have_an_order() -> None:
    before = """steps:
  - {next: b, say: {zh: 好, en: hi}, id: a}
  - next: c
    ask: x
    id: b
    catch:
      noinput: {end: {}}
  - {id: c, end: {}}   # the last
slots:
  x: {prompts: {ask: {en: a}}, type: text}
flow: main
"""
    assert (
        tidy(before)
        == """flow: main
slots:
  x: {type: text, prompts: {ask: {en: a}}}
steps:
  - {id: a, say: {zh: 好, en: hi}, next: b}
  - id: b
    ask: x
    catch:
      noinput: {end: {}}
    next: c
  - {id: c, end: {}}   # the last
"""
    )


def test_comments_stay_with_what_they_are_about() -> None:
    text = "# a file\nsteps:\n  # the first\n  - {id: a, end: {}}\n\nflow: main # its name\n"
    assert tidy(text) == text


def test_designers_names_keep_their_order() -> None:
    text = "flow: a\nslots:\n  zebra: {type: text}\n  ant: {type: text}\nsteps:\n  - {set: {z: 1, a: 2}}\n"
    assert tidy(text) == text


def test_broken_files_are_left_alone() -> None:
    with pytest.raises(DialogError, match=r"flows/a.yaml:1:11 E24 an unquoted comma"):
        tidy("a: {b: c, d}")


def test_the_starter_is_formatted() -> None:
    for name, text in starter_files().items():
        assert format_text(text.encode(), name) == text


def test_real_files_keep_their_meaning_and_settle() -> None:
    for path in HARBOUR.rglob("*.yaml"):
        name = path.relative_to(HARBOUR).as_posix()
        raw = path.read_bytes()
        once = format_text(raw, name)
        assert read_yaml(once.encode(), name, Problems()) == read_yaml(raw, name, Problems())
        assert format_text(once.encode(), name) == once
        assert once.count("#") == raw.decode().count("#")


@settings(max_examples=150)
@given(st.text(st.sampled_from("ab: \n-'\"{}[],#好\t1"), max_size=60))
def test_any_text_settles_or_is_refused(text: str) -> None:
    try:
        once = tidy(text)
    except DialogError:
        return
    assert read_yaml(once.encode(), "f", Problems()) == read_yaml(text.encode(), "f", Problems())
    assert tidy(once) == once


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "line"
    shutil.copytree(HARBOUR, folder)
    assert main(["fmt", "--check", str(folder)]) == 1
    assert f"would change {folder / 'flows' / 'dispute.yaml'}" in capsys.readouterr().out
    assert main(["fmt", str(folder / "flows" / "dispute.yaml")]) == 0
    assert main(["fmt", str(folder)]) == 0
    capsys.readouterr()
    assert main(["fmt", "--check", str(folder)]) == 0
    (folder / "flows" / "fees.yaml").write_text("a: {b, c}")
    assert main(["fmt", str(folder)]) == 1
    assert "fees.yaml:1:5 E24" in capsys.readouterr().out
    assert main(["fmt", str(tmp_path / "none")]) == 1
    assert "does not exist" in capsys.readouterr().err


@pytest.mark.parametrize("pack", sorted(path.parent.name for path in PACKS.glob("*/hotline.yaml")))
def test_the_packs_are_in_their_one_form(pack: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "--check", str(PACKS / pack)]) == 0, capsys.readouterr().out
