"""Between a call's prompts and the synthesis service."""

from __future__ import annotations

from collections.abc import Callable

from ivr.call.driver import CallDriver
from ivr.call.events import CancelPrompt, PromptAudio, PromptFailed, PromptMark, Synthesise
from ivr.tts.base import SpeechAudio, SpeechRequest
from ivr.tts.prompts import RecordedPrompts
from ivr.tts.service import SynthesisService
from ivr.tts.settings import SynthesisSettings


def request_of(command: Synthesise) -> SpeechRequest:
    return SpeechRequest(command.text, command.language, command.voice, command.rate)


def event_of(prompt: int, audio: SpeechAudio, *, last: bool) -> PromptAudio:
    """A piece of speech as the core takes it."""
    return PromptAudio(prompt, audio.samples, tuple(PromptMark(mark.sample, mark.char) for mark in audio.marks), last)


class LiveSynthesis:
    """One for a process. `prompts_of` tells whose recordings a call hears: those of its bundle."""

    def __init__(
        self,
        settings: SynthesisSettings,
        prompts: RecordedPrompts | None = None,
        create: Callable[..., SynthesisService] = SynthesisService,
        prompts_of: Callable[[CallDriver], RecordedPrompts | None] = lambda driver: None,
    ) -> None:
        self._prompts_of = prompts_of
        self.service = create(settings, self._audio, self._failure, prompts)
        self._owners: dict[str, tuple[CallDriver, int]] = {}

    def carry_out(self, driver: CallDriver, command: Synthesise | CancelPrompt) -> None:
        key = f"{id(driver)}/{command.prompt}"
        if isinstance(command, CancelPrompt):
            if self._owners.pop(key, None) is not None:
                self.service.cancel(key)
            return
        self._owners[key] = (driver, command.prompt)
        self.service.request(key, request_of(command), command.audio, self._prompts_of(driver))

    def forget(self, driver: CallDriver) -> None:
        """The call is over."""
        for key in [key for key, owner in self._owners.items() if owner[0] is driver]:
            del self._owners[key]
            self.service.cancel(key)

    def _audio(self, key: str, audio: SpeechAudio, last: bool) -> None:
        owner = self._owners.get(key)
        if owner is None:
            return
        if last:
            del self._owners[key]
        owner[0].deliver(event_of(owner[1], audio, last=last))

    def _failure(self, key: str, reason: str) -> None:
        owner = self._owners.pop(key, None)
        if owner is not None:
            owner[0].deliver(PromptFailed(owner[1], reason))
