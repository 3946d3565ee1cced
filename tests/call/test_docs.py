"""The table of states in the documentation is the one in the code."""

from __future__ import annotations

from pathlib import Path

from ivr.call.states import WAITS

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "architecture.md"


def test_the_states_in_the_documentation_are_those_of_the_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    table = text.split("<!-- states:")[1].split("<!-- end of states -->")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][2:]
    expected = [f"| {s.value} | {w.for_what} | {w.owner} | {w.then} |" for s, w in WAITS.items()]
    assert rows == expected
