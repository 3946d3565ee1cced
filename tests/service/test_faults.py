"""What breaks around a call: engines, backend, disk. The call gets a spoken fallback or a clean end, others go on."""

from __future__ import annotations

import logging
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ivr.dialog.bundle import Bundle
from ivr.replay.runner import ReplayOptions, replay_events
from ivr.service.recorder import JOURNAL, RECORDING
from tests.service.lab import STALL, live, open_lab, speech, until

SORRY = "Our system does not answer."


@pytest.mark.parametrize(
    ("mode", "kind", "detail"),
    [
        (3.0, "timeout", "action lab.find: no answer within 1500 ms"),
        (500, "http", "action lab.find: HTTP 500"),
        ("<html>not what you asked for", "data", "action lab.find: the answer is not JSON: "),
        ({"color": "blue"}, "data", "action lab.find: "),
        (["blue"], "data", "action lab.find: "),
    ],
    ids=["hangs", "500", "rubbish", "missing field", "no object"],
)
@live
async def test_backend(tmp_path: Path, bundle: Bundle, mode: object, kind: str, detail: str) -> None:
    """Whatever the backend does, the caller is told and handed to people."""
    async with open_lab(tmp_path, bundle) as lab:
        lab.backend.mode = mode
        line = await lab.call()
        await lab.state("listening")
        line.press("123")
        await until(lambda: lab.desk.waiting, "the hand-over", 8)
        (failed,) = lab.fields("in.BackendFailed")
        assert failed["kind"] == kind
        assert failed["detail"].startswith(detail)
        assert SORRY in lab.voice.said
        (entered,) = lab.desk.waiting.values()
        assert entered.handover.reason == "system_error"
        await line.hang_up()
        await lab.ended()
        assert replay_events(lab.stored(), bundle, ReplayOptions()).divergence == ""


@live
async def test_backend_that_is_not_there(tmp_path: Path, bundle: Bundle) -> None:
    async with open_lab(tmp_path, bundle) as lab:
        await lab.backend.stop()
        line = await lab.call()
        await lab.state("listening")
        line.press("123")
        await until(lambda: lab.desk.waiting, "the hand-over", 8)
        assert "ClientConnectorError" in lab.fields("in.BackendFailed")[0]["detail"]


@live
async def test_recogniser_that_fails_is_survived(tmp_path: Path, bundle: Bundle) -> None:
    """One failure costs one question; the caller is heard again."""
    async with open_lab(tmp_path, bundle, [RuntimeError("model broke"), "one two three"]) as lab:
        line = await lab.call()
        await lab.state("listening")
        await line.say(speech())
        await until(lambda: lab.fields("in.RecognitionFailed"), "the failure")
        await lab.state("speaking")
        await lab.state("listening")
        await line.say(speech())
        assert await line.wait_over(10)
        assert (await lab.ended()).outcome == "resolved"
        assert replay_events(lab.stored(), bundle, ReplayOptions()).divergence == ""


@live
async def test_recogniser_that_never_answers(tmp_path: Path, bundle: Bundle) -> None:
    """Its wait has a bound: then the turn counts as without words, and the bot asks again."""
    async with open_lab(tmp_path, bundle, [STALL, "one two three"]) as lab:
        line = await lab.call()
        await lab.state("listening")
        await line.say(speech())
        await lab.state("deciding")
        await until(lambda: any(t["name"].startswith("recognition") for t in lab.fields("timer")), "the bound", 10)
        await lab.state("listening")
        line.press("123")
        assert await line.wait_over(10)
        assert (await lab.ended()).outcome == "resolved"


@live
async def test_an_engine_that_raises_ends_its_call_only(
    tmp_path: Path, bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_lab(tmp_path, bundle) as lab:
        line = await lab.call()
        await lab.state("listening")
        lab.voice.broken = RuntimeError("no voice")
        with caplog.at_level(logging.ERROR):
            line.press("123")
            assert await line.wait_over(5)
        assert (await lab.ended()).outcome == "failed"
        assert "failed on" in caplog.text or "failed in its tick" in caplog.text

        lab.voice.broken = None
        lab.log.done.clear()
        second = await lab.call()
        await lab.state("listening")
        second.press("123")
        assert await second.wait_over(10)
        assert (await lab.ended()).outcome == "resolved"


@live
async def test_an_engine_that_raises_at_the_very_start(tmp_path: Path, bundle: Bundle) -> None:
    """The call is over before its first prompt; it must not count as running for ever."""
    async with open_lab(tmp_path, bundle) as lab:
        lab.voice.broken = RuntimeError("no voice")
        line = await lab.phone.call(lab.uri)
        assert await line.wait_over(5)
        await line.hang_up()
        assert (await lab.ended()).outcome == "failed"
        assert lab.ports.free == 499


# ------------------------------------------------------------------------------------------------------------- the disk


@live
async def test_a_folder_that_cannot_be_made(tmp_path: Path, bundle: Bundle, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "calls").write_text("in the way")
    async with open_lab(tmp_path, bundle) as lab:
        line = await lab.call()
        await lab.state("listening")
        line.press("123")
        assert await line.wait_over(10)
        assert (await lab.ended()).outcome == "resolved"
        lab.recorder.close()
        assert lab.recorder.failures == 1
        assert "recording stopped" in caplog.text
        assert str(tmp_path / "calls") in caplog.text


@contextmanager
def full_disk(after_bytes: int) -> Iterator[None]:
    """Files of this process grow no further: writes fail with "File too large", as with "No space left"."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (after_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@live
async def test_the_disk_fills_up_in_mid_call(tmp_path: Path, bundle: Bundle) -> None:
    """An alarm, once; the call goes on to its end; what was written before can be read."""
    async with open_lab(tmp_path, bundle, ["one two three"]) as lab:
        line = await lab.call()
        folder = Path(lab.log.begun[0].folder)
        await until(lambda: (folder / RECORDING).exists() and (folder / RECORDING).stat().st_size > 8000, "a recording")
        with full_disk(12_000):
            await lab.state("listening")
            await line.say(speech(2000))
            assert await line.wait_over(10)
            assert (await lab.ended()).outcome == "resolved"
            lab.recorder.close()
        assert lab.recorder.failures == 1
        assert lab.voice.said[-1] == "The colour is blue."
        assert (folder / RECORDING).stat().st_size <= 12_000
        assert (folder / JOURNAL).read_text(encoding="utf-8").startswith('{"at":0,')
