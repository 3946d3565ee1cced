# ruff: noqa: E501 - a rule or phrase table reads better with one entry a line
"""Words that carry nothing: hesitations (`um`, 呃) and the wrapping of a request (`I would like to`, 我想问一下)."""

from __future__ import annotations

import re

from ivr.dialog.text.clean import words_only

_HESITATION_EN = re.compile(
    r"\b(?:u+m+|u+h+|e+r+m*|a+h+|h+m+|mm+|you know|well|so|basically|actually|just)\b(?! (?:huh|hmm))"
)
_INTERJECTION_EN = re.compile(r"\b(?:oh|please|thanks|thank you|hello|hi|hey)\b")
_HESITATION_ZH = re.compile(
    r"呃+|额(?!度|外)|啊+|哎+|诶+|欸|唉|那个|这个这个|就是说|然后呢|嗯+|唔|哦+|噢+|喔|嘛|呀|哈+"
)
_INTERJECTION_ZH = re.compile(r"你好|您好|喂+|请问|谢谢|麻烦(?:你|您)?|请")
_WRAPPING_EN = re.compile(
    r"^(?:(?:hello|hi|hey|good (?:morning|afternoon|evening)|ok|okay|yes|yeah|please|excuse me|sorry)\b ?)*"
    r"(?:(?:i'm|im|i am) (?:calling|phoning|ringing) (?:about|because|to|for|regarding) |(?:can|could|would|will) (?:you|i|we) (?:please )?(?:help me (?:to |with )?|tell me |let me know )?|"
    r"(?:i(?:'d| would)? (?:like|want|need|love|wish)|i'm (?:looking|trying)|i was (?:wondering|hoping)|im (?:looking|trying)|id like) (?:to |for )?(?:know |ask (?:about )?|check |find out )?(?:about |if |whether )?|(?:help me (?:to |with )?)|(?:do you know |any idea ))?"
)
_POLITE_END_EN = re.compile(r"(?: please| thanks| thank you| for me| now| today| sir| ma'?am)+$")
_WRAPPING_ZH = re.compile(
    r"^(?:你好|您好|喂|哎|那个|嗯|请问|麻烦|请|不好意思|打扰|是这样的?)*(?:(?:我|我们)?(?:是)?(?:想|要|想要|需要|打算|准备|来|打电话)*(?:请|让)?(?:你|您|你们)?(?:帮我?|给我|替我)?(?:问|了解|咨询|查询|知道|看|办理|办)?(?:一?下|一问)?(?:关于)?(?:我的?)?)?"
)
_POLITE_END_ZH = re.compile(r"(?:谢谢|可以吗|好吗|行吗|呢|啊|呀|吧|吗|了|一下|的)+$")


def strip_fillers(text: str, language: str, keep_interjections: bool = False) -> str:
    """`text` in words only (see `words_only`), without hesitations; by default also without courtesies."""
    chinese = language.startswith("zh")
    bare = clean_apostrophes(text) if not chinese else words_only(text)
    hesitation = _HESITATION_ZH if chinese else _HESITATION_EN
    if not keep_interjections:
        bare = hesitation.sub("" if chinese else " ", bare)
        bare = (_INTERJECTION_ZH if chinese else _INTERJECTION_EN).sub("" if chinese else " ", bare)
    return re.sub(r"\s+", " ", bare).strip()


def clean_apostrophes(text: str) -> str:
    """Words only, but `don't` stays `don't`."""
    return words_only(text.replace("’", "'").replace("'", "ʼ")).replace("ʼ", "'")


def core(text: str, language: str) -> str:
    """What is left of a request without its wrapping: `I'd like to ask about fees please` -> `fees`.

    Two ways to ask for the same thing share their core; the text itself is returned when nothing would be left.
    """
    if language.startswith("zh"):
        form = strip_fillers(text, language)
        inner = _POLITE_END_ZH.sub("", _WRAPPING_ZH.sub("", form, count=1))
        return inner if len(inner) >= 2 else form
    form = strip_fillers(text, language, keep_interjections=True)
    inner = _POLITE_END_EN.sub("", _WRAPPING_EN.sub("", _HESITATION_EN.sub(" ", form).strip(), count=1)).strip()
    inner = re.sub(r"^(?:the|a|an|my) ", "", re.sub(r"\s+", " ", inner))
    return inner or form
