"""The laboratory's hotline with a real desk, the console, callers and agents in browsers; only engines are scripted.

async with open_web(tmp_path, bundle, ["one two three"]) as web:
    web.url, web.chats, web.desk
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp.test_utils import TestServer
from aiohttp.web import Application, Request

from ivr.backend.client import BackendClient
from ivr.backend.request import Environment
from ivr.call.driver import CallDriver
from ivr.call.events import EnterQueue
from ivr.console.app import add_console
from ivr.console.context import Console
from ivr.console.passwords import hash_password
from ivr.console.visitors import Public, Visitors
from ivr.desk.browser_phones import BrowserPhones
from ivr.desk.clock import SteadyClock
from ivr.desk.config import AgentSettings, DeskConfig, QueueSettings
from ivr.desk.desk import HumanDesk
from ivr.desk.lines import RtpLegFactory
from ivr.dialog.bundle import Bundle
from ivr.dialog.events import QueueStatus
from ivr.service.browser_intake import BrowserIntake
from ivr.service.calls import CallServices
from ivr.service.chat_intake import ChatIntake
from ivr.service.desk import CallList
from ivr.service.hotline import CallRecord, Hotline, HotlineSettings
from ivr.service.recorder import RecorderThread
from ivr.service.sip_intake import SipIntake
from ivr.service.visitors import VisitorLimit, VisitorSettings
from ivr.store.database import sqlite_url
from ivr.store.store import Store
from ivr.store.tickets import Tickets
from ivr.transport.pacer import Pacer
from ivr.transport.rtp.leg import RtpSettings
from ivr.transport.rtp.ports import PortRange
from ivr.transport.sip.config import SipConfig
from ivr.transport.sip.endpoint import SipEndpoint
from ivr.transport.webrtc.config import IceSettings
from tests.service.lab import Backend, Log, ScriptedRecognition, ScriptedVoice

PASSWORD = "correct horse battery"
HASH = hash_password(PASSWORD)


class StoredLog(Log):
    """Rows of calls in the store, as a service keeps them."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.rows = CallList(store)

    def began(self, record: CallRecord) -> None:
        super().began(record)
        self.rows.began(record)

    def ended(self, record: CallRecord) -> None:
        super().ended(record)
        self.rows.ended(record)


class Desk:
    """What calls need of the human desk."""

    def __init__(self, desk: HumanDesk) -> None:
        self.desk = desk

    def enter(self, driver: CallDriver, command: EnterQueue) -> None:
        self.desk.enter(driver, command)

    def leave(self, driver: CallDriver, reason: str) -> None:
        self.desk.leave(driver.info.call_id, reason)

    def statuses(self) -> dict[str, QueueStatus]:
        return self.desk.statuses()


@dataclass
class Web:
    data: Path
    url: str
    hotline: Hotline
    calls: BrowserIntake
    chats: ChatIntake
    desk: HumanDesk
    phones: BrowserPhones
    console: Console
    store: Store
    sip: SipEndpoint
    recognition: ScriptedRecognition
    voice: ScriptedVoice
    backend: Backend
    log: Log
    recorder: RecorderThread
    busy: list[str] = field(default_factory=list)
    """Why calls are refused; empty = they are not."""

    @property
    def sip_uri(self) -> str:
        host, port = self.sip.addresses["UDP"]
        return f"sip:hotline@{host}:{port}"

    async def user(self, name: str, role: str = "agent") -> None:
        await self.console.users.add(name, role, HASH)


@asynccontextmanager
async def open_web(
    data: Path, bundle: Bundle, script: list[object] | None = None, *, public: Public = "loopback",
    agents: tuple[AgentSettings, ...] = (), rtp: RtpSettings | None = None, limit: VisitorSettings | None = None,
    gone_s: float = 0.5, ring_s: float = 8.0,
) -> AsyncIterator[Web]:  # fmt: skip
    backend, busy = Backend(), list[str]()
    await backend.start()
    environment = Environment({"LAB": backend.url})
    store = Store(sqlite_url(data / "ivr.sqlite"), data / "spool")
    await store.open()
    ice, rtp = IceSettings(("127.0.0.1",)), rtp or RtpSettings(silence_s=1.5)
    ports, pacer, recorder, log = (
        PortRange("127.0.0.1", 29000, 29998, rest_s=0.0),
        Pacer(),
        RecorderThread(),
        StoredLog(store),
    )
    phones, clock = BrowserPhones(ice, rtp, page_gone_s=gone_s), SteadyClock()
    sip = SipEndpoint(SipConfig(port=0), lambda call: intake.on_call(call))
    settings = DeskConfig(agents=agents, defaults=QueueSettings(ring_s=ring_s, wrap_up_s=0, join_empty=True))
    desk = HumanDesk(settings, bundle.definition.hotline.queues, sip, RtpLegFactory(ports), store, clock.__call__,
                     browsers=phones)  # fmt: skip
    client = BackendClient(environment)
    recognition, voice = ScriptedRecognition(script or []), ScriptedVoice()
    services = CallServices(recognition, voice, client, Desk(desk))  # type: ignore[arg-type]
    hotline = Hotline(
        bundle, HotlineSettings(data, "energy"), services, pacer, recorder, log, Desk(desk), environment
    )  # fmt: skip
    intake = SipIntake(hotline, ports, RtpSettings(), lambda: busy[0] if busy else "")
    visitors = VisitorLimit(limit or VisitorSettings())
    calls = BrowserIntake(hotline, ice, rtp, lambda: busy[0] if busy else "", visitors)
    chats = ChatIntake(hotline, phones, lambda: busy[0] if busy else "", visitors, gone_s)
    app = Application()
    console = Console(
        store, Tickets(store), desk, hotline.running, data, clock.__call__, visitors=Visitors(calls, chats, public)
    )
    add_console(app, console)
    server: TestServer[Request] = TestServer(app)
    pacer.start()
    await sip.start()
    await desk.start()
    await server.start_server()
    url = str(server.make_url("/")).rstrip("/")
    try:
        yield Web(data, url, hotline, calls, chats, desk, phones, console, store, sip, recognition, voice, backend, log,
                  recorder, busy)  # fmt: skip
    finally:
        await calls.close()
        await chats.close()
        await server.close()
        await sip.stop(0)
        await desk.close()
        pacer.stop()
        services.close()
        await client.close()
        await backend.stop()
        recorder.close()
        await log.rows.settle()
        await store.close()
