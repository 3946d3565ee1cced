"""What is told, and where to."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class TelemetryConfig(BaseModel):
    """Logs and traces; metrics are always at /metrics."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    logs: Literal["text", "json"] = Field(
        default="text", description="`json`: one object a line, with the call's id where there is one."
    )
    traces: str = Field(
        default="", description="OTLP/HTTP collector: http://127.0.0.1:4318; empty = no traces (extra `traces`)."
    )
    trace_share: float = Field(default=1.0, ge=0, le=1, description="Share of calls that are traced.")
