"""dialogs/devices: clean, tested in both languages, open to its share of callers, and alive against its maker."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from ivr.cli.chat import LiveBackend
from ivr.dialog import events as ev
from ivr.dialog.bundle import Bundle, build
from ivr.dialog.engine.frames import is_open
from ivr.dialog.engine.turn import Turn
from ivr.dialog.testing.coverage import measure
from ivr.dialog.testing.mutate import mutation_score
from ivr.dialog.testing.runner import run_tests
from tests.fakes.pack_calls import begin_call, say

DEVICES = Path(__file__).parents[2] / "dialogs" / "devices"
EVERYTHING = "15900159000"
"""A caller to whom every scene is open; to 13800138000 none of the new ones is."""


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return build(DEVICES)


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


@pytest.mark.parametrize(
    ("language", "text", "intent"),
    [
        ("en", "I can't remember my password any more", "password"),
        ("en", "is there still warranty on my robot", "warranty"),
        ("en", "could somebody come and install the washer", "installation"),
        ("en", "what is the state of my repair", "repair"),
        ("zh", "密码忘掉了怎么办", "password"),
        ("zh", "我的扫地机还保修吗", "warranty"),
        ("zh", "想请师傅来安装洗衣机", "installation"),
        ("zh", "我送去修的净化器修好没有", "repair"),
    ],
)
def test_words_that_are_in_no_example(bundle: Bundle, language: str, text: str, intent: str) -> None:
    simulator = begin_call(bundle, language, EVERYTHING)
    say(simulator, "好" if language == "zh" else "yes", text)
    if simulator.step.endswith(":confirm"):
        say(simulator, "对" if language == "zh" else "yes")
    assert simulator.state is not None
    assert simulator.state.topic == intent


@pytest.mark.parametrize(
    ("language", "heard", "product"),
    [
        ("en", "nova ex two", "nova"),
        ("en", "it is the breathe mini", "breeze"),
        ("en", "my aqua probe", "aqua"),
        ("en", "hello lock", "halo"),
        ("zh", "挪娃", "nova"),
        ("zh", "我的轻风净化器", "breeze"),
        ("zh", "必播洗衣机", "aqua"),
        ("zh", "光换", "halo"),
    ],
)
def test_product_names_are_known_as_recognisers_hear_them(
    bundle: Bundle, language: str, heard: str, product: str
) -> None:
    simulator = begin_call(bundle, language, EVERYTHING)
    say(simulator, *(("好", "查保修", heard) if language == "zh" else ("yes", "warranty", heard)))
    assert simulator.slots.get("product") == product


@pytest.mark.parametrize(("flow", "share"), [("installation", 0.8), ("repair", 0.5), ("connect", 0.2)])
def test_scenes_are_open_to_their_share_of_callers(bundle: Bundle, flow: str, share: float) -> None:
    simulator = begin_call(bundle, "en", "x")
    assert simulator.state is not None
    opened = 0
    for number in range(500):
        state = simulator.state.clone()
        state.call = ev.CallContext("c", f"138{number:08}", "", "en", state.call.started_at)
        opened += is_open(Turn(bundle.program, state), bundle.program.flows[flow])
    assert abs(opened / 500 - share) < 0.07


# ------------------------------------------------------------------------------------------------- over HTTP, for real


@pytest.fixture
def maker(serve_app: Callable[[web.Application], str], example: Callable[[str], ModuleType]) -> str:
    return serve_app(example("devices_backend").Maker().app())


@pytest.fixture
def live(bundle: Bundle, maker: str) -> Iterator[LiveBackend]:
    backend = LiveBackend(bundle.definition.actions, maker)
    yield backend
    backend.close()


SPOKEN = [
    ("en", "12025550143", ["yes", "yes", "yes", "four four two nine one seven", "yes"], "resolved", "password"),
    ("zh", EVERYTHING, ["好", "忘记密码", "好", "四四二九一七", "满意"], "resolved", "password"),
    ("en", EVERYTHING, ["yes", "warranty", "Nova X2", "one two three four five six seven eight", "yesterday", "yes",
                        "yes", "yes"], "resolved", "warranty"),
    ("zh", "13900139000", ["好", "是", "光环门锁", "八七六五四三二一", "昨天", "对", "满意"], "resolved", "warranty"),
    ("en", EVERYTHING, ["yes", "repair status", "three zero zero one zero three", "yes"], "resolved", "repair"),
    ("zh", EVERYTHING, ["好", "维修进度", "三零零一零二", "满意"], "resolved", "repair"),
    ("zh", EVERYTHING, ["好", "连不上网", "闪了", "连上了", "满意"], "resolved", "connect"),
    ("en", "100", ["yes", "hours", "yes"], "resolved", "opening_hours"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "caller", "words", "outcome", "cause"), SPOKEN)
def test_the_spoken_paths(
    bundle: Bundle, live: LiveBackend, language: str, caller: str, words: list[str], outcome: str, cause: str
) -> None:
    simulator = begin_call(bundle, language, caller, live)
    say(simulator, *words)
    assert simulator.ended == ev.End(outcome, cause)


@pytest.mark.parametrize(("language", "words"), [
    ("en", ["yes", "installation", "Aqua Pro", "{day}", "in the morning", "yes", "yes"]),
    ("zh", ["好", "预约安装", "碧波洗衣机", "{day}", "上午", "要", "满意"]),
])  # fmt: skip
def test_a_visit_is_booked_on_a_working_day(
    bundle: Bundle, live: LiveBackend, maker: str, language: str, words: list[str]
) -> None:
    ahead = 2 if (dt.date.today() + dt.timedelta(days=2)).isoweekday() != 7 else 3
    spoken = {("en", 2): "in two days", ("en", 3): "in three days", ("zh", 2): "后天", ("zh", 3): "大后天"}
    simulator = begin_call(bundle, language, EVERYTHING, live)
    said = say(simulator, *(word.format(day=spoken[language, ahead]) for word in words))
    assert simulator.ended == ev.End("resolved", "installation")
    assert any("Your visit number" in text or "预约号" in text for text in said)
    booked = next(entry["body"] for entry in _log(maker) if entry["path"] == "/visits")
    day = (dt.date.today() + dt.timedelta(days=ahead)).isoformat()
    assert booked == {"slot": f"{day}-09:30", "product": "aqua", "phone": EVERYTHING}


def test_a_code_is_neither_in_an_address_nor_in_the_journal(bundle: Bundle, live: LiveBackend, maker: str) -> None:
    simulator = begin_call(bundle, "en", "12025550143", live)
    say(simulator, "yes", "yes", "yes")
    exchange = simulator.speak(ev.Spoken("four four two nine one seven", 1.0))
    assert "442917" not in str(exchange.decisions)
    assert not any("442917" in entry["path"] for entry in _log(maker))


@pytest.mark.parametrize("caller", ["13900000500", "13900000666"])
def test_a_broken_maker_leads_to_a_human(bundle: Bundle, live: LiveBackend, caller: str) -> None:
    simulator = begin_call(bundle, "en", caller, live)
    said = say(simulator, "yes", "I forgot my password", "yes")
    assert said[-1] == "I am sorry. Our system does not answer."
    assert [handover.reason for handover in simulator.handovers] == ["system_error"]


def test_the_maker_says_what_is_wrong_with_a_request(maker: str) -> None:
    async def ask() -> list[int]:
        async with aiohttp.ClientSession() as session:
            found = []
            for method, path in (("POST", "/codes"), ("GET", "/warranties/12345678?bought=soon"), ("GET", "/nothing")):
                async with session.request(method, f"{maker}{path}", json={}) as response:
                    found.append(response.status)
            return found

    assert asyncio.run(ask()) == [400, 400, 404]


def _log(address: str) -> list[dict[str, Any]]:
    async def ask() -> list[dict[str, Any]]:
        async with aiohttp.ClientSession() as session, session.get(f"{address}/log") as response:
            found: list[dict[str, Any]] = (await response.json())["requests"]
            return found

    return asyncio.run(ask())
