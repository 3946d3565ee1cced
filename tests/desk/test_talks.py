"""What agents and supervisors do with a call, with phones in memory: and what goes wrong then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from ivr.acd.agents import AgentState
from ivr.call.events import EnterQueue, QueueChanged
from ivr.desk.conference import Role
from ivr.desk.config import desk_config
from ivr.desk.desk import HumanDesk
from ivr.desk.talks import Talk, Talks
from ivr.dialog.events import Handover
from ivr.errors import ConfigError, InputError, SipError
from ivr.transport.sip.events import ReferOutcome, ReferStatus
from tests.fakes.desk import FakeDriver, FakeLegs, FakeLine, FakeSip, Phone


@dataclass
class Queue:
    hours: str = "24/7"
    timezone: str = "UTC"
    skills: tuple[str, ...] = ()


@dataclass
class Scene:
    desk: HumanDesk
    sip: FakeSip
    legs: FakeLegs
    driver: FakeDriver
    phones: dict[str, Phone]
    now: list[float]
    line: FakeLine | None = None
    closed: list[Talk] = field(default_factory=list)

    @property
    def talks(self) -> Talks:
        return self.desk.talks

    @property
    def talk(self) -> Talk:
        return self.desk.talks.talk("c1")

    def roles(self) -> dict[str, str]:
        return {party.name: party.role.value for party in self.talk.conference}

    def state(self, agent: str) -> AgentState:
        return self.desk.floor.roster.agent(agent).state

    async def settle(self) -> None:
        for _ in range(25):
            await asyncio.sleep(0)

    async def pass_time(self, seconds: float) -> None:
        self.now[0] += seconds
        self.desk.wake()
        await self.settle()

    def consult(self, name: str, *, agent: bool = True, blind: bool = False) -> None:
        self.talks.consult("c1", name, f"sip:{name}@pbx", agent=agent, blind=blind)


def uri(name: str) -> str:
    return f"sip:{name}@pbx"


@asynccontextmanager
async def scene(line: FakeLine | None = None, answered: bool = True, **config: Any) -> AsyncIterator[Scene]:
    """Ann has taken the call `c1`; ben is free; `boss` and `bank` can be rung."""
    now = [1_700_000_000.0]
    sip, legs = FakeSip(), FakeLegs()
    phones = {name: sip.phone(uri(name)) for name in ("ann", "ben", "boss", "bank")}
    settings = desk_config(
        {"agents": [{"name": name, "uri": uri(name)} for name in ("ann", "ben")],
         "defaults": {"strategy": "linear"}, **config}
    )  # fmt: skip
    desk = HumanDesk(
        settings, {"default": Queue(), "cards": Queue(), "closed": Queue("Mo-Su off")}, sip, legs, None,
        lambda: now[0], lambda call_id: line,
    )  # fmt: skip
    await desk.start()
    made = Scene(desk, sip, legs, FakeDriver(), phones, now, line)
    desk.talks.on_close.append(made.closed.append)
    try:
        if answered:
            phones["ann"].pick_up.set()
            desk.enter(made.driver, EnterQueue(Handover("default", "asked")))
            await made.settle()
            assert made.driver.kinds == ["answered"]
        yield made
    finally:
        await desk.close()


def live(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    def run() -> None:
        async def bounded() -> None:
            async with asyncio.timeout(10):
                await test()

        asyncio.run(bounded())

    return run


@live
async def test_hold_and_mute() -> None:
    async with scene() as s:
        s.talks.hold("c1", True)
        assert s.talk.conference.on_hold
        s.talks.hold("c1", False)
        s.talks.mute("c1", "ann", True)
        assert s.talk.conference.get("ann").muted  # type: ignore[union-attr]
        with pytest.raises(InputError, match="zoe is not on this call"):
            s.talks.mute("c1", "zoe", True)
        with pytest.raises(InputError, match="this call is over"):
            s.talks.hold("c9", True)
        assert s.driver.noted == ["desk.hold", "desk.hold"]


@live
async def test_attended_transfer() -> None:
    async with scene() as s:
        s.consult("ben")
        await s.settle()
        assert s.talk.conference.on_hold
        assert s.state("ben") is AgentState.BUSY
        s.phones["ben"].pick_up.set()
        await s.settle()
        assert s.roles() == {"ann": "agent", "ben": "consulted"}
        s.talks.complete("c1")
        await s.settle()
        assert s.roles() == {"ben": "agent"}
        assert not s.talk.conference.on_hold
        assert s.talks.holders() == {"c1": "ben"}
        assert s.phones["ann"].calls[0].ended
        assert s.state("ann") is AgentState.WRAP_UP
        assert s.driver.kinds == ["answered"], "to the dialog nothing has changed"
        s.phones["ben"].calls[0].hang_up()
        await s.settle()
        assert s.driver.heard[-1] == QueueChanged("left", detail="ben")
        assert s.state("ben") is AgentState.WRAP_UP
        await s.pass_time(10)
        assert s.state("ben") is AgentState.AVAILABLE
        assert s.driver.room is None
        assert len(s.closed) == 1
        assert all(media.closed for media in s.legs.opened)


@live
async def test_consult_and_come_back() -> None:
    async with scene() as s:
        s.consult("ben")
        s.phones["ben"].pick_up.set()
        await s.settle()
        with pytest.raises(InputError, match="ben is being consulted already"):
            s.consult("bank", agent=False)
        with pytest.raises(InputError, match="end the consultation first"):
            s.talks.hold("c1", False)
        s.talks.cancel("c1")
        await s.settle()
        assert s.roles() == {"ann": "agent"}
        assert not s.talk.conference.on_hold
        assert s.phones["ben"].calls[0].ended
        assert s.state("ben") is AgentState.AVAILABLE


@live
async def test_conference_of_three_and_the_first_one_leaves() -> None:
    async with scene() as s:
        s.consult("ben")
        with pytest.raises(InputError, match="nobody has answered"):
            s.talks.conference("c1")
        s.phones["ben"].pick_up.set()
        await s.settle()
        s.talks.conference("c1")
        assert s.roles() == {"ann": "agent", "ben": "agent"}
        s.phones["ann"].calls[0].hang_up()
        await s.settle()
        assert s.roles() == {"ben": "agent"}
        assert s.talks.holders() == {"c1": "ben"}
        assert s.driver.kinds == ["answered"]
        assert s.state("ann") is AgentState.WRAP_UP


@live
async def test_a_guest_leaves_the_conference() -> None:
    async with scene() as s:
        s.consult("ben")
        s.phones["ben"].pick_up.set()
        await s.settle()
        s.talks.conference("c1")
        s.phones["ben"].calls[0].hang_up()
        await s.settle()
        assert s.roles() == {"ann": "agent"}
        assert s.state("ben") is AgentState.WRAP_UP, "ben talked to the caller"


@pytest.mark.parametrize(("code", "reason"), [(486, "busy"), (404, "unknown number"), (500, "cannot be reached")])
def test_the_target_does_not_come(code: int, reason: str) -> None:
    @live
    async def go() -> None:
        async with scene() as s:
            s.phones["bank"].code = code
            s.consult("bank", agent=False, blind=True)
            await s.settle()
            assert s.talk.notice == f"bank: {reason}"
            assert s.roles() == {"ann": "agent"}
            assert not s.talk.conference.on_hold, "the caller is with ann again"

    go()


@live
async def test_blind_transfer_and_the_agent_stays_until_it_is_answered() -> None:
    async with scene() as s:
        s.consult("bank", agent=False, blind=True)
        await s.settle()
        assert s.roles() == {"ann": "agent"}
        s.phones["bank"].pick_up.set()
        await s.settle()
        assert s.roles() == {"bank": "agent"}
        assert s.phones["ann"].calls[0].ended


@live
async def test_the_agent_hangs_up_while_the_target_rings_and_it_answers() -> None:
    async with scene() as s:
        s.consult("bank", agent=False)
        await s.settle()
        s.phones["ann"].calls[0].hang_up()
        await s.settle()
        assert s.talk.conference.on_hold
        assert s.driver.kinds == ["answered"]
        s.phones["bank"].pick_up.set()
        await s.settle()
        assert s.roles() == {"bank": "agent"}
        assert not s.talk.conference.on_hold


@live
async def test_the_agent_hangs_up_and_the_target_does_not_answer() -> None:
    """Nobody is lost: the caller goes before all others in the queue, with music."""
    async with scene() as s:
        s.consult("bank", agent=False)
        await s.settle()
        s.phones["ann"].calls[0].hang_up()
        await s.settle()
        task = s.talk.guests["bank"].task
        assert task is not None
        s.talks.refused("c1", s.talk.guests["bank"], "no answer")
        await s.settle()
        call = next(iter(s.desk.floor.calls.values()))
        assert (call.arrival.queue, call.arrival.priority > 0) == ("default", True)
        assert s.talk.conference.on_hold
        assert s.driver.kinds == ["answered"]
        s.phones["ben"].pick_up.set()
        await s.settle()
        assert s.talks.holders() == {"c1": "ben"}
        assert not s.talk.conference.on_hold
        assert s.driver.kinds == ["answered"], "the dialog has not noticed"


@live
async def test_to_another_queue() -> None:
    async with scene() as s:
        with pytest.raises(InputError, match="'closed' is closed"):
            s.talks.to_queue("c1", "closed")
        with pytest.raises(ConfigError, match="no such queue"):
            s.talks.to_queue("c1", "nowhere")
        assert s.roles() == {"ann": "agent"}
        s.phones["ben"].pick_up.set()
        s.talks.to_queue("c1", "cards")
        await s.settle()
        assert s.talks.holders() == {"c1": "ben"}
        assert s.state("ann") is AgentState.WRAP_UP
        assert s.driver.kinds == ["answered"]


@live
async def test_nobody_takes_the_transferred_caller_who_is_with_the_bot_again() -> None:
    async with scene() as s:
        s.desk.pause("ben", "lunch")
        s.talks.to_queue("c1", "cards")
        await s.settle()
        assert s.talk.conference.on_hold
        s.desk.sign_out("ann")
        s.desk.sign_out("ben")
        await s.pass_time(200)
        assert s.driver.kinds == ["answered", "left"]
        assert s.driver.room is None


@live
async def test_a_busy_colleague_cannot_be_asked() -> None:
    async with scene() as s:
        s.desk.pause("ben", "lunch")
        await s.settle()
        with pytest.raises(InputError, match="ben is not free"):
            s.consult("ben")
        assert not s.talk.conference.on_hold


@pytest.mark.parametrize("status", list(ReferStatus))
def test_the_callers_own_phone_is_transferred(status: ReferStatus) -> None:
    @live
    async def go() -> None:
        line = FakeLine(ReferOutcome(status, 603))
        async with scene(line) as s:
            s.talks.refer("c1", line, "sip:bank@elsewhere", 5.0)
            await s.settle()
            assert line.referred == ["sip:bank@elsewhere"]
            if status is ReferStatus.REJECTED:
                assert s.roles() == {"ann": "agent"}, "the talk goes on"
                assert s.talk.notice == "sip:bank@elsewhere: refused"
            elif status is ReferStatus.ACCEPTED:
                assert line.byes == ["transferred"]
            else:
                assert line.byes == [], "an unknown leg is never taken back"
                assert s.phones["ann"].calls[0].ended
                assert s.state("ann") is AgentState.WRAP_UP
                assert s.driver.kinds == ["answered"]

    go()


@live
async def test_a_slow_transfer_is_unknown_in_the_end() -> None:
    line = FakeLine(None)
    async with scene(line) as s:
        s.talks.refer("c1", line, "sip:bank@elsewhere", 0.01)
        with pytest.raises(InputError, match="is being transferred"):
            s.talks.refer("c1", line, "sip:bank@elsewhere", 0.01)
        await asyncio.sleep(0.05)
        await s.settle()
        assert line.byes == []
        assert s.phones["ann"].calls[0].ended


@live
async def test_a_line_that_cannot_refer() -> None:
    line = FakeLine(SipError("no dialog"))
    async with scene(line) as s:
        s.talks.refer("c1", line, "sip:bank@elsewhere", 1.0)
        await s.settle()
        assert s.roles() == {"ann": "agent"}


@live
async def test_the_bot_gets_the_call_for_a_scene_and_gives_it_back() -> None:
    async with scene() as s:
        s.talks.lend("c1", "card_number")
        assert s.driver.heard[-1] == QueueChanged("lent", detail="card_number")
        assert s.talk.conference.get("ann").muted  # type: ignore[union-attr]
        with pytest.raises(InputError, match="take the call back first"):
            s.talks.hold("c1", True)
        s.desk.enter(s.driver, EnterQueue(Handover("default", "asked", summary="card 1234")))
        await s.settle()
        assert s.driver.heard[-1] == QueueChanged("answered", detail="ann")
        assert not s.talk.conference.get("ann").muted  # type: ignore[union-attr]
        packet = s.desk.packet("c1")
        assert packet is not None
        assert packet.summary == "card 1234"
        assert s.state("ann") is AgentState.BUSY
        assert s.phones["ben"].rung == 0


@live
async def test_the_agent_is_gone_when_the_scene_ends() -> None:
    async with scene() as s:
        s.talks.lend("c1", "card_number")
        s.phones["ann"].calls[0].hang_up()
        await s.settle()
        s.phones["ben"].pick_up.set()
        s.desk.enter(s.driver, EnterQueue(Handover("default", "asked")))
        await s.settle()
        assert s.talks.holders() == {"c1": "ben"}


@live
async def test_recall() -> None:
    async with scene() as s:
        with pytest.raises(InputError, match="does not have this call"):
            s.talks.recall("c1")
        s.talks.lend("c1", "card_number")
        s.talks.recall("c1")
        assert s.driver.kinds[-1] == "recalled"


@live
async def test_a_supervisor_listens_whispers_and_takes_over() -> None:
    async with scene() as s:
        s.phones["boss"].pick_up.set()
        s.talks.supervise(s.driver, "boss", uri("boss"), Role.LISTEN)
        await s.settle()
        assert s.roles() == {"ann": "agent", "boss": "listen"}
        s.talks.supervise(s.driver, "boss", uri("boss"), Role.WHISPER)
        assert s.roles()["boss"] == "whisper"
        assert s.phones["boss"].rung == 1
        s.talks.take_over("c1", "boss")
        await s.settle()
        assert s.roles() == {"boss": "agent"}
        assert s.talks.holders() == {"c1": "boss"}
        assert s.state("ann") is AgentState.WRAP_UP
        assert s.driver.kinds == ["answered"]


@live
async def test_an_agent_who_takes_over_is_busy_and_wraps_up() -> None:
    async with scene() as s:
        s.phones["ben"].pick_up.set()
        s.talks.supervise(s.driver, "ben", uri("ben"), Role.LISTEN)
        await s.settle()
        assert s.state("ben") is AgentState.AVAILABLE
        s.talks.take_over("c1", "ben")
        await s.settle()
        assert s.state("ben") is AgentState.BUSY
        await s.pass_time(60)
        s.phones["ben"].calls[0].hang_up()
        await s.settle()
        assert s.state("ben") is AgentState.WRAP_UP
        await s.pass_time(10)
        ben = s.desk.floor.roster.agent("ben")
        assert ben.state is AgentState.AVAILABLE
        assert ben.seconds[AgentState.BUSY] == 60
        assert ben.occupancy(s.now[0]) == 1.0


@live
async def test_one_who_was_asked_only_keeps_the_place_among_the_idle() -> None:
    async with scene() as s:
        before = s.desk.floor.roster.agent("ben").idle_since
        await s.pass_time(30)
        s.consult("ben")
        s.phones["ben"].pick_up.set()
        await s.settle()
        s.talks.cancel("c1")
        await s.settle()
        ben = s.desk.floor.roster.agent("ben")
        assert (ben.state, ben.idle_since) == (AgentState.AVAILABLE, before)


@live
async def test_another_node_has_the_colleague() -> None:
    class Shared:
        async def claim_for_talk(self, call_id: str, agent: str) -> bool:
            return False

        def settle(self) -> None: ...

        async def close(self) -> None: ...

    async with scene() as s:
        s.desk.shared = Shared()  # type: ignore[assignment]
        s.consult("ben")
        await s.settle()
        assert s.phones["ben"].rung == 0
        assert s.talk.notice == "ben: busy"
        assert not s.talk.conference.on_hold


@live
async def test_a_supervisor_takes_a_call_from_the_bot() -> None:
    async with scene(answered=False) as s:
        with pytest.raises(InputError):
            s.talks.take_over("c1", "boss")
        s.phones["boss"].pick_up.set()
        s.talks.supervise(s.driver, "boss", uri("boss"), Role.LISTEN)
        await s.settle()
        s.talks.take_over("c1", "boss")
        await s.settle()
        assert s.driver.heard == [QueueChanged("taken", detail="boss")]
        assert s.talks.holders() == {"c1": "boss"}
        s.phones["boss"].calls[0].hang_up()
        await s.settle()
        assert s.driver.kinds == ["taken", "left"]
        assert s.driver.room is None


@live
async def test_a_supervisor_takes_a_caller_out_of_the_queue() -> None:
    async with scene(answered=False) as s:
        s.desk.enter(s.driver, EnterQueue(Handover("default", "asked")))
        await s.settle()
        assert s.phones["ann"].rung == 1
        s.phones["boss"].pick_up.set()
        s.talks.supervise(s.driver, "boss", uri("boss"), Role.LISTEN)
        await s.settle()
        s.talks.take_over("c1", "boss")
        await s.settle()
        assert s.driver.kinds == ["taken"]
        assert s.phones["ann"].cancelled == 1
        assert s.desk.floor.calls == {}


@live
async def test_both_sides_hang_up_at_once() -> None:
    async with scene() as s:
        s.consult("ben")
        s.phones["ben"].pick_up.set()
        await s.settle()
        s.phones["ann"].calls[0].hang_up()
        s.desk.leave("c1", "caller hung up")
        s.desk.forget("c1")
        await s.settle()
        assert s.driver.room is None
        assert s.phones["ben"].calls[0].ended
        assert s.talks.holders() == {}
        assert s.state("ann") is AgentState.WRAP_UP
        assert s.state("ben") is AgentState.AVAILABLE
        assert all(media.closed for media in s.legs.opened)


@live
async def test_the_caller_goes_while_the_target_rings() -> None:
    async with scene() as s:
        s.consult("ben")
        await s.settle()
        s.desk.leave("c1", "caller hung up")
        await s.settle()
        assert s.phones["ben"].cancelled == 1
        assert s.state("ben") is AgentState.AVAILABLE
        assert s.driver.room is None


@live
async def test_the_lid_is_closed_in_mid_call() -> None:
    """The agent's audio stays away: their line is hung up, and the caller is with the bot again."""
    async with scene() as s:
        s.legs.opened[0].on_lost()
        await s.settle()
        assert s.driver.kinds == ["answered", "left"]
        assert s.driver.room is None
        assert s.state("ann") is AgentState.WRAP_UP


@live
async def test_the_bot_speaks_for_the_agent() -> None:
    async with scene() as s:
        s.talks.say("c1", "Your card is on its way.", "en")
        assert s.driver.said == ["Your card is on its way."]
        s.talks.hold("c1", True)
        with pytest.raises(InputError, match="not on the line"):
            s.talks.say("c1", "hello", "en")


@live
async def test_listening_along_from_a_page() -> None:
    async with scene() as s:
        leg = s.legs.open(lambda: None).leg
        party = s.talks.listen_along(s.driver, "boss", leg)
        assert s.roles() == {"ann": "agent", party.name: "listen"}
        s.talks.stop_listening("c1", party)
        assert s.roles() == {"ann": "agent"}
        s.talks.stop_listening("c1", party)
