"""A recording as a caller."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from ivr.audio.frame import FRAME_SAMPLES, AudioFrame
from ivr.errors import AudioFileError, InputError
from ivr.transport.base import Digit, MediaLeg
from ivr.transport.recording import RecordingLeg

RAMP = np.arange(1000, dtype=np.int16)


def frames(leg: RecordingLeg, count: int) -> list[AudioFrame]:
    return [leg.read() for _ in range(count)]


def test_samples_come_in_order_then_silence() -> None:
    leg = RecordingLeg(RAMP)
    assert isinstance(leg, MediaLeg)
    heard = frames(leg, 6)
    assert all(len(frame.samples) == FRAME_SAMPLES and not frame.lost for frame in heard)
    line = np.concatenate([frame.samples for frame in heard])
    assert np.array_equal(line[:1000], RAMP)
    assert not line[1000:].any()
    assert (leg.ended, leg.frames_read, leg.error) == (True, 4, None)


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_left_channel_of_a_stereo_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"call{suffix}"
    soundfile.write(path, np.stack([RAMP, -RAMP], axis=1), 16_000, subtype="PCM_16")
    leg = RecordingLeg(path)
    line = np.concatenate([frame.samples for frame in frames(leg, 4)])
    assert np.array_equal(line[:1000], RAMP)


def test_file_at_8_khz(tmp_path: Path) -> None:
    path = tmp_path / "narrow.wav"
    times = np.arange(8000) / 8000
    soundfile.write(path, 0.25 * np.sin(2 * np.pi * 440 * times), 8000)
    leg = RecordingLeg(str(path))
    line = np.concatenate([frame.samples for frame in frames(leg, 50)])
    wanted = 8192 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    assert np.corrcoef(line[200:-200], wanted[200:-200])[0, 1] > 0.999
    assert not leg.ended
    leg.read()
    assert leg.ended


def test_broken_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.wav"
    path.write_bytes(b"")
    with pytest.raises(AudioFileError, match=str(path)):
        RecordingLeg(path)


def test_damage_inside_ends_the_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(path: str, channel: int) -> object:
        yield RAMP[:FRAME_SAMPLES]
        raise AudioFileError(f"{path}: damaged at 20 ms")

    monkeypatch.setattr("ivr.transport.recording.iter_frames", damaged)
    leg = RecordingLeg("call.flac")
    assert np.array_equal(leg.read().samples, RAMP[:FRAME_SAMPLES])
    assert not leg.read().samples.any()
    assert not leg.read().samples.any()
    assert leg.ended
    assert str(leg.error) == "call.flac: damaged at 20 ms"


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(10), "samples must be one row of int16, got 1 dimensions of float64"),
        (np.zeros((2, 10), dtype=np.int16), "samples must be one row of int16, got 2 dimensions of int16"),
    ],
)
def test_wrong_samples_are_refused(samples: np.ndarray, message: str) -> None:
    with pytest.raises(InputError) as error:
        RecordingLeg(samples)
    assert str(error.value) == message


def test_what_the_bot_says_and_presses_is_kept() -> None:
    leg = RecordingLeg(RAMP)
    assert leg.heard.shape == (0,)
    for n in range(3):
        leg.write(AudioFrame(np.full(FRAME_SAMPLES, n, dtype=np.int16)))
    leg.send_digits("1")
    leg.send_digits("#")
    assert np.array_equal(leg.heard, np.repeat(np.arange(3, dtype=np.int16), FRAME_SAMPLES))
    assert leg.sent_digits == "1#"
    forgetful = RecordingLeg(RAMP, keep_heard=False)
    forgetful.write(AudioFrame(RAMP[:FRAME_SAMPLES]))
    assert forgetful.heard.shape == (0,)


def test_keys_of_the_caller() -> None:
    leg = RecordingLeg(RAMP)
    leg.press("5")
    leg.press("#", 200, "in-band")
    assert leg.take_digits() == [Digit("5", 100, "rfc4733"), Digit("#", 200, "in-band")]
    assert leg.take_digits() == []
