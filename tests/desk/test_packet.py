"""The hand-over packet and its published schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

from ivr.call.events import EnterQueue
from ivr.desk.packet import as_json, build_packet, packet_schema, packet_schema_text
from ivr.dialog.events import Handover, HandoverSlot
from ivr.transport.base import CallInfo

INFO = CallInfo("c1", "13800138000", "95188", "sip")
PUBLISHED = Path(__file__).parents[2] / "docs" / "handover-packet.schema.json"
VALIDATOR = jsonschema.Draft202012Validator(packet_schema())


def test_the_published_schema_is_what_is_sent() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == packet_schema_text(), (
        "write it anew: python -c \"from ivr.desk.packet import packet_schema_text as t; print(t(), end='')\" "
        "> docs/handover-packet.schema.json"
    )
    jsonschema.Draft202012Validator.check_schema(packet_schema())


def test_a_packet() -> None:
    handover = Handover(
        queue="cards", reason="dispute_open", skills=("dispute", "lang:zh"), priority="high",
        summary="card 4412, 15 yuan", intent="dispute", language="zh", tried=("dispute/details nomatch x3",),
        slots=(
            HandoverSlot("amount", 15, 0.7, False, (50,), 8200),
            HandoverSlot("card", "4412", 0.95, True, ("4413",), 4100, sensitive=True),
        ),
        share=("card",), anger=0.2, source="flows/dispute.yaml:30",
    )  # fmt: skip
    packet = as_json(build_packet(INFO, EnterQueue(handover, (("caller", "多扣了钱"), ("bot", "哪张卡？")))))
    VALIDATOR.validate(packet)
    assert packet["slots"] == [
        {"name": "card", "value": "••••", "confidence": 0.95, "confirmed": True, "alternatives": ["••••"],
         "clip_ms": 4100, "sensitive": True, "shared": True},
        {"name": "amount", "value": 15, "confidence": 0.7, "confirmed": False, "alternatives": [50],
         "clip_ms": 8200, "sensitive": False, "shared": False},
    ]  # fmt: skip
    assert packet["summary"] == "card ••••, 15 yuan"
    assert packet["caller"]["number"] == "13800138000"
    assert packet["transcript"][0] == {"speaker": "caller", "text": "多扣了钱"}
    assert (packet["tried"], packet["reason"], packet["wait_s"]) == (["dispute/details nomatch x3"], "dispute_open", 0)
    assert packet["source"] == "flows/dispute.yaml:30"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
SLOTS = st.builds(
    HandoverSlot, st.text(max_size=8), VALUES, st.floats(-1, 2), st.booleans(),
    st.lists(VALUES, max_size=2).map(tuple), st.integers(-5, 10**7), st.booleans(),
)  # fmt: skip


@given(st.lists(SLOTS, max_size=4), st.floats(-1, 2), st.text(max_size=20))
def test_any_handover_makes_a_valid_packet(slots: list[HandoverSlot], anger: float, summary: str) -> None:
    made: Any = as_json(build_packet(INFO, EnterQueue(Handover("q", "r", slots=tuple(slots), anger=anger))))
    VALIDATOR.validate(made)


@given(st.text("0123456789", min_size=2, max_size=16), st.text(max_size=9))
def test_what_is_sensitive_never_leaves(number: str, text: str) -> None:
    slots = (HandoverSlot("pan", number, 1.0, True, (number, [number]), 0, sensitive=True),)
    made = build_packet(INFO, EnterQueue(Handover("q", "r", summary=f"{text} {number}", slots=slots)))
    assert number not in str(made.slots) + made.summary.removeprefix(text)
