"""A running service under observation: figures of floor and store, each call's metrics and, if wanted, traces."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping

from ivr.acd.agents import AgentState
from ivr.call.driver import CallDriver
from ivr.config import Config
from ivr.service.desk import ServiceDesk
from ivr.service.hotline import CallRecord, Hotline
from ivr.telemetry.metrics import Figure, Metrics
from ivr.telemetry.traces import Traces

HELP: Mapping[str, str] = {
    "calls": "Calls in progress.",
    "calls_total": "Calls answered since the start.",
    "recognition_waiting_ms": "Age of the oldest recognition work that nobody has begun.",
    "prompts_left": "Fixed prompts not yet rendered; -1 before the count is known.",
    "synthesis_backlog": "Clauses that wait to be synthesised.",
    "recorder_backlog": "Pieces of recordings not yet written.",
    "recorder_failures_total": "Recordings given up (disk full or broken).",
    "tick_late_p99_ms": "Lateness of the media clock's ticks, and so of packets, 99th percentile.",
    "tick_late_max_ms": "Largest lateness of the media clock's ticks.",
    "worker_restarts_total": "Engine processes that had to be replaced.",
}


class Observing:
    """One for a process. `figures` = the service's own numbers, `ready` = why it takes no calls."""

    def __init__(
        self, config: Config, hotline: Hotline, desk: ServiceDesk, figures: Callable[[], Mapping[str, float]],
        ready: Callable[[], str],
    ) -> None:  # fmt: skip
        self._desk, self._figures, self._ready = desk, figures, ready
        self.metrics = Metrics(self._service, self._floor, self._records)
        self.traces = Traces(config.telemetry, desk.store.node) if config.telemetry.traces else None
        hotline.on_begin.append(self._began)
        desk.on_ended.append(self._ended)

    def _began(self, driver: CallDriver, record: CallRecord) -> None:
        self.metrics.watch(driver)
        if self.traces is not None:
            self.traces.begin(driver, record.id, record.hotline, driver.info.transport)

    def _ended(self, record: CallRecord) -> None:
        self.metrics.call_ended(record.outcome, record.duration_ms)
        if self.traces is not None:
            self.traces.end(record.id, record.outcome, record.duration_ms)

    async def close(self) -> None:
        if self.traces is not None:
            await asyncio.to_thread(self.traces.close)

    # -- what is so now

    def _service(self) -> Iterator[Figure]:
        for name, value in self._figures().items():
            yield Figure(name, HELP.get(name, name), value)
        yield Figure("ready", "1 = new calls are taken.", not self._ready())

    def _floor(self) -> Iterator[Figure]:
        desk = self._desk.desk
        floor, now = desk.floor, desk.now()
        for name, figures in floor.figures.items():
            queue, state = {"queue": name}, floor.status(name, now)
            yield Figure("queue_open", "1 = callers are taken.", state.open, queue)
            yield Figure("queue_waiting", "Callers who wait, those of other nodes too.", state.waiting, queue)
            yield Figure("queue_expected_wait_seconds", "What a newcomer is told.", state.expected_wait_s, queue)
            yield Figure("queue_longest_wait_seconds", "Longest wait that was answered.", figures.longest_wait_s, queue)
            yield Figure("queue_offered_total", "Callers who entered.", figures.offered, queue)
            yield Figure("queue_answered_total", "Callers whom an agent answered.", figures.answered, queue)
            yield Figure(
                "queue_answered_in_time_total", "Of those, within the threshold.", figures.answered_in_time, queue
            )
            yield Figure("queue_abandoned_total", "Callers who hung up while waiting.", figures.abandoned, queue)
            yield Figure(
                "queue_abandoned_short_total", "Of those, within the threshold.", figures.abandoned_short, queue
            )
            yield Figure("queue_wait_seconds_total", "Sum of waits that were answered.", figures.wait_s, queue)
            yield Figure(
                "queue_handle_seconds_total", "Sum of talk and wrap-up.", figures.talk_s + figures.wrap_up_s, queue
            )
            yield Figure("queue_handled_total", "Talks that are over.", figures.handled, queue)
            yield Figure(
                "queue_estimate_error_seconds_total", "Sum of |wait told - wait|.", figures.estimate_error_s, queue
            )
            for kind in ("closed", "full", "timeout", "failed"):
                gone = figures.given_up.get(kind, 0)
                yield Figure("queue_given_up_total", "Waits without an agent, by kind.", gone, {**queue, "kind": kind})
            if figures.service_level is not None:
                yield Figure(
                    "queue_service_level", "Answered in time, short abandons left out, since the start.",
                    figures.service_level, queue,
                )  # fmt: skip
        for state_, count in floor.roster.states().items():
            assert isinstance(state_, AgentState)
            yield Figure("agents", "Agents by state.", count, {"state": state_.value})
        yield Figure("floor_nodes", "Nodes that share the floor.", len(desk.shared.nodes) if desk.shared else 1)

    def _records(self) -> Iterator[Figure]:
        store, hooks, back = self._desk.store, self._desk.webhooks, self._desk.callbacks
        yield Figure("store_spooled", "Records that wait for the database.", store.spooled)
        yield Figure("store_away", "1 = the database failed a moment ago.", store.away)
        yield Figure("webhooks_delivered_total", "Messages that arrived.", hooks.delivered)
        yield Figure("webhooks_retried_total", "Tries that failed.", hooks.retried)
        yield Figure("webhooks_failed_total", "Messages given up.", hooks.failed)
        yield Figure("callbacks_answered_total", "Calls back that were answered.", back.answered)
        yield Figure("callbacks_unanswered_total", "Calls back that nobody answered.", back.unanswered)
