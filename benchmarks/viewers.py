"""What two hundred people who watch live calls cost the calls: p99 lateness of outgoing packets, with and without them.

    python benchmarks/viewers.py [--calls 20] [--viewers 200] [--seconds 8] [--rounds 5] [--json FILE]

One process has the calls (RTP on loopback, recorded speech, the whole call core and recorder, engines that answer at
once) and the console, as a service has. A second process is the other end of every call, whose kernel stamps our
packets; a third holds the viewers' WebSockets and reads what comes. Rounds with and without viewers take turns in one
run, so that both meet the same machine; the ratio of the medians is the figure. Aim: at most 1.10.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aiohttp
import media_loop
from aiohttp import web
from framework_cost import WARM_UP_S, Calls
from null_calls import caller_line, prompt

from ivr.console.app import add_console
from ivr.console.context import Console
from ivr.console.passwords import hash_password
from ivr.desk.config import DeskConfig
from ivr.desk.desk import HumanDesk
from ivr.desk.lines import RtpLegFactory
from ivr.service.detectors import AUTO
from ivr.store.database import sqlite_url
from ivr.store.store import Store
from ivr.store.tickets import Tickets
from ivr.transport.rtp.ports import PortRange
from ivr.transport.sip.config import SipConfig
from ivr.transport.sip.endpoint import SipEndpoint

AIM = 1.10
AGENT = "viewers benchmark"


@dataclass(frozen=True, slots=True)
class Round:
    viewers: int
    late_p50_ms: float
    late_p99_ms: float
    late_max_ms: float
    cpu_share: float
    """Of one core, of the process that has the calls."""
    messages: int
    """Read by all viewers together."""


# ------------------------------------------------------------------------------------------------------- the viewers


async def watch() -> None:
    """Reads its task from standard input; says when all are connected, and at the end what they have read."""
    task = json.loads(sys.stdin.readline())
    read = 0

    async def one(session: aiohttp.ClientSession) -> None:
        nonlocal read
        async with session.ws_connect(f"{task['url']}/api/events?topics=calls,floor", max_msg_size=0) as socket:
            connected.append(1)
            if len(connected) == task["viewers"]:
                everybody.set()
            async for message in socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    break
                read += 1

    connected: list[int] = []
    everybody = asyncio.Event()
    connector = aiohttp.TCPConnector(limit=0)
    cookies = {"ivr_session": task["token"]}
    async with aiohttp.ClientSession(
        connector=connector, cookies=cookies, cookie_jar=aiohttp.CookieJar(unsafe=True), headers={"User-Agent": AGENT}
    ) as session:
        tasks = [asyncio.create_task(one(session)) for _ in range(task["viewers"])]
        await everybody.wait()
        print("ready", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        for running in tasks:
            running.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    print(json.dumps({"messages": read}), flush=True)


# ------------------------------------------------------------------------------------------------------- the service


class Queue:
    skills: tuple[str, ...] = ()
    hours, timezone = "24/7", "UTC"


@asynccontextmanager
async def console_of(calls: Calls, folder: Path) -> AsyncIterator[tuple[str, str]]:
    """Address and session of a console on these calls."""
    store = Store(sqlite_url(folder / "ivr.sqlite"), folder / "spool")
    await store.open()
    sip = SipEndpoint(SipConfig(port=0), _nobody)
    ports = PortRange(media_loop.HOST, media_loop.LAST_PORT + 1, media_loop.LAST_PORT + 100)
    desk = HumanDesk(DeskConfig(), {"default": Queue()}, sip, RtpLegFactory(ports), store)
    await desk.start()
    running = {driver.info.call_id: driver for driver in calls.drivers}
    console = Console(store, Tickets(store), desk, running, folder, time.time)  # type: ignore[arg-type]
    await console.users.add("olga", "ops", hash_password("correct horse battery"))
    token, _ = await console.users.open_session("olga", AGENT)
    app = web.Application()
    add_console(app, console)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, media_loop.HOST, 0).start()
    try:
        yield f"http://{media_loop.HOST}:{runner.addresses[0][1]}", token
    finally:
        await runner.cleanup()
        await desk.close()
        await store.close()


async def _nobody(call: object) -> None:
    """Nobody calls by SIP here."""


def start_viewers() -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, __file__, "--watch"], stdin=pipe, stdout=pipe, text=True)


async def measure(count: int, viewers: int, seconds: float) -> Round:
    folder = Path(tempfile.mkdtemp(prefix="viewers-"))
    calls = Calls(count, folder, prompt(), AUTO)
    line = caller_line()
    other, peers = media_loop.start_peer([leg.port for leg in calls.legs], line, seconds + 2 * WARM_UP_S)
    assert other.stdin
    assert other.stdout
    async with console_of(calls, folder) as (url, token):
        watching: subprocess.Popen[str] | None = None
        if viewers:
            watching = start_viewers()
            assert watching.stdin
            assert watching.stdout
            print(json.dumps({"url": url, "token": token, "viewers": viewers}), file=watching.stdin, flush=True)
            ready = await asyncio.to_thread(watching.stdout.readline)
            assert ready.strip() == "ready", "the viewers did not get in"
        gc.collect()
        print("go", file=other.stdin, flush=True)
        calls.start(peers)
        await asyncio.sleep(WARM_UP_S)
        cpu, wall = time.process_time(), time.monotonic()
        await asyncio.sleep(seconds)
        cpu, wall = time.process_time() - cpu, time.monotonic() - wall
        heard: dict[str, Any] = json.loads(await asyncio.to_thread(other.stdout.readline))
        await asyncio.to_thread(other.wait, 30)
        messages = 0
        if watching is not None:
            assert watching.stdin
            assert watching.stdout
            print("stop", file=watching.stdin, flush=True)
            messages = json.loads(await asyncio.to_thread(watching.stdout.readline))["messages"]
            await asyncio.to_thread(watching.wait, 30)
        calls.close()
    shutil.rmtree(folder, ignore_errors=True)
    return Round(
        viewers, round(heard["p50"], 3), round(heard["p99"], 3), round(heard["max"], 3), round(cpu / wall, 3), messages
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--viewers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=5, help="with and without, each")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--watch", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.watch:
        asyncio.run(watch())
        return
    rounds: list[Round] = []
    print(f"{'viewers':>8} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8} {'CPU':>6} {'messages':>9}")
    for number in range(args.rounds):
        for viewers in (0, args.viewers) if number % 2 else (args.viewers, 0):
            one = asyncio.run(measure(args.calls, viewers, args.seconds))
            rounds.append(one)
            print(
                f"{one.viewers:8} {one.late_p50_ms:8.2f} {one.late_p99_ms:8.2f} {one.late_max_ms:8.2f} "
                f"{one.cpu_share:6.2f} {one.messages:9}", flush=True,
            )  # fmt: skip
    without = statistics.median(one.late_p99_ms for one in rounds if not one.viewers)
    beside = statistics.median(one.late_p99_ms for one in rounds if one.viewers)
    ratio = beside / without
    print(
        f"{args.calls} calls: median p99 {without:.2f} ms without, {beside:.2f} ms with {args.viewers} viewers: "
        f"x{ratio:.2f} (aim: at most x{AIM:.2f})"
    )
    if args.json:
        kept = {
            "calls": args.calls, "viewers": args.viewers, "seconds": args.seconds, "cores": os.cpu_count(),
            "load": os.getloadavg()[0], "p99_ms_without": without, "p99_ms_with": beside, "ratio": ratio, "aim": AIM,
            "rounds": [asdict(one) for one in rounds],
        }  # fmt: skip
        Path(args.json).write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
