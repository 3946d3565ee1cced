"""A node of a shared floor as a process of its own: a real desk on a real store, phones in memory. It obeys lines of
JSON on standard input and tells what happens on standard output, so that a test can run several and kill some.

    python tests/desk/node.py URL FOLDER NODE AGENTS [LEASE_S]
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ivr.call.events import EngineEvent, EnterQueue, QueueChanged
from ivr.desk.config import desk_config
from ivr.desk.desk import HumanDesk
from ivr.desk.shared import SharedFloor
from ivr.dialog.events import Handover
from ivr.store.store import Store
from tests.fakes.desk import FakeDriver, FakeLegs, FakeSip


class Queue:
    skills: tuple[str, ...] = ()
    hours = "24/7"
    timezone = "UTC"


def tell(**fields: Any) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


class Driver(FakeDriver):
    def deliver(self, event: EngineEvent) -> None:
        super().deliver(event)
        assert isinstance(event, QueueChanged)
        tell(call=self.info.call_id, news=event.kind, position=event.position, detail=event.detail)


class Sip(FakeSip):
    """Tells of each phone that is rung."""

    async def dial(self, target: str, *args: Any, **more: Any) -> Any:
        headers = dict(more["headers"])
        tell(rung=target.removeprefix("sip:").partition("@")[0], call=headers["X-Call-Id"])
        return await super().dial(target, *args, **more)


async def main(url: str, folder: str, name: str, count: str, lease_s: str = "1.0") -> None:
    store = Store(url, Path(folder) / name, name)
    await store.open()
    sip = Sip()
    names = [f"agent{number}" for number in range(int(count))]
    for agent in names:
        sip.phone(f"sip:{agent}@192.0.2.7")
    agents = [{"name": agent, "uri": f"sip:{agent}@192.0.2.7"} for agent in names]
    config = desk_config({"agents": agents, "defaults": {"wrap_up_s": 0, "ring_s": 60}, "tell_every_s": 0.1})
    desk = HumanDesk(config, {"default": Queue()}, sip, FakeLegs(), store)
    desk.share(SharedFloor(store, float(lease_s)))
    await desk.start((await store.recover({"default": 300.0})).waiting)
    drivers: dict[str, Driver] = {}
    tell(ready=name)
    lines: asyncio.StreamReader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        do = json.loads(line)
        act = do.pop("act")
        if act == "enter":
            driver = drivers[do["call"]] = Driver(do["call"], do["caller"])
            handover = Handover(
                queue="default", reason="asked", priority=do.get("priority", "normal"), max_wait_ms=600_000
            )
            desk.enter(driver, EnterQueue(handover, ()))
        elif act == "answer":
            phone = sip.phones[f"sip:{do['agent']}@192.0.2.7"]
            phone.pick_up.set()
        elif act == "hang_up":
            phone = sip.phones[f"sip:{do['agent']}@192.0.2.7"]
            phone.pick_up.clear()
            phone.calls[-1].hang_up()
        elif act == "leave":
            desk.leave(do["call"], "caller hung up")
        elif act == "pause":
            desk.pause(do["agent"], "lunch")
        elif act == "resume":
            desk.resume(do["agent"])
        elif act == "state":
            floor = desk.floor
            tell(
                state={
                    "calls": {
                        i.rpartition("#")[0]: [c.state.value, c.agent, floor.position(i)]
                        for i, c in floor.calls.items()
                    },
                    "agents": {n: a.state.value for n, a in floor.roster.agents.items()},
                    "places": {caller: at for (caller, _), at in floor._places.items()},
                    "nodes": list(desk.shared.nodes) if desk.shared else [],
                }
            )
        elif act == "stop":
            break
    await desk.close()
    await store.close()
    tell(stopped=name)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
