"""The hotline's vocabulary as a bias for open questions, and what two recognisers' readings say of each other.

Whisper takes no prompt here: on bad audio it comes back as the text. So the vocabulary works on what it heard:

- of its n-best readings those with hotline words are worth more (`worth`);
- where a stretch of the best reading sounds nearly like a hotline word (`Trunk Cating` - truncating), the reading with
  that word put in is made (`sound_alikes`), and the recogniser is asked how well it fits the sound: the bias only tips
  what the sound leaves open.

All figures are natural logarithms of likelihoods.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from rapidfuzz.distance import Levenshtein

from ivr.asr.base import Word
from ivr.asr.text import has_cjk
from ivr.dialog.hints import Hint
from ivr.dialog.text.clean import words_only
from ivr.dialog.text.phonetics import pinyin_keys, sound

HINT_WORTH = 2.0
"""What a hint of boost 1 adds to a reading that holds it."""
MOST_WORTH = 8.0
"""What one hint can add at most, and all hints together."""
REWRITE_FROM = 1.0
"""Least boost of a hint that is put in where something like it was heard."""
LIKENESS = 0.34
"""Greatest distance of two sounds, as a share of the longer, that may be taken for each other."""
MOST_REWRITES = 6
_NO_VOWELS = str.maketrans("", "", "AEIOU")
_TOKEN = re.compile(r"[㐀-鿿]|[^\s㐀-鿿]+")


def worth(text: str, hints: Sequence[Hint], language: str) -> float:
    """What the hints that stand in a text add to its log-likelihood."""
    if not hints:
        return 0.0
    folded = _folded(text, language)
    total = sum(min(MOST_WORTH, hint.boost * HINT_WORTH) for hint in hints if _folded(hint.text, language) in folded)
    return min(MOST_WORTH, total)


@lru_cache(maxsize=4000)
def _folded(text: str, language: str) -> str:
    bare = words_only(text.lower())
    return bare.replace(" ", "") if language.startswith("zh") else f" {bare} "


def sound_alikes(text: str, hints: Sequence[Hint], language: str) -> list[str]:
    """The text with one stretch replaced by a hint that sounds nearly like it: the nearest first, few."""
    folded = _folded(text, language)
    tokens = _TOKEN.findall(text) if language.startswith("zh") else text.split()
    found: list[tuple[float, str]] = []
    for hint in hints:
        if hint.boost < REWRITE_FROM or _folded(hint.text, language) in folded:
            continue
        near = min(_near(tokens, hint, language), default=None)
        if near is not None:
            distance, start, end = near
            found.append((distance, _replaced(tokens, start, end, hint.text, language)))
    return list(dict.fromkeys(changed for _, changed in sorted(found)[:MOST_REWRITES]))


def _near(tokens: Sequence[str], hint: Hint, language: str) -> Iterator[tuple[float, int, int]]:
    """(distance, first, end) of the stretches that sound nearly like the hint."""
    for spelling in (hint.text, *hint.alike):
        wanted = _sound(spelling, language)
        length = len(_TOKEN.findall(spelling)) if language.startswith("zh") else len(spelling.split())
        if len(wanted) < 2:
            continue
        for start in range(len(tokens)):
            for end in range(start + max(1, length - 1), min(len(tokens), start + length + 1) + 1):
                heard = _sound(" ".join(tokens[start:end]), language)
                distance = Levenshtein.normalized_distance(wanted, heard)
                if distance <= LIKENESS:
                    yield distance, start, end


@lru_cache(maxsize=8000)
def _sound(text: str, language: str) -> tuple[str, ...]:
    """Consonants in English (Metaphone, a letter each; vowels only at the very start, for recognisers join and part
    words as they like), syllables without tones in Mandarin."""
    if language.startswith("zh"):
        return pinyin_keys(words_only(text).replace(" ", ""))
    letters = "".join(sound(text, language))
    return tuple(letters[:1] + letters[1:].translate(_NO_VOWELS))


def _replaced(tokens: Sequence[str], start: int, end: int, text: str, language: str) -> str:
    space = "" if language.startswith("zh") and has_cjk("".join(tokens)) else " "
    tail = re.search(r"[^\w]+$", tokens[end - 1])
    return space.join([*tokens[:start], text + (tail[0] if tail else ""), *tokens[end:]])


def reworded(words: Sequence[Word], text: str, language: str, doubt: float) -> tuple[Word, ...]:
    """The words of another reading of the same sound: what both have keeps its times and confidence; what is new shares
    the time of what it replaces, with confidence `doubt`."""
    wanted = _TOKEN.findall(text) if language.startswith("zh") else text.split()
    wanted = [word for word in wanted if words_only(word)]
    old, new = [words_only(word.text.lower()) for word in words], [words_only(word.lower()) for word in wanted]
    made: list[Word] = []
    for kind, i, j, k, end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            made += words[i:j]
        elif end > k:
            first = words[i].start_ms if j > i else made[-1].end_ms if made else 0
            last = words[j - 1].end_ms if j > i else first
            edges = [first + (last - first) * step // (end - k) for step in range(end - k + 1)]
            made += [Word(words_only(wanted[k + n]), edges[n], edges[n + 1], doubt) for n in range(end - k)]
    return tuple(made)
