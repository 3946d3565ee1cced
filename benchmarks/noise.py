"""Speech in babble, street noise and music: how much of it is heard, how soon, and what is heard where there is none.

    python benchmarks/noise.py [--data DIR] [--clips 30] [--json FILE]

Recorded words, digits and sentences are mixed into each noise at 20, 10 and 5 dB (active level of the speech over the
noise's), one every few seconds, with 10 s of noise alone in front. Blocks of 20 ms: how many of those with speech (to
20 dB below its level) are heard as voice, and how many of those with noise alone. Onsets: clips at whose beginning a
gate that was closed opens within 600 ms (in steady babble a gate stays open: no onset), and openings where nobody
speaks, by the minute. Ours is the ear of a call: the default detector, and the gate above the line's noise. Silero
(probability 0.5) and webrtcvad (mode 2) stand alone, behind the same gate without its level. Babble: the recordings'
own speakers, six at once; street: engines, rain, dogs at once; music: what waits on hold.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
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


@dataclass(frozen=True, slots=True)
class Scene:
    """Speech in noise, at 16 kHz."""

    line: Samples
    speech: Samples
    """The speech alone, as long as the line."""
    starts: tuple[int, ...]
    ends: tuple[int, ...]


def scene(noise: Samples, clips: Sequence[Samples], snr_db: float, rng: random.Random) -> Scene:
    """The mixture, and where each clip lies."""
    bed = levelled(noise, SPEECH_DBFS - snr_db)
    clean = np.zeros(len(bed), dtype=np.int16)
    at, starts, ends = LEAD_S * SAMPLE_RATE, list[int](), list[int]()
    for clip in clips:
        if at + len(clip) > len(clean):
            break
        clean[at : at + len(clip)] = clip
        starts.append(at)
        ends.append(at + len(clip))
        at += len(clip) + to_samples(rng.uniform(2500, 4000))
    return Scene(mixed(clean, bed, noise_floor(len(bed))), clean, tuple(starts), tuple(ends))


def heard(line: Samples, voiced: Callable[[Samples], bool]) -> npt.NDArray[np.bool_]:
    """The listener's word on each block."""
    ends = range(FRAME_SAMPLES, len(line) + 1, FRAME_SAMPLES)
    return np.array([voiced(line[end - FRAME_SAMPLES : end]) for end in ends], dtype=np.bool_)


def onsets(flags: npt.NDArray[np.bool_], settings: GateSettings) -> list[int]:
    """Where a gate opens that closes after CLOSES_MS without voice."""
    gate, found = SpeechGate(settings), []
    for index, flag in enumerate(flags.tolist()):
        now = (index + 1) * FRAME_SAMPLES
        if gate.update(now, flag):
            found.append(now)
        if gate.onset_at is not None and now - gate.last_voice_at >= to_samples(CLOSES_MS):
            gate.close()
    return found


def judged(flags: npt.NDArray[np.bool_], one: Scene, settings: GateSettings) -> dict[str, Any]:
    """Blocks and onsets, right and wrong."""
    whole = one.speech[: len(flags) * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES).astype(np.float64)
    levels = 10 * np.log10(np.maximum((whole**2).mean(axis=1) / 32768.0**2, 1e-12))
    near = np.zeros(len(flags), dtype=np.bool_)
    found, delays, own = onsets(flags, settings), list[int](), set[int]()
    for start, end in zip(one.starts, one.ends, strict=True):
        near[start // FRAME_SAMPLES : (end + to_samples(300)) // FRAME_SAMPLES] = True
        inside = [at for at in found if start - to_samples(100) <= at <= end + to_samples(CLOSES_MS)]
        own |= set(inside)
        if inside and inside[0] <= start + to_samples(600):
            delays.append(max(0, to_ms(inside[0] - start)))
    spoken = levels > SPEECH_DBFS - 20
    minutes = float((~near).sum()) * FRAME_SAMPLES / SAMPLE_RATE / 60
    return {
        "speech_heard": round(float(flags[spoken].mean()), 3), "noise_heard": round(float(flags[~near].mean()), 3),
        "clips": len(one.starts), "onsets": len(delays),
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
    print(f"{before}\n{'noise':8} {'SNR':>6}  {'':10} speech heard  noise heard   onsets  median ms  false  a minute")
    for name, make in (("babble", babble), ("street", street), ("music", music)):
        noise = make(root, rng, seconds)
        if active_dbfs(noise) < -80:
            print(f"{name:8} left out: no recordings in {root}")
            continue
        for snr in SNRS_DB:
            mixture = scene(noise, clips, snr, random.Random(8))
            for who, voiced in listeners().items():
                one = judged(heard(mixture.line, voiced), mixture, settings)
                rows.append({"noise": name, "snr_db": snr, "who": who, **one})
                speech_share, noise_share = 100 * one["speech_heard"], 100 * one["noise_heard"]
                print(
                    f"{name:8} {snr:3} dB  {who:10} {speech_share:10.0f} % {noise_share:9.1f} %"
                    f"  {one['onsets']:4} of {one['clips']:3}  {one['median_ms']!s:>9}  {one['false']:5}"
                    f"  {one['false_a_minute']:8.2f}",
                    flush=True,
                )
    for who in listeners():
        own = [row for row in rows if row["who"] == who]
        means = [100 * statistics.mean(row[key] for row in own) for key in ("speech_heard", "noise_heard")]
        fresh, false = sum(row["onsets"] for row in own), sum(row["false"] for row in own)
        print(f"{who:10} in all: {means[0]:.0f} % of speech, {means[1]:.1f} % of noise, {fresh} onsets, {false} false")
    if options.json:
        whole = {"when": time.strftime("%Y-%m-%d"), "before": before, "after": load(), "rows": rows}
        options.json.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
