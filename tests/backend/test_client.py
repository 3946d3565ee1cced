"""The backend client against a real server that hangs, lies and breaks."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ivr.backend.client import MAX_REPLY_BYTES, BackendClient
from ivr.backend.reply import check_reply
from ivr.backend.request import Environment, build_request
from ivr.dialog.schema.action import Action
from ivr.errors import ActionError, ConfigError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[tuple[BackendClient, Environment]]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    environment = Environment({"API": f"http://127.0.0.1:{port}", "IVR_SECRET_BANK": "s3cret"})
    client = BackendClient(environment)
    try:
        yield client, environment
    finally:
        await client.close()
        await runner.cleanup()


def action(**fields: Any) -> Action:
    return Action.model_validate({"http": "GET", "url": "${API}/x", "returns": {"name": "text"}} | fields)


def run(handler: Handler, act: Action, args: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    async def go() -> dict[str, Any]:
        async with serving(handler) as (client, _):
            return await client.call("find", act, args or {}, **({"timeout_ms": 2000} | options))

    return asyncio.run(go())


def test_arguments_are_quoted_into_the_address_and_extra_fields_dropped() -> None:
    seen: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.raw_path)
        return web.json_response({"name": "Ann", "more": 1})

    act = action(url="${API}/callers/{{ phone }}?v={{ v }}")
    assert run(handler, act, {"phone": "../+86/1?x", "v": "a&b"}) == {"name": "Ann"}
    assert seen == ["/callers/..%2F%2B86%2F1%3Fx?v=a%26b"]


def test_post_sends_arguments_secret_and_idempotency_key() -> None:
    seen: dict[str, Any] = {}

    async def handler(request: web.Request) -> web.Response:
        seen.update(
            body=await request.json(), auth=request.headers["Authorization"], key=request.headers["Idempotency-Key"]
        )
        return web.json_response({"name": "ok"})

    run(handler, action(http="POST", auth="bank"), {"last4": "4412"}, idempotency_key="c1-2")
    assert seen == {"body": {"last4": "4412"}, "auth": "Bearer s3cret", "key": "c1-2"}


def test_a_backend_that_hangs_is_a_timeout() -> None:
    async def handler(request: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    with pytest.raises(ActionError, match=r"action find: no answer within 100 ms") as caught:
        run(handler, action(), timeout_ms=100)
    assert caught.value.kind == "timeout"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>", "the answer is not JSON"),
        (b"[1]", "the answer is a list, not an object"),
        (b'{"name": 5}', "field 'name' is a number, not text"),
        (b"{}", "the answer has no field 'name'"),
        (b'{"name": NaN}', "NaN is not JSON"),
        (b'{"name": "\\ud800"}', "field 'name' holds half a surrogate pair, which is not JSON"),
        (b"[" * 100_000, "the answer is not JSON"),
        (b'{"name": "' + b"x" * MAX_REPLY_BYTES + b'"}', "larger than"),
        (b"\xff\xfe\x00", "the answer is not JSON"),
    ],
)
def test_rubbish_is_a_data_error(body: bytes, reason: str) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=body)

    with pytest.raises(ActionError, match=reason) as caught:
        run(handler, action())
    assert caught.value.kind == "data"


def test_a_read_is_tried_again_and_a_write_only_with_a_key() -> None:
    calls = 0

    async def handler(request: web.Request) -> web.Response:
        nonlocal calls
        calls += 1
        return web.json_response({"name": "late"}) if calls % 3 == 0 else web.Response(status=503)

    assert run(handler, action(retries=2)) == {"name": "late"}
    assert calls == 3
    with pytest.raises(ActionError, match="HTTP 503"):
        run(handler, action(http="POST", idempotency="k", retries=2))
    assert calls == 4
    run(handler, action(http="POST", idempotency="k", retries=2), idempotency_key="k")
    assert calls == 6


def test_errors_and_redirects_are_http_errors() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=500) if "x" in request.path else web.Response(status=302, headers={"Location": "/x"})

    for url, status in (("${API}/x", 500), ("${API}/moved", 302)):
        with pytest.raises(ActionError, match=f"action find: HTTP {status}") as caught:
            run(handler, action(url=url))
        assert caught.value.kind == "http"


def test_nobody_listens() -> None:
    async def go() -> None:
        client = BackendClient(Environment({"API": "http://127.0.0.1:9"}))
        try:
            await client.call("find", action(), {}, timeout_ms=2000)
        finally:
            await client.close()

    with pytest.raises(ActionError, match="action find: ClientConnector"):
        asyncio.run(go())


def test_python_actions_get_arguments_and_context() -> None:
    async def create(phone: str, context: dict[str, Any]) -> dict[str, Any]:
        return {"number": f"{phone}/{context['call_id']}"}

    def broken() -> dict[str, Any]:
        raise KeyError("x")

    async def go(name: str, args: dict[str, Any]) -> dict[str, Any]:
        client = BackendClient(Environment({}), {"acme.create": create, "acme.broken": broken})
        act = Action.model_validate({"python": name, "returns": {"number": "text"}})
        return await client.call("create", act, args, timeout_ms=500, context={"call_id": "c9"})

    assert asyncio.run(go("acme.create", {"phone": "1"})) == {"number": "1/c9"}
    with pytest.raises(ActionError, match=r"acme.broken raised KeyError"):
        asyncio.run(go("acme.broken", {}))
    with pytest.raises(ActionError, match=r"cannot load acme.missing"):
        asyncio.run(go("acme.missing", {}))


def test_secrets_of_the_process_come_from_its_variables_or_a_folder_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `ivr serve`, `chat` and `test` use: no setting is needed where a container mounts its secrets."""
    monkeypatch.setenv("IVR_SECRETS", str(tmp_path))
    (tmp_path / "bank").write_text("of-the-file\n")
    assert Environment().secret("bank", "action a") == "of-the-file"
    monkeypatch.setenv("IVR_SECRET_BANK", "of-the-variable")
    assert Environment().secret("bank", "action a") == "of-the-variable"
    (tmp_path / "card").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"action a: the secret's file .*card cannot be read"):
        Environment().secret("card", "action a")
    (tmp_path / "two").write_text("line one\nX-Admin: 1")
    with pytest.raises(ConfigError, match="does not hold one line of text"):
        Environment().secret("two", "action a")
    with pytest.raises(ConfigError, match="secret 'none' is missing; set IVR_SECRET_NONE or a file"):
        Environment().secret("none", "action a")


def test_the_host_never_comes_from_an_argument() -> None:
    environment = Environment({})
    for url in ("http://{{ host }}/x", "{{ url }}", "ftp://a/b", "/x", "http://bank.example{{ x }}"):
        with pytest.raises(ConfigError, match="url"):
            build_request("a", action(url=url), {"host": "evil", "url": "http://evil", "x": ".evil"}, environment, "")


def test_headers_take_no_line_breaks_and_missing_settings_are_named(tmp_path: Path) -> None:
    environment = Environment({"API": "http://a"}, secrets_folder=tmp_path)
    with pytest.raises(ActionError, match="header X-A would hold a line break"):
        build_request("a", action(headers={"X-A": "{{ v }}"}), {"v": "1\r\nX-B: 2"}, environment, "")
    with pytest.raises(ConfigError, match="action a: environment variable NOPE is not set"):
        build_request("a", action(url="${NOPE}/x"), {}, environment, "")
    with pytest.raises(ConfigError, match=r"secret 'bank' is missing; set IVR_SECRET_BANK or a file"):
        build_request("a", action(auth="bank"), {}, environment, "")
    (tmp_path / "bank").write_text("from-file\n")
    assert build_request("a", action(auth="bank"), {}, environment, "").headers["Authorization"] == "Bearer from-file"
    assert build_request("a", action(url="${B:-http://b}/x"), {}, environment, "").url == "http://b/x"


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        (float("inf"), "inf"), ([1, {"a": float("nan")}], "nan"), ({"a": {1, 2}}, "a set"), (b"x", "a bytes"),
        ({"\udcff": 1}, "half a surrogate pair"),
    ],
)  # fmt: skip
def test_what_is_not_json_is_a_data_error(value: Any, holds: str) -> None:
    """Journals are JSON in UTF-8, and calls replay from them. `1e999` is read as infinity, functions give anything."""
    with pytest.raises(ActionError, match=f"field 'x' holds {holds}, which is not JSON") as caught:
        check_reply("a", {"x": value}, {"x": "any"})
    assert caught.value.kind == "data"


def test_a_function_that_returns_no_object() -> None:
    with pytest.raises(ActionError, match="the answer is a date, not an object"):
        check_reply("a", datetime.date(2026, 1, 1), {"x": "date"})  # type: ignore[arg-type]
    deep: Any = []
    for _ in range(50):
        deep = [deep]
    with pytest.raises(ActionError, match="more than 40 levels"):
        check_reply("a", {"x": deep}, {"x": "list"})
