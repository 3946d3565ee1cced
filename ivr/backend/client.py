"""The asyncio client behind `call` steps: HTTP with time-outs, retries and idempotency, and Python functions."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import entry_points
from typing import Any, cast

import aiohttp

from ivr.backend.reply import check_reply
from ivr.backend.request import Environment, HttpRequest, build_request
from ivr.dialog.events import JsonValue
from ivr.dialog.schema.action import Action
from ivr.errors import ActionError, ConfigError

_log = logging.getLogger(__name__)

ENTRY_POINTS = "ivr.actions"
MAX_REPLY_BYTES = 1 << 20
"""A larger answer is refused: no dialog needs it, and it would be kept in the call's state."""
_RETRIED = frozenset({429, 502, 503, 504})

Function = Callable[..., Awaitable[Mapping[str, JsonValue]] | Mapping[str, JsonValue]]


class BackendClient:
    """One for a process. `call` answers with the checked result or raises ActionError (timeout, http, data)."""

    def __init__(self, environment: Environment, functions: Mapping[str, Function] | None = None) -> None:
        self._environment = environment
        self._functions = dict(functions or {})
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def call(
        self, name: str, action: Action, args: Mapping[str, JsonValue], *, timeout_ms: int, idempotency_key: str = "",
        context: Mapping[str, JsonValue] | None = None, environment: Environment | None = None,
    ) -> dict[str, JsonValue]:  # fmt: skip
        """Run an action within `timeout_ms`, retries included."""
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                if action.python:
                    reply = await self._run(name, action.python, args, context or {})
                else:
                    request = build_request(name, action, args, environment or self._environment, idempotency_key)
                    reply = await self._request(name, request, self._tries(action, idempotency_key))
        except TimeoutError:
            raise ActionError("timeout", f"action {name}: no answer within {timeout_ms} ms") from None
        except ConfigError as error:
            raise ActionError("http", str(error)) from error
        return check_reply(name, reply, action.returns)

    def _tries(self, action: Action, idempotency_key: str) -> int:
        repeatable = action.http == "GET" or bool(idempotency_key)
        return 1 + (action.retries if repeatable else 0)

    async def _request(self, name: str, request: HttpRequest, tries: int) -> JsonValue:
        for attempt in range(1, tries + 1):
            try:
                return await self._once(name, request)
            except _Retry as failure:
                if attempt == tries:
                    raise ActionError("http", f"action {name}: {failure}") from failure
                _log.warning("action %s: %s; trying again (%d of %d)", name, failure, attempt + 1, tries)
                await asyncio.sleep(0.1 * 2 ** (attempt - 1))
        raise AssertionError("unreachable")

    async def _once(self, name: str, request: HttpRequest) -> JsonValue:
        if self._session is None:
            self._session = aiohttp.ClientSession(headers={"Accept": "application/json", "User-Agent": "ivr"})
        try:
            async with self._session.request(
                request.method, request.url, headers=request.headers, json=request.body, allow_redirects=False
            ) as response:
                if response.status in _RETRIED:
                    raise _Retry(f"HTTP {response.status}")
                if not 200 <= response.status < 300:
                    raise ActionError("http", f"action {name}: HTTP {response.status}")
                return _parse(name, await _read(name, response))
        except aiohttp.ClientError as error:
            raise _Retry(f"{type(error).__name__}: {error}") from error

    async def _run(
        self, name: str, function: str, args: Mapping[str, JsonValue], context: Mapping[str, JsonValue]
    ) -> JsonValue:
        run = self._functions.get(function) or _plug_in(name, function)
        wants_context = "context" in inspect.signature(run).parameters
        extra: dict[str, Any] = {"context": context} if wants_context else {}
        try:
            result = run(**args, **extra)
            if inspect.isawaitable(result):
                result = await result
        except ActionError:
            raise
        except Exception as error:
            _log.exception("action %s failed in %s", name, function)
            raise ActionError("http", f"action {name}: {function} raised {type(error).__name__}: {error}") from error
        return cast("JsonValue", dict(result) if isinstance(result, Mapping) else result)


class _Retry(Exception):
    """A failure that another try may mend."""


async def _read(name: str, response: aiohttp.ClientResponse) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_chunked(65536):
        size += len(part)
        if size > MAX_REPLY_BYTES:
            raise ActionError("data", f"action {name}: the answer is larger than {MAX_REPLY_BYTES} bytes")
        parts.append(part)
    return b"".join(parts)


def _parse(name: str, body: bytes) -> JsonValue:
    if not body.strip():
        return {}
    try:
        return cast("JsonValue", json.loads(body, parse_constant=_no_constant))
    except (ValueError, RecursionError) as error:
        raise ActionError("data", f"action {name}: the answer is not JSON: {error}") from error


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def _plug_in(name: str, function: str) -> Function:
    """A Python action: by entry point of that name, else by import path."""
    for point in entry_points(group=ENTRY_POINTS, name=function):
        return cast("Function", point.load())
    module, _, attribute = function.rpartition(".")
    try:
        return cast("Function", getattr(importlib.import_module(module), attribute))
    except (ImportError, AttributeError, ValueError) as error:
        raise ActionError("http", f"action {name}: cannot load {function}: {error}") from error
