"""The asyncio side of a live call: every tick a frame in and a frame out; commands to the services, answers back.

The pacer calls `tick` of every call of the process each 20 ms, so nothing here waits or does work of weight. Services
answer on the loop through `deliver`, at any time between ticks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from ivr.audio.frame import FRAME_MS, FRAME_SAMPLES, SILENCE, AudioFrame
from ivr.call.events import CallerGone, CallEvent, Command, DigitPressed, EngineEvent, HangUp
from ivr.call.session import CallSession
from ivr.dialog.events import JsonValue, QueueStatus
from ivr.transport.base import CallInfo, MediaLeg

_log = logging.getLogger(__name__)

FAREWELL_FRAMES = 200 // FRAME_MS
"""Silence between the last prompt and the hang-up: a telephone that gets BYE forgets what its jitter buffer holds."""


_HIDDEN = AudioFrame(SILENCE)


class Services(Protocol):
    """Whoever carries a call's commands out: recogniser, synthesiser, understanding, backend, human desk."""

    def carry_out(self, driver: CallDriver, command: Command) -> None:
        """Start it and return; answers come by `driver.deliver`. Raises nothing."""

    def forget(self, driver: CallDriver) -> None:
        """The call is over: cancel all that still runs for it."""


class CallRecorder(Protocol):
    """Where a call's sound and journal go. Never blocks, never raises."""

    def frames(self, caller: AudioFrame, bot: AudioFrame) -> None: ...

    def events(self, events: list[CallEvent]) -> None: ...

    def close(self) -> None: ...


class Room(Protocol):
    """The humans on a call (`ivr.desk.conference`). Never blocks, never raises."""

    def exchange(
        self, caller: AudioFrame, bot: AudioFrame, *, hide_caller: bool = False, hide_bot: bool = False
    ) -> AudioFrame:
        """One frame of both; what the caller hears of bot and humans."""


class CallDriver:
    """One live call. `on_end` is called once, when the session has ended and nothing more will come of it."""

    def __init__(
        self,
        info: CallInfo,
        session: CallSession,
        leg: MediaLeg,
        services: Services,
        recorder: CallRecorder,
        on_end: Callable[[CallDriver, HangUp], None],
    ) -> None:
        self.info = info
        self.session = session
        self._leg = leg
        self._services = services
        self._recorder = recorder
        self._on_end = on_end
        self._hang_up: HangUp | None = None
        self._farewell = FAREWELL_FRAMES
        self._over = False
        self._gone = False
        self._waiting: list[EngineEvent] = []
        self.room: Room | None = None
        """The humans on the line: what they say goes to the caller, the caller's voice to them."""
        self.listeners: list[Callable[[list[CallEvent]], None]] = []
        """Live views: given each batch of journal events."""

    def start(
        self, queues: dict[str, QueueStatus] | None = None, overlay: Mapping[str, JsonValue] | None = None
    ) -> None:
        """The call is answered."""
        try:
            self.session.start(queues, dict(overlay or {}))
            self._pump()
        except Exception:
            _log.exception("call %s: failed at its start", self.info.call_id)
            self._end(HangUp("failed", "internal_error"))

    # -- each 20 ms

    def tick(self) -> None:
        """One frame each way. Called by the pacer; an error of ours ends this call only."""
        if self._over:
            return
        try:
            self._exchange()
        except Exception:
            _log.exception("call %s: failed in its tick", self.info.call_id)
            self._end(HangUp("failed", "internal_error"))

    def _exchange(self) -> None:
        if self._hang_up is not None:
            self._take_leave(self._hang_up)
            return
        session = self.session
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            session.receive_event(event)
        for digit in self._leg.take_digits():
            session.receive_event(DigitPressed(digit.digit, digit.source))
        heard = AudioFrame(SILENCE, lost=True) if self._gone else self._leg.read()
        hidden = session.hides_caller
        session.receive_frame(heard)
        self._pump()
        said = session.next_frame(FRAME_SAMPLES)
        if self.room is not None:
            hidden = hidden or session.hides_caller
            said = self.room.exchange(heard, said, hide_caller=hidden, hide_bot=session.hides_bot)
        if not self._gone:
            self._leg.write(said)
        # What must not be kept is silence in the recording, of the same length.
        self._recorder.frames(_HIDDEN if session.hides_caller else heard, _HIDDEN if session.hides_bot else said)

    def _take_leave(self, hang_up: HangUp) -> None:
        """The call is over for the bot: let the caller hear the end of what was sent, then hang up."""
        if self._gone or not self._farewell:
            self._end(hang_up)
            return
        self._farewell -= 1
        self._leg.read()
        self._leg.write(AudioFrame(SILENCE))

    # -- answers

    def deliver(self, event: EngineEvent) -> None:
        """An answer of a service, or news of the line. On the loop's thread."""
        if self._over:
            return
        if isinstance(event, CallerGone):
            self._gone = True
        try:
            self.session.receive_event(event)
            self._pump()
        except Exception:
            _log.exception("call %s: failed on %s", self.info.call_id, type(event).__name__)
            self._end(HangUp("failed", "internal_error"))

    def later(self, event: EngineEvent) -> None:
        """Deliver with the next tick: for services that know the answer while they are being asked."""
        self._waiting.append(event)

    def abort(self, reason: str) -> None:
        """The service stops: the call ends now, with what is still under way for it."""
        self.deliver(CallerGone(reason))
        self._end(self._hang_up or HangUp("abandoned", reason))

    def note(self, kind: str, data: Mapping[str, JsonValue]) -> None:
        """A line for the journal from outside of the core: what humans said and did. It changes no decision."""
        if not self._over:
            self._give([CallEvent(self.session.now, kind, data)])

    def _pump(self) -> None:
        while commands := self.session.take_commands():
            for command in commands:
                if isinstance(command, HangUp):
                    self._hang_up = command
                else:
                    self._services.carry_out(self, command)
        events = self.session.take_events()
        if events:
            self._give(events)

    def _give(self, events: list[CallEvent]) -> None:
        self._recorder.events(events)
        for listener in tuple(self.listeners):
            listener(events)

    def _end(self, hang_up: HangUp) -> None:
        if self._over:
            return
        self._over = True
        self._services.forget(self)
        self._recorder.close()
        self._on_end(self, hang_up)

    @property
    def over(self) -> bool:
        return self._over

    @property
    def duration_ms(self) -> int:
        return self.session.now // FRAME_SAMPLES * FRAME_MS
