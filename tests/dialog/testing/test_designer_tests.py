"""Designers' tests: the runner, its diff, coverage, mutation, reports, and the command line."""

from __future__ import annotations

import io
import json
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from ivr.cli import main
from ivr.dialog.bundle import Bundle, build
from ivr.dialog.events import CallAction
from ivr.dialog.testing.backend import GivenBackend, queue_status
from ivr.dialog.testing.coverage import measure
from ivr.dialog.testing.mutate import mutants, mutation_score
from ivr.dialog.testing.report import diff, junit_report, text_report
from ivr.dialog.testing.runner import by_ear, compares, run_tests, same
from ivr.errors import InputError

HOTLINE = """
hotline: shop
schema: 1
languages: [en]
entry: {inbound: welcome}
queues: {front: {skills: [], hours: "24/7", timezone: Asia/Shanghai}}
catch:
  noinput: [{reprompt: retry}, {handover: {queue: front, reason: no_input}}]
  nomatch: [{reprompt: retry}, {handover: {queue: front, reason: no_match}}]
  queue: {end: {outcome: abandoned}}
  error: {handover: {queue: front, reason: error}}
"""
WELCOME = """
flow: welcome
slots:
  size:
    type: number
    range: [1, 20]
    prompts: {ask: {en: What size do you need today?}, retry: {en: The size?}, help: {en: One to twenty.}}
steps:
  - {id: size, ask: size}
  - id: stock
    call: stock.find
    with: {size: "{{ size }}"}
    save: {stock: "{{ result }}"}
    filler: {en: One moment.}
    next: [{if: stock.left > 0, to: good}, {to: none}]
  - {id: good, say: {en: "We have {{ stock.left }}."}, next: bye}
  - {id: none, say: {en: We have none.}}
  - {id: bye, end: {outcome: resolved}}
"""
ACTIONS = """
actions:
  stock.find: {http: GET, url: "http://shop/{{ size }}", args: [size], timeout: 3s, returns: {left: number}}
"""
TESTS = """
tests:
  - test: in stock
    given: {actions: {stock.find: {left: 3}}}
    turns: [{user: twelve, slots: {size: 12}, called: {stock.find: {size: 12}}, says: have three}]
    expect: {outcome: resolved, turns: 1}
  - test: asked twice
    given: {actions: {stock.find: [{left: 0}]}}
    turns:
      - {silence: 6s, says: The size, step: welcome/size}
      - {dtmf: "7", says: none}
    expect: {outcome: resolved, turns: "<= 2"}
"""


def write(folder: Path, tests: str = TESTS) -> Path:
    (folder / "flows").mkdir(parents=True, exist_ok=True)
    (folder / "tests").mkdir(exist_ok=True)
    (folder / "hotline.yaml").write_text(HOTLINE)
    (folder / "actions.yaml").write_text(ACTIONS)
    (folder / "flows" / "welcome.yaml").write_text(WELCOME)
    (folder / "tests" / "size.yaml").write_text(tests)
    return folder


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write(tmp_path / "shop")


def one(folder: Path, turns: str, given: str = "{}", expect: str = "{}") -> Bundle:
    tests = f"tests:\n  - test: one\n    given: {given}\n    turns: {turns}\n    expect: {expect}\n"
    return build(write(folder, tests))


class TestRunner:
    def test_passing(self, shop: Path) -> None:
        results = run_tests(build(shop))
        assert [result.passed for result in results] == [True, True], [r.mismatches for r in results]
        assert [result.turns for result in results] == [1, 2]

    def test_the_example_of_the_language(self) -> None:
        folder = Path(__file__).parents[1] / "engine" / "wanling"
        results = run_tests(build(folder))
        assert [result.mismatches for result in results] == [[], []]

    @pytest.mark.parametrize(
        ("turn", "what", "actual"),
        [
            ("{user: twelve, step: welcome/none}", "step", "ended"),
            ("{user: twelve, says: hello}", "says", "We have three."),
            ("{user: twelve, slots: {size: 13}}", "slots.size", "12"),
            ("{user: twelve, called: stock.buy}", "called", "stock.find"),
            ("{user: twelve, called: {stock.find: {size: 1}}}", "called.stock.find", "[{'size': 12}]"),
            ("{user: twelve, handover: {queue: front}}", "handover", "none"),
            ("{user: twelve, interrupted: true}", "interrupted", "False"),
        ],
    )
    def test_every_expectation_can_fail(self, tmp_path: Path, turn: str, what: str, actual: str) -> None:
        (result,) = run_tests(one(tmp_path, f"[{turn}]", "{actions: {stock.find: {left: 3}}}"))
        assert next((m.what, m.actual) for m in result.mismatches) == (what, actual)

    def test_the_diff_shows_the_turn(self, tmp_path: Path) -> None:
        (result,) = run_tests(
            one(tmp_path, "[{user: twelve, slots: {size: 13}}]", "{actions: {stock.find: {left: 3}}}")
        )
        assert diff(result.mismatches[0]) == [
            "     tests/size.yaml:4: turn 1, slots.size",
            "       caller    twelve",
            "       expected  13",
            "       actual    12",
            "       bot said  We have three.",
        ]

    def test_barge_in(self, tmp_path: Path) -> None:
        turns = "[{user: twelve, at: 500ms, interrupted: true, says: have three}]"
        (result,) = run_tests(one(tmp_path, turns, "{actions: {stock.find: {left: 3}}}"))
        assert result.mismatches == []

    def test_silence_of_the_backend(self, tmp_path: Path) -> None:
        given = "{actions: {stock.find: {delay: 2500ms, result: {left: 1}}}}"
        (result,) = run_tests(one(tmp_path, "[{user: twelve, says: One moment}]", given, '{max_silence: "< 1s"}'))
        assert [(m.what, m.actual) for m in result.mismatches] == [("max_silence", "1200ms")]
        slow = "{actions: {stock.find: {delay: 9s, result: {left: 1}}}}"
        (result,) = run_tests(one(tmp_path, "[{user: twelve, handover: {reason: error}}]", slow))
        assert result.mismatches == []

    def test_a_call_that_ended_early(self, tmp_path: Path) -> None:
        (result,) = run_tests(one(tmp_path, "[{user: twelve}, {user: hello}]", "{actions: {stock.find: {left: 3}}}"))
        assert [(m.turn, m.what, m.actual) for m in result.mismatches] == [(2, "call", "had ended")]

    def test_audio_without_a_recogniser_is_read_as_its_text(self, tmp_path: Path) -> None:
        given = "{actions: {stock.find: {left: 3}}}"
        (result,) = run_tests(one(tmp_path, "[{audio: rec/a.wav, user: twelve, says: three}]", given))
        assert result.passed
        assert result.notes == ["rec/a.wav: no recogniser here, read as its reference text"]
        (result,) = run_tests(one(tmp_path, "[{audio: rec/a.wav}]", given))
        assert "rec/a.wav needs a recogniser, or `user` with what it says" in result.mismatches[0].actual

    def test_an_answer_that_is_not_given(self, tmp_path: Path) -> None:
        (result,) = run_tests(one(tmp_path, "[{user: twelve, handover: {reason: error}}]"))
        assert result.passed


class TestBackend:
    CALL = CallAction("a1", "x", {}, 1000, wait=True)

    def test_a_list_is_one_answer_a_call(self) -> None:
        backend = GivenBackend({"x": [{"a": 1}, "error.http"]})
        assert backend.reply(self.CALL).result == {"a": 1}
        assert [backend.reply(self.CALL).failure for _ in range(2)] == ["http", "http"]

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            ("error.gone", "given.actions.x: error.gone is none of error.timeout, error.http, error.data"),
            (5, "given.actions.x: a map of the result's fields, or error.timeout, not 5"),
            ([], "given.actions.x: an empty list"),
        ],
    )
    def test_answers_that_cannot_be_read(self, answer: object, message: str) -> None:
        with pytest.raises(InputError) as caught:
            GivenBackend({"x": answer}).reply(self.CALL)  # type: ignore[dict-item]
        assert str(caught.value) == message

    def test_queues(self) -> None:
        assert not queue_status("q", "closed").open
        assert queue_status("q", {"open": True, "waiting": 3}).waiting == 3
        with pytest.raises(InputError, match=r"given.queues.q: open, closed, full, or a map, not 'shut'"):
            queue_status("q", "shut")


def test_comparisons() -> None:
    assert compares("<= 8", 8)
    assert compares("8", 8)
    assert not compares("< 2s", 2000)
    assert compares(">= 2s", 2000)
    assert same(15, 15.0)
    assert same("2026-11-21", "2026-11-21")
    assert not same(True, 1)
    assert not same(None, 0)
    assert by_ear("It's 5, OK？") == "its5ok"


class TestReports:
    def test_coverage(self, shop: Path) -> None:
        bundle = build(shop)
        coverage = measure(bundle.program, run_tests(bundle))
        assert coverage.share("steps") == 1.0
        assert coverage.share("branches") == 1.0
        assert coverage.missing("actions") == ["stock.find error"]
        assert "hotline.yaml:8 noinput 2" in coverage.missing("rungs")
        assert coverage.language_share("en") == 1.0
        table = text_report(run_tests(bundle), coverage)
        assert "2 tests, 0 failed, 3 turns" in table
        assert "steps            5     5    100%" in table

    def test_junit(self, tmp_path: Path) -> None:
        bundle = one(tmp_path, "[{user: twelve, says: 'a < b'}]", "{actions: {stock.find: {left: 3}}}")
        root = ET.fromstring(junit_report("shop", run_tests(bundle)))
        assert (root.tag, root.get("tests"), root.get("failures")) == ("testsuite", "1", "1")
        failure = root.find("testcase/failure")
        assert failure is not None
        assert "expected  a < b" in str(failure.text)

    def test_mutation(self, shop: Path) -> None:
        bundle = build(shop)
        score = mutation_score(bundle)
        assert score.total == len(list(mutants(bundle.program)))
        assert 0 < score.noticed < score.total
        survivors = [mutant.what for mutant in score.survivors]
        assert "no rung 2 of noinput" in survivors
        assert "welcome/stock: no edge to good" not in survivors


class TestCommandLine:
    def test_test(self, shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        junit = tmp_path / "out.xml"
        assert main(["test", str(shop), "--json", "--mutate", "--junit", str(junit)]) == 0
        report = json.loads(capsys.readouterr().out)
        assert (report["passed"], report["failed"]) == (2, 0)
        assert report["coverage"]["steps"]["share"] == 1.0
        assert report["mutation"]["total"] > 5
        assert junit.exists()

    def test_a_failure_gives_1(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        one(tmp_path, "[{user: twelve, says: hello}]", "{actions: {stock.find: {left: 3}}}")
        assert main(["test", str(tmp_path)]) == 1
        out = capsys.readouterr().out
        assert "FAIL one  (tests/size.yaml:2)" in out
        assert "1 tests, 1 failed" in out

    def test_nothing_to_run(self, shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["test", str(shop), "no such test"]) == 1
        assert "there is no test to run in" in capsys.readouterr().err

    def test_a_broken_hotline_lists_its_problems(self, shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (shop / "flows" / "welcome.yaml").write_text(WELCOME.replace("ask: size", "ask: sizes"))
        assert main(["test", str(shop)]) == 1
        assert "flows/welcome.yaml" in capsys.readouterr().err

    def test_chat(self, shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        given = shop / "given.yaml"
        given.write_text("actions: {stock.find: {left: 3}}\n")
        monkeypatch.setattr("sys.stdin", io.StringIO("\n/state\n/why\n/nonsense\n#12\n"))
        assert main(["chat", str(shop), "--given", str(given)]) == 0
        out = capsys.readouterr().out
        assert "bot> What size do you need today?" in out
        assert "bot> The size?" in out
        assert "     welcome/size  {}" in out
        assert "9 fail: noinput 1" in out
        assert out.index("[stock.find {'size': 12}]") < out.index("bot> We have three."), "in the order it happened"
        assert out.rstrip().endswith("[resolved]")

    def test_chat_tells_what_failed(
        self, shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given = shop / "given.yaml"
        given.write_text("queues: {}\n")
        monkeypatch.setattr("sys.stdin", io.StringIO("#12\n"))
        main(["chat", str(shop), "--given", str(given)])
        assert "[stock.find failed: `given` has no answer for stock.find]" in capsys.readouterr().out

    def test_chat_whose_input_ends(
        self, shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(""))
        assert main(["chat", str(shop), "--backend", "http://127.0.0.1:9"]) == 2
        assert "[abandoned]" in capsys.readouterr().out

    def test_chat_in_a_language_it_does_not_speak(self, shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["chat", str(shop), "--lang", "fr"]) == 1
        assert "--lang fr: the hotline speaks en" in capsys.readouterr().err


def test_a_bundle_is_named_by_its_content(shop: Path, tmp_path: Path) -> None:
    first = build(shop)
    copy = shutil.copytree(shop, tmp_path / "copy")
    assert build(copy).hash == first.hash
    (copy / "flows" / "welcome.yaml").write_text(WELCOME.replace("We have none.", "None."))
    assert build(copy).hash != first.hash
