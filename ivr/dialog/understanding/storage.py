"""A trained model as bytes and back: numpy arrays and JSON in one zip, no pickle, so that a cache cannot run code."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ivr.dialog.understanding.branches import DenseView, SparseView
from ivr.dialog.understanding.features import Vectorizer
from ivr.dialog.understanding.homophones import Homophones
from ivr.dialog.understanding.intents import Fusion, IntentModel
from ivr.errors import ModelError

FORMAT = 5


class StaleModelError(ModelError, ValueError):
    """Bytes that are no trained understanding of this version: train it again."""


def pack(head: Mapping[str, Any], models: Mapping[str, IntentModel | None]) -> bytes:
    """`head` is JSON data. The same models give the same bytes."""
    arrays: dict[str, NDArray[Any]] = {}
    about: dict[str, Any] = {}
    for language, model in models.items():
        about[language] = None if model is None else _pack_model(language, model, arrays)
    text = json.dumps({"format": FORMAT, "head": head, "models": about}, ensure_ascii=False)
    arrays["about"] = np.frombuffer(text.encode(), dtype=np.uint8)
    buffer = io.BytesIO()
    ordered: dict[str, Any] = {name: arrays[name] for name in sorted(arrays)}
    np.savez(buffer, **ordered)
    return buffer.getvalue()


def _pack_model(language: str, model: IntentModel, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    def put(name: str, array: NDArray[Any]) -> None:
        arrays[f"{language}/{name}"] = array

    vectorizer = model.sparse.vectorizer
    put("idf", vectorizer.idf)
    put("vocabulary", np.frombuffer("\n".join(vectorizer.vocabulary).encode(), dtype=np.uint8))
    rows = model.sparse.rows
    put("data", rows.data)
    put("indices", rows.indices)
    put("indptr", rows.indptr)
    put("alpha_sparse", model.alpha_sparse)
    put("labels", model.labels)
    put("detector", model.detector)
    put("trust", model.trust)
    if model.dense is not None and model.alpha_dense is not None:
        put("centre", model.dense.centre)
        put("rows", model.dense.rows)
        put("apart", model.dense.apart)
        put("alpha_dense", model.alpha_dense)
    fusion = model.fusion
    return {
        "names": list(model.names),
        "unseen": vectorizer.unseen,
        "blocks": vectorizer.blocks,
        "fusion": [fusion.sharp_sparse, fusion.sharp_dense, fusion.weight, fusion.sharp],
        "threshold": model.threshold,
        "dense": model.dense is not None,
        "homophones": _homophones(model.dense),
    }


def _homophones(dense: DenseView | None) -> list[Any] | None:
    if dense is None or dense.homophones is None:
        return None
    return [sorted(dense.homophones.known), dense.homophones.alike]


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, IntentModel | None]]:
    """(head, models). ModelError for bytes that are no such model or one of another version."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            about = json.loads(bytes(arrays["about"]).decode())
            if about["format"] != FORMAT:
                raise StaleModelError(f"trained understanding of format {about['format']}, this version reads {FORMAT}")
            models = {
                language: None if one is None else _unpack_model(language, one, arrays)
                for language, one in about["models"].items()
            }
            return about["head"], models
    except (ValueError, KeyError, OSError, EOFError, TypeError, AttributeError) as error:
        raise StaleModelError(f"damaged trained understanding: {error}") from error
    except Exception as error:  # zipfile.BadZipFile, zlib.error: whatever damaged bytes lead to
        if isinstance(error, ModelError):
            raise
        raise StaleModelError(f"damaged trained understanding: {error}") from error


def _unpack_model(language: str, about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> IntentModel:
    def get(name: str) -> NDArray[Any]:
        return arrays[f"{language}/{name}"]

    grams = bytes(get("vocabulary")).decode().split("\n")
    vocabulary = {gram: index for index, gram in enumerate(grams)}
    vectorizer = Vectorizer(language, vocabulary, get("idf"), about["unseen"], about["blocks"])
    labels = get("labels")
    shape = (len(labels), max(len(vocabulary), 1))
    rows = csr_matrix((get("data"), get("indices"), get("indptr")), shape=shape)
    homophones = None
    if about["homophones"] is not None:
        known, alike = about["homophones"]
        homophones = Homophones(frozenset(known), alike)
    dense = DenseView(get("centre"), get("rows"), get("apart"), homophones) if about["dense"] else None
    return IntentModel(
        language,
        tuple(about["names"]),
        SparseView(vectorizer, rows),
        dense,
        get("alpha_sparse"),
        get("alpha_dense") if about["dense"] else None,
        labels,
        Fusion(*about["fusion"]),
        get("detector"),
        get("trust"),
        about["threshold"],
    )
