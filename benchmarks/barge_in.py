"""How soon the bot yields: the caller's onset while it speaks -> the bot 12 dB lower or silent, and -> silent for good.

    python benchmarks/peers/install.py pipecat              # once
    python benchmarks/barge_in.py [--data DIR] [--onsets 40] [--no-peers] [--json FILE]

The same recorded speech, the same onsets, the same prompt for all. Ours is the session on the sample clock, with a
streaming recogniser where its model is fetched, its words charged with 60 ms. `webrtcvad` is a bare loop: the first
frame that it calls speech stops the prompt, whatever it was. pipecat runs in its own environment on a transport in
memory with its default voice detector and turn settings, and the same recogniser, in real time. All are read off the
sound of the bot, in steps of 5 ms, from the caller's first loud 5 ms on; only onsets count that come while it speaks.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import webrtcvad
from null_calls import load
from peers.line import PeerLine, pipecat_line
from turn_calls import (
    AskingDialog,
    BenchEngines,
    Bot,
    Caller,
    Held,
    Pause,
    Quiet,
    Say,
    audio_root,
    hold,
    joined,
    mixed,
    noise_floor,
    speech,
    streaming_only,
)  # fmt: skip

from ivr.audio.frame import FRAME_SAMPLES, SAMPLE_RATE, Samples, to_samples
from ivr.call.session import CallSession
from ivr.call.settings import CallSettings
from ivr.call.words import SpokenWords
from ivr.dialog import events as dialog
from ivr.replay.measure import HOP, Levels, figures, levels_of
from ivr.replay.shell import SyncShell
from ivr.service.detectors import detector_maker

PROMPT_S = 9.0


def onsets(root: Path, count: int) -> list[Samples]:
    """Recorded speech to interrupt with: words, digits and sentences of many speakers, at a telephone's level."""
    names = sorted(
        path
        for folder in ("en_digits_fsdd", "en_digits_sc09", "en_intents_coffee", "en_sentences", "en_service_calls",
                       "zh_sentences", "zh_aishell3", "en_wakewords", "en_cards")
        for path in (root / folder).glob("*.wav")
    )  # fmt: skip
    rng = random.Random(1)
    chosen = rng.sample(names, min(count, len(names)))
    return [speech(path, rng.uniform(-30, -18))[: to_samples(4000)] for path in chosen]


def prompt_voice() -> Samples:
    """A prompt of PROMPT_S as loud as a voice and perfectly even, so that any drop of it is the bot's doing. Nothing
    of it comes back on the line: what it says plays no part."""
    return noise_floor(to_samples(1000 * PROMPT_S), -20, seed=3)


def caller(sounds: Sequence[Samples]) -> Caller:
    """Interrupts each prompt 1.2 to 2.2 s after its beginning."""
    rng = random.Random(2)
    yield Quiet(0)
    for sound in sounds:
        yield Bot(1200 + rng.uniform(0, 1000))
        yield Say(sound)
        yield Quiet(300, timeout_ms=4000)
    yield Pause(1000)


def ours(sounds: Sequence[Samples], voice: Samples) -> Held:
    engines = BenchEngines(streaming_only(), voice)
    listen = dialog.ListenSettings(start_timeout_ms=60_000)
    session = CallSession(
        AskingDialog(settings=listen), dialog.CallContext("bench", "1", "2", "en", "2026-01-05T10:00:00+08:00"),
        detector_maker()(), SpokenWords(), CallSettings(call_limit_ms=10**8, streams=frozenset({"en"})),
    )  # fmt: skip
    session.start()
    shell = SyncShell(session, engines)
    held = hold(shell, caller(sounds), background=noise_floor(5 * SAMPLE_RATE), limit_s=3000)
    engines.close()
    return held


def bare_vad(held: Held, voice: Samples, mode: int = 2) -> Samples:
    """The same caller against a loop that is silent from the first frame of speech on, and begins the prompt anew
    after 600 ms without."""
    detector = webrtcvad.Vad(mode)
    out: list[Samples] = []
    at, quiet = 0, 0
    for index in range(len(held.caller) // FRAME_SAMPLES):
        out.append(voice[at : at + FRAME_SAMPLES] if quiet >= 600 else np.zeros(FRAME_SAMPLES, dtype=np.int16))
        at = (at + FRAME_SAMPLES) % (len(voice) - FRAME_SAMPLES)
        block = held.caller[index * FRAME_SAMPLES : (index + 1) * FRAME_SAMPLES]
        quiet = 0 if detector.is_speech(block.tobytes(), SAMPLE_RATE) else quiet + 20
    return np.concatenate(out)


def row(name: str, said: Samples, onsets_at: Sequence[int], note: str = "") -> dict[str, Any]:
    """How soon the bot was lowered or silent, and silent for good, after each onset that came while it spoke."""
    levels = levels_of(said)
    lowered, stops, count = list[int](), list[int](), 0
    for onset in onsets_at:
        hop = onset // HOP
        before = levels[max(0, hop - 100) : hop]
        if len(before) < 100 or (before < -50).mean() > 0.2:
            continue  # the bot was not speaking
        count += 1
        usual = float(np.median(before))  # 12 dB lower, and 2 dB for how levels of 5 ms vary
        if (ms := stays_below(levels, hop, usual - 10.0)) is not None:
            lowered.append(ms)
        if (ms := stays_below(levels, hop, -50.0)) is not None:
            stops.append(ms)
    return {
        "who": name, "onsets": count, "yield_ms": figures(lowered).to_json(), "not_yielding": count - len(lowered),
        "silent_ms": figures(stops).to_json(), "not_silent": count - len(stops), "note": note,
    }  # fmt: skip


def stays_below(levels: Levels, hop: int, limit: float, within_ms: int = 2500, hold_ms: int = 200) -> int | None:
    """Milliseconds from a hop until the level stays below a limit for `hold_ms`; None if it does not in time."""
    low = levels[hop : hop + (within_ms + hold_ms) // 5] < limit
    run = 0
    for index, is_low in enumerate(low.tolist()):
        run = run + 1 if is_low else 0
        if run * 5 >= hold_ms:
            return (index + 1 - run) * 5
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="DIR", help="recordings (default: IVR_BENCH_AUDIO, or audio_fixtures)")
    parser.add_argument("--onsets", type=int, default=40)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    root, before = audio_root(options.data), load()
    sounds, voice = onsets(root, options.onsets), prompt_voice()
    held = ours(sounds, voice)
    starts = [begin for _, begin, _ in held.said]
    rows = [row("ivr", held.bot, starts), row("bare webrtcvad (mode 2)", bare_vad(held, voice), starts)]
    if not options.no_peers:
        line, places = interrupting_line(sounds)
        peer: PeerLine | None = pipecat_line(line, voice)
        if peer is None:
            print("pipecat is not installed: python benchmarks/peers/install.py pipecat", file=sys.stderr)
        else:
            rows.append(row(f"pipecat {peer.version}", peer.bot, places, peer.note))
    print(f"{len(sounds)} onsets of recorded speech; {before}")
    print(f"{'':26} onsets   lowered or silent (ms)        never   silent (ms)                   never")
    for one in rows:
        lowered, silent = one["yield_ms"], one["silent_ms"]
        print(
            f"{one['who']:26} {one['onsets']:6}   median {lowered['median']} p95 {lowered['p95']!s:>5}{'':10}"
            f"{one['not_yielding']:6}   median {silent['median']} p95 {silent['p95']!s:>5}{'':10}{one['not_silent']:6}"
        )
    if options.json:
        result = {"when": time.strftime("%Y-%m-%d"), "before": before, "after": load(), "rows": rows}
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def interrupting_line(sounds: Sequence[Samples]) -> tuple[Samples, list[int]]:
    """The same speech at fixed places, for a bot in real time, and the onsets: 3.4 s after each utterance its answer
    (within 1.9 s, or it is late) has run for 1.5 s or longer. The first utterance only makes it speak."""
    line, places = joined([sounds[-1], *sounds], [3400.0] * (len(sounds) + 1))
    return mixed(line, noise_floor(len(line))), [begin for begin, _ in places[1:]]


if __name__ == "__main__":
    main()
