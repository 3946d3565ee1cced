"""What is suggested, what is not, and why."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from ivr.call.settings import CallSettings
from ivr.replay.tuning.advice import Advice, Outcome, Target, advise, conclude, suggested_settings
from ivr.replay.tuning.chart import page, picture
from ivr.replay.tuning.corpus import TunedCall
from ivr.replay.tuning.curves import Grid, Panel, Point, Share, needed_for, split


def panel(*counts: tuple[int, int, int], held: tuple[tuple[int, int, int], ...] = (), now: int = 200) -> Panel:
    """Counts: value, bad, n; the median is the value."""

    def points(rows: tuple[tuple[int, int, int], ...]) -> tuple[Point, ...]:
        return tuple(Point(value, f"{value} ms", Share(bad, n), (value,) * (n - bad)) for value, bad, n in rows)

    aside = held or tuple((value, 0, 0) for value, _, _ in counts)
    return Panel("complete", "call.complete_ms", now, points(counts), points(aside))


def test_intervals_are_those_of_wilson() -> None:
    low, high = Share(5, 50).interval
    assert (round(low, 3), round(high, 3)) == (0.058, 0.168)
    assert Share(0, 0).interval == (0.0, 1.0)
    assert Share(0, needed_for(0.05)).interval[1] <= 0.05 < Share(0, needed_for(0.05) - 1).interval[1]


def test_the_fastest_setting_that_keeps_the_target_is_suggested() -> None:
    advice = advise(panel((100, 30, 100), (160, 1, 100), (200, 0, 100), (300, 0, 100)), 0.05)
    assert advice.value == 160
    assert advice.holds is None and "kept aside" in advice.held_out


def test_too_few_turns_are_said_to_be_too_few() -> None:
    advice = advise(panel((160, 0, 12), (200, 0, 12)), 0.05)
    assert advice.value is None
    assert advice.why.startswith("too few: 12 turn ends, at least 32 are needed")
    assert "0 of 12" in advice.why


def test_a_gain_below_a_frame_is_none() -> None:
    assert advise(panel((190, 0, 100), (200, 0, 100)), 0.05).value is None


def test_a_suggestion_that_does_not_hold_is_not_made() -> None:
    rows = ((160, 0, 100), (200, 0, 100))
    advice = advise(panel(*rows, held=((160, 20, 60), (200, 0, 60))), 0.05)
    assert (advice.value, advice.holds) == (160, False)
    assert Outcome((advice,), ()).suggested == {}
    good = advise(panel(*rows, held=((160, 0, 60), (200, 0, 60))), 0.05)
    assert good.holds is True
    assert Outcome((good,), ()).toml() == "[call]\ncomplete_ms = 160\n"


def test_no_setting_good_enough_the_least_bad_only_if_it_holds() -> None:
    rows = ((200, 40, 100), (600, 12, 100))
    assert advise(panel(*rows), 0.05).value is None
    assert advise(panel(*rows, held=((200, 60, 150), (600, 12, 150))), 0.05).value == 600
    same = advise(panel((200, 12, 100), (600, 11, 100)), 0.05)
    assert same.value is None and same.why.startswith("no setting keeps 5 % for sure")


def test_yaml_is_what_a_hotline_takes() -> None:
    point = Point(900, "900 ms", Share(0, 100), (900,))
    open_panel = Panel("open", "listen.end_silence", 700, (point,), ())
    outcome = Outcome((Advice(open_panel, 900, ""),), ())
    assert outcome.yaml() == "defaults:\n  listen: {end_silence: 900ms}\n"
    assert outcome.toml() == ""


def test_settings_as_suggested() -> None:
    found = suggested_settings(CallSettings(), {"call.onset_ms": 160, "call.complete_ms": 120})
    assert (found.gate.onset_ms, found.complete_ms) == (160, 120)
    assert found.gate.window_ms >= 160
    assert found.incomplete_max_ms == CallSettings().incomplete_max_ms


def test_the_same_calls_are_always_split_alike() -> None:
    calls = [TunedCall(str(number), {}) for number in range(9)]
    order = {str(number): str(number * 7 % 9) for number in range(9)}
    tuned, aside = split(calls, order, 1 / 3)
    again, _ = split(list(reversed(calls)), order, 1 / 3)
    assert len(aside) == 3 and len(tuned) == 6
    assert [call.id for call in tuned] == [call.id for call in again]


def test_a_corpus_without_a_single_case_is_drawn_and_told() -> None:
    grid = Grid([], [], CallSettings())
    outcome = conclude(grid, [*grid.end_panels(), *grid.prompt_panels()], Target())
    assert outcome.suggested == {}
    assert all(advice.why for advice in outcome.advice)
    ET.fromstring(picture(outcome, Target()))


@pytest.mark.parametrize("name", ["plain", "<script>&"])
def test_the_page_is_whole_and_safe(name: str) -> None:
    advice = advise(panel((100, 30, 100), (160, 1, 100), (200, 0, 100)), 0.05)
    outcome = Outcome((advice,), (("now, tuned on", Share(1, 9), Point(0, "", Share(1, 9), (200,))),))
    text = page(name, "summary", ["note"], outcome, Target())
    assert "<script>" not in text
    assert "complete_ms = 160" in text
    assert "<svg" in text and "</html>" in text
    svg = ET.fromstring(picture(outcome, Target()))
    circles = [item for item in svg.iter() if item.tag.endswith("circle")]
    assert len(circles) == 3
