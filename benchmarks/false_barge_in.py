"""What wrongly stops a prompt: noises, back-channels and the prompt's own echo; and what rightly does: speech.

    python benchmarks/false_barge_in.py [--data DIR] [--json FILE]

Each sound comes alone, 1.5 s into a prompt that plays on. Ours is the session on the sample clock with a streaming
recogniser; beside it a plain Silero loop on the same sound: the prompt stops at the first window (32 ms) of probability
0.5, or once 250 ms of such windows have come in a row. A barge-in is a prompt that was stopped; one that was lowered
for a moment and came back is counted apart. Back-channels are recorded where there are recordings, else a synthetic
voice's. Echo: the prompt itself, 60 ms late, 20 dB lower, through a room where there is an impulse response.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from null_calls import load
from turn_calls import (
    AskingDialog,
    BenchEngines,
    Caller,
    Pause,
    Say,
    audio_root,
    hold,
    levelled,
    noise_floor,
    over_the_phone,
    speech,
    streaming_only,
)

from ivr.audio.frame import FRAME_SAMPLES, SAMPLE_RATE, Samples, to_samples
from ivr.audio.wav import read_audio
from ivr.call.session import CallSession
from ivr.call.settings import CallSettings
from ivr.call.words import SpokenWords
from ivr.dialog import events as dialog
from ivr.replay.shell import SyncShell
from ivr.service.detectors import detector_maker

PROMPT_S = 12.0
AT_MS = 1500
BACKCHANNELS = ("uh-huh", "mm-hmm", "okay", "yeah", "right", "I see", "hmm", "sure")


@dataclass(frozen=True, slots=True)
class Case:
    kind: str
    name: str
    sound: Samples
    echo_db: float | None = None
    """The prompt comes back this much lower; there is no other sound then."""
    room: Samples | None = None


def cases(root: Path, seed: int = 3) -> list[Case]:
    rng = random.Random(seed)
    found: list[Case] = []
    noises = [*sorted((root / "noise_esc10").glob("*.wav")), *sorted((root / "noise_speech_commands").glob("*.wav"))]
    for path in noises:
        sound = over_the_phone(read_audio(path)[: to_samples(4000)])
        kind = "sneeze" if "sneeze" in path.name.lower() else "noise"
        found.append(Case(kind, path.stem, levelled(sound, rng.uniform(-34, -24))))
    found += [Case("back-channel", text, sound) for text, sound in backchannels()]
    rooms: list[Samples | None] = [read_audio(path) for path in sorted((root / "rirs").glob("rir*.wav"))]
    for index in range(8):
        room = rooms[index % len(rooms)] if rooms and index % 2 else None
        found.append(Case("echo", f"prompt {index}", np.zeros(0, dtype=np.int16), -20.0, room))
    folders = ("en_digits_fsdd", "en_intents_coffee", "en_sentences", "en_service_calls")
    names = sorted(path for folder in folders for path in (root / folder).glob("*.wav"))
    for path in rng.sample(names, min(40, len(names))):
        found.append(Case("speech", path.stem, speech(path, rng.uniform(-30, -18))[: to_samples(4000)]))
    return found


def backchannels() -> list[tuple[str, Samples]]:
    """Said by the default English voice, at a telephone's level."""
    from ivr.tts.base import SpeechRequest
    from ivr.tts.local import LocalSynthesis
    from ivr.tts.settings import SynthesisSettings

    synthesis = LocalSynthesis(SynthesisSettings(), None)
    try:
        said = [synthesis.synthesise(SpeechRequest(text, "en"), "") for text in BACKCHANNELS]
    finally:
        synthesis.close()
    return [(text, levelled(over_the_phone(one.samples), -26)) for text, one in zip(BACKCHANNELS, said, strict=True)]


def prompts(root: Path) -> list[tuple[Samples, str]]:
    """Real voices to be the bot's, and what they say."""
    folder = root / "en_sentences"
    lines = (folder / "transcripts.tsv").read_text(encoding="utf-8").splitlines()
    texts = {line.split("\t")[0]: line.split("\t")[4] for line in lines[1:]}
    found = []
    for path in sorted(folder.glob("librivox_*.wav")):
        voice = speech(path, -20)
        times = -(-to_samples(1000 * PROMPT_S) // len(voice))
        found.append((np.tile(voice, times), ", ".join([texts[path.name]] * times)))
    return found


def echo_path(case: Case) -> Samples | None:
    """Impulse response from the bot to the caller's line, as factors."""
    if case.echo_db is None:
        return None
    taps = np.zeros(to_samples(60) + 1)
    taps[-1] = 1.0
    if case.room is not None:
        room = case.room[: SAMPLE_RATE // 4].astype(np.float64)
        taps = np.convolve(taps, room / np.sqrt((room**2).sum()))
    return taps * 10 ** (case.echo_db / 20)  # type: ignore[return-value]


def caller(sound: Samples) -> Caller:
    yield Pause(AT_MS)
    if len(sound):
        yield Say(sound)
    yield Pause(6000 - 1000 * len(sound) / SAMPLE_RATE)


def ours(case: Case, voice: Samples, text: str, engines: BenchEngines) -> dict[str, Any]:
    """Whether the prompt was lowered, was stopped, and by when (ms from the sound's beginning)."""
    session = CallSession(
        AskingDialog(text),
        dialog.CallContext("bench", "1", "2", "en", "2026-01-05T10:00:00+08:00"),
        detector_maker()(), SpokenWords(), CallSettings(call_limit_ms=10**8, streams=frozenset({"en"})),
    )  # fmt: skip
    session.start()
    engines.voice = voice
    shell = SyncShell(session, engines)
    hold(shell, caller(case.sound), background=noise_floor(5 * SAMPLE_RATE), echo=echo_path(case))
    lowered = [event for event in shell.journal if event.kind == "barge_in.duck"]
    stopped = [event for event in shell.journal if event.kind == "prompt.cut"]
    begin = to_samples(AT_MS)
    return {
        "lowered": bool(lowered), "stopped": bool(stopped),
        "resumed": any(event.kind == "prompt.resume" for event in shell.journal),
        "words": [str(event.data["text"]) for event in shell.journal if event.kind == "in.PartialTranscript"][:3],
        "stop_ms": (stopped[0].at - begin) * 1000 // SAMPLE_RATE if stopped else None,
    }  # fmt: skip


def silero(case: Case, voice: Samples, least_ms: int) -> dict[str, Any]:
    """A loop that stops the prompt at speech, on the sound the session had: the echo is that of the whole prompt."""
    detector = detector_maker("silero")()
    length = to_samples(6000)
    line = noise_floor(length).astype(np.float64)
    line[to_samples(AT_MS) : to_samples(AT_MS) + len(case.sound)] += case.sound
    path = echo_path(case)
    if path is not None:
        line += np.convolve(voice[:length].astype(np.float64), path)[:length]
    samples = np.clip(np.rint(line), -32768, 32767).astype(np.int16)
    run = 0
    for index in range(length // FRAME_SAMPLES):
        run = run + 20 if detector.detect(samples[index * 320 : (index + 1) * 320]) >= 0.5 else 0
        if run >= max(20, least_ms):
            return {"stopped": True, "stop_ms": (index + 1) * 20 - AT_MS}
    return {"stopped": False, "stop_ms": None}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="DIR", help="recordings (default: IVR_BENCH_AUDIO, or audio_fixtures)")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    root, before = audio_root(options.data), load()
    voices, found = prompts(root), cases(root)
    engines = BenchEngines(streaming_only(), voices[0][0])
    results: list[dict[str, Any]] = []
    for index, case in enumerate(found):
        voice, text = voices[index % len(voices)]
        results.append({
            "kind": case.kind, "name": case.name, "ivr": ours(case, voice, text, engines),
            "silero": silero(case, voice, 0), "silero 250 ms": silero(case, voice, 250),
        })  # fmt: skip
        print(".", end="", file=sys.stderr, flush=True)
    engines.close()
    print(file=sys.stderr)
    table = summary(results)
    print(f"{before}\n{'':14} sounds   ivr stopped  (lowered, resumed)   Silero stopped   Silero 250 ms stopped")
    for kind, row in table.items():
        print(
            f"{kind:14} {row['n']:6}   {row['ivr']:11}  ({row['ivr lowered']:7}, {row['ivr resumed']:7})"
            f"   {row['silero']:14}   {row['silero 250 ms']:21}"
        )
    if options.json:
        whole = {"when": time.strftime("%Y-%m-%d"), "before": before, "after": load(), "table": table, "cases": results}
        options.json.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


def summary(results: Sequence[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """Counts by kind; `false` is all but speech."""
    kinds = [*dict.fromkeys(one["kind"] for one in results), "false in all"]
    table = {}
    for kind in kinds:
        own = [one for one in results if one["kind"] == kind or (kind == "false in all" and one["kind"] != "speech")]
        table[kind] = {
            "n": len(own), "ivr": sum(one["ivr"]["stopped"] for one in own),
            "ivr lowered": sum(one["ivr"]["lowered"] for one in own),
            "ivr resumed": sum(one["ivr"]["resumed"] for one in own),
            "silero": sum(one["silero"]["stopped"] for one in own),
            "silero 250 ms": sum(one["silero 250 ms"]["stopped"] for one in own),
        }  # fmt: skip
    return table


if __name__ == "__main__":
    main()
