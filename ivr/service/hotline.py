"""New calls of a hotline, whatever transport brings them: session, recorder and services put together, paced, ended."""

from __future__ import annotations

import dataclasses
import datetime
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ivr.audio.aec import create_canceller
from ivr.audio.frame import Samples
from ivr.backend.request import Environment
from ivr.call.driver import CallDriver
from ivr.call.ears import VoiceDetector
from ivr.call.events import HangUp, OverlayChanged
from ivr.call.session import CallSession
from ivr.call.settings import CallSettings
from ivr.call.words import SpokenWords
from ivr.dialog.bundle import Bundle
from ivr.dialog.codec import encode
from ivr.dialog.events import CallContext, JsonValue, QueueStatus
from ivr.service.calls import CallServices
from ivr.service.detectors import AUTO, detector_maker
from ivr.service.recorder import FileRecorder, RecorderThread
from ivr.transport.base import CallInfo, MediaLeg
from ivr.transport.cancelling import CancellingLeg
from ivr.transport.pacer import Pacer

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CallRecord:
    """What is known of a call when it begins and, with `outcome`, when it has ended."""

    id: str
    caller: str
    called: str
    started_at: str
    hotline: str
    bundle: str
    folder: str
    outcome: str = ""
    cause: str = ""
    duration_ms: int = 0
    language: str = ""
    transport: str = "sip"


class CallLog(Protocol):
    """Where calls are listed (`ivr.store`). Never blocks; what cannot be written now is written later."""

    def began(self, record: CallRecord) -> None: ...

    def ended(self, record: CallRecord) -> None: ...


class QueueBoard(Protocol):
    """How the human queues stand."""

    def statuses(self) -> dict[str, QueueStatus]: ...


@dataclass(frozen=True, slots=True)
class HotlineSettings:
    data: Path
    detector: str = AUTO
    record: bool = True
    call: CallSettings = field(default_factory=CallSettings)
    music: Samples | None = None
    cancellers: Mapping[str, str] = field(default_factory=dict)
    """Echo canceller by transport (`sip`, `webrtc`, ...); the others have none."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a call is carried on that is not spoken (`ivr.service.chat_intake`)."""

    detector: Callable[[], VoiceDetector]
    driver: Callable[..., CallDriver]
    """Called as CallDriver is."""
    sound: bool = True
    """Whether there is anything to record."""
    reopen_ms: int = 0
    """In place of the setting of calls."""


class Hotline:
    """Makes a running call out of a transport's leg. One for a process."""

    def __init__(
        self, bundle: Bundle, settings: HotlineSettings, services: CallServices, pacer: Pacer,
        recorder: RecorderThread, calls: CallLog, board: QueueBoard, environment: Environment,
    ) -> None:  # fmt: skip
        self.bundle = bundle
        self.choose: Callable[[str], Bundle] = lambda caller: self.bundle
        """The bundle for a new call, by the caller's number."""
        self.overlay: Callable[[], dict[str, JsonValue]] = dict
        """What operators changed, as CallStarted takes it; asked at the start of each call."""
        self._settings = settings
        self._detector = detector_maker(settings.detector)
        for name in set(settings.cancellers.values()):
            create_canceller(name)  # a wrong name is told now, and the first call need not load it
        self._services = services
        self._pacer = pacer
        self._recorder = recorder
        self._calls = calls
        self._board = board
        self._environment = environment
        self.running: dict[str, CallDriver] = {}
        """Calls in progress by their id."""
        self.bundles: dict[str, Bundle] = {}
        """What each of them runs on, to its end."""
        self.on_begin: list[Callable[[CallDriver, CallRecord], None]] = []
        """Told of each call before it starts."""

    def begin(
        self, info: CallInfo, leg: MediaLeg, on_end: Callable[[CallDriver, HangUp], None], *, language: str = "",
        direction: str = "inbound", entry: str = "", manner: Manner | None = None,
    ) -> CallDriver:  # fmt: skip
        """The leg was answered: the bot speaks from the next tick on."""
        bundle, overlay = self.choose(info.caller), self.overlay()
        now = datetime.datetime.now().astimezone()
        context = CallContext(
            info.call_id, info.caller, info.called, language, now.isoformat(timespec="milliseconds"),
            "outbound" if direction == "outbound" else "inbound", entry, "voice" if manner is None else "text",
        )  # fmt: skip
        folder = self._settings.data / "calls" / now.strftime("%Y-%m-%d") / _folder_name(info.call_id)
        queues = self._board.statuses()
        head: dict[str, object] = {
            "id": info.call_id, "caller": info.caller, "called": info.called, "started_at": context.started_at,
            "language": language, "hotline": bundle.definition.hotline.hotline, "bundle": bundle.hash,
            "context": encode(context), "queues": {name: encode(status) for name, status in queues.items()},
            "overlay": overlay, "streams": sorted(self._settings.call.streams),
        }  # fmt: skip
        call = self._settings.call
        if manner is not None:
            call = dataclasses.replace(call, reopen_ms=manner.reopen_ms, adaptive_endpointing=False)
        sound = self._settings.record and (manner is None or manner.sound)
        canceller = self._settings.cancellers.get(info.transport)
        if canceller is not None:
            leg = CancellingLeg(leg, create_canceller(canceller))
        recorder = FileRecorder(self._recorder, folder, head, sound=sound)
        limit = bundle.definition.hotline.defaults.limits.call_ms
        session = CallSession(
            bundle, context, self._detector() if manner is None else manner.detector(), SpokenWords(),
            dataclasses.replace(call, call_limit_ms=limit, hints=bundle.hints), self._settings.music,
        )  # fmt: skip
        record = CallRecord(
            info.call_id, info.caller, info.called, context.started_at, bundle.definition.hotline.hotline, bundle.hash,
            str(folder), transport=info.transport,
        )  # fmt: skip

        def ended(driver: CallDriver, hang_up: HangUp) -> None:
            self._ended(driver, hang_up, record)
            on_end(driver, hang_up)

        make = CallDriver if manner is None else manner.driver
        driver = make(info, session, leg, self._services, recorder, ended)
        self._services.adopt(driver, bundle, self._environment, _action_context(context, bundle))
        self.running[info.call_id] = driver
        self.bundles[info.call_id] = bundle
        self._calls.began(record)
        for listener in self.on_begin:
            listener(driver, record)
        _log.info("call %s from %s to %s: answered", info.call_id, info.caller or "unknown", info.called)
        driver.start(queues, overlay)
        if not driver.over:
            self._pacer.add(driver.tick)
        return driver

    def overlay_changed(self, overlay: dict[str, JsonValue]) -> None:
        """Tell the calls in progress."""
        for driver in tuple(self.running.values()):
            driver.later(OverlayChanged(overlay))

    def _ended(self, driver: CallDriver, hang_up: HangUp, record: CallRecord) -> None:
        self._pacer.remove(driver.tick)
        self.running.pop(record.id, None)
        self.bundles.pop(record.id, None)
        state = driver.session.dialog_state
        done = dataclasses.replace(
            record, outcome=hang_up.outcome, cause=hang_up.cause, duration_ms=driver.duration_ms,
            language=str(getattr(state, "language", "")),
        )  # fmt: skip
        self._calls.ended(done)
        _log.info("call %s: %s after %.1f s", record.id, hang_up.outcome, driver.duration_ms / 1000)


def _folder_name(call_id: str) -> str:
    """A Call-ID is the caller's text: only what is harmless in a path is kept."""
    name = re.sub(r"[^A-Za-z0-9_-]", "_", call_id)[:80]
    return name or "call"


def _action_context(context: CallContext, bundle: Bundle) -> Mapping[str, JsonValue]:
    return {
        "call_id": context.id, "caller": context.caller, "called": context.called, "started_at": context.started_at,
        "hotline": bundle.definition.hotline.hotline,
    }  # fmt: skip
