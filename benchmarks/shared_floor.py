"""A node dies by kill -9 with 20 callers waiting and 5 talking: how soon all have their places at another node, and
what sharing the agents costs a claim.

    python benchmarks/shared_floor.py [--times 5] [--lease 3.0] [--claims 300] [--json FILE]

Two real processes on a real PostgreSQL server (Debian: postgresql) of its own in a temporary folder. Printed beside
each other: the time with the lease that a service has by default, and with one of a second. A claim is the statement by
which a node takes an agent, alone and while another node tries to take the same ones.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ivr.store import cluster
from ivr.store.store import Store
from tests.desk.test_shared_floor import Node, started, until
from tests.store.pg import Server, programs, server

WAITING, TALKING = 20, 5


def take_over(url: str, folder: Path, lease_s: float) -> float:
    """Seconds from the kill until the other node has all the places."""
    with started(url, folder) as start:
        a, b = start("a", TALKING, lease_s), start("b", TALKING, lease_s)
        fill(a)
        until(lambda: len([s for s in b.state()["agents"].values() if s == "elsewhere"]) == TALKING, "b knows")
        b.do("enter", call="late", caller="900")
        until(lambda: b.state()["calls"].get("late", [0, 0, 0])[2] == WAITING + 1, "b counts a's callers", 30)
        begin = time.monotonic()
        a.kill()
        until(lambda: len(b.state()["places"]) == WAITING + TALKING, "all places at b", 60)
        return time.monotonic() - begin


def fill(node: Node) -> None:
    for number in range(WAITING + TALKING):
        node.do("enter", call=f"c{number:02}", caller=f"1{number:02}")
        until(lambda n=number: len(node.state()["calls"]) == n + 1, "in line")
        if number < TALKING:
            until(lambda n=number: len(node.rung()) == n + 1, "a phone rings")
            node.do("answer", agent=node.rung()[-1][0])
            until(lambda n=number: len(node.answered()) == n + 1, "they talk")


async def claims(url: str, folder: Path, count: int, rivals: int) -> tuple[list[float], int]:
    """Milliseconds of each claim, and how many agents two nodes got at once (none may be)."""
    stores = [Store(url, folder / f"s{n}", f"n{n}") for n in range(1 + rivals)]
    agents: list[dict[str, Any]] = [{"name": f"a{n}", "uri": "", "state": "available"} for n in range(count)]
    for store in stores:
        await store.open()
        now = store.clock()
        await store.read(lambda s, st=store, at=now: cluster.join(s, st.node, at, agents))
    took: list[float] = []
    got: dict[str, list[str]] = {}

    async def run(store: Store, timed: bool) -> None:
        for number in range(count):
            begin = time.perf_counter()
            name = f"a{number}"
            if await store.read(lambda s, n=name: cluster.claim(s, store.node, n, "c")):
                got.setdefault(name, []).append(store.node)
            if timed:
                took.append((time.perf_counter() - begin) * 1000)

    await asyncio.gather(*(run(store, store is stores[0]) for store in stores))
    for store in stores:
        await store.close()
    return took, sum(len(nodes) > 1 for nodes in got.values())


def quantiles(values: list[float]) -> dict[str, float]:
    ranked = sorted(values)
    return {
        "median": round(statistics.median(ranked), 2),
        "p99": round(ranked[min(len(ranked) - 1, int(len(ranked) * 0.99))], 2),
    }


def measure(running: Server, args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    number = iter(range(1000))

    def fresh() -> str:
        return running.database(f"b{next(number)}")

    leases = (args.lease, 1.0)
    seconds: dict[float, list[float]] = {lease: [] for lease in leases}
    for run in range(args.times):
        for lease in leases:
            seconds[lease].append(take_over(fresh(), folder / f"{run}-{lease}", lease))
    found: dict[str, Any] = {
        f"take-over, lease {lease:g} s": {
            "median_s": round(statistics.median(taken), 2), "worst_s": round(max(taken), 2), "times": args.times
        }
        for lease, taken in seconds.items()
    }  # fmt: skip
    for name, rivals in (("claim alone", 0), ("claim against a rival", 1)):
        took, twice = asyncio.run(claims(fresh(), folder, args.claims, rivals))
        found[name] = {**{f"{key}_ms": value for key, value in quantiles(took).items()}, "agents_had_twice": twice}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--lease", type=float, default=3.0)
    parser.add_argument("--claims", type=int, default=300)
    parser.add_argument("--json", metavar="FILE")
    args = parser.parse_args()
    if programs() is None:
        sys.exit("PostgreSQL is not installed (Debian: postgresql)")
    with server() as running, TemporaryDirectory() as folder:
        found = measure(running, args, Path(folder))
    for name, figures in found.items():
        print(f"{name:28}", "  ".join(f"{key} {value}" for key, value in figures.items()))
    if args.json:
        Path(args.json).write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
