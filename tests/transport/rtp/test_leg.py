"""Legs on real loopback sockets, on a clock that the test moves."""

import asyncio
import socket
from collections.abc import Iterator

import numpy as np
import pytest

from ivr.audio.frame import FRAME_SAMPLES, AudioFrame, Samples
from ivr.errors import RtpError
from ivr.transport.base import Digit, MediaLeg
from ivr.transport.pacer import Pacer
from ivr.transport.rtp import session as session_module
from ivr.transport.rtp.leg import RtpLeg, RtpSettings
from ivr.transport.rtp.packet import build, is_rtcp, parse
from ivr.transport.rtp.ports import PortRange

HOST = "127.0.0.1"
PCMU = {0: "PCMU", 101: "telephone-event"}
FRAME_NS = 20_000_000


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000_000_000

    def __call__(self) -> int:
        return self.now

    def pass_s(self, seconds: float) -> None:
        self.now += int(seconds * 1e9)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ports(clock: Clock) -> PortRange:
    return PortRange(HOST, 43_200, 43_299, clock=lambda: clock.now / 1e9)


@pytest.fixture
def legs(ports: PortRange, clock: Clock) -> Iterator[tuple[RtpLeg, RtpLeg]]:
    """Two legs that speak PCMU with each other."""
    bot, caller = RtpLeg(ports, clock=clock), RtpLeg(ports, clock=clock)
    bot.set_remote(HOST, caller.port, PCMU)
    caller.set_remote(HOST, bot.port, PCMU)
    yield bot, caller
    bot.close()
    caller.close()


@pytest.fixture
def stranger() -> Iterator[socket.socket]:
    """A plain socket of another address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.2", 0))
        udp.setblocking(False)
        yield udp


@pytest.fixture
def phone() -> Iterator[socket.socket]:
    """A plain socket of the peer's address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind((HOST, 0))
        udp.setblocking(False)
        yield udp


def tone(frames: int, hz: float = 440.0) -> Samples:
    times = np.arange(frames * FRAME_SAMPLES) / 16_000
    return np.rint(8000 * np.sin(2 * np.pi * hz * times)).astype(np.int16)


def talk(clock: Clock, talker: RtpLeg, listener: RtpLeg, samples: Samples) -> Samples:
    """What the listener hears of it."""
    heard = []
    for at in range(0, len(samples), FRAME_SAMPLES):
        clock.now += FRAME_NS
        talker.write(AudioFrame(samples[at : at + FRAME_SAMPLES]))
        heard.append(listener.read().samples)
    return np.concatenate(heard)


def similarity(sent: Samples, heard: Samples) -> float:
    a, b = sent.astype(float), heard.astype(float)
    count = len(b) - 1600
    return max(float(np.corrcoef(a[:count], b[lag : lag + count])[0, 1]) for lag in range(1600))


def datagrams(udp: socket.socket) -> list[bytes]:
    got = []
    while True:
        try:
            got.append(udp.recv(2048))
        except BlockingIOError:
            return got


def test_a_leg_is_a_media_leg(legs: tuple[RtpLeg, RtpLeg]) -> None:
    assert isinstance(legs[0], MediaLeg)


@pytest.mark.parametrize("codecs", [{0: "PCMU"}, {8: "PCMA"}, {9: "G722"}, {8: "PCMA", 0: "PCMU", 9: "G722"}])
def test_tone_both_ways(legs: tuple[RtpLeg, RtpLeg], clock: Clock, codecs: dict[int, str]) -> None:
    bot, caller = legs
    bot.set_remote(HOST, caller.port, codecs)
    caller.set_remote(HOST, bot.port, codecs)
    sent, answer = tone(50), tone(50, 1000)
    heard, answered = [], []
    for at in range(0, len(sent), FRAME_SAMPLES):
        clock.now += FRAME_NS
        for leg, source, sink in ((caller, sent, answered), (bot, answer, heard)):
            leg.write(AudioFrame(source[at : at + FRAME_SAMPLES]))
            frame = leg.read()
            assert not frame.lost
            sink.append(frame.samples)
    assert similarity(sent, np.concatenate(heard)[8 * FRAME_SAMPLES :]) > 0.9
    assert similarity(answer, np.concatenate(answered)[8 * FRAME_SAMPLES :]) > 0.9


def test_payload_change_by_a_new_agreement(legs: tuple[RtpLeg, RtpLeg], clock: Clock) -> None:
    bot, caller = legs
    talk(clock, caller, bot, tone(30))
    both = {**PCMU, 8: "PCMA", 9: "G722"}
    bot.set_remote(HOST, caller.port, both)
    for send in (8, 9, 0):
        caller.set_remote(HOST, bot.port, both, send=send)
        heard = talk(clock, caller, bot, tone(30))
        assert similarity(tone(30), heard[6 * FRAME_SAMPLES :]) > 0.9
    assert bot.stats().received.unknown_payload == 0


def test_ptime_of_the_peer_is_kept(legs: tuple[RtpLeg, RtpLeg], clock: Clock) -> None:
    bot, caller = legs
    caller.set_remote(HOST, bot.port, PCMU, ptime_ms=40)
    heard = talk(clock, caller, bot, tone(50))
    assert caller.stats().sent_packets == 25
    assert similarity(tone(50), heard[10 * FRAME_SAMPLES :]) > 0.9


def test_names_have_no_case_and_an_event_type_works_both_ways(legs: tuple[RtpLeg, RtpLeg], clock: Clock) -> None:
    bot, caller = legs
    bot.set_remote(HOST, caller.port, {8: "pcma"}, send=8, event_type=97, ptime_ms=500)
    caller.set_remote(HOST, bot.port, {8: "PCMA"}, event_type=97)
    talk(clock, caller, bot, tone(5))
    caller.send_digits("3")
    heard = talk(clock, caller, bot, tone(30))
    assert [digit.digit for digit in bot.take_digits()] == ["3"]
    assert similarity(tone(20), heard[-20 * FRAME_SAMPLES :]) > 0.9
    bot.write(AudioFrame(tone(1)))
    assert bot.stats().sent_packets == 0, "packets of 100 ms, the longest we send"


def test_two_legs_on_the_process_clock(ports: PortRange) -> None:
    """In real time, half a second of it."""
    bot, caller = RtpLeg(ports), RtpLeg(ports)
    bot.set_remote(HOST, caller.port, PCMU)
    caller.set_remote(HOST, bot.port, PCMU)
    sent, heard = tone(25), []

    def tick() -> None:
        caller.write(AudioFrame(sent[len(heard) * FRAME_SAMPLES :][:FRAME_SAMPLES]))
        heard.append(bot.read().samples)
        if len(heard) == 25:
            done.set()

    async def run() -> None:
        pacer = Pacer()
        pacer.add(tick)
        pacer.start()
        await asyncio.wait_for(done.wait(), 10)
        pacer.stop()

    done = asyncio.Event()
    asyncio.run(run())
    assert similarity(sent, np.concatenate(heard)[5 * FRAME_SAMPLES :]) > 0.9
    bot.close()
    caller.close()


# -- who may speak -----------------------------------------------------------------------------------------------------


def test_rtp_from_another_address_is_counted_and_dropped(
    legs: tuple[RtpLeg, RtpLeg], clock: Clock, stranger: socket.socket
) -> None:
    bot, caller = legs
    stranger.sendto(build(0, 0, 0, 666, bytes(160)), (HOST, bot.port))  # even before the peer's first packet
    talk(clock, caller, bot, tone(10))
    for n in range(10):
        stranger.sendto(build(0, n, n * 160, 666, bytes(160)), (HOST, bot.port))
    heard = talk(clock, caller, bot, tone(20))
    stats = bot.stats()
    assert stats.sockets.foreign == 11
    assert stats.received.sources == 1
    assert similarity(tone(20), heard) > 0.9


def test_another_port_of_the_peer_cannot_take_over(
    legs: tuple[RtpLeg, RtpLeg], clock: Clock, phone: socket.socket
) -> None:
    bot, caller = legs
    talk(clock, caller, bot, tone(5))
    phone.sendto(build(0, 0, 0, 666, bytes(160)), (HOST, bot.port))
    talk(clock, caller, bot, tone(5))
    assert bot.stats().sockets.foreign == 1
    bot.set_remote(HOST, phone.getsockname()[1], PCMU)  # but a re-INVITE can
    phone.sendto(build(0, 0, 0, 666, bytes(160)), (HOST, bot.port))
    bot.read()
    bot.write(AudioFrame(tone(1)))
    assert bot.stats().received.sources == 2
    assert len(datagrams(phone)) == 1


def test_peer_may_send_from_another_port_than_it_listens_on(
    legs: tuple[RtpLeg, RtpLeg], clock: Clock, phone: socket.socket
) -> None:
    bot, caller = legs
    phone.sendto(build(0, 0, 0, 5, bytes(160)), (HOST, bot.port))
    bot.read()
    bot.write(AudioFrame(tone(1)))
    assert bot.stats().received.packets == 1
    assert bot.stats().remote == (HOST, caller.port), "without `symmetric` we answer where the description says"


def test_symmetric_leg_answers_behind_nat(ports: PortRange, clock: Clock, stranger: socket.socket) -> None:
    leg = RtpLeg(ports, RtpSettings(symmetric=True), clock=clock)
    leg.set_remote("10.1.2.3", 4000, PCMU)
    leg.read()
    stranger.sendto(b"not RTP at all", (HOST, leg.port))
    stranger.sendto(build(0, 0, 0, 5, bytes(160)), (HOST, leg.port))
    leg.read()
    leg.set_remote("10.1.2.3", 4000, PCMU)  # a session refresh keeps what was learnt
    leg.write(AudioFrame(tone(1)))
    assert leg.stats().remote == stranger.getsockname()
    assert len(datagrams(stranger)) == 1
    leg.close()


def test_nothing_is_sent_before_an_agreement_and_to_an_unspecified_address(
    ports: PortRange, clock: Clock, phone: socket.socket
) -> None:
    leg = RtpLeg(ports, clock=clock)
    leg.write(AudioFrame(tone(1)))
    assert not leg.read().samples.any()
    leg.set_remote(HOST, phone.getsockname()[1], PCMU)
    leg.write(AudioFrame(tone(1)))
    leg.set_remote("0.0.0.0", phone.getsockname()[1], PCMU)  # RFC 2543 hold
    leg.write(AudioFrame(tone(1)))
    leg.close()
    assert [parse(data).payload_type for data in datagrams(phone)] == [0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"address": "pbx.example"}, "remote media address 'pbx.example' is not an IP address"),
        ({"port": 70_000}, "remote media port 70000 is outside 0..65535"),
        ({"codecs": {101: "telephone-event"}}, "no audio codec of ours among telephone-event"),
        ({"codecs": {}}, "no audio codec of ours among none"),
        ({"codecs": {0: "PCMU", 96: "opus"}}, "payload type 96 is 'opus', which we cannot receive"),
        ({"send": 8}, "payload type 8 to send with is not among the agreed audio codecs"),
    ],
)
def test_impossible_agreements_are_named(legs: tuple[RtpLeg, RtpLeg], change: dict[str, object], message: str) -> None:
    agreed = {"address": HOST, "port": 4000, "codecs": PCMU, **change}
    with pytest.raises(RtpError) as error:
        legs[0].set_remote(**agreed)  # type: ignore[arg-type]
    assert str(error.value) == message


def test_rubbish_from_the_peer_is_counted(legs: tuple[RtpLeg, RtpLeg], clock: Clock, phone: socket.socket) -> None:
    bot, _ = legs
    bot.set_remote(HOST, phone.getsockname()[1], PCMU)
    phone.sendto(build(0, 0, 0, 5, bytes(160)), (HOST, bot.port))
    for data in (b"\x80", b"\xff" * 50, b"", build(101, 1, 0, 5, b"\x01"), bytes([0x81, 201, 0, 9])):
        phone.sendto(data, (HOST, bot.port))
    bot.read()
    assert bot.stats().sockets.malformed == 5
    assert bot.stats().received.sources == 1


def test_packets_that_waited_too_long_are_dropped(
    legs: tuple[RtpLeg, RtpLeg], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot, caller = legs
    if not bot._session._stamped:
        pytest.skip("no time stamps on datagrams here")
    talk(clock, caller, bot, tone(2))
    caller.write(AudioFrame(tone(1)))
    real = session_module.time.time_ns
    monkeypatch.setattr(session_module.time, "time_ns", lambda: real() + 2_000_000_000)
    bot.read()
    assert bot.stats().sockets.stale == 1
    assert bot.stats().received.packets == 2


# -- direction, hold, loss of the peer ---------------------------------------------------------------------------------


def test_hold_is_silent_both_ways_and_time_runs_on(legs: tuple[RtpLeg, RtpLeg], clock: Clock) -> None:
    bot, caller = legs
    talk(clock, caller, bot, tone(10))
    bot.hold()
    assert not talk(clock, caller, bot, tone(10)).any()
    assert not talk(clock, bot, caller, tone(10)).any()
    assert bot.stats().sent_packets == 0
    bot.resume()
    heard = talk(clock, caller, bot, tone(40))
    assert similarity(tone(40), heard[10 * FRAME_SAMPLES :]) > 0.9


def test_directions(legs: tuple[RtpLeg, RtpLeg], clock: Clock) -> None:
    bot, caller = legs
    for direction, sends, hears in (("sendonly", True, False), ("recvonly", False, True), ("inactive", False, False)):
        before = bot.stats().sent_packets
        bot.set_remote(HOST, caller.port, PCMU, direction)  # type: ignore[arg-type]
        talk(clock, bot, caller, tone(10))
        assert (bot.stats().sent_packets > before) == sends, direction
        assert talk(clock, caller, bot, tone(20)).any() == hears, direction


def test_peer_that_never_speaks_is_lost_after_30_s(ports: PortRange, clock: Clock) -> None:
    calls: list[str] = []
    leg = RtpLeg(ports, on_lost=lambda: calls.append("lost"), clock=clock)
    leg.read()
    clock.pass_s(100)
    leg.read()
    assert not leg.lost, "nothing was agreed yet"
    leg.set_remote(HOST, 4000, PCMU)
    clock.pass_s(29.9)
    leg.read()
    assert not leg.lost
    clock.pass_s(0.2)
    leg.read()
    leg.read()
    assert leg.lost and leg.stats().lost
    assert calls == ["lost"]
    leg.close()


def test_peer_that_falls_silent_is_lost_after_15_s(legs: tuple[RtpLeg, RtpLeg], clock: Clock) -> None:
    bot, caller = legs
    talk(clock, caller, bot, tone(5))
    clock.pass_s(14.9)
    bot.read()
    assert not bot.lost
    talk(clock, caller, bot, tone(1))
    clock.pass_s(14.9)
    bot.read()
    assert not bot.lost
    clock.pass_s(0.2)
    bot.read()
    assert bot.lost


def test_peer_on_hold_is_not_lost(legs: tuple[RtpLeg, RtpLeg], clock: Clock) -> None:
    bot, caller = legs
    talk(clock, caller, bot, tone(5))
    bot.set_remote(HOST, caller.port, PCMU, "sendonly")
    clock.pass_s(60)
    bot.read()
    assert not bot.lost
    bot.set_remote(HOST, caller.port, PCMU)
    clock.pass_s(15.1)
    bot.read()
    assert bot.lost


def test_missing_packets_are_concealed_and_marked(legs: tuple[RtpLeg, RtpLeg], clock: Clock) -> None:
    bot, caller = legs
    talk(clock, caller, bot, tone(10))
    frames = []
    for _ in range(10):
        clock.now += FRAME_NS
        frames.append(bot.read())
    assert [frame.lost for frame in frames].count(True) >= 7
    assert frames[-1].lost
    assert bot.stats().received.concealed_ms >= 140


# -- keys --------------------------------------------------------------------------------------------------------------


def test_keys_by_rfc_4733(legs: tuple[RtpLeg, RtpLeg], clock: Clock) -> None:
    bot, caller = legs
    talk(clock, caller, bot, tone(10))
    caller.send_digits("0159*#ad")
    talk(clock, caller, bot, tone(110))
    digits = bot.take_digits()
    assert "".join(digit.digit for digit in digits) == "0159*#AD"
    assert {digit.source for digit in digits} == {"rfc4733"}
    assert bot.take_releases() == [Digit(digit.digit, 100, "rfc4733") for digit in digits]
    assert bot.take_digits() == [] == bot.take_releases()


def test_keys_as_tones_where_no_event_was_agreed(legs: tuple[RtpLeg, RtpLeg], clock: Clock) -> None:
    bot, caller = legs
    bot.set_remote(HOST, caller.port, {0: "PCMU"})
    caller.set_remote(HOST, bot.port, {0: "PCMU"})
    talk(clock, caller, bot, tone(10))
    caller.send_digits("42")
    caller.send_digits("#")
    talk(clock, caller, bot, np.zeros(50 * FRAME_SAMPLES, dtype=np.int16))
    assert [(digit.digit, digit.source) for digit in bot.take_digits()] == [(key, "in-band") for key in "42#"]


@pytest.mark.parametrize("codecs", [PCMU, {0: "PCMU"}])
def test_what_is_no_key_is_refused(legs: tuple[RtpLeg, RtpLeg], codecs: dict[int, str]) -> None:
    legs[0].set_remote(HOST, 4000, codecs)
    with pytest.raises(RtpError, match=r"^'\+' is no key; keys are 0123456789\*#ABCD$"):
        legs[0].send_digits("1+2")


# -- RTCP and the end --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mux", [False, True])
def test_reports_tell_the_round_trip(legs: tuple[RtpLeg, RtpLeg], clock: Clock, mux: bool) -> None:
    bot, caller = legs
    if mux:
        bot.set_remote(HOST, caller.port, PCMU, rtcp_port=caller.port)
        caller.set_remote(HOST, bot.port, PCMU, rtcp_port=bot.port)
    for _ in range(600):  # 12 s
        clock.now += FRAME_NS
        for leg in legs:
            leg.write(AudioFrame(tone(1)))
            leg.read()
    for leg in legs:
        stats = leg.stats()
        assert stats.peer.reports == 2
        assert stats.peer.rtt_ms is not None and 0 <= stats.peer.rtt_ms < 1100
        assert (stats.peer.lost, stats.peer.fraction_lost) == (0, 0.0)
        assert (stats.sockets.malformed, stats.sockets.foreign) == (0, 0)


def test_close_says_goodbye_and_rests_the_port(ports: PortRange, clock: Clock, phone: socket.socket) -> None:
    before = ports.free
    leg = RtpLeg(ports, clock=clock)
    port = leg.port
    leg.set_remote(HOST, phone.getsockname()[1], PCMU, rtcp_port=phone.getsockname()[1])
    leg.write(AudioFrame(tone(1)))
    leg.close()
    leg.close()
    first, last = datagrams(phone)
    assert parse(first).marker
    assert is_rtcp(last) and b"\xcb" in last
    assert ports.free == before - 1
    clock.pass_s(2.1)
    assert ports.free == before
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind((HOST, port))
    leg.write(AudioFrame(tone(1)))
    assert not leg.read().samples.any()
    assert datagrams(phone) == []
