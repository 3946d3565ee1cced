"""`piper`: a natural English voice eight times faster than real time. Piper's code is GPL-3, so it runs in a process of
its own (`piper_process`) and is an optional extra."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np

from ivr.audio.frame import SAMPLE_RATE
from ivr.audio.resample import resample
from ivr.errors import ModelError, SynthesisError
from ivr.models.verify import model_path
from ivr.tts.base import Mark, SpeechAudio, SpeechRequest, SynthesiserCapabilities

MODEL = "piper-en"
INSTALL = "pip install 'ivr[piper]'"


class PiperSynthesiser:
    """`model` is a Piper voice (.onnx with .onnx.json beside it) instead of the fetched one; `language` is what it
    speaks."""

    name = "piper"

    def __init__(self, model: str = "", language: str = "en") -> None:
        if importlib.util.find_spec("piper") is None:
            raise ModelError(f"piper is not installed; run: {INSTALL}")
        self._model = Path(model) if model else _fetched()
        self._language = language
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        with self._lock:
            rate = int(self._start()["rate"])
        self.capabilities = SynthesiserCapabilities((language,), (self._model.stem,), False, rate)

    def synthesise(self, request: SpeechRequest) -> SpeechAudio:
        if request.language.split("-")[0].lower() != self._language:
            raise SynthesisError(f"piper's voice {self._model.stem} does not speak {request.language!r}")
        if request.voice and request.voice != self._model.stem:
            raise SynthesisError(f"piper has no voice {request.voice!r}; there is: {self._model.stem}")
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            rate, pcm = self._exchange({"text": request.text, "length_scale": 1.0 / request.rate})
        if not pcm:
            raise SynthesisError(f"piper made no sound of {request.text[:40]!r}")
        samples = resample(np.frombuffer(pcm, dtype="<i2").astype(np.int16), rate, SAMPLE_RATE)
        return SpeechAudio(samples, (Mark(0, 0),), self.name)

    def _start(self) -> dict[str, Any]:
        self._stop()
        command = [sys.executable, "-m", "ivr.tts.piper_process", str(self._model)]
        self._process = subprocess.Popen(  # noqa: S603 our own module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            return self._read_head()
        except SynthesisError as error:
            self._stop()
            raise ModelError(f"{self._model}: piper cannot load it: {error}") from error

    def _exchange(self, request: dict[str, object]) -> tuple[int, bytes]:
        assert self._process is not None and self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise SynthesisError(f"piper's process is gone: {error}") from error
        head = self._read_head()
        pcm = self._process.stdout.read(head["bytes"])
        if len(pcm) != head["bytes"]:
            raise SynthesisError("piper's process died while it spoke")
        return int(head["rate"]), pcm

    def _read_head(self) -> dict[str, Any]:
        assert self._process is not None and self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SynthesisError("piper's process died")
        head: dict[str, Any] = json.loads(line)
        if "error" in head:
            raise SynthesisError(f"piper failed: {head['error']}")
        return head

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def close(self) -> None:
        with self._lock:
            self._stop()


def _fetched() -> Path:
    """The fetched voice: the one .onnx of its folder. Raises ModelError."""
    folder = model_path(MODEL)
    found = sorted(folder.glob("*.onnx"))
    if not found:
        raise ModelError(f"{folder}: holds no .onnx; run: ivr models fetch {MODEL}")
    return found[0]
