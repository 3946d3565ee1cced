"""A raw SIP peer over real sockets that shares no code with `ivr`, and an in-memory network with jumped time."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from ivr.transport.sip.agent import UserAgent
from ivr.transport.sip.call import SipCall
from ivr.transport.sip.config import SipConfig
from ivr.transport.sip.core import AgentSettings
from ivr.transport.sip.endpoint import SipEndpoint
from ivr.transport.sip.events import Incoming, LegEvent
from ivr.transport.sip.message import Peer
from ivr.transport.sip.sdp import LocalMedia
from ivr.transport.sip.transaction import Timings

FAST = Timings(t1=0.05, t2=0.4, t4=0.5, d=3.2)
OFFER = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 6000 RTP/AVP 8 0 96\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
)
LOCAL = LocalMedia("127.0.0.1", 20000)


@dataclass
class Msg:
    """A message read with nothing but string methods."""

    start: str
    headers: dict[str, list[str]]
    body: str
    raw: bytes

    @classmethod
    def of(cls, data: bytes) -> Msg:
        head, _, body = data.decode().partition("\r\n\r\n")
        start, *lines = head.split("\r\n")
        headers: dict[str, list[str]] = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers.setdefault(name.strip().lower(), []).append(value.strip())
        return cls(start, headers, body, data)

    def __getitem__(self, name: str) -> str:
        return self.headers.get(name.lower(), [""])[0]

    @property
    def code(self) -> int:
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0") else 0

    @property
    def method(self) -> str:
        return "" if self.code else self.start.split()[0]

    @property
    def to_tag(self) -> str:
        return self["To"].partition(";tag=")[2]

    @property
    def target(self) -> str:
        return self["Contact"].partition("<")[2].partition(">")[0]


class RawPeer:
    """A caller on one socket. Its requests are made from text; nothing is repeated unless a test does so."""

    _numbers = itertools.count(1)

    def __init__(self, transport: str = "UDP") -> None:
        self.transport = transport
        self.inbox: asyncio.Queue[bytes] = asyncio.Queue()
        self.number = next(self._numbers)
        self.call_id = f"call-{self.number}@test"
        self.tag = f"tag{self.number}"
        self.branches = itertools.count(1)
        self.closed = asyncio.Event()
        self._io: Any = None
        self._buffer = b""

    async def open(self, address: tuple[str, int]) -> RawPeer:
        loop = asyncio.get_running_loop()
        self.address = address
        peer = self

        class Io(asyncio.Protocol, asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: Any) -> None:
                peer.inbox.put_nowait(data)

            def data_received(self, data: bytes) -> None:
                peer._buffer += data
                peer._cut()

            def connection_lost(self, exc: Exception | None) -> None:
                peer.closed.set()

        if self.transport == "UDP":
            self._io, _ = await loop.create_datagram_endpoint(Io, remote_addr=address)
        else:
            self._io, _ = await loop.create_connection(Io, *address)
        self.host, self.port = self._io.get_extra_info("sockname")[:2]
        return self

    def _cut(self) -> None:
        while self._buffer:
            if self._buffer.startswith(b"\r\n"):
                self.inbox.put_nowait(self._buffer[:2])
                self._buffer = self._buffer[2:]
                continue
            head, gap, rest = self._buffer.partition(b"\r\n\r\n")
            if not gap:
                return
            length = int(Msg.of(head + gap)["content-length"] or 0)
            if len(rest) < length:
                return
            self.inbox.put_nowait(head + gap + rest[:length])
            self._buffer = rest[length:]

    def close(self) -> None:
        self._io.close()

    def send(self, data: str | bytes) -> None:
        data = data.encode() if isinstance(data, str) else data
        if self.transport == "UDP":
            self._io.sendto(data)
        else:
            self._io.write(data)

    def branch(self) -> str:
        return f"z9hG4bK-{self.number}-{next(self.branches)}"

    def request(
        self, method: str, *headers: str, cseq: int = 1, to_tag: str = "", branch: str = "", body: str = "",
        kind: str = "application/sdp", uri: str = "", from_tag: str | None = None, via: str = "", rport: bool = True,
        cseq_method: str = "", length: str = "",
    ) -> str:  # fmt: skip
        via = via or (
            f"SIP/2.0/{self.transport} {self.host}:{self.port};branch={branch or self.branch()}{';rport' * rport}"
        )
        lines = [
            f"{method} {uri or 'sip:hotline@127.0.0.1'} SIP/2.0",
            f"Via: {via}",
            "Max-Forwards: 70",
            f"From: <sip:+4930123456@127.0.0.1>;tag={self.tag if from_tag is None else from_tag}",
            f"To: <sip:hotline@127.0.0.1>{';tag=' + to_tag if to_tag else ''}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq} {cseq_method or method}",
            f"Contact: <sip:caller@{self.host}:{self.port};transport={self.transport.lower()}>",
            *headers,
        ]
        if body:
            lines.append(f"Content-Type: {kind}")
        lines.append(f"Content-Length: {length or len(body)}")
        return "\r\n".join(lines) + "\r\n\r\n" + body

    def invite(self, *headers: str, **options: Any) -> str:
        return self.request("INVITE", *headers, **{"body": OFFER, **options})

    async def any(self, within: float = 3.0) -> Msg:
        async with asyncio.timeout(within):
            return Msg.of(await self.inbox.get())

    async def expect(self, what: int | str, within: float = 3.0) -> Msg:
        """The next message, skipping 100 and 180 unless asked for; its code or method must be `what`."""
        while True:
            try:
                message = await self.any(within)
            except TimeoutError:
                raise AssertionError(f"expected {what}, got nothing for {within} s") from None
            if message.code in (100, 180) and what != message.code:
                continue
            assert (message.code or message.method) == what, message.raw.decode()
            return message

    async def silence(self, seconds: float = 0.15) -> None:
        try:
            message = await self.any(seconds)
        except TimeoutError:
            return
        raise AssertionError(f"expected nothing, got {message.start}")

    def ok(self, request: Msg, *headers: str, code: str = "200 OK", body: str = "", tag: str = "") -> None:
        """Answer a request of the endpoint."""
        lines = [f"SIP/2.0 {code}"]
        lines += [f"Via: {value}" for value in request.headers["via"]]
        to = request["To"] + (f";tag={tag}" if tag and not request.to_tag else "")
        lines += [f"From: {request['From']}", f"To: {to}", f"Call-ID: {request['Call-ID']}", f"CSeq: {request['CSeq']}"]
        lines += [*headers]
        if body:
            lines.append("Content-Type: application/sdp")
        self.send("\r\n".join([*lines, f"Content-Length: {len(body)}"]) + "\r\n\r\n" + body)

    async def call(self, *headers: str, **options: Any) -> Msg:
        """INVITE, 200, ACK; the 200."""
        self.send(self.invite(*headers, **options))
        answer = await self.expect(200)
        self.ack(answer)
        return answer

    def ack(self, answer: Msg, body: str = "") -> None:
        cseq = int(answer["CSeq"].split()[0])
        self.send(self.request("ACK", cseq=cseq, to_tag=answer.to_tag, uri=answer.target, body=body))


@dataclass
class Lab:
    """An endpoint with a driver that answers, and the peers that call it."""

    endpoint: SipEndpoint
    calls: list[SipCall]
    peers: list[RawPeer] = field(default_factory=list)

    async def peer(self, transport: str = "UDP") -> RawPeer:
        peer = await RawPeer(transport).open(self.endpoint.addresses[transport])
        self.peers.append(peer)
        return peer

    async def until(self, true: Callable[[], Any], within: float = 3.0) -> None:
        async with asyncio.timeout(within):
            while not true():  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    @property
    def core(self) -> Any:
        assert self.endpoint._agent is not None
        return self.endpoint._agent.core


Scenario = Callable[[Lab], Awaitable[None]]


async def answering(call: SipCall) -> None:
    """The driver most tests want: ring, answer, stay until the end."""
    call.ring()
    await call.answer(LOCAL)
    await call.wait_ended()


def run_lab(scenario: Scenario, driver: Callable[[SipCall], Awaitable[None]] = answering, **config: Any) -> None:
    """Run a scenario against an endpoint on 127.0.0.1. Afterwards no call may be left."""

    async def main() -> None:
        calls: list[SipCall] = []

        async def on_call(call: SipCall) -> None:
            calls.append(call)
            await driver(call)

        endpoint = SipEndpoint(SipConfig(port=0, timings=FAST, **config), on_call)
        await endpoint.start()
        lab = Lab(endpoint, calls)
        try:
            async with asyncio.timeout(60):
                await scenario(lab)
        finally:
            for peer in lab.peers:
                peer.close()
            await endpoint.stop(goodbye_s=0.05)

    asyncio.run(main())


class Net:
    """Cores joined by an in-memory network with a virtual clock. `fate` says for each datagram after how many seconds
    copies of it arrive (an empty list loses it)."""

    def __init__(self, fate: Callable[[], list[float]] = lambda: [0.001]) -> None:
        self.now = 1000.0
        self.fate = fate
        self.agents: dict[tuple[str, int], UserAgent] = {}
        self.drivers: dict[UserAgent, Callable[[Any], None]] = {}
        self.log: list[tuple[float, bytes]] = []
        self.events: list[tuple[UserAgent, Any]] = []
        self._queue: list[tuple[float, int, tuple[str, int], Peer, bytes]] = []
        self._serial = itertools.count()

    def agent(
        self, host: str, seed: int = 1, driver: Callable[[Any], None] | None = None, **settings: Any
    ) -> UserAgent:
        source = random.Random(seed)
        agent = UserAgent(
            AgentSettings(addresses={"UDP": (host, 5060)}, **settings),
            lambda digits: "".join(source.choice("0123456789abcdef") for _ in range(digits)),
            source.random,
        )
        self.agents[host, 5060] = agent
        self.drivers[agent] = driver or (lambda event: None)
        return agent

    def flush(self) -> None:
        """Send what the agents want sent, tell the drivers, until all are quiet."""
        busy = True
        while busy:
            busy = False
            for (host, port), agent in self.agents.items():
                for outgoing in agent.take_outgoing():
                    busy = True
                    self.log.append((self.now, outgoing.data))
                    to = (outgoing.peer.host, outgoing.peer.port)
                    for delay in self.fate():
                        entry = (self.now + delay, next(self._serial), to, Peer("UDP", host, port), outgoing.data)
                        heapq.heappush(self._queue, entry)
                for event in agent.take_events():
                    busy = True
                    self.events.append((agent, event))
                    self.drivers[agent](event)

    def run(self, seconds: float) -> None:
        """Let time pass, jumping from event to event."""
        end = self.now + seconds
        self.flush()
        while True:
            times = [self._queue[0][0]] if self._queue else []
            times += [at for agent in self.agents.values() if (at := agent.next_at()) is not None]
            if not times or min(times) > end:
                break
            self.now = max(self.now, min(times))
            while self._queue and self._queue[0][0] <= self.now:
                _, _, to, source, data = heapq.heappop(self._queue)
                if to in self.agents:
                    self.agents[to].receive(data, source, self.now)
            for agent in self.agents.values():
                agent.tick(self.now)
            self.flush()
        self.now = end
        for agent in self.agents.values():
            agent.at(end)

    def of(self, agent: UserAgent, kind: type) -> list[Any]:
        """Events of a kind: of legs their inner event."""
        inner = [event.event if isinstance(event, LegEvent) else event for who, event in self.events if who is agent]
        return [event for event in inner if isinstance(event, kind)]

    def sent(self, start: str) -> list[float]:
        """When messages with this start were sent."""
        return [at for at, data in self.log if data.startswith(start.encode())]


def answers_calls(net: Net) -> Callable[[Any], None]:
    """A driver for `Net` that answers each call at once."""

    def driver(event: Any) -> None:
        if isinstance(event, Incoming):
            event.leg.ring()
            event.leg.answer(LOCAL)

    return driver


@pytest.fixture
def lab() -> Callable[..., None]:
    return run_lab


@pytest.fixture
def net() -> type[Net]:
    return Net


@pytest.fixture
def auto_answer() -> Callable[[Net], Callable[[Any], None]]:
    return answers_calls


@pytest.fixture
def offer() -> str:
    return OFFER
