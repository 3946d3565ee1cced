"""A call whose process died in mid-call: its journal on disk tells how far it went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from ivr.audio.frame import to_ms
from ivr.call import journal
from ivr.call.events import CallEvent
from ivr.errors import InputError
from ivr.store.models import CallRow


@dataclass(frozen=True, slots=True)
class Interrupted:
    """What was found of it."""

    call_id: str
    journal: str
    events: int
    """Whole lines of the journal."""
    duration_ms: int
    problem: str = ""
    """Why the journal could not be read to its end; a last line cut off by the crash is no problem."""


def mend_call(row: CallRow) -> Interrupted:
    """Close the row: as its journal says if that has the end, else as interrupted, at the journal's last event."""
    events, problem = read_journal(Path(row.journal)) if row.journal else ([], "the call had no journal yet")
    last_ms = to_ms(events[-1].at) if events else 0
    end = events[-1] if events and events[-1].kind == "call.end" else None
    row.state = "ended" if end else "interrupted"
    row.outcome = str(end.data.get("outcome", "failed")) if end else "failed"
    row.reason = str(end.data.get("cause", "")) if end else "interrupted"
    row.ended_at = row.started_at + timedelta(milliseconds=last_ms)
    return Interrupted(row.id, row.journal, len(events), last_ms, problem)


def read_journal(path: Path) -> tuple[list[CallEvent], str]:
    """As many events as can be read, and what is wrong with the rest."""
    events: list[CallEvent] = []
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            for event in journal.loads(file, path.name):
                events.append(event)  # noqa: PERF402 - what came before an error is kept
    except OSError as error:
        return events, f"{path}: {error.strerror}"
    except InputError as error:
        return events, str(error)
    return events, ""
