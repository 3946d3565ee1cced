"""What the example backends share: an HTTP app with answers in JSON, remembered commits, and faults on request.

A backend derives from `Backend`, names its `routes`, and calls `serve`. What can go wrong can be asked for: header
`X-Fault: hang|rubbish|500|slow`, query `?fault=...`, the same for every request of a path by `--fault /orders=hang`,
and by calling from a number that ends in 0500 (500), 0408 (hang) or 0666 (rubbish). `GET /log` shows what was asked.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import itertools
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from aiohttp import web

Answer: TypeAlias = Callable[[web.Request], Awaitable[dict[str, Any]]]
Route: TypeAlias = tuple[str, str, Answer]

HANG_S = 60.0
SLOW_S = 2.0
BY_NUMBER = {"0500": "500", "0408": "hang", "0666": "rubbish"}


class Backend:
    """One handler a path. A handler that raises KeyError or ValueError has been asked something wrong (400)."""

    def __init__(self, faults: dict[str, str] | None = None) -> None:
        self.faults = faults or {}
        self.log: list[dict[str, Any]] = []
        self._numbers = itertools.count(7001)
        self._done: dict[str, dict[str, Any]] = {}

    def routes(self) -> Sequence[Route]:
        raise NotImplementedError

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._middleware])
        routes = [("GET", "/health", self.health), ("GET", "/log", self.show_log), *self.routes()]
        app.add_routes([web.route(method, path, self._answering(answer)) for method, path, answer in routes])
        return app

    def _answering(self, answer: Answer) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """The same idempotency key gets the same answer, and nothing is done twice."""

        async def handle(request: web.Request) -> web.StreamResponse:
            key = request.headers.get("Idempotency-Key", "")
            if not key or key not in self._done:
                try:
                    result = await answer(request)
                except (KeyError, ValueError) as error:
                    return web.json_response({"error": f"bad request: {error}"}, status=400)
                if not key:
                    return web.json_response(result)
                self._done[key] = result
            return web.json_response(self._done[key])

        return handle

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            body = await json_body(request)
        except ValueError:
            return web.json_response({"error": "the body is not JSON"}, status=400)
        self.log.append({"method": request.method, "path": request.path, "body": body})
        broken = await self._fault(request, body)
        if broken is not None:
            return broken
        response: web.StreamResponse = await handler(request)
        return response

    async def _fault(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse | None:
        number = str(body.get("phone") or request.query.get("phone") or request.match_info.get("phone") or "")
        wanted = (
            request.headers.get("X-Fault")
            or request.query.get("fault")
            or self.faults.get(request.path)
            or BY_NUMBER.get(number[-4:], "")
        )
        if wanted == "500":
            return web.json_response({"error": "out of order"}, status=500)
        if wanted == "rubbish":
            return web.Response(text="<html>not what you asked for", content_type="text/html")
        if wanted == "hang":
            await asyncio.sleep(HANG_S)
        if wanted == "slow":
            await asyncio.sleep(SLOW_S)
        return None

    # -- answers every backend has

    async def health(self, request: web.Request) -> dict[str, Any]:
        return {"ok": True}

    async def show_log(self, request: web.Request) -> dict[str, Any]:
        return {"requests": self.log}

    async def numbered(self, request: web.Request) -> dict[str, Any]:
        """Traces, tickets, disputes: filed under a number."""
        return {"number": str(next(self._numbers))}


async def json_body(request: web.Request) -> dict[str, Any]:
    """The request's body; empty where it has none. Raises ValueError when it is not JSON."""
    raw = await request.read()
    body = json.loads(raw) if raw else {}
    return body if isinstance(body, dict) else {}


def days_ago(days: int) -> str:
    """ISO date; counted from today, so that `yesterday` is always right."""
    return (dt.date.today() - dt.timedelta(days=days)).isoformat()


def digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def national(phone: str) -> str:
    """A Chinese number with or without its country code, as the national one; others as digits."""
    wanted = digits(phone)
    return wanted.removeprefix("86") if len(wanted) > 11 else wanted


def serve(backend: Callable[[dict[str, str]], Backend], description: str, port: int) -> None:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=port)
    parser.add_argument("--fault", action="append", default=[], metavar="PATH=MODE", help="hang, rubbish, 500 or slow")
    args = parser.parse_args()
    faults = dict(fault.split("=", 1) for fault in args.fault)
    web.run_app(backend(faults).app(), host=args.host, port=args.port)
