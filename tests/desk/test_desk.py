"""The desk with phones in memory, a clock in the test's hand and a real store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ivr.acd.agents import AgentState
from ivr.call.events import EnterQueue, QueueChanged
from ivr.desk.config import AgentSettings, DeskConfig, desk_config, floor_config
from ivr.desk.desk import HumanDesk
from ivr.desk.ringing import refusal
from ivr.dialog.events import Handover, HandoverSlot, QueueStatus
from ivr.errors import ConfigError, SipError
from ivr.store.database import sqlite_url
from ivr.store.store import Store
from ivr.transport.sip.events import MediaChanged, ReferOutcome, ReferStatus
from ivr.transport.sip.uri import parse_uri
from tests.fakes.desk import MEDIA, FakeDriver, FakeLegs, FakeLine, FakeSip

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()


@dataclass
class Queue:
    skills: tuple[str, ...] = ()
    hours: str = "Mo-Fr 09:00-18:00"
    timezone: str = "UTC"


QUEUES = {"cards": Queue(("dispute",)), "default": Queue()}


class Scene:
    def __init__(self, config: DeskConfig, store: Store | None, line: FakeLine | None) -> None:
        self.now = NOON
        self.sip, self.legs, self.line = FakeSip(), FakeLegs(), line
        self.desk = HumanDesk(
            config, QUEUES, self.sip, self.legs, store, lambda: self.now, lambda call_id: self.line
        )  # fmt: skip

    async def settle(self, seconds: float = 0.0) -> None:
        """Let time pass on the floor, and everybody do what they have to."""
        self.now += seconds
        if seconds:
            self.desk.wake()
        for _ in range(20):
            await asyncio.sleep(0)

    def state(self, agent: str) -> AgentState:
        return self.desk.floor.roster.agent(agent).state


def agent(name: str, **settings: Any) -> dict[str, Any]:
    return {"name": name, "uri": f"sip:{name}@192.0.2.7", **settings}


@asynccontextmanager
async def scene(
    *agents: dict[str, Any], store: Store | None = None, line: FakeLine | None = None, **config: Any
) -> AsyncIterator[Scene]:
    made = Scene(desk_config({"agents": list(agents), **config}), store, line)
    await made.desk.start()
    try:
        yield made
    finally:
        await made.desk.close()


def handover(queue: str = "default", **fields: Any) -> EnterQueue:
    return EnterQueue(Handover(queue=queue, reason="no_match", **fields), (("caller", "hello"), ("bot", "hi")))


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(work())


@pytest.mark.parametrize(
    "caller", ["13800138000", "+86 10 5555", "=cmd|' /C calc'!A0<b>", "a@b:c", "张三", "\r\nVia: x", "%"]
)
def test_agents_see_any_caller(caller: str) -> None:
    """Whatever a caller's phone calls itself, the agent's phone can be rung, and shows just that."""
    uri = parse_uri(DeskConfig(from_domain="hotline.example").caller_uri(caller))
    assert (uri.scheme, uri.user, uri.host, uri.params, uri.headers) == ("sip", caller, "hotline.example", {}, {})
    assert DeskConfig().caller_uri(caller) == ""


def test_a_human_answers_and_hangs_up() -> None:
    async def main() -> None:
        async with scene(agent("ann"), from_domain="hotline.example") as s:
            phone = s.sip.phone("sip:ann@192.0.2.7")
            driver = FakeDriver()
            s.desk.enter(driver, handover())
            assert driver.heard == []  # never before enter returns
            await s.settle()
            assert driver.heard == [QueueChanged("position", 1, 0)]
            assert phone.headers == [("X-Call-Id", "c1"), ("X-Queue", "default")]
            assert phone.from_uri == "sip:100@hotline.example"
            phone.pick_up.set()
            await s.settle()
            assert driver.heard[-1] == QueueChanged("answered", detail="ann")
            media = s.legs.opened[0]
            assert driver.room.get("ann").leg is media.leg
            assert media.agreed == [MEDIA]
            phone.calls[0].events.put_nowait(MediaChanged(MEDIA, by_peer=True))
            await s.settle()
            assert len(media.agreed) == 2
            phone.calls[0].hang_up()
            await s.settle()
            assert driver.heard[-1] == QueueChanged("left", detail="ann")
            assert driver.room is None
            assert media.closed
            assert s.state("ann") is AgentState.WRAP_UP
            await s.settle(10)
            assert s.state("ann") is AgentState.AVAILABLE

    run(main)


def test_no_answer_busy_and_refusal_go_to_the_next_agent() -> None:
    async def main() -> None:
        names = ("ann", "ben", "cy", "dora", "eve")
        async with scene(*(agent(name) for name in names)) as s:
            ann = s.sip.phone("sip:ann@192.0.2.7")
            for name, code in (("ben", 486), ("cy", 603), ("dora", 503)):
                s.sip.phone(f"sip:{name}@192.0.2.7", code)
            s.sip.phone("sip:eve@192.0.2.7", answers=True)
            driver = FakeDriver()
            s.desk.enter(driver, handover())
            await s.settle()
            assert (ann.rung, driver.kinds) == (1, [])
            await s.settle(20)
            assert ann.cancelled == 1
            assert driver.heard[-1] == QueueChanged("answered", detail="eve")
            reasons = [s.desk.floor.roster.agent(name).reason for name in names[:4]]
            assert reasons == ["no_answer", "busy", "rejected", "failed"]
            assert all(media.closed for media in s.legs.opened[:4])

    run(main)


@pytest.mark.parametrize("moment", ["ringing", "talking"])
def test_the_caller_hangs_up(moment: str) -> None:
    async def main() -> None:
        async with scene(agent("ann")) as s:
            phone = s.sip.phone("sip:ann@192.0.2.7", answers=moment == "talking")
            driver = FakeDriver()
            s.desk.enter(driver, handover())
            await s.settle()
            told = list(driver.heard)
            s.desk.leave("c1", "caller hung up")
            s.desk.leave("c1", "call over")
            assert driver.room is None
            await s.settle()
            assert s.legs.opened[0].closed
            if moment == "ringing":
                assert phone.cancelled == 1
                assert s.state("ann") is AgentState.AVAILABLE
            else:
                assert phone.calls[0].ended
                assert s.state("ann") is AgentState.WRAP_UP
            assert driver.heard == told

    run(main)


def test_both_hang_up_at_once() -> None:
    async def main() -> None:
        async with scene(agent("ann")) as s:
            phone = s.sip.phone("sip:ann@192.0.2.7", answers=True)
            driver = FakeDriver()
            s.desk.enter(driver, handover())
            await s.settle()
            phone.calls[0].hang_up()
            s.desk.leave("c1", "caller hung up")
            await s.settle()
            assert s.state("ann") is AgentState.WRAP_UP
            assert driver.kinds == ["answered"]

    run(main)


def test_the_agents_audio_stays_away() -> None:
    async def main() -> None:
        async with scene(agent("ann")) as s:
            phone = s.sip.phone("sip:ann@192.0.2.7", answers=True)
            driver = FakeDriver()
            s.desk.enter(driver, handover())
            await s.settle()
            s.legs.opened[0].on_lost()
            await s.settle()
            assert phone.calls[0].ended
            assert driver.kinds == ["answered", "left"]

    run(main)


def test_closed_full_timeout_and_failed() -> None:
    async def main() -> None:
        async with scene(agent("ann"), defaults={"max_waiting": 1}) as s:
            s.desk.pause("ann", "lunch")
            assert s.desk.status("default") == QueueStatus(True, 0, 0, 3600)
            first, second, third = FakeDriver("c1"), FakeDriver("c2"), FakeDriver("c3")
            s.desk.enter(first, handover(max_wait_ms=30_000))
            s.desk.enter(second, handover())
            s.desk.enter(third, handover(queue="loans"))
            await s.settle()
            assert s.desk.statuses()["default"].waiting == 1
            assert second.heard == [QueueChanged("full", detail="queue default")]
            assert third.heard == [
                QueueChanged("failed", detail="no such queue: 'loans' (queues: cards, default)")
            ]  # fmt: skip
            await s.settle(30)
            assert first.heard[-1] == QueueChanged("timeout", detail="waited 30 s in queue default")
            await s.settle(6 * 3600)
            assert not s.desk.status("default").open
            s.desk.enter(first, handover())
            await s.settle()
            assert first.heard[-1] == QueueChanged("closed", detail="queue default")
            packet = s.desk.packet("c1")
            assert packet is not None
            assert packet.wait_s == 0.0

    run(main)


def test_agents_without_the_skill_are_not_rung() -> None:
    async def main() -> None:
        async with scene(agent("ann", skills=["dispute", "lang:en"]), agent("ben", queues=["default"])) as s:
            zh, en = FakeDriver("c1"), FakeDriver("c2")
            s.sip.phone("sip:ann@192.0.2.7", answers=True)
            s.desk.enter(zh, handover("cards", skills=("lang:zh",)))
            s.desk.enter(en, handover("cards", skills=("lang:en",), priority="nonsense"))
            await s.settle()
            assert zh.kinds == ["closed"]
            assert en.heard[-1] == QueueChanged("answered", detail="ann")

    run(main)


# -- transfer by REFER


def test_a_transfer_that_is_accepted() -> None:
    async def main() -> None:
        line = FakeLine(ReferOutcome(ReferStatus.ACCEPTED, 200))
        async with scene(agent("ann", connect="refer"), line=line) as s:
            driver = FakeDriver()
            s.desk.enter(driver, handover())
            await s.settle()
            assert line.referred == ["sip:ann@192.0.2.7"]
            assert driver.heard[-1] == QueueChanged("answered", detail="transferred to ann")
            assert line.byes == ["transferred"]
            assert s.legs.opened == []
            assert s.state("ann") is AgentState.WRAP_UP  # held for as long as such a call takes
            s.desk.leave("c1", "caller hung up")
            await s.settle(300)
            assert s.state("ann") is AgentState.AVAILABLE

    run(main)


@pytest.mark.parametrize("why", [ReferOutcome(ReferStatus.REJECTED, 603), SipError("no transfer here")])
def test_a_transfer_that_is_refused_becomes_a_bridge(why: ReferOutcome | Exception) -> None:
    async def main() -> None:
        line = FakeLine(why)
        async with scene(agent("ann", connect="refer"), line=line) as s:
            s.sip.phone("sip:ann@192.0.2.7", answers=True)
            driver = FakeDriver()
            s.desk.enter(driver, handover())
            await s.settle()
            assert driver.heard[-1] == QueueChanged("answered", detail="ann")
            assert [party.leg for party in driver.room] == [s.legs.opened[0].leg]
            assert line.byes == []

    run(main)


def test_an_unknown_transfer_is_never_taken_back() -> None:
    async def main() -> None:
        line = FakeLine(ReferOutcome(ReferStatus.UNKNOWN))
        async with scene(agent("ann", connect="refer"), agent("ben"), line=line) as s:
            ben = s.sip.phone("sip:ben@192.0.2.7", answers=True)
            driver = FakeDriver()
            s.desk.enter(driver, handover(max_wait_ms=20_000))
            await s.settle()
            assert driver.kinds == ["answered"]
            assert driver.heard[-1].detail == "transferred to ann, outcome unknown"
            await s.settle(600)
            assert (driver.kinds, line.byes, ben.rung) == (["answered"], [], 0)

    run(main)


def test_a_transfer_without_a_word_counts_as_unknown() -> None:
    async def main() -> None:
        line = FakeLine(None)
        async with scene(agent("ann", connect="refer"), line=line, refer_limit_s=0.05) as s:
            driver = FakeDriver()
            s.desk.enter(driver, handover(max_wait_ms=1_000))
            await s.settle()
            await s.settle(30)  # neither ring time nor longest wait end a transfer
            assert driver.kinds == []
            await asyncio.sleep(0.1)
            assert driver.heard[-1].detail == "transferred to ann, outcome unknown"

    run(main)


def test_the_caller_hangs_up_in_mid_transfer() -> None:
    async def main() -> None:
        line = FakeLine(None)
        async with scene(agent("ann", connect="refer"), line=line) as s:
            driver = FakeDriver()
            s.desk.enter(driver, handover())
            await s.settle()
            s.desk.leave("c1", "caller hung up")
            await s.settle()
            assert s.state("ann") is AgentState.WRAP_UP  # may be talking to the caller by now
            assert driver.kinds == []

    run(main)


def test_without_a_sip_line_nobody_is_transferred() -> None:
    async def main() -> None:
        async with scene(agent("ann", connect="refer")) as s:
            s.sip.phone("sip:ann@192.0.2.7", answers=True)
            driver = FakeDriver()
            s.desk.enter(driver, handover())
            await s.settle()
            assert driver.heard[-1] == QueueChanged("answered", detail="ann")

    run(main)


# -- what is kept


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Store]:
    store = Store(sqlite_url(folder / "ivr.db"), folder / "spool")
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def test_the_queue_is_in_the_store(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as store, scene(agent("ann"), store=store) as s:
            await store.call_started("c0", caller="100")
            await store.put_caller("100", name="Li Lei", data={"vip": True})
            phone = s.sip.phone("sip:ann@192.0.2.7")
            slot = HandoverSlot("card", "4412", 0.9, True, ("4413",), 1200, sensitive=True)
            driver = FakeDriver()
            s.desk.enter(driver, handover(slots=(slot,), summary="card 4412 lost"))
            await asyncio.sleep(0.1)
            (entry,) = await store.queue_entries()
            assert (entry.call_id, entry.queue, entry.caller, entry.state) == ("c1", "default", "100", "waiting")
            assert entry.entered_at.timestamp() == NOON
            assert entry.packet["caller"] == {
                "number": "100", "name": "Li Lei", "language": "", "calls": 1, "data": {"vip": True}
            }  # fmt: skip
            assert "4412" not in str(entry.packet)
            s.now += 7
            phone.pick_up.set()
            await asyncio.sleep(0.1)
            (entry,) = await store.queue_entries()
            assert (entry.state, entry.agent, entry.packet["wait_s"]) == ("talking", "ann", 7.0)
            phone.calls[0].hang_up()
            await asyncio.sleep(0.1)
            assert await store.queue_entries() == []

    run(main)


def test_who_joined_by_the_button_is_there_after_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as store:
            async with scene(agent("ann"), store=store) as s:
                for name in ("zoe", "max"):
                    s.desk.add_agent(AgentSettings(name=name, uri="browser"), remember=True)
                    s.desk.sign_in(name)
                s.desk.pause("zoe", "lunch")
                s.desk.forget_agent("max")
                await asyncio.sleep(0.2)
            async with scene(agent("ann"), store=store) as s:
                names = [one.name for one in s.desk.agents()]
                assert names == ["ann", "zoe"]
                zoe = s.desk.floor.roster.agent("zoe")
                assert (zoe.state, zoe.reason) == (AgentState.PAUSED, "lunch")
                settings = s.desk.settings_of("zoe")
                assert settings is not None
                assert settings.uri == "browser"

    run(main)


def test_after_a_crash_the_place_is_kept(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as store:
            entered = datetime.fromtimestamp(NOON - 90, UTC)
            await store.put_queue_entry("old", queue="default", caller="100", entered_at=entered)
            await store.put_queue_entry("older", queue="gone", caller="300", entered_at=entered)
            found = await store.recover()
            made = Scene(desk_config({"agents": [agent("ann")]}), store, None)
            await made.desk.start(found.waiting)
            made.desk.pause("ann", "lunch")
            other, back = FakeDriver("c1", "200"), FakeDriver("c2", "100")
            made.desk.enter(other, handover())
            made.desk.enter(back, handover())
            await made.settle()
            assert back.heard[0].position == 1
            assert other.heard[0].position == 1  # told when he was alone
            await made.settle(10)
            assert other.heard[-1].position == 2
            packet = made.desk.packet("c2")
            assert packet is not None
            assert packet.wait_s == 100.0
            await made.desk.close()

    run(main)


def test_who_was_paused_or_gone_stays_so_after_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        staff = (agent("ann"), agent("ben"), agent("cy", signed_in=False), agent("dora"))
        async with opened(tmp_path) as store:
            async with scene(*staff, store=store) as s:
                assert [s.state(name) for name in ("ann", "cy")] == [AgentState.AVAILABLE, AgentState.OFFLINE]
                s.desk.pause("ann", "lunch")
                s.desk.sign_out("ben")
                s.desk.sign_in("cy")
                await asyncio.sleep(0.1)
            async with scene(*staff, store=store) as s:
                states = [s.state(found.name).value for found in s.desk.agents()]
                assert states == ["paused", "offline", "available", "available"]
                assert s.desk.floor.roster.agent("ann").reason == "lunch"
                s.desk.resume("ann")
                assert s.state("ann") is AgentState.AVAILABLE

    run(main)


def test_the_queue_works_while_the_store_is_away(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as store, scene(agent("ann"), store=store) as s:
            await store.close()
            s.sip.phone("sip:ann@192.0.2.7", answers=True)
            driver = FakeDriver()
            s.desk.enter(driver, handover())
            await asyncio.sleep(0.1)
            assert driver.kinds == ["answered"]
            assert store.spooled >= 1

    run(main)


def test_who_queues_again_is_another_entry() -> None:
    async def main() -> None:
        async with scene(agent("ann")) as s:
            phone = s.sip.phone("sip:ann@192.0.2.7", answers=True)
            driver = FakeDriver()
            for expected in (["answered", "left"], ["answered", "left"] * 2):
                s.desk.enter(driver, handover())
                await s.settle()
                phone.calls[-1].hang_up()
                await s.settle()
                await s.settle(10)
                assert driver.kinds == expected
            s.desk.forget("c1")
            assert s.desk.packet("c1") is None

    run(main)


# -- settings


@pytest.mark.parametrize(
    ("code", "kind"),
    [(486, "busy"), (600, "busy"), (408, "no_answer"), (603, "rejected"), (480, "failed"), (0, "failed")],
)
def test_what_codes_mean(code: int, kind: str) -> None:
    assert refusal(code) == kind


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"agents": [{"name": "ann"}]}, "desk: agents.0.uri: Field required"),
        ({"agentz": []}, "desk: agentz: Extra inputs are not permitted"),
        ({"defaults": {"ring_s": 0}}, "desk: defaults.ring_s: Input should be greater than 0"),
        ({"queues": {"loans": {}}}, "desk: 'loans' is no queue of the hotline (cards, default)"),
        ({"agents": [agent("ann", queues=["loans"])]}, "agent 'ann': 'loans' is no queue (queues: cards, default)"),
        ({"agents": [agent("ann"), agent("ann")]}, "two agents are called 'ann'"),
    ],
)
def test_bad_settings(data: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        floor_config(desk_config(data), QUEUES)
    assert str(caught.value) == message
