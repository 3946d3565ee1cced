"""What a call costs without engines, over real RTP on loopback, beside pipecat's in the same run.

    python benchmarks/peers/install.py pipecat          # once: an environment of its own
    python benchmarks/framework_cost.py [--calls 1 20 100] [--peer-calls 1 20] [--seconds 20] [--json FILE]
                                        [--detectors hybrid webrtc]
    python benchmarks/framework_cost.py --core          # only the call core: microseconds a block of 20 ms

Ours: RTP socket, jitter buffer, G.711, resampling, voice detection (`hybrid`, WebRTC's and Silero's, is what calls have
by default), echo guard, turn-taking, a scripted dialog that talks and listens, mixer, and the stereo FLAC recording and
journal on disk. Engines answer at once and cost nothing. A second process is every call's other end: recorded speech
for 35 % of the time; its kernel stamps our packets.
Pipecat: the same speech and prompts through a pipeline on a transport in memory (no RTP, no codec, no recording), with
its defaults (Silero, Smart Turn) and with the cheapest detector and end of turn it has. `ivr in memory` is ours on such
a transport, and without recording: the same work on both sides.

CPU is user + system of the process, all threads. The figures of both depend on the machine, their ratio hardly.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import itertools
import json
import pstats
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import media_loop
import numpy as np
from null_calls import LINE_S, NullServices, TalkingDialog, caller_line, load, prompt
from peers.install import python_of
from quiet import Machine, wait_for_quiet

from ivr.audio.frame import FRAME_SAMPLES, SAMPLE_RATE, AudioFrame, Samples
from ivr.audio.resample import resample
from ivr.call import events as call
from ivr.call.driver import CallDriver
from ivr.call.events import HangUp
from ivr.call.session import CallSession
from ivr.call.settings import CallSettings
from ivr.call.words import SpokenWords
from ivr.dialog.events import CallContext
from ivr.service.detectors import detector_maker
from ivr.service.recorder import FileRecorder, RecorderThread
from ivr.transport.base import CallInfo
from ivr.transport.pacer import Pacer
from ivr.transport.recording import RecordingLeg
from ivr.transport.rtp.leg import RtpLeg
from ivr.transport.rtp.ports import PortRange

WARM_UP_S = 2.0
PEER_RATE = 8000
TARGET = 0.052 / 5
"""CPU s per call-second: a fifth of what pipecat with an energy detector took on quiet cores."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One row of the table."""

    who: str
    calls: int
    cpu_s_per_call_s: float
    busy: float
    """Cores in use."""
    turns_per_call_minute: float
    audio_out_share: float
    late_p99_ms: float | None = None
    """Outgoing packets against their timestamps, at the peer's kernel."""
    late_max_ms: float | None = None
    note: str = ""
    others_cores: float = 0.0
    """What everything else on the machine took meanwhile: above a quarter of a core the row is no figure."""


# -- ours --------------------------------------------------------------------------------------------------------------


def new_session(detector: str) -> CallSession:
    """A call that never ends by itself."""
    context = CallContext("bench", "100", "200", "en", "2026-01-05T10:00:00+08:00")
    settings = CallSettings(call_limit_ms=24 * 3600 * 1000)
    return CallSession(TalkingDialog(), context, detector_maker(detector)(), SpokenWords(), settings)


def _ignore(driver: CallDriver, hang_up: HangUp) -> None:
    """Calls end with the benchmark."""


class Calls:
    """All calls of a run, each on its RTP port."""

    def __init__(self, count: int, folder: Path, sound: Samples, detector: str) -> None:
        ports = PortRange(media_loop.HOST, media_loop.FIRST_PORT, media_loop.LAST_PORT)
        self.services = NullServices(sound)
        self.thread = RecorderThread()
        self.pacer = Pacer()
        self.legs = [RtpLeg(ports) for _ in range(count)]
        self._detector = detector
        self.drivers = [self._driver(index, leg, folder) for index, leg in enumerate(self.legs)]

    def _driver(self, index: int, leg: RtpLeg, folder: Path) -> CallDriver:
        recorder = FileRecorder(self.thread, folder / f"{index}", {"id": f"{index}"})
        info = CallInfo(f"{index}", "100", "200", "rtp")
        return CallDriver(info, new_session(self._detector), leg, self.services, recorder, _ignore)

    def start(self, peers: list[int]) -> None:
        for driver, leg, port in zip(self.drivers, self.legs, peers, strict=True):
            leg.set_remote(media_loop.HOST, port, {0: "PCMU", 101: "telephone-event"})
            driver.start()
            self.pacer.add(driver.tick)
        self.pacer.start()

    def close(self) -> None:
        self.pacer.stop()
        for driver in self.drivers:
            driver.deliver(call.CallerGone("the benchmark is over"))
        for leg in self.legs:
            leg.close()
        self.thread.close()


async def ours(count: int, seconds: float, detector: str, line: Samples, sound: Samples, profile: bool) -> Cost:
    """Measure ourselves at `count` calls."""
    folder = Path(tempfile.mkdtemp(prefix="framework-cost-"))
    calls = Calls(count, folder, sound, detector)
    other, peers = media_loop.start_peer([leg.port for leg in calls.legs], line, seconds + 2 * WARM_UP_S)
    assert other.stdin and other.stdout
    gc.collect()
    gc.freeze()
    print("go", file=other.stdin, flush=True)
    calls.start(peers)
    await asyncio.sleep(WARM_UP_S)
    profiler = cProfile.Profile(time.process_time)
    if profile:
        profiler.enable()
    cpu, wall, turns, said = media_loop._cpu(), time.monotonic(), calls.services.utterances, calls.services.prompts
    await asyncio.sleep(seconds)
    cpu, wall = media_loop._cpu() - cpu, time.monotonic() - wall
    turns, said = calls.services.utterances - turns, calls.services.prompts - said
    profiler.disable()
    _check(calls.drivers)
    heard = json.loads(await asyncio.to_thread(other.stdout.readline))
    other.wait(timeout=30)
    calls.close()
    shutil.rmtree(folder, ignore_errors=True)
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(40)
    return Cost(
        f"ivr {detector}", count, cpu / wall / count, cpu / wall, turns / count / wall * 60,
        said * len(sound) / SAMPLE_RATE / count / wall, round(heard["p99"], 2), round(heard["max"], 2), load(),
    )  # fmt: skip


def run_ours(*task: Any) -> Cost:
    return asyncio.run(ours(*task))


def run_in_memory(*task: Any) -> Cost:
    return asyncio.run(in_memory(*task))


def _check(drivers: list[CallDriver]) -> None:
    """A call that has failed costs nothing: such a figure is none."""
    ended = sum(driver.over for driver in drivers)
    if ended:
        raise SystemExit(f"{ended} of {len(drivers)} calls ended while they were measured")


class _Forgets:
    """A recorder that keeps nothing."""

    def frames(self, caller: AudioFrame, bot: AudioFrame) -> None:
        """Not kept."""

    def events(self, events: list[call.CallEvent]) -> None:
        """Not kept."""

    def close(self) -> None:
        """Nothing is open."""


class _Memory(RecordingLeg):
    """A caller's line that repeats without end, begun somewhere inside."""

    def __init__(self, line: Samples, begin: int) -> None:
        super().__init__(line, keep_heard=False)
        frames = [AudioFrame(line[at : at + FRAME_SAMPLES]) for at in range(0, len(line), FRAME_SAMPLES)]
        self._endless = itertools.islice(itertools.cycle(frames), begin % len(frames), None)

    def read(self) -> AudioFrame:
        return next(self._endless)


async def in_memory(count: int, seconds: float, detector: str, line: Samples, sound: Samples) -> Cost:
    """The same calls on a transport in memory and without recording: what is in pipecat's figure, too."""
    services, pacer, drivers = NullServices(sound), Pacer(), list[CallDriver]()
    for index in range(count):
        info = CallInfo(f"{index}", "100", "200", "memory")
        driver = CallDriver(info, new_session(detector), _Memory(line, 7 * index), services, _Forgets(), _ignore)
        driver.start()
        pacer.add(driver.tick)
        drivers.append(driver)
    gc.collect()
    gc.freeze()
    pacer.start()
    await asyncio.sleep(WARM_UP_S)
    cpu, wall, turns, said = media_loop._cpu(), time.monotonic(), services.utterances, services.prompts
    await asyncio.sleep(seconds)
    cpu, wall = media_loop._cpu() - cpu, time.monotonic() - wall
    pacer.stop()
    _check(drivers)
    spoken = (services.prompts - said) * len(sound) / SAMPLE_RATE / count / wall
    turns_a_minute = (services.utterances - turns) / count / wall * 60
    who = f"ivr in memory {detector}"
    return Cost(who, count, cpu / wall / count, cpu / wall, turns_a_minute, spoken, note=load())


# -- pipecat -----------------------------------------------------------------------------------------------------------


def pipecat(count: int, seconds: float, vad: str, line: Samples, sound: Samples) -> Cost:
    """Measure pipecat in its own environment."""
    with tempfile.TemporaryDirectory() as folder:
        files = {"line": Path(folder) / "line.npy", "prompt": Path(folder) / "prompt.npy"}
        np.save(files["line"], resample(line, SAMPLE_RATE, PEER_RATE))
        np.save(files["prompt"], resample(sound, SAMPLE_RATE, PEER_RATE))
        task = {"calls": count, "seconds": seconds, "warm_up": WARM_UP_S, "vad": vad, "rate": PEER_RATE}
        task |= {name: str(path) for name, path in files.items()}
        script = Path(__file__).parent / "peers" / "pipecat_cost.py"
        done = subprocess.run(
            [python_of("pipecat"), script], input=json.dumps(task) + "\n", capture_output=True, text=True,
            timeout=seconds + 300,
        )  # fmt: skip
    if done.returncode or not done.stdout.strip():
        raise SystemExit(f"pipecat failed: {done.stderr[-2000:]}")
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    note = f"{load()}; {'saturated' if said['busy'] > 0.95 and vad == 'energy' else ''}".rstrip("; ")
    return Cost(
        f"pipecat {said['version']} {vad}", count, said["cpu_s_per_call_s"], said["busy"],
        said["turns_per_call_minute"], said["audio_out_share"], note=note,
    )  # fmt: skip


# -- the core alone ----------------------------------------------------------------------------------------------------


def core_cost(state: str, detector: str, blocks: int = 25_000) -> float:
    """Microseconds of CPU a block of 20 ms in CallSession, while it listens to a quiet line or plays a prompt."""
    session = new_session(detector)
    session.start()
    length = 10.0 if state == "listening" else blocks * FRAME_SAMPLES / SAMPLE_RATE + 10
    sound = prompt(length) if state == "playing" else prompt(0.1)
    for command in session.take_commands():
        if isinstance(command, call.Synthesise):
            session.receive_event(call.PromptAudio(command.prompt, sound))
    quiet = np.rint(np.random.default_rng(2).normal(0, 8, FRAME_SAMPLES * 500)).astype(np.int16)
    frames = [AudioFrame(quiet[at : at + FRAME_SAMPLES]) for at in range(0, len(quiet), FRAME_SAMPLES)]
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for index in range(blocks // 5):
            session.receive_frame(frames[index % 500])
            session.take_commands()
            session.next_frame(FRAME_SAMPLES)
            session.take_events()
        best = min(best, (time.process_time() - began) / (blocks // 5))
    return best * 1e6


# -- table -------------------------------------------------------------------------------------------------------------


def _print_table(rows: list[Cost]) -> None:
    cheapest = {row.calls: row.cpu_s_per_call_s for row in rows if row.who.endswith("energy")}
    print(
        f"{'':26} calls  CPU s/call-s  of pipecat's  cores  turns/min  bot speaks  late p99   max ms  others  taken at"
    )
    for row in rows:
        base = cheapest.get(row.calls, cheapest.get(20))
        ratio = f"{row.cpu_s_per_call_s / base:.3f}" if base else "-"
        late = "-" if row.late_p99_ms is None else f"{row.late_p99_ms:.2f}"
        worst = "-" if row.late_max_ms is None else f"{row.late_max_ms:.2f}"
        print(
            f"{row.who:26} {row.calls:5} {row.cpu_s_per_call_s:13.5f} {ratio:>13} {row.busy:6.2f}"
            f" {row.turns_per_call_minute:10.1f} {row.audio_out_share:11.2f} {late:>9} {worst:>8}"
            f" {row.others_cores:7.2f}  {row.note}"
        )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, nargs="*", default=[1, 20, 100])
    parser.add_argument("--peer-calls", type=int, nargs="*", default=[1, 20])
    parser.add_argument(
        "--seconds", type=float, default=LINE_S, help="a multiple of 20: the callers' line repeats then"
    )
    parser.add_argument("--detectors", nargs="+", default=["hybrid", "webrtc"], help="voice detectors of our calls")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the result there too")
    parser.add_argument("--patience", type=float, default=60.0, help="seconds to wait for a quiet machine, each row")
    parser.add_argument("--core", action="store_true", help="only the core, without network, driver and recorder")
    parser.add_argument("--profile", action="store_true", help="where our time goes")
    options = parser.parse_args()
    core = {f"{state}_us": round(core_cost(state, options.detectors[0]), 1) for state in ("listening", "playing")}
    print(f"call core: {core['listening_us']} us a block listening, {core['playing_us']} us playing ({load()})")
    if options.core:
        return
    line, sound = caller_line(), prompt()
    runs: list[Callable[[], Cost]] = []
    for detector in options.detectors:
        runs += [
            partial(run_ours, count, options.seconds, detector, line, sound, options.profile) for count in options.calls
        ]
        runs += [partial(run_in_memory, count, options.seconds, detector, line, sound) for count in options.peer_calls]
    if python_of("pipecat").exists():
        for count in options.peer_calls:
            runs += [partial(pipecat, count, options.seconds, vad, line, sound) for vad in ("energy", "silero")]
    elif options.peer_calls:
        print("pipecat is not installed: python benchmarks/peers/install.py pipecat", file=sys.stderr)
    rows = []
    for run in runs:
        wait_for_quiet(options.patience)
        machine = Machine()
        row = run()
        rows.append(replace(row, others_cores=machine.others_cores()))
    _print_table(rows)
    if options.json:
        result = {
            "when": time.strftime("%Y-%m-%d"),
            "core": core,
            "target": TARGET,
            "rows": [asdict(row) for row in rows],
        }
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
