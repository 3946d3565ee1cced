"""dialogs/retail: clean, tested in both languages, its knowledge base imported, alive against its shop over HTTP."""

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

from ivr.cli import main
from ivr.cli.chat import LiveBackend
from ivr.dialog import events as ev
from ivr.dialog.bundle import Bundle, build
from ivr.dialog.testing.coverage import measure
from ivr.dialog.testing.mutate import mutation_score
from ivr.dialog.testing.runner import run_tests
from tests.fakes.pack_calls import begin_call, say

RETAIL = Path(__file__).parents[2] / "dialogs" / "retail"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return build(RETAIL)


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


def test_the_flows_are_what_the_knowledge_base_gives(bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    """Changed in one place only: importing again changes nothing."""
    before = {path: path.read_bytes() for path in RETAIL.rglob("*faq*.yaml")}
    assert len(before) == 9
    assert main(["import", str(RETAIL / "kb" / "faq.csv"), str(RETAIL), "--update", "--dry-run"]) == 0
    from ivr.dialog import knowledge

    text = (RETAIL / "kb" / "faq.csv").read_text(encoding="utf-8")
    for entry in knowledge.read("faq.csv", text, "csv", bundle.definition.languages):
        name = f"faq_{entry.id}"
        assert before[RETAIL / "flows" / f"{name}.yaml"].decode() == knowledge.flow_text(entry, name, "faq.csv")
    assert "8 flows would be written" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("language", "text", "intent"),
    [
        ("en", "could you tell me where my package has got to", "order_status"),
        ("en", "these shoes came damaged and I want my money back", "refund"),
        ("en", "I won't be home on Friday, can you deliver it later", "delivery"),
        ("en", "do you take WeChat", "faq_payment"),
        ("zh", "帮我看看快递到哪里了", "order_status"),
        ("zh", "收到的东西是坏的我要退货", "refund"),
        ("zh", "明天我不在家能不能换一天送", "delivery"),
        ("zh", "运费要多少钱", "faq_shipping_cost"),
    ],
)
def test_words_that_are_in_no_example(bundle: Bundle, language: str, text: str, intent: str) -> None:
    simulator = begin_call(bundle, language)
    simulator.speak(ev.Spoken(text, 0.9))
    if simulator.step.endswith(":confirm"):
        simulator.speak(ev.Spoken("对" if language == "zh" else "yes", 0.9))
    assert simulator.state is not None
    assert simulator.state.topic == intent


# ------------------------------------------------------------------------------------------------- over HTTP, for real


@pytest.fixture
def shop(serve_app: Callable[[web.Application], str], example: Callable[[str], ModuleType]) -> str:
    return serve_app(example("retail_backend").Shop().app())


@pytest.fixture
def live(bundle: Bundle, shop: str) -> Iterator[LiveBackend]:
    backend = LiveBackend(bundle.definition.actions, shop)
    yield backend
    backend.close()


SPOKEN = [
    ("en", "13800138000", ["where is my order", "yes", "no"], "resolved", "order_status"),
    ("zh", "13900139000", ["是", "对", "要", "没有了"], "resolved", "order_status"),
    ("zh", "13800138000", ["我要退款", "不是", "二零二六零零零二", "坏了", "可以", "没有"], "resolved", "refund"),
    ("en", "100", ["how much is shipping", "no"], "resolved", "faq_shipping_cost"),
    ("zh", "100", ["怎么开发票", "没有了"], "resolved", "faq_invoice"),
    ("en", "13800138000", ["make a complaint", "the parcel was thrown over the fence", "no", "no"],
     "ticket", "complaint"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "caller", "words", "outcome", "cause"), SPOKEN)
def test_the_spoken_paths(
    bundle: Bundle, live: LiveBackend, language: str, caller: str, words: list[str], outcome: str, cause: str
) -> None:
    simulator = begin_call(bundle, language, caller, live)
    say(simulator, *words)
    assert simulator.ended == ev.End(outcome, cause)


def test_the_opening_line_knows_the_caller(bundle: Bundle, live: LiveBackend) -> None:
    simulator = begin_call(bundle, "zh", "+8613700137000", live)
    assert [say.text for say in simulator.last.said] == [
        "云莓商城，本次通话将被录音。", "张女士，您好。", "您是想退货退款吗？"
    ]  # fmt: skip


def test_a_view_long_ago_is_no_guess(bundle: Bundle, live: LiveBackend) -> None:
    simulator = begin_call(bundle, "en", "12025550143", live)
    assert simulator.last.said[-1].text == "What can I do for you?"


def test_the_agents_screen_opens_on_the_order(bundle: Bundle, live: LiveBackend) -> None:
    simulator = begin_call(bundle, "en", "13700137000", live)
    say(simulator, "yes", "yes", "it came broken")
    handover = simulator.handovers[-1]
    assert (handover.reason, handover.priority, handover.share) == ("refund_open", "high", ("order_no", "reason"))
    shared = {slot.name: slot.value for slot in handover.slots}
    assert shared["order_no"] == "20260003"
    assert shared["reason"] == "damaged"
    assert handover.summary == "Refund of sofa, order 20260003."


def test_another_days_delivery_reaches_the_shop(bundle: Bundle, live: LiveBackend, shop: str) -> None:
    day = dt.date.today() + dt.timedelta(days=2 if (dt.date.today().isoweekday() + 2) % 7 else 3)
    simulator = begin_call(bundle, "en", "13800138000", live)
    words = "in two days" if day == dt.date.today() + dt.timedelta(days=2) else "in three days"
    said = say(simulator, "change my delivery day", "yes", words, "in the morning", "yes")
    assert "It is booked. We will send a text message." in said
    moved = next(entry for entry in _log(shop) if entry["path"] == "/deliveries")
    assert moved["body"] == {"order": "20260001", "day": day.isoformat(), "window": "am"}


@pytest.mark.parametrize("caller", ["13800000500", "13800000666"])
def test_a_broken_shop_still_greets_and_then_hands_over(bundle: Bundle, live: LiveBackend, caller: str) -> None:
    simulator = begin_call(bundle, "en", caller, live)
    assert simulator.step == "welcome/topic"
    said = say(simulator, "where is my order", "two zero two six zero zero zero one")
    assert "I am sorry. Our system does not answer." in said
    assert [handover.reason for handover in simulator.handovers] == ["system_error"]


def test_a_refund_is_done_once(shop: str) -> None:
    async def twice() -> tuple[Any, Any, Any]:
        answers = []
        async with aiohttp.ClientSession() as session:
            for key in ("k1", "k1", "k2"):
                headers = {"Idempotency-Key": key}
                body = {"order": "20260002", "reason": "damaged"}
                async with session.post(f"{shop}/refunds", json=body, headers=headers) as response:
                    answers.append(await response.json())
        return answers[0], answers[1], answers[2]

    first, second, third = asyncio.run(twice())
    assert first == second
    assert first["ok"] is True
    assert third == {"ok": False, "number": None}


def test_the_shop_says_what_is_wrong_with_a_request(shop: str) -> None:
    async def ask() -> tuple[int, Any, int]:
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{shop}/refunds", json={}) as response:
                first = response.status, await response.json()
            async with session.post(f"{shop}/refunds", data="{", headers={"Content-Type": "text/plain"}) as response:
                return *first, response.status

    assert asyncio.run(ask()) == (400, {"error": "bad request: 'order'"}, 400)


def _log(shop: str) -> list[dict[str, Any]]:
    async def get() -> Any:
        async with aiohttp.ClientSession() as session, session.get(f"{shop}/log") as response:
            return (await response.json())["requests"]

    return list(asyncio.run(get()))
