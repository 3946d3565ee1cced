"""A peer connection on the machine's own network, against aiortc's: sound both ways, keys, every way to end."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from ivr.audio.frame import SILENCE, AudioFrame, Samples
from ivr.errors import SdpError
from ivr.transport.pacer import Pacer
from ivr.transport.rtp.leg import RtpSettings
from ivr.transport.webrtc.config import IceSettings
from ivr.transport.webrtc.peer import WebRtcPeer
from tests.fakes.web_caller import WebCaller, web_caller
from tests.service.lab import likeness, live, until, voice

ICE = IceSettings(("127.0.0.1",), setup_s=10)


class Side:
    """Ours: says a queue of frames, keeps what it hears."""

    def __init__(self, peer: WebRtcPeer) -> None:
        self.peer, self.heard, self.to_say = peer, [], []
        self.lost = 0

    heard: list[Samples]
    to_say: list[Samples]

    def tick(self) -> None:
        frame = self.peer.leg.read()
        self.lost += frame.lost
        self.heard.append(frame.samples)
        self.peer.leg.write(AudioFrame(self.to_say.pop(0) if self.to_say else SILENCE))

    def say(self, samples: Samples) -> None:
        whole = samples[: len(samples) // 320 * 320]
        self.to_say += list(whole.reshape(-1, 320))


@asynccontextmanager
async def joined(rtp: RtpSettings | None = None, **handlers: Any) -> AsyncIterator[tuple[WebCaller, Side]]:
    pacer = Pacer()
    pacer.start()
    async with web_caller() as caller:
        peer = WebRtcPeer(ICE, rtp or RtpSettings(), **handlers)
        side = Side(peer)
        try:
            await caller.take(await peer.accept(caller.offer))
            await asyncio.wait_for(peer.connected.wait(), 15)
            pacer.add(side.tick)
            yield caller, side
        finally:
            pacer.stop()
            await peer.close()


@live
async def test_sound_both_ways_keys_and_messages() -> None:
    messages: list[dict[str, Any]] = []
    async with joined(on_message=messages.append) as (caller, side):
        side.peer.send({"type": "early", "text": "你好"})
        await asyncio.wait_for(caller.open.wait(), 10)
        caller.send(type="digit", digit="5")
        caller.channel.send("no JSON")
        caller.channel.send("[1]")
        caller.channel.send(b"\x00\x01")
        caller.channel.send('{"type": "' + "x" * 5000 + '"}')
        caller.microphone.say(voice("what the caller says into the microphone"))
        side.say(voice("and what is answered from our side of the line"))
        await until(lambda: messages == [{"type": "digit", "digit": "5"}], "the key")
        await until(lambda: caller.messages, "our message")
        await until(lambda: not caller.microphone.to_say and not side.to_say, "all is said")
        await asyncio.sleep(0.5)
        assert caller.messages == [{"type": "early", "text": "你好"}]
        heard = np.concatenate(side.heard)
        assert likeness(heard, voice("what the caller says into the microphone")) > 0.9
        assert likeness(caller.sound(), voice("and what is answered from our side of the line")) > 0.9
        stats = side.peer.leg.stats()
        assert stats.received.lost == 0
        assert stats.sent_octets == 160 * stats.sent_packets, "G.722: one byte a tick"


@live
async def test_the_browser_hangs_up() -> None:
    closed: list[str] = []
    async with joined(on_closed=closed.append) as (caller, side):
        await caller.close()
        await until(lambda: closed, "the end")
        assert closed == ["the browser is gone"]
        assert side.peer.closed


@live
async def test_the_browser_vanishes() -> None:
    """Nobody says goodbye; the silence tells it."""
    lost: list[bool] = []
    rtp = RtpSettings(silence_s=0.5, first_packet_s=5)
    async with joined(rtp, on_lost=lambda: lost.append(True)) as (caller, side):
        await until(lambda: len(side.heard) > 20, "sound")
        await caller.vanish()
        await until(lambda: lost, "silence is noticed", 4)


@live
async def test_we_hang_up() -> None:
    closed: list[str] = []
    async with joined(on_closed=closed.append) as (caller, side):
        await side.peer.close()
        await until(lambda: caller.peer.connectionState in ("closed", "failed"), "the browser knows")
        await side.peer.close()
        side.peer.send({"type": "late"})
        side.tick()
        assert closed == []


@live
async def test_a_browser_that_never_connects() -> None:
    closed: list[str] = []
    async with web_caller() as caller:
        peer = WebRtcPeer(IceSettings(("127.0.0.1",), setup_s=0.3), RtpSettings(), on_closed=closed.append)
        offer = caller.offer.replace("a=ice-pwd:", "a=ice-pwd:x")
        await peer.accept(offer)
        await until(lambda: closed, "given up", 5)
        assert closed == ["the connection could not be set up in time"]
        await peer.close()


@live
async def test_an_offer_that_cannot_be_answered_leaves_nothing() -> None:
    before = open_sockets()
    peer = WebRtcPeer(ICE, RtpSettings())
    with pytest.raises(SdpError):
        await peer.accept("v=0\r\n")
    await peer.close()
    assert open_sockets() == before


@live
async def test_nothing_is_left() -> None:
    async with joined():
        pass
    gc.collect()
    before, tasks = open_sockets(), len(asyncio.all_tasks())
    for _ in range(3):
        async with joined() as (_, side):
            await until(lambda: len(side.heard) > 5, "ticks")
    await asyncio.sleep(0.2)
    gc.collect()
    assert len(asyncio.all_tasks()) == tasks
    assert open_sockets() == before


def open_sockets() -> int:
    return sum(os.path.realpath(f"/proc/self/fd/{fd}").find("socket:") >= 0 for fd in os.listdir("/proc/self/fd"))
