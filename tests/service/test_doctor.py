"""`ivr doctor`: each thing that can be missing is found, and told with what to do."""

from __future__ import annotations

import datetime
import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ivr.asr.base import RecogniserSpec
from ivr.asr.config import LanguagePasses, RecognitionConfig
from ivr.cli import main
from ivr.cli.doctor import line
from ivr.config import Config
from ivr.models.verify import available
from ivr.service import doctor
from ivr.service.doctor import Finding
from ivr.tts.settings import SynthesisSettings, parse_voices
from tests.service.lab import HOTLINE

SCRIPTED = RecognitionConfig({"s": RecogniserSpec("scripted")}, {"en": LanguagePasses("s")})


def config(tmp_path: Path, **sections: dict[str, Any]) -> Config:
    base: dict[str, dict[str, Any]] = {
        "service": {"hotline": str(HOTLINE), "data": str(tmp_path / "data"), "max_calls": 2},
        "sip": {"port": 0}, "http": {"port": 0}, "rtp": {"low": 26000, "high": 26099},
    }  # fmt: skip
    for name, values in sections.items():
        base[name] = {**base.get(name, {}), **values}
    return Config.model_validate(base)


def examine(settings: Config, recognition: RecognitionConfig = SCRIPTED, **voices: str) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in doctor.examine(settings, recognition, SynthesisSettings(parse_voices(voices or {"en": "scripted"}))):
        found.setdefault(finding.check, []).append(finding)
    return found


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = doctor.clock
    monkeypatch.setattr(doctor, "clock", lambda: clock(0.1))


def test_all_is_well(tmp_path: Path) -> None:
    found = examine(config(tmp_path))
    assert [check for check, findings in found.items() for f in findings if f.state == "fail"] == []
    assert found["hotline"][0].text == "laboratory (en)"
    assert found["voices"] == [Finding("voices", "ok", "en: scripted")]
    assert found["ports"][-1].text == "audio UDP 127.0.0.1:26000-26099: room for 4 of the 4 legs of 2 calls"
    assert found["codecs"] == [Finding("codecs", "ok", "G.711, G.722 and FLAC work")]
    assert found["workers"][0].text.startswith("a process starts in ")
    assert not (tmp_path / "data").exists()  # looking leaves no trace


def test_whatever_is_not_well_says_what_to_do(tmp_path: Path) -> None:
    found = examine(
        config(tmp_path, service={"hotline": str(tmp_path), "data": "/proc/none"}, call={"detector": "silero"})
    )
    for finding in (finding for findings in found.values() for finding in findings):
        assert bool(finding.advice) == (finding.state != "ok"), finding


# ------------------------------------------------------------------------------------------------------- the machine


def test_old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "OLDEST_PYTHON", (9, 0))
    assert doctor.python().state == "fail"
    assert doctor.python().advice == "install Python 3.11 or newer"


def test_one_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.os, "sched_getaffinity", lambda _: {0}, raising=False)
    assert doctor.processors().state == "warn"
    monkeypatch.setattr(doctor.os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    assert doctor.processors() == Finding("processors", "ok", "3 processors")


@pytest.mark.parametrize(("late_ms", "state"), [(0.5, "ok"), (20.0, "warn"), (90.0, "fail")])
def test_late_clock(monkeypatch: pytest.MonkeyPatch, late_ms: float, state: str) -> None:
    """A machine whose sleeps take so much longer, on a clock of its own."""
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds + late_ms / 1000

    monkeypatch.undo()
    monkeypatch.setattr(doctor.time, "monotonic", lambda: now)
    monkeypatch.setattr(doctor.time, "sleep", sleep)
    finding = doctor.clock()
    assert finding.state == state
    assert finding.text.startswith("ticks of 20 ms are ")


def test_wall_clock_tells_the_zone() -> None:
    shanghai = datetime.timezone(datetime.timedelta(hours=8), "CST")
    good = doctor.wall_clock(datetime.datetime(2026, 11, 22, 9, 30, tzinfo=shanghai))
    assert good.state == "ok"
    assert good.text.startswith("it is 2026-11-22 09:30 CST (UTC+0800)")
    assert doctor.wall_clock(datetime.datetime(1970, 1, 1, tzinfo=shanghai)).state == "warn"


def test_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, state in ((1 << 40, "ok"), (1 << 30, "warn"), (1 << 20, "fail")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: shutil._ntuple_diskusage(0, 0, free))  # type: ignore[attr-defined,misc]
        assert doctor.disk(tmp_path / "new" / "folder").state == state
    (tmp_path / "file").write_text("")
    finding = doctor.disk(tmp_path / "file")
    assert (finding.state, finding.text) == ("fail", f"{tmp_path / 'file'} cannot be written: Not a directory")


# ------------------------------------------------------------------------------------------------ hotline and speech


def test_a_hotline_that_is_not_there(tmp_path: Path) -> None:
    finding, languages = doctor.hotline_languages(config(tmp_path, service={"hotline": str(tmp_path / "none")}))
    assert finding.state == "fail"
    assert "does not exist" in finding.text
    assert finding.advice == f"see all problems: ivr lint {tmp_path / 'none'}"
    assert languages == ("en",)


def test_missing_and_damaged_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_MODELS", str(tmp_path))
    recognition = RecognitionConfig(
        {"vosk-en": RecogniserSpec("vosk", {"model": "vosk-en"}, ("en",))}, {"en": LanguagePasses("vosk-en")}
    )
    found = list(doctor.models(recognition, ("en", "ko"), "silero", hashes=False))
    assert [(f.state, f.text, f.advice) for f in found] == [
        ("fail", "no recogniser hears ko; there are: en", "set recognition.passes.ko"),
        ("fail", f"vosk-en: not fetched ({tmp_path / 'vosk-en'})", "run: ivr models fetch vosk-en"),
        ("fail", f"silero-vad: not fetched ({tmp_path / 'silero-vad'})", "run: ivr models fetch silero-vad"),
    ]
    (tmp_path / "vosk-en" / "am").mkdir(parents=True)
    (tmp_path / "vosk-en" / "am" / "final.mdl").write_bytes(b"cut off")
    damaged = next(f for f in doctor.models(recognition, ("en",), "webrtc", hashes=True))
    assert "final.mdl: has 7 bytes, must have " in damaged.text


def test_a_model_of_ones_own(tmp_path: Path) -> None:
    for folder, state in ((tmp_path, "ok"), (tmp_path / "none", "fail")):
        recognition = RecognitionConfig(
            {"own": RecogniserSpec("vosk", {"model": str(folder)}, ("en",))}, {"en": LanguagePasses("own")}
        )
        assert [f.state for f in doctor.models(recognition, ("en",), "webrtc", hashes=False)] == [state]


def test_mandarin_by_espeak_is_a_last_resort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = list(doctor.voices(SynthesisSettings(parse_voices({"zh": "pyttsx3"})), ("zh",)))
    assert [f.state for f in chosen] == ["warn"]
    assert "a last resort: callers will hardly understand its Mandarin" in chosen[0].text
    monkeypatch.setenv("IVR_MODELS", str(tmp_path))
    (found,) = doctor.voices(SynthesisSettings(), ("zh",))
    assert (found.state, found.text) == ("warn", "zh is spoken by pyttsx3, not by kokoro")
    assert "ivr models fetch kokoro" in found.advice
    assert "last resort" in found.advice


def test_voices_that_are_not_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_MODELS", str(tmp_path))
    settings = SynthesisSettings(parse_voices({"en": ["kokoro", "pyttsx3"], "zh": "kokoro"}))
    english, mandarin = doctor.voices(settings, ("en", "zh"))
    assert english.state == "warn"
    assert english.text.startswith("en: kokoro, then pyttsx3: kokoro: its model is not fetched")
    assert mandarin.state == "fail"


# --------------------------------------------------------------------------------------------------------- the network


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_port_that_is_taken(tmp_path: Path, taken: int) -> None:
    found = list(doctor.ports(config(tmp_path, http={"port": taken})))
    assert [f.state for f in found] == ["ok", "ok", "fail", "ok"]
    assert found[2].text == f"http TCP 127.0.0.1:{taken}: Address already in use"
    assert found[2].advice == "end what uses it (is the service running already?) or set --http HOST:PORT"


def test_an_address_that_is_not_ours(tmp_path: Path) -> None:
    found = list(doctor.ports(config(tmp_path, sip={"host": "192.0.2.1"})))
    assert [f.state for f in found] == ["fail", "fail", "ok", "fail"]
    assert "Cannot assign requested address" in found[0].text


def test_too_few_audio_ports(tmp_path: Path) -> None:
    found = list(doctor.ports(config(tmp_path, rtp={"low": 26000, "high": 26003}, service={"max_calls": 5})))
    assert (found[-1].state, found[-1].advice) == ("warn", "widen rtp.low to rtp.high, or lower service.max_calls")
    wrong = list(doctor.ports(config(tmp_path, rtp={"low": 26003, "high": 26000})))
    assert wrong[-1].state == "fail"
    assert "RTP port range 26003-26000 holds no even port" in wrong[-1].text


# ------------------------------------------------------------------------------------------------------------ the verb


def test_the_verb_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str], taken: int) -> None:
    arguments = ["doctor", "--json", "--hotline", str(HOTLINE), "--data", str(tmp_path), "--sip", "127.0.0.1:0"]
    code = main([*arguments, "--http", f"127.0.0.1:{taken}"])
    lines = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert code == 1
    assert {"check", "state", "text", "advice"} == set(lines[0])
    assert {"python", "processors", "hotline", "models", "voices", "codecs", "clock", "time", "disk", "ports",
            "workers"} == {item["check"] for item in lines}  # fmt: skip
    assert [item["check"] for item in lines if item["state"] == "fail" and item["check"] != "models"] == ["ports"]


def test_the_verb_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str], taken: int) -> None:
    main(["doctor", "--hotline", str(HOTLINE), "--data", str(tmp_path), "--sip", f"127.0.0.1:{taken}", "--http", ":0"])
    output = capsys.readouterr().out
    assert f"fail  ports       sip TCP 127.0.0.1:{taken}: Address already in use\n" in output
    assert "                  > end what uses it" in output
    assert output.splitlines()[-1].endswith(" to be known")
    assert line(Finding("disk", "ok", "room")) == "ok    disk        room"


def test_wrong_settings_stop_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "ivr.toml"
    file.write_text('[recognition.passes]\nen = {stream = "ears"}\n')
    assert main(["doctor", "--config", str(file)]) == 1
    assert "wants engine 'ears'; there are: " in capsys.readouterr().err


@pytest.mark.models
@pytest.mark.skipif(not available("vosk-en"), reason="needs the model vosk-en: ivr models fetch vosk-en")
def test_deep_speaks_and_hears(tmp_path: Path) -> None:
    recognition = RecognitionConfig(
        {"vosk-en": RecogniserSpec("vosk", {"model": "vosk-en"}, ("en",))}, {"en": LanguagePasses("vosk-en")}
    )
    found = list(doctor.talking(recognition, SynthesisSettings(parse_voices({"en": "pyttsx3"})), ("en",)))
    assert [f.check for f in found] == ["speaking", "hearing", "hearing"]
    assert [f.state for f in found if f.check == "speaking"] == ["ok"]
    assert found[-1].state in {"ok", "warn"}


def test_deep_tells_of_engines_that_cannot_work() -> None:
    recognition = RecognitionConfig(
        {"gone": RecogniserSpec("vosk", {"model": "/nowhere/model"}, ("en",))}, {"en": LanguagePasses("gone")}
    )
    found = list(doctor.talking(recognition, SynthesisSettings(parse_voices({"en": "scripted"})), ("en",)))
    assert [(f.check, f.state) for f in found] == [("speaking", "ok"), ("hearing", "fail")]
    assert "/nowhere/model" in found[1].text
