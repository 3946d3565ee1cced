"""Who hears whom when people are on a call: a small mixing desk, exact to the sample. Pure.

Theory of operation
-------------------
The call's driver brings one frame of the caller and one of the bot each 20 ms; the conference reads a frame from every
human's leg and gives each listener the sum of those whom `HEARS` lets them hear, never their own voice.

                     caller  bot  agent  consulted  listen  whisper  barge     <- is heard by
    caller                    x     x                  x       x       x
    bot                 x           x                  x       x       x
    agent               x           x        x         x       x       x
    consulted                       x        x         x       x       x
    listen                          (nobody)
    whisper                         x                          x       x
    barge               x           x        x         x       x       x

- On hold the caller hears music and what the bot says, and no human hears the caller.
- Muted = heard by nobody. What the call hides (a card number being said) is heard by no human.
- Sums are made in 32 bits and limited to 16: two who speak at once are both heard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
import numpy.typing as npt

from ivr.audio.frame import FRAME_SAMPLES, SILENCE, AudioFrame, Samples
from ivr.transport.base import MediaLeg

Tap = Callable[[Samples, Samples], None]
"""Told of each frame: the caller, and the humans whom the caller hears. Shape (320,) each."""
_MUSIC_SHIFT: Final = 1
"""Music is played at half its level."""


class Role(Enum):
    """What a human is to the call."""

    AGENT = "agent"
    CONSULTED = "consulted"
    """Asked by the agent while the caller is on hold."""
    LISTEN = "listen"
    """A supervisor who hears all and is heard by nobody."""
    WHISPER = "whisper"
    """A supervisor whom the agent hears and the caller does not."""
    BARGE = "barge"
    """A supervisor in conference with both."""


SUPERVISING: Final = frozenset({Role.LISTEN, Role.WHISPER, Role.BARGE})
HEARS: Final[dict[Role, frozenset[Role]]] = {
    Role.AGENT: frozenset({Role.AGENT, Role.CONSULTED, Role.WHISPER, Role.BARGE}),
    Role.CONSULTED: frozenset({Role.AGENT, Role.CONSULTED, Role.BARGE}),
    Role.LISTEN: frozenset({Role.AGENT, Role.CONSULTED, Role.BARGE}),
    Role.WHISPER: frozenset({Role.AGENT, Role.CONSULTED, Role.WHISPER, Role.BARGE}),
    Role.BARGE: frozenset({Role.AGENT, Role.CONSULTED, Role.WHISPER, Role.BARGE}),
}
"""Listener -> the humans heard."""
HEAR_THE_CALLER: Final = frozenset({Role.AGENT, *SUPERVISING})
"""They hear the bot too."""
HEARD_BY_CALLER: Final = frozenset({Role.AGENT, Role.BARGE})


@dataclass(slots=True)
class Party:
    """A human on the call."""

    name: str
    leg: MediaLeg
    role: Role
    muted: bool = False


class Conference:
    """The humans of one call. `music` is played to a caller on hold; none = silence."""

    def __init__(self, music: Samples | None = None) -> None:
        self._music = music if music is not None and len(music) else None
        self._music_at = 0
        self._parties: dict[str, Party] = {}
        self.on_hold = False
        self.taps: list[Tap] = []

    # -- who is there

    def add(self, name: str, leg: MediaLeg, role: Role) -> Party:
        """Somebody joins, in place of whoever had the name before."""
        party = self._parties[name] = Party(name, leg, role)
        return party

    def remove(self, name: str) -> None:
        """Unknown names do no harm."""
        self._parties.pop(name, None)

    def get(self, name: str) -> Party | None:
        return self._parties.get(name)

    def named(self, *roles: Role) -> list[str]:
        """Names of those in these roles, in the order in which they joined."""
        return [party.name for party in self._parties.values() if party.role in roles]

    def __iter__(self) -> Iterator[Party]:
        return iter(self._parties.values())

    def __len__(self) -> int:
        return len(self._parties)

    # -- sound

    def exchange(
        self, caller: AudioFrame, bot: AudioFrame, *, hide_caller: bool = False, hide_bot: bool = False
    ) -> AudioFrame:
        """One frame each way: takes what caller and bot say, gives what the caller hears."""
        voices = [(party, _voice(party)) for party in self._parties.values()]
        line = SILENCE if self.on_hold or hide_caller else caller.samples
        prompt = SILENCE if hide_bot else bot.samples
        for listener, _ in voices:
            listener.leg.write(AudioFrame(_limited(_heard_by(listener, voices, line, prompt))))
        humans = _sum(voice for party, voice in voices if party.role in HEARD_BY_CALLER and voice is not None)
        for tap in self.taps:
            tap(line, SILENCE if self.on_hold else _limited(humans))
        if self.on_hold:
            return AudioFrame(_limited(self._hold_music() + bot.samples))
        return AudioFrame(_limited(humans + bot.samples)) if voices else bot

    def _hold_music(self) -> npt.NDArray[np.int32]:
        if self._music is None:
            return np.zeros(FRAME_SAMPLES, dtype=np.int32)
        index = (self._music_at + np.arange(FRAME_SAMPLES)) % len(self._music)
        self._music_at = int((self._music_at + FRAME_SAMPLES) % len(self._music))
        return self._music[index].astype(np.int32) >> _MUSIC_SHIFT


def _voice(party: Party) -> Samples | None:
    """A leg is read whether it is heard or not: its buffer must not grow."""
    frame = party.leg.read()
    return None if party.muted or party.role is Role.LISTEN else frame.samples


def _heard_by(
    listener: Party, voices: list[tuple[Party, Samples | None]], caller: Samples, bot: Samples
) -> npt.NDArray[np.int32]:
    heard = [
        voice for party, voice in voices
        if voice is not None and party is not listener and party.role in HEARS[listener.role]
    ]  # fmt: skip
    if listener.role in HEAR_THE_CALLER:
        heard += [caller, bot]
    return _sum(heard)


def _sum(voices: Iterable[Samples]) -> npt.NDArray[np.int32]:
    total = np.zeros(FRAME_SAMPLES, dtype=np.int32)
    for voice in voices:
        total += voice
    return total


def _limited(total: npt.NDArray[np.int32]) -> Samples:
    return np.clip(total, -32768, 32767).astype(np.int16)
