"""The process's one espeak-ng, through pyttsx3. No system package is needed: library and data come from a wheel.

espeak-ng keeps its state in globals, so everything here goes through one lock. pyttsx3 opens the engine, sets its voice
and rate by its driver and declares the C interface. Its queue and run loop are not used: the loop polls, prints, plays
through `aplay` and stays in `runAndWait` for ever when a callback was missed, and a property that is set outside of it
waits in the queue. The synchronous call made here returns when the sound is there.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import shutil
import tempfile
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import espeakng_loader

from ivr.errors import ModelError, SynthesisError

RATE = 22_050
"""Sample rate of espeak-ng's voices (Hz)."""
NORMAL_WPM = 165
MIN_WPM, MAX_WPM = 80, 450
"""espeak-ng's own limits, words a minute."""

_TEXT_IS_UTF8 = 1
_PHONEMES_IPA = 0x02
_TIE = 0x80
TIE = "^"
"""Joins the two letters of one sound (a^ɪ, t^ʃ) in what `phonemes` returns."""

_lock = threading.Lock()
_keep: list[Any] = []
"""pyttsx3 holds its engines by weak references."""


@dataclass(frozen=True, slots=True)
class Word:
    """Where a word begins: offset in the text, and in the sound in samples at RATE."""

    char: int
    sample: int


@lru_cache(maxsize=1)
def _engine() -> tuple[Any, Any]:
    """pyttsx3's espeak driver and the module that declares espeak-ng's functions. Raises ModelError."""
    os.environ.setdefault("ESPEAK_DATA_PATH", espeakng_loader.get_data_path())
    try:
        # Loaded first and for all: pyttsx3 asks the linker for the same SONAME and is given this one.
        ctypes.CDLL(espeakng_loader.get_library_path(), mode=ctypes.RTLD_GLOBAL)
        import pyttsx3
        from pyttsx3.drivers import _espeak, espeak

        engine = pyttsx3.init("espeak")
        _keep.append(engine)
        atexit.register(_keep.clear)  # its __del__ needs modules that are gone at the interpreter's very end
        return espeak.EspeakDriver, _espeak
    except (OSError, RuntimeError, ImportError) as error:
        raise ModelError(
            f"espeak-ng cannot be loaded: {error}; install ivr again (espeakng-loader, pyttsx3)"
        ) from error


@lru_cache(maxsize=1)
def voices() -> dict[str, str]:
    """Voice name -> language tag of all voices."""
    with _lock:
        found = _engine()[0].getProperty("voices")
    return {voice.id.rsplit("/", 1)[-1]: voice.languages[0] for voice in found}


@lru_cache(maxsize=64)
def _steady(voice: str) -> bytes | None:
    """A copy of the voice's file without flutter: espeak-ng varies the pitch by where it stopped the last time, so the
    same text would come out some samples longer or shorter each time. None for a voice that is no plain file."""
    data = Path(espeakng_loader.get_data_path()) / "lang"
    found = [path for path in data.rglob("*") if path.is_file() and path.name.lower() == voice.lower()]
    if not found:
        return None
    copies = Path(tempfile.mkdtemp(prefix="ivr-espeak-"))
    atexit.register(shutil.rmtree, copies, ignore_errors=True)
    copy = copies / "steady"  # a file that is named like a voice of the data folder is refused
    copy.write_bytes(found[0].read_bytes() + b"\nflutter 0\n")
    return str(copy).encode()


def speak(text: str, voice: str, wpm: int = NORMAL_WPM) -> tuple[bytes, list[Word]]:
    """Signed 16 bit mono PCM at RATE, and its words. The same text gives the same length and words (single samples may
    differ by the phase of espeak-ng's noise). Raises SynthesisError."""
    with _lock:
        driver, api = _engine()
        steady = _steady(voice)
        if steady is None or api.dll.espeak_ng_SetVoiceByFile(steady) != api.EE_OK:
            _set(driver, "voice", voice)
        _set(driver, "rate", max(MIN_WPM, min(MAX_WPM, wpm)))
        sound: list[bytes] = []
        found: list[Word] = []

        def collect(wave: Any, count: int, events: Any) -> int:
            index = 0
            while events[index].type != api.EVENT_LIST_TERMINATED:
                if events[index].type == api.EVENT_WORD:
                    found.append(Word(events[index].text_position - 1, events[index].sample))
                index += 1
            if count > 0:
                sound.append(ctypes.string_at(wave, count * 2))
            return 0

        api.SetSynthCallback(collect)
        status = api.Synth(text.encode(), flags=api.CHARS_UTF8)
        if status != api.EE_OK:
            raise SynthesisError(f"espeak-ng gave error {status} for {text[:40]!r}")
        api.Synchronize()
        return b"".join(sound), found


def phonemes(text: str, voice: str) -> str:
    """IPA with stress marks, clauses joined by a space, punctuation dropped. Raises SynthesisError."""
    with _lock:
        driver, api = _engine()
        _set(driver, "voice", voice)
        convert = api.dll.espeak_TextToPhonemes
        convert.restype = ctypes.c_char_p
        convert.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_int, ctypes.c_int]
        buffer = ctypes.create_string_buffer(text.encode())
        rest = ctypes.c_void_p(ctypes.addressof(buffer))
        parts: list[str] = []
        while rest.value:
            part = convert(ctypes.byref(rest), _TEXT_IS_UTF8, _PHONEMES_IPA | _TIE | (ord(TIE) << 8))
            parts.append((part or b"").decode().strip())
        return " ".join(part for part in parts if part)


def _set(driver: Any, name: str, value: str | int) -> None:
    try:
        driver.setProperty(name, value)
    except ValueError as error:
        raise SynthesisError(f"espeak-ng has no {name} {value!r}: {error}") from error
