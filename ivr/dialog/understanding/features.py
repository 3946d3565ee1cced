"""The sparse view of a text: n-grams of characters, words and sounds, weighted by TF-IDF.

Each block is normalised by itself, so that none drowns the others. Chinese has no word block: segmenters err just where
recognisers do, and toneless pinyin holds where homophones are swapped.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ivr.dialog.text.clean import words_only
from ivr.dialog.text.fillers import strip_fillers
from ivr.dialog.text.phonetics import metaphone_key, pinyin_keys

_BLOCKS_ZH = {"c": 0.5, "p": 0.5}
_BLOCKS = {"c": 0.35, "w": 0.4, "p": 0.25}
"""Share of each block in the similarity of two texts: characters, words, phonetic keys."""
MAX_CHARACTERS = 300
"""Longer texts are cut: nobody says more in a turn, and a hostile text must not cost time."""

Grams: TypeAlias = dict[str, Counter[str]]
"""The n-grams of one text, counted, by block."""


def grams(text: str, language: str) -> Grams:
    """N-grams of `text` by block."""
    text = text[:MAX_CHARACTERS]
    bare = strip_fillers(text, language, keep_interjections=True) or words_only(text)
    if language.startswith("zh"):
        return {"c": _ngrams(list(bare), 1, 3), "p": _ngrams(pinyin_keys(bare), 1, 3)}
    words = bare.replace("'", "").split()
    characters: Counter[str] = Counter()
    for word in words:
        padded = f" {word} "
        for size in (2, 3, 4, 5):
            characters.update(padded[i : i + size] for i in range(max(len(padded) - size + 1, 1)))
    keys = [metaphone_key(word) for word in words]
    return {"c": characters, "w": _ngrams(words, 1, 2), "p": _ngrams(keys, 1, 2)}


def _ngrams(units: Sequence[str], low: int, high: int) -> Counter[str]:
    return Counter(" ".join(units[i : i + size]) for size in range(low, high + 1) for i in range(len(units) - size + 1))


@dataclass(frozen=True)
class Vectorizer:
    """TF-IDF with the vocabulary of the training texts."""

    language: str
    vocabulary: dict[str, int]
    idf: NDArray[np.float32]
    unseen: float
    """Weight of an n-gram that no training text has: it counts in the length of the vector, so that strange words lower
    every similarity."""
    blocks: dict[str, float] = field(default_factory=dict)

    @classmethod
    def fit(cls, documents: Sequence[Grams], language: str) -> Vectorizer:
        """`documents`: the n-grams of the training texts."""
        counts: Counter[str] = Counter()
        for document in documents:
            counts.update(f"{block}:{gram}" for block, found in document.items() for gram in found)
        vocabulary = {gram: index for index, gram in enumerate(sorted(counts))}
        frequency = np.array([counts[gram] for gram in vocabulary], dtype=np.float32)
        idf = np.log((1 + len(documents)) / (1 + frequency)) + 1
        blocks = _BLOCKS_ZH if language.startswith("zh") else _BLOCKS
        return cls(language, vocabulary, idf.astype(np.float32), math.log((1 + len(documents)) / 2) + 1, blocks)

    def row(self, document: Grams) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """(indices, weights) of one text's n-grams; weights of norm at most 1."""
        indices: list[int] = []
        weights: list[float] = []
        for block, found in document.items():
            begin, square = len(weights), 0.0
            for gram, count in found.items():
                index = self.vocabulary.get(f"{block}:{gram}")
                weight = (1 + math.log(count)) * (self.unseen if index is None else float(self.idf[index]))
                square += weight * weight
                if index is not None:
                    indices.append(index)
                    weights.append(weight)
            scale = math.sqrt(self.blocks[block] / square) if square else 0.0
            weights[begin:] = [weight * scale for weight in weights[begin:]]
        return np.array(indices, dtype=np.int32), np.array(weights, dtype=np.float32)

    def matrix(self, texts: Sequence[str]) -> csr_matrix:
        """One row a text."""
        return self.rows([grams(text, self.language) for text in texts])

    def rows(self, documents: Sequence[Grams]) -> csr_matrix:
        """One row a text, of its n-grams."""
        rows = [self.row(document) for document in documents]
        pointers = np.cumsum([0, *(len(indices) for indices, _ in rows)])
        indices = np.concatenate([indices for indices, _ in rows]) if rows else np.zeros(0, dtype=np.int32)
        weights = np.concatenate([weights for _, weights in rows]) if rows else np.zeros(0, dtype=np.float32)
        return csr_matrix((weights, indices, pointers), shape=(len(rows), max(len(self.vocabulary), 1)))
