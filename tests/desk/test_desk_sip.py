"""The desk over real SIP and RTP on loopback: two phones, one bridge, one transfer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np

from ivr.acd.agents import AgentState
from ivr.audio.frame import FRAME_SAMPLES, SILENCE, AudioFrame
from ivr.call.driver import Room
from ivr.call.events import EngineEvent, EnterQueue, QueueChanged
from ivr.desk.config import desk_config
from ivr.desk.desk import HumanDesk
from ivr.desk.lines import RtpAgentMedia, RtpLegFactory
from ivr.dialog.events import Handover
from ivr.transport.base import CallInfo
from ivr.transport.rtp.leg import RtpLeg
from ivr.transport.rtp.ports import PortRange
from ivr.transport.sip.call import SipCall
from ivr.transport.sip.config import SipConfig
from ivr.transport.sip.endpoint import SipEndpoint
from ivr.transport.sip.events import Ended, TransferRequested

TONE = (8000 * np.sin(np.arange(FRAME_SAMPLES) * 2 * np.pi * 500 / 16_000)).astype(np.int16)


class Queue:
    skills: tuple[str, ...] = ()
    hours, timezone = "24/7", "UTC"


class Caller:
    """As much of a call driver as the desk sees; `tick` is what the pacer would do."""

    def __init__(self) -> None:
        self.info = CallInfo("c1", "100", "200", "sip")
        self.room: Room | None = None
        self.heard: list[EngineEvent] = []
        self.level = 0

    def deliver(self, event: EngineEvent) -> None:
        self.heard.append(event)

    @property
    def kinds(self) -> list[str]:
        return [e.kind for e in self.heard if isinstance(e, QueueChanged) and e.kind != "position"]

    def tick(self) -> None:
        if self.room is not None:
            heard = self.room.exchange(AudioFrame(TONE), AudioFrame(SILENCE))
            self.level = max(self.level, int(np.abs(heard.samples).max()))

    def note(self, kind: str, data: dict[str, Any]) -> None:
        """The journal."""


async def until(met: Callable[[], bool], tick: Callable[[], Any] = lambda: None, seconds: float = 8.0) -> None:
    async with asyncio.timeout(seconds):
        while not met():
            tick()
            await asyncio.sleep(0.02)


class AgentPhone:
    """Answers, speaks a tone, listens, hangs up when told."""

    def __init__(self) -> None:
        self.hang_up = asyncio.Event()
        self.level = 0
        self.over = False
        self.leg: RtpLeg | None = None

    async def __call__(self, call: SipCall) -> None:
        self.leg = RtpLeg(PortRange("127.0.0.1", 42_400, 42_440))
        media = RtpAgentMedia(self.leg)
        call.ring()
        await call.answer(media.local)
        assert call.media is not None
        media.connect(call.media)
        ending = asyncio.ensure_future(call.wait_ended())
        asking = asyncio.ensure_future(self.hang_up.wait())
        await asyncio.wait({ending, asking}, return_when=asyncio.FIRST_COMPLETED)
        await call.bye()
        await ending
        asking.cancel()
        media.close()
        self.over = True

    def tick(self) -> None:
        if self.leg is not None and not self.over:
            self.level = max(self.level, int(np.abs(self.leg.read().samples).max()))
            self.leg.write(AudioFrame(TONE))


def test_both_sides_hear_each_other_and_the_agent_hangs_up() -> None:
    async def main() -> None:
        phone = AgentPhone()
        theirs = SipEndpoint(SipConfig(port=0), phone)
        ours = SipEndpoint(SipConfig(port=0), phone)
        await theirs.start()
        await ours.start()
        port = theirs.addresses["UDP"][1]
        config = desk_config({"agents": [{"name": "ann", "uri": f"sip:ann@127.0.0.1:{port}"}]})
        desk = HumanDesk(config, {"default": Queue()}, ours, RtpLegFactory(PortRange("127.0.0.1", 42_300, 42_340)))
        await desk.start()
        caller = Caller()

        def tick() -> None:
            caller.tick()
            phone.tick()

        try:
            desk.enter(caller, EnterQueue(Handover("default", "asked")))
            await until(lambda: caller.level > 4000 and phone.level > 4000, tick)
            assert caller.kinds == ["answered"]
            phone.hang_up.set()
            await until(lambda: caller.kinds == ["answered", "left"], tick)
            assert caller.room is None
            await until(lambda: phone.over)
            assert ours.calls == 0
        finally:
            await desk.close()
            await ours.stop()
            await theirs.stop()

    asyncio.run(main())


def test_nobody_answers_and_the_phone_stops_ringing() -> None:
    async def main() -> None:
        ended: list[Ended] = []

        async def ring_only(call: SipCall) -> None:
            call.ring()
            ended.append(await call.wait_ended())

        theirs, ours = SipEndpoint(SipConfig(port=0), ring_only), SipEndpoint(SipConfig(port=0), ring_only)
        await theirs.start()
        await ours.start()
        port = theirs.addresses["UDP"][1]
        config = desk_config(
            {"agents": [{"name": "ann", "uri": f"sip:ann@127.0.0.1:{port}"}], "defaults": {"ring_s": 0.4}}
        )
        desk = HumanDesk(config, {"default": Queue()}, ours, RtpLegFactory(PortRange("127.0.0.1", 42_300, 42_340)))
        await desk.start()
        caller = Caller()
        try:
            desk.enter(caller, EnterQueue(Handover("default", "asked", max_wait_ms=800)))
            await until(lambda: caller.kinds == ["timeout"])
            await until(lambda: bool(ended))
            assert ended[0].cause.value == "cancelled"
            assert desk.agents()[0].state is AgentState.PAUSED
        finally:
            await desk.close()
            await ours.stop()
            await theirs.stop()

    asyncio.run(main())


def test_the_caller_is_transferred() -> None:
    async def main() -> None:
        lines: dict[str, SipCall] = {}
        target: list[str] = []

        async def answer(call: SipCall) -> None:
            leg = RtpLeg(PortRange("127.0.0.1", 42_400, 42_440))
            await call.answer(RtpAgentMedia(leg).local)
            lines["c1"] = call
            await call.wait_ended()
            leg.close()

        ours = SipEndpoint(SipConfig(port=0), answer)
        phone = SipEndpoint(SipConfig(port=0, accept_refer=True), answer)
        await ours.start()
        await phone.start()
        leg = RtpLeg(PortRange("127.0.0.1", 42_300, 42_340))
        port = ours.addresses["UDP"][1]
        call = await phone.dial(f"sip:hotline@127.0.0.1:{port}", RtpAgentMedia(leg).local)
        await until(lambda: "c1" in lines)

        async def obey() -> None:
            while not isinstance(event := await call.next_event(), Ended):
                if isinstance(event, TransferRequested):
                    target.append(event.target)
                    call.notify(180)
                    call.notify(200)

        obeying = asyncio.ensure_future(obey())
        config = desk_config({"agents": [{"name": "ann", "uri": "sip:ann@192.0.2.7", "connect": "refer"}]})
        desk = HumanDesk(
            config, {"default": Queue()}, ours, RtpLegFactory(PortRange("127.0.0.1", 42_300, 42_340)), line_of=lines.get
        )
        await desk.start()
        caller = Caller()
        try:
            desk.enter(caller, EnterQueue(Handover("default", "asked")))
            await until(lambda: caller.kinds == ["answered"])
            assert isinstance(caller.heard[-1], QueueChanged)
            assert caller.heard[-1].detail == "transferred to ann"
            assert target == ["sip:ann@192.0.2.7"]
            await obeying  # we have hung up
        finally:
            await desk.close()
            leg.close()
            await ours.stop()
            await phone.stop()

    asyncio.run(main())
