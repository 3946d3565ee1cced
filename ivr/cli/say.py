"""`ivr say`: text to a WAV file, to hear how a prompt will sound."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import soundfile

from ivr.audio.frame import SAMPLE_RATE
from ivr.audio.levels import peak_dbfs
from ivr.dialog.spoken import verbalise
from ivr.errors import ConfigError, InputError, SynthesisError
from ivr.tts import registry
from ivr.tts.base import SpeechAudio, SpeechRequest
from ivr.tts.local import LocalSynthesis
from ivr.tts.loudness import active_level
from ivr.tts.settings import SynthesisSettings, VoiceChoice


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("say", help="speak a text into a WAV file")
    parser.add_argument("text", help="what to say; - reads standard input")
    parser.add_argument("--lang", default="", metavar="LANG", help="en, zh or another tag (default: by the script)")
    parser.add_argument("--engine", choices=registry.names(), help="default: the best one there is")
    parser.add_argument("--voice", default="", help="a voice of that engine (default: the engine's own)")
    parser.add_argument("--rate", type=float, default=1.0, help="speed, 0.5 to 2 (default 1)")
    parser.add_argument("--as-written", action="store_true", help="do not put figures and signs into words first")
    parser.add_argument("--cache", type=Path, help="folder of the prompt cache (default: none)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("-o", "--output", type=Path, default=Path("out.wav"), help="default: out.wav")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    if not 0.5 <= args.rate <= 2.0:
        raise ConfigError(f"--rate is {args.rate}, must be from 0.5 to 2")
    text = (sys.stdin.read() if args.text == "-" else args.text).strip()
    language = args.lang or ("zh" if any("一" <= char <= "鿿" for char in text) else "en")
    spoken = text if args.as_written else verbalise(text, language)
    voices = {language: (VoiceChoice(args.engine, args.voice),)} if args.engine else {}
    synthesis = LocalSynthesis(SynthesisSettings(voices=voices, cache=args.cache))
    try:
        audio = synthesis.synthesise(SpeechRequest(spoken, language, args.voice, args.rate))
    finally:
        synthesis.close()
    if not len(audio.samples):
        raise InputError(f"there is nothing to say in {text!r}")
    _write(args.output, audio)
    _report(args, spoken, language, audio)
    return 0


def _write(path: Path, audio: SpeechAudio) -> None:
    try:
        soundfile.write(path, audio.samples, SAMPLE_RATE, "PCM_16", format="WAV")
    except (OSError, soundfile.LibsndfileError) as error:
        raise SynthesisError(f"{path}: cannot be written: {error}") from error


def _report(args: argparse.Namespace, spoken: str, language: str, audio: SpeechAudio) -> None:
    seconds = len(audio.samples) / SAMPLE_RATE
    level = active_level(audio.samples)
    if args.json:
        about = {"file": str(args.output), "text": spoken, "language": language, "engine": audio.engine,
                 "audio_s": round(seconds, 3), "level_dbfs": level and round(level, 1),
                 "peak_dbfs": round(peak_dbfs(audio.samples), 1)}  # fmt: skip
        print(json.dumps(about, ensure_ascii=False))
        return
    print(f"{spoken}")
    shown = f"{level:.1f} dBFS" if level is not None else "silent"
    print(f"{args.output}: {seconds:.2f} s, {audio.engine}, {language}, level {shown}, "
          f"peak {peak_dbfs(audio.samples):.1f} dBFS")  # fmt: skip
