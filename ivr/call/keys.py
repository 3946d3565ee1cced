"""Keys the caller presses: type-ahead, and when they are an answer."""

from __future__ import annotations

from ivr.call.core import Core
from ivr.call.events import DigitPressed
from ivr.call.hearing import Question
from ivr.call.interpreter import DialogRunner
from ivr.call.turns import Turns
from ivr.dialog.events import Keys

_CLOSED = frozenset({"confirm", "choose", "guess"})
_ANSWER_MS = 2000
"""Keys that are an answer to a closed question, where a number might be typed instead (1 = yes, or the first digit of
the right number): they count when no other key follows for so long. (VoiceXML 2.1's `termtimeout`.)"""


class KeyBuffer:
    """Collects digits; closes them by length, end key, meaning, or the interdigit timer."""

    def __init__(self, core: Core, dialog: DialogRunner, turns: Turns) -> None:
        self._core = core
        self._dialog = dialog
        self._turns = turns
        self._digits = ""
        self._tried: Question | None = None

    def press(self, event: DigitPressed) -> None:
        """A key: it cuts what plays (unless that must be heard) and beats speech."""
        self._core.log("key", {"digit": "•" if self._dialog.sensitive else event.digit, "source": event.source})
        question = self._dialog.question
        if question is not None and "dtmf" not in question.settings.modes:
            return
        self._turns.key()
        self._core.disarm("noinput")
        self._digits = (self._digits + event.digit)[-64:]
        self._check()

    def after_block(self) -> None:
        """Type-ahead meets its question as soon as that is asked."""
        if self._digits and self._dialog.question is not self._tried and self._core.deadline("interdigit") is None:
            self._check()

    def interdigit(self) -> None:
        """The caller has stopped pressing."""
        if self._dialog.listening and self._digits:
            self._close(self._digits)

    def _check(self) -> None:
        question = self._dialog.question
        if question is None or not self._dialog.listening:
            return
        self._tried = question
        listen, expectation = question.settings, question.expectation
        if self._digits[-1] == listen.end_key and len(self._digits) > 1:
            self._close(self._digits[:-1])
            return
        if expectation.mode == "command" and not self._dialog.queued and self._digits not in expectation.keys:
            return  # the backend is at work: typed ahead for the question to come
        longest = expectation.key_length[1] if expectation.key_length else 1
        whole = self._digits in expectation.keys and not any(
            key != self._digits and key.startswith(self._digits) for key in expectation.keys
        )
        if len(self._digits) >= longest and (expectation.key_length is not None or whole):
            self._close(self._digits[: max(longest, 1)], self._digits[max(longest, 1) :])
        else:
            answered = expectation.mode in _CLOSED and self._digits in expectation.keys
            self._core.arm("interdigit", min(listen.interdigit_ms, _ANSWER_MS) if answered else listen.interdigit_ms)

    def _close(self, digits: str, ahead: str = "") -> None:
        self._core.disarm("interdigit")
        self._digits = ahead
        self._tried = None
        self._core.transcript.append(("caller", "•" * len(digits) if self._dialog.sensitive else digits))
        self._dialog.step(Keys(self._core.now_ms, digits))
