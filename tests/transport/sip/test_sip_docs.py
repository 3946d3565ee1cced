"""docs/sip.md names every setting and signal, and its diagrams are the tables of the code."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import get_args

import pytest

from ivr.transport.sip.config import SipConfig
from ivr.transport.sip.events import CallEvent
from ivr.transport.sip.transaction import CLIENT_INVITE, CLIENT_OTHER, SERVER_INVITE, SERVER_OTHER, Input, Table

TEXT = (Path(__file__).parents[3] / "docs" / "sip.md").read_text(encoding="utf-8")
LABELS = {Input.R1XX: "1xx", Input.R2XX: "2xx", Input.ERROR: "300-699", Input.BROKEN: "transport error"}
TABLES = {
    "Called, INVITE": SERVER_INVITE,
    "Called, other requests": SERVER_OTHER,
    "Calling, INVITE": CLIENT_INVITE,
    "Calling, other requests": CLIENT_OTHER,
}


def diagram(title: str, table: Table) -> str:
    """A mermaid state diagram; inputs that lead the same way share an arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (state, what), (then, _) in table.items():
        arrows.setdefault((state.name, then.name), []).append(LABELS.get(what, what.name))
    lines = [f"    {before} --> {after}: {', '.join(labels)}" for (before, after), labels in arrows.items()]
    return "\n".join([f"**{title}**", "", "```mermaid", "stateDiagram-v2", *lines, "```", ""])


@pytest.mark.parametrize("title", TABLES)
def test_diagram_is_the_table(title: str) -> None:
    wanted = diagram(title, TABLES[title])
    assert wanted in TEXT, f"put this into docs/sip.md:\n{wanted}"


def test_every_setting_and_signal_is_named() -> None:
    names = [field.name for field in dataclasses.fields(SipConfig)] + [kind.__name__ for kind in get_args(CallEvent)]
    assert [name for name in names if f"`{name}`" not in TEXT and f"`{name}(" not in TEXT] == []
