"""Webhooks against a real HTTP server: signed, tried again, told once, and never sent where they may not go."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from ivr.desk.packet import Packet, PacketCaller
from ivr.errors import ConfigError
from ivr.store.database import sqlite_url
from ivr.store.models import DeliveryRow
from ivr.store.store import Store
from ivr.store.tickets import NewTicket, Tickets
from ivr.webhook.addresses import AddressRefused, JudgingResolver, is_public
from ivr.webhook.config import WebhookConfig, endpoints
from ivr.webhook.messages import HandedOver, TicketCreated, TicketData, schema, schema_text
from ivr.webhook.sender import Webhooks
from ivr.webhook.signature import read_secret, sign, verify

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


@dataclass
class Receiver:
    """Answers as it was told, and keeps what it got."""

    answers: list[Any] = field(default_factory=list)
    """Statuses, (status, headers), or seconds of silence, in order; then 200 for ever."""
    got: list[tuple[dict[str, str], str]] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.got.append(({name.lower(): value for name, value in request.headers.items()}, await request.text()))
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            answer = 200
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        return web.Response(status=status, headers=headers)


@dataclass
class Scene:
    store: Store
    hooks: Webhooks
    receiver: Receiver
    now: datetime = NOON

    async def round(self, seconds: float = 0.0) -> int:
        """Let time pass, and send what is due."""
        self.now += timedelta(seconds=seconds)
        found = await self.hooks.outbox.take()
        for message in found:
            await self.hooks.send(message)
        return len(found)

    async def tell(self, caller: str = "100") -> None:
        packet = HandedOver(timestamp=self.now, data=make_packet(caller))
        self.hooks.tell("call.handed_over", lambda: packet, call_id="c1", caller=caller)
        await asyncio.gather(*self.hooks._telling)

    async def rows(self) -> list[DeliveryRow]:
        return await self.store.read(lambda session: list(session.query(DeliveryRow)))


def make_packet(number: str = "100") -> Packet:
    return Packet(
        call_id="c1", called="8001", caller=PacketCaller(number=number), queue="cards", reason="asked",
        priority="normal", skills=[], language="zh", intent="账单", summary="", anger=0.0, tried=[], slots=[],
        transcript=[],
    )  # fmt: skip


@asynccontextmanager
async def scene(folder: Path, *answers: Any, **settings: Any) -> AsyncIterator[Scene]:
    receiver = Receiver(list(answers))
    app = web.Application()
    app.router.add_post("/hook", receiver.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    made: list[Scene] = []
    store = Store(sqlite_url(folder / "ivr.db"), folder / "spool", clock=lambda: made[0].now if made else NOON)
    await store.open()
    config = WebhookConfig.model_validate(
        {
            "endpoints": {"crm": {"url": f"http://localhost:{port}/hook", "secret": SECRET}},
            "hosts": ["localhost"], "private": ["localhost"], "timeout_s": 0.3, **settings,
        }
    )  # fmt: skip
    hooks = Webhooks(config, store, lambda: made[0].now.timestamp())
    made.append(Scene(store, hooks, receiver))
    try:
        yield made[0]
    finally:
        await hooks.close()
        await store.close()
        await runner.cleanup()


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(work())


def test_a_message_is_signed_and_fits_the_schema(tmp_path: Path) -> None:
    async def main() -> None:
        async with scene(tmp_path) as s:
            await s.tell()
            assert await s.round() == 1
            headers, body = s.receiver.got[0]
            key = read_secret(SECRET)
            assert verify(key, headers, body, NOON.timestamp() + 10)
            assert not verify(key, headers, body + " ", NOON.timestamp())
            assert not verify(key, headers, body, NOON.timestamp() + 301), "an old message sent again"
            assert not verify(b"x" * 32, headers, body, NOON.timestamp())
            jsonschema.validate(json.loads(body), schema())
            assert json.loads(body)["data"]["intent"] == "账单"
            (row,) = await s.rows()
            assert (row.state, row.status, row.tries, row.id) == ("delivered", 200, 1, headers["webhook-id"])
            assert await s.round(9_999) == 0

    run(main)


def test_signature_of_the_specification() -> None:
    """The example that the Standard Webhooks libraries test themselves with."""
    key = read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    found = sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, '{"test": 2432232314}')
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_failures_are_tried_again_with_longer_pauses_and_the_same_id(tmp_path: Path) -> None:
    async def main() -> None:
        async with scene(tmp_path, 500, (302, {"Location": "http://127.0.0.1:1/"}), 1.0, 404) as s:
            await s.tell()
            waits = []
            for _ in range(5):
                assert await s.round() == 1
                at = await s.hooks.outbox.next_at()
                if at is None:
                    break
                waits.append((at - s.now).total_seconds())
                assert await s.round(waits[-1] - 0.1) == 0, "too early"
                s.now += timedelta(seconds=0.2)
            assert waits == [5, 30, 120, 600]
            assert len({headers["webhook-id"] for headers, _ in s.receiver.got}) == 1
            assert len(s.receiver.got) == 5
            stamps = [int(headers["webhook-timestamp"]) for headers, _ in s.receiver.got]
            assert stamps == sorted(set(stamps)), "each try is signed with its own time"
            (row,) = await s.rows()
            assert (row.state, row.tries) == ("delivered", 5)
            assert s.hooks.retried == 4

    run(main)


def test_what_went_wrong_is_kept(tmp_path: Path) -> None:
    async def main() -> None:
        async with scene(tmp_path, (302, {"Location": "/elsewhere"}), 1.0) as s:
            await s.tell()
            await s.round()
            assert (await s.rows())[0].error == "answered 302: redirections are not followed"
            await s.round(5)
            assert (await s.rows())[0].error == "no answer within 0.3 s"

    run(main)


def test_retry_after_gone_and_giving_up(tmp_path: Path) -> None:
    async def main() -> None:
        async with scene(tmp_path, (503, {"Retry-After": "60"}), 410, *[500] * 50, keep_trying_h=1) as s:
            await s.tell()
            await s.round()
            assert await s.hooks.outbox.next_at() == s.now + timedelta(seconds=60)
            await s.round(60)
            assert [(row.state, row.status) for row in await s.rows()] == [("failed", 410)]
            await s.tell()
            tries = 0
            while (at := await s.hooks.outbox.next_at()) is not None:
                s.now = max(s.now, at)
                tries += await s.round()
            assert 5 <= tries <= 8
            assert {row.state for row in await s.rows()} == {"failed"}

    run(main)


def test_messages_outlive_the_process_and_are_taken_once(tmp_path: Path) -> None:
    async def first() -> None:
        async with scene(tmp_path) as s:
            await s.tell()
            taken = await s.hooks.outbox.take()
            assert len(taken) == 1
            assert await s.hooks.outbox.take() == [], "another node took it too"
            # and now this process dies with the message in its hand

    async def second() -> None:
        async with scene(tmp_path) as s:
            assert await s.round() == 0
            assert await s.round(121) == 1
            (row,) = await s.rows()
            assert row.state == "delivered"
            await s.hooks.outbox.delivered(row.id, 202)  # the first one's answer, late
            assert [(r.status, r.tries) for r in await s.rows()] == [(200, 1)]

    run(first)
    run(second)


def test_the_running_sender_delivers_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with scene(tmp_path) as s:
            s.hooks.start()
            for number in range(30):
                await s.tell(str(number))
            async with asyncio.timeout(10):
                while s.hooks.delivered < 30:  # noqa: ASYNC110 - it has no reason to tell
                    await asyncio.sleep(0.01)
            assert len({headers["webhook-id"] for headers, _ in s.receiver.got}) == 30

    run(main)


def test_tickets_are_told(tmp_path: Path) -> None:
    async def main() -> None:
        async with scene(tmp_path) as s:
            tickets = Tickets(s.store)
            told: list[tuple[str, dict[str, Any]]] = []
            tickets.listeners.append(lambda what, fields: told.append((what, dict(fields))))
            number = await tickets.create(NewTicket(topic="lost card", idempotency_key="k"))
            await tickets.create(NewTicket(topic="lost card", idempotency_key="k"))
            await tickets.change(number, "ann", state="assigned")
            await tickets.change(number, "ann", state="assigned")  # nothing changes
            assert [what for what, _ in told] == ["created", "changed"]
            for _, fields in told:
                data = TicketData.model_validate({name: fields[name] for name in TicketData.model_fields})
                body = TicketCreated(timestamp=NOON, data=data).model_dump_json()
                jsonschema.validate(json.loads(body), schema())

    run(main)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2606:4700::1111", True), ("127.0.0.1", False), ("10.1.2.3", False), ("172.16.0.1", False),
        ("192.168.1.1", False), ("169.254.169.254", False), ("100.64.0.1", False), ("0.0.0.0", False),
        ("224.0.0.1", False), ("255.255.255.255", False), ("240.0.0.1", False), ("::1", False), ("::", False),
        ("fe80::1%eth0", False), ("fd00::1", False), ("::ffff:127.0.0.1", False), ("::ffff:8.8.8.8", True),
        ("64:ff9b::7f00:1", False), ("64:ff9b::808:808", True), ("2002:7f00:1::", False), ("ff02::1", False),
        ("fec0::1", False), ("3fff::1", False), ("64:ff9b:1::7f00:1", False), ("::127.0.0.1", False),
    ],
)  # fmt: skip
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


class Rebinding(JudgingResolver):
    """Public at the first look, loopback at the second."""

    looks = 0

    async def look_up(self, host: str, port: int, family: int) -> list[tuple[int, str]]:
        self.looks += 1
        return [(2, "127.0.0.1" if self.looks > 1 else "203.0.114.9")]


def test_names_are_judged_by_what_is_connected_to() -> None:
    async def main() -> None:
        resolver = Rebinding(private=False)
        assert [found["host"] for found in await resolver.resolve("evil.example", 443)] == ["203.0.114.9"]
        with pytest.raises(AddressRefused, match=r"evil\.example has no public address \(127\.0\.0\.1\)"):
            await resolver.resolve("evil.example", 443)

    run(main)


SPELLINGS = ("2130706433", "0x7f000001", "0177.0.0.1", "127.1")
"""Ways to write 127.0.0.1 that the system's resolver understands; the HTTP client refuses some before we do."""


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("https://internal.example:{port}/hook", "internal.example has no public address (127.0.0.1)"),
        (
            "https://127.0.0.1:{port}/hook",
            "127.0.0.1 is no public address (name it in webhooks.private if it is meant)",
        ),
        ("https://[::1]:{port}/hook", "::1 is no public address (name it in webhooks.private if it is meant)"),
        *((f"https://{host}:{{port}}/hook", host) for host in SPELLINGS),
    ],
)
def test_a_private_address_is_never_asked(tmp_path: Path, url: str, error: str) -> None:
    class Inside(JudgingResolver):
        async def look_up(self, host: str, port: int, family: int) -> list[tuple[int, str]]:
            return [(2, "127.0.0.1")]

    async def main() -> None:
        async with scene(tmp_path) as s:
            port = s.hooks.endpoints["crm"].port
            config = WebhookConfig.model_validate(
                {
                    "endpoints": {"crm": {"url": url.format(port=port), "secret": SECRET}},
                    "hosts": ["internal.example", "127.0.0.1", "::1", *SPELLINGS],
                }
            )
            hooks = Webhooks(config, s.store, resolver=Inside)
            await s.tell()
            (message,) = await hooks.outbox.take()
            await hooks.send(message)
            await hooks.close()
            assert error in (await s.rows())[0].error
            assert s.receiver.got == []

    run(main)


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        ({"url": "https://other.example/x"}, "'other.example' is not among webhooks.hosts (crm.example)"),
        ({"url": "http://crm.example/x"}, "http is only for hosts named in webhooks.private"),
        ({"url": "ftp://crm.example/x"}, "is no https:// address"),
        ({"url": "https://user:pw@crm.example/x"}, "no user or password in the address"),
        ({"url": "https://crm.example:99999/x"}, "webhooks.endpoints.crm.url"),
        ({"secret": "hunter2"}, "secret: a secret begins with whsec_"),
        ({"secret": "whsec_!!"}, "what follows whsec_ is not base64"),
        ({"secret": "whsec_QUJD"}, "24 to 64 bytes are needed, these are 3"),
        ({"secret": "env:NOWHERE"}, "the environment has no 'NOWHERE'"),
    ],
)
def test_endpoints_that_may_not_be(endpoint: dict[str, str], message: str) -> None:
    given_ = {"url": "https://crm.example/x", "secret": SECRET, **endpoint}
    config = WebhookConfig.model_validate({"endpoints": {"crm": given_}, "hosts": ["crm.example"]})
    with pytest.raises(ConfigError) as caught:
        endpoints(config, {})
    assert message in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(config)


@given(st.binary(min_size=24, max_size=64), st.text(max_size=40), st.integers(0, 2**40), st.text(max_size=200))
def test_sign_and_verify(key: bytes, message_id: str, at: int, body: str) -> None:
    given_ = {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": sign(key, message_id, at, body),
    }
    assert verify(key, given_, body, at)
    assert not verify(key, {**given_, "webhook-timestamp": str(at + 1)}, body, at)


def test_the_published_schema_is_this_one() -> None:
    assert (ROOT / "docs" / "webhook.schema.json").read_text(encoding="utf-8") == schema_text()
