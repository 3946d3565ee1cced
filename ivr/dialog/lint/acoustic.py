"""W30-W33: answers, intents and commands that sound alike, and words the recogniser does not know.

Two phrases are as far apart as the cheapest way to turn the sounds of one into the other, a share of the longer one.
Mandarin is compared by initials and finals with small costs for the pairs that accents and recognisers merge; other
languages by Metaphone, character by character.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import jellyfish
import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from ivr.dialog.lint.context import Context
from ivr.dialog.lint.phrases import phrases
from ivr.dialog.source import Position
from ivr.dialog.text.clean import words_only
from ivr.dialog.text.phonetics import syllables

ALIKE = 0.20
"""At or below this distance two answers are too close for one question."""

_SYLLABLE = re.compile("(zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw]?)(.*)")
_CLOSE_INITIALS = {
    **{frozenset(pair): 0.2 for pair in (("z", "zh"), ("c", "ch"), ("s", "sh"), ("n", "l"), ("f", "h"))},
    **{frozenset(pair): 0.4 for pair in (("r", "l"), ("b", "p"), ("d", "t"), ("g", "k"), ("j", "q"), ("zh", "j"))},
    **{frozenset(pair): 0.5 for pair in (("j", "z"), ("q", "c"), ("x", "s"), ("sh", "x"), ("ch", "q"))},
}
_CLOSE_FINALS = {
    **{
        frozenset(pair): 0.2 for pair in (("en", "eng"), ("in", "ing"), ("an", "ang"), ("ian", "iang"), ("uan", "uang"))
    },
    **{frozenset(pair): 0.4 for pair in (("un", "ong"), ("o", "uo"), ("ie", "ue"), ("ai", "ei"), ("ao", "ou"))},
}

_COSTS = {
    (f"{kind}:{one}", f"{kind}:{two}"): cost
    for kind, table in (("i", _CLOSE_INITIALS), ("f", _CLOSE_FINALS))
    for pair, cost in table.items()
    for one, two in (sorted(pair), sorted(pair, reverse=True))
}
"""Cost of hearing one sound for another, where it is less than 1."""


class Said(NamedTuple):
    """A phrase, whose it is, and where that stands."""

    phrase: str
    owner: str
    at: Position


def check(context: Context) -> None:
    if not context.options.acoustic:
        return
    for language in context.languages:
        _options(context, language)
        _commands(context, language)
        _intents(context, language)
        _vocabulary(context, language)


@lru_cache(maxsize=20_000)
def sounds(text: str, language: str) -> tuple[str, ...]:
    """What a phrase is compared by: `i:`initial and `f:`final of each Chinese syllable, or Metaphone letters."""
    bare = words_only(text)
    if not language.startswith("zh"):
        return tuple("".join(jellyfish.metaphone(word) or word for word in bare.split()))
    parts = (_SYLLABLE.match(syllable) for syllable in syllables(bare))
    return tuple(part for found in parts if found for part in (f"i:{found[1]}", f"f:{found[2]}"))


def distance(one: Sequence[str], two: Sequence[str], limit: float = 1.0) -> float:
    """Weighted edit distance of two sound sequences, 0 (the same) to 1, as a share of the longer. What is more than
    `limit` may be given as 1: only the diagonal band in which it can be reached is looked at."""
    longest = max(len(one), len(two))
    if not longest:
        return 0.0
    bound = limit * longest
    one, two = _unlike_parts(one, two)
    width, far = int(bound), float(2 * longest)
    if abs(len(one) - len(two)) > width:
        return 1.0
    before = [float(column) if column <= width else far for column in range(len(two) + 1)]
    for row, left in enumerate(one, start=1):
        now = [float(row) if row <= width else far] + [far] * len(two)
        for column in range(max(1, row - width), min(len(two), row + width) + 1):
            right = two[column - 1]
            change = before[column - 1] + (0.0 if left == right else _COSTS.get((left, right), 1.0))
            now[column] = min(before[column] + 1.0, now[column - 1] + 1.0, change)
        if min(now) > bound:
            return 1.0
        before = now
    return min(1.0, before[-1] / longest)


def _unlike_parts(one: Sequence[str], two: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Both without the beginning and the end that they share: those cost nothing, and no other alignment is cheaper."""
    shortest = min(len(one), len(two))
    start = next((index for index in range(shortest) if one[index] != two[index]), shortest)
    ends = range(1, shortest - start + 1)
    end = next((index - 1 for index in ends if one[-index] != two[-index]), shortest - start)
    return one[start : len(one) - end], two[start : len(two) - end]


def _options(context: Context, language: str) -> None:
    """W30: two answers of one question."""
    for _, name, slot in context.slots:
        said = [
            Said(phrase, str(option.value), option.where(language))
            for option in slot.options
            for phrase in phrases(option.phrases.get(language, ()))
        ]
        _compare(context, "W30", said, language, f"options of `{name}`")


def _commands(context: Context, language: str) -> None:
    """W31: a command and an option, or two commands."""
    commands = [
        Said(phrase, f"command {name}", command.where(language))
        for name, command in context.hotline.commands.items()
        for phrase in phrases(command.phrases.get(language, ()), 20)
    ]
    _compare(context, "W31", commands, language, "commands")
    for _, name, slot in context.slots:
        for option in slot.options:
            answers = phrases(option.phrases.get(language, ()))
            said = [Said(phrase, f"option of {name}", option.where(language)) for phrase in answers]
            _compare(context, "W31", [*said, *commands], language, "an option and a command", len(said))


def _intents(context: Context, language: str) -> None:
    """W32: examples of two flows heard as the same, once a pair of flows."""
    said: list[Said] = []
    for name, flow in context.triggers.items():
        assert flow.trigger is not None
        for number, example in enumerate(flow.trigger.examples.get(language, ())):
            at = flow.trigger.where("examples", language, number)
            said += [Said(phrase, name, at) for phrase in phrases([example], 3)]
    keys = [sounds(each.phrase, language) for each in said]
    told: set[tuple[str, str]] = set()
    for one, two in _close_pairs(keys):
        owners = said[one].owner, said[two].owner
        if owners[0] == owners[1] or said[one].phrase == said[two].phrase or owners in told:
            continue
        if (apart := distance(keys[one], keys[two], ALIKE)) <= ALIKE:
            told.add(owners)
            _tell(context, "W32", said[one], said[two], f"flows sound alike in {language}", apart)


def _close_pairs(keys: list[tuple[str, ...]]) -> Iterable[tuple[int, int]]:
    """Pairs that may be within ALIKE: by edit distance with every confusable sound merged, which is never more than
    `distance`. Done in C, because all pairs of all examples of a large hotline are millions."""
    merged = ["".join(_MERGED.setdefault(_class(sound), chr(0x100 + len(_MERGED))) for sound in key) for key in keys]
    for start in range(0, len(merged), 200):
        rows, columns = merged[start : start + 200], merged[start:]  # each pair once: what comes before has been a row
        scores = process.cdist(rows, columns, scorer=Levenshtein.normalized_distance, score_cutoff=ALIKE)
        for row, column in np.argwhere(np.triu(scores <= ALIKE, 1)).tolist():
            yield start + row, start + column


_MERGED: dict[str, str] = {}
"""Class of sounds -> a character of its own."""
_GROUPS = {
    **{f"i:{sound}": "i:z" for sound in ("z", "zh", "c", "ch", "s", "sh", "j", "q", "x")},
    **{f"i:{sound}": "i:n" for sound in ("n", "l", "r")},
    **{
        f"i:{sound}": f"i:{group}"
        for group, pair in {"f": "fh", "b": "bp", "d": "dt", "g": "gk"}.items()
        for sound in pair
    },
    **{f"f:{final}": f"f:{min(pair)}" for pair in _CLOSE_FINALS for final in pair},
}


def _class(sound: str) -> str:
    return _GROUPS.get(sound, sound)


def _compare(context: Context, code: str, said: list[Said], language: str, what: str, first: int | None = None) -> None:
    """Report pairs of different owners that sound alike; with `first`, only pairs of one of those with a later one."""
    keys = [sounds(each.phrase, language) for each in said]
    told: set[tuple[str, str]] = set()
    for index, one in enumerate(said if first is None else said[:first]):
        for other in range(index + 1 if first is None else first, len(said)):
            two = said[other]
            if one.owner == two.owner or one.phrase == two.phrase or (one.owner, two.owner) in told:
                continue
            size = max(len(keys[index]), len(keys[other]))
            if abs(len(keys[index]) - len(keys[other])) > ALIKE * size:
                continue
            if (apart := distance(keys[index], keys[other], ALIKE)) <= ALIKE:
                told.add((one.owner, two.owner))
                _tell(context, code, one, two, f"{what} sound alike in {language}", apart)


def _tell(context: Context, code: str, one: Said, two: Said, what: str, apart: float) -> None:
    message = f"{what}: `{one.phrase}` and `{two.phrase}` (distance {apart:.2f})"
    context.add(two.at, code, message, "choose words that differ in more than one sound")


def _vocabulary(context: Context, language: str) -> None:
    """W33: words the recogniser cannot hear, because it does not know them."""
    known = context.options.vocabulary.get(language)
    if not known:
        return
    terms = {words_only(term.term) for term in context.hotline.lexicon}
    for phrase, at in _spoken(context, language):
        missing = _missing(phrase, language, known, terms)
        if missing:
            shown = ", ".join(f"`{word}`" for word in missing[:5])
            hint = "say it otherwise, or add it to `lexicon` with `sounds_like`"
            context.add(at, "W33", f"the {language} recogniser does not know {shown}", hint)


def _spoken(context: Context, language: str) -> Iterable[tuple[str, Position]]:
    for flow in context.triggers.values():
        assert flow.trigger is not None
        for number, example in enumerate(flow.trigger.examples.get(language, ())):
            yield example, flow.trigger.where("examples", language, number)
    for command in context.hotline.commands.values():
        for phrase in command.phrases.get(language, ()):
            yield phrase, command.where(language)
    for _, _, slot in context.slots:
        for option in slot.options:
            for phrase in option.phrases.get(language, ()):
                yield phrase, option.where(language)


def _missing(template: str, language: str, known: frozenset[str], terms: set[str]) -> list[str]:
    text = words_only(re.sub(r"[\[\]()|]", " ", template))
    for term in terms:
        text = text.replace(term, " ")
    if not language.startswith("zh"):
        return sorted({word for word in text.split() if word not in known})
    return [word for run in text.split() for word in _segments(run, known)]


def _segments(run: str, known: frozenset[str]) -> list[str]:
    """Characters of a Chinese run that no known word covers (longest word first)."""
    missing: list[str] = []
    at = 0
    while at < len(run):
        size = next((length for length in range(min(8, len(run) - at), 0, -1) if run[at : at + length] in known), 0)
        if not size:
            missing.append(run[at])
        at += size or 1
    return missing
