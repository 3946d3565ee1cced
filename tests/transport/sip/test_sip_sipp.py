"""SIPp, an independent implementation, calls the endpoint and is called by it. One scenario file a case."""

from __future__ import annotations

import asyncio
import resource
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from ivr.transport.sip.call import CallFailed, SipCall
from ivr.transport.sip.config import SipConfig
from ivr.transport.sip.endpoint import SipEndpoint
from ivr.transport.sip.events import EndCause, Key, MediaChanged
from ivr.transport.sip.sdp import LocalMedia

pytestmark = [
    pytest.mark.sipp,
    pytest.mark.skipif(shutil.which("sipp") is None, reason="needs SIPp (Debian: apt install sip-tester)"),
]
SCENARIOS = Path(__file__).parent / "scenarios"
LOCAL = LocalMedia("127.0.0.1", 20000)
TRANSPORTS = pytest.mark.parametrize("transport", ["UDP", "TCP"])


async def sipp(tmp_path: Path, scenario: str, *arguments: str) -> None:
    """Run a scenario; fails with SIPp's own complaint."""
    process = await asyncio.create_subprocess_exec(
        "sipp", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", "127.0.0.1", "-nostdin", "-timeout", "30",
        "-timeout_error", "-trace_err", "-error_file", str(tmp_path / "errors.log"), *arguments,
        cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    errors = tmp_path / "errors.log"
    assert process.returncode == 0, (errors.read_text() if errors.exists() else "") + output.decode()[-2000:]


def run(
    tmp_path: Path, scenario: str, driver: Any, *arguments: str, transport: str = "UDP", **config: Any
) -> SipEndpoint:
    """SIPp plays `scenario` against an endpoint whose calls `driver` handles; afterwards nothing may be left."""

    async def main() -> SipEndpoint:
        endpoint = SipEndpoint(SipConfig(port=0, **config), driver)
        await endpoint.start()
        host, port = endpoint.addresses[transport]
        how = ("-t", "t1" if transport == "TCP" else "u1", *(arguments or ("-m", "1")))
        try:
            await sipp(tmp_path, scenario, *how, f"{host}:{port}")
            assert endpoint._agent is not None
            assert endpoint._agent.core.legs == {}
            assert endpoint.calls == 0
        finally:
            await endpoint.stop()
        return endpoint

    return asyncio.run(main())


async def answering(call: SipCall) -> None:
    call.ring()
    await call.answer(LOCAL)
    await call.wait_ended()


@TRANSPORTS
@pytest.mark.parametrize("scenario", ["basic_call", "options", "session_refresh", "offerless"])
def test_scenario(tmp_path: Path, scenario: str, transport: str) -> None:
    run(tmp_path, scenario, answering, transport=transport)


@TRANSPORTS
def test_cancel(tmp_path: Path, transport: str) -> None:
    ends = []

    async def ringing(call: SipCall) -> None:
        call.ring()
        ends.append((await call.wait_ended()).cause)

    run(tmp_path, "cancel", ringing, transport=transport)
    assert ends == [EndCause.CANCELLED]


@TRANSPORTS
def test_hold(tmp_path: Path, transport: str) -> None:
    seen: list[bool] = []

    async def driver(call: SipCall) -> None:
        call.on_event = lambda event: seen.append(event.media.on_hold) if isinstance(event, MediaChanged) else None
        await answering(call)

    run(tmp_path, "reinvite_hold", driver, transport=transport)
    assert seen == [True, False, True]


@TRANSPORTS
@pytest.mark.parametrize(("scenario", "status", "code"), [("refer", "accepted", 200), ("refer_fails", "rejected", 486)])
def test_refer(tmp_path: Path, transport: str, scenario: str, status: str, code: int) -> None:
    outcomes = []

    async def driver(call: SipCall) -> None:
        await call.answer(LOCAL)
        outcomes.append(await call.refer("sip:agent@192.0.2.55"))
        await call.wait_ended()

    run(tmp_path, scenario, driver, transport=transport)
    assert [(outcome.status.value, outcome.code) for outcome in outcomes] == [(status, code)]


def test_password(tmp_path: Path) -> None:
    """In MD5, the only algorithm that SIPp 3.6 has."""
    run(tmp_path, "bad_auth_then_good", answering, digest_users={"bob": "secret"}, digest_algorithms=("MD5",))


def test_keys_by_info(tmp_path: Path) -> None:
    keys: list[str] = []

    async def driver(call: SipCall) -> None:
        call.on_event = lambda event: keys.append(event.digit.digit) if isinstance(event, Key) else None
        await answering(call)

    run(tmp_path, "info_dtmf", driver)
    assert keys == ["5", "#"]


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@TRANSPORTS
def test_we_call(tmp_path: Path, transport: str) -> None:
    async def main() -> None:
        port = free_port()
        flag = "t1" if transport == "TCP" else "u1"
        phone = asyncio.ensure_future(sipp(tmp_path, "agent_answers", "-t", flag, "-p", str(port), "-m", "1"))
        await asyncio.sleep(0.5)
        endpoint = SipEndpoint(SipConfig(port=0), answering)
        await endpoint.start()
        call = await endpoint.dial(f"sip:agent@127.0.0.1:{port};transport={transport.lower()}", LOCAL)
        assert call.media is not None
        assert (call.media.codec.name, call.media.telephone_event) == ("PCMU", 101)
        await call.bye()
        await phone
        await endpoint.stop()

    asyncio.run(main())


def test_we_call_a_busy_phone(tmp_path: Path) -> None:
    async def main() -> None:
        port = free_port()
        phone = asyncio.ensure_future(sipp(tmp_path, "agent_busy", "-p", str(port), "-m", "1"))
        await asyncio.sleep(0.5)
        endpoint = SipEndpoint(SipConfig(port=0), answering)
        await endpoint.start()
        with pytest.raises(CallFailed) as caught:
            await endpoint.dial(f"sip:agent@127.0.0.1:{port}", LOCAL)
        assert caught.value.code == 486
        await phone
        await endpoint.stop()

    asyncio.run(main())


def test_a_hundred_calls_a_second(tmp_path: Path) -> None:
    """500 calls set up and cleared at 100 a second: none lost, and in a small part of a core."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    run(tmp_path, "basic_call", answering, "-m", "500", "-r", "100", "-l", "300")
    after = resource.getrusage(resource.RUSAGE_SELF)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent / 500 < 0.006  # a bound for slow machines; docs/sip.md has what was measured
