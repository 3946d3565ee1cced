"""The two ways to see how alike texts are, by n-grams (sparse) and by sentence vectors (dense)."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ivr.dialog.text.clean import words_only
from ivr.dialog.understanding.background import background, common_words
from ivr.dialog.understanding.features import MAX_CHARACTERS, Vectorizer, grams
from ivr.dialog.understanding.homophones import Homophones
from ivr.dialog.understanding.kernel import Matrix
from ivr.dialog.understanding.spec import Encoder

GAMMA_SPARSE = 2.0
GAMMA_DENSE = 3.0
USUAL_SHARPNESS = {"sparse": 12.0, "dense": 10.0}


@dataclass(frozen=True)
class SparseView:
    """Cosines between n-gram vectors."""

    vectorizer: Vectorizer
    rows: csr_matrix
    """(n, vocabulary): the training texts."""

    @classmethod
    def fit(cls, texts: Sequence[str], language: str) -> SparseView:
        documents = [grams(text, language) for text in texts]
        vectorizer = Vectorizer.fit(documents, language)
        return cls(vectorizer, vectorizer.rows(documents))

    @functools.cached_property
    def _columns(self) -> csr_matrix:
        """(vocabulary, n): kept, since turning the matrix costs more than the product."""
        return self.rows.T.tocsr()

    def among(self) -> Matrix:
        """(n, n): the training texts among each other."""
        return np.asarray((self.rows @ self._columns).toarray(), dtype=np.float64)

    def similarity(self, texts: Sequence[str]) -> Matrix:
        """(len(texts), n)."""
        return np.asarray((self.vectorizer.matrix(texts) @ self._columns).toarray(), dtype=np.float64)


@dataclass(frozen=True)
class DenseView:
    """Cosines between sentence vectors, seen from the middle of hotline and background sentences: encoders crowd all
    their vectors into a narrow cone, and what sets two texts apart only shows once its axis is taken off."""

    centre: NDArray[np.float32]
    rows: NDArray[np.float32]
    """(n, dimension): the training texts, centred, of length 1."""
    apart: NDArray[np.float32]
    """(k, dimension): the background sentences, likewise."""
    homophones: Homophones | None = None
    """What mends a text before the encoder reads it; Chinese only."""

    @classmethod
    def fit(cls, texts: Sequence[str], language: str, encoder: Encoder) -> DenseView:
        apart = background(language)
        bare = [words_only(text) for text in (*texts, *apart)]
        vectors = encoder.encode(bare)
        centre = vectors.mean(axis=0)
        homophones = Homophones.fit(bare, common_words(language)) if language.startswith("zh") else None
        moved = centred(vectors, centre)
        return cls(centre, moved[: len(texts)], moved[len(texts) :], homophones)

    def heard(self, texts: Sequence[str], encoder: Encoder) -> NDArray[np.float32]:
        """(len(texts), dimension): vectors of what callers say, its homophones put right."""
        if self.homophones is not None:
            texts = [self.homophones.mend(words_only(text[:MAX_CHARACTERS])) for text in texts]
        return self.written(texts, encoder)

    def written(self, texts: Sequence[str], encoder: Encoder) -> NDArray[np.float32]:
        """(len(texts), dimension): vectors of the texts as they are."""
        if not texts:
            return np.zeros((0, len(self.centre)), dtype=np.float32)
        return centred(encoder.encode([words_only(text) for text in texts]), self.centre)

    def similarity(self, vectors: NDArray[np.float32]) -> Matrix:
        """(len(vectors), n): cosines to the training texts."""
        return np.asarray(vectors @ self.rows.T, dtype=np.float64)

    def near_apart(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """(len(vectors),): cosine of the nearest background sentence; 0 where there is none."""
        return nearest(np.asarray(vectors @ self.apart.T, dtype=np.float64))


def nearest(cosines: Matrix) -> NDArray[np.float64]:
    """(m,): the greatest of each row of (m, k); 0 where k is 0."""
    return cosines.max(axis=1) if cosines.shape[1] else np.zeros(len(cosines))


def centred(vectors: NDArray[np.float32], centre: NDArray[np.float32]) -> NDArray[np.float32]:
    moved = vectors - centre
    norms = np.linalg.norm(moved, axis=1, keepdims=True)
    return np.asarray(moved / np.maximum(norms, 1e-9), dtype=np.float32)
