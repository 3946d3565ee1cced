"""The live service put together: SIP in, calls through the bot, people behind it, HTTP beside it."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import logging
import ssl
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from ivr.app.browser import visitors
from ivr.app.offline import build_bundle, environment_of, is_trained
from ivr.asr.config import LanguagePasses, RecognitionConfig, default_config
from ivr.audio.hold import hold_tune
from ivr.audio.vad import create_detector
from ivr.audio.wav import read_audio
from ivr.backend.client import BackendClient
from ivr.call.driver import CallDriver
from ivr.call.settings import CallSettings
from ivr.config import Config
from ivr.console.api.care import CALLS_BACK
from ivr.console.app import add_console, report_route
from ivr.console.context import Console
from ivr.console.health import add_routes
from ivr.dialog.bundle import Bundle
from ivr.dialog.events import JsonValue
from ivr.errors import ConfigError
from ivr.service.assist import LiveAssist
from ivr.service.bundles import FolderBundles, ServedBundles
from ivr.service.calls import CallServices
from ivr.service.desk import ServiceDesk
from ivr.service.end_of_turn import LiveEndOfTurn, end_of_turn_model
from ivr.service.hotline import Hotline, HotlineSettings
from ivr.service.live_overlay import LiveOverlay
from ivr.service.observing import Observing
from ivr.service.overlay import Overlay
from ivr.service.prepare import fixed_prompts
from ivr.service.recognition import LiveRecognition
from ivr.service.recorder import RecorderThread
from ivr.service.sip_intake import SipIntake
from ivr.service.synthesis import LiveSynthesis
from ivr.transport.pacer import Pacer
from ivr.transport.rtp.leg import RtpSettings
from ivr.transport.rtp.ports import PortRange
from ivr.transport.sip.config import SipConfig
from ivr.transport.sip.endpoint import SipEndpoint
from ivr.tts.prompts import RecordedPrompts
from ivr.tts.settings import SynthesisSettings, parse_voices
from ivr.turn.barge_in import BargeInSettings
from ivr.turn.gate import GateSettings

_log = logging.getLogger(__name__)


# --------------------------------------------------------------------------------------------- settings to components


def recognition_config(config: Config) -> RecognitionConfig:
    """Engines by language. Raises ConfigError for an engine nobody knows."""
    base = default_config(workers=config.recognition.workers)
    if not config.recognition.passes:
        return base
    languages = dict(base.languages)
    for language, passes in config.recognition.passes.items():
        languages[language] = LanguagePasses(passes.get("stream", ""), passes.get("final", ""))
    chosen = RecognitionConfig(base.engines, languages, base.workers)
    used = {engine for passes in languages.values() for engine in (passes.stream, passes.final)}
    engines = {name: spec for name, spec in base.engines.items() if name in used}  # nobody waits for the others to load
    return dataclasses.replace(chosen, engines=engines)


def synthesis_settings(config: Config, data: Path) -> SynthesisSettings:
    return SynthesisSettings(
        voices=parse_voices(config.synthesis.voices), cache=data / "prompts", cache_mb=config.synthesis.cache_mb,
        workers=config.synthesis.workers,
    )  # fmt: skip


def call_settings(config: Config) -> CallSettings:
    section = config.call
    return CallSettings(
        gate=GateSettings(onset_ms=section.onset_ms), barge_in=BargeInSettings(duck_db=section.duck_db),
        speculate_ms=section.speculate_ms, complete_ms=section.complete_ms,
        incomplete_max_ms=section.incomplete_max_ms, adaptive_endpointing=section.adaptive,
        reopen_ms=section.reopen_ms, likely_ms=section.likely_ms,
    )  # fmt: skip


def sip_config(config: Config) -> SipConfig:
    section = config.sip
    return SipConfig(
        host=section.host, port=section.port, advertised_host=section.advertised, allow=section.allow,
        digest_users=section.users, session_expires=section.session_expires, tls=_tls(config),
        tls_port=section.tls_port, max_calls=config.service.max_calls + 10,
    )  # fmt: skip


def _tls(config: Config) -> ssl.SSLContext | None:
    section = config.sip
    if not section.tls_certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(section.tls_certificate, section.tls_key or None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"sip.tls_certificate: {section.tls_certificate} cannot be used: {error}") from error
    return context


# ------------------------------------------------------------------------------------------------------- the service


class Service:
    """A running hotline: SIP in, calls through the bot, people behind it, HTTP beside it."""

    def __init__(self, config: Config, bundle: Bundle, served: ServedBundles | None = None) -> None:
        """`served` = where new calls get their bundle; None = from the folder of `bundle`, as it changes."""
        self.config = config
        self.data = Path(config.service.data)
        folder = Path(bundle.definition.folder)
        self.bundle = bundle
        self.served = served or FolderBundles(bundle, folder, build_bundle, is_trained)
        self.pacer = Pacer()
        self.recorder = RecorderThread()
        environment = environment_of(bundle)
        self._recognition = LiveRecognition(recognition_config(config))
        self._synthesis = LiveSynthesis(
            synthesis_settings(config, self.data), RecordedPrompts(folder), prompts_of=self._recordings_of
        )
        self._ports = PortRange(config.sip.host, config.rtp.low, config.rtp.high)
        self._rtp = RtpSettings(
            symmetric=config.rtp.symmetric, first_packet_s=config.rtp.first_packet_s, silence_s=config.rtp.lost_after_s
        )
        self.sip = SipEndpoint(sip_config(config), self._on_call)
        self.desk = ServiceDesk(config, bundle, self.sip, self._ports, self._rtp, self.data)
        self._backend = BackendClient(environment, self.desk.actions)
        self._services = CallServices(self._recognition, self._synthesis, self._backend, self.desk)
        judge = end_of_turn_model(config.call.end_of_turn)
        self._services.end_of_turn = LiveEndOfTurn(judge) if judge is not None else None
        streams = recognition_config(config).streaming
        call = dataclasses.replace(call_settings(config), end_of_turn=judge is not None, streams=streams)
        music = read_audio(config.call.music) if config.call.music else hold_tune()
        cancellers = {str(transport): name for transport, name in config.call.echo_cancellers.items()}
        settings = HotlineSettings(
            self.data, config.call.detector, config.service.record, call, music, cancellers
        )  # fmt: skip
        self.hotline = Hotline(
            bundle, settings, self._services, self.pacer, self.recorder, self.desk.calls, self.desk, environment
        )
        self.assist = LiveAssist(
            self._recognition, partial(create_detector, "webrtc"), self.hotline.bundles.get, self.hotline.running.get
        )  # fmt: skip
        self.assist.follow(self.desk.desk.talks)
        self.desk.desk.talks.music = music
        self.live = LiveOverlay(self.data, lambda: self.served.bundle)
        self._recordings: dict[str, RecordedPrompts] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._connect_live()
        self.intake = SipIntake(self.hotline, self._ports, self._rtp, self.ready, config.service.languages)
        self.desk.lines = self.intake.lines
        self.intake.dialer = self.sip
        self.desk.callbacks.out = self.intake
        self.visitors = visitors(
            config, self.hotline, self.desk.desk.browsers, self.ready, config.service.max_calls
        )  # fmt: skip
        self.observing = Observing(config, self.hotline, self.desk, self.figures, self.ready)
        self._draining = False
        self._started = False
        self._answered = 0
        self._prompts_left = -1
        self._web: web.AppRunner | None = None
        self.http_address: tuple[str, int] = ("", 0)
        self.console = Console(
            self.desk.store, self.desk.tickets, self.desk.desk, self.hotline.running, self.data, self.desk.clock,
            config.http.secure_cookies, self.visitors, self.assist,
        )  # fmt: skip
        self.assist.on_change.append(self.console.hub.help_changed)
        self.setup_path = ""
        """Where the first admin is set up, as long as there is no user."""

    async def _on_call(self, sip_call: object) -> None:
        self._answered += 1
        await self.intake.on_call(sip_call)  # type: ignore[arg-type]

    # -- what changes while calls go on

    def _connect_live(self) -> None:
        self.hotline.choose = self.served.choose
        self.hotline.overlay = self._overlay_now
        self.served.on_change.append(self._new_bundle)
        self.live.on_change.append(self._new_overlay)

    def _overlay_now(self) -> dict[str, JsonValue]:
        self.live.refresh()
        return self.live.current.for_dialog()

    def _new_bundle(self, bundle: Bundle) -> None:
        self._recordings = {name: one for name, one in self._recordings.items() if name in self._folders_in_use()}
        self._in_background(self.prepare(bundle))
        self.desk.follow(bundle, self.live.current.hours())

    def _new_overlay(self, overlay: Overlay) -> None:
        self.hotline.overlay_changed(overlay.for_dialog())
        try:
            self.desk.follow(self.served.bundle, overlay.hours())
        except ConfigError as error:
            _log.error("overlay: %s", error)

    def _recordings_of(self, driver: CallDriver) -> RecordedPrompts | None:
        """The recorded prompts of the bundle this call began with."""
        bundle = self.hotline.bundles.get(driver.info.call_id)
        if bundle is None:
            return None
        folder = bundle.definition.folder
        return self._recordings.setdefault(folder, RecordedPrompts(Path(folder)))

    def _folders_in_use(self) -> set[str]:
        return {bundle.definition.folder for bundle in (*self.hotline.bundles.values(), self.served.bundle)}

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def bundles_status(self) -> Mapping[str, JsonValue]:
        return self.served.status([bundle.hash for bundle in self.hotline.bundles.values()])

    # -- life

    async def start(self, progress: Callable[[str], None] = lambda _: None) -> None:
        """Load the engines, open the doors. Raises ConfigError, ModelError, SipError with what to do."""
        languages = self.bundle.definition.hotline.languages
        progress("loading recognisers")
        await self._recognition.start()
        progress("loading voices")
        await self._synthesis.service.start(languages)
        await self.desk.start()
        self.pacer.start()
        await self.sip.start()
        await self._open_http()
        self.live.refresh()
        self._in_background(self.live.watch())
        if self.config.service.watch:
            self._in_background(self.served.watch())
        self._started = True
        # What was loaded so far lives as long as the process: the collector need not walk it while calls are on.
        gc.collect()
        gc.freeze()

    async def prepare(self, bundle: Bundle | None = None) -> None:
        """Render a bundle's fixed prompts (None = of the one served) into the cache, in the background: calls go
        first."""
        if not self.config.synthesis.prepare:
            self._prompts_left = 0
            return
        requests = fixed_prompts(bundle or self.served.bundle)

        def progress(done: int, of: int) -> None:
            self._prompts_left = of - done

        prepared = await self._synthesis.service.prepare(requests, progress)
        self._prompts_left = 0
        _log.info("%d of %d fixed prompts are ready", prepared.made, len(requests))
        for request, reason in prepared.failed:
            _log.warning("prompt %r cannot be spoken: %s", request.text[:60], reason)

    async def _open_http(self) -> None:
        app = web.Application()
        add_routes(app, self)
        app[CALLS_BACK] = self.desk.callbacks
        bundles = report_route("bundles", "Bundles in use, and the calls on each", self.bundles_status)
        overlay = report_route("overlay", "What the ops overlay changes now", self.live.status)
        add_console(app, self.console, (bundles, overlay))
        self._web = web.AppRunner(app, access_log=None)
        await self._web.setup()
        site = web.TCPSite(self._web, self.config.http.host, self.config.http.port)
        try:
            await site.start()
        except OSError as error:
            address = f"{self.config.http.host}:{self.config.http.port}"
            raise ConfigError(f"http: cannot listen on {address}: {error.strerror}") from error
        host, port = self._web.addresses[0][:2]
        self.http_address = (str(host), int(port))
        self.setup_path = await self.console.first_run()

    async def stop(self, drain_s: float | None = None) -> None:
        """Take no more calls, let the current ones end, close everything."""
        self._draining = True
        for task in tuple(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        drain_s = self.config.service.drain_s if drain_s is None else drain_s
        await asyncio.gather(self.sip.stop(drain_s), *([self.visitors.close(drain_s)] if self.visitors else []))
        await self.desk.stop()
        await self.observing.close()
        self.pacer.stop()
        self._services.close()
        self.assist.close()
        await self._recognition.close()
        await self._synthesis.service.close()
        await self._backend.close()
        if self._web is not None:
            await self._web.cleanup()
        await asyncio.to_thread(self.recorder.close)

    # -- Status

    def ready(self) -> str:
        if self._draining:
            return "the service is stopping"
        if not self._started:
            return "the service is starting"
        if len(self.hotline.running) >= self.config.service.max_calls:
            return f"{len(self.hotline.running)} calls are in progress (service.max_calls)"
        stats = self._recognition.stats()
        waiting = stats.waiting_ms if stats else 0.0
        if waiting > self.config.service.max_backlog_ms:
            return f"recognition is {waiting:.0f} ms behind (service.max_backlog_ms)"
        return ""

    def metrics(self) -> bytes:
        return self.observing.metrics.text()

    def figures(self) -> Mapping[str, float]:
        late = self.pacer.stats()
        stats = self._recognition.stats()
        return {
            "calls": len(self.hotline.running),
            "calls_total": self._answered,
            "recognition_waiting_ms": stats.waiting_ms if stats else 0.0,
            "prompts_left": self._prompts_left,
            "synthesis_backlog": self._synthesis.service.backlog,
            "recorder_backlog": self.recorder.backlog,
            "recorder_failures_total": self.recorder.failures,
            "tick_late_p99_ms": late.p99_ms,
            "tick_late_max_ms": late.max_ms,
            "worker_restarts_total": (stats.restarts if stats else 0) + self._synthesis.service.worker_restarts,
        }
