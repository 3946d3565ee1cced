"""Two cores in memory with a virtual clock: what happens in minutes and hours takes milliseconds."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from ivr.transport.sip.auth import Credentials, DigestServer, DigestUser
from ivr.transport.sip.events import (
    Confirmed,
    EndCause,
    Ended,
    Incoming,
    Progress,
    RegistrationChanged,
    TransferRequested,
)
from ivr.transport.sip.message import Peer, Request, Response, new_response, parse_message
from ivr.transport.sip.sdp import Direction, LocalMedia
from ivr.transport.sip.transaction import Timings
from ivr.transport.sip.uas import caller_of

A, B = "192.0.2.1", "192.0.2.2"
LOCAL = LocalMedia(A, 30000)


def pair(net: Any, auto_answer: Any, **settings: Any) -> tuple[Any, Any, Any]:
    """A network with a caller A and an answering B."""
    network = net()
    caller = network.agent(A, 1)
    called = network.agent(B, 2, auto_answer(network), **settings)
    return network, caller, called


def dial(network: Any, caller: Any, **options: Any) -> Any:
    return caller.dial(f"sip:hotline@{B}", f"sip:me@{A}", LOCAL, network.now, **options)


def left(*agents: Any) -> list[int]:
    return [len(part) for agent in agents for part in (agent.core.legs, agent.core.server, agent.core.client,
            agent.core.merges, agent.core.timers)]  # fmt: skip


def test_call_and_bye_leave_nothing(net: Any, auto_answer: Any) -> None:
    network, caller, called = pair(net, auto_answer)
    leg = dial(network, caller)
    network.run(1)
    assert [type(event) for event in network.of(caller, object)] == [Progress, Confirmed]
    assert network.of(called, Confirmed)[0].media.port == 30000
    leg.bye()
    network.run(40)
    assert network.of(called, Ended) == [Ended(EndCause.REMOTE_BYE)]
    assert network.of(caller, Ended) == [Ended(EndCause.LOCAL_BYE)]
    assert left(caller, called) == [0] * 10


@pytest.mark.parametrize("seed", range(40))
def test_lossy_link_sets_up_and_clears_once(net: Any, auto_answer: Any, seed: int) -> None:
    """10 % loss, 10 % duplicates, delays that reorder: each call is set up once and cleared once, nothing stays."""
    source = random.Random(seed)

    def fate() -> list[float]:
        copies = source.choices([0, 1, 2], [0.1, 0.8, 0.1])[0]
        return [source.uniform(0.005, 0.3) for _ in range(copies)]

    network = net(fate)
    caller = network.agent(A, seed)
    called = network.agent(B, seed + 1000, auto_answer(network))
    legs = [dial(network, caller) for _ in range(5)]
    network.run(40)
    incoming = network.of(called, Incoming)
    assert len(incoming) == 5
    assert len(network.of(caller, Confirmed)) == 5
    for leg in legs[:3]:
        leg.bye()
    for event in incoming[3:]:
        event.leg.bye()  # those that the called side ends may be the same calls
    network.run(100)
    for leg in legs:
        leg.bye()
    network.run(100)
    assert len(network.of(caller, Ended)) == 5
    assert len(network.of(called, Ended)) == 5
    assert len(network.of(called, Confirmed)) == 5
    assert left(caller, called) == [0] * 10


@pytest.mark.parametrize("seed", range(20))
def test_lossy_link_with_reoffers(net: Any, auto_answer: Any, seed: int) -> None:
    """Both sides hold and resume at the same time over the bad link: glare is settled and both agree in the end."""
    source = random.Random(seed)
    network = net(lambda: [source.uniform(0.005, 0.2)] * source.choices([0, 1, 2], [0.1, 0.8, 0.1])[0])
    caller = network.agent(A, seed)
    network.agent(B, seed + 1000, auto_answer(network))
    leg = dial(network, caller)
    network.run(10)
    other = network.of(network.agents[B, 5060], Incoming)[0].leg
    results: list[int] = []
    leg.reoffer.change(Direction.SENDONLY, lambda code, _: results.append(code))
    other.reoffer.change(Direction.SENDRECV, lambda code, _: results.append(code))
    network.run(60)
    assert results == [200, 200]
    assert leg.media.direction is Direction.SENDONLY
    assert other.media.direction is Direction.RECVONLY


def test_nobody_there(net: Any) -> None:
    network = net()
    caller = network.agent(A)
    dial(network, caller)
    network.run(40)
    assert network.of(caller, Ended) == [Ended(EndCause.FAILED, 408, "Request Timeout")]
    assert left(caller) == [0] * 5


def test_nobody_answers_in_time(net: Any) -> None:
    """The CANCEL goes out when the dial time is over, the 487 is acknowledged, the called side is told."""
    network = net()
    caller = network.agent(A)
    called = network.agent(B, 2, lambda event: event.leg.ring() if isinstance(event, Incoming) else None)
    leg = dial(network, caller)
    leg.give_up_after(20)
    network.run(60)
    assert network.of(caller, Ended) == [Ended(EndCause.FAILED, 408, "nobody answered in time")]
    assert network.of(called, Ended)[0].cause is EndCause.CANCELLED
    assert network.sent("CANCEL") == pytest.approx([1020.0])
    assert left(caller, called) == [0] * 10


def test_cancel_waits_for_a_provisional(net: Any) -> None:
    """RFC 3261 9.1: nothing is sent while the callee is silent; then the CANCEL follows its first word."""
    network = net()
    caller = network.agent(A)
    leg = dial(network, caller)
    network.flush()
    leg.cancel()
    network.run(10)
    assert network.sent("CANCEL") == []
    network.agent(B, 2, lambda event: event.leg.ring() if isinstance(event, Incoming) else None)
    network.run(20)
    assert len(network.sent("CANCEL")) == 1
    assert network.of(caller, Ended)[0].cause is EndCause.CANCELLED


def test_cancel_that_crosses_the_answer(net: Any, auto_answer: Any) -> None:
    """The 200 gets its ACK and a BYE; neither side keeps a call."""
    network, caller, called = pair(net, auto_answer)
    leg = dial(network, caller)
    network.flush()
    leg.cancel()
    network.run(40)
    assert network.of(caller, Ended) == [Ended(EndCause.CANCELLED, 487, "cancelled")]
    assert len(network.of(called, Ended)) == 1
    assert left(caller, called) == [0] * 10


def test_forked_answers(net: Any) -> None:
    """RFC 3261 13.2.2.4: the second 200 gets an ACK and a BYE of its own dialog; the first is the call."""
    network = net()
    caller = network.agent(A)
    leg = dial(network, caller)
    outgoing = caller.take_outgoing()
    invite = parse_message(outgoing[0].data)
    assert isinstance(invite, Request)
    for tag in ("one", "two", "two"):
        answer = new_response(invite, 200, "", ("Contact", f"<sip:{tag}@192.0.2.77>"), tag=tag)
        answer.headers.add("Content-Type", "application/sdp")
        answer.body = SDP
        caller.receive(bytes(answer), Peer("UDP", B, 5060), network.now)
    starts = [message.data.decode().split(" SIP")[0] for message in caller.take_outgoing()]
    assert starts == [
        "ACK sip:one@192.0.2.77", "ACK sip:two@192.0.2.77", "BYE sip:two@192.0.2.77", "ACK sip:two@192.0.2.77",
    ]  # fmt: skip
    assert leg.dialog.remote_tag == "one"


SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


def test_early_dialog_takes_requests(net: Any) -> None:
    """RFC 3261 12.1.2, RFC 3311: after 183 with media the peer may UPDATE them; the answer comes in the same dialog."""
    network = net()
    caller = network.agent(A)

    def driver(event: Any) -> None:
        if isinstance(event, Incoming):
            event.leg.progress(LocalMedia(B, 5000))

    network.agent(B, 2, driver)
    leg = dial(network, caller)
    network.run(1)
    incoming = network.of(network.agents[B, 5060], Incoming)[0].leg
    update = incoming.dialog.request("UPDATE", ("Contact", f"<sip:x@{B}>"), ("Content-Type", "application/sdp"))
    update.body = SDP.replace(b"4000", b"5002")
    update.headers.set("Via", f"SIP/2.0/UDP {B}:5060;branch=z9hG4bKearly")
    caller.receive(bytes(update), Peer("UDP", B, 5060), network.now)
    answer = parse_message(caller.take_outgoing()[0].data)
    assert isinstance(answer, Response)
    assert (answer.code, leg.media.port) == (200, 5002)
    incoming.answer(LocalMedia(B, 5002))
    network.run(1)
    assert leg.state.value == "confirmed"
    assert leg.dialog.remote_cseq == update.cseq.number


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ("From: <sip:+49301@x>;tag=1", "+49301"),
        ('From: "A" <sip:+49-30.(2)@x>;tag=1', "+49302"),
        ("From: <sip:anonymous@anonymous.invalid>;tag=1", ""),
        ("From: <sip:a@x>;tag=1\r\nPrivacy: user;id", ""),
        ('From: <sip:a@x>;tag=1\r\nP-Asserted-Identity: "B" <sip:b@x>, <tel:+1555>', "b"),
        ("From: <sip:a@x>;tag=1\r\nP-Asserted-Identity: <tel:+1-555>", "+1555"),
        ('From: <sip:a@x>;tag=1\r\nP-Asserted-Identity: "broken', "a"),
        ("From: <sip:x>;tag=1", ""),
    ],
)
def test_who_calls(headers: str, expected: str) -> None:
    tail = "To: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n"
    data = f"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9\r\n{headers}\r\n{tail}"
    request = parse_message(f"{data}\r\n".encode())
    assert isinstance(request, Request)
    assert caller_of(request) == expected


def test_answer_without_a_codec_of_ours(net: Any) -> None:
    network = net()
    caller = network.agent(A)
    dial(network, caller)
    invite = parse_message(caller.take_outgoing()[0].data)
    assert isinstance(invite, Request)
    answer = new_response(invite, 200, "", ("Contact", f"<sip:x@{B}>"), ("Content-Type", "application/sdp"), tag="t")
    answer.body = SDP.replace(b"AVP 0", b"AVP 18")
    caller.receive(bytes(answer), Peer("UDP", B, 5060), network.now)
    assert [message.data.split()[0] for message in caller.take_outgoing()] == [b"ACK", b"BYE"]
    network.flush()
    end = network.of(caller, Ended)[0]
    assert (end.cause, end.code) == (EndCause.FAILED, 488)
    assert end.text == "answer of the peer: SDP has no codec of ours (PCMU, PCMA, G722, telephone-event): G729"


@pytest.mark.parametrize(
    ("code", "cause"), [(486, EndCause.REJECTED), (302, EndCause.REJECTED), (503, EndCause.FAILED)]
)
def test_refused_call(net: Any, code: int, cause: EndCause) -> None:
    network = net()
    caller = network.agent(A)
    network.agent(B, 2, lambda event: event.leg.reject(code) if isinstance(event, Incoming) else None)
    dial(network, caller)
    network.run(1)
    end = network.of(caller, Ended)[0]
    assert (end.cause, end.code) == (cause, code)
    assert len(network.sent("ACK")) == 1


def with_digest(network: Any, algorithms: tuple[str, ...] = ("SHA-256", "MD5")) -> Any:
    called = network.agents[B, 5060]
    called._digest = DigestServer("ivr", {"me": DigestUser("secret")}, b"key", algorithms)
    return called


@pytest.mark.parametrize("algorithms", [("SHA-256", "MD5"), ("MD5",), ("SHA-256",)])
def test_challenged_call(net: Any, auto_answer: Any, algorithms: tuple[str, ...]) -> None:
    """401, the same call again with credentials and CSeq + 1; inside the call nothing is challenged."""
    network, caller, _ = pair(net, auto_answer)
    called = with_digest(network, algorithms)
    leg = dial(network, caller, credentials=Credentials("me", "secret"))
    network.run(1)
    assert len(network.of(caller, Confirmed)) == 1
    assert [data.count(b"Authorization: Digest") for _, data in network.log if data.startswith(b"INVITE")] == [0, 1]
    leg.bye()
    network.run(40)
    assert left(caller, called) == [0] * 10


@pytest.mark.parametrize("seed", range(20))
def test_challenged_call_over_a_lossy_link(net: Any, auto_answer: Any, seed: int) -> None:
    """The challenge is sent without state: a lost one comes again with the repeated INVITE."""
    source = random.Random(seed)
    network = net(lambda: [source.uniform(0.005, 0.2)] * source.choices([0, 1, 2], [0.2, 0.7, 0.1])[0])
    caller = network.agent(A, seed)
    network.agent(B, seed + 1, auto_answer(network))
    called = with_digest(network)
    leg = dial(network, caller, credentials=Credentials("me", "secret"))
    network.run(40)
    assert (len(network.of(caller, Confirmed)), len(network.of(called, Incoming))) == (1, 1)
    leg.bye()
    network.run(100)
    assert left(caller, called) == [0] * 10


def test_strangers_cost_no_memory(net: Any) -> None:
    """RFC 3261 26.3.2.4, 8.2.7: challenges leave no state, and the same request gets the same To tag."""
    network = net()
    network.agent(B, 2)
    called = with_digest(network)
    caller = network.agent(A)
    dial(network, caller)
    invite = caller.take_outgoing()[0].data
    tags = set()
    for _ in range(3):
        called.receive(invite, Peer("UDP", A, 5060), network.now)
        answer = parse_message(called.take_outgoing()[0].data)
        tags.add(answer.to.tag)
    assert len(tags) == 1
    assert left(called) == [0] * 5


@pytest.mark.parametrize("credentials", [None, Credentials("me", "wrong"), Credentials("you", "secret")])
def test_bad_password(net: Any, auto_answer: Any, credentials: Credentials | None) -> None:
    network, caller, _ = pair(net, auto_answer)
    called = with_digest(network)
    dial(network, caller, credentials=credentials)
    network.run(40)
    assert network.of(caller, Ended) == [Ended(EndCause.REJECTED, 401, "Unauthorized")]
    assert network.of(called, Incoming) == []
    assert left(caller, called) == [0] * 10


def test_session_refresh_by_the_caller(net: Any, auto_answer: Any) -> None:
    """RFC 4028: an UPDATE at half the interval, for hours, and the call stays."""
    network, caller, _ = pair(net, auto_answer)
    dial(network, caller)
    network.run(3 * 3600)
    refreshes = network.sent("UPDATE")
    assert [round(at - 1000) for at in refreshes[:3]] == [900, 1800, 2700]
    assert network.of(caller, Ended) == []


def test_session_refresh_by_reinvite(net: Any, auto_answer: Any) -> None:
    """Where the peer does not allow UPDATE; the SDP is unchanged, its version too."""
    network, caller, _ = pair(net, auto_answer)
    leg = dial(network, caller)
    network.run(1)
    leg._peer_allows = frozenset({"INVITE"})
    network.run(1000)
    invites = [data for _, data in network.log if data.startswith(b"INVITE")]
    assert len(invites) == 2
    assert invites[0].split(b"\r\n\r\n")[1] == invites[1].split(b"\r\n\r\n")[1]
    assert network.of(caller, Ended) == []


def test_session_expires_without_refresh(net: Any, auto_answer: Any) -> None:
    """The peer vanished: our watchdog ends the call at interval - min(32, interval / 3)."""
    network, caller, called = pair(net, auto_answer)
    dial(network, caller)
    network.run(1)
    del network.agents[A, 5060]
    network.run(1766)
    assert network.of(called, Ended) == []
    network.run(2)
    assert network.of(called, Ended)[0].cause is EndCause.SESSION_EXPIRED
    assert network.of(called, Ended)[0].text == "no refresh within the session interval of 1800 s"


def test_session_interval_too_small(net: Any, auto_answer: Any) -> None:
    """422 with Min-SE: the call is tried again with that interval."""
    network = net()
    caller = network.agent(A, 1, session_expires=90)
    network.agent(B, 2, auto_answer(network), min_se=600)
    leg = dial(network, caller)
    network.run(1)
    assert leg.timer.interval == 600
    assert len(network.of(caller, Confirmed)) == 1


def test_call_that_the_peer_forgot(net: Any, auto_answer: Any) -> None:
    """RFC 3261 12.2.1.2: 481 to our refresh ends the call."""
    network, caller, called = pair(net, auto_answer)
    dial(network, caller)
    network.run(1)
    called.core.legs.clear()
    network.run(950)
    assert network.of(caller, Ended)[0].code == 481


def test_attended_transfer(net: Any, auto_answer: Any) -> None:
    """The bot (A) calls an agent (C) and refers the caller (B) to that call: the REFER names it by Replaces."""
    network, bot, caller = pair(net, auto_answer, accept_refer=True)
    agent = network.agent("192.0.2.3", 3, auto_answer(network))
    to_caller = dial(network, bot)
    to_agent = bot.dial("sip:agent@192.0.2.3", f"sip:me@{A}", LOCAL, network.now)
    network.run(1)
    outcomes: list[Any] = []
    to_caller.transfer.refer("", to_agent, outcomes.append)
    network.run(1)
    refer = next(data for _, data in network.log if data.startswith(b"REFER")).decode()
    named = to_agent.dialog
    assert f"Refer-To: <{named.target}?Replaces={named.call_id}%3Bto-tag%3D{named.remote_tag}%3B" in refer
    # The caller's side does as it is told.
    wanted = network.of(caller, TransferRequested)[0]
    caller.dial(wanted.target, f"sip:b@{B}", LOCAL, network.now, headers=[("Replaces", wanted.replaces)])
    network.run(1)
    at_agent = network.of(agent, Incoming)
    assert at_agent[1].leg.replaces is at_agent[0].leg
    assert network.of(bot, Ended)[0].cause is EndCause.REMOTE_BYE
    network.of(caller, Incoming)[0].leg.transfer.notify(200)
    network.run(1)
    assert [(outcome.status.value, outcome.code) for outcome in outcomes] == [("accepted", 200)]


def test_transfer_of_unknown_outcome(net: Any, auto_answer: Any) -> None:
    """The peer takes the REFER and falls silent: unknown after 30 s, and the call stays ours."""
    network, bot, _ = pair(net, auto_answer, accept_refer=True)
    leg = dial(network, bot)
    network.run(1)
    outcomes: list[Any] = []
    leg.transfer.refer("sip:agent@192.0.2.3", None, outcomes.append)
    network.run(29)
    assert outcomes == []
    network.run(2)
    assert [(outcome.status.value, outcome.code) for outcome in outcomes] == [("unknown", 100)]
    assert network.of(bot, Ended) == []


class Registrar:
    """Answers REGISTER in `Net` as scripted."""

    def __init__(self, script: list[tuple[int, list[tuple[str, str]]]]) -> None:
        self.script = script
        self.core: Any = type("Core", (), {"legs": {}})()
        self.outgoing: list[Any] = []
        self.requests: list[Request] = []

    def receive(self, data: bytes, source: Peer, now: float) -> None:
        request = parse_message(data)
        assert isinstance(request, Request)
        self.requests.append(request)
        code, headers = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        self.outgoing.append(Out(source, bytes(new_response(request, code, "", *headers, tag="r"))))

    def take_outgoing(self) -> list[Any]:
        outgoing, self.outgoing = self.outgoing, []
        return outgoing

    def take_events(self) -> list[Any]:
        return []

    def next_at(self) -> None:
        return None

    def tick(self, now: float) -> None: ...

    def at(self, now: float) -> None: ...


class Out:
    def __init__(self, peer: Peer, data: bytes) -> None:
        self.peer, self.data = peer, data


def register(net: Any, script: list[tuple[int, list[tuple[str, str]]]]) -> tuple[Any, Any, Registrar, Any]:
    network = net()
    agent = network.agent(A)
    registrar = Registrar(script)
    network.agents[B, 5060] = registrar
    network.drivers[registrar] = lambda event: None
    registration = agent.register(f"sip:{B}", f"sip:me@{B}", Credentials("me", "secret"), 600, network.now)
    return network, agent, registrar, registration


def test_registration_refreshes_and_ends(net: Any) -> None:
    network, agent, registrar, registration = register(net, [(200, [("Contact", f"<sip:ivr@{A}:5060>;expires=300")])])
    network.run(3600)
    assert registration.registered
    gaps = network.sent("REGISTER")
    assert all(150 <= later - earlier <= 270 for earlier, later in itertools.pairwise(gaps))
    assert len(gaps) >= 12
    assert len({request.call_id for request in registrar.requests}) == 1
    registration.stop()
    network.run(60)
    assert registrar.requests[-1].headers.get("Expires") == "0"
    assert left(agent) == [0] * 5


def test_registration_with_challenge_and_423(net: Any) -> None:
    challenge = ("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth,auth-int", algorithm=MD5')
    script = [(401, [challenge]), (423, [("Min-Expires", "1200")]), (401, [challenge]), (200, [])]
    network, agent, registrar, _ = register(net, script)
    network.run(5)
    assert [request.headers.get("Expires") for request in registrar.requests] == ["600", "600", "1200", "1200"]
    assert network.of(agent, RegistrationChanged)[-1].expires == 1200
    assert [request.cseq.number for request in registrar.requests] == [1, 2, 3, 4]


def test_registration_backs_off(net: Any) -> None:
    network, agent, _, registration = register(net, [(503, [])])
    network.run(7200)
    gaps = network.sent("REGISTER")
    pauses = [later - earlier for earlier, later in itertools.pairwise(gaps)]
    assert 5 <= pauses[0] <= 8
    assert 600 <= pauses[-1] <= 901
    assert not registration.registered
    assert {event.code for event in network.of(agent, RegistrationChanged)} == {503}


def test_registration_obeys_retry_after(net: Any) -> None:
    network, _, _, _ = register(net, [(503, [("Retry-After", "120 (busy)")]), (200, [])])
    network.run(200)
    assert network.sent("REGISTER") == pytest.approx([1000, 1120], abs=0.1)


def test_ringing_is_repeated_every_minute(net: Any) -> None:
    network = net()
    caller = network.agent(A)
    network.agent(B, 2, lambda event: event.leg.ring() if isinstance(event, Incoming) else None)
    dial(network, caller)
    network.run(150)
    assert network.sent("SIP/2.0 180") == pytest.approx([1000.001, 1060.001, 1120.001])


def test_fast_timings_are_used(net: Any) -> None:
    network = net()
    caller = network.agent(A, 1, timings=Timings(t1=0.1))
    dial(network, caller)
    network.run(10)
    assert network.of(caller, Ended)[0].code == 408
    assert network.now - 1000 == pytest.approx(10)
    assert len(network.sent("INVITE")) == 7
