"""Two nodes, two real processes, one floor: on PostgreSQL by its news, on SQLite by looking. Nodes die by kill -9."""

from __future__ import annotations

import contextlib
import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ivr.store.database import sqlite_url
from tests.store.pg import Server, programs, server

NODE = Path(__file__).with_name("node.py")


class Node:
    """A process, and all that it has told so far."""

    def __init__(self, url: str, folder: Path, name: str, agents: int, lease_s: float = 1.0) -> None:
        self.name = name
        self.told: list[dict[str, Any]] = []
        self._states: queue.Queue[dict[str, Any]] = queue.Queue()
        command = [sys.executable, str(NODE), url, str(folder), name, str(agents), str(lease_s)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            found = json.loads(line)
            if "state" in found:
                self._states.put(found["state"])
            else:
                self.told.append(found)

    def do(self, act: str, **fields: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"act": act, **fields}) + "\n")
        self.process.stdin.flush()

    def state(self) -> dict[str, Any]:
        self.do("state")
        return self._states.get(timeout=10)

    def rung(self) -> list[tuple[str, str]]:
        return [(told["rung"], told["call"]) for told in self.told if "rung" in told]

    def answered(self) -> dict[str, str]:
        return {told["call"]: told["detail"] for told in self.told if told.get("news") == "answered"}

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        if self.process.poll() is None:
            with contextlib.suppress(OSError):
                self.do("stop")
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
        self._reader.join(5)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()


def until(met: Callable[[], Any], what: str, seconds: float = 30.0) -> Any:
    end = time.monotonic() + seconds
    while not (found := met()):
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)
    return found


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    if programs() is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    with server() as running:
        yield running


@pytest.fixture(params=[pytest.param("postgresql", marks=pytest.mark.postgres), "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "ivr.db")
    running: Server = request.getfixturevalue("postgres")
    return running.database(f"db{abs(hash(request.node.name)) % 10**9}")


@contextlib.contextmanager
def started(url: str, tmp_path: Path) -> Iterator[Callable[..., Node]]:
    """Start nodes; all are stopped at the end."""
    nodes: list[Node] = []

    def make(name: str, agents: int, lease_s: float = 1.0) -> Node:
        node = Node(url, tmp_path, name, agents, lease_s)
        nodes.append(node)
        until(lambda: {"ready": name} in node.told or node.process.poll() is not None, f"node {name} is up", 60)
        assert node.process.poll() is None, f"node {name} failed"
        return node

    try:
        yield make
    finally:
        for node in nodes:
            node.close()


@pytest.fixture
def start(url: str, tmp_path: Path) -> Iterator[Callable[..., Node]]:
    with started(url, tmp_path) as make:
        yield make


def in_line(node: Node) -> list[str]:
    calls = node.state()["calls"]
    return sorted(calls, key=lambda call: int(calls[call][2]))


@pytest.mark.postgres
def test_two_nodes_one_floor(postgres: Server, tmp_path: Path) -> None:
    with started(postgres.database("shared"), tmp_path) as start:
        a, b = start("a", 3), start("b", 3)
        until(lambda: a.state()["nodes"] == b.state()["nodes"] == ["a", "b"], "they know each other")
        agents_have_one_call_of_all_nodes(a, b)
        who_came_first_is_served_first(a, b)
        a_pause_counts_everywhere(a, b)
        a_dropped_line_comes_back_elsewhere(a, b)


def agents_have_one_call_of_all_nodes(a: Node, b: Node) -> None:
    for number in range(6):
        (a, b)[number % 2].do("enter", call=f"c{number}", caller=f"10{number}")
    until(lambda: len(a.rung()) + len(b.rung()) >= 3, "all phones ring")
    time.sleep(0.5)
    rung = a.rung() + b.rung()
    assert sorted(agent for agent, _ in rung) == ["agent0", "agent1", "agent2"], "a phone rings twice"
    assert len({call for _, call in rung}) == 3
    positions = [p for node in (a, b) for state, _, p in node.state()["calls"].values() if state == "waiting"]
    assert len(set(positions)) == 3, "two callers have the same place"
    assert set(positions) <= set(range(1, 7))
    for round_ in (3, 6):
        for node in (a, b):
            for agent, call in node.rung():
                if call not in node.answered():
                    node.do("answer", agent=agent)
        until(lambda n=round_: len(a.answered()) + len(b.answered()) == n, "they talk")
        for node in (a, b):
            for call, (state, agent, _) in node.state()["calls"].items():
                if state == "talking":
                    node.do("hang_up", agent=agent)
                    until(lambda n=node, c=call: c not in n.state()["calls"], "the talk is over")
        until(lambda n=round_: len(a.rung()) + len(b.rung()) == min(6, n + 3), "the next are offered")
    rung = a.rung() + b.rung()
    assert len({call for _, call in rung}) == 6, "somebody was offered twice"


def who_came_first_is_served_first(a: Node, b: Node) -> None:
    for agent in ("agent1", "agent2"):
        a.do("pause", agent=agent)
        until(lambda n=agent: b.state()["agents"][n] == "paused", "b knows")
    a.do("enter", call="busy", caller="1")
    until(lambda: ("agent0", "busy") in a.rung(), "the phone rings")
    a.do("answer", agent="agent0")
    until(lambda: "busy" in a.answered(), "they talk")
    order = ["urgent"]
    for number in range(3):
        node = (b, a)[number % 2]
        node.do("enter", call=f"d{number}", caller=f"2{number}")
        order.append(f"d{number}")
        until(lambda n=node, call=f"d{number}": call in n.state()["calls"], "in line")
    b.do("enter", call="urgent", caller="30", priority="urgent")
    until(lambda: "urgent" in b.state()["calls"], "in line")
    time.sleep(0.3)  # the row is written
    node = a
    for expected in order:
        node.do("hang_up", agent="agent0")
        node = until(lambda e=expected: next((n for n in (a, b) if ("agent0", e) in n.rung()), None), expected)
        node.do("answer", agent="agent0")
        until(lambda n=node, e=expected: e in n.answered(), "they talk")
    node.do("hang_up", agent="agent0")
    until(lambda: not a.state()["calls"] and not b.state()["calls"], "all are gone")


def a_pause_counts_everywhere(a: Node, b: Node) -> None:
    """agent1 and agent2 were paused at a; one comes back at b."""
    b.do("resume", agent="agent1")
    until(lambda: a.state()["agents"]["agent1"] == "available", "a knows")
    a.do("pause", agent="agent0")
    until(lambda: b.state()["agents"]["agent0"] == "paused", "b knows")
    b.do("enter", call="e1", caller="1")
    until(lambda: ("agent1", "e1") in b.rung(), "the phone rings")
    until(lambda: a.state()["agents"]["agent1"] == "elsewhere", "a knows")


def a_dropped_line_comes_back_elsewhere(a: Node, b: Node) -> None:
    for number in range(3):
        a.do("enter", call=f"f{number}", caller=f"4{number}")
        until(lambda n=number: len(a.state()["calls"]) == n + 1, "in line")
    a.do("leave", call="f0")
    until(lambda: "40" in b.state()["places"], "the place is known at b")
    b.do("enter", call="again", caller="40")
    until(lambda: b.state()["calls"].get("again", [0, 0, 0])[2] == 2, "in the old place, after e1")
    until(lambda: "40" not in a.state()["places"], "the place is taken up once")


def test_kill_9_with_twenty_waiting_and_five_talking(start: Callable[..., Node]) -> None:
    a, b = start("a", 5), start("b", 5)
    for number in range(25):
        a.do("enter", call=f"c{number:02}", caller=f"1{number:02}")
        until(lambda n=number: len(a.state()["calls"]) == n + 1, "in line")
        if number < 5:
            until(lambda n=number: len(a.rung()) == n + 1, "a phone rings")
            a.do("answer", agent=a.rung()[-1][0])
            until(lambda n=number: len(a.answered()) == n + 1, "they talk")
    until(lambda: b.state()["agents"] == dict.fromkeys(b.state()["agents"], "elsewhere"), "b knows whom a has")
    b.do("enter", call="late", caller="900")
    until(lambda: b.state()["calls"].get("late", [0, 0, 0])[2] == 21, "the place counts a's callers")
    began = time.monotonic()
    a.kill()
    # two call again at once, before anybody has noticed; their places come after them
    b.do("enter", call="again-24", caller="124")
    b.do("enter", call="again-07", caller="107")
    until(lambda: len(b.state()["places"]) >= 20, "the places are kept at b", 5)
    took = time.monotonic() - began
    assert took < 5.0
    for agent in [agent for agent, _ in b.rung()]:
        b.do("pause", agent=agent)
    for number in reversed(range(25)):
        if number not in (24, 7):
            b.do("enter", call=f"again-{number:02}", caller=f"1{number:02}")
    line = until(lambda: found if len(found := in_line(b)) == 26 else None, "all are back")
    assert line == [*(f"again-{number:02}" for number in range(25)), "late"]
    assert b.state()["nodes"] == ["b"]


@pytest.mark.postgres
def test_a_node_that_only_slept_comes_back(postgres: Server, tmp_path: Path) -> None:
    with started(postgres.database("slept"), tmp_path) as start:
        sleeps_and_comes_back(start("a", 2), start("b", 2))


def sleeps_and_comes_back(a: Node, b: Node) -> None:
    a.do("enter", call="c1", caller="1")
    until(lambda: a.rung(), "the phone rings")
    a.do("answer", agent=a.rung()[0][0])
    until(lambda: a.answered(), "they talk")
    agent = a.answered()["c1"]
    a.process.send_signal(signal.SIGSTOP)
    until(lambda: b.state()["nodes"] == ["b"], "a is given up")
    a.process.send_signal(signal.SIGCONT)
    until(lambda: b.state()["nodes"] == ["a", "b"], "a is back")
    assert a.state()["calls"]["c1"][:2] == ["talking", agent]
    until(lambda: b.state()["agents"][agent] == "elsewhere", "the agent is a's again")


AWAY_S = 6.0
"""Longer than leases and retries; half a minute gives the same."""


@pytest.mark.postgres
def test_the_database_is_away_and_callers_are_served(postgres: Server, tmp_path: Path) -> None:
    with started(postgres.database("gone"), tmp_path) as start:
        a, b = start("a", 8), start("b", 8)
        until(lambda: a.state()["nodes"] == b.state()["nodes"] == ["a", "b"], "they know each other")
        talk(a, "before")
        until(lambda: b.state()["agents"][a.answered()["before"]] == "elsewhere", "b knows")
        postgres.stop()
        end = time.monotonic() + AWAY_S
        try:
            for number in range(2):
                for node in (a, b):
                    talk(node, f"{node.name}{number}")
            while time.monotonic() < end:
                time.sleep(0.5)
                assert all(state == "talking" for node in (a, b) for state, _, _ in node.state()["calls"].values())
        finally:
            postgres.start()
        until(lambda: a.state()["nodes"] == b.state()["nodes"] == ["a", "b"], "both are back", 30)
        had = [*a.answered().values(), *b.answered().values()]
        assert len(set(had)) == 5, "an agent had two callers"
        for node, other in ((a, b), (b, a)):
            for agent in node.answered().values():
                until(lambda o=other, n=agent: o.state()["agents"][n] == "elsewhere", f"{agent} is known to talk")
            assert {state for state, _, _ in node.state()["calls"].values()} == {"talking"}, "no call was given up"
            for agent in node.answered().values():
                node.do("hang_up", agent=agent)
        until(lambda: {*a.state()["agents"].values(), *b.state()["agents"].values()} == {"available"}, "all are free")


def talk(node: Node, call: str) -> None:
    """A caller comes to a node, and talks to whoever picks up."""
    node.do("enter", call=call, caller="")
    agent = until(lambda: next((agent for agent, rung in node.rung() if rung == call), None), "a phone rings")
    node.do("answer", agent=agent)
    until(lambda: call in node.answered(), "they talk")
