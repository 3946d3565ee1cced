"""The database: opening and migrating it, and running work in threads of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm import Session

from ivr.errors import ConfigError, StoreError

T = TypeVar("T")
_log = logging.getLogger(__name__)
_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_S = 5.0
"""SQLite waits so long for another process's lock."""
_ANSWER_S = 8.0
"""A server that has not answered by then counts as away."""
_HELD_S = 2.0
"""Longest that a row is held by someone who does nothing, and longest wait for one."""
_MIGRATING = 0x697672
"""Key of PostgreSQL's lock for nodes that start at the same time."""


def sqlite_url(path: Path) -> str:
    return URL.create("sqlite", database=str(path)).render_as_string()


class Database:
    """Open it once a process; `run` gives work a session in a transaction of its own."""

    def __init__(self, url: str) -> None:
        """Raises ConfigError for a URL that is none, or whose driver is not installed."""
        self.url = _parse(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        try:
            self._engine = _engine(self.url)
        except ImportError as error:
            raise ConfigError(f"the database {self} needs a driver: {error} (pip install 'ivr[postgres]')") from error
        # SQLite has one writer anyway; one thread keeps our own writes from waiting for each other.
        self._threads = ThreadPoolExecutor(1 if self.is_sqlite else 4, thread_name_prefix="store")

    def __str__(self) -> str:
        return self.url.render_as_string(hide_password=True)

    async def open(self) -> None:
        """Create or migrate the tables. Raises StoreError."""
        await self._in_thread(self._migrate)

    async def close(self) -> None:
        """After the work in hand."""
        stop = asyncio.get_running_loop().run_in_executor(None, lambda: self._threads.shutdown(cancel_futures=False))
        await asyncio.wait([stop], timeout=None if self.is_sqlite else _ANSWER_S)
        self._engine.dispose()

    async def run(self, work: Callable[[Session], T]) -> T:
        """In a thread and a transaction, which is rolled back if it raises. Raises StoreError for what the database
        does; other errors come through."""
        return await self._in_thread(lambda: self._in_session(work))

    def _in_session(self, work: Callable[[Session], T]) -> T:
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            return work(session)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            running = asyncio.get_running_loop().run_in_executor(self._threads, work)
            async with asyncio.timeout(None if self.is_sqlite else _ANSWER_S):
                return await running
        except TimeoutError as error:
            raise StoreError(f"the database {self} does not answer") from error
        except (SQLAlchemyError, OSError) as error:
            raise StoreError(f"the database {self} failed: {_short(error)}") from error
        except RuntimeError as error:
            raise StoreError(f"the database {self} is closed") from error

    def _migrate(self) -> None:
        if self.is_sqlite and self.url.database not in (None, "", ":memory:"):
            path = Path(str(self.url.database))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.chmod(0o600)  # the files of the write-ahead log take its mode over
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        head = ScriptDirectory.from_config(config).get_current_head()
        with self._engine.begin() as connection:
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})
            found = MigrationContext.configure(connection).get_current_revision()
            if found == head:
                return
            _log.info("store: migrating %s from %s to %s", self, found or "nothing", head)
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise StoreError(
                    f"the database {self} is at revision {found}, which this version does not know: "
                    "it was written by a newer one"
                ) from error


def _parse(url: str) -> URL:
    try:
        found = make_url(url)
        if found.drivername in ("postgresql", "postgres"):
            found = found.set(drivername="postgresql+psycopg")
        found.get_dialect()
    except (ArgumentError, NoSuchModuleError) as error:
        raise ConfigError(f"not a database URL: {url[:80]!r} (sqlite:///path or postgresql+psycopg://...)") from error
    except ImportError as error:
        raise ConfigError(f"the database {url[:80]!r} needs a driver: {error}") from error
    return found


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        # A node that hangs, or is cut off, with a transaction open must not hold a row of the shared floor for long.
        times = {
            "statement_timeout": _ANSWER_S,
            "idle_in_transaction_session_timeout": _HELD_S,
            "lock_timeout": _HELD_S,
        }
        options = " ".join(f"-c {name}={int(seconds * 1000)}" for name, seconds in times.items())
        limits = {"connect_timeout": 3, "options": options}
        return create_engine(url, pool_pre_ping=True, pool_size=4, max_overflow=4, connect_args=limits)
    engine = create_engine(url, connect_args={"timeout": _BUSY_S})
    event.listen(engine, "connect", _set_up_sqlite)
    return engine


def _set_up_sqlite(connection: Any, record: object) -> None:
    """A write-ahead log, so that readers do not wait; NORMAL loses nothing when only the process dies. What is deleted
    is overwritten: who is to be forgotten must not stay in free pages."""
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _short(error: BaseException) -> str:
    text = str(getattr(error, "orig", None) or error)
    return text.splitlines()[0][:200] if text else type(error).__name__
