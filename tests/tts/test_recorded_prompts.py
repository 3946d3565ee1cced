"""Recorded prompts by name."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ivr.errors import AudioFileError
from ivr.tts.base import Mark
from ivr.tts.prompts import RecordedPrompts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "zh").mkdir()
    soundfile.write(tmp_path / "hello.wav", np.full(8000, 0.1), 8000)
    soundfile.write(tmp_path / "zh" / "hello.wav", np.full(16_000, 0.2), 16_000)
    return tmp_path


def test_the_language_s_own_recording_comes_first(folder: Path) -> None:
    prompts = RecordedPrompts(folder)
    assert prompts.find("hello", "zh-CN") == (folder / "zh" / "hello.wav").resolve()
    assert prompts.find("hello.wav", "en") == (folder / "hello.wav").resolve()


def test_any_rate_is_played_at_16_khz_with_marks(folder: Path) -> None:
    audio = RecordedPrompts(folder).load("hello", "en", "one two")
    assert len(audio.samples) == 16_000
    assert audio.marks == (Mark(0, 0), Mark(8000, 4))
    assert audio.engine == "recorded"


def test_a_changed_file_is_read_again(folder: Path) -> None:
    prompts = RecordedPrompts(folder)
    prompts.load("hello", "en")
    soundfile.write(folder / "hello.wav", np.full(4000, 0.1), 8000)
    os.utime(folder / "hello.wav", ns=(1, 1))
    assert len(prompts.load("hello", "en").samples) == 8000


def test_missing_broken_and_outside(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    prompts = RecordedPrompts(folder)
    with pytest.raises(AudioFileError, match=r"recording 'bye' for 'en' is not in .*looked for en/bye and bye"):
        prompts.load("bye", "en")
    with pytest.raises(AudioFileError, match=r"recording '\.\./x' lies outside of "):
        prompts.load("../x", "en")
    (folder / "broken.wav").write_bytes(b"RIFF")
    with pytest.raises(AudioFileError, match=r"broken\.wav"):
        prompts.load("broken", "en")
