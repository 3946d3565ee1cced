"""The Vocabulary of the languages that the dialog's understanding knows, made of its own slot parsers."""

from __future__ import annotations

from functools import lru_cache

from ivr.call.vocabulary import count_words
from ivr.dialog.events import Expectation, SlotExpectation
from ivr.dialog.slots import parse
from ivr.dialog.slots.yes_no import polarity
from ivr.dialog.understanding.backchannel import is_backchannel
from ivr.turn.endpoint import Completeness

_DANGLING_EN = frozenset((
    "a", "an", "the", "my", "your", "our", "his", "her", "their", "this", "some", "another", "and", "or", "but",
    "because", "so", "if", "when", "then", "than", "as", "of", "in", "on", "at", "to", "for", "from", "by", "with",
    "into", "about", "i", "we", "they", "he", "she", "i'd", "i'll", "i'm", "i've", "it's", "is", "am", "are", "was",
    "were", "have", "has", "had", "can", "could", "would", "should", "will", "do", "does", "did", "want", "need",
    "um", "uh",
))  # fmt: skip
_DANGLING_ZH = (
    "然后", "那个", "就是", "因为", "所以", "但是", "还有", "我的", "我要", "我想", "这个", "呃", "嗯那",
    "或者", "而且", "不过", "如果", "关于", "我是", "帮我", "请问", "想问", "把", "跟", "从",
)  # fmt: skip
"""Last words after which nobody has finished."""
_LIKE_DIGITS = frozenset(("a", "the", "to", "for", "i"))
"""What an eight, two, four or five is misheard as: after digits these do not dangle."""
_LEADING = frozenset((
    "is", "it's", "are", "number", "code", "in", "with", "yes", "yeah", "okay", "so", "um", "uh", "no", "not", "sorry",
    "have", "got", "that's",
))  # fmt: skip
"""Before the first digit; another word there was a digit, most likely: short ones are misheard at an onset."""
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
        asked = next((slot for slot in expectation.slots if slot.name == expectation.asked), None)
        digits = expectation.mode == "ask" and asked is not None and asked.type == "digits"
        if _dangles(text, language, _LIKE_DIGITS if digits else frozenset()):
            return Completeness.INCOMPLETE
        yes_no = expectation.mode in {"confirm", "guess"} or (asked is not None and asked.type == "yes_no")
        if yes_no and expectation.mode != "route":
            return _yes_no(text, language)
        if expectation.mode == "ask" and asked is not None:
            return _slot(text, language, asked)
        return Completeness.OPEN


def _dangles(text: str, language: str, but: frozenset[str]) -> bool:
    if language == "zh":
        return text.endswith(_DANGLING_ZH)
    last = text.rsplit(None, 1)[-1]
    return language == "en" and last in _DANGLING_EN and last not in but


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
    """By the digits; where they are too few, by the words: one among digits that is no digit was misheard, and no more
    is to come for it."""
    runs = _runs(text, language)
    count = max((digits for digits, _ in runs), default=0)
    if count >= length[1]:
        return Completeness.COMPLETE
    if count >= length[0]:
        return Completeness.FILLED
    if not count:
        return Completeness.OPEN
    first = min(start for _, start in runs)
    before = text[:first].split()
    said = _pieces(text[first:]) + (bool(before) and before[-1] not in _LEADING)
    if said < length[0]:
        return Completeness.INCOMPLETE
    return Completeness.MISHEARD if length[0] == length[1] else Completeness.FILLED


def _pieces(text: str) -> int:
    """Words, and each Chinese character by itself."""
    han = sum("\u4e00" <= char <= "\u9fff" for char in text)
    return han + len("".join(" " if "\u4e00" <= char <= "\u9fff" else char for char in text).split())


@lru_cache(maxsize=2000)
def _runs(text: str, language: str) -> tuple[tuple[int, int], ...]:
    """Runs of digits: how many, and where in the text they begin."""
    return tuple((len(str(run.value)), run.span[0]) for run in parse("digits", text, language) if not run.error)


@lru_cache(maxsize=2000)
def _values(kind: str, text: str, language: str) -> tuple[str, ...]:
    if kind == "choice":  # its options are the dialog's; that words were said at all is what can be known here
        return (text,)
    return tuple(str(found.value) for found in parse(kind, text, language) if not found.error)
