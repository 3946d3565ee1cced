"""Sends what is in the outbox, until it has arrived or is given up.

An answer of 2xx is arrival. A redirection is a failure: it could lead anywhere. 410 means that nobody wants it any
more. All else, and silence, is tried again with longer and longer pauses (`ivr.webhook.outbox.BACK_OFF_S`), or after
the time that the receiver asks for. Each try carries the same id, by which a receiver knows a message that came twice.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from datetime import timedelta

import aiohttp
from pydantic import BaseModel

from ivr import __version__
from ivr.errors import IvrError, StoreError
from ivr.store.store import Store
from ivr.webhook.addresses import AddressRefused, JudgingResolver, check_literal
from ivr.webhook.config import Endpoint, WebhookConfig, endpoints
from ivr.webhook.outbox import Outbox, Pending
from ivr.webhook.signature import headers

_log = logging.getLogger(__name__)
IDLE_S = 5.0
"""The outbox is looked at this often at least, for messages of other nodes that died."""
AT_ONCE = 8
LONGEST_RETRY_AFTER_S = 3600.0
_GONE = 410


class Webhooks:
    """One for a process. Without endpoints it does nothing. Raises ConfigError for endpoints that may not be."""

    def __init__(
        self,
        config: WebhookConfig,
        store: Store,
        wall_clock: Callable[[], float] = time.time,
        resolver: Callable[[bool], JudgingResolver] = JudgingResolver,
    ) -> None:
        self._config, self._store, self._wall_clock, self._resolver = config, store, wall_clock, resolver
        self.endpoints: Mapping[str, Endpoint] = endpoints(config)
        self.outbox = Outbox(store, timedelta(hours=config.keep_trying_h))
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._task: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        self._telling: set[asyncio.Task[None]] = set()
        self.delivered = self.failed = self.retried = 0
        """Since the start, for the metrics."""

    def start(self) -> None:
        if self.endpoints:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="webhooks")

    async def close(self) -> None:
        """Messages that were not sent stay in the outbox."""
        await asyncio.gather(*self._telling, return_exceptions=True)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for session in self._sessions.values():
            await session.close()

    def tell(self, event: str, make: Callable[[], BaseModel], *, call_id: str = "", caller: str = "") -> None:
        """Put a message for each endpoint that wants this event; returns at once, raises nothing."""
        wanted = [endpoint.name for endpoint in self.endpoints.values() if event in endpoint.events]
        if not wanted:
            return
        task = asyncio.get_running_loop().create_task(self._put(wanted, event, make, call_id, caller))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _put(
        self, wanted: list[str], event: str, make: Callable[[], BaseModel], call_id: str, caller: str
    ) -> None:
        try:
            body = make().model_dump_json()
            for name in wanted:
                await self.outbox.put(name, event, body, call_id=call_id, caller=caller)
        except (IvrError, ValueError) as error:
            _log.error("webhook %s for call %s is lost: %s", event, call_id or "-", error)
        self._woken.set()

    # -- sending

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                found = await self.outbox.take()
                for start in range(0, len(found), AT_ONCE):
                    await asyncio.gather(*(self.send(message) for message in found[start : start + AT_ONCE]))
                if found:
                    continue
            except StoreError as error:
                _log.warning("webhooks: %s", error)
            try:
                async with asyncio.timeout(IDLE_S):
                    await self._woken.wait()
            except TimeoutError:
                pass

    async def send(self, message: Pending) -> None:
        """One try. Raises StoreError when its outcome cannot be written: it is then sent again, with the same id."""
        endpoint = self.endpoints.get(message.endpoint)
        if endpoint is None:
            await self.outbox.failed(message, 0, "no endpoint of that name any more", None, final=True)
            return
        status, error, wait_s = await self._post(endpoint, message)
        if 200 <= status < 300:
            self.delivered += 1
            await self.outbox.delivered(message.id, status)
            return
        final = status == _GONE
        self.failed += final
        self.retried += not final
        _log.warning("webhook %s to %s: %s", message.id, endpoint.name, error)
        await self.outbox.failed(message, status, error, wait_s, final=final)

    async def _post(self, endpoint: Endpoint, message: Pending) -> tuple[int, str, float | None]:
        """Status (0 = no answer), what went wrong, and how long the receiver wants to be left alone."""
        signed = headers(endpoint.key, message.id, int(self._wall_clock()), message.body)
        try:
            check_literal(endpoint.host, endpoint.private)
            session = self._session(endpoint.private)
            async with session.post(
                endpoint.url, data=message.body.encode(), headers=signed, allow_redirects=False
            ) as answer:
                problem = f"answered {answer.status}"
                if 300 <= answer.status < 400:
                    problem += ": redirections are not followed"
                return answer.status, problem, _retry_after(answer.headers.get("Retry-After", ""))
        except AddressRefused as error:
            return 0, str(error), None
        except TimeoutError:
            return 0, f"no answer within {self._config.timeout_s:g} s", None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return 0, f"{type(error).__name__}: {error}", None

    def _session(self, private: bool) -> aiohttp.ClientSession:
        """One kind for hosts whose private addresses are allowed, one for all others. No proxy of the
        environment's is used: it would look names up itself."""
        if private not in self._sessions:
            connector = aiohttp.TCPConnector(resolver=self._resolver(private), use_dns_cache=False, force_close=True)
            self._sessions[private] = aiohttp.ClientSession(
                connector=connector, timeout=aiohttp.ClientTimeout(total=self._config.timeout_s), trust_env=False,
                headers={"User-Agent": f"ivr/{__version__}"}, cookie_jar=aiohttp.DummyCookieJar(),
            )  # fmt: skip
        return self._sessions[private]


def _retry_after(text: str) -> float | None:
    """Seconds; dates are not worth the trouble. RFC 9110 section 10.2.3."""
    return min(float(text), LONGEST_RETRY_AFTER_S) if text.isascii() and text.isdigit() and len(text) < 10 else None
