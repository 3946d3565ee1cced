from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ivr.audio.frame import FRAME_SAMPLES, SAMPLE_RATE, Samples
from ivr.audio.resample import resample
from ivr.audio.wav import StereoWriter, iter_frames, read_audio, read_channels
from ivr.errors import AudioFileError, StoreError

NOISE: Samples = (np.random.default_rng(2).standard_normal(16_000) * 4_000).astype(np.int16)
OTHER: Samples = (np.random.default_rng(3).standard_normal(16_000) * 4_000).astype(np.int16)


def wav_bytes(tag: int, bits: int, data: bytes, *, channels: int = 1, rate: int = 8_000, extra: bytes = b"") -> bytes:
    width = channels * bits // 8
    fmt = struct.pack("<HHIIHH", tag, channels, rate, rate * width, width, bits) + extra
    body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def refusal(path: Path) -> str:
    with pytest.raises(AudioFileError) as caught:
        read_audio(path)
    with pytest.raises(AudioFileError) as again:
        list(iter_frames(path))
    assert str(caught.value) == str(again.value)
    return str(caught.value).replace(str(path), "FILE")


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_16_khz_mono_is_read_as_it_is(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, NOISE, SAMPLE_RATE)
    assert np.array_equal(read_audio(path), NOISE)
    assert np.array_equal(read_audio(str(path)), NOISE)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_other_rates_are_resampled_in_one_stream(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.tile(NOISE, 5), rate)
    assert np.array_equal(read_audio(path), resample(np.tile(NOISE, 5), rate, SAMPLE_RATE))


def test_44_1_khz_stereo_is_averaged_to_mono(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.stack([NOISE, -NOISE + 200], axis=1), 44_100)
    audio = read_audio(path)
    assert len(audio) == -(-16_000 * 160 // 441)
    assert set(audio[100:-100].tolist()) == {100}


def test_each_channel_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, np.stack([NOISE, OTHER], axis=1), SAMPLE_RATE)
    left, right = read_channels(path)
    assert np.array_equal(left, NOISE)
    assert np.array_equal(right, OTHER)
    assert np.array_equal(np.concatenate(list(iter_frames(path, channel=1))), OTHER)


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE", "PCM_24", "PCM_32"])
def test_wider_samples_are_scaled(tmp_path: Path, subtype: str) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, NOISE.astype(np.float64) / 32_768, SAMPLE_RATE, subtype=subtype)
    assert np.abs(read_audio(path).astype(int) - NOISE).max() <= 1


def test_floats_beyond_the_scale_and_no_numbers_are_tamed(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.array([2.0, -2.0, np.nan, np.inf, 0.5], dtype=np.float32), SAMPLE_RATE, subtype="FLOAT")
    assert read_audio(path).tolist() == [32_767, -32_768, 0, 32_767, 16_384]


@pytest.mark.parametrize(("tag", "peak"), [(7, 32_124), (6, 32_256)])
def test_telephone_wavs_with_g711_inside(tmp_path: Path, tag: int, peak: int) -> None:
    path = tmp_path / "a.wav"
    loudest = 0x80 if tag == 7 else 0xAA
    path.write_bytes(wav_bytes(tag, 8, bytes([loudest]) * 800, extra=b"\0\0"))
    audio = read_audio(path)
    assert len(audio) == 1_600
    assert set(audio[200:-200].tolist()) == {peak}


@pytest.mark.parametrize(
    ("suffix", "code", "value"), [("ulaw", 0x80, 32_124), ("ul", 0x00, -32_124), ("al", 0xAA, 32_256)]
)
def test_headerless_g711_is_known_by_its_suffix(tmp_path: Path, suffix: str, code: int, value: int) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(bytes([code]) * 800)
    assert set(read_audio(path)[200:-200].tolist()) == {value}


def test_ogg_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.ogg"
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(24_000) / 24_000)
    soundfile.write(path, tone, 24_000, format="OGG", subtype="VORBIS")
    audio = read_audio(path)
    assert len(audio) == 16_000
    assert 0.19 < np.sqrt(np.mean((audio / 32_768) ** 2)) < 0.23


def test_last_frame_is_padded(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, NOISE[:700], SAMPLE_RATE)
    frames = list(iter_frames(path))
    assert [len(frame) for frame in frames] == [FRAME_SAMPLES] * 3
    assert np.array_equal(np.concatenate(frames)[:700], NOISE[:700])
    assert not frames[2][60:].any()


@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_frames_are_the_same_samples_as_the_whole(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.tile(NOISE, 7), rate)
    whole = read_audio(path)
    assert np.array_equal(np.concatenate(list(iter_frames(path)))[: len(whole)], whole)


def test_three_hours_need_no_more_memory_than_a_second(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    hours_3 = 3 * 3_600 * 8_000
    path.write_bytes(wav_bytes(7, 8, b"", extra=b"\0\0").replace(b"data\0\0\0\0", b"data" + struct.pack("<I", hours_3)))
    os.truncate(path, path.stat().st_size + hours_3)  # sparse: takes no disk
    frames = iter_frames(path)
    next(frames)
    tracemalloc.start()
    for _ in range(20 * 50):
        assert len(next(frames)) == FRAME_SAMPLES
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000
    with soundfile.SoundFile(path) as file:
        assert file.frames == hours_3


def test_missing_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "no.wav") == "FILE: no such file"


def test_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "FILE: cannot be opened: Is a directory"


def test_zero_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.touch()
    assert refusal(path) == "FILE: is empty (0 bytes)"


@pytest.mark.parametrize("content", [b"hello, this is no sound" * 50, b"\0" * 4_000, b"x"])
def test_no_sound_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    assert refusal(path) == "FILE: not a sound file (WAV, FLAC, OGG and MP3 are known)"


def test_header_cut_at_every_byte(tmp_path: Path) -> None:
    whole = wav_bytes(1, 16, NOISE[:200].tobytes())
    path = tmp_path / "a.wav"
    for size in range(4, 41):
        path.write_bytes(whole[:size])
        assert refusal(path).startswith("FILE: its header is cut off or damaged ("), size
    path.write_bytes(whole[:44])
    assert refusal(path) == "FILE: holds no sound (0 samples)"
    path.write_bytes(whole[:144])
    assert len(read_audio(path)) == 100  # sound that is cut off is still sound


def test_flac_header_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, NOISE, SAMPLE_RATE)
    path.write_bytes(path.read_bytes()[:30])
    assert refusal(path).startswith("FILE: its header is cut off or damaged (")


def test_flac_that_breaks_off(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, np.tile(NOISE, 6), SAMPLE_RATE)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert refusal(path) == "FILE: is damaged: the sound breaks off after 2.0 of 6.0 s"


@pytest.mark.parametrize(("tag", "name"), [(0x83, "G.729"), (0x161, "WMA"), (0x7799, "encoding 0x7799")])
def test_encodings_we_cannot_read_are_named(tmp_path: Path, tag: int, name: str) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav_bytes(tag, 8, b"\x55" * 400, extra=b"\0\0"))
    assert refusal(path) == f"FILE: a WAV with {name} inside, which is not supported; convert to PCM"


def test_rate_without_sense(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav_bytes(1, 16, NOISE[:100].tobytes(), rate=10))
    assert refusal(path) == "FILE: a sample rate of 10 Hz is outside 1000..384000 Hz"


def test_channel_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, NOISE, SAMPLE_RATE)
    for channel in (1, -1):
        with pytest.raises(AudioFileError, match=rf"a\.wav: has no channel {channel}; it has 1, counted from 0$"):
            iter_frames(path, channel=channel)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_recording_comes_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"call.{suffix}"
    with StereoWriter(path) as writer:
        for at in range(0, 16_000, FRAME_SAMPLES):
            writer.write(NOISE[at : at + FRAME_SAMPLES], OTHER[at : at + FRAME_SAMPLES])
        assert writer.samples == 16_000
    caller, bot = read_channels(path)
    assert np.array_equal(caller, NOISE)
    assert np.array_equal(bot, OTHER)
    assert soundfile.info(path).samplerate == SAMPLE_RATE


KILLED = """
import os, signal, sys
import numpy as np
from ivr.audio.wav import StereoWriter
noise = (np.random.default_rng(2).standard_normal(16_000) * 4_000).astype(np.int16)
writer = StereoWriter(sys.argv[1])
for at in range(0, 16_000 * 5, 320):
    start = at % 16_000
    writer.write(noise[start : start + 320], -noise[start : start + 320])
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_recording_of_a_killed_process_is_there_up_to_the_last_second(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"call.{suffix}"
    run = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert run.returncode == -signal.SIGKILL
    caller, bot = read_channels(path)
    assert 4 * SAMPLE_RATE <= len(caller) <= 5 * SAMPLE_RATE
    wanted = np.tile(NOISE, 5)[: len(caller)]
    assert np.array_equal(caller, wanted)
    assert np.array_equal(bot, -wanted)
    assert len(list(iter_frames(path))) == len(caller) // FRAME_SAMPLES + bool(len(caller) % FRAME_SAMPLES)


def test_wav_is_whole_while_the_call_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    writer = StereoWriter(path)
    for _ in range(51):
        writer.write(NOISE[:320], OTHER[:320])
    assert len(read_audio(path)) == SAMPLE_RATE
    writer.close()
    assert len(read_audio(path)) == 51 * 320


def test_recording_with_another_suffix(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"call\.mp3: a recording ends in \.wav or \.flac, not in '\.mp3'$"):
        StereoWriter(tmp_path / "call.mp3")


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_recording_into_a_folder_that_is_not_there(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(StoreError, match=r": the recording cannot be written: No such file or directory$"):
        StereoWriter(tmp_path / "no" / f"call.{suffix}")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk without room")
@pytest.mark.parametrize(
    ("suffix", "reason"),
    [("wav", "No space left on device"), ("flac", r"libsndfile could not write \(is the disk full\?\)")],
)
def test_recording_on_a_full_disk_fails_once_and_clearly(tmp_path: Path, suffix: str, reason: str) -> None:
    path = tmp_path / f"call.{suffix}"
    path.symlink_to("/dev/full")
    with pytest.raises(StoreError, match=rf"call\.{suffix}: the recording cannot be written: {reason}$"):
        writer = StereoWriter(path)
        for at in range(0, 16_000, FRAME_SAMPLES):
            writer.write(NOISE[at : at + FRAME_SAMPLES], OTHER[at : at + FRAME_SAMPLES])


def test_both_sides_must_be_of_one_length(tmp_path: Path) -> None:
    with (
        StereoWriter(tmp_path / "call.wav") as writer,
        pytest.raises(ValueError, match=r"^both sides of a recording are of one length, got 320 and 160 samples$"),
    ):
        writer.write(NOISE[:320], OTHER[:160])


def test_writing_after_the_end(tmp_path: Path) -> None:
    writer = StereoWriter(tmp_path / "call.wav")
    writer.close()
    writer.close()
    with pytest.raises(StoreError, match=r"call\.wav: the recording is closed$"):
        writer.write(NOISE[:320], OTHER[:320])
