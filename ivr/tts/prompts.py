"""Recorded prompts: sound files in the hotline's folder, by name and language."""

from __future__ import annotations

from pathlib import Path

from ivr.audio.wav import read_audio
from ivr.errors import AudioFileError
from ivr.tts.base import SpeechAudio
from ivr.tts.rendering import estimate_marks

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
ENGINE = "recorded"


class RecordedPrompts:
    """`find("hello", "zh")` looks for `<folder>/zh/hello.wav`, then `<folder>/hello.wav`; the suffix may be given.

    A file is read once; it is read again when it has changed. The sound is played as it is recorded: its level and
    pauses are the speaker's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: dict[Path, tuple[int, SpeechAudio]] = {}

    def find(self, name: str, language: str) -> Path:
        """Raises AudioFileError when there is no such recording or the name leads out of the folder."""
        root = self._folder.resolve()
        for base in (root / language, root / language.split("-")[0], root):
            for candidate in (base / name, *(base / (name + suffix) for suffix in SUFFIXES)):
                path = candidate.resolve()
                if not path.is_relative_to(root):
                    raise AudioFileError(f"recording {name!r} lies outside of {self._folder}")
                if path.is_file():
                    return path
        raise AudioFileError(f"recording {name!r} for {language!r} is not in {self._folder} "
                             f"(looked for {language}/{name} and {name}, also with {', '.join(SUFFIXES)})")  # fmt: skip

    def load(self, name: str, language: str, text: str = "") -> SpeechAudio:
        """The recording at 16 kHz; `text` is what is said in it, for the marks. Raises AudioFileError."""
        path = self.find(name, language)
        changed = path.stat().st_mtime_ns
        known = self._loaded.get(path)
        if known is None or known[0] != changed:
            known = (changed, SpeechAudio(read_audio(path), (), ENGINE))
            self._loaded[path] = known
        samples = known[1].samples
        return SpeechAudio(samples, estimate_marks(text, len(samples)), ENGINE)
