"""The prompt cache: whole or nothing, bounded, forgiving."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest

from ivr.tts.base import Mark, SpeechAudio, SpeechRequest
from ivr.tts.cache import PromptCache, cache_key

MARKS = (Mark(0, 0), Mark(500, 7))


def speech(seed: int = 0, length: int = 8000) -> SpeechAudio:
    noise = np.random.default_rng(seed).integers(-3000, 3000, length).astype(np.int16)
    return SpeechAudio(noise, MARKS, "pyttsx3")


def same(one: SpeechAudio | None, other: SpeechAudio) -> bool:
    return one is not None and np.array_equal(one.samples, other.samples) and one.marks == other.marks


def test_what_was_put_comes_back_from_another_process_s_folder(tmp_path: Path) -> None:
    PromptCache(tmp_path).put("k", speech())
    fresh = PromptCache(tmp_path)
    assert fresh.peek("k") is None
    assert same(fresh.get("k"), speech())
    assert same(fresh.peek("k"), speech())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["k.flac"]


def test_a_miss_is_none(tmp_path: Path) -> None:
    assert PromptCache(tmp_path).get("nothing") is None
    assert PromptCache(None).get("nothing") is None


@pytest.mark.parametrize("damage", ["truncate", "garbage", "flip", "empty", "foreign"])
def test_a_damaged_entry_is_dropped(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    PromptCache(tmp_path).put("k", speech())
    path = tmp_path / "k.flac"
    whole = path.read_bytes()
    if damage == "truncate":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "garbage":
        path.write_bytes(b"not a flac at all")
    elif damage == "flip":
        path.write_bytes(whole[:-3000] + bytes(byte ^ 255 for byte in whole[-3000:]))
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        import soundfile

        soundfile.write(path, speech().samples, 16_000)
    with caplog.at_level(logging.WARNING):
        assert PromptCache(tmp_path).get("k") is None
    assert "is damaged" in caplog.text
    assert not path.exists()


def test_the_folder_is_bounded_and_the_least_used_goes_first(tmp_path: Path) -> None:
    cache = PromptCache(tmp_path, limit_bytes=10**9)
    for index in range(6):
        cache.put(f"k{index}", speech(index))
        os.utime(tmp_path / f"k{index}.flac", (1000 + index, 1000 + index))
    size = (tmp_path / "k0.flac").stat().st_size
    assert PromptCache(tmp_path).get("k0") is not None  # used now: it is the youngest
    PromptCache(tmp_path, limit_bytes=size * 5).put("new", speech(9))
    kept = {path.stem for path in tmp_path.iterdir()}
    assert {"k0", "new"} <= kept
    assert "k1" not in kept
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= size * 5


def test_memory_is_bounded() -> None:
    cache = PromptCache(None, memory_bytes=40_000)
    for index in range(5):
        cache.put(f"k{index}", speech(index))
    assert cache.peek("k0") is None
    assert same(cache.peek("k4"), speech(4))


def test_a_disk_that_cannot_be_written_costs_nothing_but_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    cache = PromptCache(blocked / "cache")
    cache.put("k", speech())
    assert same(cache.get("k"), speech())
    assert "prompt cache: cannot" in caplog.text


def test_the_key_knows_everything_that_changes_the_sound() -> None:
    base = SpeechRequest("hello", "en", "v", 1.0)
    others = [SpeechRequest("hallo", "en", "v", 1.0), SpeechRequest("hello", "zh", "v", 1.0),
              SpeechRequest("hello", "en", "w", 1.0), SpeechRequest("hello", "en", "v", 0.85)]  # fmt: skip
    keys = {cache_key("pyttsx3", request) for request in (base, *others)} | {cache_key("scripted", base)}
    assert len(keys) == 6
    assert cache_key("pyttsx3", base) == cache_key("pyttsx3", SpeechRequest("hello", "en", "v", 1.0))
