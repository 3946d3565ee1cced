"""Agents whose phone is the desk's page: rung, answered, refused, lost in mid-call."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np

from ivr.acd.agents import AgentState
from ivr.audio.frame import Samples
from ivr.dialog.bundle import Bundle
from ivr.service.phone import Phone, PhoneLine
from tests.fakes.web_caller import WebCaller, web_caller
from tests.service.lab import live, until, until_like, voice
from tests.service.test_chat_intake import Socket, agent
from tests.service.web_lab import Web, open_web


async def ringing(phone: Socket, count: int = 1) -> str:
    await until(lambda: len(phone.of("ring")) >= count, "the page rings", 15)
    return str(phone.of("ring")[-1]["ring"])


async def accept(phone: Socket, browser: WebCaller) -> str:
    ring = await ringing(phone)
    await phone.send(type="accept", ring=ring, sdp=browser.offer)
    await until(lambda: phone.of("connected"), "our answer")
    await browser.take(phone.of("connected")[-1]["sdp"])
    return ring


async def escalated(web: Web, phone: Phone) -> PhoneLine:
    web.backend.mode = 500
    line = await phone.call(web.sip_uri, caller="13900139000")
    await until(lambda: web.hotline.running, "the hotline has the call")
    line.press("123")
    return line


async def bridged(web: Web) -> None:
    await until(lambda: any(d.session.state.value == "bridged" for d in web.hotline.running.values()), "bridged", 20)


def heard(line: PhoneLine, since: int = 0) -> Samples:
    return np.concatenate(line.heard[since:])


@live
async def test_answered_and_hung_up(tmp_path: Path, bundle: Bundle) -> None:
    caller = Phone(ports=(28000, 28998))
    await caller.start()
    async with open_web(tmp_path, bundle) as web, agent(web) as phone, web_caller() as browser:
        line = await escalated(web, caller)
        ring = await accept(phone, browser)
        await bridged(web)
        said = phone.of("ring")[0]
        assert (said["caller"], said["kind"], said["queue"]) == ("13900139000", "voice", "default")
        browser.microphone.say(voice("this is the agent speaking"))
        await line.say(voice("and this is the caller"))
        await until_like(lambda: heard(line), voice("this is the agent speaking"), 0.5, "the agent is heard", 20)
        await until_like(browser.sound, voice("and this is the caller"), 0.5, "so is the caller", 20)
        await phone.send(type="hang_up", ring=ring)
        await until(lambda: web.log.done, "the end", 12)
        assert web.log.done[0].outcome == "handed_over"
        await until(lambda: phone.of("stopped"), "the page knows")
        await line.hang_up()
    await caller.stop()


@live
async def test_the_caller_hangs_up(tmp_path: Path, bundle: Bundle) -> None:
    caller = Phone(ports=(28000, 28998))
    await caller.start()
    async with open_web(tmp_path, bundle) as web, agent(web) as phone, web_caller() as browser:
        line = await escalated(web, caller)
        await accept(phone, browser)
        await bridged(web)
        await line.hang_up()
        await until(lambda: phone.of("stopped"), "the page knows")
        await until(lambda: browser.peer.connectionState in ("closed", "failed"), "the audio is closed")
        assert not web.phones._calls
        assert not web.phones._media
    await caller.stop()


@live
async def test_refused_then_unanswered_then_gone(tmp_path: Path, bundle: Bundle) -> None:
    caller = Phone(ports=(28000, 28998))
    await caller.start()
    async with open_web(tmp_path, bundle, ring_s=0.5) as web, agent(web) as ann, agent(web, "ben") as ben:
        line = await escalated(web, caller)
        await until(lambda: ann.of("ring") or ben.of("ring"), "one of them is rung", 15)
        first, second = (ann, ben) if ann.of("ring") else (ben, ann)
        await first.send(type="reject", ring=first.of("ring")[0]["ring"])
        ring = await ringing(second)
        await until(lambda: second.of("stopped"), "it rings in vain", 12)
        await second.send(type="accept", ring=ring, sdp="v=0")
        await until(lambda: len(second.of("stopped")) == 2, "too late")
        assert second.of("stopped")[1]["reason"] == "it rings no more"
        states = {agent.config.name: agent.state for agent in web.desk.agents()}
        assert AgentState.BUSY not in states.values()
        await line.hang_up()
    await caller.stop()


@live
async def test_an_offer_that_cannot_be_answered(tmp_path: Path, bundle: Bundle) -> None:
    caller = Phone(ports=(28000, 28998))
    await caller.start()
    async with open_web(tmp_path, bundle) as web, agent(web) as phone:
        line = await escalated(web, caller)
        await phone.send(type="accept", ring=await ringing(phone), sdp="nonsense")
        await until(lambda: phone.of("stopped"), "the page is told")
        assert not phone.of("connected")
        await line.hang_up()
    await caller.stop()


@live
async def test_the_lid_is_closed_in_mid_call(tmp_path: Path, bundle: Bundle) -> None:
    """The caller hears music, goes before all others, and the next agent has the call."""
    caller = Phone(ports=(28000, 28998))
    await caller.start()
    async with open_web(tmp_path, bundle) as web, web_caller() as hers, web_caller() as his:
        async with agent(web) as ann:
            line = await escalated(web, caller)
            await accept(ann, hers)
            await bridged(web)
            await asyncio.sleep(0.3)
            await hers.vanish()
        async with agent(web, "ben") as ben:
            await accept(ben, his)
            (driver,) = web.hotline.running.values()
            await until(lambda: web.desk.floor.roster.agent("ben").state is AgentState.BUSY, "he has the call", 15)
            his.microphone.say(voice("this is the next agent"))
            await until_like(lambda: heard(line), voice("this is the next agent"), 0.5, "he is heard", 20)
            assert driver.session.state.value == "bridged"
            await line.hang_up()
    await caller.stop()


@live
async def test_with_no_page_open_nothing_rings(tmp_path: Path, bundle: Bundle) -> None:
    caller = Phone(ports=(28000, 28998))
    await caller.start()
    async with open_web(tmp_path, bundle) as web:
        async with agent(web):
            pass
        line = await escalated(web, caller)
        await until(lambda: web.desk.floor.calls, "in the queue", 10)
        assert not web.phones.present("ann")
        async with agent(web, "ben") as ben:
            await ringing(ben)
        await line.hang_up()
    await caller.stop()
