"""`ivr tune` on recordings, as an operator calls it. The recogniser is scripted; voices are recorded speech."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ivr.audio.frame import to_samples
from ivr.audio.wav import read_audio
from ivr.cli import main

ROOT = Path(__file__).resolve().parents[3]
HOTLINE = ROOT / "tests/replay/tuning/survey"
SENTENCE = ROOT / "audio_fixtures/en_sentences/goforward.wav"
Out = pytest.CaptureFixture[str]


def caller(folder: Path, name: str, pause_ms: int, sentences: int = 3) -> Path:
    """Says half of a sentence, pauses, says the rest; waits for the bot, and again."""
    sound = read_audio(SENTENCE)
    middle = to_samples(1350)  # between "forward" and "ten"
    parts = [np.zeros(to_samples(7000), dtype=np.int16)]
    for _ in range(sentences):
        gap = np.zeros(to_samples(pause_ms), dtype=np.int16)
        parts += [sound[:middle], gap, sound[middle:], np.zeros(to_samples(9000), dtype=np.int16)]
    path = folder / f"{name}.wav"
    soundfile.write(path, np.concatenate(parts), 16_000)
    return path


@pytest.fixture(autouse=True)
def plain_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    from ivr.asr.base import RecogniserSpec
    from ivr.asr.config import LanguagePasses, RecognitionConfig
    from ivr.tts.settings import VoiceChoice

    pieces = [[300, "go forward"], [1500, "go forward ten meters"]]
    script = {"script": [pieces for _ in range(40)]}
    scripted = RecognitionConfig({"s": RecogniserSpec("scripted", script)}, {"en": LanguagePasses("s")})
    monkeypatch.setattr("ivr.app.offline.default_config", lambda **_: scripted)
    monkeypatch.setattr("ivr.tts.settings.SynthesisSettings.chain", lambda *_: (VoiceChoice("scripted"),))


def tune(*arguments: str) -> int:
    return main(["tune", "--hotline", str(HOTLINE), *arguments])


def test_sound_files_are_heard_once_and_tuned_on(tmp_path: Path, capsys: Out) -> None:
    for name, pause in (("a", 100), ("b", 900), ("c", 1000)):
        caller(tmp_path, name, pause)
    out = tmp_path / "curves.html"
    arguments = [str(tmp_path), "--cache", str(tmp_path / "kept"), "--json"]
    assert tune(*arguments, "--out", str(out)) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["calls"] == 3 and len(found["held_out"]) == 1
    assert found["turns"] >= 5
    states = {state["state"]: state for state in found["states"]}
    assert set(states) == {"complete", "incomplete", "filled", "open", "prompt, lowered", "prompt, stopped"}
    whys = [state["why"] for state in states.values()]
    assert [why for why in whys if not why.startswith(("too few", "follows", "nobody interrupted"))] == []
    rates = [[point["rate"] for point in state["points"]] for state in states.values() if state["points"][0]["n"]]
    assert any(own[0] > own[-1] for own in rates)
    assert "</html>" in out.read_text(encoding="utf-8")

    kept = sorted((tmp_path / "kept").rglob("journal.jsonl"))
    times = [path.stat().st_mtime_ns for path in kept]
    assert len(kept) == 3
    assert tune(str(tmp_path / "a.wav"), str(tmp_path / "b.wav"), *arguments[1:]) == 0
    assert json.loads(capsys.readouterr().out)["calls"] == 2
    assert [path.stat().st_mtime_ns for path in kept] == times


def test_tables_and_picture(tmp_path: Path, capsys: Out) -> None:
    caller(tmp_path, "a", 900, sentences=2)
    out = tmp_path / "curves.svg"
    assert tune(str(tmp_path / "a.wav"), "--cache", str(tmp_path / "kept"), "--out", str(out), "--held-out", "1") == 0
    said = capsys.readouterr().out
    assert "1 calls (0 kept aside)" in said
    assert "open (listen.end_silence, now 700)" in said
    assert "nothing to change" in said
    ET.parse(out)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["missing"], "missing: no such file or folder"),
        (["."], "no recordings in ."),
        (["x.wav", "--out", "curves.pdf"], "--out curves.pdf: .html or .svg is needed"),
        (["x.wav"], "none of the 1 recordings could be read"),
    ],
)
def test_errors_say_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Out, arguments: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if "x.wav" in arguments:
        (tmp_path / "x.wav").write_text("no sound at all")
    assert tune(*arguments) == 1
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("value", ["0", "100", "-3", "many"])
def test_percentages_are_checked(value: str, capsys: Out) -> None:
    with pytest.raises(SystemExit):
        tune("x.wav", "--cut-offs", value)
    assert "percentage" in capsys.readouterr().err or value in ("0", "100", "-3")


def test_damaged_calls_are_told_and_left_out(tmp_path: Path, capsys: Out) -> None:
    broken = tmp_path / "call"
    broken.mkdir()
    (broken / "journal.jsonl").write_text('{"at": 1')
    (broken / "call.json").write_text("{}")
    caller(tmp_path, "a", 900, sentences=1)
    assert tune(str(tmp_path), "--cache", str(tmp_path.parent / "kept-damaged"), "--json") == 0
    said = capsys.readouterr()
    assert f"{broken}: the journal holds no track of the caller's voice" in said.err
    assert json.loads(said.out)["notes"] == ["1 recordings could not be read"]
