"""Port allocation."""

import socket

import pytest

from ivr.errors import RtpError
from ivr.transport.rtp.ports import PortRange

HOST = "127.0.0.1"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_pairs_are_even_and_odd_and_bound() -> None:
    ports = PortRange(HOST, 43_001, 43_010)
    pair = ports.open()
    assert pair.port == 43_002
    assert pair.rtp.getsockname() == (HOST, 43_002)
    assert pair.rtcp.getsockname() == (HOST, 43_003)
    assert not pair.rtp.getblocking()
    ports.close(pair)


def test_range_is_used_up_and_ports_rest_for_two_seconds() -> None:
    clock = Clock()
    ports = PortRange(HOST, 43_020, 43_023, clock=clock)
    first, second = ports.open(), ports.open()
    with pytest.raises(RtpError) as error:
        ports.open()
    assert str(error.value) == (
        "no RTP port is free in 127.0.0.1:43020-43023: all are in use or rest for 2 s after use"
    )
    ports.close(first)
    clock.now += 1.9
    with pytest.raises(RtpError):
        ports.open()
    assert ports.free == 0
    clock.now += 0.2
    assert ports.free == 1
    again = ports.open()
    assert again.port == first.port
    for pair in (again, second):
        ports.close(pair)


def test_the_longest_rested_port_comes_first() -> None:
    clock = Clock()
    ports = PortRange(HOST, 43_030, 43_035, clock=clock)
    seen = []
    for _ in range(6):
        pair = ports.open()
        seen.append(pair.port)
        ports.close(pair)
        clock.now += 1.0
    assert seen == [43_030, 43_032, 43_034] * 2


@pytest.mark.parametrize("taken", [43_040, 43_041])
def test_ports_of_other_programs_are_passed_over(taken: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HOST, taken))
        ports = PortRange(HOST, 43_040, 43_043)
        pair = ports.open()
        assert pair.port == 43_042
        ports.close(pair)


@pytest.mark.parametrize(("low", "high"), [(5000, 5000), (5001, 5002), (6000, 5000), (0, 10), (65_530, 70_000)])
def test_ranges_without_a_pair_are_refused(low: int, high: int) -> None:
    with pytest.raises(RtpError) as error:
        PortRange(HOST, low, high)
    assert str(error.value) == f"RTP port range {low}-{high} holds no even port with the odd one behind it"


def test_addresses_that_are_none_or_not_ours_are_named() -> None:
    with pytest.raises(RtpError, match=r"^media address 'localhost' is not an IP address$"):
        PortRange("localhost", 43_050, 43_059)
    ports = PortRange("203.0.113.9", 43_050, 43_059)
    with pytest.raises(RtpError, match=r"^cannot bind UDP 203\.0\.113\.9:43050: Cannot assign requested address$"):
        ports.open()
    assert ports.free == 5


def test_ipv6() -> None:
    ports = PortRange("::1", 43_060, 43_069)
    try:
        pair = ports.open()
    except RtpError as error:
        pytest.skip(f"this machine has no IPv6: {error}")
    assert pair.rtp.getsockname()[:2] == ("::1", 43_060)
    ports.close(pair)
