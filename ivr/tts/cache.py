"""Finished clauses on disk, so that a prompt is synthesised once in the life of a hotline.

One FLAC file a clause, named by the SHA-256 of all that chooses its sound; marks, length and checksum are in the file's
comment. Files are written beside and renamed, so a reader sees a whole one or none, and several processes may share a
folder. A damaged file is deleted and made again. The memory tier in front answers without touching the disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import threading
import zlib
from collections import OrderedDict
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
import soundfile

from ivr.audio.frame import SAMPLE_RATE
from ivr.tts import registry
from ivr.tts.base import Mark, SpeechAudio, SpeechRequest
from ivr.tts.rendering import FORMAT

logger = logging.getLogger(__name__)

MEMORY_BYTES = 32 * 1024 * 1024
_SUFFIX = ".flac"


def cache_key(engine: str, request: SpeechRequest) -> str:
    """SHA-256 over text, voice, language, rate, engine with its version, and our own format."""
    parts = [
        request.text,
        request.voice,
        request.language,
        f"{request.rate:.3f}",
        engine,
        registry.version(engine),
        FORMAT,
    ]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


class PromptCache:
    """Two tiers; `folder` None = memory only. Thread-safe. Disk trouble is logged, never raised: a cache is no reason
    for silence on a call."""

    def __init__(
        self, folder: Path | None, limit_bytes: int = 512 * 1024 * 1024, memory_bytes: int = MEMORY_BYTES
    ) -> None:
        self._folder = folder
        self._limit = limit_bytes
        self._memory_limit = memory_bytes
        self._memory: OrderedDict[str, SpeechAudio] = OrderedDict()
        self._memory_used = 0
        self._disk_used = 0
        self._lock = threading.Lock()
        if folder is not None:
            with _forgiven("open", folder):
                folder.mkdir(parents=True, exist_ok=True)
                self._disk_used = sum(path.stat().st_size for path in folder.glob(f"*{_SUFFIX}"))

    def peek(self, key: str) -> SpeechAudio | None:
        """From memory only: takes microseconds, for callers on an event loop."""
        with self._lock:
            audio = self._memory.get(key)
            if audio is not None:
                self._memory.move_to_end(key)
            return audio

    def get(self, key: str) -> SpeechAudio | None:
        """From memory, else from disk."""
        audio = self.peek(key)
        if audio is None and self._folder is not None:
            audio = self._read(self._folder / (key + _SUFFIX))
            if audio is not None:
                self._remember(key, audio)
        return audio

    def put(self, key: str, audio: SpeechAudio) -> None:
        self._remember(key, audio)
        if self._folder is not None:
            with _forgiven("write to", self._folder):
                self._write(self._folder / (key + _SUFFIX), audio)
                if self._disk_used > self._limit:
                    self._prune()

    def _remember(self, key: str, audio: SpeechAudio) -> None:
        with self._lock:
            previous = self._memory.pop(key, None)
            self._memory_used += audio.samples.nbytes - (previous.samples.nbytes if previous else 0)
            self._memory[key] = audio
            while self._memory_used > self._memory_limit and len(self._memory) > 1:
                _, oldest = self._memory.popitem(last=False)
                self._memory_used -= oldest.samples.nbytes

    def _write(self, path: Path, audio: SpeechAudio) -> None:
        about = {
            "engine": audio.engine,
            "samples": len(audio.samples),
            "crc32": zlib.crc32(audio.samples.tobytes()),
            "marks": [[mark.sample, mark.char] for mark in audio.marks],
        }
        with NamedTemporaryFile(dir=path.parent, prefix=path.stem, suffix=".part", delete=False) as temporary:
            part = Path(temporary.name)
        try:
            with soundfile.SoundFile(part, "w", SAMPLE_RATE, 1, "PCM_16", format="FLAC") as file:
                file.comment = json.dumps(about)
                file.write(audio.samples)
            with self._lock:
                self._disk_used += part.stat().st_size
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)

    def _read(self, path: Path) -> SpeechAudio | None:
        try:
            with soundfile.SoundFile(path) as file:
                about = json.loads(file.comment)
                samples = file.read(dtype="int16")
            if file.samplerate != SAMPLE_RATE or len(samples) != about["samples"]:
                raise ValueError("wrong length or rate")
            if zlib.crc32(samples.tobytes()) != about["crc32"]:
                raise ValueError("wrong checksum")
            marks = tuple(Mark(int(sample), int(char)) for sample, char in about["marks"])
            os.utime(path)
            return SpeechAudio(np.asarray(samples, dtype=np.int16), marks, str(about["engine"]))
        except (OSError, soundfile.LibsndfileError, ValueError, KeyError, TypeError) as error:
            if path.exists():
                logger.warning("prompt cache: %s is damaged (%s); it is made again", path, error)
                with contextlib.suppress(OSError):
                    path.unlink()
            return None

    def _prune(self) -> None:
        """Delete what was not used for longest until a tenth of the room is free again."""
        assert self._folder is not None
        entries = []
        for path in self._folder.glob(f"*{_SUFFIX}"):
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                entries.append((status.st_mtime_ns, status.st_size, path))
        entries.sort()
        used = sum(size for _, size, _ in entries)
        for _, size, path in entries:
            if used <= self._limit * 0.9:
                break
            path.unlink(missing_ok=True)
            used -= size
        with self._lock:
            self._disk_used = used


class _forgiven(contextlib.AbstractContextManager[None]):
    """Log trouble with the disk and go on."""

    def __init__(self, what: str, folder: Path) -> None:
        self._what, self._folder = what, folder

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, OSError | soundfile.LibsndfileError):
            logger.warning("prompt cache: cannot %s %s: %s", self._what, self._folder, error)
            return True
        return False
