"""Cassettes: real answers kept beside the tests, without their secrets; audio turns; `--watch`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest

from ivr.app.testing import noisy
from ivr.cli import main
from ivr.dialog.bundle import build
from ivr.dialog.events import CallAction, JsonValue, Spoken
from ivr.dialog.loader import load_with_problems
from ivr.dialog.testing.backend import Reply
from ivr.dialog.testing.cassette import HIDDEN, Cassette, hide
from ivr.dialog.testing.coverage import confusable, measure
from ivr.dialog.testing.runner import run_tests

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
    prompts: {ask: {en: [What size do you need?, Which size?]}, retry: {en: The size?}, help: {en: One to twenty.}}
steps:
  - {id: size, ask: size}
  - {id: stock, call: stock.find, with: {size: "{{ size }}"}, save: {stock: "{{ result }}"}, filler: {en: One moment.}}
  - {id: told, say: {en: "We have {{ stock.left }}, {{ stock.note }}."}}
  - {id: bye, end: {outcome: resolved}}
"""
ACTIONS = """
actions:
  stock.find: {http: GET, url: "${SHOP}/{{ size }}", args: [size], auth: shop, returns: {left: number, note: text}}
"""
TESTS = """
tests:
  - test: from the cassette
    turns: [{user: twelve, says: have three}]
    expect: {outcome: resolved}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {
        "hotline.yaml": HOTLINE, "actions.yaml": ACTIONS, "flows/welcome.yaml": WELCOME, "tests/t.yaml": TESTS,
    }.items():  # fmt: skip
        path = tmp_path / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "shop"


class _Shop(BaseHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.asked.append(str(self.headers["Authorization"]))
        body = json.dumps({"left": 3, "note": "token s3cr3t-value", "more": "dropped"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        return


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), _Shop)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("SHOP", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("IVR_SECRET_SHOP", "s3cr3t-value")
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_record_once_replay_without_the_backend(
    folder: Path, shop: HTTPServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _Shop.asked.clear()
    assert main(["test", str(folder), "--record"]) == 0
    assert _Shop.asked == ["Bearer s3cr3t-value"]
    written = (folder / "tests" / "cassette.json").read_text()
    assert json.loads(written) == [
        {"action": "stock.find", "args": {"size": 12}, "replies": [{"result": {"left": 3, "note": f"token {HIDDEN}"}}]}
    ]
    monkeypatch.delenv("SHOP")
    assert main(["test", str(folder)]) == 0
    assert main(["test", str(folder), "--mutate"]) == 0
    assert len(_Shop.asked) == 1
    (folder / "tests" / "cassette.json").unlink()
    capsys.readouterr()
    assert main(["test", str(folder)]) == 1
    assert "FAIL from the cassette" in capsys.readouterr().out


def test_a_damaged_cassette_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("{", '[{"action": "a"}]', "[1]", '[{"action": "a", "args": {}, "replies": [{"failure": "x"}]}]'):
        (folder / "tests" / "cassette.json").write_text(text)
        assert main(["test", str(folder)]) == 1
        assert "cassette.json: no cassette" in capsys.readouterr().err


def action(**args: JsonValue) -> CallAction:
    return CallAction("1", "stock.find", args, 1000, True)


def test_answers_come_in_order_and_the_last_stays() -> None:
    left = iter([{"left": 3}, {"left": 2}, {"left": 9}])
    cassette = Cassette(live=lambda _: Reply(next(left)))
    first = cassette.backend()
    assert [first.reply(action(size=12)).result for _ in range(2)] == [{"left": 3}, {"left": 2}]
    cassette.backend().reply(action(size=7))
    again = Cassette.loads(cassette.dumps())
    assert again.dumps() == cassette.dumps()
    backend = again.backend()
    assert [backend.reply(action(size=12)).result for _ in range(3)] == [{"left": 3}, {"left": 2}, {"left": 2}]
    assert backend.reply(action(size=7)).result == {"left": 9}
    missing = backend.reply(action(size=1))
    assert (missing.result, missing.failure) == (None, "http")
    assert '{"size": 1} (ivr test --record)' in missing.detail


def test_failures_are_kept_too() -> None:
    cassette = Cassette(live=lambda _: Reply(None, "timeout", "no answer within 1000 ms"))
    cassette.backend().reply(action(size=1))
    reply = Cassette.loads(cassette.dumps()).backend().reply(action(size=1))
    assert (reply.result, reply.failure, reply.detail) == (None, "timeout", "no answer within 1000 ms")


def test_secrets_are_hidden_wherever_they_stand() -> None:
    data: JsonValue = {"a": ["x-key9-y", {"b": "key9"}], "n": 3, "t": True}
    assert hide(data, {"key9", "x"}) == {"a": [f"x-{HIDDEN}-y", {"b": HIDDEN}], "n": 3, "t": True}
    cassette = Cassette(secrets=frozenset({"key9"}), live=lambda _: Reply({"left": 1}))
    cassette.backend().reply(action(token="key9"))
    assert "key9" not in cassette.dumps()


def test_a_test_that_gives_an_answer_does_not_ask_the_cassette(folder: Path) -> None:
    tests = folder / "tests" / "t.yaml"
    tests.write_text(TESTS.replace("    turns:", "    given: {actions: {stock.find: {left: 3, note: x}}}\n    turns:"))
    cassette = Cassette(live=lambda _: pytest.fail("asked"))
    assert all(result.passed for result in run_tests(build(folder), cassette=cassette))


# ------------------------------------------------------------------------------------------------------- audio turns


def test_spoken_turns_are_read_as_text_where_nobody_hears(folder: Path) -> None:
    tests = folder / "tests" / "t.yaml"
    tests.write_text(
        TESTS.replace("{user: twelve,", "{audio: {say: twelve, noise: -10dB},").replace(
            "    turns:", "    given: {actions: {stock.find: {left: 3, note: x}}}\n    turns:"
        )
    )
    (result,) = run_tests(build(folder))
    assert result.passed
    assert result.notes == ["of 'twelve': no recogniser here, read as its reference text"]


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        ("{noise: -10dB}", "`say` is missing"),
        ("{say: x, noise: loud}", "`noise` cannot be loud"),
        ("{say: x, noise: -90dB}", "`noise` cannot be -90dB"),
        ("{say: x, rate: 9}", "`rate` needs at most 2"),
    ],
)
def test_wrong_audio_is_told_with_its_place(folder: Path, audio: str, message: str) -> None:
    (folder / "tests" / "t.yaml").write_text(TESTS.replace("{user: twelve,", f"{{audio: {audio},"))
    _, problems = load_with_problems(folder)
    assert any(message in problem.message and problem.file == "tests/t.yaml" for problem in problems), problems


def test_noise_has_the_level_asked_for() -> None:
    time_axis = np.arange(16000) / 16000
    voice = (8000 * np.sin(2 * np.pi * 440 * time_axis)).astype(np.int16)
    sound = np.concatenate([np.zeros(4800, np.int16), voice])
    noise = noisy(sound, voice, -10.0, "a").astype(np.float64) - sound
    ratio = 20 * np.log10(np.sqrt(np.mean(noise**2)) / np.sqrt(np.mean(voice.astype(np.float64) ** 2)))
    assert abs(ratio + 10) < 0.1
    assert np.array_equal(noisy(sound, voice, -10.0, "a"), noisy(sound, voice, -10.0, "a"))
    assert not np.array_equal(noisy(sound, voice, -10.0, "a"), noisy(sound, voice, -10.0, "b"))


def test_a_missing_recording_is_read_as_its_text_and_told(folder: Path) -> None:
    tests = folder / "tests" / "t.yaml"
    given = "    given: {actions: {stock.find: {left: 3, note: x}}}\n    turns:"
    tests.write_text(TESTS.replace("{user: twelve,", "{audio: a.wav, user: twelve,").replace("    turns:", given))

    def transcribe(audio: object, language: str) -> list[Spoken]:
        raise FileNotFoundError(audio)

    (result,) = run_tests(build(folder), transcribe=transcribe)
    assert result.passed
    assert result.notes == ["a.wav: no such recording, read as its reference text"]
    tests.write_text(TESTS.replace("{user: twelve,", "{audio: a.wav,").replace("    turns:", given))
    (result,) = run_tests(build(folder), transcribe=transcribe)
    assert "a.wav needs its file, or `user` with what it says" in result.mismatches[0].actual


def test_flows_with_a_share_are_open_in_tests_unless_told_otherwise(folder: Path) -> None:
    text = (
        "flow: one\nrollout: 0%\ntrigger: {title: {en: one}, examples: {en: [track my parcel, where is it, parcel]}}\n"
    )
    (folder / "flows" / "one.yaml").write_text(text + "steps: [{say: {en: In one.}}, {end: {}}]\n")
    turn = "turns: [{user: track my parcel, says: In one}]"
    (folder / "tests" / "t.yaml").write_text(
        f"tests:\n  - {{test: a, {turn}}}\n  - {{test: b, given: {{rollout: share}}, {turn}}}\n"
    )
    assert [result.passed for result in run_tests(build(folder))] == [True, False]


# ---------------------------------------------------------------------------------------------------------- coverage


def test_wordings_and_confusable_pairs_are_counted(folder: Path) -> None:
    for name, examples in {"one": "track my parcel", "two": "track my parcels"}.items():
        said = ", ".join(
            [examples, f"{examples} now", f"please {examples}", f"{examples} today", f"can you {examples}"]
        )
        text = f"flow: {name}\ntrigger: {{title: {{en: {name}}}, examples: {{en: [{said}]}}}}\nsteps: [{{end: {{}}}}]\n"
        (folder / "flows" / f"{name}.yaml").write_text(text)
    bundle = build(folder)
    pairs = confusable(bundle.definition)
    assert pairs == {"en: one / two"}
    covered = measure(bundle.program, run_tests(bundle), pairs)
    assert covered.missing("pairs") == ["en: one / two"]
    assert len(covered.there["variants"]) == 2
    assert len(covered.seen["variants"] & covered.there["variants"]) == 1


# ------------------------------------------------------------------------------------------------------------- watch


def test_watch_runs_again_after_each_change(folder: Path) -> None:
    shutil.rmtree(folder / "tests")
    (folder / "tests").mkdir()
    given = TESTS.replace("    turns:", "    given: {actions: {stock.find: {left: 3, note: x}}}\n    turns:")
    (folder / "tests" / "t.yaml").write_text(given)
    process = subprocess.Popen(
        [sys.executable, "-m", "ivr", "test", str(folder), "--watch"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, env=dict(os.environ, PYTHONUNBUFFERED="1"),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores it
    )  # fmt: skip
    assert process.stdout is not None
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(iter(process.stdout.readline, "")), daemon=True)  # type: ignore[union-attr]
    reader.start()
    try:
        _wait(lines, "1 tests, 0 failed")
        time.sleep(0.5)  # the watch itself starts after the first run
        (folder / "tests" / "t.yaml").write_text(given.replace("have three", "have four"))
        _wait(lines, "1 tests, 1 failed")
        (folder / "flows" / "welcome.yaml").write_text("flow: [")
        _wait(lines, "flows/welcome.yaml:2:")
        (folder / "flows" / "welcome.yaml").write_text(WELCOME.replace("We have", "We have four, not"))
        _wait(lines, "0 failed", after="flows/welcome.yaml:2:")
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(10)
        reader.join(5)
        process.stdout.close()


def _wait(lines: list[str], text: str, after: str = "", seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen = list(lines)
        start = max((number for number, line in enumerate(seen) if after and after in line), default=0)
        if any(text in line for line in seen[start:]):
            return
        time.sleep(0.05)
    raise AssertionError(f"{text!r} did not come: {lines}")
