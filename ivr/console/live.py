"""What of a running service changes without a restart: its bundles and the ops overlay."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aiohttp import web

from ivr.dialog.events import JsonValue

Report = Callable[[], Mapping[str, JsonValue]]


def add_live_routes(app: web.Application, bundles: Report, overlay: Report) -> None:
    """`/api/bundles` and `/api/overlay`."""

    def give(report: Report) -> Callable[[web.Request], object]:
        async def handler(request: web.Request) -> web.Response:
            return web.json_response(dict(report()))

        return handler

    app.router.add_get("/api/bundles", give(bundles))  # type: ignore[arg-type]
    app.router.add_get("/api/overlay", give(overlay))  # type: ignore[arg-type]
