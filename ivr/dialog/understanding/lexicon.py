"""Domain words put right: what sounds like a term of the lexicon is the term.

Three ways, the surest first: a mishearing that the designer lists (`sounds_like`), with any space or hyphen between its
words; a term of Chinese characters by its toneless pinyin, confused pairs merged; a term of Latin letters by its
consonants (Metaphone), wherever the recogniser has put the spaces and however it writes letters and figures: "wire less
router x two", "wireless router ex to" and "Wireless-Router X 2" are one name.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import jellyfish

from ivr.dialog.text.clean import HAN
from ivr.dialog.text.phonetics import pinyin_keys
from ivr.dialog.understanding.spec import Term

_HAN_RUN = re.compile(r"[㐀-鿿](?:\s?[㐀-鿿])+")
_TOKEN = re.compile(r"[a-z]+(?:'[a-z]+)?|[0-9]", re.IGNORECASE)
_GAP = re.compile(r"[\s\-.]*")
MIN_SOUNDS = 5
"""Consonants that a Latin term needs to be known by its sound alone: "pin" is "pen" and "pain" too."""
_MAX_SPREAD = 3
"""Words more than it has in which a term may be heard."""
_FIGURES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SPELLED = {
    **dict(zip("0123456789", _FIGURES, strict=True)),
    "b": "bee", "c": "see", "d": "dee", "f": "eff", "g": "gee", "j": "jay", "k": "kay", "l": "ell", "m": "em",
    "n": "en", "p": "pee", "q": "cue", "r": "are", "s": "ess", "t": "tea", "v": "vee", "w": "double you", "x": "ex",
    "y": "why", "z": "zee", "to": "two", "too": "two", "for": "four",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mender:
    """Rewrites known mishearings; text without any comes back as it is."""

    spelled: re.Pattern[str] | None
    terms: dict[str, str]
    sounds: dict[tuple[str, ...], str]
    consonants: dict[str, str]
    """Consonants of a Latin term -> the term."""
    longest: int
    """Words in which one of those may be heard, at most."""

    @classmethod
    def build(cls, lexicon: Sequence[Term]) -> Mender:
        terms = {_plain(alike): term.term for term in lexicon for alike in term.sounds_like if _plain(alike)}
        parts = [_pattern(alike) for alike in sorted(terms, key=len, reverse=True)]
        sounds = {pinyin_keys(term.term): term.term for term in lexicon if re.fullmatch(_HAN_RUN.pattern, term.term)}
        consonants: dict[str, str] = {}
        longest = 0
        for term in lexicon:
            tokens = _TOKEN.findall(term.term)
            key = "".join(_consonants(token) for token in tokens)
            if len(key) >= MIN_SOUNDS and not HAN.search(term.term):
                consonants.setdefault(key, term.term)
                longest = max(longest, len(tokens) + _MAX_SPREAD)
        pattern = re.compile("|".join(parts), re.IGNORECASE) if parts else None
        return cls(pattern, terms, sounds, consonants, longest)

    def mend(self, text: str) -> str:
        if self.spelled is not None:
            text = self.spelled.sub(lambda match: self.terms[_plain(match.group())], text)
        if self.consonants:
            text = self._by_consonants(text)
        if not self.sounds:
            return text
        return _HAN_RUN.sub(lambda match: self._by_sound(match.group()), text)

    def _by_sound(self, run: str) -> str:
        bare = "".join(run.split())
        keys = pinyin_keys(bare)
        if len(keys) != len(bare):
            return run
        out, at, found = "", 0, False
        while at < len(bare):
            size = next((n for n in range(min(8, len(bare) - at), 1, -1) if keys[at : at + n] in self.sounds), 0)
            out += self.sounds[keys[at : at + size]] if size else bare[at]
            found = found or bool(size)
            at += size or 1
        return out if found else run

    def _by_consonants(self, text: str) -> str:
        out, end = [], 0
        for start, stop, term in self._heard(text):
            out += [text[end:start], term]
            end = stop
        return "".join([*out, text[end:]])

    def _heard(self, text: str) -> Iterator[tuple[int, int, str]]:
        """(first, last + 1, term) of every term heard, from left to right; the longest at each place."""
        tokens = list(_TOKEN.finditer(text))
        keys = [_consonants(token.group()) for token in tokens]
        index = 0
        while index < len(tokens):
            heard, size = "", 0
            for last in range(index, min(len(tokens), index + self.longest)):
                if last > index and not _GAP.fullmatch(text, tokens[last - 1].end(), tokens[last].start()):
                    break
                heard += keys[last]
                if heard in self.consonants and keys[index] and keys[last]:
                    size, found = last - index + 1, self.consonants[heard]
            if size:
                first = index - _begins_before(tokens, index, found)
                yield tokens[first].start(), tokens[index + size - 1].end(), found
            index += size or 1


def _begins_before(tokens: Sequence[re.Match[str]], index: int, term: str) -> bool:
    """A letter of its own that has no consonant begins the term: "i robot", "e bike"."""
    if index == 0:
        return False
    letter = tokens[index - 1].group().lower()
    begins = len(letter) == 1 and term.lower().startswith(letter)
    return begins and not tokens[index].group().lower().startswith(letter)


def _plain(text: str) -> str:
    return " ".join(re.split(r"[\s\-]+", text.lower())).strip()


def _pattern(alike: str) -> str:
    """Its words with any space or hyphen between them. Latin words begin and end where letters do, Chinese ones
    anywhere."""
    words = r"[\s\-]+".join(re.escape(word) for word in alike.split())
    return words if HAN.search(alike) else rf"(?<![a-z0-9]){words}(?![a-z0-9])"


@functools.lru_cache(maxsize=20_000)
def _consonants(token: str) -> str:
    """What is left of a word in Metaphone without its vowels; letters and figures by their names."""
    spoken = _SPELLED.get(token.lower(), token.lower())
    code = "".join(jellyfish.metaphone(word) for word in spoken.split())
    return "T" if spoken == "two" else "".join(sound for sound in code if sound not in "AEIOU ")
