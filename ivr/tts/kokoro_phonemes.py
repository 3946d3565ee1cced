"""Text -> the symbols that Kokoro was trained on (version 1.0), and their numbers.

English: espeak-ng's IPA with its two-letter sounds written as Kokoro's single ones. Mandarin: pinyin as IPA with tone
arrows (misaki); Latin letters inside Mandarin go the English way.
"""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from typing import Any

from ivr.errors import ModelError
from ivr.tts import espeak

_SYMBOLS = {
    1: ";:,.!?", 9: "—…\"()“” \u0303ʣʥʦʨᵝꭧAI", 31: "O", 33: "Q", 35: "ST", 39: "W", 41: "Yᵊabcdef",
    50: "hijklmnopqrstuvwxyzɑɐɒæ", 75: "βɔɕç", 80: "ɖðʤə", 85: "ɚɛɜ", 90: "ɟ", 92: "ɡ", 99: "ɥ", 101: "ɨɪʝ",
    110: "ɯɰŋɳɲɴø", 118: "ɸθœ", 123: "ɹ", 125: "ɾɻ", 128: "ʁɽʂʃʈʧ", 135: "ʊʋ", 138: "ʌɣɤ", 142: "χʎ", 147: "ʒʔ",
    156: "ˈˌː", 162: "ʰ", 164: "ʲ", 169: "↓", 171: "→↗↘", 177: "ᵻ",
}  # fmt: skip
"""The model's vocabulary: number of the first symbol of each run."""
VOCABULARY = {symbol: first + index for first, run in _SYMBOLS.items() for index, symbol in enumerate(run)}

_ENGLISH = (
    ("ʔˌn\u0329", "ʔn"), ("ʔn\u0329", "ʔn"), ("a^ɪ", "I"), ("a^ʊ", "W"), ("d^ʒ", "ʤ"), ("e^ɪ", "A"), ("t^ʃ", "ʧ"),
    ("ɔ^ɪ", "Y"), ("ə^l", "ᵊl"), ("o^ʊ", "O"), ("ə^ʊ", "Q"), ("ʲo", "jo"), ("ʲə", "jə"), ("ʲ", ""), ("e", "A"),
    ("ɚ", "əɹ"), ("r", "ɹ"), ("x", "k"), ("ç", "k"), ("ɐ", "ə"), ("ɬ", "l"), ("\u0303", ""),
)  # fmt: skip
_AMERICAN = (("ɜːɹ", "ɜɹ"), ("ɜː", "ɜɹ"), ("ɪə", "iə"), ("ː", ""), ("o", "ɔ"), ("ɾ", "T"), ("ʔ", "t"))
_BRITISH = (("e^ə", "ɛː"), ("iə", "ɪə"), ("o", "ɔ"), ("ɾ", "T"), ("ʔ", "t"))
_SYLLABIC = re.compile("(\\S)\u0329")
_PUNCTUATION = re.compile(r"\s*([;:,.!?—…\"()“”，。！？；：、]+)\s*")
_TO_ASCII = str.maketrans("，。！？；：、", ",.!?;:,")
_LATIN = re.compile(r"[A-Za-z][A-Za-z0-9 '&-]*")
_INITIALS = re.compile(r"\b(?:[A-Za-z]\.){2,}")
_TITLES = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|St)\.")


def english(text: str, *, british: bool = False) -> str:
    """Kokoro's symbols for English, punctuation kept. Raises SynthesisError."""
    text = _INITIALS.sub(lambda found: "-".join(found[0].upper().split("."))[:-1], text)
    text = _TITLES.sub(lambda found: found[0].removesuffix("."), text)
    parts: list[str] = []
    for index, part in enumerate(_PUNCTUATION.split(text)):
        if index % 2:
            parts.append(part.translate(_TO_ASCII) + " ")
        elif part.strip():
            parts.append(_to_symbols(espeak.phonemes(part, "en-gb-x-rp" if british else "en-us"), british=british))
    return "".join(parts).strip()


def _to_symbols(ipa: str, *, british: bool) -> str:
    for written, symbol in _ENGLISH:
        ipa = ipa.replace(written, symbol)
    ipa = _SYLLABIC.sub("ᵊ\\1", ipa).replace("\u0329", "")
    for written, symbol in _BRITISH if british else _AMERICAN:
        ipa = ipa.replace(written, symbol)
    return ipa.replace(espeak.TIE, "")


def mandarin(text: str) -> str:
    """Kokoro's symbols for Mandarin with Latin words in it. Raises ModelError, SynthesisError."""
    parts: list[str] = []
    done = 0
    for found in _LATIN.finditer(text):
        parts.append(_mandarin_only(text[done : found.start()]))
        parts.append(f" {english(_spelled(found[0]))} ")
        done = found.end()
    parts.append(_mandarin_only(text[done:]))
    return re.sub(r" {2,}", " ", "".join(parts)).strip()


def _spelled(word: str) -> str:
    """Capitals are initials (VIP, ATM): letter by letter."""
    return "-".join(word) if word.isupper() and len(word) <= 4 else word


def _mandarin_only(text: str) -> str:
    return str(_misaki()(text)[0]) if text.strip() else ""


@lru_cache(maxsize=1)
def _misaki() -> Any:
    """Loads jieba's dictionary: half a second."""
    try:
        from misaki.zh import ZHG2P
    except ImportError as error:
        raise ModelError(f"Mandarin with kokoro needs the extra: pip install 'ivr[kokoro]' ({error})") from error
    logging.getLogger("jieba").setLevel(logging.WARNING)
    return ZHG2P()


def to_ids(symbols: str) -> list[int]:
    """Numbers of the symbols the model knows; others have no sound."""
    return [VOCABULARY[symbol] for symbol in symbols if symbol in VOCABULARY]
