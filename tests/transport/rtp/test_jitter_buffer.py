"""The jitter buffer over links that lose, repeat, reorder and delay. Times are ticks of 125 us: 160 are 20 ms."""

from hypothesis import given
from hypothesis import strategies as st

from ivr.transport.rtp.jitter_buffer import DelayEstimator, Gap, JitterBuffer, JitterSettings, Packet

FRAME = 160


class Line:
    """Feeds a buffer as a network would and pulls it as the pacer would."""

    def __init__(self, settings: JitterSettings | None = None) -> None:
        self.buffer = JitterBuffer(settings)
        self.out: list[Packet | Gap] = []
        self.now = 0

    def run(self, arrivals: list[tuple[int, int, int, int]], ticks: int) -> list[Packet | Gap]:
        """`arrivals` are (when, sequence, timestamp, length); a pull every 20 ms until `ticks`."""
        waiting = sorted(arrivals, key=lambda item: item[0])
        played = 0
        while self.now < ticks:
            self.now += FRAME
            while waiting and waiting[0][0] <= self.now:
                when, sequence, timestamp, length = waiting.pop(0)
                payload = timestamp.to_bytes(4, "big") + bytes(max(0, length - 4))
                self.buffer.put(sequence & 0xFFFF, timestamp, length, 0, payload, when)
            played -= FRAME
            while played < 0:  # as the receiver does: until a whole frame is there
                self.out.append(self.buffer.pull(self.now))
                played += self.out[-1].ticks
        return self.out

    def packets(self) -> list[Packet]:
        return [item for item in self.out if isinstance(item, Packet)]

    def lost(self) -> int:
        return sum(item.ticks for item in self.out if isinstance(item, Gap) and item.lost)


def steady(count: int, first: int = 0, delay: int = 0, length: int = FRAME) -> list[tuple[int, int, int, int]]:
    return [(first + n * length + delay, n, first + n * length, length) for n in range(count)]


def test_steady_stream_comes_out_whole_after_40_to_60_ms() -> None:
    line = Line()
    line.run(steady(50, first=7), 60 * FRAME)
    assert [packet.sequence for packet in line.packets()] == list(range(50))
    silent = line.out.index(line.packets()[0])
    assert 2 <= silent <= 3
    assert all(item == Gap(FRAME, lost=False) for item in line.out[:silent])


def test_nothing_is_lost_before_the_first_packet() -> None:
    buffer = JitterBuffer()
    assert [buffer.pull(now) for now in range(0, 10_000, FRAME)] == [Gap(FRAME, lost=False)] * 63


def test_lost_packet_is_one_lost_frame() -> None:
    line = Line()
    line.run([item for item in steady(30) if item[1] != 10], 30 * FRAME)
    assert line.lost() == FRAME
    assert [packet.sequence for packet in line.packets()][8:12] == [8, 9, 11, 12]


def test_reordered_packets_come_out_in_order() -> None:
    arrivals = [(when + (90 if n % 3 == 0 else 0) * 4, n, stamp, size) for when, n, stamp, size in steady(40)]
    line = Line(JitterSettings(start_ms=80, min_ms=80))
    line.run(arrivals, 50 * FRAME)
    assert [packet.sequence for packet in line.packets()] == list(range(40))


def test_first_packets_in_the_wrong_order() -> None:
    line = Line()
    line.run([(0, 1, 160, FRAME), (5, 0, 0, FRAME), *steady(20)[2:]], 20 * FRAME)
    assert [packet.sequence for packet in line.packets()][:3] == [0, 1, 2]


def test_duplicates_are_dropped_whether_played_or_waiting() -> None:
    arrivals = steady(30)
    arrivals += [(when + 5, *rest) for when, *rest in steady(30)]
    arrivals += [(when + 5 * FRAME, *rest) for when, *rest in steady(30)]
    line = Line()
    line.run(arrivals, 40 * FRAME)
    assert [packet.sequence for packet in line.packets()] == list(range(30))
    stats = line.buffer.stats(line.now)
    assert (stats.duplicates, stats.late, stats.resets) == (60, 0, 0)


def test_late_packet_is_dropped_and_counted() -> None:
    arrivals = [(when + (8 * FRAME if n == 10 else 0), n, stamp, size) for when, n, stamp, size in steady(40)]
    line = Line()
    line.run(arrivals, 40 * FRAME)
    stats = line.buffer.stats(line.now)
    assert stats.late == 1
    assert 10 not in [packet.sequence for packet in line.packets()]
    assert line.lost() == FRAME


def test_all_packet_lengths_fill_the_same_time() -> None:
    for length in (80, 160, 240, 320, 480):
        line = Line()
        line.run(steady(4800 // length, length=length, delay=length), 6400)
        assert sum(packet.ticks for packet in line.packets()) == 4800, length
        assert [packet.sequence for packet in line.packets()] == list(range(4800 // length))


def test_change_of_packet_length_in_mid_stream() -> None:
    arrivals, stamp, sequence = [], 0, 0
    for length in (160, 80, 480, 240, 320) * 3:
        for _ in range(960 // length * 2):
            arrivals.append((stamp + length, sequence, stamp, length))
            stamp += length
            sequence += 1
    line = Line(JitterSettings(start_ms=80, min_ms=80))
    line.run(arrivals, stamp + 1600)
    assert [packet.sequence for packet in line.packets()] == list(range(sequence))


def test_overlapping_packet_gives_only_its_rest() -> None:
    buffer = JitterBuffer()
    buffer.put(0, 0, 160, 0, b"a" * 160, 0)
    buffer.put(1, 80, 160, 0, b"b" * 80 + b"c" * 80, 10)
    first, second = buffer.pull(400), buffer.pull(560)
    assert isinstance(first, Packet) and isinstance(second, Packet)
    assert (first.payload, second.payload, second.ticks) == (b"a" * 160, b"c" * 80, 80)


def test_timestamps_wrap_around() -> None:
    base = 0xFFFFFFFF - 5 * FRAME + 1
    arrivals = [(n * FRAME, n, (base + n * FRAME) & 0xFFFFFFFF, FRAME) for n in range(20)]
    line = Line()
    line.run(arrivals, 25 * FRAME)
    assert [packet.sequence for packet in line.packets()] == list(range(20))


def test_jump_of_over_a_second_starts_anew() -> None:
    arrivals = steady(20) + [(20 * FRAME + n * FRAME, 20 + n, 900_000 + n * FRAME, FRAME) for n in range(20)]
    line = Line()
    line.run(arrivals, 45 * FRAME)
    assert line.buffer.stats(line.now).resets == 1
    assert [packet.sequence for packet in line.packets()][-20:] == list(range(20, 40))


def test_sender_whose_clock_stood_still_is_heard_again() -> None:
    """A PBX that pauses both packets and timestamps for 600 ms would else be late for ever."""
    pause = 30 * FRAME
    arrivals = steady(20) + [((20 + n) * FRAME + pause, 20 + n, (20 + n) * FRAME, FRAME) for n in range(60)]
    line = Line()
    line.run(arrivals, 120 * FRAME)
    assert line.buffer.stats(line.now).resets == 1
    assert [packet.sequence for packet in line.packets()][-45:] == list(range(35, 80))


def test_delay_grows_with_jitter_and_comes_back() -> None:
    noisy = [(when + (n * 7919) % 960, n, stamp, size) for when, n, stamp, size in steady(500)]  # 0..120 ms
    calm = [(when, n, stamp, size) for when, n, stamp, size in steady(2000)[500:]]
    line = Line()
    line.run(noisy, 500 * FRAME)
    stats = line.buffer.stats(line.now)
    assert 120 <= stats.target_ms <= 150
    assert 100 <= stats.delay_ms <= 190
    late = stats.late
    assert late < 25
    line.run(calm, 2000 * FRAME)
    stats = line.buffer.stats(line.now)
    assert stats.target_ms == 40
    assert stats.late == late
    assert line.buffer.wish == -1, "the receiver is asked to drop quiet frames"


def test_delay_stays_within_its_bounds() -> None:
    estimator = DelayEstimator(JitterSettings())
    assert estimator.target == 40 * 8
    for n in range(100):
        estimator.add((n % 2) * 100_000)
    assert estimator.target == 200 * 8


def test_slow_drift_of_the_floor_is_followed() -> None:
    """A sender whose clock runs 0.1 % slow: the floor rises with it, and jitter is not seen where there is none."""
    estimator = DelayEstimator(JitterSettings())
    for n in range(6000):
        estimator.add(n * 160 // 1000)
    assert estimator.target == 40 * 8
    assert 6000 * 160 // 1000 - estimator.floor <= 512 * 160 // 1000 + 1


def test_gap_after_comfort_noise_is_silence() -> None:
    buffer = JitterBuffer()
    for n in range(3):
        buffer.put(n, n * FRAME, FRAME, 0, bytes(FRAME), n * FRAME)
    buffer.put(3, 3 * FRAME, FRAME, 13, b"\x40", 3 * FRAME, True)
    out = [buffer.pull(now) for now in range(3 * FRAME, 13 * FRAME, FRAME)]
    assert [isinstance(item, Packet) for item in out[:4]] == [True] * 4
    assert out[4:] == [Gap(FRAME, lost=False)] * 6
    buffer.put(4, 20 * FRAME, FRAME, 0, bytes(FRAME), 20 * FRAME)
    assert buffer.pull(14 * FRAME) == Gap(FRAME, lost=False)


def test_pause_without_comfort_noise_is_silence_once_it_is_known() -> None:
    """The next packet's sequence number follows the last one's: nothing was sent in between."""
    buffer = JitterBuffer()
    buffer.put(0, 0, FRAME, 0, bytes(FRAME), 0)
    buffer.put(1, 4 * FRAME, FRAME, 0, bytes(FRAME), 4 * FRAME)
    out = [buffer.pull(now) for now in range(2 * FRAME, 7 * FRAME, FRAME)]
    assert out[1:4] == [Gap(FRAME, lost=False)] * 3
    assert isinstance(out[4], Packet)


def test_pause_of_five_seconds_is_no_new_stream() -> None:
    """Silence suppression: the timestamps go on as time does, so the stream does too."""
    pause = 250 * FRAME
    arrivals = steady(20) + [(when + pause, n, stamp + pause, size) for when, n, stamp, size in steady(40)[20:]]
    line = Line()
    line.run(arrivals, 300 * FRAME)
    assert [packet.sequence for packet in line.packets()] == list(range(40))
    assert line.buffer.stats(line.now).resets == 0


def test_gap_under_a_key_is_silence() -> None:
    buffer = JitterBuffer()
    buffer.put(0, 0, FRAME, 0, bytes(FRAME), 0)
    buffer.silent_until(4 * FRAME)
    out = [buffer.pull(now) for now in range(2 * FRAME, 9 * FRAME, FRAME)]
    assert [item.lost for item in out[1:] if isinstance(item, Gap)] == [False, False, False, True, True, True]


def test_flood_of_packets_is_bounded() -> None:
    buffer = JitterBuffer()
    for n in range(5000):
        buffer.put(n, n, FRAME, 0, b"", 0)
    stats = buffer.stats(0)
    assert stats.depth == 128
    assert stats.overflows > 4000


# -- properties --------------------------------------------------------------------------------------------------------

networks = st.lists(
    st.tuples(
        st.sampled_from([80, 160, 240, 320, 480]),  # length
        st.integers(0, 3000),  # delay
        st.booleans(),  # lost
        st.sampled_from([0, 0, 0, 1, 2]),  # copies more
    ),
    min_size=1,
    max_size=120,
)


@given(networks, st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFF))
def test_any_network_gives_the_stream_in_order(
    network: list[tuple[int, int, bool, int]], first: int, sequence: int
) -> None:
    arrivals, at = [], 0
    for length, delay, lost, copies in network:
        if not lost:
            arrivals += [
                (at + delay + copy * 333, sequence, (first + at) & 0xFFFFFFFF, length) for copy in range(1 + copies)
            ]
        at += length
        sequence += 1
    line = Line()
    line.run(arrivals, at + 8000)
    resets = line.buffer.stats(line.now).resets
    starts = [packet.start for packet in line.packets()]
    assert len(set(starts)) == len(starts) or resets
    assert starts == sorted(starts) or resets
    assert sum(item.ticks for item in line.out) >= line.now


@given(
    st.lists(
        st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF), st.integers(1, 2048), st.integers(0, 99_999))
    )
)
def test_any_packets_never_raise(packets: list[tuple[int, int, int, int]]) -> None:
    buffer = JitterBuffer()
    for step, (sequence, timestamp, length, arrival) in enumerate(packets):
        buffer.put(sequence, timestamp, length, 0, bytes(length), arrival, bool(step % 7 == 0))
        item = buffer.pull(step * FRAME)
        assert item.ticks > 0
    assert buffer.stats(0).depth <= 128
