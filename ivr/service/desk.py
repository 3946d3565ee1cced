"""The human side of a service: desk, store, tickets and the list of calls, as calls use them."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivr.call.driver import CallDriver
from ivr.call.events import EnterQueue
from ivr.config import Config
from ivr.desk.actions import bind_actions
from ivr.desk.clock import SteadyClock
from ivr.desk.desk import HumanDesk
from ivr.desk.lines import CallerLine, RtpLegFactory
from ivr.dialog.bundle import Bundle
from ivr.dialog.events import JsonValue, QueueStatus
from ivr.errors import IvrError
from ivr.service.browser_settings import browser_phones
from ivr.service.hotline import CallRecord
from ivr.service.recorder import JOURNAL, RECORDING
from ivr.service.sip_intake import SipLine
from ivr.store.store import Store
from ivr.store.tickets import Tickets
from ivr.transport.rtp.leg import RtpSettings
from ivr.transport.rtp.ports import PortRange
from ivr.transport.sip.endpoint import SipEndpoint

_log = logging.getLogger(__name__)


class CallList:
    """Rows of calls in the store, written behind the calls' backs."""

    def __init__(self, store: Store) -> None:
        self._store = store
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


class ServiceDesk:
    """What `CallServices` and `Hotline` need of people and records."""

    def __init__(
        self, config: Config, bundle: Bundle, sip: SipEndpoint, ports: PortRange, rtp: RtpSettings, data: Path
    ) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self.clock = SteadyClock()
        """The floor's."""
        self._store = Store(f"sqlite:///{(data / 'ivr.sqlite').resolve()}", data / "spool")
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
        self.tickets = Tickets(self._store)
        self.calls = CallList(self._store)
        self.actions: dict[str, Callable[..., Awaitable[Mapping[str, JsonValue]]]] = dict(
            bind_actions(self.tickets, self.desk.packet)
        )

    def follow(self, bundle: Bundle, hours: Mapping[str, str]) -> None:
        """Queues as a newer bundle has them, and the hours that operators set (`open`, `closed` or a schedule). Raises
        ConfigError; the queues are then as they were."""
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
        recovered = await self._store.recover()
        for interrupted in recovered.calls:
            _log.warning("call %s was cut off when the last process died", interrupted.call_id)
        await self.desk.start(recovered.waiting)

    async def stop(self) -> None:
        await self.desk.close()
        await self.calls.settle()
        await self._store.close()

    # -- for calls

    def enter(self, driver: CallDriver, command: EnterQueue) -> None:
        self.desk.enter(driver, command)

    def leave(self, driver: CallDriver, reason: str) -> None:
        if reason == "call over":
            self.desk.forget(driver.info.call_id)
        else:
            self.desk.leave(driver.info.call_id, reason)

    def statuses(self) -> dict[str, QueueStatus]:
        return self.desk.statuses()
