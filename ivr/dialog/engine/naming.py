"""Which slot of a form a caller names: "the amount", 日期. By the words of its key and of its type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ivr.dialog.engine.turn import Turn

_ENGLISH: Mapping[str, frozenset[str]] = {
    "digits": frozenset({"number", "digits", "code"}),
    "number": frozenset({"number", "count", "quantity"}),
    "money": frozenset({"amount", "price", "sum", "money"}),
    "date": frozenset({"date", "day"}),
    "time": frozenset({"time", "hour"}),
    "phone": frozenset({"phone", "telephone", "number"}),
}
_CHINESE: Mapping[str, tuple[str, ...]] = {
    "digits": ("号码", "数字", "卡号", "编号", "尾号", "号"),
    "number": ("数量", "个数", "数字"),
    "money": ("金额", "钱", "价格"),
    "date": ("日期", "日子", "哪天", "哪一天"),
    "time": ("时间", "几点", "钟点"),
    "phone": ("电话", "手机", "号码"),
}
_NO_NAME = frozenset({"the", "of", "is", "and", "my", "new", "old", "id", "no"})


def named_slot(turn: Turn, names: Iterable[str], text: str) -> str:
    """The one slot that `text` names; empty when it names none, or several alike."""
    said = frozenset(re.findall(r"[a-z]+", text.casefold()))
    scores: dict[str, int] = {}
    for name in names:
        code = turn.slot_code(name)
        own = frozenset(re.findall(r"[a-z]{2,}", name.casefold())) - _NO_NAME
        score = 2 * len(said & own) or len(said & _ENGLISH.get(code.type, frozenset()))
        score += max((len(word) for word in _CHINESE.get(code.type, ()) if word in text), default=0)
        if score:
            scores[name] = score
    best = max(scores.values(), default=0)
    found = [name for name, score in scores.items() if score == best]
    return found[0] if len(found) == 1 else ""
