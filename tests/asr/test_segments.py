"""Cutting long recordings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.asr.segments import Cuts, Segment, segments
from ivr.audio.frame import FRAME_SAMPLES, SAMPLE_RATE, Samples


class Loudness:
    """A detector that takes any sound for speech."""

    name = "loudness"

    def detect(self, block: Samples) -> float:
        return float(np.any(block))

    def reset(self) -> None: ...


def sound(*spans: tuple[bool, float]) -> Samples:
    """Speech and silence in turn, by seconds; each sample's value tells its second."""
    parts = [np.full(int(seconds * SAMPLE_RATE), 1000 if spoken else 0, dtype=np.int16) for spoken, seconds in spans]
    return np.concatenate(parts)


def frames(samples: Samples) -> Iterator[Samples]:
    for start in range(0, len(samples), FRAME_SAMPLES):
        yield samples[start : start + FRAME_SAMPLES]


def cut(samples: Samples, cuts: Cuts | None = None) -> list[Segment]:
    return list(segments(frames(samples), Loudness(), cuts))


def spans(found: list[Segment]) -> list[tuple[int, int]]:
    return [(segment.start_ms, segment.start_ms + len(segment.samples) // 16) for segment in found]


def test_short_recording_comes_whole_pauses_and_all() -> None:
    assert spans(cut(sound((True, 3), (False, 4), (True, 3)))) == [(0, 10_000)]


def test_short_silence_comes_whole_for_the_recogniser_to_judge() -> None:
    assert spans(cut(sound((False, 1)))) == [(0, 1_000)]


def test_long_silence_is_no_segment() -> None:
    assert cut(sound((False, 40))) == []


def test_long_recording_is_cut_in_its_longest_pause() -> None:
    found = cut(sound((True, 14), (False, 0.2), (True, 3), (False, 0.6), (True, 10)))
    assert len(found) == 2
    assert 17_200 < found[1].start_ms < 17_800


def test_without_any_pause_it_is_cut_at_the_limit() -> None:
    found = spans(cut(sound((True, 60))))
    assert found[0] == (0, 25_020)
    assert all(end - start <= 25_020 for start, end in found)
    assert found[-1][1] == 60_000


def test_long_silences_between_are_left_out() -> None:
    found = spans(cut(sound((True, 26), (False, 60), (True, 2))))
    assert found[-1][0] > 84_000
    assert sum(end - start for start, end in found) < 35_000


def test_three_hours_are_never_held() -> None:
    """A recording of unknown length: pieces come out while it runs, each bounded."""
    second = np.full(SAMPLE_RATE, 1000, dtype=np.int16)

    def endless() -> Iterator[Samples]:
        while True:
            yield from frames(second)

    stream = segments(endless(), Loudness())
    for _ in range(20):
        assert len(next(stream).samples) <= 25_020 * 16


@settings(max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 700)), min_size=1, max_size=12))
def test_every_spoken_frame_comes_out_once_and_in_order(plan: list[tuple[bool, int]]) -> None:
    numbered: list[Samples] = []
    for spoken, count in plan:
        for _ in range(count):
            numbered.append(np.full(FRAME_SAMPLES, len(numbered) % 30_000 + 1 if spoken else 0, dtype=np.int16))
    found = list(segments(iter(numbered), Loudness()))
    heard = [value for segment in found for value in segment.samples[::FRAME_SAMPLES] if value]
    assert heard == [frame[0] for frame in numbered if frame[0]]
    for segment in found:
        first = segment.start_ms // 20
        assert np.array_equal(segment.samples[:FRAME_SAMPLES], numbered[first])
