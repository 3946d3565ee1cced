"""`ivr replay` and `ivr transcribe` on what people really feed them: every kind of broken, odd or endless file."""

from __future__ import annotations

import json
import shutil
import struct
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ivr.audio.wav import read_audio
from ivr.cli import main

ROOT = Path(__file__).resolve().parents[2]
HOTLINE = ROOT / "tests/service/hotline"
SPEECH = ROOT / "audio_fixtures/en_sentences/goforward.wav"


def tone(seconds: float, rate: int = 16_000, level: float = 0.3) -> np.ndarray:
    return np.sin(np.arange(int(seconds * rate)) * 2 * np.pi * 300 / rate) * level


def broken(folder: Path) -> Path:
    """The header of a WAV and nothing of use behind it."""
    path = folder / "broken.wav"
    path.write_bytes(SPEECH.read_bytes()[:30])
    return path


def cut_off(folder: Path) -> Path:
    path = folder / "cut.flac"
    soundfile.write(path, np.random.default_rng(1).standard_normal(32_000) * 0.01, 16_000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def empty(folder: Path) -> Path:
    path = folder / "empty.wav"
    path.write_bytes(b"")
    return path


def no_samples(folder: Path) -> Path:
    path = folder / "none.wav"
    soundfile.write(path, np.zeros(0), 16_000)
    return path


def text(folder: Path) -> Path:
    path = folder / "text.wav"
    path.write_text("this is no sound at all, whatever its name says")
    return path


def missing(folder: Path) -> Path:
    return folder / "missing.wav"


BAD: list[tuple[Callable[[Path], Path], str]] = [
    (broken, "its header is cut off or damaged"), (cut_off, "is damaged: the sound breaks off after "),
    (empty, "is empty (0 bytes)"),
    (no_samples, "holds no sound (0 samples)"), (text, "not a sound file (WAV, FLAC, OGG and MP3 are known)"),
    (missing, "no such file"),
]  # fmt: skip


def stereo_44(folder: Path) -> Path:
    path = folder / "stereo.wav"
    left = tone(1.5, 44_100)
    soundfile.write(path, np.stack([left, np.zeros_like(left)], axis=1), 44_100)
    return path


def silence(folder: Path) -> Path:
    path = folder / "silence.wav"
    soundfile.write(path, np.zeros(16_000 * 2), 16_000)
    return path


def clipped(folder: Path) -> Path:
    path = folder / "clipped.wav"
    loud = read_audio(SPEECH).astype(np.float64) * 60
    soundfile.write(path, np.clip(loud, -32_768, 32_767).astype(np.int16), 16_000)
    return path


def one_sample(folder: Path) -> Path:
    path = folder / "one.wav"
    soundfile.write(path, np.zeros(1), 8_000)
    return path


ODD = [stereo_44, silence, clipped, one_sample]
Out = pytest.CaptureFixture[str]


def replay(*arguments: str) -> int:
    return main(["replay", "--hotline", str(HOTLINE), "--queue", "closed", "--vad", "energy", *arguments])


def transcribe(*arguments: str) -> int:
    return main(["transcribe", "--engine", "scripted", "--lang", "en", *arguments])


@pytest.fixture(autouse=True)
def plain_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The voice that is always there; and no recogniser is loaded, as these callers say nothing that counts."""
    from ivr.asr.base import RecogniserSpec
    from ivr.asr.config import LanguagePasses, RecognitionConfig
    from ivr.tts.settings import VoiceChoice

    scripted = RecognitionConfig({"s": RecogniserSpec("scripted")}, {"en": LanguagePasses("s")})
    monkeypatch.setattr("ivr.app.offline.default_config", lambda **_: scripted)
    monkeypatch.setattr("ivr.tts.settings.SynthesisSettings.chain", lambda *_: (VoiceChoice("scripted"),))


@pytest.mark.parametrize(("make", "complaint"), BAD, ids=[make.__name__ for make, _ in BAD])
@pytest.mark.parametrize("verb", [replay, transcribe])
def test_bad_files(
    tmp_path: Path, capsys: Out, verb: Callable[..., int], make: Callable[[Path], Path], complaint: str
) -> None:
    """One line that names the file and the reason; exit 1; the files after it are still done."""
    path, good = make(tmp_path), silence(tmp_path)
    assert verb("--json", str(path), str(good)) == 1
    output = capsys.readouterr()
    first, second = (json.loads(line) for line in output.out.splitlines())
    assert first["file"] == str(path)
    assert first["error"].startswith(f"{path}: ")
    assert complaint in first["error"]
    assert second["file"] == str(good)
    assert "error" not in second
    assert output.err.count("\n") == 1
    assert output.err == f"ivr {verb.__name__}: {first['error']}\n"


@pytest.mark.parametrize("make", ODD, ids=[make.__name__ for make in ODD])
@pytest.mark.parametrize("verb", [replay, transcribe])
def test_odd_files(tmp_path: Path, capsys: Out, verb: Callable[..., int], make: Callable[[Path], Path]) -> None:
    """Strange, but sound: taken as they are."""
    assert verb("--json", str(make(tmp_path))) == 0
    result = json.loads(capsys.readouterr().out)
    if verb is replay:
        assert result["outcome"] in {"abandoned", "handed_over"}
        assert result["mode"] == "engines"
    else:
        assert result["text"] == ""
        assert result["audio_s"] == pytest.approx(soundfile.info(str(make(tmp_path))).duration, abs=0.05)


def three_hours(path: Path) -> Path:
    """Silence of three hours: a header, and a hole in the file."""
    size = 3 * 3600 * 16_000
    layout = struct.pack("<HHIIHH", 1, 1, 8_000, 16_000, 2, 16)
    with path.open("wb") as file:
        file.write(b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + struct.pack("<I", 16) + layout)
        file.write(b"data" + struct.pack("<I", size))
        file.truncate(44 + size)
    return path


@pytest.mark.slow
def test_three_hours_are_transcribed_in_bounded_time_and_memory(tmp_path: Path, capsys: Out) -> None:
    import resource

    path = three_hours(tmp_path / "long.wav")
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    assert transcribe("--json", str(path)) == 0
    took = time.monotonic() - began
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    result = json.loads(capsys.readouterr().out)
    assert result["audio_s"] == pytest.approx(10_800, abs=0.1)
    assert result["text"] == ""
    assert took < 60
    assert grown_mb < 100


def test_a_replay_of_three_hours_ends_with_its_call(tmp_path: Path, capsys: Out) -> None:
    """The bot hangs up on a caller who says nothing; what is left of the file is not read."""
    began = time.monotonic()
    assert replay("--json", str(three_hours(tmp_path / "long.wav"))) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["audio_s"] < 120
    assert time.monotonic() - began < 20


# -------------------------------------------------------------------------------------------------------- the verb


def test_for_people(tmp_path: Path, capsys: Out) -> None:
    assert replay(str(silence(tmp_path))) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{tmp_path / 'silence.wav'}: abandoned")
    assert lines[0].endswith(" times real time")
    assert lines[1].endswith("bot: Welcome to the laboratory.")


def test_twice_the_same(tmp_path: Path, capsys: Out) -> None:
    """Byte for byte, but for the time it took."""
    found = []
    for _ in range(2):
        assert replay("--json", str(clipped(tmp_path))) == 0
        result = json.loads(capsys.readouterr().out)
        del result["wall_s"]
        found.append(json.dumps(result))
    assert found[0] == found[1]


def test_a_recorded_replay_can_be_replayed(tmp_path: Path, capsys: Out) -> None:
    kept = tmp_path / "kept"
    assert replay("--json", "--record", str(kept), str(silence(tmp_path))) == 0
    first = json.loads(capsys.readouterr().out)
    stored = kept / "silence"
    assert {path.name for path in stored.iterdir()} >= {"recording.flac", "journal.jsonl"}
    if not (stored / "call.json").exists():
        assert replay("--json", str(stored)) == 1
        assert "not a stored call" in capsys.readouterr().err
        return
    assert replay("--json", str(stored)) == 0
    again = json.loads(capsys.readouterr().out)
    assert (again["mode"], again["divergence"]) == ("events", "")
    assert again["decisions"] == first["decisions"]


def test_folders_are_searched(tmp_path: Path, capsys: Out) -> None:
    for name in ("b.wav", "a/c.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(silence(tmp_path), tmp_path / name)
    (tmp_path / "notes.txt").write_text("no sound")
    assert replay("--json", str(tmp_path)) == 0
    files = [json.loads(line)["file"] for line in capsys.readouterr().out.splitlines()]
    assert files == [str(tmp_path / name) for name in ("a/c.wav", "b.wav", "silence.wav")]


def test_nothing_to_replay(tmp_path: Path, capsys: Out) -> None:
    assert replay(str(tmp_path)) == 1
    assert capsys.readouterr().err == f"ivr replay: nothing to replay in {tmp_path}: no sound file and no stored call\n"


def test_damaged_journals(tmp_path: Path, capsys: Out) -> None:
    (tmp_path / "journal.jsonl").write_text('{"at":0}\nrubbish\n')
    assert replay(str(tmp_path)) == 1
    assert f"{tmp_path}: not a stored call: {tmp_path / 'call.json'} is missing" in capsys.readouterr().err
    (tmp_path / "call.json").write_text("{}")
    assert replay(str(tmp_path)) == 1
    assert f"{tmp_path / 'journal.jsonl'}:1: not a journal line" in capsys.readouterr().err


def test_a_wrong_hotline(tmp_path: Path, capsys: Out) -> None:
    assert main(["replay", "--hotline", str(tmp_path / "none"), str(silence(tmp_path))]) == 1
    assert "does not exist" in capsys.readouterr().err
