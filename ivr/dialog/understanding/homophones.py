"""Chinese characters that were heard as others of the same sound, put right by the hotline's own phrases.

A sentence encoder reads characters, and one that is wrong but sounds right costs it more than one that is missing. What
the hotline's phrases know is which characters stand side by side: a character gives way to one of the same sound where
that makes such a pair. 我要挂师 is 我要挂失 where an example has 挂失.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ivr.dialog.text.phonetics import pinyin_keys

_RUN = re.compile(r"[㐀-鿿]+")
_STRANGE = 0.7
"""Price, in known pairs, of replacing a character that no phrase has: one pair pays for it."""
_FAMILIAR = 1.2
"""The same for a character that some phrase has. It is likely meant, and must fit neither neighbour to be replaced: so
clean sentences stay as they are (3 % of them change, one in ten were the prices equal)."""


def known_of(text: str) -> Counter[str]:
    """The characters of `text`, and its pairs of neighbours, each once."""
    pairs = {run[at : at + 2] for run in _RUN.findall(text) for at in range(len(run) - 1)}
    return Counter(pairs | set("".join(_RUN.findall(text))))


@dataclass(frozen=True)
class Homophones:
    known: Mapping[str, int]
    """Characters and pairs of neighbours -> number of phrases that have them."""
    alike: Mapping[str, str]
    """Merged syllable -> the characters that the phrases write for it."""

    @classmethod
    def fit(cls, texts: Iterable[str]) -> Homophones:
        known: Counter[str] = Counter()
        alike: dict[str, str] = {}
        for text in texts:
            known.update(known_of(text))
            for run in _RUN.findall(text):
                for key, char in _sounds(run):
                    if char not in alike.setdefault(key, ""):
                        alike[key] += char
        return cls(dict(known), alike)

    def mend(self, text: str, without: Mapping[str, int] | None = None) -> str:
        """`text` with as many known pairs as its sounds allow. `without`: what some phrases have contributed (sums of
        `known_of`) that are to count as never seen."""
        return _RUN.sub(lambda match: self._mended(match.group(), without or {}), text)

    def _knows(self, part: str, without: Mapping[str, int]) -> bool:
        return self.known.get(part, 0) > without.get(part, 0)

    def _mended(self, run: str, without: Mapping[str, int]) -> str:
        best: dict[str, tuple[float, str]] = {"": (0.0, "")}
        """Last character -> score of the best way to get there, and that way [Viterbi]."""
        for key, heard in _sounds(run):
            price = _FAMILIAR if self._knows(heard, without) else _STRANGE
            best = {
                char: max(
                    (
                        (score + self._knows(last + char, without) * bool(last) - price * (char != heard), way + char)
                        for last, (score, way) in best.items()
                    ),
                    key=lambda found: found[0],
                )
                for char in dict.fromkeys(heard + self.alike.get(key, ""))
            }
        return max(best.values(), key=lambda found: found[0])[1] or run


def _sounds(run: str) -> Iterator[tuple[str, str]]:
    """(merged syllable, character) of each character; nothing where pinyin does not take them one by one."""
    keys = pinyin_keys(run)
    return zip(keys, run, strict=True) if len(keys) == len(run) else iter(())
