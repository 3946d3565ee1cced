"""The process's tick. A fake loop where time matters, a real one once."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from ivr.transport.pacer import LatenessHistogram, Pacer


class FakeLoop:
    """Time moves only when the test says so; callbacks are run in order of their time."""

    def __init__(self) -> None:
        self.now = 50.0
        self.due: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> Any:
        entry = (when, callback)
        self.due.append(entry)
        loop = self

        class Handle:
            def cancel(self) -> None:
                if entry in loop.due:
                    loop.due.remove(entry)

        return Handle()

    def run_until(self, end: float) -> None:
        while self.due and self.due[0][0] <= end:
            when, callback = self.due.pop(0)
            self.now = max(self.now, when)
            callback()
        self.now = max(self.now, end)


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> FakeLoop:
    fake = FakeLoop()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: fake)
    return fake


def test_ticks_every_20_ms_without_drift(loop: FakeLoop) -> None:
    times: list[float] = []

    def slow() -> None:
        times.append(loop.now)
        loop.now += 0.013

    pacer = Pacer()
    pacer.add(slow)
    pacer.start()
    pacer.start()
    loop.run_until(52.001)
    assert len(times) == 100
    assert times == pytest.approx([50.0 + 0.02 * n for n in range(1, 101)])
    stats = pacer.stats()
    assert (stats.ticks, stats.skipped) == (100, 0)
    assert stats.max_ms == pytest.approx(0, abs=1e-6)
    assert stats.busiest_ms == pytest.approx(13)


def test_missed_ticks_are_made_up_after_a_stall(loop: FakeLoop) -> None:
    count = 0

    def tick() -> None:
        nonlocal count
        count += 1
        if count == 10:
            loop.now += 0.3  # a stall of 15 ticks

    pacer = Pacer()
    pacer.add(tick)
    pacer.start()
    loop.run_until(50.0 + 0.02 * 50 + 0.001)
    assert count == 50
    assert pacer.stats().skipped == 0
    assert pacer.stats().max_ms == pytest.approx(280)
    assert pacer.stats().p50_ms == pytest.approx(0.1)


def test_catching_up_is_bounded(loop: FakeLoop, caplog: pytest.LogCaptureFixture) -> None:
    count = 0

    def tick() -> None:
        nonlocal count
        count += 1
        if count == 10:
            loop.now += 2.0

    pacer = Pacer(max_catch_up=5)
    pacer.add(tick)
    pacer.start()
    with caplog.at_level(logging.WARNING):
        loop.run_until(50.0 + 0.02 * 150 + 0.001)
    skipped = pacer.stats().skipped
    assert count + skipped == 150
    assert 90 <= skipped <= 96
    assert f"{skipped} ticks are left out" in caplog.text


def test_lasting_overload_leaves_gaps_and_no_lasting_delay(loop: FakeLoop) -> None:
    """Every tick takes 30 ms for 20 s, then 5 ms."""
    late: list[float] = []
    work = 0.03

    def tick() -> None:
        late.append(loop.now - 50.0)
        loop.now += work

    pacer = Pacer(max_catch_up=5)
    pacer.add(tick)
    pacer.start()
    loop.run_until(70.0)
    stats = pacer.stats()
    assert stats.max_ms <= 140
    assert stats.p50_ms < 110
    assert len(late) + stats.skipped == pytest.approx(1000, abs=10)
    work = 0.005
    loop.run_until(75.0)
    assert [round(b - a, 3) for a, b in zip(late[-50:], late[-49:], strict=False)] == [0.02] * 49


def test_callbacks_run_in_order_and_can_be_removed_in_the_tick(loop: FakeLoop) -> None:
    order: list[str] = []
    pacer = Pacer()

    def first() -> None:
        order.append("first")
        pacer.remove(second)
        pacer.add(third)

    def second() -> None:
        order.append("second")

    def third() -> None:
        order.append("third")

    pacer.add(first)
    pacer.add(first)
    pacer.add(second)
    pacer.remove(third)
    pacer.start()
    loop.run_until(50.041)
    assert order == ["first", "first", "third"]


def test_failing_callback_is_logged_and_leaves_the_others_alone(
    loop: FakeLoop, caplog: pytest.LogCaptureFixture
) -> None:
    errors: list[Exception] = []
    count = 0

    def bad() -> None:
        raise ValueError("this call is broken")

    def good() -> None:
        nonlocal count
        count += 1

    pacer = Pacer(on_error=lambda callback, error: errors.append(error))
    pacer.add(bad)
    pacer.add(good)
    pacer.start()
    loop.run_until(50.101)
    assert count == 5
    assert [str(error) for error in errors] == ["this call is broken"]
    assert caplog.text.count("a call's tick failed; it gets no more ticks") == 1


def test_stop_inside_and_outside_of_a_tick(loop: FakeLoop) -> None:
    count = 0
    pacer = Pacer()

    def tick() -> None:
        nonlocal count
        count += 1
        if count == 3:
            pacer.stop()

    pacer.add(tick)
    pacer.start()
    loop.run_until(51.0)
    assert count == 3
    assert loop.due == []
    pacer.start()
    pacer.stop()
    pacer.stop()
    loop.run_until(52.0)
    assert count == 3


def test_histogram_quantiles() -> None:
    histogram = LatenessHistogram()
    assert histogram.quantile(0.5) == 0.0
    for n in range(100):
        histogram.add(n / 10 + 0.05)
    assert histogram.quantile(0.5) == pytest.approx(5.0)
    assert histogram.quantile(0.99) == pytest.approx(9.9)
    assert histogram.quantile(1.0) == histogram.max_ms == pytest.approx(9.95)
    histogram.add(5000.0)
    assert histogram.max_ms == 5000.0


def test_real_loop_ticks() -> None:
    count = 0

    async def main() -> int:
        done = asyncio.Event()

        def tick() -> None:
            nonlocal count
            count += 1
            if count == 10:
                done.set()

        pacer = Pacer(frame_s=0.002)
        pacer.add(tick)
        pacer.start()
        await asyncio.wait_for(done.wait(), 5)
        pacer.stop()
        await asyncio.sleep(0.006)
        return pacer.stats().ticks

    assert asyncio.run(main()) == 10
    assert count == 10
