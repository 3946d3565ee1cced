from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ivr.audio import vad
from ivr.audio.frame import FRAME_SAMPLES, SILENCE, Samples
from ivr.audio.vad import EnergyDetector, HybridDetector, SileroDetector, VoiceDetector, WebRtcDetector, create_detector
from ivr.audio.wav import iter_frames
from ivr.errors import ConfigError, ModelError

ROOT = Path(__file__).parents[2]
SPEECH = ROOT / "audio_fixtures" / "talk_off" / "goforward.wav"
SILERO = ROOT / "models" / "silero-vad" / "silero_vad.onnx"
FETCHED = [
    pytest.mark.models,
    pytest.mark.skipif(not SILERO.is_file(), reason="no Silero model; fetch it with: ivr models fetch silero-vad"),
]


def hiss(count: int, dbfs: float = -60) -> list[Samples]:
    noise = np.random.default_rng(4).standard_normal((count, FRAME_SAMPLES)) * 32_768 * 10 ** (dbfs / 20)
    return list(np.rint(noise).astype(np.int16))


def detectors() -> list[object]:
    return [
        pytest.param(WebRtcDetector, id="webrtc"),
        pytest.param(EnergyDetector, id="energy"),
        pytest.param(lambda: SileroDetector(SILERO), id="silero", marks=FETCHED),
        pytest.param(lambda: HybridDetector(SILERO), id="hybrid", marks=FETCHED),
    ]


@pytest.mark.parametrize("make", detectors())
def test_speech_is_told_from_the_line_around_it(make: type[WebRtcDetector]) -> None:
    detector = make()
    assert isinstance(detector, VoiceDetector)
    before = [detector.detect(frame) for frame in hiss(100)]
    spoken = [detector.detect(frame) for frame in iter_frames(SPEECH)]
    after = [detector.detect(frame) for frame in hiss(100)]
    assert all(0 <= value <= 1 for value in before + spoken + after)
    assert np.mean(np.array(spoken) > 0.5) > 0.6
    assert np.mean(np.array(before[20:] + after[20:]) > 0.5) < 0.1


@pytest.mark.parametrize("make", detectors())
def test_reset_and_again_gives_the_same(make: type[WebRtcDetector]) -> None:
    detector = make()
    frames = list(iter_frames(SPEECH))
    first = [detector.detect(frame) for frame in frames]
    detector.reset()
    assert [detector.detect(frame) for frame in frames] == first
    assert [make().detect(frames[0])] == first[:1]


@pytest.mark.parametrize("make", detectors())
def test_two_calls_do_not_hear_each_other(make: type[WebRtcDetector]) -> None:
    one, other, alone = make(), make(), make()
    for frame in list(iter_frames(SPEECH))[:60]:
        other.detect(SILENCE)
        assert one.detect(frame) == alone.detect(frame)


@pytest.mark.parametrize("make", detectors())
@pytest.mark.parametrize("count", [0, 160, 321])
def test_other_lengths_are_refused(make: type[WebRtcDetector], count: int) -> None:
    with pytest.raises(ValueError, match=rf"^a voice detector takes 320 samples at a time, got {count}$"):
        make().detect(np.zeros(count, dtype=np.int16))


def test_webrtc_mode() -> None:
    soft = [frame // 16 for frame in iter_frames(SPEECH)]
    counts = []
    for mode in range(4):
        detector = WebRtcDetector(mode)
        counts.append(sum(detector.detect(frame) for frame in soft))
    assert counts == sorted(counts, reverse=True)
    with pytest.raises(ConfigError, match=r"^voice detector webrtc: mode must be 0, 1, 2 or 3, not 4$"):
        WebRtcDetector(4)


def test_energy_floor_falls_at_once_and_rises_slowly() -> None:
    detector = EnergyDetector()
    detector.detect(hiss(1, -70)[0])
    assert detector.floor_dbfs == pytest.approx(-70, abs=0.5)
    for frame in hiss(50, -40):
        detector.detect(frame)
    assert detector.floor_dbfs == pytest.approx(-67, abs=0.6)


def test_energy_gets_used_to_steady_noise() -> None:
    detector = EnergyDetector()
    values = [detector.detect(frame) for frame in hiss(600, -35)]
    assert values[0] > 0.9
    assert values[-1] < 0.1


def test_energy_takes_settings() -> None:
    quiet = hiss(1, -52)[0]
    assert EnergyDetector().detect(quiet) < 0.5
    assert EnergyDetector(min_dbfs=-70.0, start_floor_dbfs=-70.0).detect(quiet) > 0.9
    with pytest.raises(ConfigError, match=r"^voice detector energy: .*unexpected keyword argument 'loudness'$"):
        EnergyDetector(loudness=3.0)


def held(detector: VoiceDetector, path: Path) -> list[bool]:
    """The detector's word on each 20 ms of a recording."""
    return [detector.detect(frame) >= 0.5 for frame in iter_frames(path)]


@pytest.mark.parametrize("noise", ["Rain_1-26222-A.wav", "Dog_bark_2-122104-B.wav"])
@pytest.mark.models
@pytest.mark.skipif(not SILERO.is_file(), reason="no Silero model; fetch it with: ivr models fetch silero-vad")
def test_hybrid_lets_go_of_what_is_no_voice(noise: str) -> None:
    path = ROOT / "audio_fixtures" / "noise_esc10" / noise
    fast, both = held(WebRtcDetector(1), path), held(HybridDetector(SILERO), path)
    assert sum(both) <= sum(fast) // 2


@pytest.mark.models
@pytest.mark.skipif(not SILERO.is_file(), reason="no Silero model; fetch it with: ivr models fetch silero-vad")
def test_hybrid_is_as_fast_as_webrtc_and_keeps_speech() -> None:
    fast, both = held(WebRtcDetector(1), SPEECH), held(HybridDetector(SILERO), SPEECH)
    assert both.index(True) <= fast.index(True)
    assert sum(both) >= 0.9 * sum(fast)


def tune(notes: int) -> Samples:
    """Notes of half a second with rests between them, as a cheap telephone plays them."""
    seconds = np.arange(8000) / 16000
    pitches = (262, 330, 392, 440, 349, 294)
    played = [
        sum(np.sin(2 * np.pi * pitch * harmonic * seconds) / harmonic for harmonic in range(1, 5))
        * np.exp(-2 * seconds)
        for pitch in (pitches[index % len(pitches)] for index in range(notes))
    ]
    return np.concatenate([np.concatenate((2000 * note, np.zeros(6400))) for note in played]).astype(np.int16)


@pytest.mark.models
@pytest.mark.skipif(not SILERO.is_file(), reason="no Silero model; fetch it with: ivr models fetch silero-vad")
def test_hybrid_waits_for_the_network_where_music_plays() -> None:
    """What WebRTC takes for a voice again and again loses it its credit; it has it back when the tune is long over."""
    music = np.split(tune(12), 12 * 14400 // 320)
    trusting, ours = HybridDetector(SILERO, doubts=1e9), HybridDetector(SILERO)
    believed, heard = ([one.detect(block) >= 0.5 for block in music] for one in (trusting, ours))
    assert sum(heard[100:]) < sum(believed[100:]) / 4
    voice = list(iter_frames(SPEECH))
    soon = [ours.detect(block) >= 0.5 for block in voice]
    for _ in range(120 * 50):
        ours.detect(np.zeros(320, dtype=np.int16))
    later = [ours.detect(block) >= 0.5 for block in voice]
    assert later.index(True) < soon.index(True) <= later.index(True) + 20  # the network wants 100 to 270 ms
    assert sum(soon) >= 0.9 * sum(later)


def test_hybrid_takes_settings() -> None:
    with pytest.raises(ConfigError, match=r"^voice detector hybrid: .*unexpected keyword argument 'loudness'$"):
        HybridDetector(SILERO, loudness=3.0)


def test_silero_model_missing(tmp_path: Path) -> None:
    path = tmp_path / "no.onnx"
    with pytest.raises(ModelError) as caught:
        SileroDetector(path)
    assert str(caught.value) == f"{path}: no such model; fetch it with: ivr models fetch silero-vad"


def test_silero_model_damaged(tmp_path: Path) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(b"no model at all")
    with pytest.raises(ModelError, match=r"bad\.onnx: onnxruntime cannot load it as a model: "):
        SileroDetector(path)


def test_detectors_by_name() -> None:
    assert isinstance(create_detector(), WebRtcDetector)
    assert isinstance(create_detector("webrtc", mode=3), WebRtcDetector)
    assert isinstance(create_detector("energy"), EnergyDetector)
    assert {name: make.name for name, make in vad.DETECTORS.items()} == {name: name for name in vad.DETECTORS}  # type: ignore[attr-defined]


def test_unknown_name_and_setting() -> None:
    with pytest.raises(ConfigError) as caught:
        create_detector("sileroo")
    assert str(caught.value) == "no voice detector is called 'sileroo'; known: energy, hybrid, silero, webrtc"
    with pytest.raises(ConfigError, match=r"^voice detector webrtc: .*unexpected keyword argument 'modus'$"):
        create_detector("webrtc", modus=2)


def test_plugins_come_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    point = importlib.metadata.EntryPoint("mine", "ivr.audio.vad:EnergyDetector", "ivr.voice_detectors")

    def installed(*, group: str) -> list[importlib.metadata.EntryPoint]:
        return [point] if group == "ivr.voice_detectors" else []

    monkeypatch.setattr(vad, "entry_points", installed)
    assert isinstance(create_detector("mine", margin_db=6.0), EnergyDetector)
    with pytest.raises(ConfigError, match=r"known: energy, hybrid, mine, silero, webrtc$"):
        create_detector("yours")


def test_onnxruntime_is_loaded_only_for_silero() -> None:
    code = "import sys, ivr.audio.vad as v; v.create_detector(); sys.exit('onnxruntime' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
