"""Recognition errors, simulated: words or characters swapped for ones that sound alike, dropped, or drowned in fillers.

Used to weigh the branches against each other at training time, and by the benchmark. Not a recogniser: a way to have
labelled noisy text where there is no audio.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping, Sequence

import jellyfish
import numpy as np

from ivr.dialog.text.clean import HAN, words_only
from ivr.dialog.text.phonetics import metaphone_key, pinyin_keys

_FILLERS_EN = ("um", "uh", "like", "well", "you know")


def _generator(text: str, seed: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed}:{text}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def noised(text: str, language: str, rate: float, lexicon: Mapping[str, Sequence[str]], seed: int = 0) -> str:
    """`text` with about `rate` of its words (zh: characters) wrong; the same arguments give the same result.

    `lexicon` maps a word to words that sound like it (see `sound_neighbours`); Chinese needs none.
    """
    random = _generator(text, seed)
    if language.startswith("zh"):
        return "".join(_noised_char(char, rate, random) for char in words_only(text))
    out: list[str] = []
    for word in words_only(text).split():
        draw = random.random()
        if draw < rate * 0.65 and lexicon.get(word):
            out.append(lexicon[word][int(random.integers(len(lexicon[word])))])
        elif draw < rate * 0.85:
            continue
        elif draw < rate:
            out += [_FILLERS_EN[int(random.integers(len(_FILLERS_EN)))], word]
        else:
            out.append(word)
    return " ".join(out) or text


def _noised_char(char: str, rate: float, random: np.random.Generator) -> str:
    draw = random.random()
    if draw >= rate or not HAN.match(char):
        return char
    if draw > rate * 0.85:
        return ""
    alike = _homophones().get(pinyin_keys(char), ())
    others = [other for other in alike if other != char]
    return others[int(random.integers(len(others)))] if others else char


@functools.cache
def _homophones() -> dict[tuple[str, ...], list[str]]:
    """The 3,755 characters of GB 2312 level 1 by merged pinyin."""
    found: dict[tuple[str, ...], list[str]] = {}
    for high in range(0xB0, 0xD8):
        for low in range(0xA1, 0xFF):
            try:
                char = bytes((high, low)).decode("gb2312")
            except UnicodeDecodeError:
                continue
            found.setdefault(pinyin_keys(char), []).append(char)
    return found


def sound_neighbours(texts: Iterable[str], count: int = 3) -> dict[str, list[str]]:
    """For each English word of `texts` the `count` other words of `texts` nearest in Metaphone, then in spelling."""
    words = sorted({word for text in texts for word in words_only(text).split() if word.isalpha()})
    keys = {word: metaphone_key(word) for word in words}
    by_start: dict[str, list[str]] = {}
    for word in words:
        by_start.setdefault(keys[word][:1], []).append(word)
    found: dict[str, list[str]] = {}
    for word in words:
        near = [
            (distance, jellyfish.levenshtein_distance(word, other), other)
            for other in by_start[keys[word][:1]]
            if other != word and (distance := jellyfish.levenshtein_distance(keys[word], keys[other])) <= 1
        ]
        found[word] = [other for _, _, other in sorted(near)[:count]]
    return found
