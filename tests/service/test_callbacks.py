"""Calls back: the place is kept, the phone rings when it is nearly the caller's turn, and somebody talks to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.call.events import EnterQueue
from ivr.desk.config import desk_config
from ivr.desk.desk import HumanDesk
from ivr.dialog.bundle import Bundle
from ivr.dialog.events import Handover
from ivr.errors import ActionError, TransportError
from ivr.service.callbacks import CallbackService
from ivr.store.database import sqlite_url
from ivr.store.store import Store
from ivr.store.tickets import NewTicket, Tickets
from tests.fakes.desk import FakeDriver, FakeLegs, FakeSip
from tests.service.lab import live, open_lab, speech

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Queue:
    skills: tuple[str, ...] = ()
    hours = "Mo-Fr 09:00-18:00"
    timezone = "UTC"


@dataclass
class Out:
    """Calls out: each number answers or not; an answered call hands over to the queue and stays until told."""

    desk: HumanDesk
    answers: dict[str, bool] = field(default_factory=dict)
    dialled: list[str] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def call_out(
        self, number: str, uri: str, *, language: str, entry: str, on_answer: Callable[[str], None]
    ) -> None:
        self.dialled.append(uri)
        assert (language, entry) == ("zh", "welcome_back")
        await asyncio.sleep(0)
        if not self.answers.get(number, True):
            raise TransportError("480 nobody at home")
        on_answer(f"out-{number}")
        driver = FakeDriver(f"out-{number}", number)
        self.desk.enter(driver, wants())
        await self.over.wait()
        self.desk.leave(driver.info.call_id, "caller hung up")


def wants(priority: str = "normal") -> EnterQueue:
    return EnterQueue(Handover(queue="default", reason="asked", language="zh", priority=priority), ())


@dataclass
class Scene:
    store: Store
    desk: HumanDesk
    tickets: Tickets
    service: CallbackService
    sip: FakeSip
    now: float = NOON.timestamp()
    out: Out = field(init=False)

    async def look(self, seconds: float = 0.0) -> None:
        self.now += seconds
        self.desk.wake()
        await self.service.look()
        for _ in range(30):
            await asyncio.sleep(0.001)

    async def ask(self, number: str, **args: object) -> dict[str, object]:
        """In the call of a caller who waits, and then hangs up."""
        driver = FakeDriver(f"in-{number}", number)
        self.desk.enter(driver, wants())
        await asyncio.sleep(0.01)
        self.now += 5
        context = {"call_id": driver.info.call_id, "caller": number, "language": "zh"}
        found = await self.service.request(context, args)  # type: ignore[arg-type]
        self.desk.leave(driver.info.call_id, "the bot has the call")
        return dict(found)

    async def states(self) -> list[tuple[str, str, int]]:
        return sorted((row.phone, row.state, row.tries) for row in await self.service.list.find())


@asynccontextmanager
async def scene(folder: Path, agents: int = 1, uri: str = "sip:{number}@trunk.example") -> AsyncIterator[Scene]:
    made: list[Scene] = []

    def clock() -> float:
        return made[0].now if made else NOON.timestamp()

    store = Store(sqlite_url(folder / "ivr.db"), folder / "spool", clock=lambda: datetime.fromtimestamp(clock(), UTC))
    await store.open()
    sip = FakeSip()
    names = [f"agent{number}" for number in range(agents)]
    for name in names:
        sip.phone(f"sip:{name}@x", answers=True)
    config = desk_config(
        {
            "agents": [{"name": name, "uri": f"sip:{name}@x"} for name in names],
            "defaults": {"wrap_up_s": 0, "expected_handle_s": 100},
        }
    )
    desk = HumanDesk(config, {"default": Queue()}, sip, FakeLegs(), store, clock)
    tickets = Tickets(store)
    service = CallbackService(store, desk, tickets, uri, lambda: "welcome_back")
    made.append(Scene(store, desk, tickets, service, sip))
    made[0].out = service.out = Out(desk)  # type: ignore[assignment]
    await desk.start()
    try:
        yield made[0]
    finally:
        await service.close()
        await desk.close()
        await store.close()


def test_the_place_is_kept_and_the_phone_rings_in_time(tmp_path: Path) -> None:
    async def main() -> None:
        async with scene(tmp_path) as s:
            busy = FakeDriver("busy", "1")
            s.desk.enter(busy, wants())
            await s.look()
            assert busy.kinds == ["answered"]
            found = await s.ask("100")
            assert found == {"position": 1, "wait_minutes": 2}
            await s.look(10)
            assert s.out.dialled == [], "nobody waits behind, and the agent is busy"
            later = FakeDriver("later", "200")
            s.desk.enter(later, wants())
            await s.look(1)
            assert (later.heard[-1].kind, later.heard[-1].position) == ("position", 2), "the one called back is ahead"
            assert s.out.dialled == ["sip:100@trunk.example"]
            assert await s.states() == [("100", "dialling", 0)]
            entry = next(call for call in s.desk.floor.calls.values() if call.arrival.caller == "100")
            assert entry.entered_at == NOON.timestamp(), "not the place of the first call"
            assert s.desk.floor.position(entry.arrival.call_id) == 1
            s.out.over.set()
            await s.look()
            assert await s.states() == [("100", "done", 0)]
            assert s.service.answered == 1

    asyncio.run(main())


def test_nobody_answers_the_phone(tmp_path: Path) -> None:
    async def main() -> None:
        async with scene(tmp_path) as s:
            s.out.answers["100"] = False
            await s.ask("100")
            for tries in (1, 2, 3):
                await s.look()
                assert [state[2] for state in await s.states()] == [tries]
                await s.look(299)
                assert len(s.out.dialled) == tries, "too soon again"
                s.now += 2
            await s.look()
            assert len(s.out.dialled) == 3
            assert await s.states() == [("100", "failed", 3)]
            (ticket,) = await s.tickets.find()
            assert (ticket.phone, ticket.reason, ticket.topic) == ("100", "callback", "not reached in 3 tries")
            assert ticket.packet["queue"] == "default"

    asyncio.run(main())


def test_not_at_night_not_without_agents_and_one_call_a_number(tmp_path: Path) -> None:
    async def main() -> None:
        async with scene(tmp_path) as s:
            await s.ask("100")
            await s.ask("100")
            assert len(await s.service.list.find()) == 1
            s.desk.pause("agent0", "lunch")
            await s.look()
            assert s.out.dialled == []
            s.desk.resume("agent0")
            await s.look(8 * 3600)  # 20:00
            assert s.out.dialled == []
            await s.look((NOON + timedelta(days=3)).timestamp() - s.now)  # Monday
            assert s.out.dialled == ["sip:100@trunk.example"]

    asyncio.run(main())


def test_no_more_than_agents_can_take(tmp_path: Path) -> None:
    async def main() -> None:
        async with scene(tmp_path, agents=2) as s:
            s.sip.phones["sip:agent0@x"].pick_up.clear()
            s.sip.phones["sip:agent1@x"].pick_up.clear()
            hold = asyncio.Event()

            async def slow(number: str, uri: str, **more: object) -> None:
                s.out.dialled.append(number)
                await hold.wait()

            s.out.call_out = slow  # type: ignore[method-assign, assignment]
            for number in range(5):
                await s.ask(f"10{number}")
            await s.look()
            assert s.out.dialled == ["100", "101"], "two agents are free"
            hold.set()

    asyncio.run(main())


def test_a_ticket_calls(tmp_path: Path) -> None:
    async def main() -> None:
        async with scene(tmp_path) as s:
            number = await s.tickets.create(NewTicket("c1", "100", "300", "fees", "zh"))
            row = await s.tickets.get(number)
            assert row is not None
            await s.service.from_ticket(row, "default", s.now)
            await s.look()
            assert s.out.dialled == ["sip:300@trunk.example"]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("uri", "args", "message"),
    [
        ("", {}, "this hotline cannot call: desk.number_uri is not set"),
        ("sip:{number}@x", {"phone": "sip:evil@x"}, "not a number to call: 'sip:evil@x'"),
        ("sip:{number}@x", {"phone": "1" * 30}, "not a number to call"),
        ("sip:{number}@x", {"queue": "nowhere"}, "no such queue: 'nowhere'"),
    ],
)
def test_what_cannot_be(tmp_path: Path, uri: str, args: dict[str, str], message: str) -> None:
    async def main() -> None:
        async with scene(tmp_path, uri=uri) as s:
            with pytest.raises(ActionError) as caught:
                await s.ask("100", **args)
            assert str(caught.value).startswith(message)
            assert caught.value.kind == "data"

    asyncio.run(main())


@live
async def test_a_real_phone_is_called(tmp_path: Path, bundle: Bundle) -> None:
    """By SIP and RTP: it rings, is answered, and the hotline leads the call from the flow on."""
    async with open_lab(tmp_path, bundle, ["one two three"]) as lab:
        lab.intake.dialer = lab.sip
        answered: list[str] = []
        calling = asyncio.create_task(
            lab.intake.call_out("100", lab.phone.uri, language="en", entry="main", on_answer=answered.append)
        )
        line = await lab.phone.answer(timeout_s=10)
        lab.lines.append(line)
        await lab.watch()
        await lab.state("listening")
        await line.say(speech())
        assert await line.wait_over(10)
        record = await lab.ended()
        await calling
        assert (record.outcome, record.caller, [record.id]) == ("resolved", "100", answered)
        assert lab.voice.said[0] == "Welcome to the laboratory."
