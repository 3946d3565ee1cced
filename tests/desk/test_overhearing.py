"""Utterances cut out of a talk, on recorded speech."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ivr.audio.frame import FRAME_SAMPLES, SAMPLE_RATE, Samples
from ivr.audio.vad import create_detector
from ivr.audio.wav import read_audio
from ivr.desk.overhearing import END_SILENCE_MS, MAX_MS, Overhearing

SPEECH = Path(__file__).resolve().parents[2] / "audio_fixtures/en_sentences/jfk.wav"


def utterances(sound: Samples) -> list[tuple[int, Samples]]:
    """Onset (ms) and audio of each."""
    ear = Overhearing(create_detector("webrtc"))
    found: list[tuple[int, list[Samples]]] = []
    over = True
    for at in range(0, len(sound) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
        heard = ear.hear(sound[at : at + FRAME_SAMPLES])
        if heard.begins:
            assert over, "one ends before the next begins"
            found.append((heard.onset_ms, []))
            over = False
        if heard.audio is not None:
            found[-1][1].append(heard.audio)
        over = over or heard.ends
    return [(onset, np.concatenate(parts)) for onset, parts in found if parts]


def quiet(ms: int) -> Samples:
    return np.random.default_rng(1).normal(0, 8, ms * SAMPLE_RATE // 1000).astype(np.int16)


def test_silence_is_none() -> None:
    assert utterances(quiet(5000)) == []


def test_two_sentences_with_a_pause_are_two() -> None:
    speech = read_audio(SPEECH)[: 2 * SAMPLE_RATE]
    found = utterances(np.concatenate([quiet(1000), speech, quiet(1500), speech, quiet(1500)]))
    assert len(found) >= 2
    first, audio = found[0]
    assert 900 <= first <= 1700
    assert len(audio) >= 0.8 * SAMPLE_RATE


@pytest.mark.parametrize("pause_ms", [END_SILENCE_MS // 2])
def test_a_short_pause_ends_nothing(pause_ms: int) -> None:
    tone = read_audio(SPEECH)[SAMPLE_RATE // 2 : SAMPLE_RATE // 2 + SAMPLE_RATE]
    one = utterances(np.concatenate([quiet(500), tone, quiet(1500)]))
    two = utterances(np.concatenate([quiet(500), tone, quiet(pause_ms), tone, quiet(1500)]))
    assert len(two) <= 2 * len(one)
    assert sum(len(audio) for _, audio in two) > sum(len(audio) for _, audio in one)


def test_a_monologue_is_read_in_parts() -> None:
    speech = read_audio(SPEECH)
    monologue = np.concatenate([speech[SAMPLE_RATE // 3 : SAMPLE_RATE]] * 60)
    found = utterances(monologue)
    assert len(found) >= 2
    assert all(len(audio) <= (MAX_MS + 1000) * SAMPLE_RATE // 1000 for _, audio in found)
