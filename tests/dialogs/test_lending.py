"""dialogs/lending: clean, tested in both languages, careful with words of risk, alive against its lender over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiohttp import web

from ivr.cli.chat import LiveBackend
from ivr.dialog import events as ev
from ivr.dialog.bundle import Bundle, build
from ivr.dialog.codec import dumps
from ivr.dialog.testing.coverage import measure
from ivr.dialog.testing.mutate import mutation_score
from ivr.dialog.testing.runner import run_tests
from ivr.dialog.testing.simulator import Simulator
from tests.fakes.pack_calls import begin_call, say

LENDING = Path(__file__).parents[2] / "dialogs" / "lending"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return build(LENDING)


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


def _call(bundle: Bundle, language: str, caller: str = "100", backend: Any = None, **queues: bool) -> Simulator:
    status = {name: ev.QueueStatus(open=is_open) for name, is_open in queues.items()}
    return begin_call(bundle, language, caller, backend, status)


RISK = [
    ("en", "suicide", "risk"),
    ("en", "I can not take it any more, I am going to kill myself because of this debt", "risk"),
    ("en", "some days I just do not want to live", "risk"),
    ("en", "there is no way out for me with this loan", "risk"),
    ("en", "you will hear from my lawyer about the fees on my bill", "legal"),
    ("en", "I have written to the regulator", "legal"),
    ("zh", "我想自杀", "risk"),
    ("zh", "你们再催我就从楼上跳楼算了", "risk"),
    ("zh", "欠这么多钱我活不下去了", "risk"),
    ("zh", "我已经找律师了这个账单不对", "legal"),
    ("zh", "我要向金融监管部门反映", "legal"),
]


@pytest.mark.parametrize(("language", "text", "reason"), RISK)
@pytest.mark.parametrize("place", ["route", "slot", "confirm"])
def test_words_of_risk_win_everywhere(bundle: Bundle, language: str, text: str, reason: str, place: str) -> None:
    simulator = _call(bundle, language, "13800138000")
    if place != "route":
        say(simulator, "还款日" if language == "zh" else "repayment date")
        assert simulator.step == "identify/digits"
    if place == "confirm":
        simulator.hang_up()
        simulator = _call(bundle, language, "13800138000")
        say(simulator, "把链接发给我" if language == "zh" else "send me the link")
        assert simulator.step == "send_link/number:confirm"
    say(simulator, text)
    handover = simulator.handovers[-1]
    assert (handover.reason, handover.priority) == (reason, "high")
    assert handover.queue == ("care" if reason == "risk" else "specialists")


def test_nobody_is_offered_an_app_instead_of_help(bundle: Bundle) -> None:
    simulator = _call(bundle, "en", "13800138000", care=False)
    said = say(simulator, "I want to end my life")
    assert said[0] == "Thank you for telling me. Please stay with me, a person is coming."
    assert any("one two three five six" in text for text in said)
    assert not any("link" in text for text in said)
    assert simulator.step == "fallback/number:confirm"


@pytest.mark.parametrize("text", ["my card died", "I am dying to know my bill", "on Monday"])
def test_common_words_are_no_risk(bundle: Bundle, text: str) -> None:
    simulator = _call(bundle, "en", "13800138000")
    say(simulator, text)
    assert simulator.handovers == []


def test_the_digits_of_the_id_are_masked(bundle: Bundle) -> None:
    simulator = _call(bundle, "en", "13800138000")
    say(simulator, "repayment date", "one two three four")
    handover = simulator.handovers[-1]  # the backend gives no answer here
    digits = next(slot for slot in handover.slots if slot.name == "id4")
    assert digits.sensitive
    assert "1234" not in handover.summary
    assert "1234" not in dumps(simulator.last.decisions)


# ------------------------------------------------------------------------------------------------- over HTTP, for real


@pytest.fixture
def lender(serve_app: Callable[[web.Application], str], example: Callable[[str], ModuleType]) -> str:
    return serve_app(example("lending_backend").Lender({"/bills/L3": "500"}).app())


@pytest.fixture
def live(bundle: Bundle, lender: str) -> Iterator[LiveBackend]:
    backend = LiveBackend(bundle.definition.actions, lender)
    yield backend
    backend.close()


SPOKEN = [
    ("en", "13800138000", ["repayment date", "one two three four", "yes", "fifteen", "yes"],
     "resolved", "due_date_changed"),
    ("zh", "13900139000", ["查账单", "二五八零", "要", "可以"], "resolved", "bill_link"),
    ("en", "13900139000", ["what is my bill", "two five eight zero", "no"], "resolved", "late_fee"),
    ("zh", "13800138000", ["提前结清", "一二三四", "明天", "要"], "resolved", "payoff_booked"),
    ("en", "13800138000", ["I lost my job", "one two three four", "my job", "two months"], "resolved", "hardship_job"),
    ("zh", "13800138000", ["把链接发给我", "好"], "resolved", "app_link"),
    ("zh", "13700137000", ["查账单", "八八八八", "好"], "resolved", "bill_link"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "caller", "words", "outcome", "cause"), SPOKEN)
def test_the_spoken_paths(
    bundle: Bundle, live: LiveBackend, language: str, caller: str, words: list[str], outcome: str, cause: str
) -> None:
    simulator = _call(bundle, language, caller, live)
    say(simulator, *words)
    assert simulator.ended == ev.End(outcome, cause)


@pytest.mark.parametrize(
    ("caller", "words", "reason", "skills"),
    [
        ("13700137000", ["close my loan", "eight eight eight eight"], "large_payoff",
         ("loans", "tier:senior", "lang:en")),
        ("13700137000", ["I need a payment break", "eight eight eight eight", "my job", "five"], "hardship",
         ("hardship", "tier:senior", "lang:en")),
        ("13800138000", ["I need a payment break", "one two three four", "my health", "two"], "hardship",
         ("hardship", "tier:junior", "lang:en")),
        ("12025550143", ["repayment date", "one three five seven", "yes", "ten", "yes"], "date_refused",
         ("loans", "tier:junior", "lang:en")),
    ],
)  # fmt: skip
def test_skill_tiers(
    bundle: Bundle, live: LiveBackend, caller: str, words: list[str], reason: str, skills: tuple[str, ...]
) -> None:
    simulator = _call(bundle, "en", caller, live)
    say(simulator, *words)
    assert [(handover.reason, handover.skills) for handover in simulator.handovers] == [(reason, skills)]


def test_the_wrong_id_is_told_nothing(bundle: Bundle, live: LiveBackend) -> None:
    simulator = _call(bundle, "en", "13800138000", live)
    said = say(simulator, "what is my bill", "nine nine nine nine", "nine nine nine eight")
    assert [handover.reason for handover in simulator.handovers] == ["identity"]
    assert not any("yuan" in text for text in said)


@pytest.mark.parametrize("caller", ["13800000500", "13800000666"])
def test_a_broken_lender_leads_to_a_human(bundle: Bundle, live: LiveBackend, caller: str) -> None:
    simulator = _call(bundle, "en", caller, live)
    said = say(simulator, "repayment date", "one two three four")
    assert said[-1] == "I am sorry. Our system does not answer."
    assert [handover.reason for handover in simulator.handovers] == ["system_error"]


def test_nobody_is_free_and_the_link_is_sent(bundle: Bundle, live: LiveBackend) -> None:
    simulator = _call(bundle, "zh", "13800138000", live, desk=False)
    say(simulator, "转人工", "好")
    assert simulator.ended == ev.End("resolved", "fallback_link")
