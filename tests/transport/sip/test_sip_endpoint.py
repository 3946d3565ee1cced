"""The shell: streams, floods, access, outbound calls, TLS, stopping."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ivr.errors import ConfigError, SdpError, SipError
from ivr.transport.sip.auth import Credentials, DigestUser
from ivr.transport.sip.call import CallFailed, SipCall
from ivr.transport.sip.config import SipConfig
from ivr.transport.sip.endpoint import SipEndpoint
from ivr.transport.sip.events import EndCause, MediaChanged, Progress, RegistrationChanged
from ivr.transport.sip.limits import FloodGuard
from ivr.transport.sip.sdp import Codec, Direction, LocalMedia
from ivr.transport.sip.transaction import Timings

LOCAL = LocalMedia("127.0.0.1", 20000)
FAST = Timings(t1=0.05, t2=0.4, t4=0.5, d=3.2)


async def answering(call: SipCall) -> None:
    call.ring()
    await call.answer(LOCAL)
    await call.wait_ended()


def test_stream_of_pieces_and_packs(lab: Any) -> None:
    """RFC 3261 18.3: byte by byte, and three messages in one segment."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer("TCP")
        for byte in peer.request("OPTIONS").encode():
            peer.send(bytes([byte]))
            await asyncio.sleep(0)
        await peer.expect(200)
        peer.send("".join(peer.request("OPTIONS", cseq=number) for number in (2, 3, 4)))
        assert [(await peer.expect(200))["CSeq"] for _ in range(3)] == ["2 OPTIONS", "3 OPTIONS", "4 OPTIONS"]

    lab(scenario)


def test_keep_alive_on_a_stream(lab: Any) -> None:
    """RFC 5626 3.5.1: CRLFCRLF gets CRLF."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer("TCP")
        peer.send("\r\n\r\n" + peer.request("OPTIONS") + "\r\n\r\n")
        assert await peer.inbox.get() == b"\r\n"
        await peer.expect(200)
        assert await peer.inbox.get() == b"\r\n"

    lab(scenario)


def test_datagram_keep_alive_is_ignored(lab: Any) -> None:
    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        for data in (b"\r\n\r\n", b"\0", b"", b"jaK"):
            peer.send(data)
        await peer.silence()

    lab(scenario)


@pytest.mark.parametrize("data", [b"x" * 70_000, b"OPTIONS a SIP/2.0\r\nContent-Length: -1\r\n\r\n"])
def test_broken_stream_is_closed_and_the_service_stays(lab: Any, data: bytes) -> None:
    async def scenario(lab: Any) -> None:
        peer = await lab.peer("TCP")
        peer.send(data)
        async with asyncio.timeout(3):
            await peer.closed.wait()
        other = await lab.peer("TCP")
        other.send(other.request("OPTIONS"))
        await other.expect(200)

    lab(scenario)


def test_malformed_message_gets_400(lab: Any) -> None:
    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        peer.send(peer.request("OPTIONS", cseq_method="INVITE"))
        answer = await peer.expect(400)
        assert answer.start == "SIP/2.0 400 Bad Request - CSeq method INVITE differs from request method OPTIONS"
        peer.send(b"OPTIONS sip:x SIP/2.0\r\nVia: nonsense\r\n\r\n")
        await peer.silence()

    lab(scenario)


def test_noise_never_ends_the_service(lab: Any) -> None:
    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        good = peer.invite().encode()
        for number in range(400):
            noise = os.urandom(8)
            at = number * 7 % len(good)
            peer.send(good[:at] + noise + good[at + number % 11 :])
        await asyncio.sleep(0.3)
        other = await lab.peer()
        other.send(other.request("OPTIONS"))
        await other.expect(200)

    lab(scenario)


def test_requests_use_the_callers_connection(lab: Any) -> None:
    """RFC 5923: our BYE comes over the TCP connection of the INVITE, though the Contact is not reachable."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer("TCP")
        answer = await peer.call()
        await lab.until(lambda: lab.calls[0].state.value == "confirmed")
        await lab.calls[0].bye()
        peer.ok(await peer.expect("BYE"))
        assert answer.code == 200

    lab(scenario)


def test_allow_list(lab: Any) -> None:
    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        peer.send(peer.invite())
        await peer.expect(403)
        peer.send(peer.request("OPTIONS", cseq=2))
        await peer.expect(200)

    lab(scenario, allow=("192.0.2.0/24", "2001:db8::/32"))
    lab(lambda lab: _calls(lab), allow=("127.0.0.0/8",), digest_users={"x": "y"})


async def _calls(lab: Any) -> None:
    await (await lab.peer()).call()


def test_digest_challenge(lab: Any) -> None:
    """RFC 3261 22.2: 401 with a challenge an algorithm; a wrong password is challenged again."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        peer.send(peer.invite())
        answer = await peer.expect(401)
        assert [value.split("algorithm=")[1] for value in answer.headers["www-authenticate"]] == ["SHA-256", "MD5"]
        assert lab.calls == []

    lab(scenario, digest_users={"bob": "pw"})


def test_flood_limit(lab: Any) -> None:
    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        for number in range(50):
            peer.send(peer.request("OPTIONS", cseq=number + 1))
        await asyncio.sleep(0.2)
        assert 10 <= peer.inbox.qsize() < 20
        assert lab.endpoint.flood_refused > 30

    lab(scenario, flood_rate=10, flood_burst=10)


def test_flood_guard() -> None:
    guard = FloodGuard(2, 4)
    assert [guard.admit("a", 0) for _ in range(6)] == [True] * 4 + [False] * 2
    assert guard.admit("b", 0)
    assert [guard.admit("a", 1) for _ in range(3)] == [True, True, False]
    assert guard.refused == 3
    for number in range(10_050):
        guard.admit(str(number), 2)
    assert len(guard._buckets) == 10_000


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"port": 70000}, "sip.port: 70000 is no port"),
        ({"udp": False, "tcp": False}, "sip: udp, tcp and tls are all off; nobody could call"),
        ({"host": "0.0.0.0"}, "sip.advertised_host: needed when sip.host is 0.0.0.0, peers must know an address"),
        ({"min_se": 30}, "sip.min_se: 30 is below 90 s (RFC 4028)"),
        ({"session_expires": 80}, "sip.session_expires: 80 is below sip.min_se 90"),
        ({"max_calls": 0}, "sip.max_calls: 0 must be 1 or more"),
        ({"allow": ("10.0.0.1/8",)}, "sip.allow: 10.0.0.1/8 has host bits set"),
        ({"digest_algorithms": ("SHA-1",)}, "sip.digest_algorithms: ['SHA-1']; known are SHA-256, MD5"),
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SipConfig(**settings)
    assert str(caught.value) == reason


def test_port_in_use(lab: Any) -> None:
    async def scenario(lab: Any) -> None:
        port = lab.endpoint.addresses["UDP"][1]
        with pytest.raises(SipError, match=f"cannot bind 127.0.0.1 port {port}: "):
            await SipEndpoint(SipConfig(port=port), answering).start()

    lab(scenario)


def test_not_running() -> None:
    async def main() -> None:
        with pytest.raises(SipError, match="the SIP endpoint is not running"):
            await SipEndpoint(SipConfig(), answering).dial("sip:a@b", LOCAL)

    asyncio.run(main())


async def caller(**settings: Any) -> SipEndpoint:
    endpoint = SipEndpoint(SipConfig(port=0, timings=FAST, **settings), answering)
    await endpoint.start()
    return endpoint


def uri(lab: Any, transport: str = "UDP", host: str = "127.0.0.1") -> str:
    return f"sip:hotline@{host}:{lab.endpoint.addresses[transport][1]};transport={transport.lower()}"


@pytest.mark.parametrize(
    ("transport", "host"), [("UDP", "127.0.0.1"), ("TCP", "127.0.0.1"), ("UDP", "localhost"), ("TCP", "localhost")]
)
def test_two_endpoints(lab: Any, transport: str, host: str) -> None:
    """Dial, hold, resume, moved media, hang up: both ends ours, over real sockets, by name too."""

    async def scenario(lab: Any) -> None:
        out = await caller()
        progress: list[Progress] = []
        call = await out.dial(
            uri(lab, transport, host),
            LOCAL,
            from_uri="sip:+4930@caller",
            headers=[("X-Ticket", "7")],
            on_progress=progress.append,
        )
        await lab.until(lambda: lab.calls[0].state.value == "confirmed")
        assert [event.code for event in progress] == [180]
        assert (lab.calls[0].info.caller, lab.calls[0].info.headers["X-Ticket"]) == ("+4930", "7")
        held = await call.hold()
        assert held.direction is Direction.SENDONLY
        assert await next_of(lab.calls[0], MediaChanged)
        assert lab.calls[0].media.on_hold
        assert call.media is not None
        await asyncio.gather(call.resume(), lab.calls[0].hold())  # they cross: 491, a pause, and both come through
        assert (call.media.direction, lab.calls[0].media.direction) == (Direction.RECVONLY, Direction.SENDONLY)
        await call.bye("done")
        end = await lab.calls[0].wait_ended()
        assert (end.cause, end.code, end.text) == (EndCause.REMOTE_BYE, 200, 'SIP;cause=200;text="done"')
        await out.stop()

    lab(scenario)


async def next_of(call: SipCall, kind: type) -> Any:
    async with asyncio.timeout(3):
        while True:
            event = await call.next_event()
            if isinstance(event, kind):
                return event


def test_ipv6(lab: Any) -> None:
    """Brackets where the grammar wants them, none in `received` and in SDP."""
    if not has_ipv6():
        pytest.skip("needs IPv6 on the loopback interface")

    async def scenario(lab: Any) -> None:
        for transport in ("UDP", "TCP"):
            out = await caller(host="::1")
            port = lab.endpoint.addresses[transport][1]
            call = await out.dial(f"sip:a@[::1]:{port};transport={transport}", LocalMedia("::1", 20000))
            assert call.media is not None
            await call.hold()
            await lab.calls[-1].bye()
            assert (await call.wait_ended()).cause is EndCause.REMOTE_BYE
            await out.stop()

    lab(scenario, host="::1")


def has_ipv6() -> bool:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
    return True


def test_dial_with_password(lab: Any) -> None:
    async def scenario(lab: Any) -> None:
        out = await caller()
        with pytest.raises(CallFailed) as caught:
            await out.dial(uri(lab), LOCAL, credentials=Credentials("bob", "wrong"))
        assert (caught.value.code, caught.value.cause) == (401, EndCause.REJECTED)
        call = await out.dial(uri(lab), LOCAL, credentials=Credentials("bob", "pw"))
        await call.bye()
        await out.stop()

    lab(scenario, digest_users={"bob": DigestUser("pw")})


def test_dial_that_fails(lab: Any) -> None:
    async def busy(call: SipCall) -> None:
        call.reject(486, "In a meeting", [("Retry-After", "60")])

    async def scenario(lab: Any) -> None:
        out = await caller()
        with pytest.raises(CallFailed, match="ended: In a meeting") as caught:
            await out.dial(uri(lab), LOCAL)
        assert caught.value.code == 486
        for target, code in (
            ("sip:x@127.0.0.1:9;transport=tcp", 503),
            ("sip:x@nowhere.invalid", 503),
            ("sip:x@127.0.0.1:9", 408),
        ):
            with pytest.raises(CallFailed) as caught:
                await out.dial(target, LOCAL)
            assert caught.value.code == code
        for bad in ("nonsense", "sip:a b@c", "sip:x@y\r\nEvil: 1"):
            with pytest.raises(SipError, match="not a URI"):
                await out.dial(bad, LOCAL)
        assert out.calls == 0
        await out.stop()

    lab(scenario, busy)


def test_dial_nobody_answers(lab: Any) -> None:
    async def ringing(call: SipCall) -> None:
        call.ring()
        await call.wait_ended()

    async def scenario(lab: Any) -> None:
        out = await caller()
        with pytest.raises(CallFailed, match="nobody answered in time") as caught:
            await out.dial(uri(lab), LOCAL, timeout_s=0.2)
        assert caught.value.code == 408
        dialling = asyncio.ensure_future(out.dial(uri(lab), LOCAL))
        await lab.until(lambda: len(lab.calls) == 2)
        dialling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dialling
        assert [(await call.wait_ended()).cause for call in lab.calls] == [EndCause.CANCELLED] * 2
        await out.stop()

    lab(scenario, ringing)


def test_big_invite_goes_over_tcp(lab: Any) -> None:
    """RFC 3261 18.1.1: over 1300 bytes TCP is tried, and UDP again where there is none."""

    async def scenario(lab: Any) -> None:
        out = await caller()
        headers = [("X-Long", "x" * 1500)]
        port = lab.endpoint.addresses["UDP"][1]
        call = await out.dial(f"sip:a@127.0.0.1:{port}", LOCAL, headers=headers)
        assert lab.calls[0]._leg.source.transport == "TCP"
        await call.bye()
        await out.stop()

    lab(scenario)


def test_big_invite_falls_back_to_udp(lab: Any) -> None:
    async def scenario(lab: Any) -> None:
        out = await caller()
        port = lab.endpoint.addresses["UDP"][1]
        call = await out.dial(f"sip:a@127.0.0.1:{port}", LOCAL, headers=[("X-Long", "x" * 1500)])
        assert lab.calls[0]._leg.source.transport == "UDP"
        await call.bye()
        await out.stop()

    lab(scenario, tcp=False)


def test_answer_without_common_codec(lab: Any) -> None:
    errors: list[str] = []

    async def opus(call: SipCall) -> None:
        with pytest.raises(SdpError) as caught:
            await call.answer(LocalMedia("127.0.0.1", 20000, (Codec("OPUS", 111, 48000, 2),)))
        errors.append(str(caught.value))

    async def scenario(lab: Any) -> None:
        out = await caller()
        with pytest.raises(CallFailed) as caught:
            await out.dial(uri(lab), LOCAL)
        assert caught.value.code == 488
        await out.stop()

    lab(scenario, opus)
    assert errors == ["SDP has no codec of ours (OPUS): PCMU, PCMA, G722, telephone-event"]


def test_wrong_use_is_explained(lab: Any) -> None:
    async def scenario(lab: Any) -> None:
        out = await caller()
        call = await out.dial(uri(lab), LOCAL)
        with pytest.raises(SipError, match="is one that we made: it cannot be answered or rejected"):
            call.ring()
        with pytest.raises(SipError, match="is confirmed: too late for 180 Ringing"):
            lab.calls[0].ring()
        with pytest.raises(SipError, match="a call is refused with 300 to 699, not 200"):
            lab.calls[0].reject(200)
        with pytest.raises(SipError, match="holds a line break"):
            lab.calls[0].reject(302, "", [("Contact", "<sip:x@y>\r\nEvil: 1")])
        with pytest.raises(SipError, match="refer needs a target or a call to replace"):
            await call.refer()
        await call.bye()
        await call.bye()
        await out.stop()

    lab(scenario)


def test_register_at_a_registrar(lab: Any) -> None:
    """A raw peer plays the registrar."""

    async def scenario(lab: Any) -> None:
        registrar = await lab.peer()
        heard: list[RegistrationChanged] = []
        lab.endpoint.on_registration = heard.append
        lab.endpoint.register(f"sip:127.0.0.1:{registrar.port}", "bot", "pw", expires=120)
        first = await registrar.expect("REGISTER")
        registrar.ok(
            first, 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"', code="401 Unauthorized", tag="x"
        )
        second = await registrar.expect("REGISTER")
        assert 'username="bot"' in second["Authorization"]
        assert second["Call-ID"] == first["Call-ID"]
        registrar.ok(second, f"Contact: {second['Contact']};expires=60", tag="x")
        await lab.until(lambda: heard)
        assert (heard[0].registered, heard[0].expires, heard[0].aor) == (True, 60, "sip:bot@127.0.0.1")

    lab(scenario)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key, made by openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl program to make a certificate")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    command = [
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(path), "-out", str(path) + ".crt",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    path.write_text(path.read_text() + Path(str(path) + ".crt").read_text())
    return path


def test_tls(lab: Any, certificate: Path) -> None:
    """A call over TLS with a verified certificate; an unverified one is a 503."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    client = ssl.create_default_context(cafile=str(certificate) + ".crt")

    async def scenario(lab: Any) -> None:
        trusting = await caller(tls=server, tls_port=0, tls_client=client)
        target = f"sips:hotline@127.0.0.1:{lab.endpoint.addresses['TLS'][1]}"
        call = await trusting.dial(target, LOCAL)
        assert lab.calls[0]._leg.source.transport == "TLS"
        await call.bye()
        await lab.calls[0].wait_ended()
        careful = await caller()
        with pytest.raises(CallFailed) as caught:
            await careful.dial(target, LOCAL)
        assert caught.value.code == 503
        await trusting.stop()
        await careful.stop()

    lab(scenario, tls=server, tls_port=0)


def test_stop_hangs_up(lab: Any) -> None:
    async def scenario(lab: Any) -> None:
        out = await caller()
        call = await out.dial(uri(lab), LOCAL)
        await lab.endpoint.stop()
        end = await call.wait_ended()
        assert (end.cause, end.text) == (EndCause.REMOTE_BYE, 'SIP;cause=200;text="service is stopping"')
        await out.stop()

    lab(scenario)


def test_attended_transfer_end_to_end(lab: Any) -> None:
    """Bot, caller and agent are three endpoints; the caller's driver follows the REFER."""

    outs: list[SipEndpoint] = []

    async def scenario(lab: Any) -> None:
        agent_calls: list[SipCall] = []

        async def at_agent(call: SipCall) -> None:
            agent_calls.append(call)
            await answering(call)

        agent = SipEndpoint(SipConfig(port=0, timings=FAST), at_agent)
        await agent.start()
        bot = await caller()
        to_caller = await bot.dial(uri(lab), LOCAL)
        to_agent = await bot.dial(f"sip:agent@127.0.0.1:{agent.addresses['UDP'][1]}", LOCAL)
        referring = asyncio.ensure_future(to_caller.refer(replaces=to_agent))
        await lab.until(lambda: len(agent_calls) == 2)
        assert agent_calls[1].replaces
        outcome = await referring
        assert (outcome.status.value, outcome.code) == ("accepted", 200)
        await agent_calls[0].wait_ended()
        assert agent_calls[1].end is None
        for endpoint in (bot, agent, *outs):
            await endpoint.stop()

    async def follows_refer(call: SipCall) -> None:
        await call.answer(LOCAL)
        while call.end is None:
            event = await call.next_event()
            if type(event).__name__ == "TransferRequested":
                out = await caller()
                await out.dial(event.target, LOCAL, headers=[("Replaces", event.replaces)])  # type: ignore[union-attr]
                outs.append(out)
                call.notify(200)
                await call.wait_ended()

    lab(scenario, follows_refer, accept_refer=True)
