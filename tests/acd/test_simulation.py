"""Erlang C against known values, and the floor simulated against Erlang C where its assumptions hold."""

from __future__ import annotations

import json
import math
from random import Random

import pytest

from ivr.acd.erlang import agents_needed, erlang_b, erlang_c, staffing
from ivr.acd.simulation import Load, simulate
from ivr.cli import main


def test_erlang_b_and_c_by_their_sums() -> None:
    for load, agents in ((0.5, 1), (8.0, 10), (20.0, 24), (3.0, 3)):
        terms = [load**k / math.factorial(k) for k in range(agents + 1)]
        assert erlang_b(load, agents) == pytest.approx(terms[-1] / sum(terms))
        if load < agents:
            tail = terms[-1] * agents / (agents - load)
            assert erlang_c(load, agents) == pytest.approx(tail / (sum(terms[:-1]) + tail))
    assert erlang_c(12.0, 10) == 1.0


def test_staffing_table() -> None:
    found = staffing(120, 240, 11, 20)
    assert found.occupancy == pytest.approx(8 / 11)
    assert found.wait_probability == pytest.approx(0.2449, abs=1e-3)
    assert found.asa_s == pytest.approx(found.wait_probability * 240 / 3)
    assert found.service_level == pytest.approx(1 - found.wait_probability * math.exp(-3 * 20 / 240))
    overloaded = staffing(120, 240, 7)
    assert (overloaded.asa_s, overloaded.service_level) == (math.inf, 0.0)
    assert agents_needed(120, 240) == 11
    assert erlang_b(200.0, 400) < 1e-6  # no overflow with hundreds of agents
    assert agents_needed(6000, 240) < 450


@pytest.mark.parametrize(("calls_per_hour", "agents"), [(120, 11), (120, 10), (30, 4)])
def test_the_floor_agrees_with_erlang_c(calls_per_hour: float, agents: int) -> None:
    formula = staffing(calls_per_hour, 240, agents)
    result = simulate(Load(calls_per_hour, talk_s=240, wrap_up_s=0), agents, 40_000, Random(7).random)
    assert result.abandoned == result.given_up == 0
    assert result.occupancy == pytest.approx(formula.occupancy, abs=0.02)
    assert result.wait_probability == pytest.approx(formula.wait_probability, abs=0.03)
    assert result.service_level == pytest.approx(formula.service_level, abs=0.03)
    assert result.asa_s == pytest.approx(formula.asa_s, rel=0.15)


def test_the_wait_told_is_right_on_average() -> None:
    result = simulate(Load(120, talk_s=240, wrap_up_s=0), 10, 40_000, Random(3).random)
    assert abs(result.estimate_bias_s) < 0.15 * result.asa_s


def test_impatience_and_missed_offers() -> None:
    impatient = simulate(Load(120, patience_s=120), 8, 5_000, Random(5).random)
    assert impatient.abandoned > 100
    assert impatient.answered + impatient.abandoned + impatient.given_up == impatient.calls
    lazy = simulate(Load(120, no_answer=0.3), 14, 2_000, Random(5).random)
    assert lazy.asa_s > 5.0  # a third of the offers cost a ring time
    assert lazy.answered == lazy.calls


def test_ten_thousand_callers_and_three_hundred_agents() -> None:
    result = simulate(Load(4_400, talk_s=230, wrap_up_s=10), 300, 10_000, Random(11).random)
    assert result.answered == result.calls == 9_000
    assert result.given_up == 0


def test_same_seed_same_figures(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["acd", "simulate", "--calls", "2000", "--agents", "9", "11", "--wrap-up", "0", "--talk", "240", "--json"]
    assert main(command) == 0
    first = capsys.readouterr().out
    assert main(command) == 0
    assert capsys.readouterr().out == first
    rows = [json.loads(line) for line in first.splitlines()]
    assert [row["needed"] for row in rows] == [False, True]
    assert rows[1]["erlang_c"]["agents"] == rows[1]["simulated"]["agents"] == 11
    assert rows[0]["simulated"]["calls"] == 1800


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["acd", "simulate", "--calls", "500", "--patience", "60"]) == 0
    out = capsys.readouterr().out
    assert "…" not in out, "wider than 80 columns"
    assert "120 calls an hour, 240 s each: 8.0 erlang. 80% within 20 s needs 11 agents." in out
    assert "Erlang C knows no patience" in out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--calls-per-hour", "0"], "--calls-per-hour must be more than 0, not 0"),
        (["--service-level", "80"], "--service-level is a share between 0 and 1, not 80"),
        (["--agents", "0"], "--agents must be 1 or more, not 0"),
        (["--no-answer", "1"], "--no-answer is a share from 0 to below 1, not 1"),
        (["--wrap-up", "-1"], "--wrap-up must not be negative, is -1"),
        (["--patience", "0"], "--patience must be more than 0, not 0"),
        (["--calls-per-hour", "1e9"], "more than 5,000 calls at once: simulate a part of the floor"),
    ],
)
def test_bad_flags(flags: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["acd", "simulate", *flags]) == 1
    assert capsys.readouterr().err == f"ivr acd: {message}\n"
