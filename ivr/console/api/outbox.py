"""Messages on their way to a page that may be slow."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from ivr.console.api.events import TOO_SLOW


class Outbox:
    """One socket's. `tell` never waits; who is `most` messages behind is cut off, connects again and gets all anew."""

    def __init__(self, socket: web.WebSocketResponse, most: int) -> None:
        self._socket = socket
        self._waiting: asyncio.Queue[str | None] = asyncio.Queue(most)

    def tell(self, message: dict[str, Any]) -> None:
        try:
            self._waiting.put_nowait(json.dumps(message, ensure_ascii=False))
        except asyncio.QueueFull:
            while not self._waiting.empty():
                self._waiting.get_nowait()
            self._waiting.put_nowait(None)

    async def run(self) -> None:
        """Send until the socket is closed."""
        while (text := await self._waiting.get()) is not None:
            await self._socket.send_str(text)
        await self._socket.close(code=TOO_SLOW, message=b"too slow")


def read_object(text: str) -> dict[str, Any]:
    """A message of the page; what is no JSON object is an empty one."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
