"""Synthesis in one process, and `ivr say`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ivr.audio.frame import to_samples
from ivr.cli import main
from ivr.errors import SynthesisError
from ivr.tts.base import Mark, SpeechRequest
from ivr.tts.clauses import STOP_PAUSE_MS
from ivr.tts.local import LocalSynthesis
from ivr.tts.prompts import RecordedPrompts
from ivr.tts.settings import SynthesisSettings, parse_voices

SCRIPTED = parse_voices({"en": ["scripted"], "zh": ["scripted", "pyttsx3"]})
TEXT = "First clause here. Then the second."


def test_a_prompt_comes_clause_by_clause_with_marks_on_the_whole_text() -> None:
    local = LocalSynthesis(SynthesisSettings(voices=SCRIPTED))
    first, second = local.render(SpeechRequest(TEXT, "en"))
    begin = to_samples(17 * 60 + 80 - 20)  # tail of 60 ms for the silent full stop, kept up to 80 ms
    assert first.marks[:2] == (Mark(0, 0), Mark(to_samples(6 * 60), 6))
    assert len(first.samples) == to_samples(18 * 60 + STOP_PAUSE_MS)
    assert begin < len(first.samples)
    assert second.marks[0] == Mark(len(first.samples), 19)
    assert [TEXT[mark.char] for mark in second.marks] == ["T", "t", "s"]


def test_the_same_request_gives_the_same_sound_with_and_without_cache(tmp_path: Path) -> None:
    request = SpeechRequest("Hello, this is a test. Thank you.", "en")
    settings = SynthesisSettings(voices=parse_voices({"en": "pyttsx3"}), cache=tmp_path)
    first = LocalSynthesis(settings).synthesise(request)
    again = LocalSynthesis(settings).synthesise(request)
    bare = LocalSynthesis(SynthesisSettings(voices=settings.voices)).synthesise(request)
    assert np.array_equal(first.samples, again.samples)
    assert len(first.samples) == len(bare.samples)
    assert first.marks == again.marks == bare.marks
    assert len(list(tmp_path.glob("*.flac"))) == 2


def test_the_next_engine_speaks_when_the_first_fails() -> None:
    settings = SynthesisSettings(voices=SCRIPTED, engines={"scripted": {"fail_on": ("坏",)}})
    local = LocalSynthesis(settings)
    assert local.synthesise(SpeechRequest("好的", "zh")).engine == "scripted"
    assert local.synthesise(SpeechRequest("坏的", "zh")).engine == "pyttsx3"
    with pytest.raises(SynthesisError, match=r"^scripted to fail on '坏'$"):
        local.synthesise(SpeechRequest("坏的", "en"))
    local.close()


def test_nothing_to_say_gives_no_samples() -> None:
    assert not len(LocalSynthesis(SynthesisSettings(voices=SCRIPTED)).synthesise(SpeechRequest(" ... ", "en")).samples)


def test_a_recording_is_played_and_its_text_is_the_fall_back(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "hi.wav", np.full(16_000, 0.1), 16_000)
    local = LocalSynthesis(SynthesisSettings(voices=SCRIPTED), RecordedPrompts(tmp_path))
    assert local.synthesise(SpeechRequest("Hi there", "en"), audio="hi").engine == "recorded"
    assert local.synthesise(SpeechRequest("Hi there", "en"), audio="gone").engine == "scripted"
    with pytest.raises(SynthesisError, match=r"recording 'gone' .* and there is no text to speak instead"):
        local.synthesise(SpeechRequest("", "en"), audio="gone")


def test_say_writes_a_wav_and_tells_about_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "x.wav"
    assert main(["say", "Card ending 4412", "--engine", "pyttsx3", "-o", str(target), "--json"]) == 0
    about = json.loads(capsys.readouterr().out)
    samples, rate = soundfile.read(target, dtype="int16")
    assert rate == 16_000
    assert about["audio_s"] == pytest.approx(len(samples) / 16_000, abs=0.001)
    assert about["text"] == "Card ending four four one two"
    assert about["engine"] == "pyttsx3"
    assert about["level_dbfs"] == pytest.approx(-20.0, abs=0.5)
    assert about["peak_dbfs"] < -0.5


def test_say_finds_mandarin_by_its_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["say", "尾号4412", "--engine", "pyttsx3", "-o", str(tmp_path / "x.wav")]) == 0
    words, line = capsys.readouterr().out.splitlines()
    assert words == "尾号四四幺二"
    assert "pyttsx3, zh, level -20.0 dBFS" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hi", "--rate", "9"], "ivr say: --rate is 9.0, must be from 0.5 to 2"),
        (["...", "--engine", "scripted"], "ivr say: there is nothing to say in '...'"),
        (["hi", "--engine", "pyttsx3", "--voice", "nope"], "ivr say: pyttsx3: espeak-ng has no voice 'nope'"),
        (["hi", "--engine", "scripted", "-o", "/nowhere/x.wav"], "ivr say: /nowhere/x.wav: cannot be written"),
    ],
)
def test_say_errors(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["say", *arguments]) == 1
    assert capsys.readouterr().err.startswith(message)
