"""Schemathesis over the OpenAPI document: whatever fits the description, or nearly, is answered and never with a 500.

A fixed seed, and few examples an endpoint, so that it takes a minute; raise IVR_FUZZ_EXAMPLES to search longer.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings

from ivr.store.tickets import NewTicket
from tests.console.lab import PASSWORD, open_console, recorded

EXAMPLES = int(os.environ.get("IVR_FUZZ_EXAMPLES", "6"))
SKIPPED = frozenset({"/api/events", "/api/calls/{id}/sound", "/api/desk/phone", "/api/chat"})
"""WebSockets."""
LAST = frozenset({("DELETE", "/api/session"), ("DELETE", "/api/users/{name}"), ("POST", "/api/session")})
"""They end the session, or are slow by design (argon2)."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A console in a thread, with a call that ann has, a ticket and users."""
    started, stop = threading.Event(), asyncio.Event()
    found: dict[str, Any] = {}

    async def serve() -> None:
        async with open_console(folder) as lab:
            found["loop"] = asyncio.get_running_loop()
            await lab.user("adam", "admin")
            await lab.row("call-1", agent="adam", **recorded(folder / "calls" / "1"))
            call = lab.call("call-1")
            lab.hand_over(call)
            await lab.answered(call)
            await lab.console.tickets.create(NewTicket(topic="x"))
            found["url"] = str(lab.server.make_url("/")).rstrip("/")
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(30)
    try:
        yield found["url"]
    finally:
        found["loop"].call_soon_threadsafe(stop.set)
        thread.join(30)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_no_request_makes_the_service_fail(tmp_path: Path) -> None:
    with serving(tmp_path) as url, requests.Session() as session:
        session.headers["User-Agent"] = "fuzz"
        signed = session.post(f"{url}/api/session", json={"name": "adam", "password": PASSWORD}, timeout=30).json()
        session.headers["X-CSRF-Token"] = signed["csrf"]
        document = session.get(f"{url}/api/openapi.json", timeout=30).json()
        schema = schemathesis.openapi.from_dict(document)
        failed: list[str] = []
        tried = 0
        for result in schema.get_all_operations():
            operation = result.ok()
            if operation.path in SKIPPED or (operation.method.upper(), operation.path) in LAST:
                continue
            tried += 1
            failed += fuzz(operation, url, session)
        assert tried > 30
        assert not failed, "\n".join(failed)


def fuzz(operation: Any, url: str, session: requests.Session) -> list[str]:
    failed: list[str] = []

    @seed(20261122)
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, verbosity=Verbosity.quiet,
        phases=(Phase.explicit, Phase.generate), suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        response = case.call(base_url=url, session=session, timeout=30)
        if response.status_code >= 500:
            failed.append(f"{operation.method.upper()} {operation.path}: {response.status_code} {case.body!r:.200}")

    ask()
    return failed
