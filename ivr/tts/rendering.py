"""From an engine's raw sound to a prompt: clause by clause, trimmed, levelled, with marks on the prompt's own text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from ivr.audio.frame import to_samples
from ivr.tts.base import Mark, SpeechAudio, SpeechRequest, Synthesiser
from ivr.tts.clauses import Clause, weight, words
from ivr.tts.loudness import normalise, trim

FORMAT = 1
"""Part of every cache key: raise it when what this module does to the sound changes."""


def render_clause(engine: Synthesiser, request: SpeechRequest) -> SpeechAudio:
    """One clause, finished. Marks count from its own first sample and character. Raises SynthesisError."""
    return finish(engine.synthesise(request), request.text)


def finish(audio: SpeechAudio, text: str) -> SpeechAudio:
    """Trimmed and levelled; an engine that knows no words gets word marks by proportion."""
    trimmed, cut = trim(audio.samples)
    if len(audio.marks) > 1:
        marks = _ascending((max(0, mark.sample - cut), mark.char) for mark in audio.marks)
    else:
        marks = estimate_marks(text, len(trimmed))
    return SpeechAudio(normalise(trimmed), marks, audio.engine)


def place(audio: SpeechAudio, clause: Clause, at_sample: int, *, last: bool) -> SpeechAudio:
    """A finished clause as a piece of its prompt: marks count from the prompt's first sample and character, and unless
    it is the last piece its pause follows."""
    pause = np.zeros(0 if last else to_samples(clause.pause_ms), dtype=np.int16)
    marks = tuple(Mark(mark.sample + at_sample, mark.char + clause.start) for mark in audio.marks)
    return replace(audio, samples=np.concatenate([audio.samples, pause]), marks=marks)


def join(pieces: Iterable[SpeechAudio]) -> SpeechAudio:
    """Placed pieces as one."""
    parts = list(pieces)
    samples = [part.samples for part in parts] or [np.zeros(0, dtype=np.int16)]
    engines = "+".join(dict.fromkeys(part.engine for part in parts))
    return SpeechAudio(np.concatenate(samples), tuple(mark for part in parts for mark in part.marks), engines)


def estimate_marks(text: str, length: int) -> tuple[Mark, ...]:
    """A mark for every word, spread over `length` samples in proportion to how long the words take to say."""
    found = words(text) or [(0, text)]
    loads = [weight(word) for _, word in found]
    total = sum(loads) or 1.0
    done, marks = 0.0, []
    for (char, _), load in zip(found, loads, strict=True):
        marks.append(Mark(int(length * done / total), char))
        done += load
    return tuple(marks)


def clause_request(request: SpeechRequest, clause: Clause, voice: str) -> SpeechRequest:
    return SpeechRequest(clause.text, request.language, voice, request.rate)


def _ascending(pairs: Iterable[tuple[int, int]]) -> tuple[Mark, ...]:
    """Marks that go forward in both sound and text; the first is put at the very start."""
    marks: list[Mark] = []
    for sample, char in pairs:
        if not marks:
            marks.append(Mark(0, char))
        elif sample > marks[-1].sample and char > marks[-1].char:
            marks.append(Mark(sample, char))
    return tuple(marks)
