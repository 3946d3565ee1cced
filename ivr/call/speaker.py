"""Prompts on their way to the caller: asked for ahead, played in order, cut, resumed, given up when no sound comes."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.call.core import Core
from ivr.call.events import CancelPrompt, PromptAudio, PromptFailed, Synthesise
from ivr.call.mixer import CutPrompt, Mixer, Playback
from ivr.call.settings import CallSettings
from ivr.dialog.events import JsonValue, Say

_TIMER = "prompt"


@dataclass(slots=True)
class _Ahead:
    """A prompt asked for by speculation, and what has come of it."""

    prompt: int
    say: Say
    sound: list[PromptAudio]
    failed: str = ""
    ready_at: int = 0
    """Sample at which its sound had come."""


class Speaker:
    """Owns the mixer's prompt queue. `done` tells when everything given has been played."""

    def __init__(self, core: Core, mixer: Mixer, settings: CallSettings) -> None:
        self._core = core
        self._mixer = mixer
        self._settings = settings
        self._ahead: list[_Ahead] = []
        self._says: dict[int, Say] = {}
        self._started: set[int] = set()
        self.heard = ""
        """Text of the last prompt as far as the caller heard it."""
        self.cut = False
        self.failures = 0
        """Prompts in a row that had no sound."""
        self._last: tuple[Playback, int] | None = None
        """The prompt that was played last, and the sample at which it ended."""

    # -- asking for sound

    def ahead(self, says: list[Say]) -> None:
        """Have these prompts made; they are not played unless `say` gives the same ones."""
        for say in says:
            prompt = self._core.new_id()
            self._ahead.append(_Ahead(prompt, say, []))
            self._core.emit(_synthesise(prompt, say, speculative=True))

    def ready_at(self) -> int:
        """Sample at which the first prompt made ahead had its sound; 0 if there is none, now if it has not."""
        if not self._ahead:
            return 0
        return self._ahead[0].ready_at or self._core.now

    def drop_ahead(self) -> None:
        for item in self._ahead:
            self._core.emit(CancelPrompt(item.prompt))
        self._ahead = []

    def say(self, say: Say) -> None:
        item = next((a for a in self._ahead if a.say == say), None)
        if item is None:
            prompt = self._core.new_id()
            self._core.emit(_synthesise(prompt, say, speculative=False))
        else:
            self._ahead.remove(item)
            prompt = item.prompt
        self._says[prompt] = say
        self._mixer.add(Playback(prompt, say.text, say.barge_in))
        if self._core.deadline(_TIMER) is None:
            self._core.arm(_TIMER, self._settings.prompt_timeout_ms)
        if item is not None:
            for sound in item.sound:
                self.sound(sound)
            if item.failed:
                self.failed(PromptFailed(prompt, item.failed))

    def sound(self, event: PromptAudio) -> None:
        """Sound came from the synthesiser."""
        item = next((a for a in self._ahead if a.prompt == event.prompt), None)
        if item is not None:
            item.sound.append(event)
            item.ready_at = item.ready_at or self._core.now
        elif self._mixer.feed(event.prompt, event.samples, event.marks, event.last):
            self.failures = 0
            self._rearm()

    def failed(self, event: PromptFailed) -> None:
        item = next((a for a in self._ahead if a.prompt == event.prompt), None)
        if item is not None:
            item.failed = event.reason
        elif event.prompt in self._says:
            self._give_up(event.prompt, event.reason)

    def timed_out(self) -> None:
        """The timer `prompt` ran out: the prompt in front has no sound."""
        front = self._mixer.playing
        if front is not None and self._mixer.waiting_for_sound:
            self._core.emit(CancelPrompt(front.prompt))
            self._give_up(front.prompt, f"no sound within {self._settings.prompt_timeout_ms} ms")
        self._rearm()

    def _give_up(self, prompt: int, reason: str) -> None:
        self.failures += 1
        self._core.log("prompt.failed", {"prompt": prompt, "reason": reason})
        self._mixer.drop(prompt)
        self._says.pop(prompt, None)
        self._rearm()

    # -- playing

    @property
    def busy(self) -> bool:
        return self._mixer.busy

    @property
    def sensitive(self) -> bool:
        """The prompt that plays says what must not be kept in clear."""
        front = self._mixer.playing
        say = self._says.get(front.prompt) if front is not None else None
        return say is not None and bool(say.masked)

    def share_heard(self) -> float:
        """Share (0..1) of the prompts that has been played."""
        return self._mixer.share_heard()

    @property
    def policy_barge_in(self) -> bool:
        """Whether the prompt that plays may be cut at all."""
        front = self._mixer.playing
        return front is None or front.barge_in

    def played_samples(self) -> int:
        front = self._mixer.playing
        return front.played if front is not None else 0

    def playing_text(self) -> str:
        front = self._mixer.playing
        return front.text if front is not None else ""

    def said_since(self, sample: int) -> str:
        """What was said since that sample of the call, in whole words."""
        parts = []
        if self._last is not None and self._last[1] > sample:
            playback, ended = self._last
            parts.append(playback.text_between(playback.played - (ended - sample), playback.played))
        front = self._mixer.playing
        if front is not None and front.played:
            parts.append(front.text_between(front.played - (self._core.now - sample), front.played))
        return " ".join(parts)

    def after_block(self) -> None:
        """Report what began and ended in the block just mixed; keep the bound on missing sound."""
        for playback in self._mixer.take_finished():
            self._start(playback)
            say = self._says.pop(playback.prompt, None)
            self.heard, self.cut = playback.text, False
            self._last = (playback, self._core.now)
            shown = say.masked or say.text if say else playback.text
            self._core.transcript.append(("bot", shown))
            self._core.log("prompt.end", {"prompt": playback.prompt, "text": shown})
        front = self._mixer.playing
        if front is None:
            self._core.disarm(_TIMER)
            return
        if front.played:
            self._start(front)
        if not self._mixer.waiting_for_sound:
            self._core.disarm(_TIMER)
        elif self._core.deadline(_TIMER) is None:
            self._core.arm(_TIMER, self._settings.prompt_timeout_ms)

    def _start(self, playback: Playback) -> None:
        if playback.prompt in self._started:
            return
        self._started.add(playback.prompt)
        say = self._says.get(playback.prompt)
        if say is not None:
            text = say.masked or say.text
            data: dict[str, JsonValue] = {"prompt": playback.prompt, "text": text, "language": say.language}
            self._core.log("prompt.start", data | {"source": say.source, "barge_in": say.barge_in})

    # -- cutting

    def duck(self, gain_db: float) -> None:
        self._mixer.duck(gain_db)

    def restore(self) -> None:
        self._mixer.restore()

    def stop(self, reason: str) -> CutPrompt | None:
        """Cut what plays; it may be resumed until `forget`."""
        front = self._mixer.playing
        cut = self._mixer.stop()
        if cut is not None and front is not None:
            self._last = (front, self._core.now)
            say = self._says.get(cut.prompt)
            hidden = say is not None and bool(say.masked)
            self.heard, self.cut = cut.heard, True
            shown = "" if hidden else cut.heard
            self._core.transcript.append(("bot", f"{shown} —"))
            self._core.log("prompt.cut", {"prompt": cut.prompt, "heard": shown, "share": cut.share, "why": reason})
        self._core.disarm(_TIMER)
        return cut

    def resume(self) -> bool:
        """Go on with what was cut, from the start of its clause."""
        if not self._mixer.resume():
            return False
        self._core.log("prompt.resume", {"prompt": self._mixer.playing.prompt if self._mixer.playing else 0})
        self._rearm()
        return True

    def forget(self) -> None:
        """What was cut is not resumed."""
        self._cancel(self._mixer.forget_cut())

    def clear(self) -> None:
        """Drop everything that is playing or queued."""
        self._cancel(self._mixer.clear())
        self._core.disarm(_TIMER)

    def _cancel(self, prompts: list[int]) -> None:
        for prompt in prompts:
            if self._says.pop(prompt, None) is not None:
                self._core.emit(CancelPrompt(prompt))

    def _rearm(self) -> None:
        self._core.disarm(_TIMER)
        if self._mixer.waiting_for_sound:
            self._core.arm(_TIMER, self._settings.prompt_timeout_ms)


def _synthesise(prompt: int, say: Say, *, speculative: bool) -> Synthesise:
    return Synthesise(prompt, say.text, say.language, say.voice, say.rate, say.audio, say.ssml, speculative)
