"""The whole life of a call, as a pure state machine.

Audio frames move its clock; engines and people answer its commands by events; the dialog decides what is said.
It holds no socket, thread, engine or clock: the live driver, replay, tests and simulators are shells around the same
object, and the same input gives the same output to the byte.

    shell:  session.receive_frame(frame)      20 ms of the caller
            session.receive_event(event)      what engines, backend, queue and network report
            frame = session.next_frame()      20 ms for the caller
            session.take_commands()           what to ask engines for
            session.take_events()             the journal
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from ivr.audio.frame import FRAME_SAMPLES, AudioFrame, Samples
from ivr.call.core import Core
from ivr.call.ears import Ears, VoiceDetector, decode_activity, encode_activity, level_dbfs
from ivr.call.events import (
    AgentSays,
    BackendFailed,
    BackendReplied,
    CallerGone,
    CallEvent,
    Command,
    DigitPressed,
    EngineEvent,
    FinalTranscript,
    MediaLost,
    OverlayChanged,
    PartialTranscript,
    PromptAudio,
    PromptFailed,
    QueueChanged,
    RecognitionFailed,
    TurnJudged,
    UtteranceUnderstood,
)
from ivr.call.interpreter import Dialog, DialogRunner
from ivr.call.keys import KeyBuffer
from ivr.call.mixer import Mixer
from ivr.call.settings import CallSettings
from ivr.call.speaker import Speaker
from ivr.call.states import CallState
from ivr.call.turns import Turns
from ivr.call.vocabulary import Vocabulary
from ivr.dialog import events as dialog
from ivr.turn.gate import Activity, SpeechGate


class _Handler(Protocol):
    def __call__(self, event: Any) -> None: ...


class CallSession:
    """One call, from the answer to the hang-up. See the module's text."""

    def __init__(
        self,
        interpreter: Dialog,
        context: dialog.CallContext,
        detector: VoiceDetector,
        vocabulary: Vocabulary,
        settings: CallSettings | None = None,
        music: Samples | None = None,
    ) -> None:
        settings = settings or CallSettings()
        self._settings = settings
        self._core = Core()
        self._mixer = Mixer(music)
        self._speaker = Speaker(self._core, self._mixer, settings)
        self._gate = SpeechGate(settings.gate)
        self._ears = Ears(detector, self._gate, settings.echo)
        self._dialog = DialogRunner(self._core, self._speaker, self._mixer, settings, interpreter)
        self._turns = Turns(self._core, self._speaker, self._gate, self._dialog, vocabulary, settings)
        self._keys = KeyBuffer(self._core, self._dialog, self._turns)
        self._context = context
        self._inbox: list[Samples] = []
        self._inbox_length = 0
        self._inbox_lost = False
        self._outbox: list[Samples] = []
        self._sent: Samples | None = None
        """The block last mixed, unless it was silence."""
        self._activity = ""
        self._state = CallState.SPEAKING
        self._handlers: dict[type[Any], _Handler] = {
            PartialTranscript: self._turns.partial,
            FinalTranscript: self._turns.final,
            RecognitionFailed: self._turns.failed,
            UtteranceUnderstood: self._turns.understood,
            TurnJudged: self._turns.judged,
            PromptAudio: self._speaker.sound,
            PromptFailed: self._speaker.failed,
            DigitPressed: self._keys.press,
            BackendReplied: self._dialog.replied,
            BackendFailed: self._dialog.backend_failed,
            QueueChanged: self._dialog.queue_changed,
            AgentSays: self._dialog.agent_says,
            OverlayChanged: self._dialog.overlay_changed,
            MediaLost: self._media_lost,
            CallerGone: self._caller_gone,
        }

    # -- what the shell calls

    def start(
        self, queues: dict[str, dialog.QueueStatus] | None = None, overlay: dict[str, dialog.JsonValue] | None = None
    ) -> None:
        """The call is answered. Call once, before the first frame."""
        self._core.arm("call", self._settings.call_limit_ms)
        self._dialog.step(dialog.CallStarted(0, self._context, queues or {}, overlay or {}))
        self._settle()

    def receive_frame(self, frame: AudioFrame) -> None:
        """Take the caller's audio, any length; the clock moves by it. Decisions fall on blocks of 320 samples."""
        if not self._inbox and len(frame.samples) == FRAME_SAMPLES:
            self._hear(frame.samples, frame.lost)
            return
        self._inbox.append(frame.samples)
        self._inbox_length += len(frame.samples)
        self._inbox_lost = self._inbox_lost or frame.lost
        if self._inbox_length < FRAME_SAMPLES:
            return
        audio = self._inbox[0] if len(self._inbox) == 1 else np.concatenate(self._inbox)
        whole = len(audio) - len(audio) % FRAME_SAMPLES
        for start in range(0, whole, FRAME_SAMPLES):
            self._hear(audio[start : start + FRAME_SAMPLES], self._inbox_lost)
        rest = audio[whole:]
        self._inbox, self._inbox_length = ([rest] if len(rest) else []), len(rest)
        self._inbox_lost = False

    def receive_activity(self, text: str) -> None:
        """Replay of a stored `activity` line instead of audio: moves the clock as its blocks did."""
        for activity in decode_activity(text):
            self._block(_NO_SOUND, activity)
            self._outbox.clear()

    def receive_event(self, event: EngineEvent) -> None:
        """What an engine, the backend, the queue or the network reports."""
        if self.ended:
            return
        hidden = self._dialog.sensitive
        self._core.log_input(event, hidden=hidden, meaning=self._turns.meaning(event) if hidden else "")
        self._handlers[type(event)](event)
        self._settle()

    def next_frame(self, samples: int = FRAME_SAMPLES) -> AudioFrame:
        """What the caller hears in the span of the last frame received."""
        if len(self._outbox) == 1 and len(self._outbox[0]) == samples:
            return AudioFrame(self._outbox.pop())
        have = sum(len(part) for part in self._outbox)
        if have < samples:  # frames shorter than a block: the sound is a part of a block late, once
            self._outbox.insert(0, np.zeros(samples - have, dtype=np.int16))
        audio = self._outbox[0] if len(self._outbox) == 1 else np.concatenate(self._outbox)
        self._outbox = [audio[samples:]] if len(audio) > samples else []
        return AudioFrame(audio[:samples])

    def take_commands(self) -> list[Command]:
        return self._core.take_commands()

    def take_events(self) -> list[CallEvent]:
        return self._core.take_events()

    # -- what can be seen

    @property
    def now(self) -> int:
        """Samples at 16 kHz since the answer."""
        return self._core.now

    @property
    def ended(self) -> bool:
        return self._dialog.ended

    @property
    def hides_caller(self) -> bool:
        """What the caller may be saying now is not for the recording."""
        return self._dialog.sensitive

    @property
    def hides_bot(self) -> bool:
        """The prompt that plays says what is not for the recording."""
        return self._speaker.sensitive

    @property
    def state(self) -> CallState:
        """What the call waits for now; the first that holds."""
        if self._dialog.ended:
            return CallState.ENDED
        if self._mixer.bridged:
            return CallState.BRIDGED
        turn = self._turns.current
        if turn is not None and not turn.ended:
            return CallState.HEARING
        if turn is not None:
            return CallState.DECIDING
        if self._dialog.ending:
            return CallState.ENDING
        if self._speaker.busy:
            return CallState.SPEAKING
        if self._dialog.queued:
            return CallState.QUEUED
        return CallState.ACTING if self._dialog.acting else CallState.LISTENING

    @property
    def dialog_state(self) -> Any:
        """The interpreter's state: JSON-serialisable, for the store and for reports."""
        return self._dialog.state

    @property
    def waits(self) -> dict[str, int]:
        """The armed timers by owner, and the sample at which each runs out."""
        return self._core.waits

    def transcript(self) -> Sequence[tuple[str, str]]:
        """What was said so far: speaker (`caller`, `bot`) and text, sensitive parts masked."""
        return self._dialog.transcript

    # -- one block

    def _hear(self, block: Samples, lost: bool) -> None:
        sent_dbfs = -90.0 if self._sent is None else level_dbfs(self._sent)
        self._block(block, self._ears.hear(block, lost, sent_dbfs))

    def _block(self, block: Samples, activity: Activity) -> None:
        core = self._core
        core.now += FRAME_SAMPLES
        self._activity += encode_activity(activity)
        if len(self._activity) >= 100:
            self._flush_activity()
        if not self._dialog.ended:
            if not self._mixer.bridged:
                self._turns.block(block, activity)
            for name in core.due():
                self._timer(name)
        out = self._mixer.mix(FRAME_SAMPLES)
        self._outbox.append(out)
        self._sent = out if self._mixer.sounding else None
        self._settle()

    def _settle(self) -> None:
        """After anything that happened: what follows from it at once."""
        if not self._dialog.ended:
            self._speaker.after_block()
            self._dialog.after_block()
            self._turns.after_block()
            self._keys.after_block()
        state = self.state
        if state is not self._state:
            self._state = state
            self._core.log("state", {"state": state.value})
        if self._dialog.ended and self._activity:  # the shell may bring no other block
            self._flush_activity()

    def _flush_activity(self) -> None:
        start = self._core.now - len(self._activity) // 2 * FRAME_SAMPLES
        self._core.log("activity", {"blocks": self._activity, "from": start})
        self._activity = ""

    def _timer(self, name: str) -> None:
        self._core.log("timer", {"name": name})
        owner, _, number = name.partition(":")
        if owner == "prompt":
            self._speaker.timed_out()
        elif owner == "interdigit":
            self._keys.interdigit()
        elif owner in {"recognition", "understanding"}:
            self._turns.timed_out(owner)
        else:
            self._dialog.timer(owner, number)

    def _media_lost(self, event: MediaLost) -> None:
        self._dialog.hung_up(f"no audio for {event.silent_ms} ms")

    def _caller_gone(self, event: CallerGone) -> None:
        self._turns.abandon()
        self._dialog.hung_up(event.reason)


_NO_SOUND: Samples = np.broadcast_to(np.int16(0), (FRAME_SAMPLES,))
