"""Sender and receiver joined in memory, over links that lose, repeat and reorder. Times are ticks of 125 us."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.audio.frame import FRAME_SAMPLES, AudioFrame, Samples
from ivr.audio.levels import rms_dbfs
from ivr.audio.resample import Downsampler
from ivr.errors import RtpError
from ivr.transport.rtp.codecs import DecoderBank, make_encoder
from ivr.transport.rtp.packet import RtpPacket, build, parse, serialise
from ivr.transport.rtp.receiver import RtpReceiver
from ivr.transport.rtp.sender import RtpSender

FRAME = 160
ALL = {0: "PCMU", 8: "PCMA", 9: "G722", 13: "CN", 101: "telephone-event"}


def tone(frames: int, hz: float = 440.0, amplitude: float = 8000.0) -> Samples:
    times = np.arange(frames * FRAME_SAMPLES) / 16_000
    return np.rint(amplitude * np.sin(2 * np.pi * hz * times)).astype(np.int16)


def frame(samples: Samples, index: int) -> Samples:
    return samples[index * FRAME_SAMPLES : (index + 1) * FRAME_SAMPLES]


def similarity(sent: Samples, heard: Samples) -> float:
    """Best correlation coefficient over the delays up to 100 ms."""
    a, b = sent.astype(float), heard.astype(float)
    count = min(len(a), len(b)) - 1600
    return max(float(np.corrcoef(a[:count], b[lag : lag + count])[0, 1]) for lag in range(1600))


class Link:
    """One direction: a sender, a link that may tamper with the n-th packet, a receiver."""

    def __init__(self, tamper: Callable[[int, bytes], list[bytes]] | None = None) -> None:
        self.sender, self.receiver = RtpSender(77, 65_530, 0xFFFFFF00), RtpReceiver()
        self.receiver.set_payloads(ALL)
        self.sender.configure(0, "PCMU", 101)
        self.tamper = tamper or (lambda n, data: [data])
        self.now = 0
        self.sent = 0
        self.heard: list[AudioFrame] = []

    def step(self, samples: Samples | None) -> AudioFrame:
        self.now += FRAME
        packets = [] if samples is None else self.sender.send(samples)
        if samples is None:
            self.sender.pause()
        for packet in packets:
            for data in self.tamper(self.sent, packet):
                self.receiver.receive(data, self.now)
            self.sent += 1
        self.heard.append(self.receiver.read(self.now + 20))
        assert len(self.heard[-1].samples) == FRAME_SAMPLES
        assert self.heard[-1].samples.dtype == np.int16
        return self.heard[-1]

    def run(self, samples: Samples) -> Samples:
        for index in range(len(samples) // FRAME_SAMPLES):
            self.step(frame(samples, index))
        return np.concatenate([item.samples for item in self.heard])


@pytest.mark.parametrize(("payload_type", "name"), [(0, "PCMU"), (8, "PCMA"), (9, "G722")])
@pytest.mark.parametrize("ptime", [10, 20, 30, 40, 60])
def test_tone_comes_through(payload_type: int, name: str, ptime: int) -> None:
    link = Link()
    link.sender.configure(payload_type, name, ptime_ms=ptime)
    sent = tone(60)
    heard = link.run(sent)
    assert similarity(sent, heard[8 * FRAME_SAMPLES :]) > 0.99
    assert not any(item.lost for item in link.heard)


def test_change_of_payload_in_mid_call() -> None:
    link = Link()
    sent = tone(120)
    for index in range(120):
        if index % 20 == 0:
            payload_type = (0, 8, 9)[index // 20 % 3]
            link.sender.configure(payload_type, ALL[payload_type], 101)
        link.step(frame(sent, index))
    assert not any(item.lost for item in link.heard)
    levels = [rms_dbfs(item.samples) for item in link.heard[6:]]
    assert max(levels) - min(levels) < 2.5  # a codec of G.722's family begins with a few ms of silence
    for codec in range(3):  # each stretch by itself: G.722 has another delay than the resamplers
        heard = np.concatenate([item.samples for item in link.heard[5 + 20 * codec : 20 + 20 * codec]])
        assert similarity(sent, heard) > 0.98


def test_marker_is_set_after_silence_and_timestamps_run_on() -> None:
    sender = RtpSender(1, 0, 1000)
    sender.configure(0, "PCMU")
    packets = [parse(data) for data in (*sender.send(frame(tone(1), 0)), *sender.send(frame(tone(1), 0)))]
    for _ in range(10):
        sender.pause()
    packets += [parse(sender.send(frame(tone(1), 0))[0]) for _ in range(2)]
    assert [packet.marker for packet in packets] == [True, False, True, False]
    assert [packet.timestamp for packet in packets] == [1000, 1160, 1000 + 12 * 160, 1000 + 13 * 160]
    assert [packet.sequence for packet in packets] == [0, 1, 2, 3]
    assert {packet.ssrc for packet in packets} == {1}


def test_sender_without_a_codec_sends_nothing() -> None:
    assert RtpSender(1, 0, 0).send(tone(1)) == ()


@pytest.mark.parametrize("ptime", [0, 9, 101])
def test_impossible_packet_lengths_are_refused(ptime: int) -> None:
    with pytest.raises(RtpError, match=f"^packets of {ptime} ms are not possible, 10 to 100 ms are$"):
        RtpSender(1, 0, 0).configure(0, "PCMU", ptime_ms=ptime)


def test_unknown_codecs_are_refused() -> None:
    with pytest.raises(RtpError, match=r"^payload type 96 is 'opus', which we cannot receive$"):
        RtpReceiver().set_payloads({96: "opus"})
    with pytest.raises(RtpError, match=r"^no encoder for 'opus'; known are PCMU, PCMA, G722$"):
        make_encoder("opus", Downsampler())
    with pytest.raises(RtpError, match=r"^no decoder for 'CN'; known are PCMU, PCMA, G722$"):
        DecoderBank()["CN"]


def test_payload_that_was_not_agreed_is_counted() -> None:
    receiver = RtpReceiver()
    receiver.set_payloads({0: "PCMU"})
    receiver.receive(build(8, 0, 0, 1, bytes(160)), 0)
    stats = receiver.stats(0)
    assert (stats.unknown_payload, stats.packets, stats.sources) == (1, 0, 0)


def test_padding_and_extension_are_no_sound() -> None:
    """The padded stream is heard exactly as the plain one."""

    def dress(n: int, data: bytes) -> list[bytes]:
        return [serialise(parse(data)._replace(padding=4 + n % 9, extension=(0xBEDE, b"1234"), csrcs=(1, 2)))]

    sent = tone(30)
    assert np.array_equal(Link(dress).run(sent), Link().run(sent))


def test_new_source_takes_over_at_once() -> None:
    link = Link()
    link.run(tone(30))
    other = RtpSender(99, 5, 123_456)
    other.configure(8, "PCMA")
    link.sender = other
    link.heard.clear()
    heard = link.run(tone(30, hz=1000))
    assert similarity(tone(30, hz=1000), heard[4 * FRAME_SAMPLES :]) > 0.99
    assert link.receiver.stats(link.now).sources == 2
    assert sum(item.lost for item in link.heard) == 0


def test_comfort_noise_and_pause_are_silence() -> None:
    link = Link()
    link.run(tone(20))
    link.receiver.receive(
        build(13, 65_530 + 20 & 0xFFFF, 0xFFFFFF00 + 20 * FRAME & 0xFFFFFFFF, 77, b"\x45"), link.now + 160
    )
    link.heard.clear()
    for _ in range(30):
        link.step(None)
    assert not any(item.lost for item in link.heard)
    assert not np.concatenate([item.samples for item in link.heard[6:]]).any()


def test_keys_in_the_stream_are_heard_once_and_are_no_loss() -> None:
    link = Link()
    sent = tone(80)
    for index in range(80):
        if index == 20:
            link.sender.keys.queue("12#")
        link.step(frame(sent, index))
    assert [digit.digit for digit in link.receiver.digits] == ["1", "2", "#"]
    assert [digit.duration_ms for digit in link.receiver.ended_digits] == [100, 100, 100]
    assert sum(item.lost for item in link.heard) == 0
    assert link.receiver.reception.lost == 0


def test_ten_percent_loss_keeps_the_level() -> None:
    rng = np.random.default_rng(5)
    link = Link(lambda n, data: [] if rng.random() < 0.1 else [data])
    sent = tone(500)
    heard = link.run(sent)
    share = sum(item.lost for item in link.heard) / 500
    assert 0.05 < share < 0.16
    levels = [rms_dbfs(item.samples) for item in link.heard[5:]]
    clean = rms_dbfs(sent)
    assert np.mean([level > clean - 3 for level in levels]) > 0.97  # but for a few runs of three lost in a row
    assert max(levels) < clean + 1
    assert similarity(sent, heard[4 * FRAME_SAMPLES :]) > 0.9
    assert link.receiver.stats(link.now).lost == pytest.approx(500 * share, abs=3)


def test_long_loss_fades_to_the_background() -> None:
    link = Link(lambda n, data: [] if 20 <= n < 40 else [data])
    link.run(tone(60))
    lost = [item for item in link.heard if item.lost]
    assert 17 <= len(lost) <= 22
    assert rms_dbfs(lost[0].samples) > -20
    assert all(rms_dbfs(item.samples) < -40 for item in lost[3:])


def test_delay_is_given_back_where_nobody_speaks() -> None:
    """600 ms wait in a queue at once and are then heard late; pauses bring the delay down to the target."""
    link = Link()
    rng = np.random.default_rng(1)
    quiet = np.rint(rng.normal(0, 20, FRAME_SAMPLES)).astype(np.int16)
    packets = [link.sender.send(quiet)[0] for _ in range(15)]
    for packet in packets:
        link.receiver.receive(packet, 0)
    for _ in range(150):
        link.step(quiet)
    stats = link.receiver.stats(link.now)
    assert stats.buffer.delay_ms <= 90
    assert stats.buffer.shrunk >= 10
    assert sum(item.lost for item in link.heard) == 0


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from([0, 0, 0, 0, 8, 9, 13, 101, 77]), st.integers(0, 4), st.binary(max_size=500)),
        min_size=1,
        max_size=60,
    ),
    st.lists(st.integers(0, 5), max_size=60),
)
def test_any_packets_give_one_whole_frame_a_pull(packets: list[tuple[int, int, bytes]], pulls: list[int]) -> None:
    receiver = RtpReceiver()
    receiver.set_payloads(ALL)
    now, timestamp = 0, 0
    for index, (payload_type, jump, payload) in enumerate(packets):
        timestamp = (timestamp + (160, 160, 0, 480, 100_000)[jump]) & 0xFFFFFFFF
        try:
            receiver.receive(build(payload_type, index, timestamp, 1 + (jump == 4), payload), now)
        except RtpError:
            assert payload_type == 101 and len(payload) < 4
        for _ in range(pulls[index] if index < len(pulls) else 1):
            now += FRAME
            heard = receiver.read(now)
            assert heard.samples.shape == (FRAME_SAMPLES,)
            assert heard.samples.dtype == np.int16
    receiver.stats(now)


@given(st.binary(max_size=200))
def test_any_datagram_is_taken_or_named(data: bytes) -> None:
    receiver = RtpReceiver()
    receiver.set_payloads(ALL)
    try:
        receiver.receive(data, 0)
    except RtpError:
        return
    assert RtpPacket(*parse(data)).payload is not None
