"""Every timer of RFC 3261 table 4, on a clock that the test moves."""

from __future__ import annotations

from typing import Any

import pytest

from ivr.transport.sip.message import Peer, Request, Response, new_request, new_response
from ivr.transport.sip.timers import Timers
from ivr.transport.sip.transaction import (
    CLIENT_INVITE,
    CLIENT_OTHER,
    SERVER_INVITE,
    SERVER_OTHER,
    ClientTransaction,
    Input,
    ServerTransaction,
    State,
    Timings,
    is_local,
)

UDP = Peer("UDP", "192.0.2.1", 5060)
TCP = Peer("TCP", "192.0.2.1", 5060)


class FakeWire:
    """Notes what was sent and when."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers = Timers()
        self.timings = Timings()
        self.sent: list[tuple[float, str]] = []
        self.forgotten: list[Any] = []

    def send(self, peer: Peer, data: bytes, owner: Any = None, fallback: Peer | None = None) -> None:
        self.sent.append((round(self.now, 3), data.decode().split(" SIP/2.0")[0].split("\r\n")[0]))

    def forget(self, transaction: Any) -> None:
        self.forgotten.append(transaction)

    def run(self, until: float) -> None:
        while (at := self.timers.next_at()) is not None and at <= until:
            self.now = at
            due = self.timers.pop_due(at)
            assert due is not None
            due[0].on_timer(due[1])
        self.now = until

    def times(self, start: str) -> list[float]:
        return [at for at, line in self.sent if line.startswith(start)]


def request(method: str) -> Request:
    return new_request(
        method, "sip:a@192.0.2.1", ("Via", "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1"), ("From", "<sip:b@x>;tag=1"),
        ("To", "<sip:a@x>"), ("Call-ID", "c"), ("CSeq", f"1 {method}"), ("Max-Forwards", "70"),
    )  # fmt: skip


def client(method: str, peer: Peer = UDP) -> tuple[FakeWire, ClientTransaction, list[Response]]:
    wire, responses = FakeWire(), list[Response]()
    transaction = ClientTransaction(wire, request(method), peer, responses.append, None)
    transaction.start()
    return wire, transaction, responses


def server(method: str, peer: Peer = UDP) -> tuple[FakeWire, ServerTransaction]:
    wire = FakeWire()
    return wire, ServerTransaction(wire, request(method), peer)


def answer(transaction: ClientTransaction, code: int) -> None:
    transaction.receive(new_response(transaction.request, code, tag="z"))


def test_timer_a_and_b() -> None:
    wire, transaction, responses = client("INVITE")
    wire.run(100)
    assert wire.times("INVITE") == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert [(response.code, is_local(response)) for response in responses] == [(408, True)]
    assert wire.forgotten == [transaction]
    assert len(wire.timers) == 0


def test_provisional_stops_timer_a_and_b() -> None:
    wire, transaction, responses = client("INVITE")
    wire.run(0.2)
    answer(transaction, 180)
    wire.run(1000)
    assert wire.times("INVITE") == [0]
    assert transaction.state.name == "PROCEEDING"
    assert [response.code for response in responses] == [180]


def test_timer_d_absorbs_repeats_with_an_ack_each() -> None:
    wire, transaction, responses = client("INVITE")
    answer(transaction, 486)
    wire.run(10)
    answer(transaction, 486)
    assert wire.times("ACK") == [0, 10]
    assert [response.code for response in responses] == [486]
    wire.run(31.9)
    assert transaction.state.name == "COMPLETED"
    wire.run(32)
    assert transaction.state.name == "TERMINATED"


def test_timer_m_lets_repeated_2xx_through() -> None:
    wire, transaction, responses = client("INVITE")
    answer(transaction, 200)
    wire.run(31)
    answer(transaction, 200)
    wire.run(32)
    answer(transaction, 200)
    assert [response.code for response in responses] == [200, 200]
    assert wire.times("ACK") == []


def test_timer_e_and_f() -> None:
    wire, _, responses = client("OPTIONS")
    wire.run(100)
    assert wire.times("OPTIONS") == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert [response.code for response in responses] == [408]


def test_timer_e_slows_down_after_a_provisional() -> None:
    wire, transaction, _ = client("OPTIONS")
    answer(transaction, 100)
    wire.run(13)
    assert wire.times("OPTIONS") == [0, 4, 8, 12]


def test_timer_k() -> None:
    wire, transaction, responses = client("BYE")
    answer(transaction, 200)
    wire.run(4.9)
    answer(transaction, 200)
    assert transaction.state.name == "COMPLETED"
    wire.run(5)
    assert transaction.state.name == "TERMINATED"
    assert len(responses) == 1


@pytest.mark.parametrize("method", ["INVITE", "BYE"])
def test_reliable_transport_repeats_nothing(method: str) -> None:
    wire, _, responses = client(method, TCP)
    wire.run(40)
    assert wire.times(method) == [0]
    assert [response.code for response in responses] == [408]


def test_reliable_transport_lingers_not() -> None:
    wire, transaction, _ = client("INVITE", TCP)
    answer(transaction, 486)
    wire.run(0)
    assert transaction.state.name == "TERMINATED"


@pytest.mark.parametrize("method", ["INVITE", "BYE"])
def test_broken_transport_is_a_503(method: str) -> None:
    _, transaction, responses = client(method)
    transaction.transport_failed()
    assert [(response.code, response.phrase) for response in responses] == [(503, "Transport Failure")]
    assert transaction.state.name == "TERMINATED"


def test_timer_g_and_h() -> None:
    wire, transaction = server("INVITE")
    transaction.reply(486)
    wire.run(100)
    assert wire.times("SIP/2.0 486") == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert transaction.state.name == "TERMINATED"
    assert wire.forgotten == [transaction]


def test_timer_i_absorbs_acks() -> None:
    wire, transaction = server("INVITE")
    transaction.reply(486)
    wire.run(0.6)
    transaction.feed(Input.ACK)
    transaction.feed(Input.ACK)
    transaction.feed(Input.REQUEST)
    assert wire.times("SIP/2.0 486") == [0, 0.5]
    wire.run(5.5)
    assert transaction.state.name == "CONFIRMED"
    wire.run(5.6)
    assert transaction.state.name == "TERMINATED"


def test_timer_j() -> None:
    wire, transaction = server("BYE")
    transaction.reply(200)
    wire.run(10)
    transaction.feed(Input.REQUEST)
    assert wire.times("SIP/2.0 200") == [0, 10]
    wire.run(31.9)
    assert transaction.state.name == "COMPLETED"
    wire.run(32)
    assert transaction.state.name == "TERMINATED"


def test_timer_l_and_repeats_by_the_user() -> None:
    wire, transaction = server("INVITE")
    transaction.reply(200)
    transaction.feed(Input.REQUEST)
    transaction.reply(200)
    assert wire.times("SIP/2.0 200") == [0, 0]
    wire.run(32)
    assert transaction.state.name == "TERMINATED"


def test_second_final_response_is_not_sent() -> None:
    wire, transaction = server("BYE")
    transaction.reply(200)
    transaction.reply(500)
    assert wire.times("SIP/2.0") == [0]


def test_retransmitted_request_gets_the_last_response() -> None:
    wire, transaction = server("INVITE")
    transaction.reply(100)
    transaction.reply(180)
    transaction.feed(Input.REQUEST)
    assert [line for _, line in wire.sent] == ["SIP/2.0 100 Trying", "SIP/2.0 180 Ringing", "SIP/2.0 180 Ringing"]


@pytest.mark.parametrize("table", [SERVER_INVITE, SERVER_OTHER, CLIENT_INVITE, CLIENT_OTHER])
def test_every_state_of_a_table_leads_to_the_end(table: Any) -> None:
    ways: dict[State, set[State]] = {}
    for (state, _), (then, _) in table.items():
        ways.setdefault(state, set()).add(then)
    for first in ways:
        seen, todo = {first}, [first]
        while todo:
            new = ways.get(todo.pop(), set()) - seen
            seen |= new
            todo += new
        assert State.TERMINATED in seen


class Owner:
    def __init__(self) -> None:
        self.fired: list[str] = []

    def on_timer(self, name: str) -> None:
        self.fired.append(name)


def test_timers_move_stop_and_stay_small() -> None:
    timers, owner = Timers(), Owner()
    for at in range(1000):
        timers.start(owner, "again", float(at))
    assert len(timers) == 1
    assert len(timers._heap) < 300
    assert timers.pop_due(998) is None
    assert timers.pop_due(999) == (owner, "again")
    timers.start(owner, "x", 1.0)
    timers.stop(owner, "x", "never started")
    assert timers.next_at() is None
