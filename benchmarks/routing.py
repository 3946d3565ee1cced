"""One routing decision at 1,000 waiting callers and 300 agents, beside a straight scan of the list; and 10,000 callers
through the floor.

    python benchmarks/routing.py [--decisions 2000] [--callers 10000] [--json FILE]

The scan does what a distributor does that keeps nothing sorted: it looks at each waiting caller and each free agent and
takes the best fit. Both get the same callers, agents and skills in the same run; times are the CPU time of
the thread, so that other load on the machine does not count.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from random import Random

from ivr.acd.commands import Offer
from ivr.acd.config import AgentConfig, FloorConfig, QueueConfig
from ivr.acd.floor import Floor
from ivr.acd.simulation import Load, Simulation
from ivr.acd.waiting import Arrival, CallState

WAITING, AGENTS = 1000, 300
SKILLS = tuple(f"skill{number}" for number in range(12))


def build(random: Random) -> Floor:
    queues = tuple(QueueConfig(f"queue{n}", max_waiting=10_000, tier_after_s=30) for n in range(8))
    agents = tuple(
        AgentConfig(
            f"agent{n}",
            {queue.name: random.randint(1, 2) for queue in random.sample(queues, 3)},
            {skill: random.randint(1, 10) for skill in random.sample(SKILLS, 5)},
        )
        for n in range(AGENTS)
    )
    floor = Floor(FloorConfig(queues, agents, tell_every_s=1e9), 0.0)
    for agent in agents:
        floor.sign_in(agent.name, 0.0)
    return floor


def caller(random: Random, number: int) -> Arrival:
    skills = tuple(random.sample(SKILLS, random.randint(0, 2)))
    return Arrival(f"c{number}", f"queue{random.randrange(8)}", "", skills, random.choice((0.0, 0.0, 1.0)), 1e9)


def fill(floor: Floor, random: Random) -> tuple[int, float]:
    """Callers until all agents talk and WAITING wait."""
    number, now = 0, 0.0
    while sum(call.state is CallState.WAITING for call in floor.calls.values()) < WAITING:
        number, now = number + 1, now + 0.05
        for command in floor.enter(caller(random, number), now):
            if isinstance(command, Offer):
                floor.accept(command.call_id, command.agent, now)
    return number, now


def scan(floor: Floor) -> tuple[str, str] | None:
    """The straight way: every waiting caller against every free agent."""
    best: tuple[tuple[float, int], float, str, str] | None = None
    for call in floor.calls.values():
        if call.state is not CallState.WAITING:
            continue
        for agent in floor.roster.agents.values():
            if agent.name not in floor.roster.available:
                continue
            if agent.name not in floor.roster.eligible(call.arrival.queue, call.skills, call.stage):
                continue
            found = (call.rank, agent.idle_since, call.arrival.call_id, agent.name)
            if best is None or found < best:
                best = found
    return (best[2], best[3]) if best else None


def measure(decisions: int) -> dict[str, float]:
    random = Random(1)
    floor = build(random)
    number, now = fill(floor, random)
    ours: list[float] = []
    theirs: list[float] = []
    same = 0
    for _ in range(decisions):
        talking = [call for call in floor.calls.values() if call.state is CallState.TALKING]
        done = random.choice(talking)
        now += 0.1
        floor.finish(done.arrival.call_id, now)  # the agent wraps up: nothing to route yet
        agent = floor.roster.agent(done.agent)
        # what the decision is about: this agent becomes free
        floor.roster.available.add(agent.name)
        begin = time.thread_time()
        expected = scan(floor)
        theirs.append(time.thread_time() - begin)
        floor.roster.available.discard(agent.name)
        begin = time.thread_time()
        commands = floor.resume(agent.name, now)
        ours.append(time.thread_time() - begin)
        chosen = [(command.call_id, command.agent) for command in commands if isinstance(command, Offer)]
        same += chosen == ([expected] if expected else [])
        for call_id, name in chosen:
            floor.accept(call_id, name, now)
        number += 1
        begin = time.thread_time()
        for command in floor.enter(caller(random, number), now):
            if isinstance(command, Offer):
                floor.accept(command.call_id, command.agent, now)
        ours.append(time.thread_time() - begin)
    return {
        "decisions": decisions,
        "same_choice": same / decisions,
        "groups": len(floor._groups),
        "ours_p50_ms": percentile(ours, 0.50),
        "ours_p99_ms": percentile(ours, 0.99),
        "scan_p50_ms": percentile(theirs, 0.50),
        "scan_p99_ms": percentile(theirs, 0.99),
    }


def percentile(values: list[float], share: float) -> float:
    return round(sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1000, 4)


class Mixed(Simulation):
    """Callers of all queues and skills."""

    random = Random(3)

    def arrival(self, number: int) -> Arrival:
        return replace(caller(self.random, number), call_id=f"{number}")


def simulated(callers: int) -> dict[str, float]:
    random = Random(2)
    floor = build(random)
    load = Load(calls_per_hour=300 * 3600 / 240 * 0.97, patience_s=600)
    run = Mixed(floor.config, load, callers, random.random)
    begin = time.thread_time()
    took = run.run()
    return {"callers": callers, "floor_s": round(took), "cpu_s": round(time.thread_time() - begin, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decisions", type=int, default=2000)
    parser.add_argument("--callers", type=int, default=10_000)
    parser.add_argument("--json", metavar="FILE")
    args = parser.parse_args()
    found = {"routing": measure(args.decisions), "simulation": simulated(args.callers)}
    print(json.dumps(found, indent=2))
    if args.json:
        Path(args.json).write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
