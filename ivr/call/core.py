"""What the parts of a call share: its clock, its timers, the commands and journal lines it gives out, its counters."""

from __future__ import annotations

from collections.abc import Mapping

from ivr.audio.frame import to_ms, to_samples
from ivr.call.events import (
    CallEvent,
    Command,
    DigitPressed,
    EngineEvent,
    FinalTranscript,
    PartialTranscript,
    UtteranceUnderstood,
)
from ivr.call.journal import mask, to_json
from ivr.dialog.events import JsonValue

_SAID = (PartialTranscript, FinalTranscript, UtteranceUnderstood, DigitPressed)
"""Inputs that hold the caller's own words."""

_NEVER = 1 << 62


class Core:
    """No behaviour of its own. Times are samples at 16 kHz since the call was answered."""

    def __init__(self) -> None:
        self.now = 0
        self._commands: list[Command] = []
        self._events: list[CallEvent] = []
        self._timers: dict[str, int] = {}
        self._earliest = _NEVER
        """No timer runs out before this."""
        self._next_id = 0
        self.transcript: list[tuple[str, str]] = []
        """Who (`caller`, `bot`) said what, sensitive parts masked."""

    @property
    def now_ms(self) -> int:
        return to_ms(self.now)

    def new_id(self) -> int:
        """A number unique within the call."""
        self._next_id += 1
        return self._next_id

    def emit(self, command: Command) -> None:
        self._commands.append(command)

    def log(self, kind: str, data: Mapping[str, JsonValue] | None = None, at: int | None = None) -> None:
        self._events.append(CallEvent(self.now if at is None else at, kind, data or {}))

    def log_value(self, kind: str, value: object) -> None:
        """Journal a dataclass of the contracts."""
        data = to_json(value)
        assert isinstance(data, dict)
        self.log(kind, data)

    def log_input(self, event: EngineEvent, *, hidden: bool, meaning: str = "") -> None:
        """Journal an engine event as it came in; what the caller said to a sensitive question is masked."""
        data = to_json(event)
        assert isinstance(data, dict)
        hide = hidden and isinstance(event, _SAID)
        if meaning:
            data["meaning"] = meaning
        self.log(f"in.{type(event).__name__}", mask(data) if hide else data)

    def transcript_undo(self) -> None:
        """The caller's last turn goes on: forget it and what was said since."""
        while self.transcript and self.transcript.pop()[0] != "caller":
            continue

    def take_commands(self) -> list[Command]:
        commands, self._commands = self._commands, []
        return commands

    def take_events(self) -> list[CallEvent]:
        events, self._events = self._events, []
        return events

    # -- timers: every wait has an owner (the name) and a bound (the sample)

    def arm(self, name: str, ms: float) -> None:
        self._timers[name] = at = self.now + to_samples(ms)
        self._earliest = min(self._earliest, at)

    def disarm(self, name: str) -> None:
        self._timers.pop(name, None)

    def deadline(self, name: str) -> int | None:
        return self._timers.get(name)

    def due(self) -> list[str]:
        """Names of the timers that have run out, oldest first; they are disarmed."""
        if self.now < self._earliest:
            return []
        names = sorted((n for n, at in self._timers.items() if at <= self.now), key=lambda n: (self._timers[n], n))
        for name in names:
            del self._timers[name]
        self._earliest = min(self._timers.values(), default=_NEVER)
        return names

    @property
    def waits(self) -> dict[str, int]:
        """Armed timers and when they end."""
        return dict(self._timers)
