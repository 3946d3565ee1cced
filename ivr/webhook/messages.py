"""What is told. The JSON Schema of all messages is published as docs/webhook.schema.json; a test holds them to it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

from ivr.desk.packet import Packet

SCHEMA_ID = "urn:ivr:webhook:1"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)


class EndedCall(_Part):
    """How a call went."""

    call_id: str
    caller: str = Field(description="Empty if withheld.")
    called: str
    hotline: str
    language: str
    started_at: datetime
    duration_ms: int = Field(ge=0)
    outcome: str = Field(description="resolved, handed_over, abandoned, failed, ...")
    cause: str


class TicketData(_Part):
    """A ticket as it is now."""

    number: str
    state: Literal["open", "assigned", "waiting", "done"]
    topic: str
    caller: str
    phone: str
    language: str
    priority: str
    reason: str
    assignee: str
    call_id: str
    created_at: datetime
    due_at: datetime | None
    updated_at: datetime
    fields: dict[str, JsonValue]


class HandedOver(_Part):
    type: Literal["call.handed_over"] = "call.handed_over"
    timestamp: datetime
    data: Packet


class CallEnded(_Part):
    type: Literal["call.ended"] = "call.ended"
    timestamp: datetime
    data: EndedCall


class TicketCreated(_Part):
    type: Literal["ticket.created"] = "ticket.created"
    timestamp: datetime
    data: TicketData


class TicketChanged(_Part):
    type: Literal["ticket.changed"] = "ticket.changed"
    timestamp: datetime
    data: TicketData


Message = HandedOver | CallEnded | TicketCreated | TicketChanged


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a message's body."""
    made = TypeAdapter[Message](Message).json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, "title": "Webhook", **made}


def schema_text() -> str:
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
