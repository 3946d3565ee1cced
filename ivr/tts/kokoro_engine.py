"""`kokoro`: Kokoro-82M (Apache-2.0), int8, on ONNX Runtime. The natural voice for English and Mandarin.

About as fast as real time on one core, so prompts are cached and rendered ahead. The same text gives the same samples.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ivr.audio.frame import SAMPLE_RATE
from ivr.audio.resample import resample
from ivr.errors import ModelError, SynthesisError
from ivr.models.verify import model_path
from ivr.tts.base import Mark, SpeechAudio, SpeechRequest, SynthesiserCapabilities
from ivr.tts.kokoro_phonemes import english, mandarin, to_ids

NATIVE_RATE = 24_000
MAX_SYMBOLS = 509
"""What the model takes at once, without the pad at both ends."""
DEFAULT_VOICES = {"en": "af_heart", "zh": "zf_xiaoyi"}
_STYLE = (510, 1, 256)
"""A voice: one style vector for each number of symbols."""


class KokoroSynthesiser:
    """`threads` for one sentence (0 = two, or one on a single core); `folder` instead of the fetched model's.

    Voices: the first letter is the accent (a American, b British, z Mandarin), the second f or m."""

    name = "kokoro"

    def __init__(self, threads: int = 0, folder: str = "") -> None:
        import onnxruntime

        self._folder = Path(folder) if folder else model_path("kokoro")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or min(2, os.cpu_count() or 1)
        options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(
                str(self._folder / "kokoro.onnx"), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's own exception types derive from Exception alone
            raise ModelError(f"{self._folder / 'kokoro.onnx'}: cannot be loaded: {error}") from error
        self._styles: dict[str, npt.NDArray[np.float32]] = {}
        voices = tuple(sorted(path.stem for path in (self._folder / "voices").glob("*.bin")))
        self.capabilities = SynthesiserCapabilities(("en", "zh"), voices, False, NATIVE_RATE)

    def synthesise(self, request: SpeechRequest) -> SpeechAudio:
        primary = request.language.split("-")[0].lower()
        if primary not in DEFAULT_VOICES:
            raise SynthesisError(f"kokoro does not speak {request.language!r}, only en and zh")
        voice = request.voice or DEFAULT_VOICES[primary]
        symbols = mandarin(request.text) if primary == "zh" else english(request.text, british=voice.startswith("b"))
        ids = to_ids(symbols)
        if not ids:
            raise SynthesisError(f"kokoro finds nothing to say in {request.text[:40]!r}")
        pieces = [self._run(ids[at : at + MAX_SYMBOLS], voice, request.rate) for at in range(0, len(ids), MAX_SYMBOLS)]
        wave = np.clip(np.rint(np.concatenate(pieces) * 32_767.0), -32_768, 32_767).astype(np.int16)
        return SpeechAudio(resample(wave, NATIVE_RATE, SAMPLE_RATE), (Mark(0, 0),), self.name)

    def _run(self, ids: list[int], voice: str, rate: float) -> npt.NDArray[np.float32]:
        inputs: dict[str, Any] = {
            "tokens": np.array([[0, *ids, 0]], dtype=np.int64),
            "style": self._style(voice)[len(ids) - 1],
            "speed": np.array([rate], dtype=np.float32),
        }
        try:
            output = self._session.run(None, inputs)[0]
        except Exception as error:  # as above
            raise SynthesisError(f"kokoro failed: {error}") from error
        return np.asarray(output, dtype=np.float32).reshape(-1)

    def _style(self, voice: str) -> npt.NDArray[np.float32]:
        if voice not in self._styles:
            if voice not in self.capabilities.voices:
                raise SynthesisError(f"kokoro has no voice {voice!r}; there are: {', '.join(self.capabilities.voices)}")
            path = self._folder / "voices" / f"{voice}.bin"
            values = np.fromfile(path, dtype="<f4")
            if values.size != np.prod(_STYLE):
                raise ModelError(f"{path}: has {values.size} numbers, a voice has {np.prod(_STYLE)}")
            self._styles[voice] = values.reshape(_STYLE)
        return self._styles[voice]

    def close(self) -> None:
        self._styles.clear()
