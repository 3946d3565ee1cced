"""End-of-turn models: has the caller finished, by the sound of what he said? An adapter, outside of the pure packages.

`SmartTurn` is Smart Turn v3 (BSD-2): Whisper tiny's encoder with a classifier on top, 8 MB, 23 languages. It hears the
last 8 s of the caller and tells how probable it is that he has finished; intonation and tempo say more than silence.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from ivr.audio.frame import SAMPLE_RATE, Samples
from ivr.audio.log_mel import BANDS, log_mel, normalised
from ivr.errors import EngineError, ModelError
from ivr.models.verify import model_path

MODEL = "smart-turn"
_FILE = "smart-turn-v3.2-cpu.onnx"
_WINDOW = 8 * SAMPLE_RATE


class EndOfTurnModel(Protocol):
    """Any thread may ask, one at a time."""

    def judge(self, samples: Samples) -> float:
        """Probability, 0..1, that the caller has finished after these samples at 16 kHz. Raises EngineError."""


class SmartTurn:
    """About 100 ms of one core a decision. Raises ModelError when the model is missing or is another."""

    def __init__(self, folder: Path | None = None) -> None:
        import onnxruntime  # heavy: only those who use it pay for it

        path = (folder or model_path(MODEL)) / _FILE
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors have no common base of their own
            raise ModelError(f"{path}: onnxruntime cannot load it as a model: {error}") from error
        shape = self._session.get_inputs()[0].shape
        if list(shape[1:]) != [BANDS, _WINDOW // 160]:
            raise ModelError(f"{path}: not Smart Turn v3: it takes input of shape {shape}")
        self._input = self._session.get_inputs()[0].name

    def judge(self, samples: Samples) -> float:
        audio = np.zeros(_WINDOW, dtype=np.float32)  # the end is what counts: shorter audio has silence before it
        heard = samples[-_WINDOW:]
        if len(heard):
            audio[-len(heard) :] = heard.astype(np.float32) / 32768.0
        try:
            (output,) = self._session.run(None, {self._input: log_mel(normalised(audio))[None]})
        except Exception as error:  # as above
            raise EngineError(f"end-of-turn model failed: {error}") from error
        return float(np.clip(output.reshape(-1)[0], 0.0, 1.0))
