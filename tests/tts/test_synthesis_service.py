"""The live service over real worker processes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ivr.tts import registry
from ivr.tts.base import SpeechAudio, SpeechRequest
from ivr.tts.local import LocalSynthesis
from ivr.tts.prompts import RecordedPrompts
from ivr.tts.rendering import join
from ivr.tts.service import SynthesisService
from ivr.tts.settings import SynthesisSettings, VoiceChoice
from ivr.tts.worker import NICENESS, Worker

ENGINES = '''
import os, time
from ivr.tts.scripted import ScriptedSynthesiser

class Fragile(ScriptedSynthesiser):
    """Dies or hangs on a word."""
    name = "fragile"
    def synthesise(self, request):
        if "die" in request.text:
            os._exit(9)
        if "hang" in request.text:
            time.sleep(60)
        if "bug" in request.text:
            raise ZeroDivisionError("oops")
        return super().synthesise(request)
'''

TWO = "First clause here. Then the second."


class Heard:
    """What the callbacks were given."""

    def __init__(self) -> None:
        self.pieces: dict[str, list[SpeechAudio]] = {}
        self.ended: dict[str, str] = {}
        self._news = asyncio.Event()

    def on_audio(self, prompt_id: str, audio: SpeechAudio, last: bool) -> None:
        self.pieces.setdefault(prompt_id, []).append(audio)
        if last:
            self.ended[prompt_id] = "done"
        self._news.set()

    def on_failure(self, prompt_id: str, reason: str) -> None:
        self.ended[prompt_id] = reason
        self._news.set()

    async def until(self, *prompt_ids: str) -> None:
        async with asyncio.timeout(60):
            while not set(prompt_ids) <= self.ended.keys():
                self._news.clear()
                await self._news.wait()


@pytest.fixture
def fragile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with an engine of its own, found by entry point in this process and in the workers."""
    (tmp_path / "fragile_engine.py").write_text(ENGINES)
    info = tmp_path / "fragile_engine-3.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fragile-engine\nVersion: 3.1\n")
    (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\nfragile = fragile_engine:Fragile\n")
    monkeypatch.syspath_prepend(tmp_path)


def run(settings: SynthesisSettings, scenario: Callable[[SynthesisService, Heard], Awaitable[None]],
        prompts: RecordedPrompts | None = None) -> Heard:  # fmt: skip
    async def main() -> Heard:
        heard = Heard()
        service = SynthesisService(settings, heard.on_audio, heard.on_failure, prompts)
        try:
            await scenario(service, heard)
        finally:
            await service.close()
        return heard

    return asyncio.run(main())


def choose(*names: str, **more: object) -> SynthesisSettings:
    return SynthesisSettings(voices={"en": tuple(map(VoiceChoice, names))}, **more)  # type: ignore[arg-type]


def test_clauses_stream_in_order_and_equal_the_local_rendering() -> None:
    async def scenario(service: SynthesisService, heard: Heard) -> None:
        await service.start(["en"])
        service.request("p1", SpeechRequest(TWO, "en"))
        await heard.until("p1")

    heard = run(choose("pyttsx3"), scenario)
    local = LocalSynthesis(choose("pyttsx3")).synthesise(SpeechRequest(TWO, "en"))
    assert len(heard.pieces["p1"]) == 2
    assert len(join(heard.pieces["p1"]).samples) == len(local.samples)
    assert join(heard.pieces["p1"]).marks == local.marks


def test_a_prompt_in_the_cache_needs_no_worker_and_one_tick(tmp_path: Path) -> None:
    settings = choose("scripted", cache=tmp_path)
    LocalSynthesis(settings).synthesise(SpeechRequest(TWO, "en"))

    async def scenario(service: SynthesisService, heard: Heard) -> None:
        service.request("disk", SpeechRequest(TWO, "en"))
        await heard.until("disk")
        service.request("memory", SpeechRequest(TWO, "en"))
        await asyncio.sleep(0)
        assert heard.ended["memory"] == "done"

    assert len(run(settings, scenario).pieces["memory"]) == 2


def test_prepare_fills_the_cache_and_reports(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    requests = [SpeechRequest("One good prompt.", "en"), SpeechRequest("A bad prompt.", "en")]
    settings = choose("scripted", cache=tmp_path, engines={"scripted": {"fail_on": ("bad",)}})

    async def scenario(service: SynthesisService, heard: Heard) -> None:
        prepared = await service.prepare(requests, lambda done, total: seen.append((done, total)))
        assert prepared.made == 1
        assert prepared.failed == ((requests[1], "scripted to fail on 'bad'"),)

    run(settings, scenario)
    assert seen == [(1, 2), (2, 2)]
    assert len(list(tmp_path.glob("*.flac"))) == 1


def test_a_worker_yields_to_the_media_loop() -> None:
    worker = Worker({}, 10.0, 30.0)
    try:
        worker.exchange("scripted", SpeechRequest("One clause.", "en"))
        assert worker.pid is not None
        assert os.getpriority(os.PRIO_PROCESS, worker.pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
    finally:
        worker.close()


@pytest.mark.usefixtures("fragile")
def test_a_worker_that_dies_is_replaced_and_the_next_engine_speaks() -> None:
    async def scenario(service: SynthesisService, heard: Heard) -> None:
        service.request("a", SpeechRequest("now die please", "en"))
        service.request("b", SpeechRequest("all is well", "en"))
        await heard.until("a", "b")
        assert service.worker_restarts == 1

    heard = run(choose("fragile", "scripted"), scenario)
    assert heard.ended == {"a": "done", "b": "done"}
    assert heard.pieces["a"][0].engine == "scripted"
    assert heard.pieces["b"][0].engine == "fragile" or heard.pieces["b"][0].engine == "scripted"


@pytest.mark.usefixtures("fragile")
def test_death_hang_and_bug_without_a_next_engine_are_reasons() -> None:
    async def scenario(service: SynthesisService, heard: Heard) -> None:
        for word in ("die", "bug"):
            service.request(word, SpeechRequest(f"now {word}", "en"))
        await heard.until("die", "bug")
        service.request("ok", SpeechRequest("fine again", "en"))
        await heard.until("ok")
        service.request("hang", SpeechRequest("now hang", "en"))
        await heard.until("hang")

    heard = run(choose("fragile", clause_timeout_s=0.5), scenario)
    assert heard.ended["die"] == "fragile took its worker process down (EOFError)" or heard.ended["die"].startswith(
        "fragile took its worker process down (Connection"
    )
    assert heard.ended["bug"] == "fragile: ZeroDivisionError: oops"
    assert heard.ended["ok"] == "done"
    assert heard.ended["hang"] == "fragile gave no sound within 0.5 s; its worker is restarted"


@pytest.mark.usefixtures("fragile")
def test_cancel_gives_no_more_callbacks_and_close_does_not_wait_for_a_hung_engine() -> None:
    async def scenario(service: SynthesisService, heard: Heard) -> None:
        await service.start(["en"])
        service.request("hang", SpeechRequest("now hang", "en"))
        service.request("queued", SpeechRequest("never made", "en"))
        for _ in range(100):
            await asyncio.sleep(0.01)
            if service.backlog:
                break
        assert service.backlog == 1
        service.cancel("hang")
        service.cancel("queued")
        service.cancel("unknown")

    async def timed(service: SynthesisService, heard: Heard) -> None:
        await scenario(service, heard)

    assert run(choose("fragile"), timed).ended == {}


def test_an_id_in_use_is_replaced() -> None:
    async def scenario(service: SynthesisService, heard: Heard) -> None:
        service.request("p", SpeechRequest("the old text", "en"))
        service.request("p", SpeechRequest("new", "en"))
        await heard.until("p")

    heard = run(choose("scripted"), scenario)
    assert len(heard.pieces["p"]) == 1
    assert len(heard.pieces["p"][0].marks) == 1


def test_empty_text_and_missing_recording(tmp_path: Path) -> None:
    async def scenario(service: SynthesisService, heard: Heard) -> None:
        service.request("empty", SpeechRequest("", "en"))
        service.request("gone", SpeechRequest("", "en"), audio="gone")
        await heard.until("empty", "gone")

    heard = run(choose("scripted"), scenario, RecordedPrompts(tmp_path))
    assert heard.ended["empty"] == "done"
    assert not len(heard.pieces["empty"][0].samples)
    assert heard.ended["gone"].endswith("and there is no text to speak instead")


def test_entry_point_engine_has_its_package_s_version(fragile: None) -> None:
    registry.version.cache_clear()
    assert registry.version("fragile") == "3.1"
    assert "fragile" in registry.names()
