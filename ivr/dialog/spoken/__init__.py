"""Values and free text as a person of the language says them. Pure: no clock, no engine.

    verbaliser("zh").money(Decimal("15.5"), "CNY")      # 十五元五角
    verbalise("Open 9:00-18:00", "en")                  # Open nine a.m. to six p.m.

Own code for English and Mandarin. Any other language gets `PlainVerbaliser`: values in the locale's written form
(Unicode CLDR), which the synthesiser itself then reads.
"""

from __future__ import annotations

from functools import lru_cache

from ivr.dialog.spoken.base import Number, Verbaliser
from ivr.dialog.spoken.en import EnglishVerbaliser
from ivr.dialog.spoken.plain import PlainVerbaliser
from ivr.dialog.spoken.written import Writer
from ivr.dialog.spoken.zh import MandarinVerbaliser

__all__ = [
    "EnglishVerbaliser",
    "MandarinVerbaliser",
    "Number",
    "PlainVerbaliser",
    "Verbaliser",
    "Writer",
    "verbalise",
    "verbaliser",
    "writer",
]


@lru_cache(maxsize=16)
def verbaliser(language: str) -> Verbaliser:
    """The verbaliser of a BCP 47 tag (`en`, `en-GB`, `zh`, `zh-CN`...). Raises InputError for an unknown one."""
    primary = language.replace("_", "-").split("-")[0].lower()
    if primary == "en":
        return EnglishVerbaliser()
    if primary in {"zh", "cmn"}:
        return MandarinVerbaliser()
    return PlainVerbaliser(language)


@lru_cache(maxsize=16)
def writer(language: str) -> Verbaliser:
    """The same values in writing, for callers who read. Raises InputError for an unknown language."""
    return Writer(language)


def verbalise(text: str, language: str) -> str:
    """Free prompt text with its figures, dates, money, units and signs put into words."""
    return verbaliser(language).text(text)
