"""End of speech -> first sound of the answer, beside pipecat: closed slots and open questions, one line for both.

    python benchmarks/peers/install.py pipecat              # once
    python benchmarks/peer_turns.py [--data DIR] [--each 20] [--json FILE]

The same recorded speech in the same order, with pauses inside every third utterance; the same recogniser (streaming
Vosk; pipecat's has decoded all audio when the voice detector hears the end), the same sound as the answer, which costs
nothing on either side, no language model. pipecat runs with its defaults (Silero, Smart Turn) on a transport in memory,
in real time: on a busy machine its figures are the machine's, so frames fed late are told. Ours is the session on the
sample clock, charged with what its engines cost in this very run: the 95th percentile of the CPU time of a final
transcript, of a piece of audio, of the end-of-turn model, and 10 ms more for each hop to a worker process and back.
Closed: the question takes digits of a known count. Both sides are read off the bot's sound: the first 5 ms of it after
the caller's last; cut off is who hears the bot before his last word is out.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from cut_offs import Utterance, number, sentence
from null_calls import load
from peers.line import pipecat_line
from turn_calls import AskingDialog, BenchEngines, audio_root, joined, levelled, mixed, noise_floor, streaming_only

from ivr.asr.config import RecognitionConfig
from ivr.audio.frame import FRAME_SAMPLES, SAMPLE_RATE, AudioFrame, Samples, to_samples
from ivr.call import events as call
from ivr.call.session import CallSession
from ivr.call.settings import CallSettings
from ivr.call.words import SpokenWords
from ivr.dialog import events as dialog
from ivr.dialog.events import SlotExpectation
from ivr.end_of_turn import EndOfTurnModel
from ivr.replay.measure import HOP, levels_of
from ivr.replay.shell import HeldUtterance, Latencies, SyncShell
from ivr.service.detectors import detector_maker
from ivr.service.end_of_turn import end_of_turn_model

DIGITS = 6
GAP_MS = 4500
ANSWER_MS = 800
HOP_MS = 10
T = TypeVar("T")


def line_of(utterances: Sequence[Utterance]) -> tuple[Samples, list[tuple[int, int]]]:
    """The caller's line, and where each utterance lies."""
    lead = np.zeros(to_samples(1500), dtype=np.int16)
    sounds = [lead, *(one.sound for one in utterances), np.zeros(1600, dtype=np.int16)]
    line, places = joined(sounds, [0.0, *[float(GAP_MS)] * len(utterances), 0.0])
    return mixed(line, noise_floor(len(line), -60)), places[1:-1]


class Timed:
    """An end-of-turn model and utterances of a recogniser whose CPU time is noted (ms)."""

    def __init__(self, model: EndOfTurnModel | None) -> None:
        self._model = model
        self.spent: dict[str, list[float]] = {"partial": [], "final": [], "end_of_turn": []}

    def judge(self, samples: Samples) -> float:
        assert self._model is not None
        return self.note("end_of_turn", lambda: self._model.judge(samples))

    def note(self, what: str, work: Callable[[], T]) -> T:
        began = time.thread_time()
        try:
            return work()
        finally:
            self.spent[what].append(1000 * (time.thread_time() - began))

    def latencies(self) -> Latencies:
        """What to charge: the 95th percentile, and a hop."""
        p95 = {what: float(np.percentile(ms, 95)) if ms else 0.0 for what, ms in self.spent.items()}
        return Latencies(*(HOP_MS + round(p95[what]) for what in ("partial", "final")), 5, HOP_MS, 150,
                         HOP_MS + round(p95["end_of_turn"]))  # fmt: skip


class TimedEngines(BenchEngines):
    def __init__(self, config: RecognitionConfig, voice: Samples, timed: Timed) -> None:
        super().__init__(config, voice)
        self._timed = timed

    def recognise(self, command: call.StartRecognition) -> HeldUtterance:
        return TimedUtterance(super().recognise(command), self._timed)


class TimedUtterance:
    def __init__(self, held: HeldUtterance, timed: Timed) -> None:
        self._held, self._timed = held, timed
        self.cancel = held.cancel

    def feed(self, samples: Samples) -> call.PartialTranscript | None:
        return self._timed.note("partial", lambda: self._held.feed(samples))

    def finish(self) -> call.FinalTranscript | call.RecognitionFailed:
        return self._timed.note("final", self._held.finish)


def ours(line: Samples, slot: SlotExpectation | None, voice: Samples, model: EndOfTurnModel | None) -> Ours:
    """What the session says to the line: heard twice, first to learn what the engines cost."""
    timed, latencies, said = Timed(model), Latencies(), list[Samples]()
    for _ in range(2):
        engines = TimedEngines(streaming_only(), voice, timed)
        settings = CallSettings(call_limit_ms=10**8, streams=frozenset({"en"}), end_of_turn=model is not None)
        asking = AskingDialog(slot=slot, silent=True)
        context = dialog.CallContext("bench", "1", "2", "en", "2026-01-05T10:00:00+08:00")
        session = CallSession(asking, context, detector_maker()(), SpokenWords(), settings)
        session.start()
        shell = SyncShell(session, engines, latencies, timed if model is not None else None)
        frames = range(0, len(line) - FRAME_SAMPLES + 1, FRAME_SAMPLES)
        said = [shell.frame(AudioFrame(line[at : at + FRAME_SAMPLES])).samples for at in frames]
        engines.close()
        charged, latencies = latencies, timed.latencies()
    note = f"charged: partial {charged.partial}, final {charged.final}, end of turn {charged.end_of_turn} ms"
    return Ours(np.concatenate(said), note)


@dataclass(frozen=True, slots=True)
class Ours:
    said: Samples
    note: str


def judged(said: Samples, places: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """Waits of those who were not cut off, and how many were."""
    loud = levels_of(said) > -50
    delays, cuts, none = [], 0, 0
    for begin, end in places:
        first, last = begin // HOP, -(-end // HOP)
        if loud[first + 40 : last].any():  # what the bot still says at the onset is no answer to it
            cuts += 1
            continue
        after = np.flatnonzero(loud[last : last + (GAP_MS - 200) // 5])
        if len(after):
            delays.append(int(after[0]) * 5)
        else:
            none += 1
    return {
        "n": len(places), "cut_off": cuts, "no_answer": none, "over_1500_ms": sum(ms > 1500 for ms in delays),
        "median_ms": round(statistics.median(delays)) if delays else None,
        "mean_ms": round(statistics.mean(delays)) if delays else None,
        "p95_ms": sorted(delays)[-(-95 * len(delays) // 100) - 1] if delays else None,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="DIR", help="recordings (default: IVR_BENCH_AUDIO, or audio_fixtures)")
    parser.add_argument("--each", type=int, default=20, help="utterances of each kind")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    root, before, rng = audio_root(options.data), load(), random.Random(9)
    voice = levelled(noise_floor(to_samples(ANSWER_MS), -30), -20)
    model = end_of_turn_model()
    rows: list[dict[str, Any]] = []
    for kind in ("closed", "open"):
        closed = kind == "closed"
        said = [
            number(root, rng, DIGITS, int(index % 3 == 2)) if closed else sentence(root, rng, int(index % 3 == 2))
            for index in range(options.each)
        ]
        line, places = line_of(said)
        slot = replace(SlotExpectation("n", "digits"), length=(DIGITS, DIGITS)) if closed else None
        own = ours(line, slot, voice, model)
        rows.append({"kind": kind, "who": "ivr", "note": own.note, **judged(own.said, places)})
        peer = pipecat_line(line, voice)
        if peer is None:
            print("pipecat is not installed: python benchmarks/peers/install.py pipecat", file=sys.stderr)
        else:
            who = f"pipecat {peer.version}"
            rows.append({"kind": kind, "who": who, "note": peer.note, **judged(peer.bot, places)})
    print(f"{before}\n{'':8} {'':16}  of  cut off  no answer  median  mean   p95   median of pipecat's")
    for row in rows:
        peers = [one for one in rows if one["kind"] == row["kind"] and one["who"] != "ivr"]
        ratio = (
            f"{row['median_ms'] / peers[0]['median_ms']:.2f}"
            if peers and row["median_ms"] and peers[0]["median_ms"]
            else "-"
        )
        print(
            f"{row['kind']:8} {row['who']:16} {row['n']:3}  {row['cut_off']:7}  {row['no_answer']:9}"
            f"  {row['median_ms']!s:>6}  {row['mean_ms']!s:>4}  {row['p95_ms']!s:>4}   {ratio}  {row.get('note', '')}"
        )
    if options.json:
        seconds = len(line) / SAMPLE_RATE
        whole = {"when": time.strftime("%Y-%m-%d"), "before": before, "after": load(), "line_s": seconds, "rows": rows}
        options.json.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
