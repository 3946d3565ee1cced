"""How text sounds, roughly: toneless pinyin with often confused pairs merged, and metaphone."""

from __future__ import annotations

import functools
from typing import Any

import jellyfish
from pypinyin import Style
from pypinyin.converter import UltimateConverter
from pypinyin.core import Pinyin

from ivr.dialog.text.clean import words_only

_INITIALS = (("zh", "z"), ("ch", "c"), ("sh", "s"))


def merge_syllable(syllable: str) -> str:
    """zh/z, ch/c, sh/s, n/l, and finals in ng/n as one: `zhang` -> `zan`, `neng` -> `len`."""
    for full, flat in _INITIALS:
        if syllable.startswith(full):
            syllable = flat + syllable[2:]
            break
    if syllable.startswith("n") and len(syllable) > 1:
        syllable = "l" + syllable[1:]
    return syllable[:-1] if syllable.endswith("ng") else syllable


class _Converter(UltimateConverter):
    """Remembers words: the same few thousand make up all that a hotline says and hears."""

    @functools.lru_cache(maxsize=20_000)  # noqa: B019 - there is one converter
    def convert(self, words: str, *args: Any, **settings: Any) -> list[list[str]]:
        found: list[list[str]] = super().convert(words, *args, **settings)
        return found


_PINYIN = Pinyin(_Converter())


@functools.lru_cache(maxsize=20_000)
def syllables(text: str) -> tuple[str, ...]:
    """Toneless pinyin, one syllable a Han character; other runs of characters stay as they are."""
    return tuple(_PINYIN.lazy_pinyin(text, style=Style.NORMAL))


@functools.lru_cache(maxsize=20_000)
def pinyin_keys(text: str) -> tuple[str, ...]:
    """The same with the pairs merged that are often confused."""
    return tuple(merge_syllable(syllable) for syllable in syllables(text))


@functools.lru_cache(maxsize=20_000)
def metaphone_key(word: str) -> str:
    """Lawrence Philips' Metaphone of one word; digits stay as they are."""
    return str(jellyfish.metaphone(word)) or word


def sound(text: str, language: str) -> tuple[str, ...]:
    """The phonetic key of `text`, one element a syllable (zh) or word (others)."""
    bare = words_only(text)
    if language.startswith("zh"):
        return pinyin_keys(bare)
    return tuple(metaphone_key(word) for word in bare.split())
