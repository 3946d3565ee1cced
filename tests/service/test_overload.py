"""Full, behind, out of ports, stopping: new callers are told to try again, those on the line are served."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ivr.dialog.bundle import Bundle
from ivr.replay.runner import open_stored
from ivr.transport.sip.call import CallFailed
from tests.service.lab import live, open_lab, until
from tests.transport.sip.conftest import RawPeer


@pytest.mark.parametrize("reason", ["40 calls are in progress (service.max_calls)", "recognition is 1600 ms behind"])
@live
async def test_refused_with_503(tmp_path: Path, bundle: Bundle, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    async with open_lab(tmp_path, bundle) as lab:
        first = await lab.call()
        lab.busy = reason
        peer = await RawPeer().open(lab.sip.addresses["UDP"])
        peer.send(peer.invite())
        refused = await peer.expect(503)
        assert refused["Retry-After"] == "10"
        assert f"refused: {reason}" in caplog.text
        peer.close()
        lab.busy = ""
        await lab.state("listening")
        first.press("123")
        assert await first.wait_over(10)
        assert (await lab.ended()).outcome == "resolved"
        assert len(lab.log.begun) == 1  # a refused call is none


@live
async def test_no_rtp_port_is_free(tmp_path: Path, bundle: Bundle) -> None:
    async with open_lab(tmp_path, bundle, ports=(27000, 27003)) as lab:
        lines = [await lab.phone.call(lab.uri) for _ in range(2)]
        with pytest.raises(CallFailed) as caught:
            await lab.phone.call(lab.uri)
        assert caught.value.code == 503
        for line in lines:
            await line.hang_up()
        await until(lambda: lab.ports.free == 2, "the ports are back")
        lab.lines.append(await lab.phone.call(lab.uri))


@live
async def test_a_stop_lets_calls_end(tmp_path: Path, bundle: Bundle) -> None:
    """While the service drains the caller is served to the end and nobody else is let in."""
    async with open_lab(tmp_path, bundle) as lab:
        line = await lab.call()
        await lab.state("listening")
        uri = lab.uri
        stopping = asyncio.create_task(lab.sip.stop(drain_s=20))
        await asyncio.sleep(0.1)
        with pytest.raises(CallFailed) as caught:
            await lab.phone.call(uri)
        assert caught.value.code == 503
        line.press("123")
        assert await line.wait_over(10)
        await stopping
        assert [record.outcome for record in lab.log.done] == ["resolved"]


@live
async def test_a_stop_that_waits_no_longer(tmp_path: Path, bundle: Bundle) -> None:
    """Calls that outlast the drain are hung up, and stored like all others."""
    async with open_lab(tmp_path, bundle) as lab:
        line = await lab.call()
        await lab.state("listening")
        await lab.sip.stop(drain_s=0.2)
        lab.pacer.stop()
        assert line.over
        (record,) = lab.log.done
        assert record.outcome == "abandoned"
        lab.recorder.close()
        stored = open_stored(Path(record.folder))
        assert any(event.kind == "hangup" for event in stored.journal)
