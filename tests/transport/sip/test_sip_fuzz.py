"""Damaged messages in the middle of calls: the core neither raises nor keeps anything it should not."""

from __future__ import annotations

import random
from typing import Any

import pytest

from ivr.transport.sip.events import Incoming
from ivr.transport.sip.message import Peer
from ivr.transport.sip.sdp import LocalMedia

A, B = "192.0.2.1", "192.0.2.2"
LOCAL = LocalMedia(A, 30000)
WORDS = [
    b"Require: 100rel", b"Replaces: a;to-tag=b;from-tag=c", b"Session-Expires: x", b"Refer-To: <sip:x@y?Replaces=%00>",
    b"Event: refer", b"Subscription-State: terminated", b"Contact: *", b"Contact: <tel:1>", b"Record-Route: <sip:a;lr>",
    b"Content-Type: application/dtmf", b"Authorization: Digest a=\"", b"To: <sip:x>;tag=", b"RAck: 1 1 INVITE",
    b"Retry-After: 9e9", b"Min-SE: -1", b"Allow: ,", b"Reason: SIP;cause=abc", b"Expires: 99999999999999",
]  # fmt: skip
METHODS = [
    b"INVITE",
    b"ACK",
    b"BYE",
    b"CANCEL",
    b"UPDATE",
    b"INFO",
    b"REFER",
    b"NOTIFY",
    b"PRACK",
    b"OPTIONS",
    b"REGISTER",
]


def damaged(data: bytes, source: random.Random) -> bytes:
    """One of: a swapped method, an added header, flipped bytes, a cut, another number."""
    kind = source.randrange(5)
    if kind == 0:
        return data.replace(data.split(b" ")[0], source.choice(METHODS))
    if kind == 1:
        return data.replace(b"\r\nCSeq", b"\r\n" + source.choice(WORDS) + b"\r\nCSeq", 1)
    if kind == 2:
        at = source.randrange(len(data))
        return data[:at] + source.randbytes(source.randrange(4)) + data[at + source.randrange(4) :]
    if kind == 3:
        return data[: source.randrange(len(data))] + b"\r\n\r\n"
    digit = str(source.randrange(10)).encode()
    at = source.choice([index for index, byte in enumerate(data) if chr(byte).isdigit()])
    return data[:at] + digit + data[at + 1 :]


@pytest.mark.parametrize("seed", range(60))
def test_damage_in_mid_call(net: Any, auto_answer: Any, seed: int) -> None:
    source = random.Random(seed)
    network = net()
    caller = network.agent(A, seed, accept_refer=True)
    called = network.agent(B, seed + 1, auto_answer(network), accept_refer=True)
    legs = [caller.dial(f"sip:x@{B}", f"sip:y@{A}", LOCAL, network.now) for _ in range(3)]
    network.run(1)
    legs[0].transfer.refer("sip:z@192.0.2.3", None, lambda outcome: None)
    legs[1].reoffer.refresh()
    network.run(1)
    for _, data in list(network.log):
        for _ in range(4):
            target, origin = source.choice([(called, A), (caller, B)])
            target.receive(damaged(data, source), Peer("UDP", origin, 5060), network.now)
        network.run(source.choice([0.0, 0.3, 5.0]))
    network.run(100)
    for leg in [*legs, *(event.leg for event in network.of(called, Incoming))]:
        leg.bye()
    network.run(4000)
    for agent in (caller, called):
        for leg in list(agent.core.legs.values()):
            assert leg.state.value in ("ringing", "calling"), leg.state
        assert len(agent.core.server) == len([leg for leg in agent.core.legs.values() if leg.state.value == "ringing"])
