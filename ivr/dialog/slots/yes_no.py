# ruff: noqa: E501 - a rule or phrase table reads better with one entry a line
"""Yes and no, with their negations: `not really`, `no problem`, 没错, 不对, 不用了."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ivr.dialog.slots.base import BARE, EXPLICIT, GUESS, PART, Parsed, Settings, Utterance
from ivr.dialog.text.fillers import strip_fillers
from ivr.dialog.text.templates import expand_all

_YES_EN = expand_all((
    "(yes|yeah|yea|yep|yup|yah|aye|affirmative|ya) [please|sir|ma'am|thanks|thank you|sure|of course|(that's|that is|it is|it's) (right|correct|it|fine|me)|i (do|am|did|would|will|have|can)|go ahead|correct]",
    "(sure|okay|ok|alright|all right|fine|right|correct|exactly|absolutely|definitely|certainly|totally|indeed|perfect|great|good|true|agreed|accept|confirmed|confirm)",
    "(sure|ok|okay|alright) (thing|then|yes|sure|fine|go ahead|thanks|please)", "of course [yes]", "(that's|that is|that|it's|it is|you're|you are|this is|all) (right|correct|true|fine|ok|okay|good|it|the one|perfect|me)",
    "that (works|sounds good|would be (great|fine|good))", "(sounds|looks) (good|great|right|correct|fine)", "[please] (do|do it|do that|do so|go ahead|go on|continue|proceed)", "yes please do", "(go ahead|go on|continue|proceed) please",
    "i (do|am|did|would|will|agree|think so|guess so|believe so|confirm|accept)", "(it is|it does|it was|they are|we do|he is)", "(uh huh|mm hmm|mhm|uhhuh|mmhmm)", "you (got it|bet)", "why not", "(no|not a) problem", "i (want|need|would like|would love) (to|that|it|one)",
    "(i'd|id) (like|love) (that|to)", "very (well|good|much)", "by all means", "correct that's right", "please",
))  # fmt: skip
_NO_EN = expand_all((
    "(no|nope|nah|naw|negative|never|no no|no no no) [thanks|thank you|sir|ma'am|please|way|never|not (really|now|yet|today|at all)|(that's|that is|it is|it's) (not|wrong|incorrect|not right|not correct|not it)|it (isn't|is not|wasn't)|i (don't|do not|didn't|am not|haven't|won't|can't)|sorry|wrong]",
    "(not|no) (really|at all|yet|now|today|exactly|quite|correct|right|true|interested|necessary|good|ok|okay|sure|this time|that one|me|it|mine)", "(absolutely|definitely|certainly|of course|rather|i'd rather|i think|i'm afraid|probably|maybe) not",
    "[that's|that is|it's|it is|this is|you're|all] (wrong|incorrect|false|not (right|correct|true|it|me|mine|the one|what i (said|want|meant)))", "i (don't|do not|didn't|did not|won't|wouldn't|can't|haven't|am not|disagree|refuse|decline) [want (to|it|that|any)|think so|agree|need (it|that|to)|like (it|that|to)]",
    "(i'm|im) not", "(it|that|this) (isn't|is not|wasn't|was not|doesn't|ain't) [right|correct|true|it]", "(don't|do not) [do (it|that)|bother|want (to|it|that)]", "(isn't|wasn't|doesn't)", "(cancel|forget) (it|that)", "never mind", "no longer", "hell no", "none", "(yeah|yes) no",
))  # fmt: skip
_YES_ZH = expand_all((
    "(是|对|好|行|可以|嗯|恩|成|中|要|需要|想|有|没错|不错|正确|确认|确定|同意|当然|愿意|能|会|接受|继续)[的|啊|呀|呢|了|吧|哦|嘞|噢|滴|哈|呐]",
    "(对|是|好|嗯|行|可以)(对|是|好|嗯|行|可以|的)[的|对|是|好|啊|呀]", "(对|是|好|嗯)(对|是|的|嗯)(对|的|是|嗯)[的]", "(没|没有)(错|问题|关系|意见)[的|了|啊]", "(就|都)(是|对|要|可以|行)[的|了|啊|呀|这个|这样|吧]", "是(这样|这个|我|本人|它|那个)[的|啊|呀|了]", "(我|我们)(要|需要|想|是|有|愿意|同意|确认|可以|知道|接受)[的|了|啊|呀]",
    "(当然|完全|绝对)[是|对|可以|要|没错|同意|正确|行|好][的|了|啊]", "(好|行|可以|对|是|要|嗯)(谢谢|麻烦你|麻烦您|麻烦了)", "(那|那就)(好|行|可以|要|这样|办)[吧|的|了]", "[你]说(得|的)(对|没错|是)", "(ok|okay|yes)[的|啊|了]", "(办|登记|查|开通|帮我办|继续)吧", "(应该|好像|大概)(是|对|可以)[的|吧]", "必须的", "没毛病", "正是", "是是是", "对对对", "好好好", "要得", "得(嘞|了)", "中[中]",
))  # fmt: skip
_NO_ZH = expand_all((
    "(不|否|没|没有|别|错|错了|不是|不对|不要|不用|不行|不可以|不需要|不想|不好|不同意|不愿意|不能|不会|不接受|不确认|不必|不正确|不成|拒绝|算了|免了|没必要)[的|了|啊|呀|呢|吧|哦|嘞|谢谢|这个|这样]", "(我|我们|他|这|这个|那)(不|没|没有|不是|不要|不用|不需要|不想|不同意|不对|不行|不愿意|错了)[的|了|啊|谢谢]", "(不|没)(不|没)(不|是|对|要|用)[的|了]", "(不是|不对)(不是|不对|的|这个|这样|我|本人|吧)[的|了]", "(都|并|完全|绝对|根本)(不|不是|不对|没有)[的|了]", "(暂时|先|现在|今天|还是)(不|不用|不要|不需要|没有|算了|不了)[了|吧]", "(不|不用|不要|不需要)(了|啦)[谢谢|谢谢你|谢谢您]", "你?(搞|弄|听|说)错了", "有(误|问题|错)", "no[pe]", "谢谢不用[了]", "取消[吧]", "[好像|我觉得|感觉|有点|应该|可能](不太|不怎么|有点不|不大)(对|好|行|方便|需要|想)", "没有吧", "好像不是[的|吧]", "没事[不用|不用了|不用啦]",
))  # fmt: skip
_LEAD_YES_EN = re.compile(
    r"(?:yes|yeah|yep|yup|sure|correct|right|exactly|ok|okay|that's right|that is right|of course)\b"
)
_LEAD_NO_EN = re.compile(
    r"(?:no|nope|nah|not|wrong|incorrect|that's not|that's wrong|that is (?:not|wrong)|i (?:don't|didn't|do not|did not|won't)|it (?:isn't|wasn't)|don't)\b"
)
_LEAD_YES_ZH = re.compile(
    r"(?:是的|对的|对(?!不起|方|账|面|公|私|于|比|不对)|没错|好的|好啊|可以(?!吗)|行(?!李|程|号)|嗯|我?需要|我要(?!求)|我想|我?愿意|确认|同意|当然|是我)"
)
_LEAD_NO_ZH = re.compile(
    r"(?:不(?!过|错|好意思|知道|清楚|懂|同的|明白|仅|但|管|客气|见不散|记得|确定)|错了|没有(?!问题|错|关系)|没(?!错|问题|关系|事|听)|别(?!人|的)|算了|拒绝)"
)
_NOT_AN_ANSWER = re.compile(
    r"^(?:no (?:idea|one|money|card|service|signal)|right (?:now|away)|ok (?:but|so|and|hello)|sure (?:but|i|can)|not (?:received|working)|(?:i )?(?:don't|dont|do not) (?:know|remember|recall|understand|care|mind))\b"
)


@dataclass(frozen=True, slots=True)
class Polarity:
    yes: bool
    p: float
    span: tuple[int, int]


_WHOLE = {"en": ({*_YES_EN}, {*_NO_EN}), "zh": ({*_YES_ZH}, {*_NO_ZH})}
_LEADS = {"en": (_LEAD_YES_EN, _LEAD_NO_EN), "zh": (_LEAD_YES_ZH, _LEAD_NO_ZH)}
_CLAUSE = re.compile(r"[,，。.!！?？;；、]+")


def polarity(text: str, language: str) -> Polarity | None:
    """Does the utterance say yes or no? None when it says neither.

    The whole utterance being an answer is surest, then an answer followed by more ("no, fifteen"). Where clauses
    disagree ("yes, no wait") the last one counts, and not surely.
    """
    key = "zh" if language.startswith("zh") else "en"
    whole = _whole(text, key)
    if whole is not None:
        return Polarity(whole, EXPLICIT, (0, len(text)))
    clauses = _clauses(text)
    answers = [(start, end, answer) for start, end in clauses if (answer := _whole(text[start:end], key)) is not None]
    if answers:
        start, end, answer = answers[-1]
        agree = len({answer for _, _, answer in answers}) == 1
        leading = answers[0][0] == clauses[0][0]
        return Polarity(answer, (BARE if leading else PART) if agree else GUESS, (start, end))
    return _leading(text, key)


def _whole(text: str, key: str) -> bool | None:
    yes, no = _WHOLE[key]
    for form in dict.fromkeys((strip_fillers(text, key, keep_interjections=True), strip_fillers(text, key))):
        if form in no:
            return False
        if form in yes:
            return True
    return None


def _leading(text: str, key: str) -> Polarity | None:
    form = strip_fillers(text, key)
    if _NOT_AN_ANSWER.match(form):
        return None
    yes, no = _LEADS[key]
    at = next((index for index, char in enumerate(text) if not char.isspace()), 0)
    for pattern, answer in ((no, False), (yes, True)):
        if match := pattern.match(form):
            return Polarity(answer, PART if match.end() >= 2 or key == "en" else GUESS, (at, at + match.end()))
    return None


def _clauses(text: str) -> list[tuple[int, int]]:
    spans, at = [], 0
    for match in _CLAUSE.finditer(text):
        if text[at : match.start()].strip():
            spans.append((at, match.start()))
        at = match.end()
    if text[at:].strip():
        spans.append((at, len(text)))
    return spans or [(0, len(text))]


def parse_yes_no(utterance: Utterance, settings: Settings) -> list[Parsed]:
    """True or False."""
    found = polarity(utterance.canonical.source, utterance.language)
    return [] if found is None else [Parsed(found.yes, found.p, found.span)]
