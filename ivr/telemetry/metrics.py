"""Metrics for Prometheus: what happens in calls as histograms and counters, what is so at this moment as gauges read
when they are asked for. `docs/grafana/ivr.json` is a dashboard of them; a test holds it to the names here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ivr.call.events import CallEvent
from ivr.telemetry.turns import Answer, BargeIn, CallMeter, EngineTrouble, Failed, HandedOver, Observation

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_LATENCY_S = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0)
_REACTION_S = (0.04, 0.08, 0.12, 0.16, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0)
_CALL_S = (10, 30, 60, 120, 180, 300, 600, 1200, 1800, 3600)
Label: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of this moment; counters end in `_total`."""

    name: str
    """Without `ivr_`."""
    help: str
    value: float
    labels: Mapping[str, str] | None = None


Figures: TypeAlias = Callable[[], Iterable[Figure]]


class Driver(Protocol):
    """A live call."""

    listeners: list[Callable[[list[CallEvent]], None]]


class Metrics:
    """One for a process, with a registry of its own. `figures` = functions that read gauges."""

    def __init__(self, *figures: Figures) -> None:
        self.registry = CollectorRegistry()
        self.figures: list[Figures] = list(figures)
        self.registry.register(_Reader(self.figures))

        def histogram(name: str, what: str, buckets: tuple[float, ...], labels: Label = ()) -> Histogram:
            return Histogram(f"ivr_{name}", what, labels, buckets=buckets, registry=self.registry)

        def counter(name: str, what: str, labels: Label = ()) -> Counter:
            return Counter(f"ivr_{name}", what, labels, registry=self.registry)

        self._answers = histogram(
            "answer_latency_seconds", "Caller's last voice to the first sound of the answer.", _LATENCY_S, ("language",)
        )
        self._stops = histogram("barge_in_seconds", "Caller's onset to the stop of the prompt.", _REACTION_S)
        self._lengths = histogram("call_duration_seconds", "Length of calls.", _CALL_S)
        self._ended = counter("calls_ended", "Calls that are over, by outcome.", ("outcome",))
        self._turns = counter("turns", "Turns of callers that were answered.")
        self._barge_ins = counter("barge_ins", "Prompts stopped by the caller's voice.")
        self._failed = counter("failed_questions", "Questions not answered: no_match, no_input, invalid.", ("kind",))
        self._handed = counter("handovers", "Callers handed over to a queue.", ("queue",))
        self._troubles = counter("engine_failures", "Failures of recognition, synthesis, backend.", ("engine",))
        for kind in ("no_match", "no_input", "invalid"):
            self._failed.labels(kind)
        for engine in ("recognition", "synthesis", "backend"):
            self._troubles.labels(engine)

    def watch(self, driver: Driver) -> None:
        """Measure this call from now on."""
        meter = CallMeter()

        def listen(events: list[CallEvent]) -> None:
            for seen in meter.take(events):
                self.observe(seen)

        driver.listeners.append(listen)

    def observe(self, seen: Observation) -> None:
        if isinstance(seen, Answer):
            self._turns.inc()
            self._answers.labels(seen.language[:10]).observe(max(0, seen.answer_ms - seen.voice_end_ms) / 1000)
        elif isinstance(seen, BargeIn):
            self._barge_ins.inc()
            self._stops.observe(max(0, seen.stop_ms - seen.onset_ms) / 1000)
        elif isinstance(seen, Failed):
            self._failed.labels(seen.what).inc()
        elif isinstance(seen, HandedOver):
            self._handed.labels(seen.queue).inc()
        elif isinstance(seen, EngineTrouble):
            self._troubles.labels(seen.engine).inc()

    def call_ended(self, outcome: str, duration_ms: int) -> None:
        self._ended.labels(outcome or "unknown").inc()
        self._lengths.observe(duration_ms / 1000)

    def text(self) -> bytes:
        """The exposition format of Prometheus."""
        return generate_latest(self.registry)


class _Reader(Collector):
    """Gauges and counters that others keep."""

    def __init__(self, figures: list[Figures]) -> None:
        self._figures = figures

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        families: dict[str, GaugeMetricFamily | CounterMetricFamily] = {}
        for read in self._figures:
            for figure in read():
                labels = dict(figure.labels or {})
                if figure.name not in families:
                    families[figure.name] = _family(figure, list(labels))
                families[figure.name].add_metric(list(labels.values()), figure.value)
        yield from families.values()


def _family(figure: Figure, labels: list[str]) -> GaugeMetricFamily | CounterMetricFamily:
    name = f"ivr_{figure.name}"
    if name.endswith("_total"):
        return CounterMetricFamily(name.removesuffix("_total"), figure.help, labels=labels)
    return GaugeMetricFamily(name, figure.help, labels=labels)
