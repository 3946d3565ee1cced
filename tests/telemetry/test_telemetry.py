"""Metrics, logs and traces from a journal, and the dashboard that names them."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ivr.call.events import CallEvent
from ivr.telemetry.config import TelemetryConfig
from ivr.telemetry.logs import JsonFormatter, TextFormatter, set_up
from ivr.telemetry.metrics import Figure, Metrics
from ivr.telemetry.traces import Traces
from ivr.telemetry.turns import Answer, BargeIn, CallMeter, EngineTrouble, Failed, HandedOver

MS = 16
"""Samples."""


def event(at_ms: int, kind: str, **data: Any) -> CallEvent:
    return CallEvent(at_ms * MS, kind, data)


JOURNAL = [
    event(0, "call.start"),
    event(1_500, "speech.start", while_prompt=True),
    event(1_640, "prompt.cut", why="words"),
    event(3_400, "turn.commit", onset=1_500 * MS, voice_end=3_000 * MS, confidence=0.9, language="zh", text="我要退款"),
    event(3_420, "prompt.start"),
    event(3_900, "prompt.start"),
    event(6_000, "dialog.decision", rule="9 fail: nomatch 1", step="a", source="", detail={"failures": 1}),
    event(6_001, "dialog.decision", rule="9 fail: noinput 2", step="a", source="", detail={"failures": 2}),
    event(7_000, "turn.commit", onset=6_100 * MS, voice_end=6_500 * MS, confidence=0.5, language="en"),
    event(7_100, "turn.reopened"),
    event(7_200, "prompt.start"),
    event(8_000, "speech.start", while_prompt=True),
    event(8_100, "prompt.cut", why="step"),
    event(8_200, "in.RecognitionFailed", reason="stalled"),
    event(
        9_000, "dialog.decision", rule="14 handover", step="b", source="", detail={"queue": "care", "reason": "asked"}
    ),
]


class Driver:
    def __init__(self) -> None:
        self.listeners: list[Callable[[list[CallEvent]], None]] = []
        self.duration_ms = 0

    def play(self, events: list[CallEvent], batch: int = 3) -> None:
        for start in range(0, len(events), batch):
            for listener in self.listeners:
                listener(events[start : start + batch])


def test_what_is_read_off_a_journal() -> None:
    assert list(CallMeter().take(JOURNAL)) == [
        BargeIn(1_500, 1_640),
        Answer(1_500, 3_000, 3_420, 0.9, "zh"),
        Failed(6_000, "no_match"),
        Failed(6_001, "no_input"),
        EngineTrouble(8_200, "recognition", "stalled"),
        HandedOver(9_000, "care", "asked"),
    ]


def test_metrics_of_a_call() -> None:
    metrics = Metrics(lambda: [Figure("calls", "Calls.", 3), Figure("queue_offered_total", "In.", 7, {"queue": 'a"b'})])
    driver = Driver()
    metrics.watch(driver)
    driver.play(JOURNAL)
    metrics.call_ended("handed_over", 9_500)
    lines = metrics.text().decode().splitlines()
    for line in (
        "ivr_calls 3.0",
        'ivr_queue_offered_total{queue="a\\"b"} 7.0',
        'ivr_answer_latency_seconds_bucket{language="zh",le="0.4"} 0.0',
        'ivr_answer_latency_seconds_bucket{language="zh",le="0.5"} 1.0',
        "ivr_barge_in_seconds_sum 0.14",
        "ivr_barge_ins_total 1.0",
        'ivr_failed_questions_total{kind="no_match"} 1.0',
        'ivr_engine_failures_total{engine="recognition"} 1.0',
        'ivr_handovers_total{queue="care"} 1.0',
        'ivr_calls_ended_total{outcome="handed_over"} 1.0',
        'ivr_call_duration_seconds_bucket{le="10.0"} 1.0',
    ):
        assert line in lines, line


def record(message: str, *args: object, error: BaseException | None = None) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("ivr.desk", logging.WARNING, "desk.py", 1, message, args, info)


def test_json_logs() -> None:
    line = JsonFormatter("node-a").format(record("call %s from %s: answered", "c\n1", "张三"))
    assert "\n" not in line
    found = json.loads(line)
    assert found.pop("time").endswith("+00:00")
    assert found == {
        "level": "warning", "logger": "ivr.desk", "message": "call c\n1 from 张三: answered", "call": "c\n1",
        "node": "node-a",
    }  # fmt: skip
    assert "call" not in json.loads(JsonFormatter().format(record("store: %s", "away")))
    try:
        raise ValueError("broken")
    except ValueError as error:
        found = json.loads(JsonFormatter().format(record("desk: failed", error=error)))
    assert found["error"].endswith("ValueError: broken")


def test_text_logs_are_one_line_a_message() -> None:
    line = TextFormatter("%(levelname)s %(message)s").format(
        record("call %s from %s: answered", "c1", "1\n2026-11-30 INFO ivr: \x1b[2J\u202eroot \u2028张三")
    )
    assert line == r"WARNING call c1 from 1\n2026-11-30 INFO ivr: \x1b[2J\u202eroot \u2028张三: answered"
    try:
        raise ValueError("broken")
    except ValueError as error:
        found = TextFormatter("%(message)s").format(record("desk: failed", error=error))
    assert found.splitlines()[0] == "desk: failed"
    assert found.endswith("ValueError: broken"), "tracebacks keep their lines"


def test_libraries_are_quiet_at_info() -> None:
    root = logging.getLogger()
    kept, level = list(root.handlers), root.level
    try:
        for asked, told in (("info", False), ("debug", True), ("warning", False)):
            set_up("text", asked)
            assert logging.getLogger("alembic.runtime.migration").isEnabledFor(logging.INFO) is told
        assert not logging.getLogger("aioice.ice").isEnabledFor(logging.INFO)
    finally:
        set_up("text", "warning")
        root.handlers[:] = kept
        root.setLevel(level)


def test_traces_have_a_span_for_each_turn() -> None:
    exporter = InMemorySpanExporter()
    traces = Traces(TelemetryConfig(traces="http://unused"), "n1", exporter, wall_clock=lambda: 10**18)
    driver = Driver()
    traces.begin(driver, "c1", "payments", "sip")
    driver.play(JOURNAL)
    traces.end("c1", "handed_over", 9_500)
    traces.close()
    turn, call = exporter.get_finished_spans()
    assert (turn.name, call.name) == ("turn", "call")
    assert turn.parent is not None
    assert turn.parent.span_id == call.context.span_id
    assert (turn.start_time, turn.end_time) == (10**18 + 1_500 * 10**6, 10**18 + 3_420 * 10**6)
    assert dict(turn.attributes or {}) == {"ivr.answer_ms": 420, "ivr.confidence": 0.9, "ivr.language": "zh"}
    assert call.end_time == 10**18 + 9_500 * 10**6
    assert [event_.name for event_ in call.events] == [
        "barge-in", "question failed", "question failed", "engine failed", "handed over",
    ]  # fmt: skip
    assert "退款" not in str([span.to_json() for span in (turn, call)])


def test_traces_arrive_at_a_collector() -> None:
    got: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        traces = Traces(TelemetryConfig(traces=f"http://127.0.0.1:{server.server_port}"), "n1")
        traces.begin(Driver(), "c1", "payments", "sip")
        traces.close()  # the call is still on: its span is closed with the service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert [path for path, _ in got] == ["/v1/traces"]
    assert b"service stopped" in got[0][1]


def test_no_collector_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    traces = Traces(TelemetryConfig(traces="http://127.0.0.1:9", trace_share=0.0), "n1")
    driver = Driver()
    traces.begin(driver, "c1", "payments", "sip")
    driver.play(JOURNAL)
    traces.end("c1", "resolved", 1)
    traces.close()
    assert caplog.records == []
