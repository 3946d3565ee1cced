"""Traces by OpenTelemetry: a span for each call, and below it one for each turn, from the caller's first voice to the
first sound of the answer. Times are those of the call's own clock, so a trace agrees with the journal to the
millisecond. Nothing that anybody said is in them.

Needs the extra `traces`; without it, or without an address, nothing here is loaded.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from ivr import __version__
from ivr.call.events import CallEvent
from ivr.errors import ConfigError
from ivr.telemetry.config import TelemetryConfig
from ivr.telemetry.turns import Answer, BargeIn, CallMeter, EngineTrouble, Failed, HandedOver, Observation

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

_log = logging.getLogger(__name__)
_NS_PER_MS = 1_000_000


class Driver(Protocol):
    """A live call."""

    listeners: list[Callable[[list[CallEvent]], None]]

    @property
    def duration_ms(self) -> int: ...


class Traces:
    """One for a process. Raises ConfigError when OpenTelemetry is not installed."""

    def __init__(
        self, config: TelemetryConfig, node: str, exporter: SpanExporter | None = None,
        wall_clock: Callable[[], int] = time.time_ns,
    ) -> None:  # fmt: skip
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
            from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
        except ImportError as error:
            raise ConfigError(f"telemetry.traces: {error} (pip install 'ivr[traces]')") from error
        resource = Resource.create({"service.name": "ivr", "service.version": __version__, "service.instance.id": node})
        self._provider = TracerProvider(resource=resource, sampler=TraceIdRatioBased(config.trace_share))
        if exporter is None:
            address = config.traces.rstrip("/")
            path = "" if address.endswith("/v1/traces") else "/v1/traces"
            self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=address + path, timeout=5)))
        else:
            self._provider.add_span_processor(SimpleSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("ivr", __version__)
        self._wall_clock = wall_clock
        self._open: dict[str, tuple[Any, int, Driver]] = {}

    def begin(self, driver: Driver, call_id: str, hotline: str, transport: str) -> None:
        """The call was answered just now."""
        start = self._wall_clock() - driver.duration_ms * _NS_PER_MS
        attributes = {"ivr.call.id": call_id, "ivr.hotline": hotline, "network.transport.kind": transport}
        root = self._tracer.start_span("call", start_time=start, attributes=attributes)
        self._open[call_id] = (root, start, driver)
        meter = CallMeter()

        def listen(events: list[CallEvent]) -> None:
            for seen in meter.take(events):
                self._note(root, start, seen)

        driver.listeners.append(listen)

    def end(self, call_id: str, outcome: str, duration_ms: int) -> None:
        root, start, _ = self._open.pop(call_id, (None, 0, None))
        if root is not None:
            root.set_attribute("ivr.outcome", outcome)
            root.end(end_time=start + duration_ms * _NS_PER_MS)

    def _note(self, root: Any, start: int, seen: Observation) -> None:
        def at(ms: int) -> int:
            return start + ms * _NS_PER_MS

        if isinstance(seen, Answer):
            from opentelemetry.trace import set_span_in_context

            attributes: dict[str, float | str] = {
                "ivr.answer_ms": seen.answer_ms - seen.voice_end_ms, "ivr.confidence": seen.confidence,
                "ivr.language": seen.language,
            }  # fmt: skip
            turn = self._tracer.start_span(
                "turn", set_span_in_context(root), start_time=at(seen.onset_ms), attributes=attributes
            )
            turn.add_event("end of speech", timestamp=at(seen.voice_end_ms))
            turn.end(end_time=at(seen.answer_ms))
        elif isinstance(seen, BargeIn):
            root.add_event("barge-in", {"ivr.reaction_ms": seen.stop_ms - seen.onset_ms}, at(seen.stop_ms))
        elif isinstance(seen, Failed):
            root.add_event("question failed", {"ivr.failure": seen.what}, at(seen.at_ms))
        elif isinstance(seen, HandedOver):
            root.add_event("handed over", {"ivr.queue": seen.queue, "ivr.reason": seen.reason}, at(seen.at_ms))
        elif isinstance(seen, EngineTrouble):
            root.add_event("engine failed", {"ivr.engine": seen.engine}, at(seen.at_ms))

    def close(self) -> None:
        """Send what is left; waits a few seconds at most. Call it off the loop."""
        for call_id, (_, _, driver) in list(self._open.items()):
            self.end(call_id, "service stopped", driver.duration_ms)
        self._provider.shutdown()
