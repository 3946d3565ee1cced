"""Sound files: recordings in, any common format and rate; stereo recordings of calls out.

Reading goes through libsndfile (WAV with PCM, float, A-law, mu-law or ADPCM, FLAC, OGG Vorbis and Opus, MP3, AIFF, AU);
headerless G.711 at 8 kHz is known by its suffix (.ulaw .ul .alaw .al). Whatever cannot be read raises AudioFileError,
which names the file and the reason.

What survives when a process that writes is killed (kill -9, measured in the tests): of a WAV all but the last half
second, since its header is brought up to date twice a second; of a FLAC all but the last block of 4096 samples, a
quarter of a second. Such a FLAC says nothing of its length, and most programs still play it; the readers here take what
is there.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
import soundfile

from ivr.audio.frame import FRAME_SAMPLES, SAMPLE_RATE, Samples
from ivr.audio.resample import MAX_RATE, MIN_RATE, Resampler
from ivr.errors import AudioFileError, StoreError

_RAW = {".ulaw": "ULAW", ".ul": "ULAW", ".alaw": "ALAW", ".al": "ALAW"}
_MAGIC = (b"RIFF", b"RIFX", b"RF64", b"fLaC", b"OggS", b"FORM", b".snd", b"ID3")
_FLOATS = ("FLOAT", "DOUBLE", "VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III")
_UNKNOWN_LENGTH = 1 << 62
"""libsndfile says that a FLAC which was never closed has 2**63 - 1 frames."""
_WAV_TAGS = frozenset({1, 2, 3, 6, 7, 0x11, 0x31, 0x40, 0x55, 0xFFFE})
"""Format tags of WAV that libsndfile reads (PCM, ADPCM, float, G.711, GSM, MP3, extensible)."""
_WAV_TAG_NAMES = {0x22: "TrueSpeech", 0x42: "G.723.1", 0x64: "G.726", 0x83: "G.729", 0x161: "WMA"}


def read_audio(path: str | Path) -> Samples:
    """The whole file as mono at 16 kHz; channels are averaged. Raises AudioFileError."""
    return np.concatenate(list(_stream(path, None)))


def read_channels(path: str | Path) -> tuple[Samples, ...]:
    """The whole file, each channel by itself, at 16 kHz. Raises AudioFileError."""
    file = _open(path)
    resamplers = [Resampler(file.samplerate) for _ in range(file.channels)]
    parts: list[list[Samples]] = [[] for _ in resamplers]
    for block in _blocks(file, path):
        for channel, resampler in enumerate(resamplers):
            parts[channel].append(resampler.process(block[:, channel]))
    return tuple(
        np.concatenate([*pieces, resampler.flush()]) for pieces, resampler in zip(parts, resamplers, strict=True)
    )


def iter_frames(path: str | Path, channel: int | None = None) -> Iterator[Samples]:
    """Frames of 320 samples at 16 kHz, the last one padded with silence; memory does not grow with the file.

    `channel` counts from 0; None averages all. Raises AudioFileError, for damage inside the file when it is reached.
    """
    stream = _stream(path, channel)
    first = next(stream)  # what is wrong with the head of a file is said here, not at the first frame
    return _framed(first, stream)


def _framed(first: Samples, stream: Iterator[Samples]) -> Iterator[Samples]:
    pending = first
    while True:
        whole = len(pending) - len(pending) % FRAME_SAMPLES
        for at in range(0, whole, FRAME_SAMPLES):
            yield pending[at : at + FRAME_SAMPLES]
        more = next(stream, None)
        if more is None:
            break
        pending = np.concatenate([pending[whole:], more])
    rest = pending[whole:]
    if len(rest):
        yield np.concatenate([rest, np.zeros(FRAME_SAMPLES - len(rest), dtype=np.int16)])


def _stream(path: str | Path, channel: int | None) -> Iterator[Samples]:
    """The file at 16 kHz in pieces of about a second."""
    file = _open(path)
    if channel is not None and not 0 <= channel < file.channels:
        channels = file.channels
        file.close()
        raise AudioFileError(f"{path}: has no channel {channel}; it has {channels}, counted from 0")
    resampler = Resampler(file.samplerate)
    for block in _blocks(file, path):
        if channel is not None:
            mono = block[:, channel]
        elif file.channels == 1:
            mono = block[:, 0]
        else:
            mono = np.rint(block.mean(axis=1)).astype(np.int16)
        yield resampler.process(mono)
    yield resampler.flush()


def _open(path: str | Path) -> soundfile.SoundFile:
    head = _head(path)
    subtype = _RAW.get(Path(path).suffix.lower())
    try:
        if subtype:
            return soundfile.SoundFile(path, samplerate=8_000, channels=1, format="RAW", subtype=subtype)
        file = soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        reason = _first_sentence(error.error_string)
        encoding = _foreign_encoding(head)
        if encoding:
            raise AudioFileError(
                f"{path}: a WAV with {encoding} inside, which is not supported; convert to PCM"
            ) from None
        if head.startswith(_MAGIC):
            raise AudioFileError(f"{path}: its header is cut off or damaged ({reason})") from None
        raise AudioFileError(f"{path}: not a sound file (WAV, FLAC, OGG and MP3 are known)") from None
    if not MIN_RATE <= file.samplerate <= MAX_RATE:
        rate = file.samplerate
        file.close()
        raise AudioFileError(f"{path}: a sample rate of {rate} Hz is outside {MIN_RATE}..{MAX_RATE} Hz")
    return file


def _head(path: str | Path) -> bytes:
    try:
        with Path(path).open("rb") as file:
            head = file.read(22)
    except FileNotFoundError:
        raise AudioFileError(f"{path}: no such file") from None
    except OSError as error:
        raise AudioFileError(f"{path}: cannot be opened: {error.strerror}") from None
    if not head:
        raise AudioFileError(f"{path}: is empty (0 bytes)")
    return head


def _foreign_encoding(head: bytes) -> str | None:
    """Name of the encoding that a WAV's header announces, if it is one that libsndfile does not know."""
    if len(head) < 22 or head[:4] != b"RIFF" or head[12:16] != b"fmt ":
        return None
    tag = int.from_bytes(head[20:22], "little")
    return None if tag in _WAV_TAGS else _WAV_TAG_NAMES.get(tag, f"encoding 0x{tag:04x}")


def _first_sentence(text: str) -> str:
    return text.strip().split("\n", maxsplit=1)[0].rstrip(".") or "no reason given"


def _blocks(file: soundfile.SoundFile, path: str | Path) -> Iterator[npt.NDArray[np.int16]]:
    """The file's frames in order, shape (n, channels). Closes the file."""
    with file:
        unfinished = file.frames > _UNKNOWN_LENGTH
        # At the end of an unfinished file libsndfile throws away the read that failed: so let it be a small one.
        size = FRAME_SAMPLES if unfinished else file.samplerate
        done = 0
        while (block := _read(file, size)) is not None:
            done += len(block)
            yield block
        if not unfinished and done < file.frames:
            heard, whole = done / file.samplerate, file.frames / file.samplerate
            raise AudioFileError(f"{path}: is damaged: the sound breaks off after {heard:.1f} of {whole:.1f} s")
        if not done:
            raise AudioFileError(f"{path}: holds no sound (0 samples)")


def _read(file: soundfile.SoundFile, size: int) -> npt.NDArray[np.int16] | None:
    """The next frames; None at the end, be it proper or not."""
    floats = file.subtype in _FLOATS
    try:
        block = file.read(size, dtype="float32" if floats else "int16", always_2d=True)
    except soundfile.LibsndfileError:
        return None
    if not len(block):
        return None
    if floats:
        scaled = np.nan_to_num(block, nan=0.0, posinf=1.0, neginf=-1.0) * 32_768.0
        block = np.clip(np.rint(scaled), -32_768, 32_767)
    return np.asarray(block, dtype=np.int16)


class _Sink(Protocol):
    """A file that takes interleaved stereo samples."""

    def write(self, block: npt.NDArray[np.int16]) -> None: ...

    def close(self) -> None: ...


class _WavSink:
    _FLUSH_EVERY = SAMPLE_RATE // 2

    def __init__(self, path: Path) -> None:
        self._pending: list[bytes] = []
        self._pending_samples = 0
        self._data_bytes = 0
        self._file = path.open("wb", buffering=0)
        try:
            self._patch_header()
        except OSError:
            self._file.close()
            raise

    def write(self, block: npt.NDArray[np.int16]) -> None:
        self._pending.append(block.astype("<i2", copy=False).tobytes())
        self._pending_samples += len(block)
        if self._pending_samples >= self._FLUSH_EVERY:
            self._flush()

    def close(self) -> None:
        with self._file:
            self._flush()

    def _flush(self) -> None:
        data = b"".join(self._pending)
        self._pending.clear()
        self._pending_samples = 0
        rest = memoryview(data)
        while rest:  # a raw file may take a part of what it is given
            rest = rest[self._file.write(rest) :]
        self._data_bytes += len(data)
        self._patch_header()

    def _patch_header(self) -> None:
        """Sound first, then the header that counts it: the file is whole at each moment."""
        size = self._data_bytes
        layout = struct.pack("<HHIIHH", 1, 2, SAMPLE_RATE, SAMPLE_RATE * 4, 4, 16)
        header = b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + struct.pack("<I", len(layout)) + layout
        self._file.seek(0)
        self._file.write(header + b"data" + struct.pack("<I", size))
        self._file.seek(0, 2)


class _FlacSink:
    def __init__(self, path: Path) -> None:
        path.open("wb").close()  # its OSError says why a file cannot be made; libsndfile's says "System error."
        self._file = soundfile.SoundFile(path, "w", SAMPLE_RATE, 2, format="FLAC", subtype="PCM_16")

    def write(self, block: npt.NDArray[np.int16]) -> None:
        self._file.write(block)

    def close(self) -> None:
        self._file.close()


class StereoWriter:
    """A call's recording: caller left, bot right, 16 kHz, WAV or FLAC by suffix. It grows as the call goes on and stays
    readable if the process dies (see above). A WAV ends at 4 GB, which is 18 hours.

    Raises StoreError when the file cannot be made or written; after that it takes no more, and `close` is quiet.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.samples = 0
        """Samples written so far, a channel."""
        sinks: dict[str, Callable[[Path], _Sink]] = {".wav": _WavSink, ".flac": _FlacSink}
        sink = sinks.get(self.path.suffix.lower())
        if sink is None:
            raise StoreError(f"{path}: a recording ends in .wav or .flac, not in {self.path.suffix!r}")
        self._sink: _Sink | None = None
        try:
            self._sink = sink(self.path)
        except (OSError, soundfile.LibsndfileError) as error:
            raise self._failure(error) from error

    def write(self, left: Samples, right: Samples) -> None:
        """Append a stretch of both directions, of equal length. Raises StoreError; ValueError for unequal lengths."""
        if len(left) != len(right):
            raise ValueError(f"both sides of a recording are of one length, got {len(left)} and {len(right)} samples")
        if self._sink is None:
            raise StoreError(f"{self.path}: the recording is closed")
        try:
            self._sink.write(np.stack([left, right], axis=1))
        except (OSError, soundfile.LibsndfileError, AssertionError) as error:  # soundfile asserts that all was written
            raise self._failure(error) from error
        self.samples += len(left)

    def close(self) -> None:
        """Finish the file. Safe to call twice."""
        sink, self._sink = self._sink, None
        if sink is None:
            return
        try:
            sink.close()
        except (OSError, soundfile.LibsndfileError) as error:
            raise self._failure(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _failure(self, error: Exception) -> StoreError:
        sink, self._sink = self._sink, None
        if sink is not None:
            with contextlib.suppress(OSError, soundfile.LibsndfileError):  # the same failure once more
                sink.close()
        reason = error.strerror if isinstance(error, OSError) else "libsndfile could not write (is the disk full?)"
        return StoreError(f"{self.path}: the recording cannot be written: {reason}")
