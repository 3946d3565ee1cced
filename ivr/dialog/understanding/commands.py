# ruff: noqa: E501 - a rule or phrase table reads better with one entry a line
"""What a caller may say at any time: built-in phrases, and how they are found.

A command takes the whole utterance (courtesies aside): "agent" is a command, "the agent told me yesterday" is not. Long
phrases may also stand inside a longer sentence, and those of a command that is spotted (words of risk) always do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from ivr.dialog.text.clean import words_only
from ivr.dialog.text.fillers import core, strip_fillers
from ivr.dialog.text.phonetics import sound
from ivr.dialog.text.templates import expand_all

BUILT_IN: dict[str, dict[str, tuple[str, ...]]] = {
    "agent": {
        "en": (
            "(agent|operator|representative|human|real person|customer service|live agent|human agent|real human|supervisor|manager)",
            "(speak|talk|chat) (to|with) (a|an|the|your) [real|live|human] (agent|human|person|representative|operator|advisor|adviser|supervisor|manager|human being)", "(connect me|transfer me|put me through|pass me) to (a|an|the|your) [real|live|human] (agent|human|person|representative|operator|advisor|adviser|supervisor|manager)", "(get me|transfer me to|connect me to) (someone|somebody|customer service)",
            "(speak|talk) (to|with) (someone|somebody) [real|else|human]", "[give me|get me] (a|an) [real|live] (agent|human|person|operator|representative)", "(transfer|connect) me", "(speak|talk) to customer service", "human please", "not (a|to a) (machine|robot|bot)", "(speak|talk) to (agent|human|operator|representative|manager)",
        ),
        "zh": (
            "[转|找|要|接|叫|给我转|帮我转|转接|换|给我接|接通|请转|给我找|我找|我要找|我想找](人工|人工客服|人工服务|人工坐席|真人|客服|坐席|客服人员|活人|工作人员|接线员|话务员|人工座席)[服务|吧|啊|好吗]", "(转|接|转接)人工[台|服务|客服]", "(找|叫|要|转|换)[你们](经理|领导|主管|个真人|一个人|个人|人)[来|说|跟我说]", "(不想|不要|别)(跟|和)(机器|机器人)(说|讲|聊)[话|了]", "(要|想)(跟|和)(人|真人|人工)(说|讲|聊)[话]",
        ),
    },
    "repeat": {
        "en": ("(repeat|say) [that|it] [again] [please]", "(pardon|pardon me|come again|what did you say|what was that|what|excuse me|say again|once more|one more time|again please)", "(i|sorry i) (didn't|did not|couldn't|can't) (hear|catch|get|understand) (that|you|it|what you said)", "[could you|can you|please] (repeat|say) (that|it|the question|what you said) [again|one more time|once more] [for me]", "(say|tell me|read) (that|it) (again|once more|one more time)", "sorry what [was that]", "i missed that", "what was the question"),
        "zh": ("[你|您|请|麻烦][你|您]再(说|讲|重复|念|来|播)[一][遍|次|下|遍吧]", "(重复|重说|重播|重讲)[一][遍|下|次]", "(没|没有|未)(听清|听清楚|听见|听到|听懂|听明白|听)[你说的|你说什么][楚|清]", "(你|您|刚才|刚刚)说(什么|啥)[来着]", "什么[意思]", "啥", "(听不清|听不见|听不到|听不清楚)[了]", "再说一[次|遍|下]", "刚才没听(清|见|到)", "(可以|能|能不能)再说一遍[吗]"),
    },
    "slower": {
        "en": ("(slower|slow down|more slowly|not so fast)", "(speak|talk|say (it|that)) [a (little|bit)] (slower|more slowly|slowly)", "(you are|you're) [speaking|talking|going] too fast", "too fast", "(slow|slow it) down [a bit|a little]"),
        "zh": ("[你|您|请|能不能|麻烦](说|讲)[得]慢[一]点[儿|说|吗]", "慢[一]点[说|讲|儿]", "慢慢(说|讲|来)", "[你|您](说|讲)[得|的](太快|太快了|有点快|好快)[了]", "太快了", "语速(慢一点|慢点|太快)[了]", "说慢[一]点[儿]"),
    },
    "back": {
        "en": ("go back [to the (last|previous) (question|step|one)]", "(back|previous|previous (question|step|menu)|return|undo)", "(one|a) step back", "take me back", "go (to the|to) previous (question|step|menu)"),
        "zh": ("(返回|退回|后退|回退|回去|上一步|返回上一步|回到上一步|退回上一步|返回上一级|返回上一层|上一级|上一层|撤销)[吧]", "(回到|返回)(上一个|前一个|上个|刚才)(问题|步骤|菜单)[去]", "退出[吧|这个]"),
    },
    "wait": {
        "en": ("(wait|hold on|hang on|one moment|just a moment|one second|just a second|a moment|one sec|give me a (second|moment|minute|sec)|one minute|just a minute|wait a (second|moment|minute|sec)|hold on a (second|moment|minute|sec)|bear with me|let me (check|look|see|think)|hang on a (second|moment|minute|sec)) [please]",),
        "zh": ("[你|您|请|麻烦](等|稍等|等等|稍等一下|等一下|等一会|等会|等一等|稍候|等我一下|稍等一会|等下)[啊|儿|哈|吧]", "[你]等我(找|看|查|想)[一]下", "我(找|看|查|想)[一]下", "别急", "让我(想|看|找|查)[一]下[啊]", "给我(一分钟|点时间|一点时间)"),
    },
    "help": {
        "en": ("(help|help me|i need help|what can i (say|do|ask)|what are my options|options|what can you do|what are the options|main menu|menu|how does this work|what do i (say|do)|i don't know what to say)",),
        "zh": ("(帮助|帮帮我|救命|求助|菜单|有哪些选项|有什么选项|选项)", "(我|我们)[能|可以|该|应该](说|问|做|办)(什么|啥|哪些)[呢|啊]", "[你|您|你们](能|可以|会)(做|办|帮我)[些|干](什么|啥)[呢|啊]", "(怎么|咋)(用|说|操作|弄)[呢|啊]", "有(什么|哪些)(功能|业务|服务)", "不知道(怎么|该怎么)(说|办|用)", "你能帮我(做|干)(什么|啥)"),
    },
    "goodbye": {
        "en": ("(goodbye|bye|bye bye|good bye|see you|that's all|that is all|that will be all|that's it|hang up|i'm done|im done|i am done|nothing else|no that's all|no that's it|have a (good|nice) day|that'll be all|end [the] call|we're done) [thanks|thank you|bye|goodbye]", "(thanks|thank you) (bye|goodbye|bye bye|that's all|that's it)"),
        "zh": ("(再见|拜拜|拜|挂了|先挂了|我挂了|没事了|没别的了|没有了谢谢|就这样|就这些|就这样吧|挂断|结束|结束通话|没有其他问题了|没有别的事了|没其他的了|没别的事了|不说了|没其他事了|没什么事了|没有别的问题了)[吧|啊|谢谢|再见|了|拜拜]", "(好的|好|行|谢谢|谢谢你|谢谢您)(再见|拜拜|没事了|没别的了|挂了)"),
    },
    "language": {
        "en": ("[speak|switch to|change to|use|in|talk] (english|chinese|mandarin)", "[do you] (speak|talk) [in] (english|chinese|mandarin)", "(change|switch|other) [the] language", "english please", "(can|could) (you|we|i) (speak|talk|use) (english|chinese|mandarin)"),
        "zh": ("[请|能|可以|能不能|你能|换成|切换到|改成|用|说|讲|转|我要][说|讲|用](英文|英语|中文|普通话|国语|汉语)[吗|服务|吧|可以吗]", "(换|切换|改|更换|换种|换一种)[个|一下](语言|语种)"),
    },
    "start_over": {
        "en": ("(start over|start again|restart|start from the (beginning|start|top)|begin again|from the (beginning|top|start)|go back to the (start|beginning)|main menu please|back to the (start|beginning|main menu))", "(let's|can we|let me) (start over|start again|restart)"),
        "zh": ("(重新开始|重来|从头开始|从头来|重新来|从头再来|再来一遍吧|重头开始|重头来|回到开头|回到开始|返回主菜单|回到主菜单|主菜单|重新来过|从新开始)[吧|一遍|一次|一下]",),
    },
}  # fmt: skip
LANGUAGE_WORDS = {"en": ("english", "英文", "英语"), "zh": ("chinese", "mandarin", "中文", "普通话", "国语", "汉语")}
_MIN_INSIDE = {"zh": 4, "en": 3}
"""Characters (zh) or words (others) a phrase must have to count inside a longer sentence."""

_ANSWERS = frozenset({"没有", "没", "不", "好", "好的", "行", "no", "yes"})
"""What may be left of a phrase without its courtesies (没有了谢谢 -> 没有): an answer to a question, never a command."""

_ALIKE = 70.0
"""Least likeness in writing of what sounds like a phrase: metaphone hears no vowels, `on Monday` is `one minute`."""

_NEAR = 88.0
"""Least likeness of a misspelled phrase (0 to 100)."""


@dataclass(frozen=True, slots=True)
class Found:
    name: str
    p: float
    span: tuple[int, int]
    phrase: str


def exact_phrases(language: str, added: Mapping[str, Mapping[str, Sequence[str]]]) -> dict[str, str]:
    """Every phrase, built in or the designer's, without its fillers -> its command."""
    key = language.split("-")[0]
    exact: dict[str, str] = {}
    for source in (BUILT_IN, added):
        for name, phrases in source.items():
            texts = phrases.get(language, phrases.get(key, ()) if source is BUILT_IN else ())
            for text in expand_all(texts):
                exact[strip_fillers(text, language, keep_interjections=True) or words_only(text)] = name
                exact[core(text, language)] = name
    for nothing in ("", *_ANSWERS):
        exact.pop(nothing, None)
    return exact


@dataclass(frozen=True, slots=True)
class CommandTable:
    """The phrases of one language, ready to look up."""

    language: str
    exact: Mapping[str, str]
    inside: tuple[str, ...]
    """Phrases long enough to count inside a longer sentence."""
    beginning: Mapping[str, Sequence[str]]
    """Of those, the ones that begin so: see `_starts`."""
    sounds: Mapping[tuple[str, ...], str]
    """How a phrase sounds -> the phrase."""
    spotted: tuple[tuple[str, str], ...] = ()

    @classmethod
    def build(
        cls, language: str, added: Mapping[str, Mapping[str, Sequence[str]]], spotted: Sequence[str] = ()
    ) -> CommandTable:
        """Built-in phrases and the designer's; the designer's win where both have a phrase."""
        exact = exact_phrases(language, added)
        chinese = language.split("-")[0] == "zh"
        least = _MIN_INSIDE["zh" if chinese else "en"]
        inside = tuple(sorted(text for text in exact if (len(text) if chinese else len(text.split())) >= least))
        beginning: dict[str, list[str]] = {}
        for text in inside:
            beginning.setdefault(text[:2] if chinese else text.split()[0], []).append(text)
        sounds = {sound(text, language): text for text in exact if len(text) >= (2 if chinese else 4)}
        anywhere = {
            strip_fillers(text, language, keep_interjections=True): name
            for name in spotted
            for text in expand_all(added.get(name, {}).get(language, ()))
        }
        return cls(language, exact, inside, beginning, sounds, tuple(sorted(anywhere.items())))

    def find(self, text: str) -> Found | None:
        """The command in cleaned `text`, if any."""
        whole = (0, len(text))
        risk = self._spot(text, whole)
        if risk:
            return risk
        forms = dict.fromkeys(
            (
                strip_fillers(text, self.language, keep_interjections=True),
                strip_fillers(text, self.language),
                core(text, self.language),
            )
        )
        for form in forms:
            if form in self.exact:
                return Found(self.exact[form], 0.97, whole, form)
        return self._by_sound(text, forms, whole) or self._within(text, whole)

    def _spot(self, text: str, whole: tuple[int, int]) -> Found | None:
        """The longest spotted phrase, whatever stands around it."""
        said = self._padded(text)
        held = [(phrase, name) for phrase, name in self.spotted if self._padded(phrase) in said]
        best = max(held, key=lambda item: len(item[0]), default=None)
        return Found(best[1], 0.95, whole, best[0]) if best else None

    def _padded(self, text: str) -> str:
        bare = strip_fillers(text, self.language, keep_interjections=True)
        return bare if self.language.startswith("zh") else f" {bare} "

    def _by_sound(self, text: str, forms: Mapping[str, None], whole: tuple[int, int]) -> Found | None:
        for form in forms:
            heard = sound(form, self.language)
            phrase = self.sounds.get(heard, "") if len(heard) >= 2 else ""
            if phrase and (self.language.startswith("zh") or fuzz.ratio(form, phrase) >= _ALIKE):
                return Found(self.exact[phrase], 0.88, whole, form)
        return None

    def _within(self, text: str, whole: tuple[int, int]) -> Found | None:
        said = self._padded(text)
        bare = said.strip()
        phrase = max(self._held(said), key=lambda held: (len(held), held), default="")
        if phrase:
            # the more else was said, the less likely the phrase was meant as a command
            return Found(self.exact[phrase], round(0.55 + 0.4 * len(phrase) / max(len(bare), 1), 3), whole, phrase)
        if len(bare) > 2 * max(map(len, self.inside), default=0):
            return None
        best = process.extractOne(bare, self.inside, scorer=fuzz.ratio, score_cutoff=_NEAR)
        return Found(self.exact[best[0]], 0.75, whole, best[0]) if best else None

    def _held(self, said: str) -> Iterator[str]:
        """Phrases that stand in `said`, found by how they begin."""
        for start in _starts(said, self.language):
            for phrase in self.beginning.get(start, ()):
                if self._padded_phrase(phrase) in said:
                    yield phrase

    def _padded_phrase(self, phrase: str) -> str:
        return phrase if self.language.startswith("zh") else f" {phrase} "


def _starts(text: str, language: str) -> set[str]:
    """What a phrase inside `text` may begin with: two characters (zh), or one word."""
    if language.startswith("zh"):
        return {text[at : at + 2] for at in range(len(text) - 1)}
    return set(text.split())


def named_language(text: str, languages: Sequence[str]) -> str:
    """Which of `languages` the caller asks for ("English please"); empty when none is named."""
    lowered = text.lower()
    for language in languages:
        if any(word in lowered for word in LANGUAGE_WORDS.get(language.split("-")[0], ())):
            return language
    return ""
