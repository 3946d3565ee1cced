"""What words mean to turn-taking: an answer or a part of one; a back-channel, the prompt's own echo, nothing new."""

from __future__ import annotations

from ivr.call.events import FinalTranscript, PartialTranscript
from ivr.call.hearing import Hearing
from ivr.call.vocabulary import Vocabulary
from ivr.turn.endpoint import Completeness

ECHO_DELAY_MS = 500
"""So late a prompt may come back (speaker-phones, mobile networks: ITU-T G.131 takes 300 ms for the worst)."""
_SAME = 0.75
"""Share of the words that must be the prompt's own, in its order: recognisers mishear an echo, too."""


def why_ignored(text: str, hearing: Hearing, said: str, words: Vocabulary, confidence: float = 0.0) -> str:
    """Why words over a prompt are not for the dialog; empty if they are. `said` is what the bot said meanwhile,
    `confidence` the recogniser's in its last word on them; words that may go on have none."""
    if not hearing.prompt_text:
        return ""
    expectation = hearing.question.expectation
    asked_yes_no = expectation.mode in {"confirm", "guess", "choose"} or any(
        slot.name == expectation.asked and slot.type == "yes_no" for slot in expectation.slots
    )
    if not asked_yes_no and words.is_backchannel(text, expectation.language):
        return "back-channel"
    if is_echo(text, said):
        return "echo of the prompt"
    unsure = confidence < _SURE
    return "no words that say anything" if unsure and _says_nothing(text, hearing, words) else ""


_SURE = 0.75
"""From here on even a small word was said: a six that was heard as "the" is at 1.0, a tap or a cough at 0.5."""


_SMALL = frozenset((
    "a", "an", "the", "and", "or", "but", "so", "as", "if", "of", "in", "on", "at", "with", "from", "by", "that",
    "this", "is", "was", "are", "be", "it", "he", "his", "him", "her", "they",
))  # fmt: skip
"""What recognisers make of a cough or a tap. No caller means one of them alone: more words come, or there were none.
(Those that sound like digits, to and for, are not among them.)"""


def _says_nothing(text: str, hearing: Hearing, words: Vocabulary) -> bool:
    """Small words alone, where the question does not take one of them."""
    units = _units(text)
    if not units or not _SMALL.issuperset(units):
        return False
    meant = words.completeness(text, hearing.question.expectation)
    return meant in {Completeness.OPEN, Completeness.INCOMPLETE}


def completeness_of(event: PartialTranscript | FinalTranscript, hearing: Hearing, words: Vocabulary) -> Completeness:
    """What a transcript means to the question it answers."""
    if event.meaning:
        return Completeness(event.meaning)
    if isinstance(event, PartialTranscript):
        return words.completeness(event.text, hearing.question.expectation)
    best = event.hypotheses[0].text if event.hypotheses else ""
    return words.completeness(best, hearing.question.expectation)


def is_echo(text: str, said: str) -> bool:
    """Whether the words are those that were being said just then.

    `said` holds only what was spoken from shortly before the onset on: a caller who repeats an option after it was
    read out to him does so when the prompt is past it. One word alone proves nothing.
    """
    heard, spoken = _units(text), _units(said)
    least = 3 if any("\u4e00" <= unit <= "\u9fff" for unit in heard) else 2
    return len(heard) >= least and _common(heard, spoken) >= _SAME * len(heard)


def says_more(text: str, before: str) -> bool:
    """Whether a transcript of both parts of a turn has more words than that of the first, or as many and others."""
    both, first = _units(text), _units(before)
    return len(both) > len(first) or (len(both) == len(first) and both != first)


def _units(text: str) -> list[str]:
    """Words, and each Chinese character by itself, without punctuation."""
    spaced = "".join(
        f" {char} " if "\u4e00" <= char <= "\u9fff" else char if char.isalnum() else " " for char in text.lower()
    )
    return spaced.split()


def _common(left: list[str], right: list[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(right) + 1)
    for unit in left:
        before = 0
        for index, other in enumerate(right, start=1):
            before, row[index] = row[index], before + 1 if unit == other else max(row[index], row[index - 1])
    return row[-1]
