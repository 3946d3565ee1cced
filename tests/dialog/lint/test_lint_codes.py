"""Every code of the lint: the mended hotline is clean, the broken one is told where, why and how to mend it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ivr.cli.new import starter_files
from ivr.dialog.lint import CODES, LintOptions, lint_files
from ivr.errors import Problem

CASES: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("broken.yaml").read_text(encoding="utf-8"))

VOCABULARY = (
    "where is my parcel track a package has been sent when will it arrive status change move the delivery i not be"
    " at home another day please deliver later can you come on friday speak to person in morning afternoon"
)


def lint_changed(file: str, old: str, new: str) -> tuple[tuple[Problem, ...], dict[str, str]]:
    """Problems of the starter hotline with one change, and its files."""
    files = starter_files()
    assert old in files[file], f"{old!r} is not in {file}"
    files[file] = files[file].replace(old, new, 1)
    return lint_files({name: text.encode() for name, text in sorted(files.items(), key=_order)}), files


def _order(item: tuple[str, str]) -> tuple[bool, str]:
    return item[0] != "hotline.yaml", item[0]


def test_the_mended_hotline_is_clean() -> None:
    assert lint_files({name: text.encode() for name, text in starter_files().items()}) == ()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['code']} {case['new'][:30].strip()!r}")
def test_a_broken_hotline_is_told(case: dict[str, Any]) -> None:
    problems, files = lint_changed(case["file"], case["old"], case["new"])
    found = [problem for problem in problems if problem.code == case["code"] and case["message"] in str(problem)]
    assert found, "\n".join(map(str, problems))
    shown = [files[problem.file].splitlines()[problem.line - 1][problem.column - 1 :] for problem in found]
    assert any(text.startswith(case["at"]) for text in shown), shown
    if case.get("alone", True):
        assert {problem.code for problem in problems} == {case["code"]}, "\n".join(map(str, problems))


def test_every_problem_has_a_fix_and_an_anchor() -> None:
    for case in CASES:
        for problem in lint_changed(case["file"], case["old"], case["new"])[0]:
            assert problem.hint or "at most" in problem.message, problem
            assert problem.anchor == f"docs/dialog.md#{problem.code.lower()}"
            assert problem.severity == ("error" if problem.code[0] == "E" else "warning")


def test_every_code_has_a_broken_file() -> None:
    covered = {case["code"] for case in CASES} | {"W33"}
    assert covered == set(CODES)


def test_problems_come_in_file_order() -> None:
    files = starter_files()
    files["flows/track.yaml"] = (
        files["flows/track.yaml"].replace("ask: parcel}", "ask: parcl}").replace("front", "frnt")
    )
    files["hotline.yaml"] = files["hotline.yaml"].replace("confirm: 0.5", "confirm: 0.9")
    files["actions.yaml"] = files["actions.yaml"].replace("{{ number }}", "{{ n }}")
    problems = lint_files({name: text.encode() for name, text in files.items()})
    places = [(problem.file != "hotline.yaml", problem.file, problem.line, problem.column) for problem in problems]
    assert places == sorted(places)
    assert {problem.file for problem in problems} >= {"hotline.yaml", "actions.yaml", "flows/track.yaml"}


def test_words_the_recogniser_does_not_know() -> None:
    files = {name: text.encode() for name, text in starter_files().items()}
    words = frozenset(VOCABULARY.split())
    assert lint_files(files, options=LintOptions(vocabulary={"en": words})) == ()
    problems = lint_files(files, options=LintOptions(vocabulary={"en": words - {"arrive"}}))
    assert [str(problem) for problem in problems] == [
        "flows/track.yaml:5:91 W33 the en recogniser does not know `arrive`"
        " (say it otherwise, or add it to `lexicon` with `sounds_like`)"
    ]
    chinese = frozenset(["我的", "包裹", "到", "哪", "了", "帮", "我", "查", "一下", "个", "快递", "什么", "时候"])
    problems = lint_files(files, options=LintOptions(vocabulary={"zh": chinese}))
    assert {problem.code for problem in problems} == {"W33"}
    assert any("`发`" in problem.message for problem in problems)


def test_secrets_are_checked_when_they_are_known() -> None:
    files = {name: text.encode() for name, text in starter_files().items()}
    assert lint_files(files, options=LintOptions(secrets=frozenset({"PARCELS"}))) == ()
    problems = lint_files(files, options=LintOptions(secrets=frozenset({"PARCEL"})))
    assert {(problem.code, problem.message) for problem in problems} == {("E01", "no such setting: ${PARCELS}")}
    assert problems[0].hint == "did you mean `PARCEL`?"


def test_the_acoustic_lint_can_be_left_out() -> None:
    files = starter_files()
    files["flows/move.yaml"] = files["flows/move.yaml"].replace('en: ["[in the] afternoon"]', "en: [mourning]")
    named = {name: text.encode() for name, text in files.items()}
    assert [problem.code for problem in lint_files(named)] == ["W30"]
    assert lint_files(named, options=LintOptions(acoustic=False)) == ()


def test_codes_are_well_formed() -> None:
    assert all(re.fullmatch(r"[EW]\d\d", code) for code in CODES)
