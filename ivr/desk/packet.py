"""The hand-over packet: all that a human should know when they take a call. Its JSON Schema is published as
docs/handover-packet.schema.json, and a test holds the two together.

Sensitive values leave the call as dots of their length.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from ivr.call.events import EnterQueue
from ivr.dialog.events import HandoverSlot
from ivr.store.models import CallerRow
from ivr.transport.base import CallInfo

SCHEMA_ID = "urn:ivr:handover-packet:1"
DOT = "•"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PacketSlot(_Part):
    """One thing the caller said that the bot understood as a value."""

    name: str = Field(description="Name of the slot in the hotline.")
    value: JsonValue = Field(description="The value as JSON (dates ISO 8601); dots of its length if sensitive.")
    confidence: float = Field(ge=0, le=1, description="Calibrated probability that it is right.")
    confirmed: bool = Field(description="The caller has said that it is right.")
    alternatives: list[JsonValue] = Field(description="What else it may have been, best first.")
    clip_ms: int = Field(ge=0, description="Where in the recording it was said, in ms from the answer.")
    sensitive: bool = Field(description="The value is masked.")
    shared: bool = Field(description="To be shown at once (screen pop).")


class PacketTurn(_Part):
    """One line of the transcript."""

    speaker: str = Field(description="`caller` or `bot`.")
    text: str = Field(description="What was said; sensitive words are masked.")


class PacketCaller(_Part):
    """Who calls."""

    number: str = Field(description="Empty if withheld.")
    name: str = Field(default="", description="Empty if unknown.")
    language: str = Field(default="", description="Of earlier calls.")
    calls: int = Field(default=0, ge=0, description="Calls so far, this one included.")
    data: dict[str, JsonValue] = Field(default_factory=dict, description="The store's record of them.")


class Packet(_Part):
    """Why a call is handed over, and what the bot has learned."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="Hand-over packet")

    version: Literal[1] = Field(default=1, description="Of this format.")
    call_id: str = Field(description="Id of the call.")
    called: str = Field(description="Number that was called.")
    caller: PacketCaller = Field(description="Who calls.")
    queue: str = Field(description="Queue the caller was sent to.")
    reason: str = Field(description="Why (`no_match`, `asked`, ...).")
    priority: str = Field(description="Word or number.")
    skills: list[str] = Field(description="What the agent must know.")
    language: str = Field(description="The call's.")
    intent: str = Field(description="What the caller wants, as far as the bot knows.")
    summary: str = Field(description="In a sentence or two.")
    anger: float = Field(ge=0, le=1, description="0 calm to 1 furious.")
    tried: list[str] = Field(description="What the bot tried: steps with their failures.")
    slots: list[PacketSlot] = Field(description="Those to be shown at once first.")
    transcript: list[PacketTurn] = Field(description="From the beginning.")
    wait_s: float = Field(default=0.0, ge=0, description="How long the caller has waited for a human.")
    source: str = Field(default="", description="`file:line` of the step that handed over.")


def build_packet(info: CallInfo, command: EnterQueue, caller: PacketCaller | None = None) -> Packet:
    """What is known when the caller enters the queue."""
    handover = command.handover
    slots = sorted(handover.slots, key=lambda slot: slot.name not in handover.share)
    return Packet(
        call_id=info.call_id,
        called=info.called,
        caller=caller or PacketCaller(number=info.caller),
        queue=handover.queue,
        reason=handover.reason,
        priority=handover.priority,
        skills=list(handover.skills),
        language=handover.language,
        intent=handover.intent,
        summary=_masked_text(handover.summary, handover.slots),
        anger=min(1.0, max(0.0, handover.anger)),
        tried=list(handover.tried),
        slots=[_slot(slot, slot.name in handover.share) for slot in slots],
        transcript=[PacketTurn(speaker=speaker, text=text) for speaker, text in command.transcript],
        source=handover.source,
    )


def caller_known(row: CallerRow) -> PacketCaller:
    """What the store knows of the caller."""
    return PacketCaller(number=row.number, name=row.name, language=row.language, calls=row.calls, data=row.data)


def packet_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the packet as it is sent."""
    schema = Packet.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, **schema}


def packet_schema_text() -> str:
    return json.dumps(packet_schema(), indent=2, ensure_ascii=False) + "\n"


def as_json(packet: Packet) -> Mapping[str, Any]:
    return packet.model_dump(mode="json")


def _slot(slot: HandoverSlot, shared: bool) -> PacketSlot:
    hide = slot.sensitive
    return PacketSlot(
        name=slot.name,
        value=_masked(slot.value) if hide else slot.value,
        confidence=min(1.0, max(0.0, slot.confidence)),
        confirmed=slot.confirmed,
        alternatives=[_masked(item) if hide else item for item in slot.alternatives],
        clip_ms=max(0, slot.heard_at_ms),
        sensitive=hide,
        shared=shared,
    )


def _masked(value: Any) -> JsonValue:
    """The shape stays, what was said does not."""
    if value is None:
        return None
    if isinstance(value, dict):
        return {str(key): _masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item) for item in value]
    return DOT * len(str(value))


def _masked_text(text: str, slots: tuple[HandoverSlot, ...]) -> str:
    """A summary that the hotline wrote may quote a sensitive slot."""
    for slot in slots:
        value = str(slot.value)
        if slot.sensitive and slot.value is not None and len(value) > 1:
            text = text.replace(value, DOT * len(value))
    return text
