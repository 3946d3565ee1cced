"""`I don't know`: an answer to any question, and a wish for nothing.

Examples of flows hold such words ("money is gone and I don't know why"), so understanding alone takes them for a wish.
"""

from __future__ import annotations

import re

from ivr.dialog.text.clean import words_only
from ivr.dialog.text.fillers import strip_fillers

_EN = re.compile(
    r"(?:sorry )?(?:(?:i )?(?:really |honestly |just )?"
    r"(?:(?:dont|do not|cant|cannot) (?:know|remember|recall|say|tell)|dunno|forgot|forget|have forgotten"
    r"|(?:have |havent )?(?:got )?(?:no|a|the faintest) (?:idea|clue))|(?:im |i am )?not sure|not a clue|idk)"
    r"(?: (?:that|it|which|which one|that one|right now|now|sorry|really))*"
    r"(?: (?:the|my|that) (?:(?:order|serial|parcel|tracking|reference|exact|last) )*"
    r"(?:number|digits|date|day|amount|model))?"
)
_ZH = re.compile(
    "(?:抱歉|不好意思)?(?:这个?|那个?)?我?(?:真的?|也|有点|现在)*"
    "(?:找不到|没有?带|不知道|不晓得|不清楚|不太清楚|不记得|记不得|记不清楚?|想不起来|说不清楚?|不确定|没印象|忘记?了|忘记)"
    "(?:了|啊|呀|呢|哎|这个|那个|我的|是多少|是哪个|是哪一?[天张笔个])*"
    "(?:(?:序列|订单|包裹|快递|运单|单|编|尾)号|号码|型号|日期|金额|哪一?[天张笔个款])?(?:了|啊|是多少|是什么)*"
)


def knows_not(text: str, language: str) -> bool:
    """True when that is all the caller said."""
    pattern = _ZH if language.startswith("zh") else _EN
    bare = words_only(text)
    return any(pattern.fullmatch(form) for form in (bare, strip_fillers(bare, language)))
