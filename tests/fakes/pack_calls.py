"""Calls to the dialog packs, in text and without a clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from ivr.dialog import events as ev
from ivr.dialog.bundle import Bundle
from ivr.dialog.testing.simulator import Simulator


def begin_call(
    bundle: Bundle, language: str, caller: str = "100", backend: Any = None,
    queues: Mapping[str, ev.QueueStatus] | None = None, **context: Any,
) -> Simulator:  # fmt: skip
    """A call that has just been answered, today: the backends' days count from it."""
    now = dt.datetime.now().astimezone().isoformat()
    call = ev.CallContext(
        **{"id": "c1", "caller": caller, "called": "", "language": language, "started_at": now} | context
    )
    simulator = Simulator(bundle, call, backend, queues)
    simulator.start()
    return simulator


def say(simulator: Simulator, *words: str) -> list[str]:
    """What the caller says, turn by turn; gives what the bot says to all of it."""
    return [said.text for word in words for said in simulator.speak(ev.Spoken(word, 1.0)).said]
