"""baresip, a real phone, calls the endpoint and is called by it (signalling only; media have their own test)."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ivr.transport.sip.call import SipCall
from ivr.transport.sip.config import SipConfig
from ivr.transport.sip.endpoint import SipEndpoint
from ivr.transport.sip.events import EndCause, MediaChanged
from ivr.transport.sip.sdp import LocalMedia

pytestmark = [
    pytest.mark.baresip,
    pytest.mark.skipif(shutil.which("baresip") is None, reason="needs baresip (Debian: apt install baresip-core)"),
]
MODULES = Path("/usr/lib/baresip/modules")
LOCAL = LocalMedia("127.0.0.1", 20000)
CONFIG = """
sip_listen 127.0.0.1:{port}
net_interface 127.0.0.1
module_path {modules}
module g711.so
module g722.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
audio_player aubridge,none
audio_source aubridge,none
audio_alert aubridge,none
module aubridge.so
"""


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Baresip:
    """A phone, steered by its control socket (netstrings of JSON)."""

    def __init__(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.port = port
        self._reader = reader
        self._writer = writer

    async def do(self, command: str, params: str = "") -> None:
        text = f'{{"command":"{command}","params":"{params}"}}'
        self._writer.write(f"{len(text)}:{text},".encode())
        await self._writer.drain()

    def close(self) -> None:
        self._writer.close()


@asynccontextmanager
async def phone(tmp_path: Path, account: str) -> AsyncIterator[Baresip]:
    port, control = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_STREAM)
    (tmp_path / "config").write_text(CONFIG.format(port=port, control=control, modules=MODULES))
    (tmp_path / "accounts").write_text(account + "\n")
    (tmp_path / "contacts").write_text("")
    log = (tmp_path / "log").open("wb")
    process = await asyncio.create_subprocess_exec(
        "baresip", "-f", str(tmp_path), stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
    )
    try:
        for _ in range(100):
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", control)
                break
            except OSError:
                await asyncio.sleep(0.1)
        else:
            raise AssertionError((tmp_path / "log").read_text())
        one = Baresip(port, reader, writer)
        yield one
        one.close()
    finally:
        process.terminate()
        await process.wait()
        log.close()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_baresip_calls_holds_and_hangs_up(tmp_path: Path, transport: str) -> None:
    calls: list[SipCall] = []
    changes: list[bool] = []

    async def driver(call: SipCall) -> None:
        calls.append(call)
        call.on_event = lambda event: changes.append(event.media.on_hold) if isinstance(event, MediaChanged) else None
        call.ring()
        await call.answer(LOCAL)
        await call.wait_ended()

    async def main() -> None:
        endpoint = SipEndpoint(SipConfig(port=0, digest_users={"bob": "secret"}, digest_algorithms=("MD5",)), driver)
        await endpoint.start()
        port = endpoint.addresses[transport.upper()][1]
        account = f"<sip:bob@127.0.0.1:{port};transport={transport}>;auth_user=bob;auth_pass=secret;regint=0"
        async with phone(tmp_path, account) as bare:
            await bare.do("dial", f"sip:hotline@127.0.0.1:{port}")
            await until(lambda: calls and calls[0].state.value == "confirmed")
            assert calls[0].media is not None
            assert calls[0].media.codec.name == "PCMU"
            assert calls[0].info.caller == "bob"
            await bare.do("hold")
            await until(lambda: changes[-1:] == [True])
            await bare.do("resume")
            await until(lambda: changes[-1:] == [False])
            await calls[0].hold()
            await calls[0].resume()
            await bare.do("hangup")
            async with asyncio.timeout(5):
                assert (await calls[0].wait_ended()).cause is EndCause.REMOTE_BYE
        await endpoint.stop()

    asyncio.run(main())


def test_baresip_is_called(tmp_path: Path) -> None:
    async def nobody(call: SipCall) -> None:
        call.reject(403)

    async def main() -> None:
        endpoint = SipEndpoint(SipConfig(port=0), nobody)
        await endpoint.start()
        async with phone(tmp_path, "<sip:agent@127.0.0.1>;regint=0;answermode=auto") as bare:
            call = await endpoint.dial(f"sip:agent@127.0.0.1:{bare.port}", LOCAL, timeout_s=10)
            assert call.media is not None
            assert call.media.codec.name == "PCMU"
            await call.hold()
            await call.resume()
            await call.bye()
        await endpoint.stop()

    asyncio.run(main())


async def until(true: object, seconds: float = 8.0) -> None:
    assert callable(true)
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
