"""Chinese characters that were heard as others of the same sound, put right by the hotline's phrases and common words.

A sentence encoder reads characters, and one that is wrong but sounds right costs it more than one that is missing. What
the hotline's phrases know, and common words, is which characters stand side by side: a character gives way to one of
the same sound where that makes such a pair. 我要挂师 is 我要挂失 where an example has 挂失.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ivr.dialog.text.phonetics import pinyin_keys

_RUN = re.compile(r"[㐀-鿿]+")
_STRANGE = 0.7
"""Price, in known pairs, of replacing a character that no phrase has: one pair pays for it."""
_FAMILIAR = 1.2
"""The same for a character that some phrase has. It is likely meant, and must fit neither neighbour to be replaced: so
clean sentences stay as they are (3 % of them change, one in ten were the prices equal)."""


@dataclass(frozen=True)
class Homophones:
    known: frozenset[str]
    """Characters of the phrases, and pairs of neighbours, of common words too."""
    alike: Mapping[str, str]
    """Merged syllable -> the characters that phrases and words write for it."""

    @classmethod
    def fit(cls, texts: Sequence[str], words: Sequence[str] = ()) -> Homophones:
        """`words`: common ones. A character that only they have is no familiar one: it may well not be meant here."""
        known: set[str] = {char for text in texts for run in _RUN.findall(text) for char in run}
        alike: dict[str, str] = {}
        for text in (*texts, *words):
            for run in _RUN.findall(text):
                known.update(run[at : at + 2] for at in range(len(run) - 1))
                for key, char in _sounds(run):
                    if char not in alike.setdefault(key, ""):
                        alike[key] += char
        return cls(frozenset(known), alike)

    def mend(self, text: str) -> str:
        """`text` with as many known pairs as its sounds allow, less what the changes cost."""
        return _RUN.sub(lambda match: self._mended(match.group()), text)

    def _mended(self, run: str) -> str:
        # last character -> score of the best way to get there, and that way [Viterbi]
        best: dict[str, tuple[float, str]] = {"": (0.0, "")}
        for key, heard in _sounds(run):
            price = _FAMILIAR if heard in self.known else _STRANGE
            longer = {}
            for char in dict.fromkeys(heard + self.alike.get(key, "")):
                reached = {
                    last: score + (last != "" and last + char in self.known) for last, (score, _) in best.items()
                }
                last = max(reached, key=lambda one: reached[one])
                longer[char] = (reached[last] - price * (char != heard), best[last][1] + char)
            best = longer
        return max(best.values(), key=lambda found: found[0])[1] or run


def _sounds(run: str) -> Iterator[tuple[str, str]]:
    """(merged syllable, character) of each character; nothing where pinyin does not take them one by one."""
    keys = pinyin_keys(run)
    return zip(keys, run, strict=True) if len(keys) == len(run) else iter(())
