"""How many calls this machine holds, with real recognition, beside vosk-server's streams and pipecat's pipelines.

    python benchmarks/peers/install.py pipecat              # once
    python benchmarks/concurrency.py [--quick] [--calls 8 16 24 32] [--server-calls 8 12 16 20] [--peer-calls 2 4 8]
                                     [--call-seconds 0 60] [--seconds 20] [--workers 2] [--patience 60]
                                     [--picture FILE.svg] [--json FILE]

The caller speaks recorded sentences for 35 % of the time, each caller at another place of the same line, evenly spread:
a chorus would ask for all of its work at once. Ours: RTP both ways, jitter buffer, G.711, voice detection, turn-taking,
recording and journal, and streaming Vosk in worker processes, gated by voice; the answer's sound is there at once. A
second process is every call's other end and its kernel stamps our packets. vosk-server: its protocol re-created
(peers/vosk_server.py): one recogniser a connection, all audio decoded; once with calls that last as long as the run,
whose recognisers have heard every word before, once with calls of a minute. pipecat: pipelines in memory with Silero
and Smart Turn, no recogniser's work (peers/pipecat_many.py).

    recognition   our end of utterance (the first short silence) to its final transcript; vosk-server: a chunk of 200 ms
                  to its answer
    answer        the caller's last voice to the answer's first sound (pipecat: to the turn's end)
    late          outgoing packets against their timestamps, at the other end's kernel

Held: p99 of late < 20 ms, p95 of the answer < 800 ms, p95 of recognition < 500 ms, as far as each has them, and at
least one of them measured.

`others` are the cores that everything else on the machine took while a level ran, the hypervisor's share included.
Above a quarter of a core a level that is not held says nothing ("busy"); one that is, holds all the more. Before each
level the script waits for a quiet machine, `--patience` seconds at most. The first 90 s of a level are not counted:
a recogniser is up to seven times as dear on words that it has not heard before. The picture is drawn only if no level
was busy.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import gc
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import media_loop
import numpy as np
import plot
from null_calls import NullServices, TalkingDialog, caller_line, load, prompt
from peers.install import python_of
from quiet import QUIET_CORES, Machine, wait_for_quiet
from turn_calls import streaming_only

from ivr.audio.frame import SAMPLE_RATE, Samples
from ivr.audio.resample import resample
from ivr.call import events as call
from ivr.call.driver import CallDriver
from ivr.call.events import CallEvent, HangUp
from ivr.call.session import CallSession
from ivr.call.settings import CallSettings
from ivr.call.words import SpokenWords
from ivr.dialog.events import CallContext
from ivr.models.manifest import models_root
from ivr.replay.measure import caller_segments
from ivr.service.detectors import detector_maker
from ivr.service.recognition import LiveRecognition
from ivr.service.recorder import FileRecorder, RecorderThread
from ivr.transport.base import CallInfo
from ivr.transport.pacer import Pacer
from ivr.transport.rtp.leg import RtpLeg
from ivr.transport.rtp.ports import PortRange

WARM_UP_S = 90.0
"""Twice the callers' line: each sentence on each recogniser."""
PEER_RATE = 8000
LATE_MS, ANSWER_MS, RECOGNITION_MS = 20.0, 800.0, 500.0


@dataclass(frozen=True, slots=True)
class Level:
    """One row of the table; None = nobody has it."""

    who: str
    calls: int
    recognition_p50_ms: float | None
    recognition_p95_ms: float | None
    answer_p50_ms: float | None
    answer_p95_ms: float | None
    late_p99_ms: float | None
    cores: float
    turns: int
    """Answers measured; vosk-server gives none."""
    note: str = ""
    others_cores: float = 0.0
    load: str = ""

    @property
    def held(self) -> str:
        """yes, no, busy (others had the machine), or none (nothing was measured, so nothing is shown)."""
        bounds = (
            (self.late_p99_ms, LATE_MS), (self.answer_p95_ms, ANSWER_MS), (self.recognition_p95_ms, RECOGNITION_MS),
        )  # fmt: skip
        if self.answer_p95_ms is None and self.recognition_p95_ms is None:
            return "none" if self.others_cores < QUIET_CORES else "busy"
        if all(value is None or value < bound for value, bound in bounds):
            return "yes"
        return "no" if self.others_cores < QUIET_CORES else "busy"


def quantiles(values: Sequence[float]) -> tuple[float | None, float | None]:
    if not values:
        return None, None
    p50, p95 = np.percentile(values, [50, 95])
    return round(float(p50), 1), round(float(p95), 1)


# -- ours --------------------------------------------------------------------------------------------------------------


class Services(NullServices):
    """Recognition is real, everything else answers at once; notes when what was asked for came."""

    def __init__(self, sound: Samples, recognition: LiveRecognition) -> None:
        super().__init__(sound)
        self._recognition = recognition
        self._asked: dict[tuple[CallDriver, int], float] = {}
        self.lags_ms: list[tuple[float, float]] = []
        """When, and how long recognition took."""

    def carry_out(self, driver: CallDriver, command: call.Command) -> None:
        if isinstance(command, call.FinishRecognition):
            self._asked[driver, command.utterance] = time.monotonic()
        elif isinstance(command, call.CancelRecognition):
            self._asked.pop((driver, command.utterance), None)
        if isinstance(
            command,
            (call.StartRecognition, call.FeedRecognition, call.FinishRecognition, call.CancelRecognition),
        ):
            self._recognition.carry_out(driver, command)
        else:
            super().carry_out(driver, command)

    def overdue_ms(self, since: float) -> list[float]:
        """How long those have waited that wait still, too long already: else only the lucky ones would be counted."""
        waits = ((time.monotonic() - at) * 1000 for at in self._asked.values() if at > since)
        return [wait for wait in waits if wait > RECOGNITION_MS]

    def heard(self, driver: CallDriver, events: list[CallEvent]) -> None:
        for event in events:
            if event.kind == "in.FinalTranscript":
                began = self._asked.pop((driver, int(str(event.data["utterance"]))), None)
                if began is not None:
                    self.lags_ms.append((began, (time.monotonic() - began) * 1000))


def _ignore(driver: CallDriver, hang_up: HangUp) -> None:
    """Calls end with the benchmark."""


class Watch:
    """Reads a call's journal as it is written: last voice -> first sound of the answer."""

    def __init__(self) -> None:
        self.answers_ms: list[tuple[float, float]] = []
        self._voice_end: dict[CallDriver, int] = {}

    def take(self, driver: CallDriver, events: list[CallEvent]) -> None:
        for event in events:
            if event.kind == "turn.commit":
                self._voice_end[driver] = int(str(event.data["voice_end"]))
            elif event.kind == "prompt.start" and driver in self._voice_end:
                wait = (event.at - self._voice_end.pop(driver)) * 1000 / SAMPLE_RATE
                self.answers_ms.append((time.monotonic(), wait))


def cpu(children: Sequence[int]) -> float:
    """User + system seconds of this process and of those of its children."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    return own.ru_utime + own.ru_stime + sum(map(cpu_of, children))


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def ours(count: int, seconds: float, workers: int, line: Samples, sound: Samples) -> Level:
    config = streaming_only()
    config = type(config)(config.engines, config.languages, dict.fromkeys(config.engines, workers))
    recognition = LiveRecognition(config)
    await recognition.start()
    assert recognition._service is not None
    pids = recognition._service.worker_pids()
    services, watch, pacer, thread = Services(sound, recognition), Watch(), Pacer(), RecorderThread()
    make = detector_maker()
    with tempfile.TemporaryDirectory() as folder:
        legs = [RtpLeg(PortRange(media_loop.HOST, media_loop.FIRST_PORT, media_loop.LAST_PORT)) for _ in range(count)]
        other, peers = media_loop.start_peer([leg.port for leg in legs], line, seconds + WARM_UP_S + 2, WARM_UP_S)
        drivers = []
        for index, leg in enumerate(legs):
            leg.set_remote(media_loop.HOST, peers[index], {0: "PCMU", 101: "telephone-event"})
            context = CallContext("bench", "100", "200", "en", "2026-01-05T10:00:00+08:00")
            session = CallSession(
                TalkingDialog(),
                context,
                make(),
                SpokenWords(),
                CallSettings(call_limit_ms=24 * 3600 * 1000, streams=frozenset({"en"})),
            )
            recorder = FileRecorder(thread, Path(folder) / str(index), {"id": str(index)})
            driver = CallDriver(CallInfo(str(index), "100", "200", "rtp"), session, leg, services, recorder, _ignore)
            driver.listeners += [
                lambda events, driver=driver: services.heard(driver, events),
                lambda events, driver=driver: watch.take(driver, events),
            ]
            driver.start()
            pacer.add(driver.tick)
            drivers.append(driver)
        gc.collect()
        gc.freeze()
        assert other.stdin and other.stdout
        print("go", file=other.stdin, flush=True)
        pacer.start()
        await asyncio.sleep(WARM_UP_S)
        began, used = time.monotonic(), cpu(pids)
        await asyncio.sleep(seconds)
        used, wall = cpu(pids) - used, time.monotonic() - began
        ended = sum(driver.over for driver in drivers)
        overdue = services.overdue_ms(began)
        said = json.loads(await asyncio.to_thread(other.stdout.readline))
        other.wait(timeout=30)
        pacer.stop()
        for driver in drivers:
            driver.deliver(call.CallerGone("the benchmark is over"))
        for leg in legs:
            leg.close()
        await recognition.close()
        thread.close()
    lags = quantiles([lag for at, lag in services.lags_ms if at > began] + overdue)
    answers = [wait for at, wait in watch.answers_ms if at > began]
    p50, p95 = quantiles(answers)
    note = f"{len(overdue)} transcripts overdue at the end" if overdue else ""
    note += f" {ended} calls ended" if ended else ""
    return Level("ivr", count, *lags, p50, p95, round(said["p99"], 2), round(used / wall, 2), len(answers), note)


# -- the others --------------------------------------------------------------------------------------------------------


def vosk_server(count: int, seconds: float, line: Samples, call_s: float) -> Level:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "line.npy"
        np.save(path, line)
        script = Path(__file__).parent / "peers" / "vosk_server.py"
        model = models_root() / "vosk-en"
        command = [sys.executable, script, model, str(count), str(seconds), path, str(WARM_UP_S), str(call_s)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 120, check=False)
    if done.returncode:
        raise SystemExit(f"vosk-server failed: {done.stderr[-2000:]}")
    said = json.loads(done.stdout.splitlines()[-1])
    note = f"{100 * said['answered']:.0f} % of chunks answered"
    p50, p95 = said["lag_p50_ms"], said["lag_p95_ms"]
    cores = round(said["cpu_s"] / seconds, 2)
    who = f"vosk-server, calls of {call_s:.0f} s" if call_s else "vosk-server"
    return Level(who, count, p50, p95, None, None, None, cores, 0, note)


def pipecat(count: int, seconds: float, line: Samples, sound: Samples) -> Level:
    with tempfile.TemporaryDirectory() as folder:
        files = {"line": Path(folder) / "line.npy", "prompt": Path(folder) / "prompt.npy"}
        np.save(files["line"], resample(line, SAMPLE_RATE, PEER_RATE))
        np.save(files["prompt"], resample(sound, SAMPLE_RATE, PEER_RATE))
        segments = caller_segments(line)
        ends = [a.end // 2 for a, b in itertools.pairwise(segments) if b.start - a.end > SAMPLE_RATE]
        task: dict[str, Any] = {"calls": count, "seconds": seconds, "warm_up": WARM_UP_S, "vad": "silero"}
        task |= {"rate": PEER_RATE, "ends": ends, **{name: str(path) for name, path in files.items()}}
        script = Path(__file__).parent / "peers" / "pipecat_many.py"
        done = subprocess.run(
            [python_of("pipecat"), script], input=json.dumps(task) + "\n", capture_output=True, text=True,
            timeout=seconds * 4 + 300, check=False,
        )  # fmt: skip
    if done.returncode or not done.stdout.strip():
        raise SystemExit(f"pipecat failed: {done.stderr[-2000:]}")
    said = json.loads(done.stdout.splitlines()[-1])
    note = f"{said['missed']} turns without an answer before the next"
    if said["behind_ms"] > 100:
        note += f"; {said['behind_ms']:.0f} ms behind the callers at the end"
    p50, p95 = said["answer_p50_ms"], said["answer_p95_ms"]
    who = f"pipecat {said['version']}"
    return Level(who, count, None, None, p50, p95, None, round(said["cores"], 2), said["answers"], note)


# -- table and picture -------------------------------------------------------------------------------------------------


def show(row: Level) -> None:
    cells = [row.recognition_p50_ms, row.recognition_p95_ms, row.answer_p50_ms, row.answer_p95_ms, row.late_p99_ms]
    shown = "".join(f"{'-' if cell is None else f'{cell:.0f}':>8}" for cell in cells)
    print(
        f"{row.who:26} {row.calls:5} {shown}  {row.cores:6.2f} {1000 * row.cores / row.calls:8.0f} {row.turns:6}"
        f" {row.others_cores:7.2f}  {row.held:>4}  {row.note}",
        flush=True,
    )


def picture(rows: Sequence[Level]) -> str:
    """Waiting at the 95th percentile over the calls, of levels that others did not disturb."""
    found: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if row.held in ("busy", "none"):
            continue
        if row.recognition_p95_ms is not None:
            found.setdefault(f"{row.who}: recognition", []).append((row.calls, row.recognition_p95_ms))
        if row.answer_p95_ms is not None:
            found.setdefault(f"{row.who}: answer", []).append((row.calls, row.answer_p95_ms))
    return plot.lines(
        f"p95 of what callers wait for, {os.cpu_count()} cores, real speech", found, below="calls at once",
        beside="ms (p95)", top=2000, limit=ANSWER_MS,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, nargs="*", default=[8, 16, 24, 32])
    parser.add_argument("--server-calls", type=int, nargs="*", default=[8, 12, 16, 20])
    parser.add_argument(
        "--call-seconds", type=float, nargs="*", default=[0.0, 60.0], help="vosk-server's calls; 0: endless"
    )
    parser.add_argument("--peer-calls", type=int, nargs="*", default=[2, 4, 8])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--workers", type=int, default=2, help="our recogniser processes")
    parser.add_argument("--patience", type=float, default=60.0, help="seconds to wait for a quiet machine, each level")
    parser.add_argument("--quick", action="store_true", help="two levels each, 10 s")
    parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="draw how it grows")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    if options.quick:
        options.calls, options.server_calls, options.peer_calls, options.seconds = [8, 16], [8, 16], [2, 4], 10.0
    line, sound, before = caller_line(), prompt(), load()
    rows: list[Level] = []
    print(
        f"{before}\n{'':26} calls  recog. p50     p95 ans. p50     p95 late p99   cores  ms/call  turns  others  held"
    )
    longest = max(len(options.calls), len(options.server_calls), len(options.peer_calls))
    has_pipecat = python_of("pipecat").exists()
    for step in range(longest):  # in turns, so that a busy machine is busy for all
        levels: list[Callable[[], Level]] = []
        if step < len(options.calls):
            levels.append(
                lambda n=options.calls[step]: asyncio.run(ours(n, options.seconds, options.workers, line, sound))
            )
        if step < len(options.server_calls):
            levels += [
                functools.partial(vosk_server, options.server_calls[step], options.seconds, line, call_s)
                for call_s in options.call_seconds
            ]
        if step < len(options.peer_calls) and has_pipecat:
            levels.append(functools.partial(pipecat, options.peer_calls[step], options.seconds, line, sound))
        for level in levels:
            wait_for_quiet(options.patience)
            machine = Machine()
            row = level()
            rows.append(replace(row, others_cores=machine.others_cores(), load=load()))
            show(rows[-1])
    most = {
        who: max((r.calls for r in rows if r.who == who and r.held == "yes"), default=0)
        for who in {r.who for r in rows}
    }
    print("held: " + ", ".join(f"{who} {count}" for who, count in sorted(most.items())))
    if options.picture and all(row.held != "busy" for row in rows):
        options.picture.write_text(picture(rows), encoding="utf-8")
    if options.json:
        whole = {
            "when": time.strftime("%Y-%m-%d"), "before": before, "after": load(), "workers": options.workers,
            "held": most, "rows": [asdict(row) | {"held": row.held} for row in rows],
        }  # fmt: skip
        options.json.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
