"""The asyncio shell of the SIP user agent: sockets, clock, randomness and tasks around `agent.UserAgent`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import ParamSpec

from ivr.errors import SipError
from ivr.transport.sip.agent import UserAgent
from ivr.transport.sip.auth import Credentials, DigestServer
from ivr.transport.sip.call import SipCall
from ivr.transport.sip.config import SipConfig
from ivr.transport.sip.core import AgentSettings
from ivr.transport.sip.events import Ended, Incoming, LegEvent, Progress, RegistrationChanged
from ivr.transport.sip.leg import Leg
from ivr.transport.sip.limits import FloodGuard
from ivr.transport.sip.message import Peer
from ivr.transport.sip.network import Network
from ivr.transport.sip.registration import Registration
from ivr.transport.sip.sdp import LocalMedia
from ivr.transport.sip.transaction import Transaction
from ivr.transport.sip.uri import parse_uri

log = logging.getLogger(__name__)
P = ParamSpec("P")
OnCall = Callable[[SipCall], Awaitable[None]]
GOODBYE_S = 2.0
"""How long `stop` waits for the answers to its BYEs."""


def _token(digits: int) -> str:
    return secrets.token_hex((digits + 1) // 2)[:digits]


class SipEndpoint:
    """Answers and makes calls. `on_call` runs as a task a call; when it returns or fails, the call is hung up."""

    def __init__(self, config: SipConfig, on_call: OnCall) -> None:
        self._config = config
        self._on_call = on_call
        self._network = Network(config, self._receive, self._failed)
        self._flood = FloodGuard(config.flood_rate, config.flood_burst)
        self._calls: dict[Leg, SipCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._registrations: list[Registration] = []
        self._agent: UserAgent | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")
        self._pumping = False
        self.addresses: dict[str, tuple[str, int]] = {}
        """Bound (host, port) by transport, once started."""
        self.on_registration: Callable[[RegistrationChanged], None] | None = None

    @property
    def calls(self) -> int:
        """Calls that are up or being set up."""
        return len(self._calls)

    @property
    def flood_refused(self) -> int:
        """Messages dropped by the flood limit."""
        return self._flood.refused

    async def start(self) -> None:
        """Bind and serve. Raises SipError when an address cannot be bound."""
        config = self._config
        self.addresses = await self._network.open()
        host = config.advertised_host
        advertised = {
            name: (host or bound[0], (config.advertised_port if name != "TLS" else 0) or bound[1])
            for name, bound in self.addresses.items()
        }
        settings = AgentSettings(
            addresses=advertised,
            user_agent=config.user_agent,
            contact_user=config.contact_user,
            session_expires=config.session_expires,
            min_se=config.min_se,
            max_calls=config.max_calls,
            retry_after_s=config.retry_after_s,
            accept_refer=config.accept_refer,
            timings=config.timings,
        )
        digest = None
        if config.digest_users:
            digest = DigestServer(
                config.digest_realm, config.users(), secrets.token_bytes(32), config.digest_algorithms
            )
        self._agent = UserAgent(settings, _token, random.SystemRandom().random, config.networks(), digest)

    async def stop(self, drain_s: float = 0.0, goodbye_s: float = GOODBYE_S) -> None:
        """Refuse new calls, let the current ones end for `drain_s`, hang up the rest, wait up to `goodbye_s` for the
        answers to that, close."""
        if self._agent is None:
            return
        self._agent.draining = True
        await self._until_idle(drain_s)
        for registration in self._registrations:
            self.enter()
            registration.stop()
            self.pump()
        for call in list(self._calls.values()):
            await call.bye("service is stopping", refuse_with=503)
        await self._until_quiet(goodbye_s)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._timer is not None:
            self._timer.cancel()
        await self._network.close()
        self._agent = None

    async def dial(
        self,
        target: str,
        local: LocalMedia,
        *,
        from_uri: str = "",
        headers: Sequence[tuple[str, str]] = (),
        timeout_s: float = 60.0,
        credentials: Credentials | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> SipCall:
        """Call `target`; returns once it is answered. Raises CallFailed with the SIP code when it is not, and SipError
        for a bad URI. Cancelling the task cancels the call."""
        agent = self._running()
        from_uri = from_uri or self._own_uri()
        for text in (target, from_uri):
            _check(text)
        self.enter()
        leg = agent.dial(target, from_uri, local, self.now(), headers, credentials)
        call = self._calls[leg] = SipCall(leg, self)
        if on_progress is not None:
            call.on_event = lambda event: on_progress(event) if isinstance(event, Progress) else None
        leg.give_up_after(timeout_s)
        self.pump()
        try:
            await call.settled()
        except asyncio.CancelledError:
            await call.bye()
            raise
        finally:
            call.on_event = None
        return call

    def register(self, registrar: str, user: str, password: str, *, aor: str = "", expires: int = 600) -> Registration:
        """Keep `aor` (by default `sip:user@registrar's host`) registered at us; `on_registration` tells how it goes."""
        agent = self._running()
        uri = _check(registrar)
        aor = aor or f"sip:{user}@{uri}"
        _check(aor)
        self.enter()
        registration = agent.register(registrar, aor, Credentials(user, password), expires, self.now())
        self._registrations.append(registration)
        self.pump()
        return registration

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def enter(self) -> None:
        """Before a leg is used: set the core's time."""
        self._running().at(self.now())

    def pump(self) -> None:
        """After the core was used: send its bytes, hand out its events, wake up in time."""
        agent = self._agent
        if agent is None or self._pumping:
            return
        self._pumping = True
        try:
            # Whoever hears of an event may use the core again: go on until it has nothing more to say.
            while agent.core.outbox or agent.core.events:
                for item in agent.take_outgoing():
                    self._network.send(item)
                for event in agent.take_events():
                    self._guarded("signal", self._deliver, event)
        finally:
            self._pumping = False
        self._schedule(agent.next_at())

    def _running(self) -> UserAgent:
        if self._agent is None:
            raise SipError("the SIP endpoint is not running: start() it first")
        return self._agent

    def _own_uri(self) -> str:
        host, port = self._running().core.address("UDP")
        return f"sip:{self._config.contact_user}@{host}:{port}"

    def _receive(self, data: bytes, source: Peer) -> None:
        agent = self._agent
        if agent is None:
            return
        now = self.now()
        if not self._flood.admit(source.host, now) and not agent.on_list(source):
            return
        self._guarded("message", agent.receive, data, source, now)
        self.pump()

    @staticmethod
    def _guarded(what: str, act: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """The top of everything that comes from outside: one call's trouble must not stop the service."""
        try:
            act(*args, **kwargs)
        except Exception:
            log.exception("sip: a %s could not be handled", what)

    def _failed(self, transaction: Transaction) -> None:
        if self._agent is None:
            return
        # Not at once: the send that failed may stand inside the core's own call.
        asyncio.get_running_loop().call_soon(self._fail_now, transaction)

    def _fail_now(self, transaction: Transaction) -> None:
        if self._agent is not None:
            self.enter()
            self._guarded("send failure", transaction.transport_failed)
            self.pump()

    def _schedule(self, at: float | None) -> None:
        if at is None or (self._timer is not None and self._timer_at <= at):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = asyncio.get_running_loop().call_at(at, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._agent is not None:
            self._guarded("timer", self._agent.tick, self.now())
            self.pump()

    def _deliver(self, event: Incoming | LegEvent | RegistrationChanged) -> None:
        if isinstance(event, Incoming):
            call = self._calls[event.leg] = SipCall(event.leg, self)
            task = asyncio.get_running_loop().create_task(self._drive(call), name=f"sip-call-{call.info.call_id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif isinstance(event, LegEvent):
            known = self._calls.get(event.leg)
            if isinstance(event.event, Ended):
                self._calls.pop(event.leg, None)
            if known is not None:
                known.take(event.event)
        else:
            log.info("sip: %s %s", event.aor, "registered" if event.registered else f"not registered: {event.code}")
            if self.on_registration is not None:
                self.on_registration(event)

    async def _drive(self, call: SipCall) -> None:
        try:
            await self._on_call(call)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("sip: the driver of call %s failed", call.info.call_id)
            await call.bye("driver failed", refuse_with=500)
        finally:
            if call.end is None and self._agent is not None:
                await call.bye()

    async def _until_idle(self, seconds: float) -> None:
        deadline = self.now() + seconds
        for call in list(self._calls.values()):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(deadline):
                    await call.wait_ended()

    async def _until_quiet(self, seconds: float) -> None:
        """Wait for the answers to our last requests."""
        deadline = self.now() + seconds
        while self.now() < deadline and any(open_.waits for open_ in self._running().core.client.values()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # a short wait at the very end; transactions know no asyncio


def _check(text: str) -> str:
    try:
        return parse_uri(text).host
    except ValueError as error:
        raise SipError(str(error)) from None
