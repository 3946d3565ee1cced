"""A stored call as turn-taking saw it: the caller's turns whole, the prompts, and what the words meant when.

What the caller really did is read off the recording, not off what the service decided: when he speaks again within
1.5 s of the end of a turn, and has heard no whole prompt meanwhile, that end was premature: both parts are one turn.
Where the recording is silenced (what was secret), the journal's own track of his voice stands in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ivr.audio.frame import FRAME_SAMPLES, Samples, to_samples
from ivr.audio.vad import VoiceDetector
from ivr.audio.wav import read_channels
from ivr.call.ears import Ears, decode_activity, level_dbfs
from ivr.call.events import CallEvent
from ivr.call.settings import CallSettings
from ivr.call.words import SpokenWords
from ivr.dialog.bundle import Bundle
from ivr.dialog.events import Expectation
from ivr.errors import AudioFileError, InputError
from ivr.replay.measure import Segment, caller_segments
from ivr.replay.runner import ReplayOptions, StoredCall, replay_events
from ivr.service.recorder import RECORDING
from ivr.turn.endpoint import Completeness
from ivr.turn.gate import SpeechGate

PREMATURE_MS = 1500
"""Speech so soon after a turn was ended belongs to that turn."""
_JOIN_MS = 150
_LEAST_MS = 100
"""Voice in the journal's track that counts as speech where there is no sound to look at."""

Track = npt.NDArray[np.bool_]
"""Voice or none in each block of 320 samples, shape (n,)."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the caller, from his first to his last word, however often it was cut. Times in samples."""

    onset: int
    speech: tuple[Segment, ...]
    """His stretches of speech, by level: what silences are counted from."""
    states: tuple[tuple[int, Completeness], ...]
    """From when on his words meant what to the question."""
    end_silence_ms: int
    adaptive: bool
    """An open question: his own pauses count."""
    cuts: tuple[int, ...] = ()
    """Where the recorded call ended the turn too early."""
    judged: tuple[tuple[int, int, float], ...] = ()
    """What the end-of-turn model said: when, about the silence after which sample, and how likely it was the end."""

    def state(self, at: int) -> Completeness:
        """What the words said by then meant."""
        known = [state for since, state in self.states if since <= at]
        return known[-1] if known else Completeness.OPEN


@dataclass(frozen=True, slots=True)
class Interruption:
    """The caller's voice over a prompt. Times in samples."""

    onset: int
    end: int
    meant: bool
    """He said something for the dialog; else it was a noise, a back-channel, an echo."""
    words: tuple[tuple[int, int], ...] = ()
    """When how many words were known that could stop a prompt."""
    partials: bool = False
    """The recogniser gave words while he spoke."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt that could be interrupted. Times in samples."""

    start: int
    end: int
    interruptions: tuple[Interruption, ...] = ()


@dataclass(frozen=True, slots=True)
class TunedCall:
    """All that is kept of a call."""

    id: str
    tracks: Mapping[str, Track]
    """By detector; `""` is what the call itself heard."""
    turns: tuple[Turn, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    diverged: str = ""
    """Where the hotline of today decides otherwise than the call did; empty = nowhere."""

    @property
    def voiced(self) -> Track:
        return self.tracks[""]


# --------------------------------------------------------------------------------------------------------- reading


def read_call(
    stored: StoredCall, bundle: Bundle, settings: CallSettings | None = None,
    detectors: Mapping[str, VoiceDetector] | None = None,
) -> TunedCall:  # fmt: skip
    """A stored call. `detectors` hear its recording anew. Raises InputError, AudioFileError for what is damaged."""
    settings = settings or CallSettings()
    voiced = _journal_track(stored.journal)
    if not len(voiced):
        raise InputError(f"{stored.folder}: the journal holds no track of the caller's voice: the call was too short")
    watched = _Watched(stored, bundle, settings)
    sound = _sound(stored)
    speech = _speech(voiced, sound[0] if sound else None)
    found = _Utterances(stored.journal, watched.meanings, watched.words)
    turns = tuple(_turns(found, speech, watched.questions))
    prompts = tuple(_prompts(found, watched.questions, watched.protected, speech))
    tracks = {"": voiced}
    for name, detector in (detectors or {}).items():
        if sound is not None:
            tracks[name] = heard_by(detector, settings, *sound)
    name = str(stored.head.get("id") or stored.folder.name)
    return TunedCall(name, tracks, turns, prompts, watched.divergence)


def heard_by(detector: VoiceDetector, settings: CallSettings, caller: Samples, bot: Samples) -> Track:
    """The track another detector would have given, behind the gate's level and the echo guard as in a call."""
    detector.reset()
    ears = Ears(detector, SpeechGate(settings.gate), settings.echo)
    sent, voiced = -90.0, []
    for at in range(0, min(len(caller), len(bot)) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
        voiced.append(ears.hear(caller[at : at + FRAME_SAMPLES], False, sent).voiced)
        sent = level_dbfs(bot[at : at + FRAME_SAMPLES])
    return np.array(voiced, dtype=np.bool_)


def _journal_track(journal: Iterable[CallEvent]) -> Track:
    blocks = [a.voiced for e in journal if e.kind == "activity" for a in decode_activity(str(e.data["blocks"]))]
    return np.array(blocks, dtype=np.bool_)


def _sound(stored: StoredCall) -> tuple[Samples, Samples] | None:
    """Caller and bot; None for a call whose sound was not kept."""
    path = stored.folder / RECORDING
    if not path.exists():
        return None
    channels = read_channels(path)
    if len(channels) != 2:
        raise AudioFileError(f"{path}: a call's recording has two channels, this one has {len(channels)}")
    return channels[0], channels[1]


def _speech(voiced: Track, caller: Samples | None) -> list[Segment]:
    """The caller's stretches of speech: by the sound, and by the journal where there is none."""
    if caller is None:
        return _runs(voiced)
    whole = min(len(voiced), len(caller) // FRAME_SAMPLES)
    blank = ~caller[: whole * FRAME_SAMPLES].reshape(whole, FRAME_SAMPLES).any(axis=1)
    hidden = np.concatenate((voiced[:whole] & blank, voiced[whole:]))
    return sorted([*caller_segments(caller), *_runs(hidden)], key=lambda segment: segment.start)


def _runs(voiced: Track) -> list[Segment]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], voiced, [False])).astype(np.int8)))
    runs: list[Segment] = []
    for start, end in zip((edges[::2] * FRAME_SAMPLES).tolist(), (edges[1::2] * FRAME_SAMPLES).tolist(), strict=True):
        if runs and start - runs[-1].end <= to_samples(_JOIN_MS):
            runs[-1] = Segment(runs[-1].start, end)
        else:
            runs.append(Segment(start, end))
    return [run for run in runs if run.end - run.start >= to_samples(_LEAST_MS)]


# ------------------------------------------------------------------------------------- what the words meant, and when


class _Words(SpokenWords):
    """Notes what it is asked about the transcript at hand."""

    def __init__(self) -> None:
        self.meaning: Completeness | None = None
        self.counted = 0

    def words(self, text: str, language: str) -> int:
        self.counted = super().words(text, language)
        return self.counted

    def completeness(self, text: str, expectation: Expectation) -> Completeness:
        self.meaning = super().completeness(text, expectation)
        return self.meaning


@dataclass(frozen=True, slots=True)
class _Question:
    at: int
    end_silence_ms: int
    barge_in: bool
    open: bool


class _Watched:
    """The call replayed from its own events, with an eye on what each transcript meant to the question."""

    def __init__(self, stored: StoredCall, bundle: Bundle, settings: CallSettings) -> None:
        self.meanings: dict[int, Completeness] = {}
        """By identity of the journal's event."""
        self.words: dict[int, tuple[int, int]] = {}
        """Words of a transcript that were held against a prompt, and those it has but for back-channels."""
        self._asked = _Words()
        replayed = replay_events(stored, bundle, ReplayOptions(settings=settings), self._asked, self._input)
        self.divergence = replayed.divergence
        self.questions = tuple(
            _Question(e.at, int(str(e.data["end_silence_ms"])), bool(e.data["barge_in"]), bool(e.data["open"]))
            for e in replayed.journal
            if e.kind == "listen"
        )
        self.protected = frozenset(
            int(str(e.data["prompt"]))
            for e in replayed.journal
            if e.kind == "prompt.start" and not e.data.get("barge_in", True)
        )

    def _input(self, event: CallEvent) -> None:
        asked = self._asked
        if event.kind in _TRANSCRIPTS:
            meaning = Completeness(event.data["meaning"]) if event.data.get("meaning") else asked.meaning
            if meaning is not None:
                self.meanings[id(event)] = meaning
            self.words[id(event)] = asked.counted, _spoken(event)
        asked.meaning, asked.counted = None, 0


def _spoken(event: CallEvent) -> int:
    """Words of a transcript; a back-channel has none."""
    data: Mapping[str, Any] = event.data
    texts = [data.get("text", ""), *(one["text"] for one in data.get("hypotheses", ())[:1])]
    text = next((str(text) for text in texts if text), "")
    return 0 if _PLAIN.is_backchannel(text, "") else _PLAIN.words(text, "")


_PLAIN = SpokenWords()
_TRANSCRIPTS = frozenset({"in.PartialTranscript", "in.FinalTranscript"})


# ----------------------------------------------------------------------------------------------------- the call's turns


@dataclass(slots=True)
class _Utterance:
    """One stretch that the recorded call took for an utterance."""

    onset: int
    over_prompt: bool
    ended: int | None = None
    outcome: str = "dropped"
    """commit, nothing, dropped; cut = ended for its length."""
    states: list[tuple[int, Completeness]] = field(default_factory=list)
    words: list[tuple[int, tuple[int, int]]] = field(default_factory=list)
    partials: bool = False


class _Utterances:
    """Reads utterances and prompts off a journal."""

    def __init__(
        self, journal: Sequence[CallEvent], meanings: Mapping[int, Completeness], words: Mapping[int, tuple[int, int]]
    ) -> None:
        self.all: list[_Utterance] = []
        self.prompts: list[tuple[int, int, int]] = []
        """Start, end and id of each stretch in which a prompt played."""
        self.heard_whole: list[int] = []
        """Where a prompt had been heard to its end."""
        self.judged: list[tuple[int, int, float]] = []
        self._meanings, self._words = meanings, words
        self._playing: dict[int, int] = {}
        for event in journal:
            self._take(event)

    def _take(self, event: CallEvent) -> None:
        kind, data = event.kind, event.data
        if kind == "speech.start":
            self.all.append(_Utterance(event.at, bool(data["while_prompt"])))
        elif kind == "turn.reopened":
            self.all.append(_Utterance(event.at, False))
        elif kind.startswith("prompt."):
            self._prompt(kind, event.at, int(str(data["prompt"])))
        elif kind == "in.TurnJudged":
            self.judged.append((event.at, int(str(data["at"])), float(str(data["probability"]))))
        elif self.all:
            self._of_utterance(self.all[-1], event)

    def _of_utterance(self, current: _Utterance, event: CallEvent) -> None:
        kind = event.kind
        if kind in _TRANSCRIPTS:
            meaning = self._meanings.get(id(event))
            if meaning is not None:
                current.states.append((event.at, meaning))
            current.words.append((event.at, self._words.get(id(event), (0, 0))))
            current.partials |= kind == "in.PartialTranscript"
        elif kind == "turn.end":
            current.ended = event.at
            if event.data["why"] == "max_speech":
                current.outcome = "cut"
        elif kind == "turn.continued":
            current.ended = None
        elif kind in ("turn.commit", "turn.nothing") and current.outcome == "dropped":
            current.outcome = kind.removeprefix("turn.")

    def _prompt(self, kind: str, at: int, prompt: int) -> None:
        if kind in ("prompt.start", "prompt.resume"):
            self._playing[prompt] = at
        elif prompt in self._playing:
            self.prompts.append((self._playing.pop(prompt), at, prompt))
            if kind == "prompt.end":
                self.heard_whole.append(at)


def _turns(found: _Utterances, speech: Sequence[Segment], questions: Sequence[_Question]) -> Iterator[Turn]:
    """Utterances with words, joined where the caller went on."""
    noises = [(u.onset, u.ended or u.onset) for u in found.all if u.outcome == "nothing"]
    real = [u for u in found.all if u.outcome == "commit" and u.ended is not None]
    done = -1
    for index, first in enumerate(real):
        if first.onset <= done or first.ended is None:
            continue
        cuts, states, end = list[int](), list(first.states), first.ended
        following = iter(real[index + 1 :])
        nearest = next(following, None)
        while (resumed := _resumed(end, speech, noises, found.heard_whole)) is not None:
            cuts.append(end)
            end = resumed.end
            while nearest is not None and nearest.onset <= resumed.end:
                states += nearest.states
                end = max(end, nearest.ended or 0)
                nearest = next(following, None)
        own = tuple(s for s in speech if s.end > first.onset - to_samples(_LEAST_MS) and s.start < end)
        done = end
        if own:
            question = _question(questions, first.onset)
            yield Turn(
                first.onset, own, tuple(states), question.end_silence_ms if question else 700,
                question is None or question.open, tuple(cuts),
                tuple(one for one in found.judged if first.onset <= one[0] <= end + to_samples(3000)),
            )  # fmt: skip


def _resumed(
    end: int, speech: Sequence[Segment], noises: Sequence[tuple[int, int]], heard_whole: Sequence[int]
) -> Segment | None:
    """The stretch by which the caller showed that he had not finished at `end`."""
    for segment in speech:
        if segment.start <= end:
            continue
        if segment.start - end > to_samples(PREMATURE_MS):
            return None
        if any(end < at < segment.start for at in heard_whole):
            return None
        if not any(a - to_samples(_LEAST_MS) <= segment.start <= b for a, b in noises):
            return segment
    return None


def _question(questions: Sequence[_Question], at: int) -> _Question | None:
    known = [question for question in questions if question.at <= at]
    return known[-1] if known else None


def _prompts(
    found: _Utterances, questions: Sequence[_Question], protected: frozenset[int], speech: Sequence[Segment]
) -> Iterator[Prompt]:
    for start, end, prompt in found.prompts:
        question = _question(questions, start)
        if question is None or not question.barge_in or prompt in protected or end - start < to_samples(200):
            continue
        over = [u for u in found.all if start <= u.onset < end and u.outcome in ("commit", "nothing", "cut")]
        yield Prompt(start, end, tuple(_interruption(utterance, speech) for utterance in over))


def _interruption(utterance: _Utterance, speech: Sequence[Segment]) -> Interruption:
    """Its onset is the sound's, where there is one: gates open late."""
    near = [s.start for s in speech if s.start - to_samples(60) <= utterance.onset < s.end]
    onset = min(utterance.onset, near[0]) if near and utterance.onset - near[0] < to_samples(400) else utterance.onset
    end = utterance.ended or utterance.onset + to_samples(1000)
    meant = utterance.outcome != "nothing"
    words = ((at, spoken if meant else held) for at, (held, spoken) in utterance.words)
    return Interruption(onset, end, meant, tuple(w for w in words if w[1]), utterance.partials)
