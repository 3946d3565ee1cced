"""alphacep's vosk-server as its documentation describes it, in this project's environment: a websocket a caller, one
recogniser a connection, every chunk of audio decoded on a pool of threads and answered with a partial or a result.

    python benchmarks/peers/vosk_server.py MODEL CALLS SECONDS LINE.npy WARM_UP_SECONDS

Starts server and callers as two processes, and prints one JSON object. Each caller sends its line in real time in
chunks of 200 ms at its own phase; what counts is how long after a chunk was sent its answer comes. 16 kHz: the small
model takes no less.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

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


async def caller(port: int, line: bytes, phase: float, seconds: float, warm_up: float, lags: list[float]) -> None:
    size = int(RATE * CHUNK_S) * 2
    begin = int(phase * len(line) / size) * size
    line = line[begin:] + line[:begin]
    async with aiohttp.ClientSession() as session, session.ws_connect(f"http://127.0.0.1:{port}/") as socket:
        await asyncio.sleep(phase * CHUNK_S)
        start, sent = time.monotonic(), list[float]()

        async def listen() -> None:
            count = 0
            async for _ in socket:
                if sent[count] - start > warm_up:
                    lags.append(time.monotonic() - sent[count])
                count += 1

        listening = asyncio.create_task(listen())
        for index in range(int((seconds + warm_up) / CHUNK_S)):
            await asyncio.sleep(max(0.0, start + index * CHUNK_S - time.monotonic()))
            at = index * size % (len(line) - size + 1)
            sent.append(time.monotonic())
            await socket.send_bytes(line[at : at + size])
        await asyncio.sleep(0.5)
        listening.cancel()


def cpu_of(pid: int) -> float:
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def callers(
    port: int, server: int, count: int, seconds: float, warm_up: float, line: bytes
) -> tuple[list[float], float]:
    """Lags (s) and the server's CPU (s), both without the warm-up."""
    lags: list[float] = []
    all_of_them = [caller(port, line, index / count, seconds, warm_up, lags) for index in range(count)]

    async def used() -> float:
        await asyncio.sleep(warm_up)
        before = cpu_of(server)
        await asyncio.sleep(seconds)
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
        lags, cpu = asyncio.run(callers(port, server.pid, count, seconds, float(sys.argv[5]), line))
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
