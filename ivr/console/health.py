"""Liveness, readiness and the figures of a running service, for load balancers and people at 3 a.m."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from aiohttp import web


class Status(Protocol):
    """What the service tells of itself."""

    def ready(self) -> str:
        """Why no call can be taken now; empty = all is well."""

    def figures(self) -> Mapping[str, float]:
        """Name -> number of this moment; names are Prometheus's without the `ivr_`."""


_HELP = {
    "calls": "Calls in progress.",
    "calls_total": "Calls answered since the start.",
    "recognition_waiting_ms": "Age of the oldest recognition work that nobody has begun.",
    "prompts_left": "Fixed prompts not yet rendered; -1 before the count is known.",
    "synthesis_backlog": "Clauses that wait to be synthesised.",
    "recorder_backlog": "Pieces of recordings not yet written.",
    "recorder_failures_total": "Recordings given up (disk full or broken).",
    "tick_late_p99_ms": "Lateness of the media clock's ticks, 99th percentile.",
    "tick_late_max_ms": "Largest lateness of the media clock's ticks.",
    "worker_restarts_total": "Engine processes that had to be replaced.",
}


def add_routes(app: web.Application, status: Status) -> None:
    """`/healthz`, `/readyz` and `/metrics`: for programs on this machine, so nobody signs in for them."""

    async def healthz(request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def readyz(request: web.Request) -> web.Response:
        reason = status.ready()
        return web.json_response({"ready": not reason, "reason": reason}, status=503 if reason else 200)

    async def metrics(request: web.Request) -> web.Response:
        return web.Response(text=prometheus(status.figures()), headers={"Content-Type": "text/plain; version=0.0.4"})

    routes: dict[str, Callable[[web.Request], object]] = {
        "/healthz": healthz, "/readyz": readyz, "/metrics": metrics,
    }  # fmt: skip
    for path, handler in routes.items():
        app.router.add_get(path, handler)  # type: ignore[arg-type]


def prometheus(figures: Mapping[str, float]) -> str:
    """The text exposition format of Prometheus."""
    lines: list[str] = []
    for name, value in figures.items():
        kind = "counter" if name.endswith("_total") else "gauge"
        lines += [f"# HELP ivr_{name} {_HELP.get(name, name)}", f"# TYPE ivr_{name} {kind}", f"ivr_{name} {value:g}"]
    return "\n".join(lines) + "\n"
