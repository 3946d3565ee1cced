"""The Vocabulary of the languages that the dialog's understanding knows, made of its own slot parsers."""

from __future__ import annotations

from functools import lru_cache

from ivr.call.vocabulary import count_words
from ivr.dialog.events import Expectation, SlotExpectation
from ivr.dialog.slots import parse
from ivr.dialog.slots.yes_no import polarity
from ivr.dialog.understanding.backchannel import is_backchannel
from ivr.turn.endpoint import Completeness

_DANGLING = {
    "en": ("and", "or", "but", "because", "so", "the", "a", "my", "to", "for", "with", "um", "uh", "is", "it's", "i"),
    "zh": ("然后", "那个", "就是", "因为", "所以", "但是", "还有", "我的", "我要", "我想", "这个", "呃", "嗯那"),
}
"""Last words after which nobody has finished."""
_MAYBE_MORE = frozenset({"number", "money", "time", "choice", "phone"})
"""Types whose value may stand at the start of a longer one ("fifteen" of "fifteen hundred")."""


class SpokenWords:
    """Judges partial texts by what the open question takes."""

    def words(self, text: str, language: str) -> int:
        return count_words(text)

    def is_backchannel(self, text: str, language: str) -> bool:
        return is_backchannel(text, language)

    def is_hotword(self, text: str, expectation: Expectation, hotwords: tuple[str, ...]) -> bool:
        folded = text.lower()
        return any(word.lower() in folded for word in hotwords)

    def completeness(self, text: str, expectation: Expectation) -> Completeness:
        text = text.strip().lower()
        if not text:
            return Completeness.OPEN
        language = expectation.language[:2]
        if _dangles(text, language):
            return Completeness.INCOMPLETE
        asked = next((slot for slot in expectation.slots if slot.name == expectation.asked), None)
        yes_no = expectation.mode in {"confirm", "guess"} or (asked is not None and asked.type == "yes_no")
        if yes_no and expectation.mode != "route":
            return _yes_no(text, language)
        if expectation.mode == "ask" and asked is not None:
            return _slot(text, language, asked)
        return Completeness.OPEN


def _dangles(text: str, language: str) -> bool:
    words = _DANGLING.get(language, ())
    if language == "zh":
        return text.endswith(words)
    return text.rsplit(None, 1)[-1] in words


def _yes_no(text: str, language: str) -> Completeness:
    """A plain yes is all; after a no a correction often follows ("no, fifteen")."""
    found = polarity(text, language)
    if found is None:
        return Completeness.OPEN
    whole = found.span == (0, len(text))
    return Completeness.COMPLETE if whole and found.yes else Completeness.FILLED


def _slot(text: str, language: str, slot: SlotExpectation) -> Completeness:
    if slot.type == "digits":
        return _digits(text, language, slot.length or (1, 64))
    if slot.type not in _MAYBE_MORE:
        return Completeness.OPEN
    return Completeness.FILLED if _values(slot.type, text, language) else Completeness.OPEN


def _digits(text: str, language: str, length: tuple[int, int]) -> Completeness:
    values = _values("digits", text, language)
    count = max((len(value) for value in values), default=0)
    if count >= length[1]:
        return Completeness.COMPLETE
    if count >= length[0]:
        return Completeness.FILLED
    return Completeness.INCOMPLETE if count else Completeness.OPEN


@lru_cache(maxsize=2000)
def _values(kind: str, text: str, language: str) -> tuple[str, ...]:
    if kind == "choice":  # its options are the dialog's; that words were said at all is what can be known here
        return (text,)
    return tuple(str(found.value) for found in parse(kind, text, language) if not found.error)
