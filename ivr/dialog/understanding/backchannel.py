"""Back-channels: sounds by which a listener says "go on". They are no turn: a prompt they cut is resumed."""

from __future__ import annotations

import re

from ivr.dialog.text.clean import words_only

ENGLISH = frozenset(
    [
        "uh huh",
        "uhhuh",
        "uhuh",
        "mm hmm",
        "mmhmm",
        "mhm",
        "mm",
        "mmm",
        "hmm",
        "hm",
        "um",
        "uh",
        "ah",
        "oh",
        "okay",
        "ok",
        "yeah",
        "yep",
        "yes",
        "right",
        "i see",
        "sure",
        "alright",
        "got it",
        "gotcha",
        "go on",
        "really",
        "oh okay",
        "oh i see",
        "oh right",
        "okay okay",
        "yeah yeah",
        "uh",
        "er",
        "erm",
        "huh",
        "aha",
        "wow",
        "interesting",
        "cool",
        "fine",
        "right right",
        "yup",
        "mkay",
        "all right",
        "of course",
        "true",
        "good",
        "great",
        "nice",
    ]
)
CHINESE = frozenset(
    [
        "嗯",
        "嗯嗯",
        "嗯嗯嗯",
        "恩",
        "恩恩",
        "哦",
        "哦哦",
        "噢",
        "噢噢",
        "喔",
        "啊",
        "呃",
        "额",
        "唔",
        "嗯哼",
        "对",
        "对对",
        "对对对",
        "对的",
        "是",
        "是的",
        "是是",
        "是啊",
        "好",
        "好的",
        "好好",
        "好好好",
        "行",
        "明白",
        "知道了",
        "知道",
        "了解",
        "这样啊",
        "这样",
        "哦这样",
        "这样子",
        "原来如此",
        "懂了",
        "我知道",
        "哎",
        "诶",
        "嗯好",
        "嗯好的",
        "哦好的",
        "好嘞",
        "嗯对",
        "嗯是",
        "没错",
        "可以",
        "ok",
        "哼",
        "哈",
        "唉",
        "然后呢",
        "接着说",
        "你说",
        "您说",
    ]
)
_HUMMING_EN = re.compile(r"(?:m+h*m*|h+m+|u+h+|a+h+|o+h+|u+m+)(?: (?:m+h*m*|h+m+|u+h+|huh|a+h+|o+h+))*")
_HUMMING_ZH = re.compile(r"[嗯恩哦噢喔啊呃额唔哼]+")


def is_backchannel(text: str, language: str) -> bool:
    """Is all of `text` a back-channel? Whether a "yes" is one (or the answer) depends on whether something was asked,
    which only the dialog knows."""
    bare = words_only(text)
    if not bare:
        return False
    if language.startswith("zh"):
        return bare in CHINESE or bool(_HUMMING_ZH.fullmatch(bare))
    return bare in ENGLISH or bool(_HUMMING_EN.fullmatch(bare))
