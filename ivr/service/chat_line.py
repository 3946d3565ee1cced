"""A conversation by text, as a call: the same session, dialog, journal and desk, behind a shell that types.

A message is an utterance whose transcript is known: the leg gives a few blocks of voice, the "recogniser" answers with
the text. A prompt is shown in the moment it begins, and lasts one block. The call's clock counts samples as ever, but
this shell turns it as a chat needs it: fast through what nobody waits for, slowly while somebody may be typing.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np

from ivr.audio.frame import FRAME_SAMPLES, SILENCE, AudioFrame, Samples
from ivr.call.driver import CallDriver, Services
from ivr.call.events import (
    CancelPrompt,
    CancelRecognition,
    Command,
    DigitPressed,
    FeedRecognition,
    FinalTranscript,
    FinishRecognition,
    HeardText,
    PartialTranscript,
    PromptAudio,
    StartRecognition,
    Synthesise,
)
from ivr.call.states import CallState
from ivr.transport.base import Digit

TEXT_MAX: Final = 1000
"""Characters of one message."""
_WAITING_MAX: Final = 20
"""Messages that wait for the bot; somebody who sends more is not listened to."""
SLOW: Final = 30
"""While the bot waits for an answer, its clock goes so many times slower: 5 s of silence are 150 s of typing."""
_FAST: Final = 25
"""Blocks of 20 ms in one tick, where nobody waits for the sound of them."""
_VOICE_BLOCKS: Final = 6
_UNHEARD_BLOCKS: Final = 20
"""After so many blocks without a recogniser being asked for, nobody listens to the message."""
_KEYS = re.compile(r"#?[0-9*#]{1,30}")

_VOICE: Samples = np.full(FRAME_SAMPLES, 3000, dtype=np.int16)
_VOICE[1::2] = -3000
_VOICE.setflags(write=False)
_BLOCK: Samples = np.zeros(FRAME_SAMPLES, dtype=np.int16)
_BLOCK.setflags(write=False)


class TypingDetector:
    """What the leg gives is voice, or it is silence (`ivr.audio.vad.VoiceDetector`)."""

    name = "typing"

    def detect(self, block: Samples) -> float:
        return 1.0 if block[0] else 0.0

    def reset(self) -> None:
        """Nothing is remembered."""


class ChatLeg:
    """Voice while a message is being "said", silence otherwise (`ivr.transport.base.MediaLeg`)."""

    def __init__(self) -> None:
        self.text = ""
        """The message that is being said."""
        self.asked = False
        """The recogniser was asked for it."""
        self.blocks = 0
        """Since the message began."""

    def say(self, text: str) -> None:
        self.text, self.asked, self.blocks = text, False, 0

    def done(self) -> None:
        self.text = ""

    def read(self) -> AudioFrame:
        self.blocks += 1
        return AudioFrame(_VOICE if self.text and self.blocks <= _VOICE_BLOCKS else SILENCE)

    def write(self, frame: AudioFrame) -> None:
        """What is said is shown, not heard."""

    def take_digits(self) -> list[Digit]:
        return []

    def send_digits(self, digits: str) -> None:
        """Nobody has a keypad."""


class ChatServices:
    """Engines of a chat: a recogniser that knows the text, a voice that takes no time; the rest is the call's."""

    def __init__(self, inner: Services, leg: ChatLeg) -> None:
        self._inner, self._leg = inner, leg
        self.spoken: dict[int, str] = {}
        """Prompts by number as the caller is to read them, nothing masked."""

    def carry_out(self, driver: CallDriver, command: Command) -> None:
        if isinstance(command, StartRecognition):
            self._leg.asked = True
            driver.later(PartialTranscript(command.utterance, self._leg.text, 1.0))
        elif isinstance(command, FinishRecognition):
            hypotheses = (HeardText(self._leg.text, 1.0),) if self._leg.text else ()
            driver.later(FinalTranscript(command.utterance, hypotheses, engine="chat"))
        elif isinstance(command, Synthesise):
            self.spoken[command.prompt] = command.text
            driver.later(PromptAudio(command.prompt, _BLOCK))
        elif not isinstance(command, (FeedRecognition, CancelRecognition, CancelPrompt)):
            self._inner.carry_out(driver, command)

    def forget(self, driver: CallDriver) -> None:
        self._inner.forget(driver)


class ChatDriver(CallDriver):
    """Turns the clock. `messages` are what the caller has sent and the bot has not yet read; `unheard` is given what
    nobody but a human can be meant to read (in the queue, and in the talk)."""

    messages: deque[str]
    unheard: Callable[[str], None]
    leg: ChatLeg

    def attach(self, leg: ChatLeg, unheard: Callable[[str], None]) -> None:
        self.messages, self.unheard, self.leg, self._ticks = deque(maxlen=_WAITING_MAX), unheard, leg, 0

    def tick(self) -> None:
        self._ticks += 1
        self._next_message()
        for _ in range(self._pace()):
            super().tick()
            if self.over or not self._hurries():
                return

    def _next_message(self) -> None:
        state, leg = self.session.state, self.leg
        if state is CallState.BRIDGED:
            while self.messages:
                self.unheard(self.messages.popleft())
            leg.done()
        elif leg.text:
            self._finish(state)
        elif self.messages and state in (CallState.LISTENING, CallState.QUEUED):
            leg.say(self.messages.popleft())

    def _finish(self, state: CallState) -> None:
        """The message was read, or nobody wants to."""
        leg = self.leg
        if leg.asked:
            if state not in (CallState.HEARING, CallState.DECIDING):
                leg.done()
        elif leg.blocks > _UNHEARD_BLOCKS:
            text = leg.text
            leg.done()
            if state is not CallState.LISTENING:
                self.unheard(text)
            elif _KEYS.fullmatch(text):
                for key in text if len(text) == 1 else text.removeprefix("#"):
                    self.deliver(DigitPressed(key, "chat"))

    def _pace(self) -> int:
        """How many blocks this tick turns the clock by."""
        if self._hurries():
            return _FAST
        if self.session.state is CallState.LISTENING and not self.messages:
            return int(self._ticks % SLOW == 0 or bool(self._waiting))
        return 1

    def _hurries(self) -> bool:
        """Nobody waits for the sound of what is on."""
        if self.leg.text:
            return self.session.state not in (CallState.DECIDING, CallState.ACTING)
        if self.session.state is CallState.LISTENING:
            return "interdigit" in self.session.waits
        return self.session.state in (CallState.HEARING, CallState.SPEAKING, CallState.ENDING)
