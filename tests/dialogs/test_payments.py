"""dialogs/payments: clean, tested in both languages, and alive against its backend over HTTP."""

from __future__ import annotations

import asyncio
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
from ivr.dialog.testing.coverage import measure
from ivr.dialog.testing.mutate import mutation_score
from ivr.dialog.testing.runner import run_tests
from tests.fakes.pack_calls import begin_call, say

PAYMENTS = Path(__file__).parents[2] / "dialogs" / "payments"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return build(PAYMENTS)


def test_lint_finds_nothing(bundle: Bundle) -> None:
    assert [str(problem) for problem in bundle.problems] == []


def test_its_tests_pass_and_cover_it(bundle: Bundle) -> None:
    results = run_tests(bundle)
    assert [(result.name, result.mismatches) for result in results if not result.passed] == []
    coverage = measure(bundle.program, results)
    assert coverage.share("steps") >= 0.98
    assert coverage.share("branches") >= 0.95
    assert coverage.language_share("en") >= 0.9
    assert coverage.language_share("zh") >= 0.9


def test_its_tests_notice_faults(bundle: Bundle) -> None:
    score = mutation_score(bundle, limit=40)
    assert score.share >= 0.7, [mutant.what for mutant in score.survivors]


def test_examples_are_enough(bundle: Bundle) -> None:
    for flow in bundle.definition.flows.values():
        for examples in (flow.trigger.examples if flow.trigger else {}).values():
            assert len(examples) >= 5, flow.flow


def test_single_words_of_the_readme_are_understood(bundle: Bundle) -> None:
    words = {"丢失": "lost_card", "汇款": "transfer", "费用": "fees", "支付": "dispute", "故障": "blocked"}
    words |= {"修改": "change_phone", "电话": "change_phone", "号码": "change_phone", "多少": "fees"}
    words |= {"hours": "opening_hours", "telephone number": "change_phone"}
    for word, intent in words.items():
        simulator = begin_call(bundle, "zh" if word[0] > "z" else "en")
        simulator.speak(ev.Spoken("好" if word[0] > "z" else "yes", 0.9))
        assert simulator.step == "welcome/topic"
        simulator.speak(ev.Spoken(word, 0.9))
        assert simulator.state is not None
        assert simulator.state.topic == intent, word


@pytest.mark.parametrize("word", ["是", "对", "好", "要", "可以"])
def test_ways_to_say_yes(bundle: Bundle, word: str) -> None:
    simulator = begin_call(bundle, "zh")
    simulator.speak(ev.Spoken(word, 0.8))
    assert simulator.step == "welcome/topic"


# ------------------------------------------------------------------------------------------------- over HTTP, for real


@pytest.fixture
def bank(serve_app: Callable[[web.Application], str], example: Callable[[str], ModuleType]) -> str:
    return serve_app(example("payments_backend").Bank().app())


@pytest.fixture
def live(bundle: Bundle, bank: str) -> Iterator[LiveBackend]:
    backend = LiveBackend(bundle.definition.actions, bank)
    yield backend
    backend.close()


def test_what_was_said_at_first_is_not_asked_for_again(bundle: Bundle, live: LiveBackend) -> None:
    """Amount and day come with the matter, and a change of mind in the confirm."""
    simulator = begin_call(bundle, "zh", "13700137000", live)
    assert "九十八元" in "".join(say(simulator, "好", "是的，前天多扣了九十八块钱"))
    assert simulator.step == "dispute/details:confirm"
    say(simulator, "不对，是九十九块", "对", "要", "满意")
    assert simulator.ended == ev.End("resolved", "dispute")


SPOKEN = [
    ("en", "12025550143", ["yes", "yes", "one three five seven", "yes", "yes"], "resolved", "blocked"),
    ("zh", "13900139000", ["好", "是", "四四一二", "要", "满意"], "resolved", "blocked"),
    ("zh", "13800138000", ["好", "丢失", "一二三四", "要", "满意"], "resolved", "lost_card"),
    ("zh", "100", ["好", "费用", "满意"], "resolved", "fees"),
    ("en", "100", ["yes", "hours", "yes"], "resolved", "opening_hours"),
    ("en", "13800138000", ["yes", "missing transfer", "five hundred yuan", "three days ago", "yes", "yes", "yes"],
     "resolved", "transfer"),
    ("zh", "13700137000", ["好", "对", "九十九块 前天", "对", "要", "满意"], "resolved", "dispute"),
    ("zh", "13800138000", ["好", "修改电话号码", "一二三四", "一三六零零一三六零零零", "对", "满意"],
     "resolved", "change_phone"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "caller", "words", "outcome", "cause"), SPOKEN)
def test_the_spoken_paths(
    bundle: Bundle, live: LiveBackend, language: str, caller: str, words: list[str], outcome: str, cause: str
) -> None:
    simulator = begin_call(bundle, language, caller, live)
    say(simulator, *words)
    assert simulator.ended == ev.End(outcome, cause)


@pytest.mark.parametrize("caller", ["13800000500", "13800000666"])
def test_a_broken_bank_leads_to_a_human(bundle: Bundle, live: LiveBackend, caller: str) -> None:
    simulator = begin_call(bundle, "en", caller, live)
    said = say(simulator, "yes", "lost card", "one two three four")
    assert said[-1] == "I am sorry. Our system does not answer."
    assert [handover.reason for handover in simulator.handovers] == ["system_error"]


def test_a_bank_that_is_not_there(bundle: Bundle) -> None:
    backend = LiveBackend(bundle.definition.actions, "http://127.0.0.1:9")
    try:
        simulator = begin_call(bundle, "zh", "100", backend)
        say(simulator, "好", "丢失", "一二三四")
        assert [handover.reason for handover in simulator.handovers] == ["system_error"]
    finally:
        backend.close()


def test_a_repeated_commit_is_done_once(bank: str) -> None:
    async def twice() -> tuple[Any, Any, int]:
        async with aiohttp.ClientSession() as session:
            answers = []
            for _ in range(2):
                headers = {"Idempotency-Key": "k1"}
                async with session.post(f"{bank}/tickets", json={"phone": "1"}, headers=headers) as response:
                    answers.append(await response.json())
            async with session.post(f"{bank}/freeze", json={}) as response:
                return answers[0], answers[1], response.status

    first, second, status = asyncio.run(twice())
    assert first == second
    assert status == 400


@pytest.mark.parametrize(("fault", "status"), [("500", 500), ("rubbish", 200)])
def test_faults_can_be_asked_for(bank: str, fault: str, status: int) -> None:
    async def ask() -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.get(f"{bank}/health?fault={fault}") as response:
            return response.status, await response.text()

    got, text = asyncio.run(ask())
    assert got == status
    assert ("<html>" in text) == (fault == "rubbish")
