"""What turn-taking needs to know of words, by language: how many there are, whether they are an answer already."""

from __future__ import annotations

from typing import Protocol

from ivr.dialog.events import Expectation
from ivr.turn.endpoint import Completeness


class Vocabulary(Protocol):
    """Cheap judgements on partial text, asked many times a second."""

    def words(self, text: str, language: str) -> int:
        """Words in a text; two Chinese characters count as one (dialog rule 2)."""

    def is_backchannel(self, text: str, language: str) -> bool:
        """`uh-huh`, 嗯: the caller listens, he does not want the floor."""

    def is_hotword(self, text: str, expectation: Expectation, hotwords: tuple[str, ...]) -> bool:
        """Whether the text holds what a `hotword` prompt may be cut by."""

    def completeness(self, text: str, expectation: Expectation) -> Completeness:
        """What the text so far means to the open question."""


def count_words(text: str) -> int:
    """Words of any language in a text: runs of letters and digits, and pairs of Chinese characters."""
    han = sum("\u4e00" <= char <= "\u9fff" for char in text)
    rest = "".join(" " if "\u4e00" <= char <= "\u9fff" else char for char in text)
    return (han + 1) // 2 + len(rest.split())
