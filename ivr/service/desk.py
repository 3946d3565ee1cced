"""The human side of a service: desk, store, tickets and the list of calls, as calls use them."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import socket
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ivr.call.driver import CallDriver
from ivr.call.events import EnterQueue
from ivr.config import Config
from ivr.desk.actions import bind_actions
from ivr.desk.clock import SteadyClock
from ivr.desk.desk import HumanDesk
from ivr.desk.lines import CallerLine, RtpLegFactory
from ivr.desk.packet import Packet
from ivr.desk.shared import SharedFloor
from ivr.dialog.bundle import Bundle
from ivr.dialog.events import JsonValue, QueueStatus
from ivr.errors import IvrError
from ivr.service.browser_settings import browser_phones
from ivr.service.callbacks import CallbackService
from ivr.service.hotline import CallRecord
from ivr.service.recorder import JOURNAL, RECORDING
from ivr.service.retention import Retention, kept_longer
from ivr.service.sip_intake import SipLine
from ivr.store.database import sqlite_url
from ivr.store.store import Store
from ivr.store.tickets import Tickets
from ivr.transport.rtp.leg import RtpSettings
from ivr.transport.rtp.ports import PortRange
from ivr.transport.sip.endpoint import SipEndpoint
from ivr.webhook.messages import CallEnded, EndedCall, HandedOver, TicketChanged, TicketCreated, TicketData
from ivr.webhook.sender import Webhooks

_log = logging.getLogger(__name__)


class CallList:
    """Rows of calls in the store, written behind the calls' backs."""

    def __init__(self, store: Store, on_end: Callable[[CallRecord], None] = lambda record: None) -> None:
        self._store, self._on_end = store, on_end
        self._tasks: set[asyncio.Task[None]] = set()

    def began(self, record: CallRecord) -> None:
        folder = Path(record.folder)
        self._write(
            self._store.call_started(
                record.id, caller=record.caller, called=record.called, hotline=record.hotline, bundle=record.bundle,
                recording=str(folder / RECORDING), journal=str(folder / JOURNAL), transport=record.transport,
            )
        )  # fmt: skip

    def ended(self, record: CallRecord) -> None:
        self._write(self._store.call_ended(record.id, record.outcome, record.cause, language=record.language))
        self._on_end(record)

    def _write(self, work: Coroutine[Any, Any, None]) -> None:
        async def task() -> None:
            try:
                await work
            except IvrError as error:
                _log.error("the list of calls: %s", error)

        running = asyncio.get_running_loop().create_task(task())
        self._tasks.add(running)
        running.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Wait until everything is written."""
        await asyncio.gather(*self._tasks, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class LiveQueue:
    """A queue of the hotline with the hours that count now."""

    skills: tuple[str, ...]
    hours: str
    timezone: str


def live_queues(bundle: Bundle, hours: Mapping[str, str]) -> dict[str, LiveQueue]:
    """The bundle's queues under an overlay's hours."""
    words = {"open": "24/7", "closed": "Mo-Su off"}
    found = {}
    for name, queue in bundle.definition.hotline.queues.items():
        live = hours.get(name, queue.hours)
        found[name] = LiveQueue(tuple(queue.skills), words.get(live, live), queue.timezone)
    return found


def database_url(config: Config, data: Path) -> str:
    """`store.url`, or the file in the data folder."""
    return config.store.url or sqlite_url((data / "ivr.sqlite").resolve())


class ServiceDesk:
    """What `CallServices` and `Hotline` need of people and records."""

    def __init__(
        self, config: Config, bundle: Bundle, sip: SipEndpoint, ports: PortRange, rtp: RtpSettings, data: Path
    ) -> None:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.clock = SteadyClock()
        """The floor's."""
        node = config.store.node or socket.gethostname() or "main"
        self._store = Store(database_url(config, data), data / "spool", node)
        self.lines: dict[str, SipLine] = {}
        """Callers' SIP calls by call id: for transfers."""
        # A human's silence is no reason to lose the call: his line ends by BYE.
        patient = dataclasses.replace(rtp, silence_s=max(rtp.silence_s, 120.0))
        queues = bundle.definition.hotline.queues
        self.desk = HumanDesk(
            config.desk,
            queues,
            sip,
            RtpLegFactory(ports, patient),
            self._store,
            self.clock,
            self._line_of,
            browser_phones(config),
        )
        shared = config.store.shared
        if shared or (shared is None and not self._store.database.is_sqlite):
            self.desk.share(SharedFloor(self._store, config.store.lease_s))
        self.tickets = Tickets(self._store, own_fields=config.desk.ticket_fields)
        self.webhooks = Webhooks(config.webhooks, self._store)
        self.tickets.listeners.append(self._tell_ticket)
        self.calls = CallList(self._store, self._tell_ended)
        self.callbacks = CallbackService(
            self._store, self.desk, self.tickets, config.desk.number_uri, lambda: self._outbound
        )
        self.on_ended: list[Callable[[CallRecord], None]] = []
        """Told of each call that is over."""
        self._outbound = bundle.definition.hotline.entry.outbound or ""
        """The flow of calls that the hotline makes."""
        self.actions: dict[str, Callable[..., Awaitable[Mapping[str, JsonValue]]]] = dict(
            bind_actions(self.tickets, self.desk.packet)
        )
        self.actions["ivr.callback.request"] = self._request_callback
        self._retention = Retention(self._store, config.retention, data)
        for longer in kept_longer(config.retention, bundle.definition.hotline):
            _log.warning("%s", longer)

    async def _request_callback(
        self, /, *, context: Mapping[str, JsonValue], **args: JsonValue
    ) -> Mapping[str, JsonValue]:
        return await self.callbacks.request(context, args)

    # -- what is told to other systems

    def _tell_ended(self, record: CallRecord) -> None:
        for listener in self.on_ended:
            listener(record)
        ended = EndedCall(
            call_id=record.id, caller=record.caller, called=record.called, hotline=record.hotline,
            language=record.language, started_at=datetime.fromisoformat(record.started_at),
            duration_ms=record.duration_ms, outcome=record.outcome, cause=record.cause,
        )  # fmt: skip
        now = self._store.clock()
        self.webhooks.tell(
            "call.ended", lambda: CallEnded(timestamp=now, data=ended), call_id=record.id, caller=record.caller
        )

    def _tell_ticket(self, what: str, fields: Mapping[str, Any]) -> None:
        now = self._store.clock()

        def make() -> TicketCreated | TicketChanged:
            data = TicketData.model_validate({name: fields[name] for name in TicketData.model_fields})
            if what == "created":
                return TicketCreated(timestamp=now, data=data)
            return TicketChanged(timestamp=now, data=data)

        self.webhooks.tell(f"ticket.{what}", make, call_id=fields["call_id"], caller=fields["caller"])

    def follow(self, bundle: Bundle, hours: Mapping[str, str]) -> None:
        """Queues as a newer bundle has them, and the hours that operators set (`open`, `closed` or a schedule). Raises
        ConfigError; the queues are then as they were."""
        self._outbound = bundle.definition.hotline.entry.outbound or ""
        self.desk.set_queues(live_queues(bundle, hours))

    @property
    def store(self) -> Store:
        return self._store

    def _line_of(self, call_id: str) -> CallerLine | None:
        line = self.lines.get(call_id)
        return line.call if line is not None else None

    async def start(self) -> None:
        """Open the store, mend what a dead process left behind, sign the agents in."""
        await self._store.open()
        queues = self.desk.floor.roster.queues
        recovered = await self._store.recover({name: queue.keep_place_s for name, queue in queues.items()})
        for interrupted in recovered.calls:
            _log.warning("call %s was cut off when the last process died", interrupted.call_id)
        await self.desk.start(recovered.waiting)
        self.webhooks.start()
        await self.callbacks.start()
        self._retention.start()

    async def stop(self) -> None:
        await self._retention.close()
        await self.callbacks.close()
        await self.desk.close()
        await self.calls.settle()
        await self.webhooks.close()
        await self._store.close()

    # -- for calls

    def enter(self, driver: CallDriver, command: EnterQueue) -> None:
        self.desk.enter(driver, command)
        packet, now = self.desk.packet(driver.info.call_id), self._store.clock()
        if packet is not None:
            known: Packet = packet
            self.webhooks.tell(
                "call.handed_over", lambda: HandedOver(timestamp=now, data=known),
                call_id=packet.call_id, caller=packet.caller.number,
            )  # fmt: skip

    def leave(self, driver: CallDriver, reason: str) -> None:
        if reason == "call over":
            self.desk.forget(driver.info.call_id)
        else:
            self.desk.leave(driver.info.call_id, reason)

    def statuses(self) -> dict[str, QueueStatus]:
        return self.desk.statuses()
