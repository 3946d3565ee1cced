from __future__ import annotations

import pytest

from ivr.audio.frame import to_samples
from ivr.turn.endpoint import Completeness, Endpointer, EndpointSettings, PauseStatistics


@pytest.mark.parametrize(
    ("pauses_ms", "needed_ms"),
    [((), 466), ((500,), 466), ((300, 500), 466), ((500, 500), 600), ((600, 560, 400), 672), ((1000, 1000), 700)],
)  # fmt: skip
def test_an_answer_that_could_grow_is_waited_for_as_long_as_its_own_pauses(
    pauses_ms: tuple[int, ...], needed_ms: int
) -> None:
    endpointer = Endpointer(EndpointSettings(), 0, PauseStatistics())
    voice = to_samples(600)
    endpointer.update(voice, voice, Completeness.INCOMPLETE)
    for pause in pauses_ms:
        for silence in range(20, pause, 20):
            endpointer.update(voice + to_samples(silence), voice, Completeness.INCOMPLETE)
        voice += to_samples(pause)
        endpointer.update(voice, voice, Completeness.FILLED)
    assert endpointer.needed_ms(Completeness.FILLED) == needed_ms


def test_one_that_cannot_be_complete_has_a_bound() -> None:
    pauses = PauseStatistics()
    needed = [
        Endpointer(EndpointSettings(end_silence_ms=base), 0, pauses).needed_ms(Completeness.INCOMPLETE)
        for base in (400, 700, 1200, 2400)
    ]
    assert needed == [900, 1575, 2000, 2400]


def test_what_was_said_whole_and_misheard_in_part_ends_soon() -> None:
    endpointer = Endpointer(EndpointSettings(), 0, PauseStatistics())
    needed = [endpointer.needed_ms(meant) for meant in (Completeness.COMPLETE, Completeness.MISHEARD)]
    assert needed == [200, 400]
