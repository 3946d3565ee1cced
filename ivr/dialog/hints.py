"""The hotline's own words, for ears: what recognisers should rather hear than something that sounds like it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ivr.dialog.schema.hotline import Hotline, Term
from ivr.dialog.text.clean import HAN

PHRASE_BOOST = 0.3
"""Weight of a word that only stands in the hotline's phrases. Words of the lexicon have theirs from `boost`."""
MOST_PHRASE_WORDS = 150
_PLACES = re.compile(r"\{[^}]*\}|<[^>]*>")
_WORDS = re.compile(r"[^\W\d_]{4,}")
_HAN_RUNS = re.compile(r"[㐀-鿿]{2,6}")


@dataclass(frozen=True, slots=True)
class Hint:
    """A word or short phrase, and how much it is worth: 1 = as a word of the lexicon by default, 0 = nothing."""

    text: str
    boost: float = 1.0
    alike: tuple[str, ...] = ()
    """How it is misheard, and how it is said where that is not how it is written."""


def hotline_hints(hotline: Hotline, phrases: Iterable[Mapping[str, Sequence[str]]] = ()) -> dict[str, tuple[Hint, ...]]:
    """Language -> its hints, the heaviest first: the lexicon, then words of `phrases` (language -> templates)."""
    phrases = list(phrases)
    found: dict[str, tuple[Hint, ...]] = {}
    for language in hotline.languages:
        terms = [
            Hint(term.term, float(term.boost), _alike(term, language))
            for term in hotline.lexicon
            if term.boost > 0 and (language.startswith("zh") or not HAN.search(term.term))
        ]
        terms.sort(key=lambda hint: -hint.boost)
        known = {hint.text.lower() for hint in terms}
        words = [word for word in _phrase_words(phrases, language) if word not in known]
        found[language] = (*terms, *(Hint(word, PHRASE_BOOST) for word in words[:MOST_PHRASE_WORDS]))
    return found


def _alike(term: Term, language: str) -> tuple[str, ...]:
    said = term.say if isinstance(term.say, str) else term.say.get(language, "")
    chinese = language.startswith("zh")
    others = (*term.sounds_like, said)
    return tuple(dict.fromkeys(other for other in others if other and bool(HAN.search(other)) == chinese))


def _phrase_words(phrases: Iterable[Mapping[str, Sequence[str]]], language: str) -> list[str]:
    """Words of the templates, the longest first: the more sounds, the less they are taken for others."""
    pattern = _HAN_RUNS if language.startswith("zh") else _WORDS
    words: set[str] = set()
    for by_language in phrases:
        for template in by_language.get(language, ()):
            words.update(pattern.findall(_PLACES.sub(" ", template).lower()))
    return sorted(words, key=lambda word: (-len(word), word))
