"""Speech in babble, street noise and music: how much of it is heard, how soon, and what is heard where there is none.

    python benchmarks/noise.py [--data DIR] [--clips 30] [--json FILE]

Recorded words, digits and sentences are mixed into each noise at 20, 10 and 5 dB (active level of the speech over the
noise's), one every few seconds, with 10 s of noise alone in front. Detected: an onset from 100 ms before to 600 ms
after the speech begins (a later one is missed: the bot would have spoken on). A false trigger is any onset elsewhere,
given by the minute of noise without speech. Ours is the ear of a call: the default detector, the gate above the line's
noise, the onset window. Silero (probability 0.5) and webrtcvad (mode 2) stand alone, each with our gate's onset window
and with none of our level. Babble: the recordings' own speakers, six at once; street: engine, rain, dogs and steps at
once; music: what waits on hold.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from null_calls import load
from turn_calls import active_dbfs, audio_root, levelled, mixed, noise_floor, over_the_phone, speech

from ivr.audio.frame import FRAME_SAMPLES, SAMPLE_RATE, Samples, to_ms, to_samples
from ivr.audio.vad import VoiceDetector, create_detector
from ivr.audio.wav import read_audio
from ivr.call.ears import Ears
from ivr.call.settings import CallSettings
from ivr.service.detectors import detector_maker
from ivr.turn.gate import GateSettings, SpeechGate

SNRS_DB = (20, 10, 5)
LEAD_S = 10
SPEECH_DBFS = -22.0
CLOSES_MS = 700


def babble(root: Path, rng: random.Random, seconds: float) -> Samples:
    """Six speakers at once, each going on without a pause."""
    paths = sorted(p for folder in ("en_prompts_allison", "en_sentences", "zh_aishell3", "zh_sentences")
                   for p in (root / folder).glob("*.wav"))  # fmt: skip
    return layered(
        [np.concatenate([speech(path) for path in rng.sample(paths, min(8, len(paths)))]) for _ in range(6)], seconds
    )


def street(root: Path, rng: random.Random, seconds: float) -> Samples:
    wanted = ("Helicopter", "Rain", "Dog", "Fire", "Chainsaw", "Sea")
    paths = [path for path in sorted((root / "noise_esc10").glob("*.wav")) if path.name.startswith(wanted)]
    chosen = rng.sample(paths, min(4, len(paths)))
    return layered([levelled(over_the_phone(read_audio(path)), -30) for path in chosen], seconds)


def music(root: Path, rng: random.Random, seconds: float) -> Samples:
    paths = sorted((root / "hold_music").glob("*.wav"))
    if not paths:
        return np.zeros(0, dtype=np.int16)
    return np.resize(np.concatenate([read_audio(path) for path in paths]), to_samples(1000 * seconds))


def layered(voices: Sequence[Samples], seconds: float) -> Samples:
    length = to_samples(1000 * seconds)
    return mixed(*(np.resize(voice, length) // 2 for voice in voices))


def scene(noise: Samples, clips: Sequence[Samples], snr_db: float, rng: random.Random) -> tuple[Samples, list[int]]:
    """The mixture, and where each clip begins."""
    bed = levelled(noise, SPEECH_DBFS - snr_db)
    line = np.zeros(len(bed), dtype=np.int16)
    at, starts = LEAD_S * SAMPLE_RATE, []
    for clip in clips:
        if at + len(clip) > len(line):
            break
        line[at : at + len(clip)] = clip
        starts.append(at)
        at += len(clip) + to_samples(rng.uniform(2500, 4000))
    return mixed(line, bed, noise_floor(len(bed))), starts


def onsets(line: Samples, voiced: Callable[[Samples], bool], settings: GateSettings) -> list[int]:
    """Where a gate opens that closes after CLOSES_MS without voice."""
    gate, found = SpeechGate(settings), []
    for index in range(len(line) // FRAME_SAMPLES):
        now = (index + 1) * FRAME_SAMPLES
        if gate.update(now, voiced(line[index * FRAME_SAMPLES : now])):
            found.append(now)
        if gate.onset_at is not None and now - gate.last_voice_at >= to_samples(CLOSES_MS):
            gate.close()
    return found


def judged(found: Sequence[int], starts: Sequence[int], clips: Sequence[Samples], length: int) -> dict[str, Any]:
    """Recall, reaction and false triggers."""
    delays, own = [], set[int]()
    for start, clip in zip(starts, clips, strict=False):
        inside = [at for at in found if start - to_samples(100) <= at <= start + len(clip) + to_samples(CLOSES_MS)]
        own |= set(inside)
        if inside and inside[0] <= start + to_samples(600):
            delays.append(max(0, to_ms(inside[0] - start)))
    spoken = sum(len(clip) + to_samples(CLOSES_MS) for clip in clips[: len(starts)])
    minutes = (length - spoken) / SAMPLE_RATE / 60
    return {
        "clips": len(starts), "heard": len(delays), "recall": round(len(delays) / len(starts), 3),
        "median_ms": round(statistics.median(delays)) if delays else None,
        "false": len(set(found) - own), "false_a_minute": round(len(set(found) - own) / minutes, 2),
    }  # fmt: skip


def ears(detector: VoiceDetector) -> Callable[[Samples], bool]:
    """As a call hears: with the gate's level above the line's noise."""
    settings = CallSettings()
    whole = Ears(detector, SpeechGate(settings.gate), settings.echo)
    return lambda block: whole.hear(block, False, -90.0).voiced


def alone(detector: VoiceDetector) -> Callable[[Samples], bool]:
    return lambda block: detector.detect(block) >= 0.5


def listeners() -> dict[str, Callable[[Samples], bool]]:
    """Fresh ones: they keep state."""
    return {
        "ivr": ears(detector_maker()()), "silero": alone(detector_maker("silero")()),
        "webrtcvad": alone(create_detector("webrtc", mode=2)),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="DIR", help="recordings (default: IVR_BENCH_AUDIO, or audio_fixtures)")
    parser.add_argument("--clips", type=int, default=30, help="utterances in each scene")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    root, before, rng = audio_root(options.data), load(), random.Random(7)
    folders = ("en_digits_fsdd", "en_intents_coffee", "en_sentences", "en_service_calls", "zh_words_yuetan")
    paths = sorted(path for folder in folders for path in (root / folder).glob("*.wav"))
    clips = [
        speech(path, SPEECH_DBFS)[: to_samples(5000)] for path in rng.sample(paths, min(options.clips, len(paths)))
    ]
    seconds = LEAD_S + sum(len(clip) for clip in clips) / SAMPLE_RATE + 4.2 * len(clips)
    rows: list[dict[str, Any]] = []
    settings = CallSettings().gate
    print(f"{before}\n{'noise':8} {'SNR':>6}  {'':10} heard of clips  recall  median ms  false  a minute")
    for name, make in (("babble", babble), ("street", street), ("music", music)):
        noise = make(root, rng, seconds)
        if active_dbfs(noise) < -80:
            print(f"{name:8} left out: no recordings in {root}")
            continue
        for snr in SNRS_DB:
            line, starts = scene(noise, clips, snr, random.Random(8))
            for who, voiced in listeners().items():
                one = judged(onsets(line, voiced, settings), starts, clips, len(line))
                rows.append({"noise": name, "snr_db": snr, "who": who, **one})
                print(
                    f"{name:8} {snr:3} dB  {who:10} {one['heard']:5} of {one['clips']:4}  {one['recall']:6.2f}"
                    f"  {one['median_ms']!s:>9}  {one['false']:5}  {one['false_a_minute']:8.2f}",
                    flush=True,
                )
    for who in listeners():
        own = [row for row in rows if row["who"] == who]
        recall = sum(row["heard"] for row in own) / sum(row["clips"] for row in own)
        print(f"{who:10} in all: recall {recall:.3f}, false triggers {sum(row['false'] for row in own)}")
    if options.json:
        whole = {"when": time.strftime("%Y-%m-%d"), "before": before, "after": load(), "rows": rows}
        options.json.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
