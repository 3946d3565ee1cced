"""Liveness, readiness and the figures of a running service, for load balancers and people at 3 a.m."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from aiohttp import web

from ivr.telemetry.metrics import CONTENT_TYPE


class Status(Protocol):
    """What the service tells of itself."""

    def ready(self) -> str:
        """Why no call can be taken now; empty = all is well."""

    def metrics(self) -> bytes:
        """All figures, as Prometheus reads them."""


def add_routes(app: web.Application, status: Status) -> None:
    """`/healthz`, `/readyz` and `/metrics`: for programs on this machine, so nobody signs in for them."""

    async def healthz(request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def readyz(request: web.Request) -> web.Response:
        reason = status.ready()
        return web.json_response({"ready": not reason, "reason": reason}, status=503 if reason else 200)

    async def metrics(request: web.Request) -> web.Response:
        return web.Response(body=status.metrics(), headers={"Content-Type": CONTENT_TYPE})

    routes: dict[str, Callable[[web.Request], object]] = {
        "/healthz": healthz, "/readyz": readyz, "/metrics": metrics,
    }  # fmt: skip
    for path, handler in routes.items():
        app.router.add_get(path, handler)  # type: ignore[arg-type]
