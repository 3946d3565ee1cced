"""News that other nodes have changed the shared floor: PostgreSQL tells (LISTEN/NOTIFY), others are looked at."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from sqlalchemy.engine import URL

from ivr.store.cluster import CHANNEL

_log = logging.getLogger(__name__)
AGAIN_S = 1.0
"""After a lost connection."""


async def listen(url: URL, node: str, on_news: Callable[[], None]) -> None:
    """Call `on_news` whenever another node has told something; until cancelled. A lost connection is made anew, and
    counts as news, as anything may have happened meanwhile."""
    import psycopg

    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    while True:
        try:
            connection = await psycopg.AsyncConnection.connect(address, autocommit=True, connect_timeout=3)
            async with connection:
                await connection.execute(f"LISTEN {CHANNEL}".encode())
                on_news()
                async for message in connection.notifies():
                    if message.payload != node:
                        on_news()
        except (psycopg.Error, OSError) as error:
            _log.warning("store: no news from the database: %s", str(error).splitlines()[0] if str(error) else error)
        await asyncio.sleep(AGAIN_S)
