# ruff: noqa: E501 - a rule or phrase table reads better with one entry a line
"""Callers who give up what they came for: "never mind, no refund", 算了不退了.

A bare no says that something is wrong; these say that nothing shall be done. To a question that a no answers ("shall I
book it?") they are that no: the engine decides, it knows the question.
"""

from __future__ import annotations

import re

from ivr.dialog.text.clean import words_only
from ivr.dialog.text.fillers import clean_apostrophes

_END_ZH = r"(?:吧|啊|啦|哈|谢谢你?您?|好吧)*"
_ZH = re.compile(
    rf"(?:那|那就|哎|唉|还是)*算了{_END_ZH}(?:(?:我|还是|就|先|也|那)*不(?!是|对|行)[^不，。]{{0,6}}了{_END_ZH})?"
    rf"|(?:我)?(?:还是|改主意了|改变主意了)(?:我|就|先)*不(?!是|对|行)[^不，。]{{1,6}}了{_END_ZH}"
)
_GIVES_UP_EN = (
    r"(?:(?:never ?mind|forget (?:it|about it|the whole thing)|(?:i|i've|i have) changed my mind|on second thoughts?))"
)
_REST_EN = (
    r"(?:i (?:don't|do not|no longer|won't) (?:really )?(?:want|need|do)\b.*|i'd rather not|(?:no|not) (?!it|its|it's|the|my|i|on|at)\w+(?: \w+)?"
    r"|leave it|don't (?:do it|bother|cancel it|send it|book it)|let's (?:not|leave it)|cancel (?:it|that|everything|the whole thing))"
)  # fmt: skip
_EN = re.compile(
    rf"(?:(?:no|oh|well|actually|ok|okay|then) )*{_GIVES_UP_EN}(?: (?:then|thanks|thank you))*(?: {_REST_EN})?"
)
_LONGEST = 60
"""Characters: who tells a story does not give up with its first words."""


def gives_up(text: str, language: str) -> bool:
    """True when all of the (cleaned) text says so."""
    if len(text) > _LONGEST:
        return False
    if language.startswith("zh"):
        return _ZH.fullmatch(words_only(text).replace(" ", "")) is not None
    return _EN.fullmatch(clean_apostrophes(text).strip()) is not None
