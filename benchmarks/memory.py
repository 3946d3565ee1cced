"""What a call holds in memory, and whether anything is left of it when it is over. No engines: what surrounds them.

    python benchmarks/memory.py [--calls 50] [--short-calls 2000] [--json FILE]

Per call: `--calls` calls in progress through `Hotline.begin`, each with an RTP leg on its own sockets, recorded speech
from a second process, recording and journal on disk; resident memory (RSS) against that with one call.
Growth: short calls one after another (answered, heard, spoken to, hung up), every other one on RTP sockets; a line
through the RSS of the last three quarters tells how much a call leaves behind.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import shutil
import tempfile
import time
from pathlib import Path

import media_loop
import numpy as np
from null_calls import NullServices, caller_line, clip, load, prompt

from ivr.audio.frame import Samples
from ivr.backend.request import Environment
from ivr.call import events as call
from ivr.call.driver import CallDriver
from ivr.dialog.bundle import Bundle, build
from ivr.dialog.events import QueueStatus
from ivr.service.hotline import CallRecord, Hotline, HotlineSettings
from ivr.service.recorder import RecorderThread
from ivr.transport.base import CallInfo, MediaLeg
from ivr.transport.pacer import Pacer
from ivr.transport.recording import RecordingLeg
from ivr.transport.rtp.leg import RtpLeg
from ivr.transport.rtp.ports import PortRange

HOTLINE = Path(__file__).resolve().parent.parent / "dialogs" / "payments"
SHORT_TICKS = 200
SAMPLES = 40
"""How often memory is looked at while the short calls run."""


class NoLog:
    """A call log and a queue board that keep nothing."""

    def __init__(self, bundle: Bundle) -> None:
        self._queues = {name: QueueStatus(True, agents=1) for name in bundle.definition.hotline.queues}

    def began(self, record: CallRecord) -> None:
        """Not kept."""

    def ended(self, record: CallRecord) -> None:
        """Not kept."""

    def statuses(self) -> dict[str, QueueStatus]:
        return dict(self._queues)


class Bench:
    """A hotline on null engines."""

    def __init__(self, bundle: Bundle, folder: Path) -> None:
        self.pacer = Pacer()
        self.recorder = RecorderThread()
        self.folder = folder
        log = NoLog(bundle)
        services = NullServices(prompt())
        self.hotline = Hotline(
            bundle, HotlineSettings(folder), services, self.pacer, self.recorder, log, log, Environment()  # type: ignore[arg-type]
        )  # fmt: skip
        self.ports = PortRange(media_loop.HOST, media_loop.FIRST_PORT, media_loop.LAST_PORT)
        self.begun = 0

    def begin(self, leg: MediaLeg) -> CallDriver:
        self.begun += 1
        return self.hotline.begin(CallInfo(f"call-{self.begun}", "100", "200", "rtp"), leg, _ignore)

    def rtp_leg(self, port: int) -> RtpLeg:
        leg = RtpLeg(self.ports)
        leg.set_remote(media_loop.HOST, port, {0: "PCMU", 101: "telephone-event"})
        return leg

    def written(self) -> None:
        """Wait for the recorder, then remove its files."""
        while self.recorder.backlog:
            time.sleep(0.01)
        time.sleep(0.05)
        shutil.rmtree(self.folder / "calls", ignore_errors=True)


def _ignore(driver: CallDriver, hang_up: call.HangUp) -> None:
    """Nobody waits for a call's end."""


def rss_kb() -> int:
    """Resident memory of this process."""
    gc.collect()
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise SystemExit("this benchmark needs /proc/self/status")


# -- calls in progress -------------------------------------------------------------------------------------------------


async def in_progress(bench: Bench, count: int, seconds: float, line: Samples) -> int:
    """RSS (kB) with so many calls in progress for so long."""
    legs = [RtpLeg(bench.ports) for _ in range(count)]
    other, peers = media_loop.start_peer([leg.port for leg in legs], line, seconds + 1)
    assert other.stdin and other.stdout
    print("go", file=other.stdin, flush=True)
    bench.pacer.start()
    drivers = []
    for leg, port in zip(legs, peers, strict=True):
        leg.set_remote(media_loop.HOST, port, {0: "PCMU", 101: "telephone-event"})
        drivers.append(bench.begin(leg))
    await asyncio.sleep(seconds)
    still = sum(not driver.over for driver in drivers)
    if still < count:
        raise SystemExit(f"{count - still} of {count} calls ended before they were measured")
    result = rss_kb()
    for driver, leg in zip(drivers, legs, strict=True):
        driver.deliver(call.CallerGone("hung up"))
        leg.close()
    await asyncio.to_thread(other.stdout.readline)
    other.wait(timeout=30)
    for _ in range(600):
        if not bench.hotline.running:
            break
        await asyncio.sleep(0.02)
    bench.pacer.stop()
    bench.written()
    return result


# -- short calls -------------------------------------------------------------------------------------------------------


def short_call(bench: Bench, leg: MediaLeg) -> None:
    """Four seconds of a call, then the caller hangs up; ticked as fast as it goes."""
    driver = bench.begin(leg)
    for _ in range(SHORT_TICKS):
        driver.tick()
    driver.deliver(call.CallerGone("hung up"))
    for _ in range(1000):
        if driver.over:
            return
        driver.tick()
    raise SystemExit("a call did not end after its caller had hung up")


async def growth(bench: Bench, count: int) -> tuple[list[tuple[int, int]], float]:
    """(calls so far, RSS in kB) over time, and the slope of the last three quarters in bytes a call."""
    speech = np.concatenate((np.zeros(8000, dtype=np.int16), clip("en_sentences/goforward.wav")))
    seen = [(0, rss_kb())]
    every = max(1, count // SAMPLES)
    for number in range(1, count + 1):
        if number % 2:
            short_call(bench, RecordingLeg(speech, keep_heard=False))
        else:
            leg = bench.rtp_leg(9)
            short_call(bench, leg)
            leg.close()
        if number % every == 0:
            bench.written()
            seen.append((number, rss_kb()))
            await asyncio.sleep(0)
    late = seen[len(seen) // 4 :]
    slope = float(np.polyfit([n for n, _ in late], [kb for _, kb in late], 1)[0]) * 1024
    return seen, slope


async def run(options: argparse.Namespace) -> dict[str, object]:
    folder = Path(tempfile.mkdtemp(prefix="memory-"))
    try:
        bench = Bench(build(options.hotline, {}), folder)
        line = caller_line()
        await in_progress(bench, 2, 4.0, line)  # what is loaded at the first call is nobody's share
        # First, as memory that many calls had and freed would hide what is left behind.
        seen, slope = await growth(bench, options.short_calls)
        one = await in_progress(bench, 1, options.seconds, line)
        many = await in_progress(bench, options.calls, options.seconds, line)
        bench.recorder.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {
        "when": time.strftime("%Y-%m-%d"), "taken_at": load(), "calls": options.calls, "seconds": options.seconds,
        "rss_mb_one_call": round(one / 1024, 1), "rss_mb_all_calls": round(many / 1024, 1),
        "kb_per_call": round((many - one) / (options.calls - 1)), "short_calls": options.short_calls,
        "bytes_left_per_short_call": round(slope), "rss_mb": [[n, round(kb / 1024, 2)] for n, kb in seen],
    }  # fmt: skip


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hotline", type=Path, default=HOTLINE)
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long the calls in progress last")
    parser.add_argument("--short-calls", type=int, default=2000)
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the result there too")
    options = parser.parse_args()
    result = asyncio.run(run(options))
    print(
        f"{options.calls} calls in progress: {result['rss_mb_all_calls']} MB, one: {result['rss_mb_one_call']} MB: "
        f"{result['kb_per_call']} kB a call"
    )
    print(f"{options.short_calls} short calls: {result['bytes_left_per_short_call']} bytes a call stay ({load()})")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
