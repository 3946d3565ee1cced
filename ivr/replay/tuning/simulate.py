"""The pure turn-taking, run over a recorded call with other settings: the very classes of `ivr.turn`, no engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from ivr.audio.frame import FRAME_SAMPLES, to_ms, to_samples
from ivr.call.settings import CallSettings
from ivr.replay.tuning.corpus import Prompt, Track, TunedCall, Turn
from ivr.turn.barge_in import BargeIn, BargeInAction, BargeInPolicy
from ivr.turn.endpoint import Completeness, EndpointDecision, Endpointer, EndpointSettings, PauseStatistics
from ivr.turn.gate import SpeechGate

_LONGEST_MS = 15_000
"""Silence after which even the most patient setting has ended a turn."""
_LEAD_MS = 500
"""A gate is watched from so long before a prompt, so that voice that was there already is no onset."""
_GATE_CLOSES_MS = 700


@dataclass(frozen=True, slots=True)
class EndSettings:
    """What ends a turn; a part of CallSettings, and the hotline's silence."""

    call: CallSettings
    end_silence_ms: int | None = None
    """In the place of `default_ms`; None = as the call had it."""
    default_ms: int = 700
    """Questions with this silence have the hotline's; others have one of their own, which stays."""

    def of(self, turn: Turn) -> EndpointSettings:
        """As `ivr.call.hearing` puts them together."""
        base = turn.end_silence_ms
        if self.end_silence_ms is not None and base == self.default_ms:
            base = self.end_silence_ms
        call = self.call
        return EndpointSettings(
            end_silence_ms=base, complete_ms=call.complete_ms,
            incomplete_max_ms=max(call.incomplete_max_ms, base),
            speculate_ms=min(call.speculate_ms, call.complete_ms), max_speech_ms=10**9,
            adaptive=call.adaptive_endpointing and turn.adaptive,
            judge_ms=0,  # its model was asked when the call was held
            likely=call.likely, likely_ms=min(call.likely_ms, base), unlikely=call.unlikely,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ended:
    """A turn under some settings."""

    cuts: tuple[tuple[Completeness, int], ...]
    """Premature ends: what the words meant, and after how many ms the caller went on."""
    state: Completeness
    """What they meant at the true end."""
    added_ms: int
    """From his last sound to the end of the turn."""


def end_turns(call: TunedCall, settings: EndSettings) -> Iterator[Ended]:
    """Each turn of the call in order; the caller's pauses are learned as the call goes on."""
    pauses = PauseStatistics()
    for turn in call.turns:
        yield _end(turn, call.voiced, settings.of(turn), pauses)


def _end(turn: Turn, voiced: Track, settings: EndpointSettings, pauses: PauseStatistics) -> Ended:
    cuts: list[tuple[Completeness, int]] = []
    endpointer = Endpointer(settings, turn.onset, pauses)
    last = turn.speech[-1]
    ended = False
    for now, last_voice in _telling(turn, voiced, _LONGEST_MS):
        if ended and last_voice < now:
            continue
        if ended:  # the caller goes on: a turn of its own for the endpointer
            endpointer, ended = Endpointer(settings, last_voice, pauses), False
        state = turn.state(now)
        for arrived, about, probability in turn.judged:
            if arrived <= now and about == last_voice:
                endpointer.judged(about, probability)
        if endpointer.update(now, last_voice, state) is not EndpointDecision.END:
            continue
        following = next((s.start for s in turn.speech if s.start >= now - FRAME_SAMPLES), None)
        if following is None:
            return Ended(tuple(cuts), state, to_ms(now - last.end))
        cuts.append((state, max(0, to_ms(following - now))))
        ended = True
    return Ended(tuple(cuts), turn.state(last.end), _LONGEST_MS)


def _telling(turn: Turn, voiced: Track, tail_ms: int) -> Iterator[tuple[int, int]]:
    """Ends of the blocks that an endpointer can learn from (silence, and both ends of each voice), and the end of the
    last voice by then. After the caller's last sound there is nothing but silence, whatever came in the recording."""
    first, last = turn.onset // FRAME_SAMPLES, -(-turn.speech[-1].end // FRAME_SAMPLES)
    own = np.array(voiced[first : last + to_samples(200) // FRAME_SAMPLES], dtype=np.bool_)
    gap = np.flatnonzero(~own[max(0, last - first) :])
    if len(gap):  # the detector's tail belongs to the speech, what follows it does not
        own[max(0, last - first) + int(gap[0]) :] = False
    heard = turn.onset
    count = len(own) + to_samples(tail_ms) // FRAME_SAMPLES
    flags = own.tolist()
    for index in range(count):
        now = (first + index + 1) * FRAME_SAMPLES
        if index < len(flags) and flags[index]:
            heard = now
            inside = 0 < index < len(flags) - 1 and flags[index - 1] and flags[index + 1]
            if inside:
                continue
        yield now, heard


# -------------------------------------------------------------------------------------------------------- barge-in


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A prompt under some settings."""

    false_ducks: int
    false_stops: int
    duck_ms: tuple[int, ...]
    """Onset to lowered, for callers who meant it."""
    stop_ms: tuple[int, ...]
    missed: int
    """Callers who meant it and stopped nothing."""


def interrupt_prompts(
    call: TunedCall, settings: CallSettings, min_words: int = 1, detector: str = ""
) -> Iterator[Interrupted]:
    """Each prompt of the call that could be cut, heard by the detector named."""
    track = call.tracks.get(detector)
    if track is None:
        return
    for prompt in call.prompts:
        yield _interrupt(prompt, track, settings, BargeInPolicy(min_words=min_words))


def _interrupt(prompt: Prompt, track: Track, settings: CallSettings, policy: BargeInPolicy) -> Interrupted:
    gate, barge_in = SpeechGate(settings.gate), BargeIn(settings.barge_in)
    end = max([prompt.end, *(i.end for i in prompt.interruptions if i.meant)])
    words = sorted(word for i in prompt.interruptions for word in i.words)
    ducks: list[int] = []
    stops: list[int] = []
    partials, known = False, 0
    for index in range(
        max(0, prompt.start - to_samples(_LEAD_MS)) // FRAME_SAMPLES, min(end // FRAME_SAMPLES, len(track))
    ):
        now, voiced = (index + 1) * FRAME_SAMPLES, bool(track[index])
        began = gate.update(now, voiced)
        if began and now > prompt.start and barge_in.onset(now, policy, now - prompt.start) is BargeInAction.DUCK:
            ducks.append(now)
            partials = any(i.partials for i in prompt.interruptions if i.onset <= now <= i.end)
        action = barge_in.voice(now, voiced, partials)
        while words and words[0][0] <= now:
            known = max(known, words.pop(0)[1])
        if known and gate.onset_at is not None and now > prompt.start:
            action = barge_in.words(known, policy, False) or action
        if action is BargeInAction.STOP:
            stops.append(now)
        if gate.onset_at is not None and now - gate.last_voice_at >= to_samples(_GATE_CLOSES_MS):
            gate.close()
            barge_in.nothing()
            known = 0
    return _judged(prompt, ducks, stops)


def _judged(prompt: Prompt, ducks: Sequence[int], stops: Sequence[int]) -> Interrupted:
    """Which of them answered a caller who meant it."""
    meant = [i for i in prompt.interruptions if i.meant]
    first_duck = [next((at for at in ducks if i.onset < at <= i.end), None) for i in meant]
    first_stop = [next((at for at in stops if i.onset < at <= i.end), None) for i in meant]

    def false(found: Sequence[int]) -> int:
        return sum(not any(i.onset < at <= i.end for i in meant) for at in found)

    def reactions(found: Sequence[int | None]) -> tuple[int, ...]:
        return tuple(to_ms(at - i.onset) for at, i in zip(found, meant, strict=True) if at is not None)

    return Interrupted(
        false(ducks), false(stops), reactions(first_duck), reactions(first_stop), sum(at is None for at in first_stop)
    )


def with_onset(settings: CallSettings, onset_ms: int) -> CallSettings:
    """Another `onset_ms`, in a window that can hold it."""
    gate = replace(settings.gate, onset_ms=onset_ms, window_ms=max(settings.gate.window_ms, onset_ms + 40))
    return replace(settings, gate=gate)


def pauses_of(calls: Sequence[TunedCall]) -> Mapping[str, list[int]]:
    """The callers' pauses inside their turns (ms), by what the words meant in them; those up to 200 ms left out."""
    found: dict[str, list[int]] = {}
    for call in calls:
        for turn in call.turns:
            for before, after in pairwise(turn.speech):
                pause = to_ms(after.start - before.end)
                if pause > 200:
                    found.setdefault(turn.state(after.start).value, []).append(pause)
    return found
