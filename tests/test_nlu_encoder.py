"""The sentence encoders, where their files are installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ivr.errors import ModelError
from ivr.models.manifest import models_root
from ivr.nlu_encoder import MODELS, OnnxEncoder, load_encoders


@pytest.mark.models
@pytest.mark.parametrize(
    ("language", "text", "near", "far"),
    [
        ("en", "my card was stolen", "someone took my bank card", "what is the weather"),
        ("zh", "手续费怎么收", "转账要收多少钱", "今天天气怎么样"),
    ],
)
def test_alike_sentences_are_near(language: str, text: str, near: str, far: str) -> None:
    if not (models_root() / MODELS[language] / "model.onnx").is_file():
        pytest.skip(f"run `ivr models fetch {MODELS[language]}`")
    encoder = load_encoders([language])[language]
    one, two, three = encoder.encode([text, near, far])
    assert np.linalg.norm(one) == pytest.approx(1, abs=1e-5)
    assert one @ two > one @ three
    assert encoder.encode([text])[0] == pytest.approx(one, abs=0.05)  # padding moves int8 sums a little
    assert encoder.encode([]).shape == (0, encoder.dimension)


def test_missing_and_damaged_models_are_named(tmp_path: Path) -> None:
    assert load_encoders(["en"], tmp_path) == {}
    with pytest.raises(ModelError, match=r"model.onnx: no such file; fetch it with `ivr models fetch "):
        OnnxEncoder(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"rubbish")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="damaged encoder: "):
        OnnxEncoder(tmp_path)
