"""Cleaning that keeps every character in its place, so that spans found later point into what the recogniser gave."""

from __future__ import annotations

import functools
import re
import unicodedata

HAN = re.compile(r"[㐀-䶿一-鿿豈-﫿]")
_LATIN = re.compile(r"[A-Za-z]")
_NO_WORD = re.compile(r"[\W_]+")
_BLANK_BESIDE_HAN = re.compile(r"(?<=[㐀-鿿豈-﫿]) (?=\S)|(?<=\S) (?=[㐀-鿿豈-﫿])")
_ASCII = {**dict.fromkeys((*range(32), 127), " "), ord("`"): "'"}


def clean(text: str) -> str:
    """`text` lower-cased, full width made half width, apostrophes unified, control characters made blanks.

    The result has exactly the length of `text`.
    """
    if text.isascii():
        return text.translate(_ASCII).lower()
    return "".join(map(_clean_char, text))


@functools.lru_cache(maxsize=8192)
def _clean_char(char: str) -> str:
    if char in "’‘`´":
        return "'"
    if unicodedata.category(char)[0] == "C":
        return " "
    folded = unicodedata.normalize("NFKC", char).lower()
    return folded if len(folded) == 1 else char


def words_only(text: str) -> str:
    """Cleaned, without punctuation, blanks single. In Chinese text blanks between characters go too: recognisers put
    them where they please."""
    bare = _NO_WORD.sub(" ", clean(text).replace("'", "")).strip()
    return _BLANK_BESIDE_HAN.sub("", bare) if " " in bare and not bare.isascii() else bare


def script_language(text: str, languages: tuple[str, ...], default: str) -> str:
    """The language whose script `text` is written in, among `languages`; `default` where the script does not tell.

    A few Latin words in a Chinese sentence (brand names, `APP`) do not make it English: one Han character outweighs
    four Latin letters.
    """
    han, latin = len(HAN.findall(text)), len(_LATIN.findall(text))
    if han and 4 * han >= latin:
        found = "zh"
    elif latin:
        found = "en"
    else:
        return default
    return next((language for language in languages if language.split("-")[0] == found), default)
