"""Decoding Whisper under a constraint: nothing but digits.

Free decoding writes a string of digits as it likes: as words, in groups, as a price, in Mandarin also as homophones
(林四林五 for 零四零五) and as Latin letters (`Bah Bah` for 八八). When digits are asked for, the utterance is decoded
once more with every other token suppressed, which leaves the sound to choose among them. Scores under the constraint
say nothing about speech that holds no digits, so the string is then scored without it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from faster_whisper.tokenizer import Tokenizer

from ivr.asr.base import Hypothesis
from ivr.dialog.slots.corrections import retractions
from ivr.dialog.text.clean import clean
from ivr.dialog.text.phonetics import pinyin_keys

_HAN = "零一二三四五六七八九幺两"
_PLAIN = re.compile(r" ?[0-9]|[,\-]| ,|, ")
_NO_MORE = re.compile(r"[一-鿿](?=[对队兑])[对队兑]")
_NO = pinyin_keys("不对")
_PART = re.compile(r"后面|前面|最后|开头|末尾|中间|\b(?:last|first|end)\b")
"""Only a part is said again: not a whole string."""
_LOOP = re.compile(r"(.{1,4}?)\1{4,}")


@dataclass(slots=True)
class DigitTokens:
    """The tokens a language's digits are written with, of one tokeniser."""

    suppressed: list[int]
    _texts: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, tokenizer: Tokenizer, language: str) -> DigitTokens:
        """Single digits with and without a space, separators, and in Mandarin the characters. A character of several
        tokens is known by its first (what follows is not told apart: nothing else is allowed)."""
        texts: dict[int, str] = {}
        for token in range(tokenizer.eot):
            text = tokenizer.decode([token])
            if _PLAIN.fullmatch(text):
                texts[token] = text
        for char in _HAN if language == "zh" else "":
            first, *rest = tokenizer.encode(char)
            texts[first] = char
            texts.update(dict.fromkeys(rest, ""))
        allowed = {*texts, tokenizer.eot}
        size = tokenizer.tokenizer.get_vocab_size()
        return cls([token for token in range(size) if token not in allowed], texts)

    def text(self, tokens: list[int]) -> str:
        """What the tokens stand for; tokens that are no digits are left out."""
        return "".join(self._texts.get(token, "") for token in tokens).strip(" ,-")


def is_loop(text: str) -> bool:
    """Does it go round and round, as decoding does when nothing that is allowed was said?"""
    return _LOOP.search(re.sub(r"[ ,\-]", "", text)) is not None


def is_too_fast(digits: int, seconds: float) -> bool:
    """More digits than anybody can say in the time (a fast speaker says five a second)?"""
    return digits > 1 + 6 * seconds


def with_corrections(text: str) -> str:
    """Mandarin among digits: what sounds like 不对 (部队, 补对) is 不对, with which a caller takes digits back."""
    return _NO_MORE.sub(lambda pair: "不对" if pinyin_keys(pair[0]) == _NO else pair[0], text)


def last_cue(heard: Hypothesis, language: str) -> tuple[str, int] | None:
    """The text up to the last word that takes digits back (`no`, 不对), and when that word ends (ms). None when there
    is none, nothing or only a part (后面是三五) is said after it, or the words have no times."""
    text = clean(heard.text)
    cues = [end for end in retractions(text, language) if end < len(text)]
    if not cues or not heard.words or _PART.search(text, cues[-1]):
        return None
    spoken = len(_letters(text[: cues[-1]]))
    for word in heard.words:
        spoken -= len(_letters(word.text))
        if spoken <= 0:
            return heard.text[: cues[-1]], word.end_ms
    return None


def _letters(text: str) -> str:
    return re.sub(r"\W", "", text)
