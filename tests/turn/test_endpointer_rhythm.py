from __future__ import annotations

import pytest

from ivr.audio.frame import to_samples
from ivr.turn.endpoint import Completeness, Endpointer, EndpointSettings, PauseStatistics


@pytest.mark.parametrize(
    ("pause_ms", "needed_ms"), [(0, 500), (300, 500), (500, 600), (560, 672), (1000, 700)],
)  # fmt: skip
def test_an_answer_that_could_grow_is_waited_for_as_long_as_its_own_pauses(pause_ms: int, needed_ms: int) -> None:
    endpointer = Endpointer(EndpointSettings(), 0, PauseStatistics())
    first = to_samples(600)
    endpointer.update(first, first, Completeness.INCOMPLETE)
    for silence in range(20, pause_ms, 20):
        endpointer.update(first + to_samples(silence), first, Completeness.INCOMPLETE)
    again = first + to_samples(max(20, pause_ms))
    endpointer.update(again, again, Completeness.FILLED)
    assert endpointer.needed_ms(Completeness.FILLED) == needed_ms
