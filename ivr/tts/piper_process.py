"""The process that runs Piper, whose code is GPL-3: `python -m ivr.tts.piper_process MODEL.onnx`.

A request is a line of JSON on stdin ({"text", "length_scale"}); the answer is a line of JSON ({"rate", "bytes"} or
{"error"}) and so many bytes of signed 16 bit PCM. It ends with its stdin.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, BinaryIO


def serve(voice: Any, make_config: Any, requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""
    for line in requests:
        request = json.loads(line)
        # Without Piper's noise the same text gives the same samples, as replay needs.
        config = make_config(length_scale=request["length_scale"], noise_scale=0.0, noise_w_scale=0.0)
        try:
            pcm = b"".join(chunk.audio_int16_bytes for chunk in voice.synthesize(request["text"], config))
        except Exception as error:  # whatever it is, the parent is told and decides
            _answer(answers, {"error": f"{type(error).__name__}: {error}"}, b"")
            continue
        _answer(answers, {"rate": voice.config.sample_rate, "bytes": len(pcm)}, pcm)


def _answer(answers: BinaryIO, head: dict[str, object], pcm: bytes) -> None:
    answers.write(json.dumps(head).encode() + b"\n" + pcm)
    answers.flush()


def main() -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between the answers
    try:
        from piper import PiperVoice, SynthesisConfig

        voice = PiperVoice.load(sys.argv[1])
    except Exception as error:  # told to the parent, which names the model and the remedy
        _answer(answers, {"error": f"{type(error).__name__}: {error}"}, b"")
        return
    _answer(answers, {"rate": voice.config.sample_rate, "bytes": 0}, b"")
    serve(voice, SynthesisConfig, sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
