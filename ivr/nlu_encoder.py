"""Sentence encoders for understanding: small BERT models (bge) in ONNX, run on the CPU.

An adapter, outside of the pure packages. A model is a folder with `model.onnx` and `tokenizer.json`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ivr.errors import ModelError
from ivr.models.manifest import models_root

MODELS = {"zh": "bge-small-zh", "en": "bge-small-en"}
"""Language -> folder below the models directory."""
MAX_TOKENS = 64
_BATCH = 16
"""Larger ones are no faster: at a dozen tokens a text the products are large enough."""
_FEW = 4
"""Up to so many texts are run one by one: they are kept, and need no padding."""


class OnnxEncoder:
    """Texts to vectors of length 1 (first token, as bge is trained). Keeps the vectors of texts seen lately.

    `threads`: how many batches are worked on at once. Each has one thread to itself: several threads on one small batch
    wait for each other longer than they work, and spin meanwhile.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        for name in ("model.onnx", "tokenizer.json"):
            if not (folder / name).is_file():
                raise ModelError(f"{folder / name}: no such file; fetch it with `ivr models fetch {folder.name}`")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(
                str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
            )
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # both libraries raise bare Exceptions for damaged files
            raise ModelError(f"{folder}: damaged encoder: {error}") from error
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        self._inputs = {value.name for value in self._session.get_inputs()}
        self._threads = max(threads, 1)
        self.name = folder.name
        self._one = functools.lru_cache(maxsize=4096)(self._encode_one)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32 (len(texts), dimension), each row of length 1."""
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        if len(texts) <= _FEW:
            return np.stack([self._one(text) for text in texts])
        different = list(dict.fromkeys(texts))
        tokens = [self._tokens(text) for text in different]
        order = sorted(range(len(different)), key=lambda index: len(tokens[index]))  # alike lengths pad least
        batches = [order[at : at + _BATCH] for at in range(0, len(order), _BATCH)]
        batches.reverse()  # the longest first, so that the threads end together
        with ThreadPoolExecutor(self._threads) as pool:
            found = np.concatenate(list(pool.map(lambda batch: self._run([tokens[row] for row in batch]), batches)))
        vectors = np.empty_like(found)
        vectors[[row for batch in batches for row in batch]] = found
        place = {text: row for row, text in enumerate(different)}
        return vectors[[place[text] for text in texts]]

    @functools.cached_property
    def dimension(self) -> int:
        return int(self._run([self._tokens("")]).shape[1])

    def _tokens(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text).ids
        return ids

    def _encode_one(self, text: str) -> NDArray[np.float32]:
        vector: NDArray[np.float32] = self._run([self._tokens(text)])[0]
        vector.setflags(write=False)
        return vector

    def _run(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        ids = np.zeros((len(tokens), max(len(one) for one in tokens)), dtype=np.int64)  # 0 is [PAD]
        mask = np.zeros_like(ids)
        for row, one in enumerate(tokens):
            ids[row, : len(one)] = one
            mask[row, : len(one)] = 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        output = self._session.run(None, {name: value for name, value in feed.items() if name in self._inputs})[0]
        vectors = np.asarray(output, dtype=np.float32)
        vectors = vectors[:, 0] if vectors.ndim == 3 else vectors
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(norms, 1e-9), dtype=np.float32)


def load_encoders(languages: Iterable[str], models: Path | None = None, threads: int = 1) -> dict[str, OnnxEncoder]:
    """Encoders of those `languages` that have one below `models` (by default where `ivr models fetch` puts them); none
    where the files are not there."""
    models = models_root() if models is None else models
    found = {}
    for language in languages:
        folder = models / MODELS.get(language.split("-")[0], "")
        if (folder / "model.onnx").is_file():
            found[language] = OnnxEncoder(folder, threads)
    return found
