"""Which intent was meant: one model a language, trained from the examples of the hotline in a second or so.

    n-grams ----- kernel ridge --- sharpness --+
                                               +-- weighted mean of log p -- sharpness -- p(intent)
    encoder ----- kernel ridge --- sharpness --+      (Chinese is read to it with its homophones put right)
    nine signs of both ----------- logistic ------------------------------ p(in scope)
    logits of p(in scope), p(intent) - logistic --------------------------- p

Every number that is learned after the two classifiers is learned on left-out predictions.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ivr.dialog.understanding.background import background
from ivr.dialog.understanding.branches import GAMMA_DENSE, GAMMA_SPARSE, USUAL_SHARPNESS, DenseView, SparseView, nearest
from ivr.dialog.understanding.calibration import (
    Vector,
    best_sharpness,
    conformal_threshold,
    log_softmax,
    softmax,
)
from ivr.dialog.understanding.kernel import Matrix, Ridge, level, radial
from ivr.dialog.understanding.noise import noised, sound_neighbours
from ivr.dialog.understanding.scope import Scored
from ivr.dialog.understanding.spec import Encoder
from ivr.dialog.understanding.trust import Evidence, Judged, combine, detect, fit_detector, fit_trust

Labels = NDArray[np.int64]
MAX_EXAMPLES = 4000
"""More are thinned evenly: the kernel matrix grows with the square."""
_NOISE_RATES = (0.15, 0.3)
_MAX_NOISED = 240
_HIDING_ROUNDS = 4
_WEIGHTS = tuple(round(0.05 * step, 2) for step in range(1, 17))
"""Candidate shares of the sparse branch."""
_USUAL_WEIGHT = 0.3


@dataclass(frozen=True)
class Fusion:
    """Learned constants that turn raw scores into probabilities."""

    sharp_sparse: float
    sharp_dense: float
    weight: float
    """Share of the sparse branch."""
    sharp: float

    def p(self, sparse: Matrix, dense: Matrix | None) -> Matrix:
        return softmax(self.sharp * self.log_p(sparse, dense))

    def log_p(self, sparse: Matrix, dense: Matrix | None) -> Matrix:
        first = log_softmax(self.sharp_sparse * sparse)
        if dense is None:
            return first
        return self.weight * first + (1 - self.weight) * log_softmax(self.sharp_dense * dense)


@dataclass(frozen=True)
class IntentReading:
    """What the model says of one text."""

    names: tuple[str, ...]
    p: Vector
    """(classes,): calibrated probability that this intent was meant, scope included."""
    conditional: Vector
    """(classes,): the same given that some intent was meant; sums to 1."""
    in_scope: float
    candidates: tuple[str, ...]
    """The 90 % set, best first."""


@dataclass(frozen=True)
class IntentModel:
    language: str
    names: tuple[str, ...]
    sparse: SparseView
    dense: DenseView | None
    alpha_sparse: Matrix
    """(n, classes)"""
    alpha_dense: Matrix | None
    labels: Labels
    """(n,): class of each training text."""
    fusion: Fusion
    detector: Vector
    """(10,): logistic over the signs, bias first."""
    trust: Vector
    """(5,): logistic over p(in scope) and p(intent), see `combine`."""
    threshold: float
    """Least conditional probability inside the 90 % set."""

    def read(self, texts: Sequence[str], encoder: Encoder | None) -> list[IntentReading]:
        """One reading a text. `encoder` must be the one of training, where there was one."""
        scored = self.score(texts, encoder)
        inside = detect(scored, self.detector)
        top = scored.p.max(axis=1)
        # the winner's p is calibrated; the others keep their distance to it
        p = combine(inside, top, self.trust)[:, None] * scored.p / top[:, None]
        order = np.argsort(-scored.p, axis=1, kind="stable")
        return [
            IntentReading(
                self.names,
                p[row],
                scored.p[row],
                float(inside[row]),
                tuple(
                    self.names[index]
                    for rank, index in enumerate(order[row])
                    if rank == 0 or scored.p[row][index] >= self.threshold
                ),
            )
            for row in range(len(texts))
        ]

    def score(self, texts: Sequence[str], encoder: Encoder | None) -> Scored:
        near_sparse = self.sparse.similarity(texts)
        sparse = radial(near_sparse, GAMMA_SPARSE) @ self.alpha_sparse
        if self.dense is None or self.alpha_dense is None or encoder is None:
            return assemble(self.fusion, sparse, None, near_sparse, None, self.labels)
        vectors = self.dense.heard(texts, encoder)
        near_dense = self.dense.similarity(vectors)
        dense = radial(near_dense, GAMMA_DENSE) @ self.alpha_dense
        scored = assemble(self.fusion, sparse, dense, near_sparse, near_dense, self.labels)
        return replace(scored, near_apart=self.dense.near_apart(vectors))


def assemble(
    fusion: Fusion, sparse: Matrix, dense: Matrix | None, near_sparse: Matrix, near_dense: Matrix | None, labels: Labels
) -> Scored:
    """Scores (m, classes) and cosines to the training texts (m, n) as one `Scored`."""
    p = fusion.p(sparse, dense)
    if near_dense is None:
        return Scored(p, sparse, dense, near_sparse.max(axis=1), None, None)
    in_class = np.where(labels[None, :] == p.argmax(axis=1)[:, None], near_dense, -1.0)
    return Scored(p, sparse, dense, near_sparse.max(axis=1), near_dense.max(axis=1), in_class.max(axis=1))


@dataclass(frozen=True)
class _Copies:
    """Examples with recognition errors, and what classifiers that have not seen the originals say of them.

    Their homophones stay as they are. The examples are worded more like each other than callers word their wishes, so
    mending would help copies more than it helps callers, and what is learned on them would lean on the encoder.
    """

    rows: Labels
    """(m,): the examples they stem from."""
    members: list[Labels]
    """For each group of examples its copies."""
    near_sparse: Matrix
    """(m, n): cosines to the examples."""
    sparse: Matrix
    """(m, classes): scores."""
    near_dense: Matrix | None
    dense: Matrix | None
    vectors: NDArray[np.float32] | None
    """(m, dimension): of the dense view."""


@dataclass(frozen=True)
class _Part:
    """Classifiers that know only some of the examples."""

    keep: Labels
    """(k,): the rows they know, rising."""
    labels: Labels
    """(k,): their classes, numbered anew without gaps."""
    sparse: Ridge
    dense: Ridge | None


@dataclass
class _Trainer:
    """The steps of `train_intents`, with what they share."""

    language: str
    names: tuple[str, ...]
    texts: list[str]
    labels: Labels
    groups: list[Labels]
    """Rows of one template."""
    encoder: Encoder | None

    def __post_init__(self) -> None:
        self.sparse = SparseView.fit(self.texts, self.language)
        self.near_sparse = self.sparse.among()
        self.dense = None if self.encoder is None else DenseView.fit(self.texts, self.language, self.encoder)
        self.near_dense = (
            None if self.dense is None else np.asarray(self.dense.rows @ self.dense.rows.T, dtype=np.float64)
        )
        self.classes = len(self.names)
        self.ridge_sparse = Ridge.fit(radial(self.near_sparse, GAMMA_SPARSE), self.labels, self.classes)
        self.ridge_dense = (
            None
            if self.near_dense is None
            else Ridge.fit(radial(self.near_dense, GAMMA_DENSE), self.labels, self.classes)
        )

    def train(self) -> IntentModel:
        fusion = self._fuse()
        left_out = self._left_out(fusion, self._part(np.arange(len(self.texts))))
        threshold = conformal_threshold(left_out.p[np.arange(len(self.texts)), self.labels])
        detector, trust = self._scope(fusion, left_out)
        return IntentModel(
            self.language,
            self.names,
            self.sparse,
            self.dense,
            self.ridge_sparse.alpha,
            None if self.ridge_dense is None else self.ridge_dense.alpha,
            self.labels,
            fusion,
            detector,
            trust,
            max(min(threshold, 0.5), 0.02),
        )

    # ------------------------------------------------------------------------------------------------------ fusion

    def _fuse(self) -> Fusion:
        copies = self._copies
        kernel = radial(self.near_sparse, GAMMA_SPARSE)
        clean_sparse = self.ridge_sparse.left_out(kernel, self.groups, self.groups)
        clean_sparse *= level(kernel, self.labels, self.groups)
        sharp_sparse = best_sharpness(clean_sparse, self.labels, USUAL_SHARPNESS["sparse"])
        if self.ridge_dense is None or self.near_dense is None or copies.dense is None:
            return Fusion(sharp_sparse, 1.0, 1.0, 1.0)
        kernel = radial(self.near_dense, GAMMA_DENSE)
        clean_dense = self.ridge_dense.left_out(kernel, self.groups, self.groups)
        clean_dense *= level(kernel, self.labels, self.groups)
        sharp_dense = best_sharpness(clean_dense, self.labels, USUAL_SHARPNESS["dense"])
        sparse, dense = np.vstack([clean_sparse, copies.sparse]), np.vstack([clean_dense, copies.dense])
        labels = np.concatenate([self.labels, self.labels[copies.rows]])
        weights = np.concatenate([np.full(count, 1 / count) for count in (len(self.labels), len(copies.rows))])
        weight = self._best_weight(sharp_sparse, sharp_dense, sparse, dense, labels, weights)
        half = Fusion(sharp_sparse, sharp_dense, weight, 1.0)
        sharp = best_sharpness(half.log_p(clean_sparse, clean_dense), self.labels, 1.2)
        return Fusion(sharp_sparse, sharp_dense, weight, sharp)

    def _best_weight(
        self, sharp_sparse: float, sharp_dense: float, sparse: Matrix, dense: Matrix, labels: Labels, weights: Vector
    ) -> float:
        pull = 20.0 / (20.0 + len(self.labels))
        best, best_loss = _USUAL_WEIGHT, float("inf")
        for weight in _WEIGHTS:
            log_p = log_softmax(1.2 * Fusion(sharp_sparse, sharp_dense, weight, 1.0).log_p(sparse, dense))
            loss = float(-(weights * log_p[np.arange(len(labels)), labels]).sum())
            loss += pull * (weight - _USUAL_WEIGHT) ** 2
            if loss < best_loss - 1e-9:
                best, best_loss = weight, loss
        return best

    @functools.cached_property
    def _copies(self) -> _Copies:
        """Noised copies of evenly chosen examples, scored without the groups they stem from."""
        step = max(1, -(-len(self.texts) // _MAX_NOISED))
        rows = np.arange(0, len(self.texts), step)
        lexicon = {} if self.language.startswith("zh") else sound_neighbours((*self.texts, *background(self.language)))
        copies = [
            noised(self.texts[row], self.language, _NOISE_RATES[index % len(_NOISE_RATES)], lexicon)
            for index, row in enumerate(rows)
        ]
        place = np.full(len(self.texts), -1)
        place[rows] = np.arange(len(rows))
        members = [place[group][place[group] >= 0] for group in self.groups]
        near_sparse = self.sparse.similarity(copies)
        sparse = self.ridge_sparse.left_out(radial(near_sparse, GAMMA_SPARSE), self.groups, members)
        sparse *= level(radial(self.near_sparse, GAMMA_SPARSE), self.labels, self.groups)[rows]
        near_dense = dense = vectors = None
        if self.dense is not None and self.ridge_dense is not None and self.near_dense is not None and self.encoder:
            vectors = self.dense.written(copies, self.encoder)
            near_dense = self.dense.similarity(vectors)
            dense = self.ridge_dense.left_out(radial(near_dense, GAMMA_DENSE), self.groups, members)
            dense *= level(radial(self.near_dense, GAMMA_DENSE), self.labels, self.groups)[rows]
        return _Copies(rows, members, near_sparse, sparse, near_dense, dense, vectors)

    # ------------------------------------------------------------------------------------------------------- scope

    def _part(self, keep: Labels) -> _Part:
        """Classifiers trained on the texts `keep` alone."""
        present, labels = np.unique(self.labels[keep], return_inverse=True)
        labels, names = labels.astype(np.int64), len(present)
        if len(keep) == len(self.texts):
            return _Part(keep, labels, self.ridge_sparse, self.ridge_dense)
        sparse = self.ridge_sparse.of_part(keep, labels, names)
        dense = None if self.ridge_dense is None else self.ridge_dense.of_part(keep, labels, names)
        return _Part(keep, labels, sparse, dense)

    def _left_out(self, fusion: Fusion, part: _Part) -> Scored:
        """The training texts of `part`, each as seen by classifiers trained on the rest of them, without its group."""
        keep, labels = part.keep, part.labels
        place = np.full(len(self.texts), -1)
        place[keep] = np.arange(len(keep))
        groups = [inside for group in self.groups if len(inside := place[group][place[group] >= 0])]
        near_sparse = self.near_sparse[np.ix_(keep, keep)]
        near_dense = None if self.near_dense is None else self.near_dense[np.ix_(keep, keep)]
        kernel = radial(near_sparse, GAMMA_SPARSE)
        sparse = part.sparse.left_out(kernel, groups, groups) * level(kernel, labels, groups)
        dense = None
        if near_dense is not None and part.dense is not None:
            kernel = radial(near_dense, GAMMA_DENSE)
            dense = part.dense.left_out(kernel, groups, groups) * level(kernel, labels, groups)
        for group in groups:  # no text is its own neighbour
            block = np.ix_(group, group)
            near_sparse[block] = 0.0
            if near_dense is not None:
                near_dense[block] = -1.0
        return assemble(fusion, sparse, dense, near_sparse, near_dense, labels)

    def _hidden(self, fusion: Fusion, part: _Part, hidden: Labels) -> Scored:
        """The texts `hidden` as seen by classifiers trained on `part`."""
        near_sparse = self.near_sparse[np.ix_(hidden, part.keep)]
        sparse = part.sparse.scores(radial(near_sparse, GAMMA_SPARSE))
        near_dense = dense = None
        if self.near_dense is not None and part.dense is not None:
            near_dense = self.near_dense[np.ix_(hidden, part.keep)]
            dense = part.dense.scores(radial(near_dense, GAMMA_DENSE))
        return assemble(fusion, sparse, dense, near_sparse, near_dense, part.labels)

    def _background(self, fusion: Fusion) -> Scored | None:
        """The built-in strange sentences."""
        texts = background(self.language)
        if not texts:
            return None
        near_sparse = self.sparse.similarity(texts)
        sparse = self.ridge_sparse.scores(radial(near_sparse, GAMMA_SPARSE))
        near_dense = dense = None
        if self.dense is not None and self.ridge_dense is not None:
            near_dense = self.dense.similarity(self.dense.apart)
            dense = self.ridge_dense.scores(radial(near_dense, GAMMA_DENSE))
        return assemble(fusion, sparse, dense, near_sparse, near_dense, self.labels)

    def _scope(self, fusion: Fusion, left_out: Scored) -> tuple[Vector, Vector]:
        """The detector, and the last step of calibration. The dense view forgets the background sentences that are no
        strangers to this hotline."""
        inside = [Judged(left_out, left_out.p.argmax(axis=1) == self.labels)]
        outside: list[Scored] = []
        rounds = [np.isin(self.labels, classes) for classes in self._rounds()]
        for is_hidden in rounds:
            part = self._part(np.flatnonzero(~is_hidden))
            outside.append(self._hidden(fusion, part, np.flatnonzero(is_hidden)))
            seen = self._left_out(fusion, part)
            inside.append(Judged(seen, seen.p.argmax(axis=1) == part.labels))
        whole = Evidence(inside, self._noised(fusion), outside, self._background(fusion))
        evidence = self._beside_strangers(whole, rounds)
        detector = fit_detector(evidence, len(self.texts), self.dense is not None)
        return detector, fit_trust(evidence, detector, len(self.texts), whole.near_misses())

    def _beside_strangers(self, whole: Evidence, rounds: Sequence[NDArray[np.bool_]]) -> Evidence:
        """With the background sentences that are strange alone, and how near everything is to them. `rounds`: which
        texts were hidden in each."""
        strange = whole.strangers()
        apart = whole.apart.pick(strange) if whole.apart is not None and len(strange) else None
        if self.dense is None:
            return replace(whole, apart=apart)
        self.dense = replace(self.dense, apart=self.dense.apart[strange])
        near = self.dense.near_apart(self.dense.rows)
        noised, vectors = whole.noised, self._copies.vectors
        if vectors is not None:
            noised = Judged(replace(noised.scored, near_apart=self.dense.near_apart(vectors)), noised.right)
        if apart is not None:
            among = np.asarray(self.dense.apart @ self.dense.apart.T, dtype=np.float64)
            np.fill_diagonal(among, -1.0)  # no sentence is its own neighbour
            apart = replace(apart, near_apart=nearest(among))
        shown = [np.ones(len(near), dtype=np.bool_), *(~is_hidden for is_hidden in rounds)]
        inside = [
            Judged(replace(judged.scored, near_apart=near[rows]), judged.right)
            for judged, rows in zip(whole.inside, shown, strict=True)
        ]
        outside = [replace(scored, near_apart=near[rows]) for scored, rows in zip(whole.outside, rounds, strict=True)]
        return Evidence(inside, noised, outside, apart)

    def _noised(self, fusion: Fusion) -> Judged:
        """Noised copies, each as seen by classifiers that do not know what it is a copy of."""
        copies = self._copies
        near_sparse = copies.near_sparse.copy()
        near_dense = None if copies.near_dense is None else copies.near_dense.copy()
        for group, members in zip(self.groups, copies.members, strict=True):
            block = np.ix_(members, group)
            near_sparse[block] = 0.0
            if near_dense is not None:
                near_dense[block] = -1.0
        scored = assemble(fusion, copies.sparse, copies.dense, near_sparse, near_dense, self.labels)
        return Judged(scored, scored.p.argmax(axis=1) == self.labels[copies.rows])

    def _rounds(self) -> list[Labels]:
        """Classes to hide in each round; none when nothing would be left to compare with."""
        if self.classes < 3:
            return []
        rounds = min(_HIDING_ROUNDS, self.classes)
        return [np.arange(start, self.classes, rounds) for start in range(rounds)]


def train_intents(
    examples: Sequence[tuple[str, str, int]], language: str, encoder: Encoder | None
) -> IntentModel | None:
    """A model from (text, intent, template number); None without examples. The same input gives the same model."""
    if not examples:
        return None
    kept = _thinned(examples)
    names = tuple(sorted({intent for _, intent, _ in kept}))
    labels = np.array([names.index(intent) for _, intent, _ in kept], dtype=np.int64)
    rows: dict[int, list[int]] = {}
    for row, (_, _, template) in enumerate(kept):
        rows.setdefault(template, []).append(row)
    groups = [np.array(members, dtype=np.int64) for members in rows.values()]
    return _Trainer(language, names, [text for text, _, _ in kept], labels, groups, encoder).train()


def _thinned(examples: Sequence[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
    if len(examples) <= MAX_EXAMPLES:
        return list(examples)
    return [examples[index * len(examples) // MAX_EXAMPLES] for index in range(MAX_EXAMPLES)]
