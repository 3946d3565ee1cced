"""Agents and supervisors at work on a call, by API and by the pages' forms."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import soundfile
from aiohttp import WSMsgType

from ivr.audio.frame import AudioFrame
from ivr.call.events import EnterQueue, QueueChanged
from ivr.console.pages.calls import excerpt
from ivr.dialog.assist import Advice, FilledSlot, NextStep, Suggestion
from ivr.dialog.events import Handover
from tests.console.lab import HOSTILE, Browser, FakeCall, Lab, live, open_console, recorded, until


async def talking(lab: Lab) -> tuple[Browser, FakeCall]:
    """Ann has a caller."""
    ann = await lab.user("ann", "agent")
    call = lab.call("call-1")
    await lab.row("call-1", **recorded(lab.console.data / "calls" / "1"))
    lab.hand_over(call)
    await lab.answered(call)
    return ann, call


async def post(browser: Browser, path: str, **data: Any) -> tuple[int, str]:
    answer = await browser.send("POST", path, data)
    return answer.status, (await answer.json()).get("error", "")


@live
async def test_hold_and_mute_and_whose_call_it_is(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        ann, _ = await talking(lab)
        ben, olga = await lab.user("ben", "agent"), await lab.user("olga", "ops")
        base = "/api/calls/call-1"
        assert await post(ann, f"{base}/talk", action="hold") == (200, "")
        assert (await ann.json(f"{base}/talk"))["on_hold"]
        assert await post(ann, f"{base}/talk", action="mute") == (200, "")
        view = await olga.json(f"{base}/talk")
        assert (view["holder"], view["people"]) == (
            "ann", [{"name": "ann", "role": "agent", "joined": True, "muted": True}],
        )  # fmt: skip
        assert await post(olga, f"{base}/talk", action="resume") == (200, "")
        assert await post(ben, f"{base}/talk", action="hold") == (
            403, "agents act on the calls that they have themselves",
        )  # fmt: skip
        assert (await ben.get(f"{base}/talk")).status == 403
        assert (await ben.get(f"{base}/assist")).status == 403
        assert await post(ann, "/api/calls/other/talk", action="hold") == (
            400, "this call is over, or no human is on it",
        )  # fmt: skip
        assert await post(ann, f"{base}/talk", action="cancel") == (400, "nobody is being consulted")
        assert (await post(ann, f"{base}/talk", action="shout"))[0] == 400
        noted = [row.action for row in await lab.store.audit_log(kind="call")]
        assert {"call.hold", "call.mute", "call.resume"} <= set(noted)


@live
async def test_transfers(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        ann, _ = await talking(lab)
        base = "/api/calls/call-1/transfer"
        assert await post(ann, base, kind="agent", to="ben") == (400, "ben is not free (offline)")
        assert await post(ann, base, kind="agent", to="zoe") == (400, "no such agent: 'zoe'")
        assert await post(ann, base, kind="contact", to="bank") == (400, "no such contact: 'bank'")
        assert await post(ann, base, kind="number", to="4008") == (
            400, "numbers cannot be dialled: desk.number_uri is not set",
        )  # fmt: skip
        assert (await post(ann, base, kind="queue", to="nowhere"))[0] == 400
        assert await post(ann, base, kind="contact", to="bank", how="shout") == (
            400, "how: Input should be 'consult', 'blind' or 'refer'",
        )  # fmt: skip
        config = lab.desk.config.model_copy(
            update={"contacts": {"bank": "sip:bank@test"}, "number_uri": "sip:{number}@trunk"}
        )
        lab.desk.config = config
        for bad in ("sip:evil@host", "12;x=y", "1", "+" * 5, "1" * 30):
            assert (await post(ann, base, kind="number", to=bad))[1].endswith("is no telephone number")
        phone = lab.sip.phone("sip:4008208820@trunk")
        page = await ann.form("/desk/calls/call-1/transfer?next=/desk", target="number:", number="400-820 8820",
                              how="consult")  # fmt: skip
        assert (page.status, page.headers["Location"]) == (303, "/desk")
        await until(lambda: phone.rung, "the number rings")
        text = await ann.text("/desk")
        assert "4008208820 · rings" in text
        phone.pick_up.set()
        await until(lambda: phone.calls, "an answer")
        await asyncio.sleep(0.01)
        assert "All three together" in await ann.text("/desk")
        assert await post(ann, "/api/calls/call-1/talk", action="complete") == (200, "")
        await until(lambda: lab.phone.calls[0].ended, "ann is off the line")
        assert lab.desk.talks.holders() == {"call-1": "4008208820"}
        assert await post(ann, base, kind="queue", to="cards") == (
            403, "agents act on the calls that they have themselves",
        )  # fmt: skip


@live
async def test_the_bot_helps(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        ann, call = await talking(lab)
        base = "/api/calls/call-1"
        assert await post(ann, f"{base}/say", text="  One\n moment. ") == (200, "")
        assert type(call.heard[-1]).__name__ == "AgentSays"
        assert call.heard[-1].text == "One moment."  # type: ignore[union-attr]
        assert (await post(ann, f"{base}/say", text=" "))[0] == 400
        assert await post(ann, f"{base}/lend", flow="card_number") == (200, "")
        assert call.heard[-1] == QueueChanged("lent", detail="card_number")
        assert "The bot has the caller" in await ann.text("/desk")
        assert await post(ann, f"{base}/talk", action="recall") == (200, "")
        lab.desk.enter(call, EnterQueue(Handover("cards", "asked")))
        await until(lambda: call.heard[-1] == QueueChanged("answered", detail="ann"), "ann has the caller again")


ADVICE = Advice(
    "lost_card", HOSTILE,
    (
        Suggestion("answer", "fees", "ask about fees", HOSTILE, 0.91, "flows/fees.yaml:1", HOSTILE),
        Suggestion("scene", "lost_card", "report a lost card", "", 0.5, "flows/lost_card.yaml:1"),
    ),
    (FilledSlot("card", HOSTILE, 0.8), FilledSlot("pin", "•••", 1.0, True)),
    NextStep("identify", "last4", HOSTILE, "flows/identify.yaml:17"),
)  # fmt: skip


class Helper:
    """Says what a test wants, hostile where it can be."""

    def of(self, call_id: str) -> Any:
        bundle = SimpleNamespace(program=SimpleNamespace(flows={}))
        return SimpleNamespace(partial={"caller": "and <b>then</b>"}, advice=ADVICE, bundle=bundle)

    def lines(self, call_id: str) -> list[tuple[str, str, int]]:
        return [("agent", "which card?", 1), ("caller", HOSTILE, 5)]


@live
async def test_help_is_shown_and_escaped(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        lab.console.assist = lab.console.hub._assist = Helper()  # type: ignore[assignment]
        ann, _ = await talking(lab)
        page = await ann.text("/desk")
        for words in ("Next best step", "Let the bot say it", "Let the bot do it", "flows/fees.yaml:1", "91 %"):
            assert words in page
        assert "<script>alert" not in page
        assert "<b>then" not in page
        assert "<script>alert" not in await ann.text("/desk/assist")
        helped = await ann.json("/api/calls/call-1/assist")
        assert [one["kind"] for one in helped["suggestions"]] == ["answer", "scene"]
        olga = await lab.user("olga", "ops")
        calls = (await olga.json("/api/calls/live"))["calls"]
        assert [line["speaker"] for line in calls[0]["lines"]] == ["bot", "agent", "caller", "caller"]


@live
async def test_news_of_the_own_call_only(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        ann, _ = await talking(lab)
        hub = lab.console.hub
        async with hub.watch(frozenset({"desk"}), "ann") as mine, hub.watch(frozenset({"desk"}), "cat") as other:
            lab.console.assist = lab.console.hub._assist = Helper()  # type: ignore[assignment]
            await lab.console.hub.flush()
            while not mine.queue.empty():
                mine.queue.get_nowait()
            lab.console.hub.help_changed("call-1")
            await lab.console.hub.flush()
            assert '"type": "assist"' in str(mine.queue.get_nowait())
            assert mine.queue.empty()
            texts = [other.queue.get_nowait() for _ in range(other.queue.qsize())]
            assert not any("assist" in str(text) for text in texts)
        del ann


@live
async def test_a_supervisor(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        ann, call = await talking(lab)
        olga = await lab.user("olga", "ops")
        base = "/api/calls/call-1/supervise"
        assert (await post(ann, base, mode="listen"))[0] == 403
        assert await post(olga, base, mode="take_over") == (
            400, "listen by phone to the call first, then take it over",
        )  # fmt: skip
        assert (await post(olga, "/api/calls/none/supervise", mode="listen"))[0] == 404
        # The browser of a supervisor who has no page open cannot ring.
        assert await post(olga, base, mode="whisper") == (200, "")
        await until(lambda: lab.desk.talks.talk("call-1").notice == "olga: not there", "nobody is there")
        page = await ann.text("/desk")
        assert "Not reached" in page
        del call


@live
async def test_listening_along(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        ann, call = await talking(lab)
        olga = await lab.user("olga", "ops")
        async with olga.client.ws_connect("/api/calls/call-1/sound") as socket:
            await until(lambda: len(list(call.room)) == 2, "a listener")
            assert [person["name"] for person in (await ann.json("/api/calls/call-1/talk"))["people"]] == ["ann"]
            for _ in range(5):
                call.room.exchange(AudioFrame(np.full(320, 7, dtype=np.int16)), AudioFrame(np.full(320, 8, np.int16)))
            message = await socket.receive(timeout=5)
            assert message.type is WSMsgType.BINARY
            assert set(np.frombuffer(message.data, "<i2").tolist()) == {15}
            assert len(message.data) == 5 * 640
        await until(lambda: len(list(call.room)) == 1, "the listener is gone")
        assert "call.listened" in [row.action for row in await lab.store.audit_log(kind="call")]


@live
async def test_the_floor_is_steered(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        olga = await lab.user("olga", "ops")
        call = lab.call("call-1")
        lab.desk.pause("ann", "lunch")
        await asyncio.sleep(0)
        lab.hand_over(call)
        lab.clock.jump(seconds=30)
        assert await post(olga, "/api/calls/call-1/move", queue="default", priority="urgent") == (200, "")
        await asyncio.sleep(0.01)
        caller = (await olga.json("/api/floor"))["callers"][0]
        assert (caller["queue"], caller["waited_s"], caller["position"]) == ("default", 30.0, 1)
        assert (await post(olga, "/api/calls/call-1/move", queue="nowhere"))[0] == 400
        assert await post(olga, "/api/calls/none/move", queue="cards") == (400, "this caller does not wait")
        answer = await olga.send("PATCH", "/api/agents/ann", {"skills": {"dispute": 8}, "queues": {"cards": 2}})
        assert answer.status == 200
        await asyncio.sleep(0.01)
        agent = next(one for one in (await olga.json("/api/floor"))["agents"] if one["name"] == "ann")
        assert (agent["skills"], agent["queues"]) == ({"dispute": 8}, {"cards": 2})
        assert (await olga.send("PATCH", "/api/agents/ann", {"skills": {"dispute": 11}})).status == 400
        assert (await olga.send("PATCH", "/api/agents/ann", {"queues": {"nowhere": 1}})).status == 400
        assert (await olga.send("PATCH", "/api/agents/zoe", {})).status == 400
        form = await olga.form("/floor/agents/ann?next=/floor", skills="cards 3, lang:zh 10", queues="")
        assert form.status == 303
        await asyncio.sleep(0.01)
        assert dict(lab.desk.floor.roster.agents["ann"].config.skills) == {"cards": 3, "lang:zh": 10}
        assert (await olga.form("/floor/agents/ann", skills="a b c", queues="")).status == 400


@live
async def test_clips_of_what_was_said(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        ann, _ = await talking(lab)
        await lab.store.call_ended("call-1", "handed_over", "")
        answer = await ann.get("/api/calls/call-1/clip?at=2500")
        assert answer.status == 200, await answer.text()
        samples, rate = soundfile.read(io.BytesIO(await answer.read()), dtype="int16")
        assert (rate, len(samples)) == (16_000, 48_000), "from the beginning to half a second after"
        assert np.abs(samples[:20_000]).max() == 0
        assert np.abs(samples[30_000:]).max() > 8990
        late = await ann.get("/api/calls/call-1/clip?at=999999")
        assert late.status == 200
        assert (await ann.get("/api/calls/call-1/clip?at=x")).status == 400
        page = await ann.text("/desk")
        assert "/api/calls/call-1/clip?at=4200" in page


@live
async def test_what_was_said_is_found(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        olga = await lab.user("olga", "ops")
        await lab.row("call-1")
        await lab.row("call-2")
        call = lab.call("call-1")
        call.session.said.append(("caller", "我的卡 <b>100%</b> gone"))
        await lab.console.hub.flush()
        lab.running.clear()
        await lab.console.hub.flush()

        async def ids(text: str) -> list[str]:
            return [one["id"] for one in (await olga.json(f"/api/calls?text={text}"))["calls"]]

        assert await ids("STOLEN") == ["call-1"]
        assert await ids("我的卡") == ["call-1"]
        assert await ids("100%25") == ["call-1"]
        assert await ids("1_0%25") == [], "signs of the database's own are letters"
        page = await olga.text("/calls?text=%3Cb%3E100%25")
        assert "<mark>&lt;b&gt;100%</mark>" in page
        assert "<b>100" not in page


def test_excerpts() -> None:
    said = "bot: hello\ncaller: my Card was stolen\nbot: oh"
    assert excerpt(said, "card") == ("caller: my ", "Card", " was stolen")
    assert excerpt(said, "nothing") is None
    assert excerpt("", "x") is None
    before, words, after = excerpt("caller: " + "a" * 500 + "NEEDLE" + "b" * 500, "needle") or ("", "", "")
    assert words == "NEEDLE"
    assert len(before + words + after) == 160
