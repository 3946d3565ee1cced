"""`ivr transcribe FILE...`: recordings as text, by the engines the service uses."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain

from ivr.asr.base import Recogniser, RecogniserSpec, RecognitionRequest, Transcript, Word
from ivr.asr.config import RecognitionConfig, default_config
from ivr.asr.language import guess_language
from ivr.asr.registry import create, names
from ivr.asr.segments import Segment, segments
from ivr.asr.two_pass import TwoPassRecogniser
from ivr.audio.frame import SAMPLE_RATE, Samples
from ivr.audio.vad import create_detector
from ivr.audio.wav import iter_frames
from ivr.errors import ConfigError, EngineError, InputError

LANGUAGES = ("en", "zh")
TWO_PASS = "two-pass"  # noqa: S105 no password
VOSK_MODELS = {"en": "vosk-en", "zh": "vosk-zh"}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("transcribe", help="recordings as text")
    parser.add_argument("files", nargs="+", metavar="FILE", help="sound file of any common format, rate and length")
    parser.add_argument("--lang", choices=LANGUAGES, help="language spoken (default: found out, a file at a time)")
    parser.add_argument(
        "--engine",
        default=TWO_PASS,
        metavar="NAME",
        help=f"{TWO_PASS} (default: the engines the service uses), {', '.join(names())}",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a file and line")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit 1 when a file could not be read; the others are still done."""
    engines = _Engines(args.engine)
    failed = False
    try:
        for file in args.files:
            try:
                result = _transcribe(file, args.lang, engines)
            except (InputError, EngineError) as error:
                failed = True
                print(f"ivr transcribe: {error}", file=sys.stderr, flush=True)
                if args.json:
                    print(json.dumps({"file": file, "error": str(error)}, ensure_ascii=False), flush=True)
                continue
            line = json.dumps(result, ensure_ascii=False) if args.json else f"{file}: {result['text']}"
            print(line, flush=True)
    finally:
        engines.close()
    return 1 if failed else 0


def _transcribe(file: str, language: str | None, engines: _Engines) -> dict[str, object]:
    started = time.process_time()
    counted = _Counted(iter_frames(file))
    pieces = segments(counted, create_detector("webrtc"))
    first = next(pieces, None)
    if language is None:
        language = engines.language_of(first.samples) if first else LANGUAGES[0]
    engine = engines.get(language)
    results = [_recognise(engine, piece, language) for piece in chain([first] if first else [], pieces)]
    words = [word for _, spoken in results for word in spoken]
    space = "" if language == "zh" else " "
    sure = [word.confidence for word in words]
    return {
        "file": file,
        "text": space.join(transcript.text for transcript, _ in results if transcript.text),
        "words": [
            {"word": word.text, "start": word.start_ms / 1000, "end": word.end_ms / 1000, "confidence": word.confidence}
            for word in words
        ],
        "confidence": round(sum(sure) / len(sure), 4) if sure else 0.0,
        "language": language,
        "engine": engine.name,
        "audio_s": round(counted.samples / SAMPLE_RATE, 3),
        "cpu_s": round(time.process_time() - started, 3),
    }


def _recognise(engine: Recogniser, piece: Segment, language: str) -> tuple[Transcript, list[Word]]:
    utterance = engine.start(RecognitionRequest(language))
    utterance.accept(piece.samples)
    transcript = utterance.finish()
    words = transcript.hypotheses[0].words if transcript.hypotheses else ()
    moved = [
        Word(**{**asdict(word), "start_ms": word.start_ms + piece.start_ms, "end_ms": word.end_ms + piece.start_ms})
        for word in words
    ]
    return transcript, moved


class _Counted:
    """Frames passed on and counted."""

    def __init__(self, frames: Iterator[Samples]) -> None:
        self._frames = frames
        self.samples = 0

    def __iter__(self) -> Iterator[Samples]:
        for frame in self._frames:
            self.samples += len(frame)
            yield frame


class _Engines:
    """Engines by language, loaded when first needed; one model is loaded once."""

    def __init__(self, engine: str) -> None:
        if engine != TWO_PASS and engine not in names():
            raise ConfigError(f"no engine is called {engine!r}; there are: {TWO_PASS}, {', '.join(names())}")
        self._engine = engine
        self._config: RecognitionConfig = default_config()
        self._loaded: dict[str, Recogniser] = {}

    def get(self, language: str) -> Recogniser:
        if self._engine == TWO_PASS:
            passes = self._config.passes(RecognitionRequest(language))
            stream, final = (passes.get("stream"), passes.get("final"))
            return TwoPassRecogniser(
                self._load(self._config.engines[stream]) if stream else None,
                self._load(self._config.engines[final]) if final else None,
            )
        if self._engine == "vosk":
            return self._load(RecogniserSpec("vosk", {"model": VOSK_MODELS[language]}, (language,)))
        if self._engine == "whisper":
            return self._whisper()
        return self._load(RecogniserSpec(self._engine, {}, LANGUAGES))

    def language_of(self, samples: Samples) -> str:
        """The language spoken, by Whisper."""
        return guess_language(self._whisper(), samples, LANGUAGES).language  # type: ignore[arg-type]

    def close(self) -> None:
        for engine in self._loaded.values():
            engine.close()

    def _whisper(self) -> Recogniser:
        return self._load(self._config.engines["whisper"])

    def _load(self, spec: RecogniserSpec) -> Recogniser:
        key = f"{spec.engine} {dict(spec.settings)}"
        if key not in self._loaded:
            self._loaded[key] = create(spec)
        return self._loaded[key]
