"""What the media of a call costs, without the call: RTP in and out over real sockets, G.711, resampling both ways,
jitter buffer and loss concealment, at 1, 20 and 100 calls.

    python benchmarks/media_loop.py [--calls 1 20 100] [--seconds 10] [--wav FILE] [--loop asyncio|uvloop] [--json]

A second process is the other end of every call: it sends G.711 speech, each call at its own phase, and takes the time
of our packets from the kernel's stamps. CPU is user + system time of the media process; lateness is how much later than
the stream's most punctual packet one came, given its RTP timestamp.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ivr.audio.frame import FRAME_SAMPLES, SAMPLE_RATE, AudioFrame, Samples
from ivr.audio.g711 import encode_ulaw
from ivr.audio.resample import resample
from ivr.audio.wav import read_audio
from ivr.transport.pacer import Pacer, PacerStats
from ivr.transport.rtp.leg import RtpLeg
from ivr.transport.rtp.packet import build, is_rtcp
from ivr.transport.rtp.ports import PortRange

HOST = "127.0.0.1"
FIRST_PORT, LAST_PORT = 30_000, 31_999
FRAME_S = 0.02
WARM_UP_S = 1.0
SLOTS = 20
SO_TIMESTAMPNS = 35
STAMP = struct.Struct("@qq")


@dataclass(frozen=True, slots=True)
class Result:
    """One row of the table."""

    calls: int
    seconds: float
    cpu_ms_per_call_second: float
    cpu_us_per_call_frame: float
    late_p50_ms: float
    late_p99_ms: float
    late_max_ms: float
    tick_p99_ms: float
    tick_max_ms: float
    tick_busiest_ms: float
    packets_received: int
    packets_at_peer: int
    frames_concealed: int
    idle_us_per_tick: float
    """What the tick costs with no call: the timer and the wake-up, which one call pays alone and many share."""


def speech_like(seconds: float) -> Samples:
    """Harmonics of a wandering pitch in syllables and pauses, at 16 kHz: levels and gaps as in speech."""
    rng = np.random.default_rng(1)
    times = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    pitch = 120 + 25 * np.sin(2 * np.pi * 0.7 * times)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    voice = sum(np.sin(n * phase) / n for n in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * 4 * times), 0, 1) * (np.sin(2 * np.pi * 0.4 * times) > -0.5)
    return np.rint(4000 * voice * syllables + rng.normal(0, 20, len(times))).astype(np.int16)


# -- the other end -----------------------------------------------------------------------------------------------------


def peer() -> None:
    """Reads its task from standard input, says its ports, sends until the time is over, then says what it got."""
    task = json.loads(sys.stdin.readline())
    payloads = [bytes.fromhex(text) for text in task["payloads"]]
    # Spread over the line: calls in chorus would all ask for the same work in the same moment
    phases = [len(payloads) * call // len(task["ports"]) for call in range(len(task["ports"]))]
    sockets = [_peer_socket() for _ in task["ports"]]
    print(json.dumps([udp.getsockname()[1] for udp in sockets]), flush=True)
    sys.stdin.readline()
    arrivals: list[list[tuple[int, int]]] = [[] for _ in sockets]
    begin = time.monotonic()
    for tick in range(int(task["seconds"] / FRAME_S)):
        for slot in range(SLOTS):
            time.sleep(max(0.0, begin + (tick + slot / SLOTS) * FRAME_S - time.monotonic()))
            for call in range(slot, len(sockets), SLOTS):
                packet = build(0, tick & 0xFFFF, tick * 160, call + 1, payloads[(tick + phases[call]) % len(payloads)])
                sockets[call].sendto(packet, (HOST, task["ports"][call]))
                _drain(sockets[call], arrivals[call])
    print(json.dumps(_lateness(arrivals, float(task["warm_up"]))), flush=True)


def _peer_socket() -> socket.socket:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((HOST, 0))
    udp.setblocking(False)
    udp.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    return udp


def _drain(udp: socket.socket, arrivals: list[tuple[int, int]]) -> None:
    while True:
        try:
            data, ancillary, _, _ = udp.recvmsg(2048, 64)
        except BlockingIOError:
            return
        if is_rtcp(data):
            continue
        seconds, nanoseconds = STAMP.unpack_from(ancillary[0][2])
        arrivals.append((int.from_bytes(data[4:8], "big"), seconds * 1_000_000_000 + nanoseconds))


def _lateness(arrivals: list[list[tuple[int, int]]], warm_up_s: float) -> dict[str, float]:
    late: list[float] = []
    for stream in arrivals:
        kept = stream[int(warm_up_s / FRAME_S) :]
        if kept:
            first = kept[0][0]
            offsets = [when / 1e6 - ((timestamp - first) & 0xFFFFFFFF) / 8 for timestamp, when in kept]
            floor = min(offsets)
            late += [offset - floor for offset in offsets]
    p50, p99, worst = np.percentile(late, [50, 99, 100])
    return {"packets": sum(map(len, arrivals)), "p50": float(p50), "p99": float(p99), "max": float(worst)}


# -- our end -----------------------------------------------------------------------------------------------------------


def call_tick(leg: RtpLeg, prompt: list[AudioFrame], offset: int) -> Callable[[], None]:
    """A call without a session: hear a frame, say a frame."""
    position = offset

    def tick() -> None:
        nonlocal position
        leg.read()
        leg.write(prompt[position % len(prompt)])
        position += 1

    return tick


def start_peer(
    ports: list[int], speech: Samples, seconds: float, warm_up_s: float = WARM_UP_S
) -> tuple[subprocess.Popen[str], list[int]]:
    """The other end, and its ports; it sends once it is told to go, and counts no packet of the first `warm_up_s`."""
    narrow = resample(speech, SAMPLE_RATE, 8000)
    payloads = [encode_ulaw(narrow[at : at + 160]).hex() for at in range(0, len(narrow) - 159, 160)]
    pipe = subprocess.PIPE
    other = subprocess.Popen([sys.executable, __file__, "--peer"], stdin=pipe, stdout=pipe, text=True)
    assert other.stdin and other.stdout
    task = {"ports": ports, "payloads": payloads, "seconds": seconds, "warm_up": warm_up_s}
    print(json.dumps(task), file=other.stdin, flush=True)
    return other, json.loads(other.stdout.readline())


async def idle(seconds: float) -> float:
    """CPU (us) of a tick without calls."""
    pacer = Pacer()
    pacer.start()
    cpu = _cpu()
    await asyncio.sleep(seconds)
    pacer.stop()
    return (_cpu() - cpu) / max(pacer.stats().ticks, 1) * 1e6


async def media(calls: int, seconds: float, speech: Samples) -> Result:
    """Run `calls` calls and measure ourselves."""
    ports = PortRange(HOST, FIRST_PORT, LAST_PORT)
    legs = [RtpLeg(ports) for _ in range(calls)]
    frames = [AudioFrame(speech[at : at + FRAME_SAMPLES]) for at in range(0, len(speech) - 319, FRAME_SAMPLES)]
    other, peers = start_peer([leg.port for leg in legs], speech, seconds + 2 * WARM_UP_S)
    pacer = Pacer()
    for index, leg in enumerate(legs):
        leg.set_remote(HOST, peers[index], {0: "PCMU", 101: "telephone-event"})
        pacer.add(call_tick(leg, frames, 11 * index))
    gc.collect()
    gc.freeze()
    idle_us = await idle(WARM_UP_S)
    assert other.stdin and other.stdout
    print("go", file=other.stdin, flush=True)
    pacer.start()
    await asyncio.sleep(WARM_UP_S)
    cpu, wall = _cpu(), time.monotonic()
    await asyncio.sleep(seconds)
    cpu, wall = _cpu() - cpu, time.monotonic() - wall
    pacer.stop()
    said = json.loads(await asyncio.to_thread(other.stdout.readline))
    other.wait(timeout=10)
    result = _result(calls, wall, cpu, said, pacer.stats(), legs, idle_us)
    for leg in legs:
        leg.close()
    return result


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _result(
    calls: int, wall: float, cpu: float, said: dict[str, float], ticks: PacerStats, legs: list[RtpLeg], idle_us: float
) -> Result:
    received = [leg.stats().received for leg in legs]
    per_call_second = cpu * 1000 / wall / calls
    return Result(
        calls=calls,
        seconds=round(wall, 2),
        cpu_ms_per_call_second=round(per_call_second, 3),
        cpu_us_per_call_frame=round(per_call_second * 1000 * FRAME_S, 1),
        late_p50_ms=round(said["p50"], 2),
        late_p99_ms=round(said["p99"], 2),
        late_max_ms=round(said["max"], 2),
        tick_p99_ms=round(ticks.p99_ms, 2),
        tick_max_ms=round(ticks.max_ms, 2),
        tick_busiest_ms=round(ticks.busiest_ms, 2),
        packets_received=sum(stats.packets for stats in received),
        packets_at_peer=int(said["packets"]),
        frames_concealed=sum(stats.concealed_ms for stats in received) // 20,
        idle_us_per_tick=round(idle_us, 1),
    )


def _print_table(results: list[Result]) -> None:
    print("calls  CPU ms/call-s  us/frame   late p50    p99    max ms   tick p99    max ms  concealed  idle us/tick")
    for row in results:
        print(
            f"{row.calls:5} {row.cpu_ms_per_call_second:14.2f} {row.cpu_us_per_call_frame:9.0f} {row.late_p50_ms:10.2f}"
            f" {row.late_p99_ms:6.2f} {row.late_max_ms:9.2f} {row.tick_p99_ms:10.2f} {row.tick_max_ms:9.2f}"
            f" {row.frames_concealed:10} {row.idle_us_per_tick:13.0f}"
        )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 20, 100])
    parser.add_argument("--seconds", type=float, default=10.0, help="measured time of each row")
    parser.add_argument("--wav", type=Path, help="speech to send both ways instead of a synthetic signal")
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument("--json", action="store_true", help="one object a row")
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        peer()
        return
    speech = read_audio(options.wav) if options.wav else speech_like(10.0)
    results = []
    for calls in options.calls:
        if options.loop == "uvloop":
            import uvloop

            results.append(uvloop.run(media(calls, options.seconds, speech)))
        else:
            results.append(asyncio.run(media(calls, options.seconds, speech)))
        if options.json:
            print(json.dumps(asdict(results[-1])), flush=True)
    if not options.json:
        _print_table(results)


if __name__ == "__main__":
    main()
