"""What recognisers write, made even: Chinese without spaces, in simplified characters; punctuation; loops."""

from __future__ import annotations

import re
import unicodedata
import zlib
from functools import lru_cache

import opencc

_CJK = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3007"
_BETWEEN_CJK = re.compile(rf"(?<=[{_CJK}])\s+(?=[{_CJK}])")
_IS_CJK = re.compile(rf"[{_CJK}]")
_LOOP = re.compile(r"(.{1,40}?)\1{3,}", re.DOTALL)
_ECHO = re.compile(r"(.{12,200}?)\W*\1|([^\W\d_a-z]{4,40}?)\2", re.DOTALL)
_INNER = ".,:-'’/$%¥€£+#@"
"""Punctuation that means something between or before digits and letters (3.50, 10:30, don't)."""


def has_cjk(text: str) -> bool:
    """Is there a Chinese character in it?"""
    return _IS_CJK.search(text) is not None


def join_cjk(text: str) -> str:
    """Drop the spaces between Chinese characters, which Vosk writes between words."""
    return _BETWEEN_CJK.sub("", text)


@lru_cache(maxsize=1)
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("tw2s")


def simplify(text: str) -> str:
    """Traditional characters as simplified ones (OpenCC tw2s, which also knows 隨著); the rest stays."""
    return str(_converter().convert(text))


def strip_punctuation(text: str) -> str:
    """Remove punctuation of any script; what stands inside a number or word (3.50, 10:30, don't) stays."""
    kept = []
    for index, char in enumerate(text):
        if unicodedata.category(char)[0] not in "PS" or (char in _INNER and _inside(text, index)):
            kept.append(char)
        else:
            kept.append(" ")
    return join_cjk(" ".join("".join(kept).split()))


def _inside(text: str, index: int) -> bool:
    before = text[index - 1] if index else " "
    after = text[index + 1] if index + 1 < len(text) else " "
    if text[index] == "%":
        return before.isdigit()
    if text[index] in "$¥€£+#":
        return after.isdigit()
    return before.isascii() and after.isascii() and before.isalnum() and after.isalnum()


def compression_ratio(text: str) -> float:
    """Bytes of the text over bytes when compressed: above 2.4 a text repeats itself (Whisper paper, section 4.5)."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def is_runaway(text: str) -> bool:
    """Does the text repeat itself as people don't: a piece four times on end, or highly compressible? Digits may."""
    loop = _LOOP.search(text.strip())
    if loop and not loop.group(1).replace(" ", "").replace("-", "").isdigit() and len(loop.group(0)) >= 8:
        return True
    return compression_ratio(text) > 2.4


def repeats_itself(text: str) -> bool:
    """Does a phrase come twice on end? People do that too: a reason to listen again, not to throw away."""
    return _ECHO.search(text.lower()) is not None or is_runaway(text)
