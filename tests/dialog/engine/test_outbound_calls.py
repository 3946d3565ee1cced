"""What calls of the hotline's own need: a roll-out by the person called, answers too unsure to be asked back, tests of
calls that the bot ends at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests_talk import HOTLINE, Talk, program_of

from ivr.cli.new import starter_files
from ivr.dialog import events as ev
from ivr.dialog.bundle import Bundle, build
from ivr.dialog.engine.frames import is_open
from ivr.dialog.engine.state import DialogState
from ivr.dialog.engine.turn import Turn
from ivr.dialog.lint import lint_files
from ivr.dialog.slots import parse
from ivr.dialog.testing.runner import run_tests

SHARED = "flow: main\nrollout: 50%\nsteps: [{end: {}}]"
YES_NO = """
flow: main
slots: {sure: {type: yes_no, prompts: {ask: {en: Sure?, zh: 确定吗？}, retry: {en: Yes or no?, zh: 是不是？}}}}
steps: [{id: ask, ask: sure}, {end: {outcome: resolved}}]
"""
OUTBOUND = "hotline: shop\nschema: 1\nlanguages: [en]\nentry: {outbound: main}\n"
LAST_WORDS = "flow: main\nsteps: [{say: {en: A message for you.}}, {end: {outcome: abandoned}}]"


@pytest.mark.parametrize(("direction", "share"), [("inbound", {0, 200}), ("outbound", set(range(70, 131)))])
def test_rollout_goes_by_the_person_on_the_line(direction: str, share: set[int]) -> None:
    """An outbound call comes from the hotline's number, the same for everybody."""
    program = program_of({"main": SHARED})

    def opened(number: str) -> bool:
        call = ev.CallContext("c", "4008200143", number, "", "2026-11-22T10:00:00+08:00", direction)  # type: ignore[arg-type]
        return is_open(Turn(program, DialogState(call, "en")), program.flows["main"])

    assert sum(opened(str(number)) for number in range(200)) in share


def test_an_unsure_yes_is_no_value_to_ask_back() -> None:
    talk = Talk(program_of({"main": YES_NO}))
    talk.hear(ev.Reading("fill", False, 0.6, "sure"), ev.Reading("no", None, 0.6))
    assert (talk.at, talk.said) == ("main/ask", ["Yes or no?"])
    assert talk.yes().last(ev.End).outcome == "resolved"


def test_the_direction_is_a_name_of_the_language() -> None:
    talk = Talk(
        program_of({"main": 'flow: main\nsteps: [{say: {en: "{{ call.direction }}", zh: x}}, {end: {}}]'}, HOTLINE)
    )
    assert talk.said == ["inbound"]
    files = starter_files()
    files["flows/welcome.yaml"] = files["flows/welcome.yaml"].replace(
        "{id: hello,", "{id: hello, if: call.direction == 'inbound',"
    )
    assert lint_files({name: text.encode() for name, text in files.items()}) == ()


def one_call(folder: Path, turns: str) -> Bundle:
    (folder / "flows").mkdir()
    (folder / "tests").mkdir()
    (folder / "hotline.yaml").write_text(OUTBOUND)
    (folder / "flows" / "main.yaml").write_text(LAST_WORDS)
    test = (
        f"tests:\n  - {{test: left, given: {{direction: outbound}}, turns: {turns}, expect: {{outcome: abandoned}}}}\n"
    )
    (folder / "tests" / "left.yaml").write_text(test)
    return build(folder)


@pytest.mark.parametrize(
    ("turns", "wrong"),
    [
        ("[{hangup: true, says: A message for you}]", []),
        ("[{hangup: true, says: Hello}]", [("says", "A message for you.")]),
        ("[{user: hello}]", [("call", "had ended")]),
    ],
)
def test_a_call_the_bot_ends_at_once(tmp_path: Path, turns: str, wrong: list[tuple[str, str]]) -> None:
    (result,) = run_tests(one_call(tmp_path, turns))
    assert [(mismatch.what, mismatch.actual) for mismatch in result.mismatches] == wrong


def test_a_flow_that_never_listens_needs_no_turn_of_a_test(tmp_path: Path) -> None:
    """W25 asks for a turn that ends in the flow: none can end in one that only speaks."""
    bundle = one_call(tmp_path, "[{hangup: true}]")
    assert [str(problem) for problem in bundle.problems] == []
    files = dict(bundle.definition.files)
    files["hotline.yaml"] += b"catch: {done: {run: close}}\n"
    files["flows/close.yaml"] = b"flow: close\nsteps: [{say: {en: Goodbye.}}, {end: {}}]\n"
    assert lint_files(files) == ()


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("是", ["yes"]),
        ("是。", ["yes"]),
        ("即便是一些别墅", []),
        ("你是哪位", []),
        ("通讯公司的停机令", []),
        ("司的", ["yes"]),
    ],
)
def test_short_options_are_not_heard_inside_long_sentences(text: str, values: list[str]) -> None:
    import datetime as dt

    options = {"options": [["yes", ["是", "是的"]], ["no", ["不在"]]]}
    found = parse("choice", text, "zh", options, dt.datetime(2026, 11, 22))  # type: ignore[arg-type]
    assert [value.value for value in found] == values
