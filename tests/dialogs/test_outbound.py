"""dialogs/outbound: clean, tested in both languages, discreet, and alive against its clinic over HTTP."""

from __future__ import annotations

import asyncio
import datetime as dt
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from ivr.cli import main
from ivr.cli.chat import LiveBackend
from ivr.dialog import events as ev
from ivr.dialog.bundle import Bundle, build
from ivr.dialog.testing.coverage import measure
from ivr.dialog.testing.mutate import mutation_score
from ivr.dialog.testing.runner import run_tests
from ivr.dialog.testing.simulator import Simulator
from tests.fakes.pack_calls import begin_call, say

OUTBOUND = Path(__file__).parents[2] / "dialogs" / "outbound"
SAM, LI_NA, ANN, WANG_WEI, KIM = "12025550143", "13800138000", "12025550144", "13900139000", "12025550145"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return build(OUTBOUND)


def test_lint_finds_nothing(bundle: Bundle) -> None:
    assert [str(problem) for problem in bundle.problems] == []


def test_its_tests_pass_and_cover_it(bundle: Bundle) -> None:
    results = run_tests(bundle)
    assert [(result.name, result.mismatches) for result in results if not result.passed] == []
    coverage = measure(bundle.program, results)
    assert coverage.share("steps") == 1.0
    assert coverage.share("branches") >= 0.95
    assert coverage.language_share("en") >= 0.95
    assert coverage.language_share("zh") >= 0.95


def test_its_tests_notice_faults(bundle: Bundle) -> None:
    score = mutation_score(bundle, limit=40)
    assert score.share >= 0.7, [mutant.what for mutant in score.survivors]


# ------------------------------------------------------------------------------------------------- over HTTP, for real


@pytest.fixture
def clinic(serve_app: Callable[[web.Application], str], example: Callable[[str], ModuleType]) -> str:
    return serve_app(example("outbound_backend").Clinic().app())


@pytest.fixture
def live(bundle: Bundle, clinic: str) -> Iterator[LiveBackend]:
    backend = LiveBackend(bundle.definition.actions, clinic)
    yield backend
    backend.close()


def _call(bundle: Bundle, backend: Any, language: str, person: str, direction: str = "outbound") -> Simulator:
    caller, called = ("4008200143", person) if direction == "outbound" else (person, "4008200143")
    return begin_call(bundle, language, caller, backend, called=called, direction=direction)


def _state(address: str) -> dict[str, Any]:
    async def ask() -> dict[str, Any]:
        async with aiohttp.ClientSession() as session, session.get(f"{address}/state") as response:
            found: dict[str, Any] = await response.json()
            return found

    return asyncio.run(ask())


SPOKEN = [
    ("en", SAM, ["yes", "yes", "may third nineteen eighty five", "I will be there"], "resolved", "reminder",
     "confirmed"),
    ("en", SAM, ["speaking", "go ahead", "the third of may 1985", "cancel it", "yes"], "resolved", "reminder",
     "cancelled"),
    ("en", SAM, ["this is he", "I am driving", "tomorrow"], "abandoned", "later", "later"),
    ("en", SAM, ["wrong number"], "abandoned", "wrong_number", "wrong_number"),
    ("en", SAM, ["yes", "yes", "may fourth nineteen eighty five", "may fifth nineteen eighty five"], "abandoned",
     "unverified", "unverified"),
    ("en", ANN, ["yes", "yes", "june second nineteen seventy eight", "five"], "resolved", "rating", "rated"),
    ("zh", LI_NA, ["我就是", "方便", "一九九零年三月十二号", "会来的"], "resolved", "reminder", "confirmed"),
    ("zh", LI_NA, ["是我", "在开会", "后天"], "abandoned", "later", "later"),
    ("zh", WANG_WEI, ["是", "可以", "八五年五月三号", "两分", "等太久了", "好"], "resolved", "rating", "rated"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "person", "words", "outcome", "cause", "verdict"), SPOKEN)
def test_the_spoken_paths(
    bundle: Bundle, live: LiveBackend, clinic: str, language: str, person: str, words: list[str], outcome: str,
    cause: str, verdict: str,
) -> None:  # fmt: skip
    simulator = _call(bundle, live, language, person)
    say(simulator, *words)
    assert simulator.ended == ev.End(outcome, cause)
    assert [(report["phone"], report["verdict"]) for report in _state(clinic)["reports"]] == [(person, verdict)]


def test_an_appointment_is_moved(bundle: Bundle, live: LiveBackend, clinic: str) -> None:
    ahead = 4 if (dt.date.today() + dt.timedelta(days=4)).isoweekday() != 7 else 5
    simulator = _call(bundle, live, "en", SAM)
    said = say(simulator, "yes", "yes", "may third nineteen eighty five", "another time",
                f"in {'four' if ahead == 4 else 'five'} days", "three in the afternoon", "yes")  # fmt: skip
    assert simulator.ended == ev.End("resolved", "reminder")
    assert ("three thirty p.m." in " ".join(said)) == (ahead == 4), said  # three is taken on the fourth day
    assert _state(clinic)["jobs"]["J1"] == "moved"


@pytest.mark.parametrize(("language", "wish"), [("en", "please do not call me again"), ("zh", "你们以后别再打了")])
def test_who_does_not_want_calls_gets_none(
    bundle: Bundle, live: LiveBackend, clinic: str, language: str, wish: str
) -> None:
    simulator = _call(bundle, live, language, SAM)
    say(simulator, wish)
    assert simulator.ended == ev.End("refused", "do_not_call")
    assert _state(clinic)["barred"] == [SAM]
    again = _call(bundle, live, language, SAM)
    assert again.ended == ev.End("abandoned", "no_job")


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["he is not here"]),
        ("en", ["who is this", "what is this about", "I am his wife"]),
        ("en", ["you have reached sam please leave a message after the beep"]),
        ("en", ["yes", "yes", "may fourth nineteen eighty five", "may fifth nineteen eighty five"]),
        ("zh", ["我是他爱人"]),
        ("zh", ["您拨打的电话正在通话中请稍后再拨"]),
    ],
)
def test_nothing_private_is_said_to_others(bundle: Bundle, live: LiveBackend, language: str, words: list[str]) -> None:
    """No word of a visit, a clinic or a day before the date of birth was right."""
    simulator = _call(bundle, live, language, SAM)
    said = [say.text for say in simulator.last.said] + say(simulator, *words)
    assert simulator.ended is not None
    heard = " ".join(said).lower()
    for word in ("clinic", "check-up", "appointment", "visit", "诊所", "预约", "检查", "就诊"):
        assert word not in heard


def test_a_machine_is_left_a_message(bundle: Bundle, live: LiveBackend, clinic: str) -> None:
    simulator = _call(bundle, live, "en", KIM)
    assert [say.text for say in simulator.last.said] == [
        "Hello.", "A message for Kim Reed. Please call Harbour back on this number. Thank you."
    ]  # fmt: skip
    assert simulator.ended == ev.End("abandoned", "voicemail")
    assert _state(clinic)["reports"][0]["verdict"] == "voicemail"


def test_a_patient_calls_back(bundle: Bundle, live: LiveBackend, clinic: str) -> None:
    simulator = _call(bundle, live, "zh", f"+86{LI_NA}", "inbound")
    said = say(simulator, "一九九零年三月十二号", "能来")
    assert any("洗牙" in text for text in said)
    assert _state(clinic)["jobs"]["J2"] == "confirmed"


def test_who_hangs_up_is_reported(bundle: Bundle, live: LiveBackend, clinic: str) -> None:
    simulator = _call(bundle, live, "en", SAM)
    say(simulator, "yes")
    simulator.hang_up()
    assert [report["verdict"] for report in _state(clinic)["reports"]] == ["hung_up"]


@pytest.mark.parametrize("person", ["13900000500", "13900000666"])
def test_a_broken_clinic_apologises_and_ends(bundle: Bundle, live: LiveBackend, person: str) -> None:
    simulator = _call(bundle, live, "en", person)
    assert [say.text for say in simulator.last.said][1:] == [
        "I am sorry. Something does not work on our side.",
        "Goodbye.",
    ]
    assert simulator.ended == ev.End("abandoned", "system_error")


def test_a_date_of_birth_is_neither_in_an_address_nor_in_the_journal(bundle: Bundle, live: LiveBackend) -> None:
    simulator = _call(bundle, live, "en", SAM)
    say(simulator, "yes", "yes")
    exchange = simulator.speak(ev.Spoken("may third nineteen eighty five", 1.0))
    assert "1985-05-03" not in str(exchange.decisions)
    assert all("birthday" not in action.url for action in bundle.definition.actions.values())


def test_it_can_be_tried_in_the_terminal(
    clinic: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("wrong number\n"))
    assert main(["chat", str(OUTBOUND), "--to", SAM, "--backend", clinic]) == 0
    shown = capsys.readouterr().out
    assert "Am I speaking with Sam Carter?" in shown
    assert shown.endswith("[abandoned wrong_number]\n")
