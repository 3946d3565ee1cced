"""Callers who pause inside a number or a sentence: how many are cut off, and what the others wait.

    python benchmarks/cut_offs.py [--data DIR] [--each 30] [--json FILE]

Recorded digits and sentences with pauses of 300 to 1500 ms set into two of three utterances, room noise on the line,
five utterances a call. Ours is the session on the sample clock with a streaming recogniser (its final words charged
with 120 ms) and the end-of-turn model where it is fetched. Beside it endpointers of a fixed silence: one on the very
track of voice that our session heard, so that nothing but the policy differs, and one on Silero's. Delay is from the
caller's last sound to the committed turn (ours) or the decision (fixed). A turn is cut off when it was committed before
his last sound; `merged` are those of them that the session took back when he went on, so that the whole was read as
one; `not taken back` are the utterances that lost a part.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from null_calls import load
from turn_calls import (
    AskingDialog,
    BenchEngines,
    Caller,
    Held,
    Pause,
    Quiet,
    Say,
    audio_root,
    hold,
    joined,
    levelled,
    noise_floor,
    speech,
    streaming_only,
)

from ivr.audio.frame import FRAME_SAMPLES, SAMPLE_RATE, Samples, to_ms, to_samples
from ivr.audio.wav import read_audio
from ivr.call.ears import decode_activity
from ivr.call.session import CallSession
from ivr.call.settings import CallSettings
from ivr.call.words import SpokenWords
from ivr.dialog import events as dialog
from ivr.dialog.events import SlotExpectation
from ivr.end_of_turn import EndOfTurnModel
from ivr.replay.measure import levels_of
from ivr.replay.shell import SyncShell
from ivr.service.detectors import detector_maker
from ivr.service.end_of_turn import end_of_turn_model

A_CALL = 5


@dataclass(frozen=True, slots=True)
class Utterance:
    sound: Samples
    pauses_ms: tuple[int, ...]


def pause(rng: random.Random) -> float:
    return rng.uniform(300, 1500)


def number(root: Path, rng: random.Random, length: int, pauses: int) -> Utterance:
    """Digits of one speaker, 60 to 200 ms apart, with pauses at some places."""
    folder = root / "en_digits_fsdd"
    speaker = rng.choice(sorted({path.stem.split("_")[1] for path in folder.glob("*.wav")}))
    takes = sorted({path.stem.split("_")[2] for path in folder.glob(f"0_{speaker}_*.wav")})
    digits = [speech(folder / f"{rng.randrange(10)}_{speaker}_{rng.choice(takes)}.wav") for _ in range(length)]
    gaps = [rng.uniform(60, 200) for _ in digits]
    places = rng.sample(range(length - 1), min(pauses, length - 1))
    for place in places:
        gaps[place] = pause(rng)
    return Utterance(joined(digits, gaps)[0], tuple(round(gaps[place]) for place in places))


def sentence(root: Path, rng: random.Random, pauses: int) -> Utterance:
    """A sentence, cut where it is quietest near a place chosen by chance."""
    paths = [*sorted((root / "en_sentences").glob("*.wav")), *sorted((root / "en_intents_coffee").glob("*.wav"))]
    sound = speech(rng.choice(paths))[: to_samples(8000)]
    levels, parts, gaps, at = levels_of(sound), list[Samples](), list[float](), 0
    for part in range(pauses):
        middle = int(len(levels) * (part + rng.uniform(0.7, 1.3)) / (pauses + 1))
        near = levels[max(0, middle - 40) : middle + 40]
        cut = (max(0, middle - 40) + int(near.argmin())) * (len(sound) // len(levels))
        if cut <= at + to_samples(200):
            continue
        parts.append(sound[at:cut])
        gaps.append(pause(rng))
        at = cut
    return Utterance(joined([*parts, sound[at:]], [*gaps, 0.0])[0], tuple(map(round, gaps)))


def caller(utterances: Sequence[Utterance]) -> Caller:
    for one in utterances:
        yield Quiet(400, timeout_ms=6000)
        yield Say(one.sound)
        yield Pause(3000)


def session_call(
    utterances: Sequence[Utterance],
    slot: SlotExpectation | None,
    engines: BenchEngines,
    noise: Samples,
    model: EndOfTurnModel | None,
) -> Held:
    session = CallSession(
        AskingDialog(slot=slot), dialog.CallContext("bench", "1", "2", "en", "2026-01-05T10:00:00+08:00"),
        detector_maker()(), SpokenWords(),
        CallSettings(call_limit_ms=10**8, streams=frozenset({"en"}), end_of_turn=model is not None),
    )  # fmt: skip
    session.start()
    shell = SyncShell(session, engines, end_of_turn=model)
    return hold(shell, caller(utterances), background=noise, limit_s=600)


def judged(held: Held) -> list[dict[str, Any]]:
    """What the session did with each utterance. A cut is merged when its turn was taken back before the next one."""
    marks = [(event.at, event.kind) for event in held.journal if event.kind in {"turn.commit", "turn.reopened"}]
    found = []
    places = spans(held)
    for (begin, end), following in zip(places, [*(begin for begin, _ in places[1:]), len(held.caller)], strict=True):
        early = [index for index, (at, kind) in enumerate(marks) if kind == "turn.commit" and begin < at < end]
        late = [at for at, kind in marks if kind == "turn.commit" and end <= at < following]
        merged = sum(kind == "turn.reopened" for index in early for _, kind in marks[index + 1 : index + 2])
        lost = len(early) > merged
        found.append({
            "cuts": len(early), "merged": merged, "lost": lost, "delay_ms": to_ms(late[0] - end) if late else None
        })  # fmt: skip
    return found


def spans(held: Held) -> list[tuple[int, int]]:
    return [(begin, end) for _, begin, end in held.said]


def fixed(held: Held, voiced: Sequence[bool], silence_ms: int) -> list[dict[str, Any]]:
    """An endpointer that knows nothing but silence, on a track of voice."""
    found = []
    needed = silence_ms // 20
    for begin, end in spans(held):
        cuts, delay, run, open_turn = 0, None, 0, False
        for index in range(begin // FRAME_SAMPLES, min(len(voiced), (end + to_samples(2900)) // FRAME_SAMPLES)):
            run = 0 if voiced[index] else run + 1
            open_turn = open_turn or bool(voiced[index])
            if not open_turn or run < needed:
                continue
            now, open_turn = (index + 1) * FRAME_SAMPLES, False
            if now >= end:
                delay = to_ms(now - end)
                break
            cuts += 1
        found.append({"cuts": cuts, "merged": 0, "lost": cuts > 0, "delay_ms": delay})
    return found


def track(held: Held) -> list[bool]:
    return [
        one.voiced
        for event in held.journal
        if event.kind == "activity"
        for one in decode_activity(str(event.data["blocks"]))
    ]


def silero_track(held: Held) -> list[bool]:
    detector = detector_maker("silero")()
    blocks = held.caller[: len(held.caller) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    return [detector.detect(block) >= 0.5 for block in blocks]


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    delays = sorted(one["delay_ms"] for one in rows if one["delay_ms"] is not None)
    return {
        "n": len(rows), "cut_off": sum(one["cuts"] > 0 for one in rows),
        "not_taken_back": sum(one["lost"] for one in rows), "cuts": sum(one["cuts"] for one in rows),
        "merged": sum(one["merged"] for one in rows), "mean_ms": round(statistics.mean(delays)) if delays else None,
        "median_ms": round(statistics.median(delays)) if delays else None,
        "p95_ms": delays[-(-95 * len(delays) // 100) - 1] if delays else None,
        "no_end": sum(one["delay_ms"] is None for one in rows),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="DIR", help="recordings (default: IVR_BENCH_AUDIO, or audio_fixtures)")
    parser.add_argument("--each", type=int, default=30, help="utterances of each kind")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    root, before, rng = audio_root(options.data), load(), random.Random(5)
    office = sorted((root / "noise_office").glob("*.wav"))
    noise = levelled(read_audio(office[0]), -58) if office else noise_floor(5 * SAMPLE_RATE, -58)
    model = end_of_turn_model()
    engines = BenchEngines(streaming_only(), levelled(noise_floor(SAMPLE_RATE // 2, -30), -20))
    rows: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for kind in ("number, length known", "number, any length", "sentence"):
        rows[kind] = {name: [] for name in ("ivr", "fixed 500 ms", "fixed 700 ms", "Silero, fixed 500 ms")}
        for call in range(options.each // A_CALL):
            pauses = [(call * A_CALL + index) % 3 for index in range(A_CALL)]
            length = rng.randint(4, 10)
            slot = SlotExpectation("n", "digits", (length, length) if kind.endswith("known") else (4, 16))
            if kind == "sentence":
                said = [sentence(root, rng, count) for count in pauses]
            else:
                said = [number(root, rng, length, count) for count in pauses]
            held = session_call(said, None if kind == "sentence" else slot, engines, noise, model)
            heard = track(held)
            rows[kind]["ivr"] += judged(held)
            rows[kind]["fixed 500 ms"] += fixed(held, heard, 500)
            rows[kind]["fixed 700 ms"] += fixed(held, heard, 700)
            rows[kind]["Silero, fixed 500 ms"] += fixed(held, silero_track(held), 500)
            print(".", end="", file=sys.stderr, flush=True)
    engines.close()
    print(file=sys.stderr)
    rows["all"] = {name: [one for kind in rows.values() for one in kind[name]] for name in rows["sentence"]}
    table = {kind: {name: summary(found) for name, found in own.items()} for kind, own in rows.items()}
    print(f"{before}\n{'':45} utterances  cut off  not taken back  (cuts, merged)   delay mean  median     p95  no end")
    for kind, own in table.items():
        for name, one in own.items():
            print(
                f"{kind:22} {name:22} {one['n']:10}  {one['cut_off']:7}  {one['not_taken_back']:14}"
                f"  ({one['cuts']:4}, {one['merged']:6})   {one['mean_ms']!s:>10}  {one['median_ms']!s:>6}"
                f"  {one['p95_ms']!s:>6}  {one['no_end']:6}"
            )
    if options.json:
        whole = {"when": time.strftime("%Y-%m-%d"), "before": before, "after": load(), "table": table}
        options.json.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
