"""A hotline in this process with real SIP and RTP on loopback; engines, desk and backend answer by script.

async with open_lab(tmp_path, bundle, ["one two three"]) as lab:
    line = await lab.call()
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec

import numpy as np
from aiohttp import web

from ivr.audio.frame import SAMPLE_RATE, Samples, to_samples
from ivr.backend.client import BackendClient
from ivr.backend.request import Environment
from ivr.call.driver import CallDriver
from ivr.call.events import (
    CallEvent,
    Command,
    EnterQueue,
    FinalTranscript,
    FinishRecognition,
    HeardText,
    PromptAudio,
    QueueChanged,
    RecognitionFailed,
    Synthesise,
)
from ivr.call.settings import CallSettings
from ivr.dialog.bundle import Bundle
from ivr.dialog.events import QueueStatus
from ivr.replay.runner import StoredCall, open_stored
from ivr.service.calls import CallServices
from ivr.service.hotline import CallRecord, Hotline, HotlineSettings
from ivr.service.phone import Phone, PhoneLine
from ivr.service.recorder import RecorderThread
from ivr.service.sip_intake import SipIntake
from ivr.transport.pacer import Pacer
from ivr.transport.rtp.leg import RtpSettings
from ivr.transport.rtp.ports import PortRange
from ivr.transport.sip.config import SipConfig
from ivr.transport.sip.endpoint import SipEndpoint

HOTLINE = Path(__file__).parent / "hotline"
P = ParamSpec("P")


def live(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Run an async test on a loop of its own, at most a minute."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(60):
                await test(*args, **kwargs)

        asyncio.run(bounded())

    return run


async def until(met: Callable[[], object], what: str = "", seconds: float = 8.0) -> None:
    """Wait for something to become true; the assertion names what did not."""
    try:
        async with asyncio.timeout(seconds):
            while not met():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not within {seconds} s: {what or met}") from None


async def until_like(sound: Callable[[], Samples], sent: Samples, least: float, what: str, seconds: float) -> None:
    """Wait until `sent` is in what was heard. Compared in a thread and seldom: it must not hold up the media it waits
    for."""
    deadline = asyncio.get_running_loop().time() + seconds
    while (found := await asyncio.to_thread(likeness, sound(), sent)) <= least:
        assert asyncio.get_running_loop().time() < deadline, f"not within {seconds} s: {what}, likeness {found:.2f}"
        await asyncio.sleep(0.25)


def voice(text: str) -> Samples:
    """What the scripted voice says: noise of a telephone's band, the same for the same text and unlike any other."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    length = to_samples(20 * max(len(text), 10))
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(length))
    hertz = np.fft.rfftfreq(length, 1 / SAMPLE_RATE)
    spectrum[(hertz < 300) | (hertz > 3000)] = 0
    noise = np.fft.irfft(spectrum, length)
    return (noise / np.sqrt(np.mean(noise**2)) * 3000).clip(-32000, 32000).astype(np.int16)


def likeness(heard: Samples, sent: Samples) -> float:
    """The peak of the normalised cross-correlation: 1 = `sent` is in `heard` unchanged."""
    if len(heard) < len(sent):
        return 0.0
    size = len(heard) + len(sent)
    product = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(sent, size))
    lags = np.fft.irfft(product, size)[: len(heard) - len(sent) + 1]
    squares = np.concatenate([[0.0], np.cumsum(heard.astype(np.float64) ** 2)])
    energy = squares[len(sent) :] - squares[: -len(sent)]
    scale = np.sqrt(np.maximum(energy, 1.0) * np.sum(sent.astype(np.float64) ** 2))
    return float(np.max(lags / scale[: len(lags)]))


def speech(ms: int = 900) -> Samples:
    """A caller's voice to the energy detector: a hum with syllables."""
    time = np.arange(to_samples(ms)) / SAMPLE_RATE
    hum = np.sum([np.sin(2 * np.pi * 140 * k * time) / k for k in range(1, 15)], axis=0)
    samples: Samples = (hum * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * time)) * 4000).astype(np.int16)
    return samples


STALL = object()
"""In a recogniser's script: it never answers."""


class ScriptedRecognition:
    """Answers `FinishRecognition` with the next line of its script; `STALL` = never, an exception = it is raised."""

    def __init__(self, script: list[object]) -> None:
        self.script = script
        self._said: dict[tuple[CallDriver, int], object] = {}

    def carry_out(self, driver: CallDriver, command: Command) -> None:
        if not isinstance(command, FinishRecognition):
            return
        text = self.script.pop(0) if self.script else ""
        if isinstance(text, Exception):
            driver.later(RecognitionFailed(command.utterance, str(text)))
        elif text is not STALL:
            heard = (HeardText(str(text), 0.95),) if text else ()
            driver.later(FinalTranscript(command.utterance, heard, "en", "scripted"))

    def forget(self, driver: CallDriver) -> None:
        return


class ScriptedVoice:
    """Speaks with `voice`. `broken`: what it raises instead."""

    def __init__(self) -> None:
        self.broken: Exception | None = None
        self.said: list[str] = []

    def carry_out(self, driver: CallDriver, command: Command) -> None:
        if isinstance(command, Synthesise):
            if self.broken is not None:
                raise self.broken
            self.said.append(command.text)
            driver.later(PromptAudio(command.prompt, voice(command.text)))

    def forget(self, driver: CallDriver) -> None:
        return


@dataclass
class ScriptedDesk:
    """Queues whose news the test gives; `answers` = a human is there at once."""

    waiting: dict[CallDriver, EnterQueue] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    def enter(self, driver: CallDriver, command: EnterQueue) -> None:
        self.waiting[driver] = command
        driver.later(QueueChanged("position", position=1, expected_wait_s=30))

    def leave(self, driver: CallDriver, reason: str) -> None:
        if self.waiting.pop(driver, None) is not None:
            self.left.append(reason)

    def statuses(self) -> dict[str, QueueStatus]:
        return {"default": QueueStatus(True, agents=1)}


@dataclass
class Log:
    """A CallLog that remembers."""

    begun: list[CallRecord] = field(default_factory=list)
    done: list[CallRecord] = field(default_factory=list)

    def began(self, record: CallRecord) -> None:
        self.begun.append(record)

    def ended(self, record: CallRecord) -> None:
        self.done.append(record)


class Backend:
    """An HTTP server whose next answers are in `replies`: a dict, a status, text, or a number of seconds to hang."""

    def __init__(self) -> None:
        self.mode: object = {"colour": "blue"}
        self.asked: list[str] = []
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/find/{code}", self._find)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _find(self, request: web.Request) -> web.Response:
        self.asked.append(request.match_info["code"])
        if isinstance(self.mode, float):
            await asyncio.sleep(self.mode)
        if isinstance(self.mode, int):
            return web.Response(status=self.mode)
        if isinstance(self.mode, str):
            return web.Response(text=self.mode, content_type="text/html")
        return web.json_response(self.mode)


@dataclass
class Lab:
    """Everything of the hotline, for tests to look into."""

    data: Path
    bundle: Bundle
    hotline: Hotline
    intake: SipIntake
    sip: SipEndpoint
    recorder: RecorderThread
    ports: PortRange
    recognition: ScriptedRecognition
    voice: ScriptedVoice
    desk: ScriptedDesk
    log: Log
    backend: Backend
    phone: Phone
    pacer: Pacer
    busy: str = ""
    """Why calls are refused; empty = they are not."""
    journal: list[CallEvent] = field(default_factory=list)
    lines: list[PhoneLine] = field(default_factory=list)

    @property
    def uri(self) -> str:
        host, port = self.sip.addresses["UDP"]
        return f"sip:hotline@{host}:{port}"

    async def call(self) -> PhoneLine:
        line = await self.phone.call(self.uri, caller="13800138000")
        self.lines.append(line)
        await self.watch()
        return line

    async def watch(self) -> None:
        """Wait until the hotline has the call; its journal goes to `journal` from here on."""
        await until(lambda: self.hotline.running, "the hotline has the call")
        self.driver.listeners.append(self.journal.extend)

    @property
    def driver(self) -> CallDriver:
        """The only call's."""
        (driver,) = self.hotline.running.values()
        return driver

    async def state(self, name: str, seconds: float = 10.0) -> None:
        """Wait for the only call to be in this state."""
        await until(
            lambda: any(d.session.state.value == name for d in self.hotline.running.values()), f"state {name}", seconds
        )

    async def ended(self, seconds: float = 12.0) -> CallRecord:
        """Wait for the end of the only call; all that it held must have been given back."""
        await until(lambda: self.log.done and not self.intake.lines, "the call's end", seconds)
        await until(lambda: not self.sip.calls, "the end of the SIP dialog")
        assert not self.hotline.running
        return self.log.done[-1]

    def stored(self) -> StoredCall:
        """The finished call as it lies on disk."""
        self.recorder.close()
        return open_stored(Path(self.log.done[-1].folder))

    def fields(self, kind: str) -> list[dict[str, Any]]:
        return [dict(event.data) for event in self.journal if event.kind == kind]


@asynccontextmanager
async def open_lab(
    data: Path,
    bundle: Bundle,
    script: list[object] | None = None,
    *,
    rtp: RtpSettings | None = None,
    call: CallSettings | None = None,
    ports: tuple[int, int] = (27000, 27998),
) -> AsyncIterator[Lab]:
    backend = Backend()
    await backend.start()
    environment = Environment({"LAB": backend.url})
    recognition, spoken, desk, log = ScriptedRecognition(script or []), ScriptedVoice(), ScriptedDesk(), Log()
    client = BackendClient(environment)
    services = CallServices(recognition, spoken, client, desk)  # type: ignore[arg-type]
    recorder, pacer = RecorderThread(), Pacer()
    settings = HotlineSettings(data, "energy", call=call or CallSettings())
    hotline = Hotline(bundle, settings, services, pacer, recorder, log, desk, environment)
    free = PortRange("127.0.0.1", *ports, rest_s=0.0)
    intake = SipIntake(hotline, free, rtp or RtpSettings(), lambda: lab.busy)
    sip = SipEndpoint(SipConfig(port=0), intake.on_call)
    phone = Phone(ports=(28000, 28998), pacer=pacer)
    lab = Lab(data, bundle, hotline, intake, sip, recorder, free, recognition, spoken, desk, log, backend, phone, pacer)
    pacer.start()
    await sip.start()
    await phone.start()
    try:
        yield lab
    finally:
        for line in lab.lines:
            await line.hang_up()
        await phone.stop()
        await sip.stop()
        pacer.stop()
        services.close()
        await client.close()
        await backend.stop()
        recorder.close()
