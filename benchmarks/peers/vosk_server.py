"""alphacep's vosk-server as its documentation describes it, in this project's environment: a websocket a caller, one
recogniser a connection, every chunk of audio decoded on a pool of threads and answered with a partial or a result.

    python benchmarks/peers/vosk_server.py MODEL CALLS SECONDS LINE.npy WARM_UP_SECONDS [CALL_SECONDS]

Starts server and callers as two processes, and prints one JSON object. Each caller sends its line in real time in
chunks of 200 ms at its own phase; what counts is how long after a chunk was sent its answer comes. 16 kHz: the small
model takes no less. CALL_SECONDS: callers hang up and call again after so long, each at a time of their own; a new call
is a new connection, and so a new recogniser. Without it calls last as long as the run.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import aiohttp
import numpy as np
from aiohttp import web

RATE = 16000
CHUNK_S = 0.2


def serve(model_path: str) -> None:
    """The server; says its port on standard output."""
    import vosk

    vosk.SetLogLevel(-1)
    model = vosk.Model(model_path)
    pool = ThreadPoolExecutor(os.cpu_count() or 1)

    async def connection(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        recogniser = vosk.KaldiRecognizer(model, RATE)
        loop = asyncio.get_running_loop()

        def process(chunk: bytes) -> str:
            return str(recogniser.Result() if recogniser.AcceptWaveform(chunk) else recogniser.PartialResult())

        async for message in socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                await socket.send_str(await loop.run_in_executor(pool, process, message.data))
        return socket

    async def main() -> None:
        app = web.Application()
        app.router.add_get("/", connection)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(main())


@dataclass(frozen=True)
class Run:
    port: int
    line: bytes
    seconds: float
    warm_up: float
    call_s: float
    """Length of a call; 0 = that of the run."""


async def caller(run: Run, phase: float, lags: list[float]) -> None:
    """One caller from the run's beginning to its end, in as many calls as that takes."""
    size = int(RATE * CHUNK_S) * 2
    begin = int(phase * len(run.line) / size) * size
    line = run.line[begin:] + run.line[:begin]
    chunks = [line[at : at + size] for at in range(0, len(line) - size + 1, size)]
    count = int((run.seconds + run.warm_up) / CHUNK_S)
    start = time.monotonic() + phase * CHUNK_S
    a_call = int(run.call_s / CHUNK_S)
    cuts = [0, *(range(max(1, int(phase * a_call)), count, a_call) if a_call else ()), count]
    async with aiohttp.ClientSession() as session:
        for begins, ends in itertools.pairwise(cuts):
            async with session.ws_connect(f"http://127.0.0.1:{run.port}/") as socket:
                await one_call(socket, range(begins, ends), chunks, start, lags, start + run.warm_up)


async def one_call(
    socket: aiohttp.ClientWebSocketResponse, places: range, chunks: list[bytes], start: float, lags: list[float],
    counted_from: float,
) -> None:  # fmt: skip
    sent: list[float] = []

    async def listen() -> None:
        count = 0
        async for _ in socket:
            if sent[count] > counted_from:
                lags.append(time.monotonic() - sent[count])
            count += 1

    listening = asyncio.create_task(listen())
    for place in places:
        await asyncio.sleep(max(0.0, start + place * CHUNK_S - time.monotonic()))
        sent.append(time.monotonic())
        await socket.send_bytes(chunks[place % len(chunks)])
    await asyncio.sleep(CHUNK_S)
    listening.cancel()


def cpu_of(pid: int) -> float:
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def callers(run: Run, server: int, count: int) -> tuple[list[float], float]:
    """Lags (s) and the server's CPU (s), both without the warm-up."""
    lags: list[float] = []
    all_of_them = [caller(run, index / count, lags) for index in range(count)]

    async def used() -> float:
        await asyncio.sleep(run.warm_up)
        before = cpu_of(server)
        await asyncio.sleep(run.seconds)
        return cpu_of(server) - before

    cpu, *_ = await asyncio.gather(used(), *all_of_them)
    return lags, cpu or 0.0


def main() -> None:
    if sys.argv[1] == "--serve":
        serve(sys.argv[2])
        return
    model, count, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    line = np.load(sys.argv[4]).tobytes()
    server = subprocess.Popen([sys.executable, __file__, "--serve", model], stdout=subprocess.PIPE, text=True)
    assert server.stdout
    try:
        port = int(server.stdout.readline())
        run = Run(port, line, seconds, float(sys.argv[5]), float(sys.argv[6]) if len(sys.argv) > 6 else 0.0)
        lags, cpu = asyncio.run(callers(run, server.pid, count))
    finally:
        server.kill()
        server.wait()
    wanted = count * int(seconds / CHUNK_S)
    p50, p95, p99 = [round(float(ms), 1) for ms in np.percentile(lags, [50, 95, 99]) * 1000] if lags else (None,) * 3
    print(json.dumps({
        "calls": count, "lag_p50_ms": p50, "lag_p95_ms": p95, "lag_p99_ms": p99,
        "answered": min(1.0, len(lags) / wanted), "cpu_s": cpu,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
