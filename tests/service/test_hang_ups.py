"""The caller hangs up, at each point of a call: the bot notices, nothing is left over, the journal is whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ivr.call.events import QueueChanged
from ivr.dialog.bundle import Bundle
from ivr.replay.runner import ReplayOptions, replay_events
from ivr.service.phone import PhoneLine
from tests.service.lab import STALL, Lab, live, open_lab, speech, until
from tests.transport.sip.conftest import RawPeer


async def to_prompt(lab: Lab, line: PhoneLine) -> None:
    await lab.state("speaking")


async def to_question(lab: Lab, line: PhoneLine) -> None:
    await lab.state("listening")


async def to_hearing(lab: Lab, line: PhoneLine) -> None:
    await lab.state("listening")
    line._to_say.extend(speech(3000).reshape(-1, 320))
    await lab.state("hearing")


async def to_deciding(lab: Lab, line: PhoneLine) -> None:
    lab.recognition.script = [STALL, STALL]
    await lab.state("listening")
    await line.say(speech())
    await lab.state("deciding")


async def to_acting(lab: Lab, line: PhoneLine) -> None:
    lab.backend.mode = 5.0
    await lab.state("listening")
    line.press("123")
    await lab.state("acting")


async def to_queue(lab: Lab, line: PhoneLine) -> None:
    lab.backend.mode = 500
    await lab.state("listening")
    line.press("123")
    await lab.state("queued")


async def to_human(lab: Lab, line: PhoneLine) -> None:
    await to_queue(lab, line)
    lab.driver.deliver(QueueChanged("answered"))
    await lab.state("bridged")


async def to_ending(lab: Lab, line: PhoneLine) -> None:
    await lab.state("listening")
    line.press("123")
    await lab.state("ending")


POINTS: list[tuple[Callable[[Lab, PhoneLine], Awaitable[None]], str]] = [
    (to_prompt, "abandoned"), (to_question, "abandoned"), (to_hearing, "abandoned"), (to_deciding, "abandoned"),
    (to_acting, "abandoned"), (to_queue, "abandoned"), (to_human, "handed_over"), (to_ending, "resolved"),
]  # fmt: skip


@pytest.mark.parametrize(("reach", "outcome"), POINTS, ids=[reach.__name__ for reach, _ in POINTS])
@live
async def test_hang_up(
    tmp_path: Path, bundle: Bundle, reach: Callable[[Lab, PhoneLine], Awaitable[None]], outcome: str
) -> None:
    async with open_lab(tmp_path, bundle, ["one two three"]) as lab:
        line = await lab.call()
        await reach(lab, line)
        await line.hang_up()
        record = await lab.ended()
        assert record.outcome == outcome
        assert lab.fields("hangup") == [{"by": "caller", "reason": "remote-bye"}]
        assert not lab.desk.waiting
        assert lab.ports.free == 499  # RTP ports are given back
        stored = lab.stored()
        assert stored.journal[-1].kind in {"activity", "state"}
        assert replay_events(stored, bundle, ReplayOptions()).divergence == ""


@live
async def test_cancelled_while_it_rings(tmp_path: Path, bundle: Bundle) -> None:
    """INVITE and CANCEL arrive together. The answer may have crossed the CANCEL; then the phone hangs up at once
    (RFC 3261, section 15). Either way no port and no place is lost."""
    async with open_lab(tmp_path, bundle) as lab:
        peer = await RawPeer().open(lab.sip.addresses["UDP"])
        branch = peer.branch()
        peer.send(peer.invite(branch=branch))
        peer.send(peer.request("CANCEL", branch=branch))
        final = await peer.any()
        while final.code < 200 or "INVITE" not in final["CSeq"]:
            final = await peer.any()
        assert final.code in (200, 487)
        peer.send(peer.request("ACK", branch=branch if final.code == 487 else "", to_tag=final.to_tag))
        if final.code == 200:
            peer.send(peer.request("BYE", cseq=2, to_tag=final.to_tag, uri=final.target))
        await until(lambda: not lab.sip.calls and not lab.hotline.running, "the end of the call")
        await until(lambda: not lab.intake.lines, "the end of the line")
        assert lab.ports.free == 499
        peer.close()


@live
async def test_answered_but_never_acknowledged(tmp_path: Path, bundle: Bundle) -> None:
    """BYE before ACK: a phone that gave up just then."""
    async with open_lab(tmp_path, bundle) as lab:
        peer = await RawPeer().open(lab.sip.addresses["UDP"])
        peer.send(peer.invite())
        ok = await peer.expect(200)
        peer.send(peer.request("BYE", cseq=2, to_tag=ok.to_tag, uri=ok.target))
        await until(lambda: not lab.sip.calls and not lab.hotline.running, "the end of the call")
        assert lab.ports.free == 499
        peer.close()
