"""Clauses to prompts: marks, pauses, joins."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ivr.audio.frame import to_samples
from ivr.tts.base import Mark, SpeechAudio, SpeechRequest, Synthesiser
from ivr.tts.clauses import Clause
from ivr.tts.rendering import estimate_marks, finish, join, place, render_clause
from ivr.tts.scripted import ScriptedSynthesiser


def test_scripted_speech_has_known_length_and_marks() -> None:
    engine = ScriptedSynthesiser(ms_per_char=50)
    assert isinstance(engine, Synthesiser)
    audio = render_clause(engine, SpeechRequest("one two", "en"))
    assert len(audio.samples) == to_samples(350)
    assert audio.marks == (Mark(0, 0), Mark(to_samples(200), 4))


def test_trimming_moves_the_marks() -> None:
    lead = to_samples(300)
    samples = np.concatenate([np.zeros(lead), np.full(8000, 3000.0)]).astype(np.int16)
    audio = finish(SpeechAudio(samples, (Mark(lead, 0), Mark(lead + 4000, 5)), "x"), "some text")
    assert audio.marks == (Mark(0, 0), Mark(to_samples(40) + 4000, 5))


def test_marks_that_go_backwards_are_dropped() -> None:
    samples = np.full(16_000, 3000, dtype=np.int16)
    marks = (Mark(0, 0), Mark(100, 3), Mark(50, 6), Mark(200, 2), Mark(300, 8))
    assert finish(SpeechAudio(samples, marks, "x"), "a text").marks == (Mark(0, 0), Mark(100, 3), Mark(300, 8))


def test_an_engine_without_word_marks_gets_them_by_proportion() -> None:
    samples = np.full(9_000, 3000, dtype=np.int16)
    audio = finish(SpeechAudio(samples, (Mark(0, 0),), "x"), "您好吗")
    assert audio.marks == (Mark(0, 0), Mark(3000, 1), Mark(6000, 2))


def test_place_and_join() -> None:
    piece = SpeechAudio(np.ones(100, dtype=np.int16), (Mark(0, 0), Mark(50, 2)), "a")
    first = place(piece, Clause("ab c,", 0, 140), 0, last=False)
    second = place(piece, Clause("de f", 6, 0), len(first.samples), last=True)
    whole = join([first, second])
    assert len(first.samples) == 100 + to_samples(140)
    assert whole.marks == (Mark(0, 0), Mark(50, 2), Mark(2340, 6), Mark(2390, 8))
    assert len(whole.samples) == 2440
    assert whole.engine == "a"
    assert not len(join([]).samples)


@given(st.text("ab 您好,.", max_size=40), st.integers(0, 100_000))
def test_estimated_marks_lie_in_the_sound_and_in_the_text(text: str, length: int) -> None:
    marks = estimate_marks(text, length)
    assert marks[0].sample == 0
    assert all(0 <= mark.sample <= length and 0 <= mark.char <= len(text) for mark in marks)
    assert list(marks) == sorted(marks, key=lambda mark: (mark.sample, mark.char))
